//! Engine.IO: opening, heartbeat, close and upgrade.

use std::time::Duration;

use reqwest::Method;
use tokio::time::sleep;

use super::{
    BAD_REQUEST, OWN_ANSWER, Pace, Situation, UNKNOWN_SESSION,
    client::{AUTH, Client, POLLING, WEBSOCKET},
    situation,
};

const NO_VERSION: &str = r#"400 json {"code":"5","message":"Unsupported protocol version"}"#;
const NO_TRANSPORT: &str = r#"400 json {"code":"0","message":"Transport unknown"}"#;
const NO_GET: &str = r#"400 json {"code":"2","message":"Bad handshake method"}"#;
pub(super) const NO_SESSION: &str = r#"400 json {"code":"1","message":"Session ID unknown"}"#;

pub(super) fn situations() -> Vec<Situation> {
    vec![
        situation(
            "a poll opens a session",
            Pace::SUITE,
            async |client: &Client| client.request(Method::GET, POLLING).await,
            &[
                r#"200 text 0{"sid":"…","upgrades":["websocket"],"pingInterval":300,"pingTimeout":200,"maxPayload":1000000}"#,
            ],
        ),
        situation(
            "a poll of no version or of an unknown one is refused",
            Pace::CALM,
            async |client: &Client| {
                client.request(Method::GET, "transport=polling").await;
                client.request(Method::GET, "EIO=abc&transport=polling").await;
            },
            &[NO_VERSION, NO_VERSION],
        )
        .behind_a_chain(&[BAD_REQUEST, BAD_REQUEST], OWN_ANSWER),
        situation(
            "a request for no transport or for an unknown one is refused",
            Pace::CALM,
            async |client: &Client| {
                client.request(Method::GET, "EIO=4").await;
                client.request(Method::GET, "EIO=4&transport=abc").await;
            },
            &[NO_TRANSPORT, NO_TRANSPORT],
        )
        .behind_a_chain(&[BAD_REQUEST, BAD_REQUEST], OWN_ANSWER),
        situation(
            "only a GET opens a session",
            Pace::CALM,
            async |client: &Client| {
                client.request(Method::POST, POLLING).await;
                client.request(Method::PUT, POLLING).await;
            },
            &[NO_GET, NO_GET],
        )
        .behind_a_chain(&[BAD_REQUEST, BAD_REQUEST], OWN_ANSWER),
        situation(
            "a WebSocket opens a session",
            Pace::SUITE,
            async |client: &Client| client.socket(WEBSOCKET).await.unwrap().sees().await,
            &["101", r#"0{"sid":"…","upgrades":[],"pingInterval":300,"pingTimeout":200,"maxPayload":1000000}"#],
        ),
        situation(
            "a handshake of no version or of an unknown one is refused",
            Pace::CALM,
            async |client: &Client| {
                assert!(client.socket("transport=websocket").await.is_none());
                assert!(client.socket("EIO=abc&transport=websocket").await.is_none());
            },
            &[NO_VERSION, NO_VERSION],
        )
        .behind_a_chain(&[BAD_REQUEST, BAD_REQUEST], OWN_ANSWER),
        situation(
            "a handshake for no transport or for an unknown one is refused",
            Pace::CALM,
            async |client: &Client| {
                assert!(client.socket("EIO=4").await.is_none());
                assert!(client.socket("EIO=4&transport=abc").await.is_none());
            },
            &[NO_TRANSPORT, NO_TRANSPORT],
        )
        .behind_a_chain(&[BAD_REQUEST, BAD_REQUEST], OWN_ANSWER),
        situation(
            "pings come by polling, and pongs are taken",
            Pace::PINGS,
            async |client: &Client| {
                let session = client.polling().await;
                for _ in 0..3 {
                    session.poll().await;
                    session.post("3").await;
                }
            },
            &["200 text 2", "200 text ok", "200 text 2", "200 text ok", "200 text 2", "200 text ok"],
        ),
        situation(
            "a session that polls ends without a pong",
            Pace::SUITE,
            async |client: &Client| {
                let session = client.polling().await;
                // A ping and its pong are due by then.
                sleep(Duration::from_millis(600)).await;
                session.poll().await;
            },
            &[NO_SESSION],
        )
        .behind_a_chain(&[UNKNOWN_SESSION], OWN_ANSWER),
        situation(
            "pings come over a WebSocket, and pongs are taken",
            Pace::PINGS,
            async |client: &Client| {
                let mut socket = client.websocket().await;
                for _ in 0..3 {
                    socket.sees_ping().await;
                    socket.send("3").await;
                }
            },
            &["2", "2", "2"],
        ),
        situation(
            "a WebSocket without a pong is closed",
            Pace::SUITE,
            async |client: &Client| {
                let mut socket = client.socket(WEBSOCKET).await.unwrap();
                socket.sees().await;
                socket.sees_end_without_pongs().await;
            },
            &[
                "101",
                r#"0{"sid":"…","upgrades":[],"pingInterval":300,"pingTimeout":200,"maxPayload":1000000}"#,
                "2",
                "1",
                "close",
            ],
        ),
        situation(
            "a client closes a session that polls",
            Pace::CALM,
            async |client: &Client| {
                let session = client.polling().await;
                session.poll().await;
                let (poll, post) = session.poll_beside(session.ask(Method::POST, "1")).await;
                client.note_answer(&poll);
                client.note_answer(&post);
                session.poll().await;
            },
            &["200 text 2", "200 text 6", "200 text ok", NO_SESSION],
        )
        .behind_a_chain(&["200 text 2", "200 text 6", "200 text ok", UNKNOWN_SESSION], OWN_ANSWER),
        situation(
            "a client closes a session over a WebSocket",
            Pace::CALM,
            async |client: &Client| {
                let mut socket = client.websocket().await;
                socket.send("1").await;
                socket.sees_end().await;
            },
            &["close"],
        ),
        situation(
            "a session that polls goes over to a WebSocket",
            Pace::CALM,
            async |client: &Client| {
                let session = client.polling().await;
                session.upgrade().await.connect("/", AUTH).await;
            },
            &["101", "3probe", r#"40{"sid":"…"}"#, r#"42["auth",{"token":"123"}]"#],
        ),
        situation(
            "a session that has gone over takes no poll",
            Pace::CALM,
            async |client: &Client| {
                let session = client.polling().await;
                // Its answer shows that the upgrade is complete.
                let mut socket = session.upgrade().await;
                socket.connect("/", AUTH).await;
                session.poll().await;
                drop(socket);
            },
            &[
                "101",
                "3probe",
                r#"40{"sid":"…"}"#,
                r#"42["auth",{"token":"123"}]"#,
                r#"400 json {"code":"3","message":"Bad request"}"#,
            ],
        ),
        situation(
            "a session that has gone over takes no second WebSocket",
            Pace::CALM,
            async |client: &Client| {
                let session = client.polling().await;
                let mut socket = session.upgrade().await;
                socket.connect("/", AUTH).await;
                session.socket().await.unwrap().sees_end().await;
                socket.send(r#"42["message","still here"]"#).await;
                socket.sees().await;
            },
            &[
                "101",
                "3probe",
                r#"40{"sid":"…"}"#,
                r#"42["auth",{"token":"123"}]"#,
                "101",
                "cut",
                r#"42["message-back","still here"]"#,
            ],
        ),
    ]
}
