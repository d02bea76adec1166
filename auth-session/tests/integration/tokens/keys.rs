//! Keys, and settings that do not go together.

use super::*;

/// The same logins, with other keys.
fn with_keys(tokens: &Tokens, keys: &[&str]) -> Router {
    let tokens_of = RefreshTokens::new(&tokens.app.sessions, signer(), keys.iter().map(|of| key(of))).unwrap();
    with_tokens(&tokens.app.sessions, &tokens_of, &tokens.app.clock)
}

#[tokio::test]
async fn key_is_changed_without_an_end_and_a_removed_key_ends_nothing() {
    let tokens = Tokens::new();
    let mut phone = tokens.phone("ann").await;
    let mut sleeps = tokens.phone("ann").await;
    let (both, new) = (with_keys(&tokens, &["n", "k"]), with_keys(&tokens, &["n"]));
    assert_eq!(phone.at(new.clone()).refresh().await, invalid_grant());
    phone = phone.at(both);
    assert_eq!(phone.refresh().await, Ok(2), "the new key has signed this one");
    phone = phone.at(new.clone());
    assert_eq!((phone.refresh().await, phone.api().await), (Ok(3), is("ann")));
    for _ in 0..3 {
        assert_eq!(sleeps.at(new.clone()).refresh().await, invalid_grant());
    }
    assert_eq!(sleeps.refresh().await, Ok(2), "the login has not ended");
}

/// A lost answer, and the key has changed meanwhile: another text, and the same generation.
#[tokio::test]
async fn successor_by_another_key_is_the_same_generation() {
    let tokens = Tokens::new();
    let mut phone = tokens.phone("ann").await;
    let mut tab = phone.clone();
    phone.refresh().await.unwrap();
    let both = with_keys(&tokens, &["n", "k"]);
    tab = tab.at(both.clone());
    assert_eq!(tab.refresh().await, Ok(2));
    assert_ne!(tab.refresh, phone.refresh);
    assert_eq!((tab.refresh().await, phone.at(both).refresh().await), (Ok(3), Ok(3)));
}

#[tokio::test]
async fn mac_of_another_login_is_refused() {
    let tokens = Tokens::new();
    let (mut ann, mut eve) = (tokens.phone("ann").await, tokens.phone("eve").await);
    let mac = eve.refresh.rsplit('.').next().unwrap().to_owned();
    let forged = Phone { refresh: format!("{}.1.{mac}", ann.sid()), ..eve.clone() };
    assert!(forged.send().await.is(400, "invalid_grant"));
    assert_eq!(forged.log_out().await, 204);
    assert_eq!((ann.refresh().await, eve.refresh().await), (Ok(2), Ok(2)));
}

#[test]
fn issuer_that_the_sessions_do_not_know_and_bad_keys_do_not_build() {
    let app = App::with(|builder| builder.token_issuer("https://other.example").token_issuer(ISSUER));
    let new = |signer: Signer, keys: Vec<Secret>| RefreshTokens::new(&app.sessions, signer, keys);
    let none = Signer::hs256("s".repeat(32)).unwrap();
    assert!(new(signer(), vec![key("k")]).is_ok() && new(none.clone(), vec![key("k"), key("o")]).is_ok());
    let unknown = new(none.issuer("https://app.example/"), vec![key("k")]).unwrap_err().to_string();
    assert!(unknown.contains("`https://app.example/` is not a token issuer"), "{unknown}");
    for keys in [vec![], vec![Secret::new("k".repeat(31))], vec![key("k"), Secret::new("")]] {
        assert!(new(signer(), keys).is_err());
    }
}

/// Its tokens have no `iss`, and their `sid` is that of the own issuer.
#[tokio::test]
async fn logout_revokes_access_tokens_of_a_signer_without_an_issuer() {
    let app = App::new();
    let signer = Signer::hs256("s".repeat(32)).unwrap();
    let tokens = RefreshTokens::new(&app.sessions, signer, [key("k")]).unwrap();
    let jwt = Jwt::<Json>::hs256("s".repeat(32)).unwrap();
    let jwt = jwt.verify(|claims: Json| async move { Some(User(claims["sub"].as_str().unwrap().to_owned())) });
    let chain = Chain::new().or(jwt).revocation(app.sessions.revocations().clone());
    let issued = tokens.log_in(&User("ann".to_owned())).await.unwrap();
    let request = Request::get("/").header("authorization", format!("Bearer {}", issued.access_token().expose()));
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let ask = || async {
        let request = auth_core::AuthRequest::new(&parts, auth_core::Transport::Http, now());
        chain.authenticate(&request).await.map(|user| user.0.clone()).map_err(|refusal| refusal.code())
    };
    assert_eq!(ask().await, Ok("ann".to_owned()));
    assert!(tokens.end(issued.refresh_token().expose()).await.unwrap());
    assert_eq!(ask().await, Err("revoked"));
}

#[tokio::test]
async fn path_is_that_of_a_route() {
    let tokens = Tokens::new().tokens;
    for bad in [
        "",
        "token",
        "/",
        "/a/",
        "//a",
        "/a?b",
        "/a#b",
        "/{a}",
        "/a/*",
        "/:a",
        "/a;b",
        "/a/../b",
        "https://a.example",
        "/a b",
    ] {
        assert!(tokens.clone().path(bad).is_err(), "{bad}");
    }
    assert!(format!("{:?}", tokens.path("/api/v1/refresh").unwrap()).contains("/api/v1/refresh"));
}
