use demo::TUTORIAL_TOKEN;
use reqwest::Method;

use crate::support::*;

const PATH: &str = "/socket.io/?EIO=4&transport=polling";

/// Opens a transport, and returns its path.
async fn open(demo: &Demo, authorization: Option<&str>) -> Result<String, u16> {
    let answer = demo.get(PATH, authorization).await;
    if answer.status() != 200 {
        return Err(answer.status().as_u16());
    }
    let open = answer.text().await.unwrap();
    let open: serde_json::Value = serde_json::from_str(open.strip_prefix('0').unwrap()).unwrap();
    Ok(format!("{PATH}&sid={}", open.get("sid").unwrap().as_str().unwrap()))
}

async fn post(demo: &Demo, path: &str, packet: String) {
    let answer = demo.request(Method::POST, path).body(packet).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "ok");
}

/// Polls until a packet contains this text.
async fn poll(demo: &Demo, path: &str, text: &str) -> String {
    loop {
        let packets = demo.get(path, None).await.text().await.unwrap();
        if let Some(packet) = packets.split('\u{1e}').find(|packet| packet.contains(text)) {
            return packet.to_owned();
        }
    }
}

#[tokio::test]
async fn socketio_message_is_answered_as_the_tutorial_says() {
    let demo = Demo::start().await;
    for auth in [format!(r#"{{"token":"{TUTORIAL_TOKEN}"}}"#), r#"{"username":"admin","password":"password"}"#.into()] {
        let path = open(&demo, None).await.unwrap();
        post(&demo, &path, format!("40{auth}")).await;
        poll(&demo, &path, "40{").await;
        post(&demo, &path, r#"42["message","hi"]"#.into()).await;
        assert_eq!(poll(&demo, &path, "message").await, r#"42["message","server response: hi"]"#);
    }
}

#[tokio::test]
async fn socketio_client_without_a_credential_is_refused() {
    let demo = Demo::start().await;
    let path = open(&demo, None).await.unwrap();
    post(&demo, &path, "40".into()).await;
    assert_eq!(poll(&demo, &path, "44").await, r#"44{"message":"unauthorized:missing_credentials"}"#);
}

#[tokio::test]
async fn wrong_header_is_refused_without_a_password_prompt() {
    let demo = Demo::start().await;
    let answer = demo.get(PATH, Some("Bearer a.b.c")).await;
    assert_eq!(answer.status(), 401);
    let asks = |challenge: &&str| challenge.to_ascii_lowercase().starts_with("basic ");
    assert_eq!(challenges(&answer).iter().find(|challenge| asks(challenge)), None);
    assert_eq!(open(&demo, Some(WRONG_BASIC)).await, Err(401));
    open(&demo, Some(BASIC)).await.unwrap();
}
