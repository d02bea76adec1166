//! Tokens and keys are in no log, no `Debug` and no refusal.

use test_support::log::{assert_clean, assert_debug_is_clean};

use super::*;

#[tokio::test]
async fn tokens_and_keys_are_in_no_log() {
    let (log, _guard) = test_support::everything();
    let tokens = Tokens::new();
    let cookies = Tokens::of(tokens.app.clone(), RefreshTokens::in_cookie);
    let mut secrets = vec!["k".repeat(32), "s".repeat(32), "MARKER".to_owned()];
    let mut seen = String::new();
    let mut phone = tokens.phone("ann").await;
    let old = phone.clone();
    let mut keep = |phone: &Phone| {
        secrets.extend([&phone.refresh, &phone.access].map(|token| token.rsplit('.').next().unwrap().to_owned()));
    };
    keep(&phone);
    for _ in 0..3 {
        phone.refresh().await.unwrap();
        keep(&phone);
        phone.api().await.unwrap();
    }
    let asks: Asked = tokens.router.clone().into();
    let mac = "MARKER".repeat(7) + "A";
    for token in ["MARKER".to_owned(), format!("{}.1.{mac}", phone.sid()), format!("{}MARKER", phone.refresh)] {
        for (method, kind) in [("POST", JSON), ("DELETE", JSON), ("POST", ("content-type", "MARKER"))] {
            let body = serde_json::json!({ "refresh_token": token }).to_string();
            let answer = asks.send(method, PATH, &[kind], &body).await;
            seen += &format!("{} {} {:?}\n", answer.status, answer.body, answer.headers);
        }
        let cookie = format!("refresh={token}");
        let answer = Asked::from(cookies.router.clone()).send("POST", PATH, &[OURS, ("cookie", &cookie)], "").await;
        seen += &format!("{} {} {:?}\n", answer.status, answer.body, answer.headers);
        let refusal = tokens.tokens.refresh(&token).await.unwrap_err();
        seen += &format!("{refusal:?} {refusal} {:?}\n", std::error::Error::source(&refusal));
    }
    let issued = cookies.tokens.log_in(&User("ann".to_owned())).await.unwrap();
    for secret in [issued.access_token().expose(), issued.refresh_token().expose()] {
        assert_debug_is_clean(&issued, secret.rsplit('.').next().unwrap());
        assert_debug_is_clean(&answer(issued.to_response()).await.headers, secret.rsplit('.').next().unwrap());
    }
    assert_debug_is_clean(&tokens.tokens, &"k".repeat(32));
    assert_debug_is_clean(&tokens.tokens.log_in(&User("MARKER".to_owned())), "MARKER");
    tokens.app.store.break_calls(&["save"]);
    phone.send().await;
    tokens.app.store.mend();
    tokens.advance(3600);
    assert!(old.send().await.is(400, "invalid_grant"));
    let mut other = tokens.phone("ann").await;
    keep(&other);
    other.refresh().await.unwrap();
    keep(&other);
    assert_eq!(other.log_out().await, 204);

    let log = log.text();
    for told in
        ["logged in", "logged out", "invalid_grant", "an old refresh token", "refresh_token_reuse", "unavailable"]
    {
        assert!(log.contains(told), "the test must see something: {told}");
    }
    for secret in secrets {
        assert_clean("the log", &log, &secret);
        assert_clean("an answer", &seen, &secret);
    }
}
