//! Places for sockets without a credential: who gets one if there are more clients than places.

use std::{net::SocketAddr, time::Duration};

use auth_core::ManualClock;
use axum::{Router, routing::any};
use futures_util::{StreamExt as _, future::join_all};
use tokio::{io::AsyncReadExt as _, net::TcpListener, time};
use tokio_tungstenite::{MaybeTlsStream, tungstenite::Message};
use ws_adapter::{AuthLayer, ClientAddress, CloseCodes, Connections, Sockets};

use crate::{
    common::{eventually, everything, refusals},
    support::*,
};

const STRANGER: &str = "198.51.100.9";

/// A route behind one proxy that takes first messages. Pages see why they are refused.
async fn serve(connections: &Connections, clock: &ManualClock) -> Server {
    let sockets = Sockets::new().connections(connections).client_address(ClientAddress::behind_proxies(1));
    let layer = AuthLayer::new(jwt_or_basic()).timer(clock.clone()).sockets(sockets.accept_then_close());
    let layer = layer.first_message();
    Server::start(Router::new().route("/ws", any(echo)).layer(layer)).await
}

async fn connect(server: &Server, address: &str) -> Result<Client, Answer> {
    Ok(server.connect("/ws", &[("x-forwarded-for", address)]).await?.0)
}

/// Sends `each` handshakes from each of 25 subnets of one /48, and returns the results.
async fn flood(server: &Server, each: usize) -> Vec<Result<Client, Answer>> {
    let mut outcomes = Vec::new();
    for subnet in 0..25 {
        for host in 0..each {
            outcomes.push(connect(server, &format!("2001:db8:0:{subnet:x}00::{host:x}")).await);
        }
    }
    outcomes
}

#[tokio::test]
async fn subnets_of_one_network_do_not_take_all_places() {
    let connections = Connections::new();
    let server = serve(&connections, &clock()).await;
    let outcomes = flood(&server, 50).await;
    let refused = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
    assert!(refused.inspect(|answer| assert!(answer.is(429, "too_many_connections"))).count() == 1250 - 200);
    assert_eq!(connections.pending(), 200, "four times the limit of one address");
    let mut stranger = connect(&server, STRANGER).await.unwrap();
    assert_eq!(stranger.present(&token("ann", 60)).await["type"], "auth_ok");
}

#[tokio::test]
async fn network_with_all_places_loses_its_oldest_connection_to_a_stranger() {
    let connections = Connections::new().max_pending(12).max_pending_per_address(4);
    let server = serve(&connections, &clock()).await;
    let mut open: Vec<_> = flood(&server, 4).await.into_iter().filter_map(Result::ok).collect();
    assert_eq!((open.len(), connections.pending()), (12, 12));
    for other in ["2001:db8:1::1", STRANGER] {
        let mut stranger = connect(&server, other).await.unwrap();
        assert_eq!(connections.pending(), 12);
        assert_eq!(open.remove(0).closed().await, close(4503, "displaced"));
        assert_eq!(stranger.present(&token("ann", 60)).await["type"], "auth_ok");
        eventually(|| connections.pending() == 11).await;
        open.push(connect(&server, "2001:db8::5").await.unwrap());
    }
    assert_eq!(
        connect(&server, "2001:db8:0:900::1").await.unwrap_err().status,
        429,
        "its own network has the most places"
    );
    for mut rest in open {
        assert_eq!(rest.present(&token("ann", 60)).await["type"], "auth_ok", "nothing else was displaced");
    }
    eventually(|| connections.pending() == 0).await;
}

/// A stranger displaces each kind of connection that waits or was refused.
#[tokio::test]
async fn every_kind_of_pending_connection_can_be_displaced() {
    let connections = Connections::new().max_pending(1);
    let server = serve(&connections, &clock()).await;
    let displace = async || connect(&server, STRANGER).await.unwrap();

    let mut waiting = connect(&server, "192.0.2.1").await.unwrap();
    let stranger = displace().await;
    assert_eq!(waiting.closed().await, close(4503, "displaced"));
    drop(stranger);
    eventually(|| connections.pending() == 0).await;

    let mut judged = connect(&server, "192.0.2.1").await.unwrap();
    judged.send(&presented(&token("stuck", 60))).await;
    let stranger = displace().await;
    assert_eq!(judged.closed().await, close(4503, "displaced"));
    drop(stranger);
    eventually(|| connections.pending() == 0).await;

    let own = format!("http://{}", server.addr);
    let page = [("origin", own.as_str()), ("authorization", "Bearer a.b.c"), ("x-forwarded-for", "192.0.2.1")];
    let mut refused = server.connect("/ws", &page).await.unwrap().0;
    assert_eq!(connections.pending(), 1);
    let _stranger = displace().await;
    assert_eq!(connections.pending(), 1);
    assert!(is_cut(&mut refused).await);
}

/// Only the time that each has limits how many are being displaced.
#[tokio::test]
async fn displaced_client_that_ignores_the_close_is_soon_cut_off() {
    let connections = Connections::new().max_pending(1);
    let server = serve(&connections, &clock()).await;
    let mut waiting = connect(&server, "192.0.2.1").await.unwrap();
    let _stranger = connect(&server, STRANGER).await.unwrap();
    assert!(is_cut(&mut waiting).await);
}

/// Whether the connection ends well before the two seconds for answering a close. The client does not answer.
async fn is_cut(client: &mut Client) -> bool {
    let MaybeTlsStream::Plain(stream) = client.0.get_mut() else { panic!("TLS") };
    time::timeout(Duration::from_millis(1500), stream.read_to_end(&mut Vec::new())).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn simultaneous_newcomers_never_exceed_the_limit() {
    let connections = Connections::new().max_pending(5);
    let server = serve(&connections, &clock()).await;
    let opened = join_all((0..60).map(async |client: usize| {
        // Ten from each of three addresses, and one from each of thirty others.
        let address = if client < 30 { client % 3 } else { client };
        let opened = connect(&server, &format!("192.0.2.{address}")).await;
        assert!(connections.pending() <= 5);
        opened
    }));
    let closed = opened.await.into_iter().filter_map(Result::ok).map(async |mut client| {
        // A client that has a place keeps it.
        let closed = time::timeout(Duration::from_secs(1), client.0.next()).await;
        let Ok(Some(Ok(Message::Close(Some(close))))) = closed else { return false };
        close.reason == "displaced"
    });
    let closed = join_all(closed).await;
    assert_eq!(closed.iter().filter(|is_displaced| !**is_displaced).count(), 5);
    eventually(|| connections.pending() == 0).await;
}

#[tokio::test]
async fn refused_connection_displaces_nothing() {
    let connections = Connections::new().max_pending(1);
    let server = serve(&connections, &clock()).await;
    let mut waiting = connect(&server, "192.0.2.1").await.unwrap();
    let own = format!("http://{}", server.addr);
    let page = [("origin", own.as_str()), ("authorization", "Bearer a.b.c"), ("x-forwarded-for", STRANGER)];
    assert!(server.refused(&page).await.is(401, "invalid_credentials"));
    let fake = [("upgrade", "websocket"), ("connection", "upgrade"), ("x-forwarded-for", STRANGER)];
    assert!(server.get("/ws", &fake).await.is(401, "missing_credentials"));
    assert_eq!(waiting.present(&token("ann", 60)).await["type"], "auth_ok");
}

#[tokio::test]
async fn client_of_a_crowded_address_gets_a_place_after_the_deadline() {
    let (connections, clock) = (Connections::new().max_pending(2), clock());
    let server = serve(&connections, &clock).await;
    let mut flood = (connect(&server, STRANGER).await.unwrap(), connect(&server, STRANGER).await.unwrap());
    assert_eq!(connect(&server, STRANGER).await.unwrap_err().status, 429);
    let with = [("authorization", bearer_of("ann")), ("x-forwarded-for", STRANGER.to_owned())];
    let with = with.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert!(server.connect("/ws", &with).await.unwrap().0.echoes("a credential needs no place").await);
    clock.advance(Duration::from_secs(10));
    assert_eq!(flood.0.closed().await, close(4408, "auth_timeout"));
    drop(flood);
    eventually(|| connections.pending() == 0).await;
    assert_eq!(connect(&server, STRANGER).await.unwrap().present(&token("ann", 60)).await["type"], "auth_ok");
}

#[tokio::test]
async fn displaced_connection_is_one_log_line_and_has_an_iana_code() {
    let connections = Connections::new().max_pending(1);
    let sockets = Sockets::new().connections(&connections).client_address(ClientAddress::behind_proxies(1));
    let layer = layer(jwt_or_basic()).sockets(sockets.close_codes(CloseCodes::Iana)).first_message();
    let server = Server::start(Router::new().route("/ws", any(echo)).layer(layer)).await;
    let mut waiting = connect(&server, "192.0.2.1").await.unwrap();
    let (log, _guard) = everything();
    let _stranger = connect(&server, STRANGER).await.unwrap();
    assert_eq!(waiting.closed().await, close(1013, "displaced"));
    let lines: Vec<_> = refusals(&log).into_iter().filter(|line| !line.starts_with("DEBUG")).collect();
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert!(line.starts_with("INFO") && line.contains(r#"code="displaced""#) && line.contains("status=503"), "{line}");
    assert!(!log.text().contains("the address of a client is not known"));
}

#[tokio::test]
async fn unknown_client_address_is_warned_about_once() {
    let connections = Connections::new();
    let first_message = || layer(jwt_or_basic()).sockets(Sockets::new().connections(&connections)).first_message();
    let routes = || Router::new().route("/ws", any(echo)).layer(first_message());
    let (log, _guard) = everything();
    let warnings = || log.text().lines().filter(|line| line.contains("the address of a client is not known")).count();

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let serving = axum::serve(listener, routes().into_make_service_with_connect_info::<SocketAddr>());
    let known = Server { addr, task: Some(tokio::spawn(async move { serving.await.unwrap() })) };
    known.connect("/ws", &[]).await.unwrap();
    assert_eq!(warnings(), 0);

    for server in [Server::start(routes()).await, Server::start(routes()).await] {
        server.connect("/ws", &[]).await.unwrap();
        server.connect("/ws", &[]).await.unwrap();
    }
    assert_eq!(warnings(), 1);
    let log = log.text();
    let line = log.lines().find(|line| line.contains("the address of a client is not known")).unwrap();
    assert!(line.contains("WARN") && line.contains("into_make_service_with_connect_info"), "{line}");
}
