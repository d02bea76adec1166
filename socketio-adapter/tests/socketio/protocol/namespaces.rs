//! Socket.IO: namespaces and messages.

use super::{
    AUTH_TIMEOUT, Pace, Situation,
    client::{AUTH, Client, WebSocket},
    situation,
};

const PLACEHOLDERS: &str = r#"{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}"#;

pub(super) fn situations() -> Vec<Situation> {
    vec![
        situation(
            "a client connects to the main namespace",
            Pace::CALM,
            async |client: &Client| client.websocket().await.connect("/", "").await,
            &[r#"40{"sid":"…"}"#, r#"42["auth",{}]"#],
        ),
        situation(
            "a client connects to the main namespace with a payload",
            Pace::CALM,
            async |client: &Client| client.websocket().await.connect("/", AUTH).await,
            &[r#"40{"sid":"…"}"#, r#"42["auth",{"token":"123"}]"#],
        ),
        situation(
            "a client connects to another namespace",
            Pace::CALM,
            async |client: &Client| client.websocket().await.connect("/custom", "").await,
            &[r#"40/custom,{"sid":"…"}"#, r#"42/custom,["auth",{}]"#],
        ),
        situation(
            "a client connects to another namespace with a payload",
            Pace::CALM,
            async |client: &Client| client.websocket().await.connect("/custom", r#"{"token":"abc"}"#).await,
            &[r#"40/custom,{"sid":"…"}"#, r#"42/custom,["auth",{"token":"abc"}]"#],
        ),
        situation(
            "an unknown namespace is refused",
            Pace::CALM,
            async |client: &Client| {
                let mut socket = client.websocket().await;
                socket.send("40/random").await;
                socket.sees().await;
            },
            &[r#"44/random,{"message":"Invalid namespace"}"#],
        ),
        situation(
            "a malformed packet in place of a CONNECT closes the session",
            Pace::CALM,
            async |client: &Client| {
                let mut socket = client.websocket().await;
                socket.send("4abc").await;
                socket.sees_end().await;
            },
            &["1", "close"],
        ),
        situation(
            "a session without a CONNECT is closed in time",
            Pace::CONNECT,
            async |client: &Client| client.websocket().await.sees_end().await,
            &["1", "close"],
        )
        .behind_a_chain(&["close 4408 auth_timeout"], AUTH_TIMEOUT),
        situation(
            "a client leaves the main namespace, and the session stays",
            Pace::PINGS,
            async |client: &Client| {
                let mut socket = client.connected().await;
                socket.send("41").await;
                socket.sees_ping().await;
            },
            &["2"],
        ),
        situation(
            "a client leaves another namespace, and stays in the main one",
            Pace::CALM,
            async |client: &Client| {
                let mut socket = client.connected().await;
                socket.connect("/custom", AUTH).await;
                socket.send("41/custom").await;
                socket.send(r#"42["message","to the main namespace"]"#).await;
                socket.sees().await;
            },
            &[
                r#"40/custom,{"sid":"…"}"#,
                r#"42/custom,["auth",{"token":"123"}]"#,
                r#"42["message-back","to the main namespace"]"#,
            ],
        ),
        situation(
            "an event of text is answered",
            Pace::CALM,
            async |client: &Client| {
                let mut socket = client.connected().await;
                socket.send(r#"42["message",1,"2",{"3":[true]}]"#).await;
                socket.sees().await;
            },
            &[r#"42["message-back",1,"2",{"3":[true]}]"#],
        ),
        situation(
            "an event with attachments is answered",
            Pace::CALM,
            async |client: &Client| {
                let mut socket = client.connected().await;
                socket.send(&format!(r#"452-["message",{PLACEHOLDERS}]"#)).await;
                attachments(&mut socket).await;
            },
            &[
                r#"452-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#,
                "[1, 2, 3]",
                "[4, 5, 6]",
            ],
        ),
        situation(
            "an event of text is acknowledged",
            Pace::CALM,
            async |client: &Client| {
                let mut socket = client.connected().await;
                socket.send(r#"42456["message-with-ack",1,"2",{"3":[false]}]"#).await;
                socket.sees().await;
            },
            &[r#"43456[1,"2",{"3":[false]}]"#],
        ),
        situation(
            "an event with attachments is acknowledged",
            Pace::CALM,
            async |client: &Client| {
                let mut socket = client.connected().await;
                socket.send(&format!(r#"452-789["message-with-ack",{PLACEHOLDERS}]"#)).await;
                attachments(&mut socket).await;
            },
            &[r#"462-789[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#, "[1, 2, 3]", "[4, 5, 6]"],
        ),
        situation(
            "a packet of an unknown type closes the session",
            Pace::CALM,
            async |client: &Client| closed_by(client, "4abc").await,
            &["1", "close"],
        ),
        situation(
            "an event that is not a list closes the session",
            Pace::CALM,
            async |client: &Client| closed_by(client, "42{}").await,
            &["1", "close"],
        ),
        situation(
            "an event whose id is not a number closes the session",
            Pace::CALM,
            async |client: &Client| closed_by(client, r#"42abc["message-with-ack",1,"2",{"3":[false]}]"#).await,
            &["1", "close"],
        ),
    ]
}

/// Sends the two of an event, and sees the event and the two that come back.
async fn attachments(socket: &mut WebSocket<'_>) {
    socket.send_binary(&[1, 2, 3]).await;
    socket.send_binary(&[4, 5, 6]).await;
    for _ in 0..3 {
        socket.sees().await;
    }
}

pub(super) async fn closed_by(client: &Client, packet: &str) {
    let mut socket = client.connected().await;
    socket.send(packet).await;
    socket.sees_end().await;
}
