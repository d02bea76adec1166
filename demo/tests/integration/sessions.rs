//! Tickets, logout and refreshed sockets.

use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::*;

/// `guest:password`
const GUEST: &str = "Basic Z3Vlc3Q6cGFzc3dvcmQ=";

async fn post(demo: &Demo, path: &str, authorization: &str) -> (u16, Value) {
    let answer = demo.request(Method::POST, path).header("authorization", authorization).send().await.unwrap();
    assert_eq!(answer.headers().get("cache-control").unwrap(), "no-store");
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn ticket(demo: &Demo, authorization: &str) -> String {
    let (status, answer) = post(demo, "/api/ws-ticket", authorization).await;
    assert_eq!((status, answer.get("expires_in")), (200, Some(&json!(30))));
    answer.get("ticket").unwrap().as_str().unwrap().to_owned()
}

async fn me(demo: &Demo, authorization: &str) -> u16 {
    demo.get("/api/me", Some(authorization)).await.status().as_u16()
}

fn revoked() -> Option<(u16, String)> {
    Some((4403, "revoked".into()))
}

#[tokio::test]
async fn ticket_opens_only_one_socket() {
    let demo = Demo::start().await;
    let ticket = ticket(&demo, BASIC).await;
    let path = format!("/ws?ticket={ticket}");
    let mut socket = demo.connect_to(&path, &[]).await.unwrap();
    assert_eq!(socket.says("hello").await, "server response: hello");
    assert_eq!(demo.connect_to(&path, &[]).await.unwrap_err(), 401);
}

#[tokio::test]
async fn ticket_is_valid_for_thirty_seconds() {
    let demo = Demo::start().await;
    let (good, late) = (ticket(&demo, BASIC).await, ticket(&demo, BASIC).await);
    demo.advance(29);
    assert!(demo.connect_to(&format!("/ws?ticket={good}"), &[]).await.is_ok());
    demo.advance(1);
    assert_eq!(demo.connect_to(&format!("/ws?ticket={late}"), &[]).await.unwrap_err(), 401);
}

#[tokio::test]
async fn ticket_works_only_from_its_page_and_for_the_socket() {
    let demo = Demo::start().await;
    let own = format!("http://{}", demo.addr);
    let ask = demo.request(Method::POST, "/api/ws-ticket").header("authorization", BASIC).header("origin", &own);
    let answer: Value = ask.send().await.unwrap().json().await.unwrap();
    let path = format!("/ws?ticket={}", answer.get("ticket").unwrap().as_str().unwrap());
    assert_eq!(demo.connect_to(&path, &[]).await.unwrap_err(), 401, "the ticket belongs to a page");
    let plain = format!("/api/me?ticket={}", ticket(&demo, BASIC).await);
    assert_eq!(demo.get(&plain, None).await.status(), 401);
}

#[tokio::test]
async fn socket_of_a_ticket_ends_with_the_token_that_bought_it() {
    let demo = Demo::start().await;
    let ticket = ticket(&demo, &demo.bearer(60)).await;
    let mut socket = demo.connect_to(&format!("/ws?ticket={ticket}"), &[]).await.unwrap();
    assert_eq!(socket.says("hello").await, "server response: hello");
    demo.advance(60);
    assert_eq!(socket.closed().await, Some((4401, "token_expired".into())));
}

#[tokio::test]
async fn logout_denies_the_token_and_closes_only_its_sockets() {
    let demo = Demo::start().await;
    let (token, other) = (demo.bearer(900), demo.bearer(900));
    let by_ticket = format!("/ws?ticket={}", ticket(&demo, &token).await);
    let mut by_ticket = demo.connect_to(&by_ticket, &[]).await.unwrap();
    let mut by_token = demo.connect("authorization", &token).await.unwrap();
    let mut by_other = demo.connect("authorization", &other).await.unwrap();
    let mut guest = demo.connect("authorization", GUEST).await.unwrap();
    let unused = ticket(&demo, &token).await;

    assert_eq!(post(&demo, "/api/logout", &token).await, (200, json!({"revoked": "token"})));
    assert_eq!(by_token.closed().await, revoked());
    assert_eq!(by_ticket.closed().await, revoked());
    assert_eq!(me(&demo, &token).await, 401);
    assert_eq!(demo.connect_to(&format!("/ws?ticket={unused}"), &[]).await.unwrap_err(), 401);
    assert_eq!(by_other.says("hello").await, "server response: hello");
    assert_eq!(guest.says("hello").await, "server response: hello");
    assert_eq!(me(&demo, &other).await, 200);
}

#[tokio::test]
async fn logout_everywhere_denies_all_earlier_credentials_of_the_user() {
    let demo = Demo::start().await;
    let (token, other) = (demo.bearer(900), demo.bearer(900));
    let mut one = demo.connect("authorization", &token).await.unwrap();
    let mut two = demo.connect("authorization", &other).await.unwrap();
    let mut by_login = demo.connect("authorization", BASIC).await.unwrap();
    let mut guest = demo.connect("authorization", GUEST).await.unwrap();

    assert_eq!(post(&demo, "/api/logout?everywhere=1", &token).await, (200, json!({"revoked": "everything"})));
    for socket in [&mut one, &mut two, &mut by_login] {
        assert_eq!(socket.closed().await, revoked());
    }
    assert_eq!((me(&demo, &token).await, me(&demo, &other).await), (401, 401));
    assert_eq!(guest.says("hello").await, "server response: hello");
    demo.advance(1);
    assert_eq!(me(&demo, BASIC).await, 200, "a new login works");
    assert_eq!(me(&demo, &demo.bearer(900)).await, 200);
}

#[tokio::test]
async fn logout_of_the_tutorial_token_denies_its_user_until_a_restart() {
    let tutorial = format!("Bearer {}", demo::TUTORIAL_TOKEN);
    let demo = Demo::start().await;
    let mut socket = demo.connect("authorization", &tutorial).await.unwrap();
    assert_eq!(post(&demo, "/api/logout", &tutorial).await, (200, json!({"revoked": "everything"})));
    assert_eq!(socket.closed().await, revoked());
    assert_eq!(me(&demo, &tutorial).await, 401);
    assert_eq!(me(&Demo::start().await, &tutorial).await, 200);
}

#[tokio::test]
async fn logout_requires_a_credential_and_a_post() {
    let demo = Demo::start().await;
    assert_eq!(demo.request(Method::POST, "/api/logout").send().await.unwrap().status(), 401);
    assert_eq!(demo.get("/api/logout", Some(BASIC)).await.status(), 405);
    assert_eq!(demo.get("/api/ws-ticket", Some(BASIC)).await.status(), 405);
}

/// The status and code of a `POST` with this credential and these headers.
async fn post_with(demo: &Demo, path: &str, credential: (&str, &str), headers: &[(&str, &str)]) -> (u16, String) {
    let request = demo.request(Method::POST, path).header(credential.0, credential.1);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default();
    (status, body.get("code").and_then(Value::as_str).unwrap_or_default().to_owned())
}

#[tokio::test]
async fn foreign_page_cannot_log_a_user_out() {
    let demo = Demo::start().await;
    let own = format!("http://{}", demo.addr);
    let token = demo.bearer(60);
    let cookie = token.replace("Bearer ", "jwt=");
    let refused = (403, "cross_site".to_owned());
    let foreign: [&[(&str, &str)]; 5] = [
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", "http://127.0.0.1")],
        &[("sec-fetch-site", "cross-site")],
        &[("referer", "https://evil.example/page")],
    ];
    for credential in [("cookie", &*cookie), ("authorization", BASIC)] {
        for headers in foreign {
            assert_eq!(post_with(&demo, "/api/logout", credential, headers).await, refused, "{headers:?}");
            assert_eq!(post_with(&demo, "/api/ws-ticket", credential, headers).await, refused, "{headers:?}");
        }
    }
    assert_eq!(post_with(&demo, "/api/logout", ("cookie", &cookie), &[]).await, refused);
    assert_eq!(me(&demo, &token).await, 200, "nobody was logged out");
    assert_eq!(post_with(&demo, "/api/logout", ("cookie", &cookie), &[("origin", &own)]).await.0, 200);
    assert_eq!(me(&demo, &token).await, 401);
    assert_eq!(post_with(&demo, "/api/logout", ("authorization", BASIC), &[("origin", &own)]).await.0, 200);
}

#[tokio::test]
async fn socket_is_refreshed_in_band() {
    let demo = Demo::start().await;
    let token = demo.bearer(60);
    let protocols = format!("auth.v1, auth.bearer.{}", base64url(token.strip_prefix("Bearer ").unwrap()));
    let mut socket = demo.connect("sec-websocket-protocol", &protocols).await.unwrap();
    let fresh = demo.bearer(900);
    let present = json!({"type": "auth", "scheme": "bearer", "credentials": fresh.strip_prefix("Bearer ").unwrap()});
    // The clock does not stand at a whole second, but tokens do.
    let answer: Value = serde_json::from_str(&socket.says(&present.to_string()).await).unwrap();
    assert!(
        answer.get("type").unwrap() == "auth_ok" && answer.get("ttl").unwrap().as_u64().unwrap() >= 899,
        "{answer}"
    );
    demo.advance(60);
    assert_eq!(socket.says("hello").await, "server response: hello");
}

#[tokio::test]
async fn socket_authenticates_with_its_first_message() {
    let demo = Demo::start().await;
    let mut socket = demo.connect_to("/ws-first-message", &[]).await.unwrap();
    let present = json!({"type": "auth", "scheme": "basic", "credentials": "YWRtaW46cGFzc3dvcmQ="});
    assert_eq!(socket.says(&present.to_string()).await, r#"{"type":"auth_ok"}"#);
    assert_eq!(socket.says("hello").await, "server response: hello");
    let mut silent = demo.connect_to("/ws-first-message", &[]).await.unwrap();
    futures_util::SinkExt::send(&mut silent.0, Message::Ping("x".into())).await.unwrap();
    assert_eq!(silent.next().await, Some(Message::Pong("x".into())));
    demo.advance(10);
    assert_eq!(silent.closed().await, Some((4408, "auth_timeout".into())));
}

#[tokio::test]
async fn route_reports_the_remaining_time_of_the_credential() {
    let demo = Demo::start().await;
    let answer: Value = demo.get("/api/me", Some(&demo.bearer(600))).await.json().await.unwrap();
    assert!((598..=600).contains(&answer.get("expires_in").unwrap().as_u64().unwrap()));
    let answer: Value = demo.get("/api/me", Some(BASIC)).await.json().await.unwrap();
    assert_eq!(answer.get("expires_in"), None);
}

fn base64url(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}
