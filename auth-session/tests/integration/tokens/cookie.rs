//! Refresh tokens in a cookie.

use super::*;
use crate::ann::FORM;

/// An application at this origin that keeps refresh tokens in a cookie.
fn in_cookie(origin: &str) -> Tokens {
    let app = App::at(origin, |builder| builder.token_issuer(ISSUER).allow_origins(["https://admin.example"]).unwrap());
    Tokens::of(app, RefreshTokens::in_cookie)
}

fn set_cookie(answer: &Answer) -> &str {
    answer.header("set-cookie").unwrap()
}

/// `name=value`.
fn pair(answer: &Answer) -> String {
    set_cookie(answer).split(';').next().unwrap().to_owned()
}

async fn logged_in(server: &Server) -> String {
    pair(&server.send(Method::POST, "/token/ann", &[], "").await)
}

#[tokio::test]
async fn cookie_is_for_the_route_alone_and_the_body_has_no_refresh_token() {
    for (origin, name, secure) in [("https://app.example", "__Secure-refresh", "; Secure"), (ORIGIN, "refresh", "")] {
        let tokens = in_cookie(origin);
        let server = tokens.serve().await;
        let mut answer = server.send(Method::POST, "/token/ann", &[], "").await;
        for generation in 1..4 {
            let body: Json = serde_json::from_str(&answer.body).unwrap();
            let names: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(names, ["access_token", "expires_in", "token_type"]);
            assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")));
            let value = pair(&answer).strip_prefix(&format!("{name}=")).unwrap().to_owned();
            assert_eq!(value.split('.').nth(1), Some(&*generation.to_string()));
            let attributes: std::collections::BTreeSet<_> = set_cookie(&answer).split("; ").skip(1).collect();
            let mut expected = std::collections::BTreeSet::from(["HttpOnly", "SameSite=Strict", "Path=/token/refresh"]);
            expected.extend(secure.strip_prefix("; "));
            let age = format!("Max-Age={}", 30 * 86_400 - 60 * (generation - 1));
            expected.insert(&age);
            assert_eq!(attributes, expected);
            tokens.advance(60);
            answer = server.send(Method::POST, PATH, &[OURS, ("cookie", &pair(&answer))], "").await;
        }
    }
}

#[tokio::test]
async fn cookie_of_a_login_that_is_not_remembered_ends_with_the_browser() {
    let tokens = in_cookie(ORIGIN);
    let issued = tokens.tokens.log_in(&User("ann".to_owned())).remember(false).await.unwrap();
    let answer = answer(issued.to_response()).await;
    assert!(!set_cookie(&answer).contains("Max-Age"), "{answer:?}");
    assert!(answer.headers["set-cookie"].is_sensitive());
}

#[tokio::test]
async fn path_of_the_cookie_is_that_of_the_route() {
    let app = App::with(|builder| builder.token_issuer(ISSUER));
    let tokens = Tokens::of(app, |tokens| tokens.in_cookie().path("/api/refresh").unwrap());
    let server = tokens.serve().await;
    let answer = server.send(Method::POST, "/token/ann", &[], "").await;
    assert!(set_cookie(&answer).contains("Path=/api/refresh"));
    let answer = server.send(Method::POST, "/api/refresh", &[OURS, ("cookie", &pair(&answer))], "").await;
    assert_eq!(answer.status, 200);
}

/// The table of `Session`, for this cookie.
#[tokio::test]
async fn foreign_pages_can_neither_refresh_nor_log_out() {
    let tokens = in_cookie("https://app.example");
    let server = tokens.serve().await;
    let cookie = logged_in(&server).await;
    let cases: [(&[(&str, &str)], bool); 14] = [
        (&[("sec-fetch-site", "same-origin")], true),
        (&[("sec-fetch-site", "none")], true),
        (&[("origin", "https://app.example")], true),
        (&[("sec-fetch-site", "cross-site"), ("origin", "https://admin.example")], true),
        (&[("referer", "https://app.example/page")], true),
        (&[], false),
        (&[("sec-fetch-site", "cross-site")], false),
        (&[("sec-fetch-site", "same-site")], false),
        (&[("sec-fetch-site", "")], false),
        (&[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")], false),
        (&[("origin", "https://evil.example")], false),
        (&[("origin", "null")], false),
        (&[("origin", "http://app.example")], false),
        (&[("referer", "https://evil.example/app.example")], false),
    ];
    for (headers, is_ours) in cases {
        let mut headers = headers.to_vec();
        headers.push(("cookie", &cookie));
        let answer = server.send(Method::POST, PATH, &headers, "").await;
        if is_ours {
            assert_eq!(answer.status, 200, "{headers:?}");
            continue;
        }
        for method in [Method::POST, Method::DELETE] {
            let answer = server.send(method, PATH, &headers, "").await;
            assert!(answer.is(403, "cross_site") && answer.header("set-cookie").is_none(), "{headers:?} {answer:?}");
        }
    }
    assert_eq!(tokens.app.sids("ann").await.len(), 1);
}

#[tokio::test]
async fn body_is_no_credential_and_no_cookie_is_invalid_grant() {
    let tokens = in_cookie(ORIGIN);
    let server = tokens.serve().await;
    let cookie = logged_in(&server).await;
    let token = cookie.strip_prefix("refresh=").unwrap();
    let body = serde_json::json!({ "refresh_token": token }).to_string();
    for headers in [&[OURS, JSON][..], &[OURS, JSON, ("cookie", "refresh=; __Secure-refresh=x; other=y")]] {
        let answer = server.send(Method::POST, PATH, headers, body.clone()).await;
        // The removal would take a cookie that another tab gets at this moment.
        assert!(answer.is(400, "invalid_grant") && answer.header("set-cookie").is_none(), "{answer:?}");
        assert_eq!(server.send(Method::DELETE, PATH, headers, body.clone()).await.status, 204);
    }
    let answer = server.send(Method::POST, PATH, &[OURS, FORM, ("cookie", &cookie)], "grant_type=password").await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn several_cookies_of_ours_are_400_and_a_logout_ends_them_all() {
    let tokens = in_cookie(ORIGIN);
    let server = tokens.serve().await;
    let both = format!("{}; {}", logged_in(&server).await, logged_in(&server).await);
    let answer = server.send(Method::POST, PATH, &[OURS, ("cookie", &both)], "").await;
    assert!(answer.is(400, "invalid_request") && answer.header("set-cookie").is_none(), "{answer:?}");
    assert_eq!(server.send(Method::DELETE, PATH, &[OURS, ("cookie", &both)], "").await.status, 204);
    assert!(tokens.app.sids("ann").await.is_empty());
}

/// A neighbouring host of the same site can plant a cookie of this name.
#[tokio::test]
async fn planted_cookies_keep_nobody_from_a_refresh_and_a_logout() {
    let tokens = in_cookie(ORIGIN);
    let server = tokens.serve().await;
    let cookie = logged_in(&server).await;
    let planted = (0..9).map(|number| format!("refresh=planted{number}; ")).collect::<String>();
    let sent = [format!("{planted}{cookie}"), format!("{cookie}; {planted}refresh=\u{e9}"), format!("{cookie}; {cookie}")];
    for sent in &sent {
        let answer = server.send(Method::POST, PATH, &[OURS, ("cookie", sent)], "").await;
        assert_eq!(answer.status, 200, "{sent} {answer:?}");
    }
    assert_eq!(server.send(Method::DELETE, PATH, &[OURS, ("cookie", &sent[0])], "").await.status, 204);
    assert!(tokens.app.sids("ann").await.is_empty());
}

#[tokio::test]
async fn dead_cookie_is_removed_and_an_outage_leaves_it() {
    let tokens = in_cookie(ORIGIN);
    let server = tokens.serve().await;
    let cookie = logged_in(&server).await;
    let headers = [OURS, ("cookie", &*cookie)];
    tokens.app.store.break_calls(&["load"]);
    for method in [Method::POST, Method::DELETE] {
        let answer = server.send(method, PATH, &headers, "").await;
        assert!(answer.is(503, "unavailable") && answer.header("set-cookie").is_none(), "{answer:?}");
    }
    tokens.app.store.mend();
    assert_eq!(server.send(Method::POST, PATH, &headers, "").await.status, 200);
    let answer = server.send(Method::DELETE, PATH, &headers, "").await;
    assert_eq!(answer.status, 204);
    let removal = "refresh=; HttpOnly; SameSite=Strict; Path=/token/refresh; Max-Age=0";
    assert_eq!(set_cookie(&answer), removal);
    for cookie in [&*cookie, "refresh=x", "refresh=\u{e9}"] {
        let answer = server.send(Method::POST, PATH, &[OURS, ("cookie", cookie)], "").await;
        assert!(answer.is(400, "invalid_grant"), "{answer:?}");
        assert_eq!((set_cookie(&answer), answer.header("cache-control")), (removal, Some("no-store")));
    }
    assert!(tokens.app.sids("ann").await.is_empty());
}

#[tokio::test]
async fn token_of_a_cookie_is_good_at_the_route_for_apps() {
    let tokens = in_cookie(ORIGIN);
    let server = tokens.serve().await;
    let cookie = logged_in(&server).await;
    let refresh = cookie.strip_prefix("refresh=").unwrap();
    let apps = RefreshTokens::new(&tokens.app.sessions, signer(), [key("k")]).unwrap();
    assert_eq!(apps.refresh(refresh).await.unwrap().refresh_token().expose().split('.').nth(1), Some("2"));
}
