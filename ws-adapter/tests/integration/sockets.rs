//! Edge cases of sockets: full buffers, ends, limits.

use std::{
    pin::pin,
    sync::{Arc, Mutex},
    task::Poll,
    time::{Duration, Instant},
};

use auth_core::{Revocation, Secret};
use axum::{
    Router,
    body::Body,
    extract::{Path, ws::Message},
    response::Response,
    routing::any,
};
use futures_util::{FutureExt as _, SinkExt};
use http::{Request, StatusCode, request::Parts};
use tokio::{
    sync::{Notify, mpsc},
    task::yield_now,
    time::timeout,
};
use tokio_tungstenite::tungstenite;
use tower::{Layer as _, service_fn};
use ws_adapter::{AuthSocket, AuthWebSocketUpgrade, Close, Connections, Shutdown, Sockets};

use crate::{
    common::{assert_debug_is_clean, eventually},
    feed::Feed,
    support::*,
};

/// A server whose only route runs `handler`, without pings.
async fn serve<F, Fut>(handler: F) -> Server
where
    F: Fn(AuthSocket<User>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let route = any(move |ws: AuthWebSocketUpgrade<User>| async move { ws.on_upgrade(handler) });
    let layer = layer(jwt_or_basic()).sockets(Sockets::new().without_ping());
    Server::start(Router::new().route("/ws", route).layer(layer)).await
}

/// A socket of `ann` that speaks `auth.v1`.
async fn open(server: &Server) -> Client {
    server.connect("/ws", &[("sec-websocket-protocol", &protocols(&token("ann", 60)))]).await.unwrap().0
}

async fn anonymous(server: &Server, path: &str) -> Client {
    server.connect(path, &[]).await.unwrap().0
}

fn filler() -> Message {
    Message::binary(vec![0; 60_000])
}

/// Sends until the buffers are full, because the peer does not read.
async fn fill(socket: &mut AuthSocket<User>) {
    let mut quiet = 0;
    while quiet < 4 {
        let went_out = timeout(Duration::from_millis(50), socket.send(filler())).await.is_ok();
        quiet = if went_out { 0 } else { quiet + 1 };
    }
}

/// A server that runs `handler` in a separate task once the buffers are full. The handler reports with the `Notify`.
async fn serve_full<F, Fut>(handler: F) -> (Server, Arc<Notify>)
where
    F: Fn(AuthSocket<User>, Arc<Notify>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let tells = Arc::new(Notify::new());
    let told = Arc::clone(&tells);
    let server = serve(move |mut socket| {
        let (handler, tells) = (handler.clone(), Arc::clone(&tells));
        async move {
            tokio::spawn(async move {
                fill(&mut socket).await;
                handler(socket, tells).await;
            });
        }
    })
    .await;
    (server, told)
}

/// The next text. It skips other messages.
async fn next_text(client: &mut Client) -> String {
    loop {
        match client.next().await {
            Some(tungstenite::Message::Text(text)) => return text.to_string(),
            Some(_) => {}
            None => panic!("the socket ended"),
        }
    }
}

/// The result of a handler. Panics if it takes too long.
async fn told<T>(word: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(10), word).await.expect("the handler failed, or waits forever")
}

/// Lets the other tasks do all they can.
async fn others_run() {
    for _ in 0..100 {
        yield_now().await;
    }
}

#[tokio::test]
async fn queued_answer_is_sent_while_a_sender_in_another_task_waits() {
    let (server, is_full) = serve_full(async |mut socket, full| {
        // The handler does not receive the credential before it, and the answer to that has no room.
        assert_eq!(socket.recv().await, Some(Message::text("presented")));
        others_run().await;
        {
            let mut last = pin!(socket.send(Message::text("last")));
            assert!(last.as_mut().now_or_never().is_none());
            full.notify_one();
            last.await.unwrap();
        }
        socket.recv().await;
    })
    .await;
    let mut client = open(&server).await;
    client.send(r#"{"type":"auth"}"#).await;
    client.send("presented").await;
    told(is_full.notified()).await;
    while !next_text(&mut client).await.contains("auth_error") {}
}

#[tokio::test]
async fn at_most_eight_answers_wait_for_a_peer_that_does_not_read() {
    let (server, is_full) = serve_full(async |mut socket, full| {
        while socket.recv().await == Some(Message::text("presented")) {
            others_run().await;
        }
        full.notify_one();
        assert_eq!(socket.recv().await, Some(Message::text("end")));
        socket.send(Message::text("end")).await.unwrap();
    })
    .await;
    let mut client = open(&server).await;
    for secs in 100..110 {
        client.send(&presented(&token("ann", secs))).await;
        client.send("presented").await;
    }
    client.send("all").await;
    told(is_full.notified()).await;
    let mut answers = 0;
    loop {
        let text = next_text(&mut client).await;
        if text == "end" {
            break;
        }
        assert!(text.contains("auth_ok"), "{text}");
        answers += 1;
        if answers == 1 {
            client.send("end").await;
        }
    }
    assert_eq!(answers, 8);
}

#[tokio::test]
async fn sink_is_not_ready_while_the_peer_does_not_read() {
    let (tell, mut words) = mpsc::unbounded_channel();
    let server = serve(move |mut socket| {
        let tell = tell.clone();
        async move {
            let ended = loop {
                match timeout(Duration::from_millis(50), socket.feed(filler())).await {
                    Ok(Ok(())) => {}
                    ended => break ended.is_err(),
                }
            };
            let _ = tell.send(ended);
        }
    })
    .await;
    let _silent = open(&server).await;
    assert_eq!(told(words.recv()).await, Some(true), "the send succeeds");
}

#[tokio::test]
async fn sink_that_is_closed_closes_the_socket() {
    let server = serve(|mut socket| async move {
        SinkExt::close(&mut socket).await.unwrap();
        while socket.recv().await.is_some() {}
    })
    .await;
    assert_eq!(open(&server).await.next().await, Some(tungstenite::Message::Close(None)));
}

#[tokio::test]
async fn pong_that_answers_another_ping_reaches_the_handler() {
    let server = Server::start(app(layer(jwt_or_basic()))).await;
    let mut client = open(&server).await;
    let pong = tungstenite::Message::Pong("heartbeat".into());
    client.0.send(pong.clone()).await.unwrap();
    assert_eq!(client.next().await, Some(pong));
}

#[tokio::test]
async fn credentials_sent_during_a_refresh_count_as_wrong() {
    let server = serve(|socket| async move {
        let stuck = Secret::new(token("stuck", 900));
        let mut under_way = pin!(socket.refresh("bearer", &stuck));
        assert!(under_way.as_mut().now_or_never().is_none());
        for _ in 0..3 {
            assert_eq!(socket.refresh("bearer", &stuck).await.unwrap_err().code(), "in_progress");
        }
        let _ = under_way.await;
    })
    .await;
    assert_eq!(open(&server).await.closed().await, close(4401, "invalid_credentials"));
}

#[tokio::test]
async fn ended_socket_takes_no_credential() {
    let (tell, mut words) = mpsc::unbounded_channel();
    let shutdown = Shutdown::new();
    let route = any(move |ws: AuthWebSocketUpgrade<User>| async move {
        ws.on_upgrade(move |mut socket| async move {
            tokio::spawn(async move {
                while socket.recv().await.is_some() {}
                let error = socket.refresh("bearer", &Secret::new("a.b.c")).await.unwrap_err();
                let _ = tell.send(error.to_string());
            });
        })
    });
    let layer = layer(jwt_or_basic()).sockets(Sockets::new().shutdown(&shutdown));
    let server = Server::start(Router::new().route("/ws", route).layer(layer)).await;
    let _client = open(&server).await;
    shutdown.begin();
    assert_eq!(told(words.recv()).await.unwrap(), "the credential was not accepted: ended");
}

#[tokio::test]
async fn finished_socket_no_longer_counts_while_its_request_is_kept() {
    let (connections, kept, ends) = (Connections::new(), Arc::new(Mutex::new(None)), Arc::new(Notify::new()));
    let (place, end) = (Arc::clone(&kept), Arc::clone(&ends));
    let route = any(move |parts: Parts, ws: AuthWebSocketUpgrade<User>| async move {
        *place.lock().unwrap() = Some(parts);
        ws.on_upgrade(move |socket| async move {
            socket.close(Close::NORMAL);
            end.notified().await;
        })
    });
    let layer = layer(jwt_or_basic()).sockets(Sockets::new().connections(&connections));
    let server = Server::start(Router::new().route("/ws", route).layer(layer)).await;
    assert_eq!(open(&server).await.closed().await, close(1000, ""));
    assert_eq!(connections.count(), 1, "the handler runs on, and the registry can end it");
    ends.notify_one();
    eventually(|| connections.count() == 0).await;
    assert!(kept.lock().unwrap().is_some());
}

#[tokio::test]
async fn peer_that_answers_the_close_is_released_at_once() {
    let mut fastest = Duration::MAX;
    // The machine may be busy once, but not every time.
    for _ in 0..3 {
        let shutdown = Shutdown::new();
        let server = Server::start(app(layer(jwt_or_basic()).sockets(Sockets::new().shutdown(&shutdown)))).await;
        let mut client = open(&server).await;
        assert!(client.echoes("open").await);
        let begun = Instant::now();
        shutdown.begin();
        assert_eq!(client.closed().await, close(1012, "restarting"));
        while client.next().await.is_some() {}
        shutdown.drained().await;
        fastest = fastest.min(begun.elapsed());
    }
    assert!(fastest < Duration::from_millis(400), "{fastest:?}");
}

#[tokio::test]
async fn first_message_above_16_kib_closes_with_1009() {
    let layer = layer(jwt_or_basic()).first_message().max_message_size(1024 * 1024);
    let server = Server::start(Router::new().route("/ws", any(echo)).layer(layer)).await;
    let of_length = |len: usize| {
        let start = presented(&token("ann", 60));
        let start = start.strip_suffix('}').unwrap();
        format!(r#"{start},"p":"{}"}}"#, "p".repeat(len - start.len() - r#","p":""}"#.len()))
    };
    let mut client = anonymous(&server, "/ws").await;
    client.send(&of_length(16 * 1024)).await;
    assert_eq!(client.json().await["type"], "auth_ok");
    let mut client = anonymous(&server, "/ws").await;
    client.send(&of_length(16 * 1024 + 1)).await;
    assert_eq!(client.closed().await, close(1009, "too_big"));
}

#[tokio::test]
async fn route_that_opens_no_socket_decides_the_close_by_its_status() {
    let answer = |Path(status): Path<u16>| async move { StatusCode::from_u16(status).unwrap() };
    let layer = layer(jwt_or_basic()).first_message();
    let server = Server::start(Router::new().route("/{status}", any(answer)).layer(layer)).await;
    for (path, code, reason) in [
        ("/200", 4403, "forbidden"),
        ("/404", 4403, "forbidden"),
        ("/500", 1011, "internal_error"),
        ("/502", 1011, "internal_error"),
        ("/503", 1013, "unavailable"),
    ] {
        let mut client = anonymous(&server, path).await;
        assert_eq!(client.present(&token("ann", 60)).await["type"], "auth_ok");
        assert_eq!(client.closed().await, close(code, reason), "{path}");
    }
}

#[tokio::test]
async fn first_message_with_a_revoked_credential_closes_with_4403() {
    let (feed, connections) = (Feed::new(), Connections::new());
    connections.follow(feed.clone());
    feed.revoke_silently(Revocation::credential("", "1"));
    let layer = layer(jwt_or_basic()).sockets(Sockets::new().connections(&connections)).first_message();
    let server = Server::start(Router::new().route("/ws", any(echo)).layer(layer)).await;
    let mut client = anonymous(&server, "/ws").await;
    client.send(&presented(&token_with_id("ann", 60, "1"))).await;
    assert_eq!(client.closed().await, close(4403, "revoked"));
}

#[tokio::test]
async fn first_message_layer_is_ready_when_its_inner_service_is() {
    let layer = layer(jwt_or_basic()).first_message();
    let (mut service, mut handle) = tower_test::mock::spawn_layer::<Request<Body>, Response<Body>, _>(layer);
    handle.allow(0);
    assert!(service.poll_ready().is_pending());
    handle.allow(1);
    assert!(matches!(service.poll_ready(), Poll::Ready(Ok(()))));
}

#[tokio::test]
async fn debug_of_sockets_is_useful_and_holds_no_secret() {
    let secret = token("ann", 60);
    let layer = layer(jwt_or_basic()).first_message();
    let inner = service_fn(async |request: Request<Body>| Ok::<_, StatusCode>(Response::new(request.into_body())));
    assert_debug_is_clean(&layer, &secret);
    assert_debug_is_clean(&layer.layer(inner), &secret);

    let marker = secret.clone();
    let route = any(move |ws: AuthWebSocketUpgrade<User>| async move {
        assert_debug_is_clean(&ws, &marker);
        ws.on_upgrade(move |mut socket| async move {
            assert_debug_is_clean(&socket, &marker);
            socket.send(Message::text("clean")).await.unwrap();
        })
    });
    let server = Server::start(Router::new().route("/ws", route).layer(layer)).await;
    let mut client = server.open(&format!("Bearer {secret}")).await;
    assert_eq!(client.next().await, Some(tungstenite::Message::text("clean")));
}
