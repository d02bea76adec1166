//! How much a client may send.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::Message;
use ws_adapter::{Connections, Sockets};

use crate::{
    client::{Polling, Socket, connect_packet, opens_again},
    common::eventually,
    support::*,
};

#[tokio::test]
async fn third_wrong_connect_closes_the_transport() {
    let app = app().await;
    let wrong = r#"{"token":"a.b.c"}"#;
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    for _ in 0..3 {
        assert_eq!(socket.connect("/", wrong).await, Err("unauthorized:invalid_credentials".into()));
    }
    assert_eq!(socket.end().await.1, close(4401, "invalid_credentials"));
    let polling = Polling::open(&app, &[]).await.unwrap();
    for _ in 0..3 {
        assert_eq!(polling.post(&format!("40{wrong}")).await.status, 200);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    eventually(|| app.io.open() == 0).await;
    assert_eq!(app.calls.count(), 0);
}

#[tokio::test]
async fn transports_that_wait_for_a_connect_are_limited() {
    let connections = Connections::new().max_pending(2);
    let app = app_behind_proxy(&connections, |auth| auth).await;
    let from = [("x-forwarded-for", "192.0.2.1")];
    let mut first = Socket::open(&app, &from).await.unwrap();
    let second = Polling::open(&app, &from).await.unwrap();
    assert!(Polling::open(&app, &from).await.err().unwrap().is(429, "too_many_connections"));
    assert!(Socket::open(&app, &from).await.unwrap_err().is(429, "too_many_connections"));
    // Who brings a credential is let in all the same.
    Polling::open(&app, &[("authorization", &bearer_of("ann"))]).await.unwrap();

    assert_eq!(first.connect("/", &auth_of("ann")).await, Ok(()));
    Polling::open(&app, &from).await.unwrap();
    assert_eq!(Polling::open(&app, &from).await.err().unwrap().status, 429);
    app.clock.advance(Duration::from_secs(10));
    eventually(|| app.io.open() == 1).await;
    Polling::open(&app, &from).await.unwrap();
    Polling::open(&app, &from).await.unwrap();
    assert!(second.poll().await.is(400, "unknown_session"));
}

#[tokio::test]
async fn transports_of_one_address_that_wait_for_a_connect_are_limited() {
    let connections = Connections::new().max_pending_per_address(2);
    let app = app_behind_proxy(&connections, |auth| auth).await;
    let (one, other) = ([("x-forwarded-for", "192.0.2.1")], [("x-forwarded-for", "192.0.2.2")]);
    let mut first = Socket::open(&app, &one).await.unwrap();
    let second = Polling::open(&app, &one).await.unwrap();
    assert!(Polling::open(&app, &one).await.err().unwrap().is(429, "too_many_connections"));
    assert!(Socket::open(&app, &one).await.unwrap_err().is(429, "too_many_connections"));
    let _third = Socket::open(&app, &other).await.unwrap();
    // Who brings a credential does not wait.
    Polling::open(&app, &[one[0], ("authorization", &bearer_of("ann"))]).await.unwrap();

    assert_eq!(first.connect("/", &auth_of("ann")).await, Ok(()));
    let _fourth = Socket::open(&app, &one).await.unwrap();
    assert_eq!(Socket::open(&app, &one).await.unwrap_err().status, 429);
    assert_eq!(second.connect("/", &auth_of("ann")).await, Ok(()));
    let _fifth = Socket::open(&app, &one).await.unwrap();
    assert_eq!(connections.pending(), 3);
}

/// Each packet of a body is handled as it comes.
#[tokio::test]
async fn post_that_announces_more_than_is_allowed_and_stalls_is_not_free() {
    let app = app_with(|layer| layer, |auth| auth.post_timeout(Duration::from_millis(300))).await;
    let polling = Polling::open(&app, &[]).await.unwrap();
    assert_eq!(polling.connect("/", &auth_of("ann")).await, Ok(()));
    let before = app.calls.count();
    let packet = format!("42[\"message\",\"{}\"]\u{1e}", "x".repeat(60 * 1024));
    let head = format!(
        "POST /socket.io/?EIO=4&transport=polling&sid={} HTTP/1.1\r\nhost: x\r\ncontent-length: 70000\r\n\r\n",
        polling.sid
    );
    let mut posts = Vec::new();
    for _ in 0..4 {
        let mut stream = tokio::net::TcpStream::connect(app.server.addr).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(packet.as_bytes()).await.unwrap();
        posts.push(stream);
    }
    for mut post in posts {
        let mut answer = [0; 12];
        post.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 408");
    }
    assert_eq!(app.calls.count(), before + 1);
}

/// Of two packets that do not fit into one answer, each poll carries one.
#[tokio::test]
async fn poll_pays_for_what_it_carries_and_no_more() {
    let app = app_with(|layer| layer, |auth| auth.post_timeout(Duration::from_millis(300))).await;
    let polling = Polling::open(&app, &[]).await.unwrap();
    let half = format!("40/{},", "n".repeat(32_760));
    let (mut posts, mut owed) = (0, 0);
    while polling.post(&format!("{half}\u{1e}{half}")).await.status == 200 {
        posts += 1;
        owed += 2 * half.len();
        let carried = polling.poll().await.body.len();
        owed = owed.saturating_sub(carried);
        assert!(owed <= 80 * 1024, "{owed} bytes are kept after {posts} posts");
    }
    assert!((1..=4).contains(&posts), "{posts}");
}

/// A client says `5` only once its last `POST` is answered, and does not poll any more by then.
#[tokio::test]
async fn post_beside_an_upgrade_is_answered_without_a_poll() {
    let app = app().await;
    let polling = Polling::open(&app, &[("authorization", &bearer_of("ann"))]).await.unwrap();
    assert_eq!(polling.connect("/", "").await, Ok(()));
    let target = format!("/socket.io/?EIO=4&transport=websocket&sid={}", polling.sid);
    let bearer = bearer_of("ann");
    let upgrade = Socket::handshake(app.server.addr, &target, &[("authorization", &bearer)]).await;
    let mut socket = upgrade.unwrap().0;
    socket.send("2probe").await;
    assert_eq!(socket.next().await.unwrap(), Message::text("3probe"));
    for _ in 0..7 {
        let post = format!(r#"42["unknown","{}"]"#, "x".repeat(60 * 1024));
        assert_eq!(polling.post(&post).await.status, 200);
    }
    socket.send("5").await;
    socket.echoes("hi", "ann: hi").await;
}

/// engine.io would take all that have begun, one after the other, and write to one of them.
#[tokio::test]
async fn upgrade_beside_another_is_refused() {
    let app = app().await;
    let polling = Polling::open(&app, &[]).await.unwrap();
    let target = format!("/socket.io/?EIO=4&transport=websocket&sid={}", polling.sid);
    let (mut first, _) = Socket::handshake(app.server.addr, &target, &[]).await.unwrap();
    for has_begun in [false, true] {
        if has_begun {
            first.send("2probe").await;
            assert_eq!(first.next().await.unwrap(), Message::text("3probe"));
        }
        let second = Socket::handshake(app.server.addr, &target, &[]).await.err().unwrap();
        assert!(second.is(400, "bad_request"), "{second:?}");
    }
    first.send("5").await;
    assert_eq!(first.connect("/", &auth_of("ann")).await, Ok(()));
    first.echoes("hi", "ann: hi").await;
}

/// socketioxide takes a client for connected only once it could tell it so.
#[tokio::test]
async fn transport_with_an_unanswered_connect_counts_until_its_memory_is_free() {
    let connections = Connections::new().max_pending_per_address(2);
    let app = app_behind_proxy(&connections, |auth| auth).await;
    let from = [("x-forwarded-for", "192.0.2.1")];
    for _ in 0..2 {
        let polling = Polling::open(&app, &from).await.unwrap();
        assert_eq!(polling.post(&["40/x,"; 130].join("\u{1e}")).await.status, 200);
        polling.post(&connect_packet("/", &auth_of("ann"))).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        polling.poll().await;
        eventually(|| app.io.open() == 0).await;
    }
    assert_eq!(connections.entries(), [0; 3]);
    assert!(Polling::open(&app, &from).await.err().unwrap().is(429, "too_many_connections"));
}

/// engine.io answers them with nothing, and keeps what it owes.
#[tokio::test]
async fn polls_during_an_upgrade_that_never_goes_on_allow_no_more_posts() {
    let app = app_with(|layer| layer, |auth| auth.post_timeout(Duration::from_millis(300))).await;
    for by_user in [false, true] {
        let polling = Polling::open(&app, &[]).await.unwrap();
        if by_user {
            assert_eq!(polling.connect("/", &auth_of("ann")).await, Ok(()));
        }
        let target = format!("/socket.io/?EIO=4&transport=websocket&sid={}", polling.sid);
        let (mut upgrade, _) = Socket::handshake(app.server.addr, &target, &[]).await.unwrap();
        upgrade.send("2probe").await;
        assert_eq!(upgrade.next().await.unwrap(), Message::text("3probe"));
        let mut taken = 0;
        // Answered by socketioxide with the name of the namespace, which is none.
        while polling.post(&format!("40/{},", "x".repeat(60 * 1024))).await.status == 200 {
            taken += 1;
            assert_eq!(polling.poll().await.body, "6");
            assert!(taken <= 10, "a stranger may post for ever");
        }
        // What its client sends before it goes on with the upgrade.
        assert_eq!(taken, if by_user { 8 } else { 1 });
    }
}

/// socketioxide keeps what has ended without a `CONNECT` until the deadline of that.
#[tokio::test]
async fn transport_without_connect_counts_for_its_address_until_memory_is_free() {
    for reset in [true, false] {
        let connections = Connections::new().max_pending(2).max_pending_per_address(2);
        let app = app_behind_proxy(&connections, |auth| auth.connect_timeout(Duration::from_millis(500))).await;
        let (one, other) = ([("x-forwarded-for", "192.0.2.1")], [("x-forwarded-for", "192.0.2.2")]);
        for _ in 0..2 {
            if reset {
                drop(Socket::open(&app, &one).await.unwrap());
            } else {
                assert_eq!(Polling::open(&app, &one).await.unwrap().post("1").await.status, 200);
            }
        }
        eventually(|| app.io.open() == 0).await;
        assert_eq!(connections.pending(), 0, "others may have the places");
        assert!(Socket::open(&app, &one).await.unwrap_err().is(429, "too_many_connections"), "{reset}");
        let _others = [Socket::open(&app, &other).await.unwrap(), Socket::open(&app, &other).await.unwrap()];
        opens_again(&app, &one, Duration::from_secs(10)).await;
    }
}

#[tokio::test]
async fn user_may_open_so_many_transports_at_a_time_before_a_connect() {
    let connections = Connections::new().max_pending_per_address(2);
    let app = app_with(|layer| layer.sockets(Sockets::new().connections(&connections)), |auth| auth).await;
    let ann = [("authorization", &*bearer_of("ann"))];
    let mut first = Socket::open(&app, &ann).await.unwrap();
    let _second = Polling::open(&app, &ann).await.unwrap();
    assert!(Socket::open(&app, &ann).await.unwrap_err().is(429, "too_many_connections"));
    assert!(Polling::open(&app, &ann).await.err().unwrap().is(429, "too_many_connections"));
    assert_eq!(first.connect("/", "").await, Ok(()));
    let _third = Socket::open(&app, &ann).await.unwrap();
}

#[tokio::test]
async fn user_transport_without_connect_counts_until_its_memory_is_free() {
    for is_refused in [false, true] {
        let connections = Connections::new().max_pending_per_address(2);
        let app = app_with(
            |layer| layer.sockets(Sockets::new().connections(&connections)),
            |auth| auth.connect_timeout(Duration::from_millis(500)),
        );
        let app = app.await;
        let (ann, bob) = ([("authorization", &*bearer_of("ann"))], [("authorization", &*bearer_of("bob"))]);
        for _ in 0..2 {
            let mut socket = Socket::open(&app, &ann).await.unwrap();
            if is_refused {
                assert!(socket.connect("/", &auth_of("nobody")).await.is_err());
            }
        }
        eventually(|| app.io.open() == 0).await;
        assert_eq!(connections.entries(), [0; 3]);
        assert!(Socket::open(&app, &ann).await.unwrap_err().is(429, "too_many_connections"));
        for _ in 0..3 {
            let mut socket = Socket::open(&app, &bob).await.unwrap();
            assert_eq!(socket.connect("/", "").await, Ok(()), "who connects may come and go");
        }
        opens_again(&app, &ann, Duration::from_secs(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_many_at_once_gets_round_no_limit() {
    for _ in 0..5 {
        let connections = Connections::new().max_pending(5);
        let app = app_with(|layer| layer.sockets(Sockets::new().connections(&connections)), |auth| auth).await;
        let opened = join_all((0..60).map(|_| Polling::open(&app, &[]))).await;
        assert_eq!(opened.iter().filter(|opened| opened.is_ok()).count(), 5);
        for refused in opened.iter().filter_map(|opened| opened.as_ref().err()) {
            assert!(refused.is(429, "too_many_connections"), "{refused:?}");
        }
        assert_eq!(app.io.entries(), [5, 5]);
        assert_eq!(connections.entries(), [0, 0, 5]);
    }
}

#[tokio::test]
async fn transport_that_its_client_closes_waits_no_more() {
    let connections = Connections::new().max_pending(2);
    let app = app_behind_proxy(&connections, |auth| auth).await;
    let from = [("x-forwarded-for", "192.0.2.1")];
    for close in ["1", "1", "40{}\u{1e}1", "42[\"message\",\"hi\"]", "x"] {
        let first = Polling::open(&app, &from).await.unwrap();
        let second = Polling::open(&app, &from).await.unwrap();
        assert_eq!(app.io.open(), 2);
        first.post(close).await;
        second.post(close).await;
        assert_eq!(app.io.open(), 0, "{close}");
        assert!(first.poll().await.is(400, "unknown_session"));
        assert!(first.post("3").await.is(400, "unknown_session"));
        assert!(first.upgrade().await.unwrap_err().is(400, "unknown_session"));
    }
}

#[tokio::test]
async fn two_polls_at_once_close_the_transport() {
    let app = app().await;
    let polling = Polling::open(&app, &[]).await.unwrap();
    // The first one brings the ping of engine.io.
    assert_eq!(polling.poll().await.body, "2");
    let waiting = tokio::spawn({
        let polling = polling.clone();
        async move { polling.poll().await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(polling.poll().await.status, 400);
    assert_eq!(waiting.await.unwrap().status, 200);
    assert_eq!(app.io.open(), 0);
    assert!(polling.poll().await.is(400, "unknown_session"));
}

#[tokio::test]
async fn auth_is_at_most_16_kib_long() {
    let app = app().await;
    let padded = |len: usize| {
        let auth = auth_of("ann");
        let padding = "x".repeat(len - auth.len() - r#","p":"""#.len());
        format!(r#"{},"p":"{padding}"}}"#, auth.strip_suffix('}').unwrap())
    };
    assert_eq!(padded(16 * 1024).len(), 16 * 1024);
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    let too_long = socket.connect("/", &padded(16 * 1024 + 1)).await;
    assert_eq!(too_long, Err("unauthorized:invalid_credentials".into()));
    assert_eq!(socket.connect("/", &padded(16 * 1024)).await, Ok(()));
    let polling = Polling::open(&app, &[]).await.unwrap();
    let too_long = polling.connect("/", &padded(16 * 1024 + 1)).await;
    assert_eq!(too_long, Err("unauthorized:invalid_credentials".into()));
    assert_eq!(polling.connect("/", &padded(16 * 1024)).await, Ok(()));
}

#[tokio::test]
async fn message_of_more_than_64_kib_closes_either_transport() {
    let app = app().await;
    let text = |len: usize| "x".repeat(len);
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(socket.connect("/", &auth_of("ann")).await, Ok(()));
    socket.echoes(&text(60 * 1024), &format!("ann: {}", text(60 * 1024))).await;
    socket.send(&format!(r#"42["message","{}"]"#, text(64 * 1024))).await;
    socket.end().await;
    let polling = Polling::open(&app, &[]).await.unwrap();
    assert_eq!(polling.connect("/", &auth_of("ann")).await, Ok(()));
    polling.echoes(&text(60 * 1024), &format!("ann: {}", text(60 * 1024))).await;
    assert_eq!(polling.post(&format!(r#"42["message","{}"]"#, text(64 * 1024))).await.status, 413);
    eventually(|| app.io.open() == 0).await;
    assert_eq!(app.calls.count(), 4);
}

#[tokio::test]
async fn attachments_of_more_than_64_kib_close_the_transport() {
    use futures_util::SinkExt as _;
    let app = app().await;
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(socket.connect("/", &auth_of("ann")).await, Ok(()));
    let placeholders: Vec<_> = (0..3).map(|n| format!(r#"{{"_placeholder":true,"num":{n}}}"#)).collect();
    socket.send(&format!(r#"453-["message",{}]"#, placeholders.join(","))).await;
    for _ in 0..3 {
        // Sent to a server that has had enough by then.
        let _ = socket.0.send(Message::binary(vec![0; 40 * 1024])).await;
    }
    socket.end().await;
    eventually(|| app.io.open() == 0).await;
}

#[tokio::test]
async fn body_that_trickles_in_is_given_up() {
    let app = app_with(|layer| layer, |auth| auth.post_timeout(Duration::from_millis(100))).await;
    let polling = Polling::open(&app, &[]).await.unwrap();
    let mut stream = tokio::net::TcpStream::connect(app.server.addr).await.unwrap();
    let target = format!("/socket.io/?EIO=4&transport=polling&sid={}", polling.sid);
    let head = format!("POST {target} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\nconnection: close\r\n\r\n40");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
}

/// What the handlers answer is kept for a client that polls, and engine.io counts packets, not bytes.
#[tokio::test]
async fn client_that_never_polls_posts_little_more_than_one_long_message() {
    let app = app_with(|layer| layer, |auth| auth.post_timeout(Duration::from_millis(300))).await;
    let polling = Polling::open(&app, &[]).await.unwrap();
    assert_eq!(polling.connect("/", &auth_of("ann")).await, Ok(()));
    let long = |n: usize| "x".repeat(39 * 1024 + n);
    let message = |n| format!(r#"42["message","{}"]"#, long(n));
    let before = app.calls.count();
    for (n, status) in [(0, 200), (1, 200), (2, 408), (3, 408)] {
        assert_eq!(polling.post(&message(n)).await.status, status, "{n}");
    }
    eventually(|| app.calls.count() == before + 2).await;
    assert_eq!(polling.message(r#"2["message""#).await.len(), r#"2["message","ann: "]"#.len() + long(0).len());
    assert_eq!(polling.post(&message(4)).await.status, 200);
    eventually(|| app.calls.count() == before + 3).await;
}

#[tokio::test]
async fn body_that_trickles_in_does_not_outlive_its_transport() {
    let app = app().await;
    for ends_by_itself in [false, true] {
        let polling = Polling::open(&app, &[]).await.unwrap();
        let mut stream = tokio::net::TcpStream::connect(app.server.addr).await.unwrap();
        let target = format!("/socket.io/?EIO=4&transport=polling&sid={}", polling.sid);
        let head = format!("POST {target} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\nconnection: close\r\n\r\n40");
        stream.write_all(head.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        if ends_by_itself {
            assert_eq!(polling.post("1").await.status, 200);
        } else {
            app.io.close_all();
        }
        let mut answer = String::new();
        let answered = stream.read_to_string(&mut answer);
        tokio::time::timeout(Duration::from_secs(1), answered).await.unwrap().unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("unknown_session"), "{answer}");
    }
}

#[tokio::test]
async fn hostile_packets_are_no_fault_of_the_server() {
    let app = app().await;
    for packet in [
        "",
        "4",
        "9",
        "4{",
        "40/",
        "44",
        "45",
        "451-",
        "4299999999999999999999",
        "40{\"token\":",
        "b",
        "\u{1e}",
        "43",
        "5",
        "0",
    ] {
        let polling = Polling::open(&app, &[("authorization", &bearer_of("ann"))]).await.unwrap();
        let answer = polling.post(packet).await;
        assert!(answer.status < 500, "{packet}: {answer:?}");
        let mut socket = Socket::open(&app, &[("authorization", &bearer_of("ann"))]).await.unwrap();
        socket.send(packet).await;
    }
    let mut socket = Socket::open(&app, &[("authorization", &bearer_of("ann"))]).await.unwrap();
    assert_eq!(socket.connect("/", "").await, Ok(()));
    socket.echoes("hi", "ann: hi").await;
}
