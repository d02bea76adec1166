//! What clients send to the routes.

use std::net::IpAddr;

use auth_core::ClientAddress;
use auth_store::{Guess, MemoryStore, Throttle};

use super::*;
use crate::ann::FORM;

const TEXT: (&str, &str) = ("content-type", "text/plain");

#[tokio::test]
async fn every_request_has_its_answer() {
    let tokens = Tokens::new();
    let server = tokens.serve().await;
    let good = Phone::log_in((&server).into(), "ann").await.refresh;
    let json = |token: &str| format!(r#"{{"refresh_token":"{token}"}}"#);
    let form = |token: &str| format!("grant_type=refresh_token&refresh_token={token}");
    let cases = [
        (JSON, json(&good), 200, ""),
        (("content-type", "application/json; charset=utf-8"), json(&good), 200, ""),
        (JSON, format!(r#"{{"grant_type":"refresh_token","refresh_token":"{good}","a":[1]}}"#), 200, ""),
        (FORM, form(&good), 200, ""),
        (FORM, format!("refresh_token={good}&client_id=app&grant_type=refresh_token"), 200, ""),
        (FORM, form(&good.replace('.', "%2E")), 200, ""),
        (JSON, format!(r#"{{"grant_type":"password","refresh_token":"{good}"}}"#), 400, "unsupported_grant_type"),
        (FORM, format!("grant_type=authorization_code&refresh_token={good}"), 400, "unsupported_grant_type"),
        (FORM, format!("refresh_token={good}"), 400, "invalid_request"),
        (FORM, format!("grant_type=&refresh_token={good}"), 400, "invalid_request"),
        (FORM, "grant_type=refresh_token".to_owned(), 400, "invalid_request"),
        (FORM, form(""), 400, "invalid_request"),
        (FORM, form(&good) + "&refresh_token=x", 400, "invalid_request"),
        (FORM, form(&good) + "&grant_type=refresh_token", 400, "invalid_request"),
        (FORM, form("%ff"), 400, "invalid_request"),
        (FORM, String::new(), 400, "invalid_request"),
        (JSON, String::new(), 400, "invalid_request"),
        (JSON, "{}".to_owned(), 400, "invalid_request"),
        (JSON, "[]".to_owned(), 400, "invalid_request"),
        (JSON, json(""), 400, "invalid_request"),
        (JSON, r#"{"refresh_token":1}"#.to_owned(), 400, "invalid_request"),
        (JSON, r#"{"refresh_token":null}"#.to_owned(), 400, "invalid_request"),
        (JSON, format!(r#"{{"refresh_token":"{good}","refresh_token":"{good}"}}"#), 400, "invalid_request"),
        (JSON, format!("\"{good}\""), 400, "invalid_request"),
        (JSON, form(&good), 400, "invalid_request"),
        (FORM, json(&good), 400, "invalid_request"),
        (JSON, json("x"), 400, "invalid_grant"),
        (JSON, json(&format!("{good} ")), 400, "invalid_grant"),
        (JSON, json(&"x".repeat(4000)), 400, "invalid_grant"),
        (FORM, form(&format!("{good}+")), 400, "invalid_grant"),
        (JSON, json(&"x".repeat(4100)), 413, "payload_too_large"),
        (FORM, form(&"x".repeat(1_000_000)), 413, "payload_too_large"),
        (TEXT, json(&good), 415, "unsupported_media_type"),
    ];
    for (kind, body, status, code) in cases {
        let shown: String = body.chars().take(100).collect();
        let answer = server.send(Method::POST, PATH, &[kind], body.clone()).await;
        assert_eq!((answer.status, &*answer.code()), (status, code), "{kind:?} {shown}");
        assert_eq!((answer.header("cache-control"), answer.header("set-cookie")), (Some("no-store"), None));
        if code != "unsupported_grant_type" && status != 200 && code != "invalid_grant" && code != "invalid_request" {
            let answer = server.send(Method::DELETE, PATH, &[kind], body).await;
            assert_eq!((answer.status, &*answer.code()), (status, code), "DELETE {kind:?} {shown}");
        }
    }
    for method in [Method::GET, Method::PUT, Method::PATCH] {
        assert_eq!(server.send(method, PATH, &[JSON], json(&good)).await.status, 405);
    }
    // The cookie is not read.
    let cookie = format!("refresh={good}; __Secure-refresh={good}");
    let answer = server.send(Method::POST, PATH, &[JSON, ("cookie", &cookie)], "{}").await;
    assert!(answer.is(400, "invalid_request"), "{answer:?}");
    let answer = server.send(Method::DELETE, PATH, &[FORM], format!("refresh_token={good}")).await;
    assert_eq!((answer.status, &*answer.body), (204, ""));
}

#[tokio::test]
async fn handler_of_ones_own_refreshes_and_logs_out() {
    let tokens = Tokens::new();
    let phone = tokens.phone("ann").await;
    let issued = tokens.tokens.refresh(&phone.refresh).await.unwrap();
    assert_eq!((issued.sid(), issued.expires_in()), (&*phone.sid(), secs(600)));
    let refused = tokens.tokens.refresh("x").await.unwrap_err();
    assert_eq!(
        (refused.status().as_u16(), refused.code(), refused.is_wrong_credential()),
        (400, "invalid_grant", true)
    );
    assert!(!tokens.tokens.end("x").await.unwrap());
    assert!(tokens.tokens.end(issued.refresh_token().expose()).await.unwrap());
    assert!(!tokens.tokens.end(issued.refresh_token().expose()).await.unwrap());
}

#[tokio::test]
async fn wrong_tokens_are_throttled_by_address_and_good_ones_never() {
    let store = MemoryStore::new().clock(clock());
    let throttle = Throttle::new(store).clock(clock());
    let tokens = Tokens::with(|tokens| tokens.throttle(throttle, ClientAddress::behind_proxies(1)));
    let server = tokens.serve().await;
    let mut phone = Phone::log_in((&server).into(), "ann").await;
    let wrong = format!("{}.1.{}", phone.sid(), "A".repeat(43));
    let send = async |address: &str, token: &str| {
        let (headers, body) = ([JSON, ("x-forwarded-for", address)], serde_json::json!({ "refresh_token": token }));
        server.send(Method::POST, PATH, &headers, body.to_string()).await
    };
    let from = async |address: &str| send(address, &wrong).await;
    let mut allowed = 0;
    let throttled = loop {
        match from("192.0.2.1").await {
            answer if answer.is(400, "invalid_grant") => allowed += 1,
            answer => break answer,
        }
        assert!(allowed < 100, "a budget of an address");
    };
    assert!(throttled.is(429, "too_many_attempts") && throttled.header("retry-after").is_some(), "{throttled:?}");
    assert!(allowed >= 10, "{allowed}");
    for generation in 2..50 {
        let answer = send("192.0.2.1", &phone.refresh).await;
        assert_eq!(answer.status, 200, "the owner, from the same address");
        phone.keep(&answer);
        assert_eq!(phone.generation(), generation);
    }
    assert!(from("192.0.2.1").await.is(429, "too_many_attempts"));
    assert!(from("198.51.100.7").await.is(400, "invalid_grant"), "another address");
}

/// The key was changed, and 30 clients of an office send their old tokens once. The office still logs in with passwords.
#[tokio::test]
async fn wrong_refresh_tokens_do_not_close_the_login_of_their_address() {
    let throttle = Throttle::new(MemoryStore::new());
    let (proxies, address): (_, IpAddr) = (ClientAddress::behind_proxies(1), "192.0.2.7".parse().unwrap());
    let tokens = Tokens::of(App::with(|builder| builder.token_issuer(ISSUER)), |tokens| {
        tokens.throttle(throttle.clone(), proxies)
    });
    let asks: Asked = tokens.router.clone().into();
    for _ in 0..30 {
        let old = RefreshTokens::new(&tokens.app.sessions, signer(), [key("o")]).unwrap();
        let old = old.log_in(&User("ann".to_owned())).await.unwrap();
        let body = serde_json::json!({ "refresh_token": old.refresh_token().expose() }).to_string();
        let answer = asks.send("POST", PATH, &[JSON, ("x-forwarded-for", "192.0.2.7")], &body).await;
        assert!(answer.is(400, "invalid_grant"));
    }
    assert!(throttle.take(&Guess::new("bob").address(Some(address))).await.is_ok(), "bob has guessed nothing");
}
