//! The login of the demo: its cookie at the route and at the socket, and its end.

use std::time::Duration;

use auth_core::Origin;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::*;

async fn log_in(demo: &Demo, body: Value) -> Response {
    demo.request(Method::POST, "/login").json(&body).send().await.unwrap()
}

/// Logs `admin` in, and returns what the browser sends as `Cookie`.
async fn cookie(demo: &Demo) -> String {
    let answer = log_in(demo, json!({ "username": "admin", "password": "password" })).await;
    assert_eq!(answer.status(), 204);
    let mut cookies = answer.headers().get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
    let cookie = cookies.find(|cookie| cookie.starts_with("session=")).unwrap();
    assert!(cookie.ends_with("; HttpOnly; SameSite=Lax; Path=/"), "{cookie}");
    cookie.split(';').next().unwrap().to_owned()
}

async fn me(demo: &Demo, cookie: &str) -> (u16, Value) {
    let answer = demo.request(Method::GET, "/api/me").header("cookie", cookie).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn open(demo: &Demo, cookie: &str) -> Result<Client, u16> {
    demo.connect_to("/ws", &[("cookie", cookie), ("origin", &own(demo))]).await
}

fn own(demo: &Demo) -> String {
    Origin::new(&format!("http://{}", demo.addr)).unwrap().to_string()
}

#[tokio::test]
async fn session_is_good_at_the_route_and_at_the_socket() {
    let demo = Demo::start().await;
    let cookie = cookie(&demo).await;
    let (status, answer) = me(&demo, &cookie).await;
    assert_eq!(
        (status, answer.get("strategy"), answer.get("expires_in")),
        (200, Some(&json!("session")), Some(&json!(3600)))
    );
    let mut socket = open(&demo, &cookie).await.unwrap();
    assert_eq!(socket.says("hello").await, "server response: hello");
    let foreign = demo.connect_to("/ws", &[("cookie", &cookie), ("origin", "http://evil.example")]).await;
    assert_eq!(foreign.unwrap_err(), 403);
}

#[tokio::test]
async fn wrong_password_and_unknown_user_read_the_same() {
    let demo = Demo::start().await;
    for username in ["admin", "nobody"] {
        let answer = log_in(&demo, json!({ "username": username, "password": "guess" })).await;
        assert_eq!(answer.status(), 401);
        assert!(answer.headers().get("set-cookie").is_none());
        assert_eq!(answer.json::<Value>().await.unwrap().get("code"), Some(&json!("invalid_credentials")));
    }
}

#[tokio::test]
async fn login_is_listed_and_ended_by_its_id() {
    let demo = Demo::start().await;
    let (own, lost) = (cookie(&demo).await, cookie(&demo).await);
    let mut socket = open(&demo, &lost).await.unwrap();
    let ask = async |method, path: &str| {
        let ask = demo.request(method, path).header("cookie", &own).header("sec-fetch-site", "same-origin");
        ask.send().await.unwrap()
    };
    let list: Vec<Value> = ask(Method::GET, "/api/sessions").await.json().await.unwrap();
    assert_eq!(list.len(), 2);
    let other = list.iter().find(|login| login.get("current") == Some(&json!(false))).unwrap();
    let path = format!("/api/sessions/{}", other.get("sid").unwrap().as_str().unwrap());
    assert_eq!(ask(Method::DELETE, &path).await.status(), 204);
    assert_eq!(socket.closed().await, Some((4403, "revoked".into())));
    assert_eq!((me(&demo, &own).await.0, me(&demo, &lost).await.0), (200, 401));
    assert_eq!(ask(Method::DELETE, &path).await.status(), 404);
    let foreign =
        demo.request(Method::DELETE, "/api/sessions").header("cookie", &own).header("sec-fetch-site", "cross-site");
    assert_eq!(foreign.send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn logout_ends_the_session_and_its_socket() {
    for path in ["/logout", "/api/logout", "/api/logout?everywhere=1"] {
        let demo = Demo::start().await;
        let (cookie, other) = (cookie(&demo).await, cookie(&demo).await);
        let mut socket = open(&demo, &cookie).await.unwrap();
        let mut others = open(&demo, &other).await.unwrap();
        let ask = demo.request(Method::POST, path).header("cookie", &cookie);
        let answer =
            ask.header("origin", "http://localhost:3000").header("sec-fetch-site", "same-origin").send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        let removed = answer.headers().get("set-cookie").unwrap().to_str().unwrap();
        assert!(removed.starts_with("session=;"), "{removed}");
        assert_eq!(socket.closed().await, Some((4403, "revoked".into())), "{path}");
        assert_eq!(me(&demo, &cookie).await.0, 401);

        let everywhere = path.contains("everywhere");
        assert_eq!(me(&demo, &other).await.0, if everywhere { 401 } else { 200 }, "{path}");
        if everywhere {
            assert_eq!(others.closed().await, Some((4403, "revoked".into())));
        } else {
            assert_eq!(others.says("still here").await, "server response: still here");
        }
    }
}

#[tokio::test]
async fn foreign_page_can_neither_log_out_nor_log_in() {
    let demo = Demo::start().await;
    let cookie = cookie(&demo).await;
    for (path, body) in [("/api/logout", ""), ("/logout", ""), ("/login", "username=guest&password=password")] {
        let ask = demo.request(Method::POST, path).header("cookie", &cookie).header("origin", "http://evil.example");
        let ask = ask.header("content-type", "application/x-www-form-urlencoded").body(body);
        let answer = ask.send().await.unwrap();
        assert_eq!(answer.status(), 403, "{path}");
        assert_eq!(answer.json::<Value>().await.unwrap().get("code"), Some(&json!("cross_site")), "{path}");
    }
    assert_eq!(me(&demo, &cookie).await.0, 200);
}

#[tokio::test]
async fn login_that_is_not_used_for_an_hour_has_ended() {
    let demo = Demo::start().await;
    let cookie = cookie(&demo).await;
    demo.advance(3599);
    assert_eq!(me(&demo, &cookie).await.0, 200);
    demo.advance(3600);
    let ask = demo.request(Method::GET, "/api/session").header("cookie", &cookie).send().await.unwrap();
    assert_eq!(ask.status(), 401);
    assert!(ask.headers().get("set-cookie").unwrap().to_str().unwrap().starts_with("session=;"));
    assert_eq!(ask.json::<Value>().await.unwrap().get("code"), Some(&json!("session_expired")));
}

/// The status, the code and `Retry-After` of a login.
async fn told(demo: &Demo, username: &str, password: &str, cookie: &str) -> (u16, String, Option<u64>) {
    let ask = demo.request(Method::POST, "/login").json(&json!({ "username": username, "password": password }));
    let answer = ask.header("cookie", cookie).header("sec-fetch-site", "same-origin").send().await.unwrap();
    let wait = answer.headers().get("retry-after").map(|wait| wait.to_str().unwrap().parse().unwrap());
    let status = answer.status().as_u16();
    let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default();
    (status, body.get("code").and_then(Value::as_str).unwrap_or_default().to_owned(), wait)
}

#[tokio::test]
async fn wrong_passwords_are_throttled_and_the_own_browser_is_not() {
    let limits = |settings: &mut demo::Settings| {
        (settings.limits.failures, settings.limits.wait) = (2, Duration::from_secs(30));
    };
    let demo = Demo::start_set(limits).await;
    let answer = log_in(&demo, json!({ "username": "admin", "password": "password" })).await;
    let cookies = answer.headers().get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
    let device = cookies.filter_map(|cookie| cookie.split(';').next()).find(|cookie| cookie.starts_with("device="));
    let device = device.unwrap().to_owned();
    for username in ["admin", "ADMIN"] {
        assert_eq!(told(&demo, username, "guess", "").await.0, 401);
    }
    let throttled = (429, "too_many_attempts".to_owned(), Some(30));
    assert_eq!(told(&demo, "admin", "password", "").await, throttled);
    let basic = demo.get("/api/me", Some(BASIC)).await;
    assert_eq!((basic.status().as_u16(), basic.headers().get("retry-after").unwrap()), (429, &"30".parse().unwrap()));
    assert_eq!(told(&demo, "guest", "password", "").await.0, 204, "each account has its own");
    assert_eq!(told(&demo, "admin", "password", &device).await.0, 204);
    demo.advance(30);
    assert_eq!(told(&demo, "admin", "password", "").await.0, 204);
}

async fn register(demo: &Demo, username: &str, password: &str) -> (u16, Value) {
    let body = json!({ "username": username, "password": password });
    let answer = demo.request(Method::POST, "/api/register").json(&body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn user_who_registers_can_log_in_by_form_and_by_basic() {
    let demo = Demo::start().await;
    let password = "correct horse battery";
    let (status, answer) = register(&demo, "Ann", password).await;
    assert_eq!((status, answer.get("name")), (201, Some(&json!("ann"))));
    for username in ["ann", "Ann"] {
        assert_eq!(told(&demo, username, password, "").await.0, 204, "{username}");
    }
    let me = demo.request(Method::GET, "/api/me").basic_auth("ann", Some(password)).send().await.unwrap();
    assert_eq!(me.json::<Value>().await.unwrap().get("id"), answer.get("id"));
}

#[tokio::test]
async fn registration_is_refused_with_a_code() {
    let demo = Demo::start().await;
    let long = "correct horse battery";
    let name = "a".repeat(33);
    let cases = [
        ("admin", long, 409, "name_taken"),
        ("ADMIN", long, 409, "name_taken"),
        ("", long, 422, "invalid_name"),
        (&*name, long, 422, "invalid_name"),
        ("a b", long, 422, "invalid_name"),
        ("änn", long, 422, "invalid_name"),
        ("ann", "short", 422, "password_too_short"),
    ];
    for (username, password, status, code) in cases {
        let (told, answer) = register(&demo, username, password).await;
        assert_eq!((told, answer.get("code")), (status, Some(&json!(code))), "{username}");
    }
    let form = demo.request(Method::POST, "/api/register").body("username=ann").send().await.unwrap();
    assert_eq!(form.status(), 415);
    for wrong in [json!({ "username": "ann" }), json!("a password"), json!({ "username": 1, "password": "a password" })]
    {
        let answer = demo.request(Method::POST, "/api/register").json(&wrong).send().await.unwrap();
        let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
        assert!(status == 400 && text.contains("invalid_request") && !text.contains("a password"), "{text}");
    }
}
