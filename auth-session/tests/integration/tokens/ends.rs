//! How a login with tokens ends.

use std::time::{Duration, UNIX_EPOCH};

use auth_core::{Clock as _, PrincipalId, Revocation};
use auth_session::{LoginOverflow, SessionErrorKind};

use super::*;

#[tokio::test]
async fn logout_ends_the_login_and_what_hangs_on_it() {
    let tokens = Tokens::new();
    let server = tokens.serve().await;
    let mut phone = Phone::log_in((&server).into(), "ann").await;
    let (mut socket, mut other) = (phone.open(&server).await, Phone::log_in((&server).into(), "ann").await);
    assert_eq!(phone.log_out().await, 204);
    assert_eq!(socket.closed().await, test_support::server::close(4403, "revoked"));
    assert_eq!((phone.api().await, phone.refresh().await), (refused(401, "revoked"), invalid_grant()));
    assert_eq!(phone.log_out().await, 204, "it has ended before");
    assert_eq!((other.refresh().await, other.api().await), (Ok(2), is("ann")));
}

#[tokio::test]
async fn old_token_logs_out_too() {
    let tokens = Tokens::new();
    let mut phone = tokens.phone("ann").await;
    let old = phone.clone();
    phone.refresh().await.unwrap();
    tokens.advance(3600);
    assert_eq!(old.log_out().await, 204);
    assert_eq!(phone.refresh().await, invalid_grant());
}

#[tokio::test]
async fn user_who_is_gone_ends_the_login() {
    let (log, _guard) = test_support::log::only("auth_session=info");
    let tokens = Tokens::new();
    let mut phone = tokens.phone("ann").await;
    tokens.app.users.set("ann", "gone");
    assert_eq!(phone.refresh().await, invalid_grant());
    assert!(log.text().contains("reason=\"user_gone\""), "{}", log.text());
    tokens.app.users.set("ann", "");
    assert_eq!((phone.refresh().await, phone.api().await), (invalid_grant(), refused(401, "revoked")));
}

/// A refresh that looks before the mark is written, in a later second than the mark's.
#[tokio::test]
async fn access_token_that_is_newer_than_the_end_of_all_is_revoked_too() {
    let tokens = Tokens::new();
    let phone = tokens.phone("ann").await;
    let (refreshed, answer) = tokio::sync::oneshot::channel();
    let (mut meanwhile, clock) = (phone.clone(), tokens.app.clock.clone());
    tokens.app.store.before("raise", async move {
        clock.advance(Duration::from_secs(2));
        assert_eq!(meanwhile.refresh().await, Ok(2));
        refreshed.send(meanwhile).ok().unwrap();
    });
    tokens.app.sessions.end_all(&User("ann".to_owned())).await.unwrap();
    let mut newer = answer.await.unwrap();
    assert_eq!((newer.api().await, newer.refresh().await), (refused(401, "revoked"), invalid_grant()));
    let new = tokens.phone("ann").await;
    assert_eq!(new.api().await, is("ann"), "a later login");
}

#[tokio::test]
async fn login_that_is_ended_elsewhere_has_no_more_tokens() {
    type End = fn(&Tokens, String) -> futures_util::future::BoxFuture<'_, ()>;
    let ends: [(&str, End); 5] = [
        ("by its id", |tokens, sid| Box::pin(async move { assert!(tokens.app.sessions.end(&sid).await.unwrap()) })),
        ("with all", |tokens, _| {
            Box::pin(async move { tokens.app.sessions.end_all(&User("ann".to_owned())).await.unwrap() })
        }),
        ("by another login of the user", |tokens, _| {
            Box::pin(async move { assert_eq!(tokens.app.logged_in("ann").await.post("/end-others").await.status, 204) })
        }),
        ("by a revocation of the id", |tokens, sid| {
            let revocations = tokens.app.sessions.revocations();
            Box::pin(async move { revocations.revoke(&Revocation::session("", &*sid)).await.unwrap() })
        }),
        ("by a revocation of the user", |tokens, _| {
            let all = Revocation::user(PrincipalId::new("", "ann"), now() + secs(600));
            Box::pin(async move { tokens.app.sessions.revocations().revoke(&all).await.unwrap() })
        }),
    ];
    for (what, end) in ends {
        let tokens = Tokens::new();
        let mut phone = tokens.phone("ann").await;
        assert_eq!(phone.refresh().await, Ok(2), "{what}");
        tokens.advance(600);
        end(&tokens, phone.sid()).await;
        for _ in 0..2 {
            assert_eq!(phone.refresh().await, invalid_grant(), "{what}");
        }
    }
}

/// The old password was right when it was checked, and the new one is set before the login.
#[tokio::test]
async fn login_that_was_proved_before_an_end_of_all_is_refused() {
    let tokens = Tokens::new();
    let ann = User("ann".to_owned());
    let asked_at = tokens.app.clock.now();
    tokens.advance(1);
    tokens.app.sessions.end_all(&ann).await.unwrap();
    tokens.advance(1);
    let refused = tokens.tokens.log_in(&ann).proved_at(asked_at).await.unwrap_err();
    assert_eq!(refused.kind(), SessionErrorKind::LoginsEnded);
    assert!(tokens.app.sids("ann").await.is_empty());
    let issued = tokens.tokens.log_in(&ann).proved_at(tokens.app.clock.now() + secs(60)).await.unwrap();
    assert_eq!(issued.expires_in(), secs(600));
    let login = tokens.app.sessions.logins(&ann).await.unwrap().remove(0);
    assert_eq!(login.logged_in_at(), tokens.app.clock.now(), "never later than now");
}

#[tokio::test]
async fn access_token_never_outlives_the_login() {
    for (remembered, absolute) in [(false, 86_400), (true, 30 * 86_400)] {
        let tokens = Tokens::built(|builder| builder.idle(secs(86_400)).remember_idle(secs(30 * 86_400)));
        let issued = tokens.tokens.log_in(&User("ann".to_owned())).remember(remembered).await.unwrap();
        assert_eq!(issued.expires_in(), secs(600));
        let mut phone = tokens.phone("bob").await;
        phone.refresh = issued.refresh_token().expose().to_owned();
        let end = absolute + 1_800_000_000;
        for (left_ms, expires_in) in [(600_000, 600), (599_999, 599), (2_500, 2), (1_000, 1)] {
            tokens.app.clock.set(UNIX_EPOCH + Duration::from_secs(end) - Duration::from_millis(left_ms));
            phone.refresh().await.unwrap();
            let (exp, iat) = (phone.claims()["exp"].as_u64().unwrap(), phone.claims()["iat"].as_u64().unwrap());
            assert!(exp <= end && exp - iat == expires_in, "{left_ms}: {iat} {exp}");
        }
        for left_ms in [999, 1, 0] {
            tokens.app.clock.set(UNIX_EPOCH + Duration::from_secs(end) - Duration::from_millis(left_ms));
            assert_eq!(phone.refresh().await, invalid_grant(), "{left_ms}");
        }
    }
}

#[tokio::test]
async fn idle_end_cuts_the_access_token_too() {
    let tokens = Tokens::built(|builder| builder.remember_idle(secs(90)));
    let mut phone = tokens.phone("ann").await;
    assert_eq!(phone.claims()["exp"].as_u64().unwrap() - phone.claims()["iat"].as_u64().unwrap(), 90);
    tokens.advance(89);
    assert_eq!(phone.refresh().await, Ok(2));
    tokens.advance(90);
    assert_eq!(phone.refresh().await, invalid_grant());
}

#[tokio::test]
async fn limit_of_logins_counts_those_with_tokens() {
    let tokens = Tokens::built(|builder| builder.max_logins(2, LoginOverflow::EndOldest));
    let (mut first, mut second) = (tokens.phone("ann").await, tokens.phone("ann").await);
    tokens.advance(60);
    assert_eq!(first.refresh().await, Ok(2));
    tokens.advance(60);
    let mut browser = tokens.app.logged_in("ann").await;
    assert_eq!(second.refresh().await, invalid_grant(), "it was used least recently");
    assert_eq!((first.refresh().await, browser.me().await), (Ok(3), is("ann")));

    let tokens = Tokens::built(|builder| builder.max_logins(1, LoginOverflow::RefuseNew));
    let mut phone = tokens.phone("ann").await;
    let asks: Asked = tokens.router.clone().into();
    assert!(asks.send("POST", "/token/ann", &[], "").await.is(409, "too_many_logins"));
    assert_eq!(phone.log_out().await, 204);
    phone = tokens.phone("ann").await;
    assert_eq!(phone.refresh().await, Ok(2));
}

#[tokio::test]
async fn login_with_tokens_is_in_the_list_with_its_label() {
    let tokens = Tokens::new();
    let ann = User("ann".to_owned());
    let issued = tokens.tokens.log_in(&ann).label("App\n on iOS").acr("high").remember(false);
    let issued = issued.amr(["pwd", "otp"]).await.unwrap();
    let login = tokens.app.sessions.logins(&ann).await.unwrap().remove(0);
    assert_eq!((login.sid(), login.label()), (issued.sid(), Some("App on iOS")));
    assert_eq!((login.is_remembered(), login.amr().len(), login.is_current()), (false, 2, false));
}

#[derive(serde::Deserialize)]
struct Sub {
    sub: String,
}

/// Another service: it knows the signer and the revocations, and its user is the subject.
fn other_service(tokens: &Tokens) -> Asked {
    let jwt = Jwt::<Sub>::hs256("s".repeat(32)).unwrap().issuer(ISSUER).audience("api");
    let jwt = jwt.leeway(secs(0)).unwrap().verify(|claims: Sub| async move { Some(claims.sub) });
    let chain = Chain::new().or(jwt).revocation(tokens.app.sessions.revocations().clone());
    let layer = AuthLayer::new(chain).timer(tokens.app.clock.clone());
    Router::new()
        .route("/api", get(|user: Authenticated<String>| async move { user.to_string() }))
        .route_layer(layer)
        .into()
}

#[tokio::test]
async fn end_of_all_covers_tokens_in_a_service_that_knows_the_subject_alone() {
    let tokens = Tokens::new();
    let phone = tokens.phone("ann").await;
    let elsewhere = phone.at(other_service(&tokens));
    assert_eq!(elsewhere.api().await, is("ann"));
    tokens.advance(5);
    tokens.app.sessions.end_all(&User("ann".to_owned())).await.unwrap();
    assert_eq!(phone.api().await, refused(401, "revoked"));
    assert_eq!(elsewhere.api().await, refused(401, "revoked"));
}

/// The clock of the node that has issued the tokens is a minute ahead.
#[tokio::test]
async fn end_of_all_covers_tokens_of_a_node_whose_clock_is_ahead() {
    let tokens = Tokens::new();
    let mut thief = tokens.phone("ann").await;
    tokens.advance(600);
    let ahead = ManualClock::new(tokens.app.clock.now() + secs(60));
    let builder = Sessions::builder(tokens.app.store.clone(), tokens.app.users.clone(), ORIGIN).clock(ahead.clone());
    let sessions = builder.token_issuer(ISSUER).build().unwrap();
    let node = RefreshTokens::new(&sessions, signer(), [key("k")]).unwrap();
    thief = thief.at(with_tokens(&sessions, &node, &ahead));
    thief.refresh().await.unwrap();
    tokens.advance(1);
    ahead.advance(secs(1));
    // The owner changes the password, on the other node.
    tokens.app.sessions.end_all(&User("ann".to_owned())).await.unwrap();
    assert_eq!(thief.refresh().await, invalid_grant());
    assert_eq!(thief.api().await, refused(401, "revoked"), "on the node that is ahead");
    tokens.advance(60);
    assert_eq!(
        thief.at(tokens.router.clone()).api().await,
        refused(401, "revoked"),
        "on the other, from a minute later on"
    );
}
