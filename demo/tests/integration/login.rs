//! The login of the demo: its cookie at the route and at the socket, and its end.

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
    let cookie = answer.headers().get("set-cookie").unwrap().to_str().unwrap();
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
