//! What operators see about connections.

use std::{cell::RefCell, collections::BTreeMap, sync::Arc, time::Duration};

use auth_core::Revocation;
use axum::extract::ws::Message;
use metrics_util::{
    CompositeKey,
    debugging::{DebugValue, DebuggingRecorder, Snapshotter},
};
use tokio::sync::Notify;
use tokio_tungstenite::MaybeTlsStream;
use ws_adapter::{
    AuthLayer, AuthWebSocketUpgrade, ClientAddress, Close, Connections, Overflow, Sockets, require_scope,
};

use crate::{common::eventually, support::*};

/// Runs `test` on one thread, with its own recorder.
fn recorded<Fut: Future<Output = ()>>(test: impl FnOnce(Seen) -> Fut) {
    let recorder = DebuggingRecorder::new();
    let seen = Seen { snapshotter: recorder.snapshotter(), sums: RefCell::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || runtime.block_on(test(seen)));
}

struct Seen {
    snapshotter: Snapshotter,
    sums: RefCell<BTreeMap<String, f64>>,
}

impl Seen {
    /// Every series as `name{labels}`. A snapshot holds the change since the last one, for gauges too.
    fn all(&self) -> BTreeMap<String, f64> {
        let mut sums = self.sums.borrow_mut();
        for (key, _, _, value) in self.snapshotter.snapshot().into_vec() {
            *sums.entry(name(&key)).or_default() += number(&value);
        }
        sums.clone()
    }
}

fn name(key: &CompositeKey) -> String {
    let labels: Vec<_> = key.key().labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
    format!("{}{{{}}}", key.key().name(), labels.join(","))
}

fn number(value: &DebugValue) -> f64 {
    match value {
        DebugValue::Counter(count) => f64::from(u32::try_from(*count).unwrap()),
        DebugValue::Gauge(value) => value.into_inner(),
        DebugValue::Histogram(_) => panic!("there are no histograms"),
    }
}

#[test]
fn open_pending_refused_expired_refreshed_and_revoked_are_counted() {
    recorded(async |seen: Seen| {
        let (clock, connections) = (clock(), Connections::new().per_user(3, Overflow::RejectNew));
        let layer = AuthLayer::new(jwt_or_basic())
            .timer(clock.clone())
            .sockets(Sockets::new().connections(&connections))
            .first_message();
        let server = Server::start(axum::Router::new().merge(routes()).layer(layer)).await;

        let open = async |id: &str| {
            let protocols = protocols(&token_with_id("ann", 60, id));
            let mut client = server.connect("/ws", &[("sec-websocket-protocol", &protocols)]).await.unwrap().0;
            assert!(client.echoes("open").await);
            client
        };
        let (mut one, mut two, mut three) = (open("1").await, open("2").await, open("3").await);
        let mut waiting = server.connect("/ws", &[]).await.unwrap().0;
        let late = [("authorization", format!("Bearer {}", token("ann", -100)))];
        assert_eq!(server.refused(&[("authorization", &late[0].1)]).await.status, 401);
        let fourth = [("authorization", format!("Bearer {}", token("ann", 60)))];
        assert_eq!(server.refused(&[("authorization", &fourth[0].1)]).await.status, 429);
        assert_eq!(one.present(&token("ann", 900)).await["type"], "auth_ok");
        assert_eq!(one.present("a.b.c").await["type"], "auth_error");
        connections.close(&Revocation::credential("", "2"), &Close::REVOKED);
        assert!(two.closed().await.is_some());
        waiting.send(&presented("a.b.c")).await;
        assert!(waiting.closed().await.is_some());
        // A refused socket counts until its peer has answered the close.
        eventually(|| connections.pending() == 0).await;
        let all = seen.all();
        let value = |name: &str| all.get(name).copied().unwrap_or_default();
        assert_eq!(value("auth_connections_open{}"), 2.0, "{all:?}");
        assert_eq!(value("auth_connections_pending{}"), 0.0);
        assert_eq!(value("auth_refused_total{transport=websocket,code=token_expired}"), 1.0);
        assert_eq!(value("auth_refused_total{transport=websocket,code=too_many_connections}"), 1.0);
        assert_eq!(value("auth_refused_total{transport=in_band,code=invalid_credentials}"), 1.0);
        assert_eq!(value("auth_refreshes_total{code=accepted}"), 1.0);
        assert_eq!(value("auth_refreshes_total{code=invalid_credentials}"), 1.0);
        assert_eq!(value("auth_connections_closed_total{reason=revoked}"), 1.0);
        assert_eq!(value("auth_connections_closed_total{reason=invalid_credentials}"), 1.0);

        clock.advance(Duration::from_secs(60));
        assert!(three.closed().await.is_some());
        one.0.close(None).await.unwrap();
        eventually(|| connections.count() == 0).await;
        let all = seen.all();
        assert_eq!(all.get("auth_connections_closed_total{reason=token_expired}"), Some(&1.0), "{all:?}");
        assert_eq!(all.get("auth_connections_closed_total{reason=normal}"), Some(&1.0), "{all:?}");
        assert_eq!(all["auth_connections_open{}"], 0.0);
    });
}

/// A client that has its answer from the server, so that nothing is in flight.
async fn settled(server: &Server) -> Client {
    let mut client = server.open(&bearer_of("ann")).await;
    assert!(client.echoes("open").await);
    client
}

/// Ends the TCP connection without a WebSocket close, by reset or FIN.
fn vanish(client: Client, with_reset: bool) {
    let MaybeTlsStream::Plain(stream) = client.0.get_ref() else { panic!("it is plain TCP") };
    if with_reset {
        stream.set_zero_linger().unwrap();
    }
    drop(client);
}

/// The counted closes, once the server has no connections left.
async fn closes(seen: &Seen, connections: &Connections) -> Vec<(String, f64)> {
    eventually(|| connections.count() == 0).await;
    let all = seen.all().into_iter().filter(|(name, _)| name.starts_with("auth_connections_closed_total"));
    all.map(|(name, count)| (name.split_once('=').unwrap().1.trim_end_matches('}').to_owned(), count)).collect()
}

#[test]
fn lost_connection_is_counted_apart_from_a_closed_one() {
    for with_reset in [true, false] {
        recorded(async |seen: Seen| {
            let connections = Connections::new();
            let server =
                Server::start(app(layer(jwt_or_basic()).sockets(Sockets::new().connections(&connections)))).await;
            vanish(settled(&server).await, with_reset);
            assert_eq!(closes(&seen, &connections).await, [("abnormal".to_owned(), 1.0)], "reset: {with_reset}");
            settled(&server).await.0.close(None).await.unwrap();
            let both = [("abnormal".to_owned(), 1.0), ("normal".to_owned(), 1.0)];
            assert_eq!(closes(&seen, &connections).await, both);
        });
    }
}

#[test]
fn lost_connection_is_counted_while_the_handler_only_sends() {
    recorded(async |seen: Seen| {
        let connections = Connections::new();
        let flood = async |ws: AuthWebSocketUpgrade<User>| {
            ws.on_upgrade(|mut socket| async move { while socket.send(Message::text("tick")).await.is_ok() {} })
        };
        let app = axum::Router::new().route("/ws", axum::routing::any(flood));
        let server =
            Server::start(app.layer(layer(jwt_or_basic()).sockets(Sockets::new().connections(&connections)))).await;
        let mut client = server.open(&bearer_of("ann")).await;
        assert!(client.next().await.is_some());
        vanish(client, true);
        assert_eq!(closes(&seen, &connections).await, [("abnormal".to_owned(), 1.0)]);
    });
}

/// A long message is written at once, a short one when it is flushed.
#[test]
fn lost_connection_is_counted_between_messages_of_any_length() {
    for len in [4, 60_000] {
        recorded(async |seen: Seen| {
            let connections = Connections::new();
            let gone = Arc::new(Notify::new());
            let is_gone = Arc::clone(&gone);
            let twice = async move |ws: AuthWebSocketUpgrade<User>| {
                ws.on_upgrade(move |mut socket| async move {
                    let message = || Message::text("x".repeat(len));
                    socket.send(message()).await.unwrap();
                    is_gone.notified().await;
                    // A reset may be reported one message late.
                    while socket.send(message()).await.is_ok() {}
                })
            };
            let app = axum::Router::new().route("/ws", axum::routing::any(twice));
            let server =
                Server::start(app.layer(layer(jwt_or_basic()).sockets(Sockets::new().connections(&connections)))).await;
            let mut client = server.open(&bearer_of("ann")).await;
            assert!(client.next().await.is_some());
            vanish(client, true);
            gone.notify_one();
            assert_eq!(closes(&seen, &connections).await, [("abnormal".to_owned(), 1.0)], "{len}");
        });
    }
}

#[test]
fn lost_connection_is_counted_before_the_first_message() {
    recorded(async |seen: Seen| {
        let connections = Connections::new();
        let server = Server::start(
            routes().layer(layer(jwt_or_basic()).sockets(Sockets::new().connections(&connections)).first_message()),
        )
        .await;
        let waiting = server.connect("/ws", &[]).await.unwrap().0;
        eventually(|| seen.all().get("auth_connections_pending{}") == Some(&1.0)).await;
        vanish(waiting, true);
        eventually(|| connections.pending() == 0).await;
        assert_eq!(closes(&seen, &connections).await, [("abnormal".to_owned(), 1.0)]);
    });
}

/// After a proper close, a peer may drop the connection in any way.
#[test]
fn connection_that_the_peer_closed_never_counts_as_lost() {
    recorded(async |seen: Seen| {
        let connections = Connections::new();
        let (heard, gone) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (hears, goes) = (Arc::clone(&heard), Arc::clone(&gone));
        let slow = async move |ws: AuthWebSocketUpgrade<User>| {
            ws.on_upgrade(move |mut socket| async move {
                while let Some(message) = socket.recv().await {
                    if matches!(message, Message::Close(_)) {
                        hears.notify_one();
                        goes.notified().await;
                    }
                }
            })
        };
        let app = axum::Router::new().route("/ws", axum::routing::any(slow));
        let server =
            Server::start(app.layer(layer(jwt_or_basic()).sockets(Sockets::new().connections(&connections)))).await;
        let mut client = server.open(&bearer_of("ann")).await;
        client.0.close(None).await.unwrap();
        heard.notified().await;
        vanish(client, true);
        gone.notify_one();
        assert_eq!(closes(&seen, &connections).await, [("normal".to_owned(), 1.0)]);
    });
}

#[test]
fn refusal_of_a_requirement_is_counted_by_transport_and_code() {
    recorded(async |seen: Seen| {
        let routes = routes().route("/me", axum::routing::get(me)).layer(require_scope::<User>("chat:write"));
        let server = Server::start(routes.layer(layer(jwt_or_basic()))).await;
        let ann = [("authorization", &*bearer_of("ann"))];
        assert!(server.get("/me", &ann).await.is(403, "insufficient_scope"));
        assert!(server.get("/me", &ann).await.is(403, "insufficient_scope"));
        assert!(server.refused(&ann).await.is(403, "insufficient_scope"));
        let all = seen.all();
        assert_eq!(all["auth_refused_total{transport=http,code=insufficient_scope}"], 2.0, "{all:?}");
        assert_eq!(all["auth_refused_total{transport=websocket,code=insufficient_scope}"], 1.0, "{all:?}");
    });
}

#[test]
fn pending_connection_is_counted_while_it_waits() {
    recorded(async |seen: Seen| {
        let server = Server::start(routes().layer(AuthLayer::new(jwt_or_basic()).timer(clock()).first_message())).await;
        let _waiting = server.connect("/ws", &[]).await.unwrap();
        eventually(|| seen.all().get("auth_connections_pending{}") == Some(&1.0)).await;
    });
}

#[test]
fn displaced_connection_is_counted_and_no_longer_pending() {
    recorded(async |seen: Seen| {
        let connections = Connections::new().max_pending(1);
        let layer = layer(jwt_or_basic())
            .sockets(Sockets::new().connections(&connections).client_address(ClientAddress::behind_proxies(1)));
        let server = Server::start(routes().layer(layer.first_message())).await;
        let open = async |address| server.connect("/ws", &[("x-forwarded-for", address)]).await.unwrap().0;
        let mut waiting = open("192.0.2.1").await;
        let _stranger = open("192.0.2.2").await;
        assert_eq!(waiting.closed().await, close(4503, "displaced"));
        drop(waiting);
        eventually(|| seen.all().get("auth_connections_pending{}") == Some(&1.0)).await;
        assert_eq!(seen.all()["auth_connections_closed_total{reason=displaced}"], 1.0);
    });
}

#[test]
fn custom_close_reason_does_not_become_a_label() {
    recorded(async |seen: Seen| {
        let connections = Connections::new();
        let server = Server::start(app(AuthLayer::new(jwt_or_basic())
            .timer(clock())
            .sockets(Sockets::new().connections(&connections))))
        .await;
        let mut client = server.open(&format!("Bearer {}", token_with_id("ann", 60, "1"))).await;
        assert!(client.echoes("open").await);
        connections.close(&Revocation::credential("", "1"), &Close::new(4000, "who knows"));
        assert!(client.closed().await.is_some());
        assert_eq!(seen.all()["auth_connections_closed_total{reason=application}"], 1.0);
    });
}

fn routes() -> axum::Router {
    axum::Router::new().route("/ws", axum::routing::any(echo))
}
