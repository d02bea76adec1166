//! What the suite leaves out, and clients do.

use reqwest::Method;

use super::{
    BAD_REQUEST, OWN_ANSWER, OWN_CLOSE, Pace, Situation, UNKNOWN_SESSION,
    client::{AUTH, Client, POLLING},
    engine::NO_SESSION,
    namespaces::closed_by,
    situation,
};

pub(super) fn situations() -> Vec<Situation> {
    vec![
        situation(
            "a poll that waits is released by an upgrade",
            Pace::CALM,
            async |client: &Client| {
                let session = client.polling().await;
                session.poll().await;
                let (poll, mut socket) = session.poll_beside(session.upgrade()).await;
                client.note_answer(&poll);
                socket.connect("/", AUTH).await;
            },
            &["200 text 2", "101", "3probe", "200 text 6", r#"40{"sid":"…"}"#, r#"42["auth",{"token":"123"}]"#],
        ),
        situation(
            "a client speaks by polling alone",
            Pace::CALM,
            async |client: &Client| {
                let session = client.polling().await;
                session.packets(1).await;
                session.post(&format!("40{AUTH}")).await;
                session.packets(2).await;
                session.post(r#"42["message",1,"2"]"#).await;
                session.poll().await;
                session.post("451-[\"message\",{\"_placeholder\":true,\"num\":0}]\u{1e}bAQID").await;
                session.packets(2).await;
            },
            &[
                "2",
                "200 text ok",
                r#"40{"sid":"…"}"#,
                r#"42["auth",{"token":"123"}]"#,
                "200 text ok",
                r#"200 text 42["message-back",1,"2"]"#,
                "200 text ok",
                r#"451-["message-back",{"_placeholder":true,"num":0}]"#,
                "bAQID",
            ],
        ),
        situation(
            "two packets in one POST",
            Pace::CALM,
            async |client: &Client| {
                let session = client.polling().await;
                session.packets(1).await;
                session.post(&format!("3\u{1e}40/custom,{AUTH}")).await;
                session.packets(2).await;
            },
            &["2", "200 text ok", r#"40/custom,{"sid":"…"}"#, r#"42/custom,["auth",{"token":"123"}]"#],
        ),
        situation(
            "the server disconnects a client, and the session stays",
            Pace::PINGS,
            async |client: &Client| {
                let mut socket = client.connected().await;
                socket.send(r#"42["leave"]"#).await;
                socket.sees().await;
                socket.sees_ping().await;
            },
            &["41", "2"],
        ),
        situation(
            "a client connects twice",
            Pace::CALM,
            async |client: &Client| {
                let mut socket = client.connected().await;
                socket.ask_to_connect("/", "").await;
                // It is not answered.
                socket.send(r#"42["message",1]"#).await;
                socket.sees().await;
            },
            &[r#"42["message-back",1]"#],
        ),
        situation(
            "a client leaves a namespace and comes back",
            Pace::CALM,
            async |client: &Client| {
                let mut socket = client.connected().await;
                socket.send("41").await;
                socket.connect("/", AUTH).await;
            },
            &[r#"40{"sid":"…"}"#, r#"42["auth",{"token":"123"}]"#],
        ),
        situation(
            "an event for a namespace that the client is not in closes the session",
            Pace::CALM,
            async |client: &Client| closed_by(client, r#"42/custom,["message",1]"#).await,
            &["1", "close"],
        ),
        situation(
            "an event of an unknown name is ignored",
            Pace::CALM,
            async |client: &Client| {
                let mut socket = client.connected().await;
                socket.send(r#"42["unknown",1]"#).await;
                socket.send(r#"42["message",1]"#).await;
                socket.sees().await;
            },
            &[r#"42["message-back",1]"#],
        ),
        situation(
            "an attachment without its event closes the session",
            Pace::CALM,
            async |client: &Client| {
                let mut socket = client.connected().await;
                socket.send_binary(&[1]).await;
                socket.sees_end().await;
            },
            &["1", "close"],
        ),
        situation(
            "a packet that only a server sends closes the session",
            Pace::CALM,
            async |client: &Client| closed_by(client, "6").await,
            &["close"],
        ),
        situation(
            "a text that is not a packet closes the session",
            Pace::CALM,
            async |client: &Client| closed_by(client, "x").await,
            &["close"],
        ),
        situation(
            "a WebSocket is closed by its own close frame",
            Pace::CALM,
            async |client: &Client| {
                let mut socket = client.connected().await;
                socket.close().await;
                socket.sees_end().await;
            },
            &["close"],
        ),
        situation(
            "a session is asked for that is not there",
            Pace::CALM,
            async |client: &Client| {
                client.request(Method::GET, &format!("{POLLING}&sid=AAAAAAAAAAAAAAHs")).await;
                client.request(Method::POST, &format!("{POLLING}&sid=AAAAAAAAAAAAAAHs")).await;
                client.request(Method::GET, &format!("{POLLING}&sid=short")).await;
            },
            &[NO_SESSION, NO_SESSION, NO_SESSION],
        )
        .behind_a_chain(&[UNKNOWN_SESSION, UNKNOWN_SESSION, UNKNOWN_SESSION], OWN_ANSWER),
        situation(
            "a POST that is not a packet closes the session",
            Pace::CALM,
            async |client: &Client| {
                let session = client.polling().await;
                session.post("x").await;
                session.poll().await;
            },
            &["400 nothing", NO_SESSION],
        )
        .behind_a_chain(&["400 nothing", UNKNOWN_SESSION], OWN_ANSWER),
        situation(
            "a POST of more than is allowed is refused",
            Pace::CALM,
            async |client: &Client| {
                let session = client.polling().await;
                session.post(&format!("4{}", "x".repeat(1_000_000))).await;
                session.poll().await;
            },
            &["413 nothing", NO_SESSION],
        )
        .behind_a_chain(&["413 nothing", UNKNOWN_SESSION], OWN_ANSWER),
        situation(
            "a session that polls takes no other methods",
            Pace::CALM,
            async |client: &Client| {
                let session = client.polling().await;
                for method in [Method::PUT, Method::DELETE, Method::OPTIONS] {
                    client.note_answer(&session.ask(method, "").await);
                }
            },
            &["400 nothing", "400 nothing", "400 nothing"],
        )
        .behind_a_chain(&[BAD_REQUEST, BAD_REQUEST, BAD_REQUEST], OWN_ANSWER),
        situation(
            "an upgrade without a probe fails",
            Pace::CALM,
            async |client: &Client| {
                let session = client.polling().await;
                let mut socket = session.socket().await.unwrap();
                socket.send("5").await;
                socket.sees_end().await;
                session.poll().await;
            },
            &["101", "cut", NO_SESSION],
        )
        .behind_a_chain(&["101", "close 1000 ", UNKNOWN_SESSION], OWN_CLOSE),
    ]
}
