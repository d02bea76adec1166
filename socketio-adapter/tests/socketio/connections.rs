//! The registry: what of it is revoked, counted, limited and closed.

use std::{convert::Infallible, sync::Arc, time::Duration};

use auth_core::{
    BoxError, Evidence, PrincipalId, Revocation, RevocationCheck, RevocationFeed, RevocationListener, async_trait,
};
use futures_util::future::join_all;
use socketioxide::{extract::SocketRef, handler::ConnectHandler as _};
use tokio::sync::{Semaphore, SemaphorePermit};
use ws_adapter::{Close, Connections, Overflow, Sockets};

use crate::{
    client::{Polling, Socket, connect_packet},
    common::eventually,
    feed::Feed,
    support::*,
};

fn ann() -> PrincipalId {
    PrincipalId::new("", "ann")
}

async fn app_in(connections: &Connections) -> App {
    app_with(|layer| layer.sockets(Sockets::new().connections(connections)), |auth| auth).await
}

/// A server whose registry follows a feed.
async fn app_with_feed(connections: &Connections) -> (App, Feed) {
    let feed = Feed::new();
    connections.follow(feed.clone());
    feed.is_followed().await;
    (app_in(connections).await, feed)
}

/// A transport that was opened with this token, in `/`.
async fn connected_as(app: &App, token: &str) -> Socket {
    let mut socket = Socket::open(app, &[("authorization", &format!("Bearer {token}"))]).await.unwrap();
    assert_eq!(socket.connect("/", "").await, Ok(()));
    socket
}

async fn nothing_is_left(app: &App, connections: &Connections) {
    eventually(|| app.io.entries() == [0; 2] && connections.entries() == [0; 3]).await;
}

const TOLD: [&str; 2] = [r#"42["auth_closed",{"reason":"revoked"}]"#, "41"];

#[tokio::test]
async fn revoked_credential_closes_its_transports_and_no_others() {
    let connections = Connections::new();
    let (app, feed) = app_with_feed(&connections).await;
    let mut other = connected_as(&app, &token_with_id("ann", 60, "other")).await;
    let mut by_header = connected_as(&app, &token_with_id("ann", 60, "one")).await;
    let mut by_auth = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(by_auth.connect("/", &auth_with_id("ann", 60, "one")).await, Ok(()));
    let mut not_connected =
        Socket::open(&app, &[("authorization", &format!("Bearer {}", token_with_id("ann", 60, "one")))]).await.unwrap();
    let polling = Polling::open(&app, &[]).await.unwrap();
    assert_eq!(polling.connect("/", &auth_with_id("ann", 60, "one")).await, Ok(()));
    polling.echoes("hi", "ann: hi").await;
    assert_eq!(connections.count_of(&ann()), 5);

    feed.revoke(Revocation::credential("", "one"));
    for socket in [&mut by_header, &mut by_auth] {
        let (packets, closed) = socket.end().await;
        assert_eq!(closed, close(4403, "revoked"));
        assert!(packets.ends_with(&TOLD.map(str::to_owned)), "{packets:?}");
    }
    assert_eq!(not_connected.end().await, (vec![], close(4403, "revoked")));
    assert!(polling.poll().await.body.ends_with(&TOLD.join("\u{1e}")));
    other.echoes("hi", "ann: hi").await;
    eventually(|| connections.count() == 1).await;
    drop(other);
    nothing_is_left(&app, &connections).await;
}

#[tokio::test]
async fn any_credential_of_a_transport_ends_it() {
    let connections = Connections::new();
    let (app, feed) = app_with_feed(&connections).await;
    for (revoked, left) in [("of the transport", 2), ("of the namespace", 1), ("of another", 0)] {
        let header = format!("Bearer {}", token_with_id("admin", 60, "of the transport"));
        let revoked_id = format!("{revoked} {left}");
        let header = if left == 2 { format!("Bearer {}", token_with_id("admin", 60, &revoked_id)) } else { header };
        let mut socket = Socket::open(&app, &[("authorization", &header)]).await.unwrap();
        let auth = |n| if n == left { auth_with_id("admin", 60, &revoked_id) } else { auth_of("admin") };
        assert_eq!(socket.connect("/", &auth(1)).await, Ok(()));
        assert_eq!(socket.connect("/admin", &auth(0)).await, Ok(()));
        assert_eq!(connections.count(), 1, "one transport is one connection");
        feed.revoke(Revocation::credential("", revoked_id));
        assert_eq!(socket.end().await.1, close(4403, "revoked"), "{revoked}");
        eventually(|| connections.count() == 0).await;
    }
    nothing_is_left(&app, &connections).await;
}

#[tokio::test]
async fn what_was_revoked_is_not_let_in() {
    let connections = Connections::new();
    let (app, feed) = app_with_feed(&connections).await;
    feed.revoke(Revocation::credential("", "one"));
    let header = format!("Bearer {}", token_with_id("ann", 60, "one"));
    for refused in [
        Polling::open(&app, &[("authorization", &header)]).await.err().unwrap(),
        Socket::open(&app, &[("authorization", &header)]).await.unwrap_err(),
    ] {
        assert!(refused.is(401, "revoked"), "{refused:?}");
        assert!(!refused.challenges().is_empty());
    }
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(socket.connect("/", &auth_with_id("ann", 60, "one")).await, Err("unauthorized:revoked".into()));
    assert_eq!(connections.entries(), [0, 0, 1], "it is pending as before");
    assert_eq!(socket.connect("/", &auth_with_id("ann", 60, "other")).await, Ok(()));
    assert_eq!(app.calls.count(), 1);
}

#[tokio::test]
async fn every_credential_is_looked_up_once_and_again_when_news_were_missed() {
    let connections = Connections::new();
    let (app, feed) = app_with_feed(&connections).await;
    let mut socket = connected_as(&app, &token_with_id("admin", 60, "one")).await;
    assert_eq!(feed.asked(), 1);
    assert_eq!(socket.connect("/admin", &auth_with_id("admin", 60, "other")).await, Ok(()));
    assert_eq!(feed.asked(), 2);
    feed.revoke_silently(Revocation::credential("", "other"));
    socket.echoes("nobody knows", "admin: nobody knows").await;
    feed.miss();
    assert_eq!(socket.end().await.1, close(4403, "revoked"));
}

#[tokio::test]
async fn nobody_is_let_in_where_it_cannot_be_said_what_was_revoked() {
    let connections = Connections::new();
    let (app, feed) = app_with_feed(&connections).await;
    feed.is_away(true);
    let header = [("authorization", &*bearer_of("ann"))];
    assert!(Polling::open(&app, &header).await.err().unwrap().is(503, "unavailable"));
    assert!(Socket::open(&app, &header).await.unwrap_err().is(503, "unavailable"));
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(socket.connect("/", &auth_of("ann")).await, Err("unavailable".into()));
    assert_eq!(connections.entries(), [0, 0, 1]);
}

#[tokio::test]
async fn store_that_hangs_is_waited_for_as_long_as_the_chain_may_take() {
    let (connections, feed) = (Connections::new(), Feed::new());
    connections.follow(feed.clone());
    feed.is_followed().await;
    let patience = Duration::from_millis(50);
    let app = app_with(
        |layer| layer.sockets(Sockets::new().connections(&connections)).decision_timeout(patience),
        |auth| auth,
    )
    .await;
    let mut open = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(open.connect("/", &auth_of("ann")).await, Ok(()));
    feed.hangs(true);
    let header = [("authorization", &*bearer_of("ann"))];
    assert!(Polling::open(&app, &header).await.err().unwrap().is(503, "unavailable"));
    assert!(Socket::open(&app, &header).await.unwrap_err().is(503, "unavailable"));
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(socket.connect("/", &auth_of("ann")).await, Err("unavailable".into()));
    assert_eq!(open.refresh("/", &auth_of("ann")).await["code"], "unavailable");
    assert_eq!((connections.count(), connections.pending()), (1, 1), "only who was let in before is entered");
}

#[tokio::test]
async fn connection_is_closed_by_its_name_with_a_close_of_the_applications_own() {
    let connections = Connections::new();
    let app = app_in(&connections).await;
    app.io.ns("/names", async |socket: SocketRef, id: socketio_adapter::Connection| {
        socket.emit("name", id.as_str()).unwrap();
    });
    let mut socket = Socket::open(&app, &[("authorization", &bearer_of("ann"))]).await.unwrap();
    assert_eq!(socket.connect("/names", "").await, Ok(()));
    let name = socket.packet().await;
    let name = name.strip_prefix(r#"42/names,["name",""#).unwrap().strip_suffix(r#""]"#).unwrap();
    let mut other = connected_as(&app, &token("ann", 60)).await;
    assert_eq!(connections.close(&Revocation::connection(name), &Close::new(4000, "moved")), 1);
    let (packets, closed) = socket.end().await;
    assert_eq!(closed, close(4000, "moved"));
    assert_eq!(packets, [r#"42/names,["auth_closed",{"reason":"moved"}]"#, "41/names,"]);
    other.echoes("hi", "ann: hi").await;
}

#[tokio::test]
async fn one_connection_more_than_a_user_may_have_is_refused() {
    let connections = Connections::new().per_user(2, Overflow::RejectNew);
    let app = app_in(&connections).await;
    let header = [("authorization", &*bearer_of("ann"))];
    let first = Polling::open(&app, &header).await.unwrap();
    let mut second = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(second.connect("/", &auth_of("ann")).await, Ok(()));
    assert!(Polling::open(&app, &header).await.err().unwrap().is(429, "too_many_connections"));
    assert!(Socket::open(&app, &header).await.unwrap_err().is(429, "too_many_connections"));
    let mut third = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(third.connect("/", &auth_of("ann")).await, Err("too_many_connections".into()));
    connected_as(&app, &token("bob", 60)).await;
    assert_eq!(connections.count_of(&ann()), 2);

    // A place is free as soon as its transport has ended.
    assert_eq!(first.post("1").await.status, 200);
    assert_eq!(third.connect("/", &auth_of("ann")).await, Ok(()));
    assert_eq!(app.calls.count(), 3);
}

#[tokio::test]
async fn newer_connection_takes_the_place_of_the_oldest() {
    let connections = Connections::new().per_user(2, Overflow::CloseOldest);
    let app = app_in(&connections).await;
    let mut first = connected_as(&app, &token("ann", 60)).await;
    let mut second = connected_as(&app, &token("ann", 60)).await;
    // Who is not let in takes nobody's place.
    let mut third = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(third.connect("/", r#"{"token":"a.b.c"}"#).await, Err("unauthorized:invalid_credentials".into()));
    first.echoes("hi", "ann: hi").await;
    assert_eq!(third.connect("/", &auth_of("ann")).await, Ok(()));
    let (packets, closed) = first.end().await;
    assert_eq!(closed, close(4409, "superseded"));
    assert_eq!(packets, [r#"42["auth_closed",{"reason":"superseded"}]"#, "41"]);
    let _fourth = Polling::open(&app, &[("authorization", &bearer_of("ann"))]).await.unwrap();
    assert_eq!(second.end().await.1, close(4409, "superseded"));
    let _fifth = Socket::open(&app, &[("authorization", &bearer_of("ann"))]).await.unwrap();
    assert_eq!(third.end().await.1, close(4409, "superseded"));
    eventually(|| connections.count_of(&ann()) == 2).await;
}

#[tokio::test]
async fn middleware_that_refuses_leaves_nothing_in_the_registry() {
    let connections = Connections::new().per_user(1, Overflow::CloseOldest);
    let app = app_in(&connections).await;
    let closed = async |_: SocketRef| Err::<(), _>("closed on Sundays");
    app.io.ns("/shop", (async |_: SocketRef| {}).with(closed));
    let mut open = connected_as(&app, &token("ann", 60)).await;
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(socket.connect("/shop", &auth_of("ann")).await, Err("closed on Sundays".into()));
    assert_eq!((connections.count(), connections.pending()), (1, 1));
    open.echoes("hi", "ann: hi").await;
}

#[tokio::test]
async fn middleware_that_panics_leaves_nothing_in_the_registry() {
    let connections = Connections::new();
    let app = app_in(&connections).await;
    let calls = app.calls.clone();
    let falls = async move |_: SocketRef| -> Result<(), Infallible> {
        calls.add();
        panic!("the middleware panics")
    };
    app.io.ns("/falls", (async |_: SocketRef| {}).with(falls));
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    socket.send(&connect_packet("/falls", &auth_of("ann"))).await;
    eventually(|| app.calls.count() == 1 && connections.entries() == [0, 0, 1]).await;
    assert_eq!(socket.connect("/", &auth_of("ann")).await, Ok(()));
    assert_eq!(connections.count(), 1);
}

#[tokio::test]
async fn credential_of_a_namespace_that_was_left_holds_no_more() {
    let connections = Connections::new();
    let (app, feed) = app_with_feed(&connections).await;
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(socket.connect("/", &auth_with_id("admin", 600, "one")).await, Ok(()));
    assert_eq!(socket.connect("/admin", &auth_with_id("admin", 60, "other")).await, Ok(()));
    socket.send("41/admin,").await;
    socket.echoes("hi", "admin: hi").await;
    app.clock.advance(Duration::from_secs(10));
    tokio::time::sleep(Duration::from_millis(50)).await;
    feed.revoke(Revocation::credential("", "other"));
    app.clock.advance(Duration::from_secs(60));
    socket.echoes("still here", "admin: still here").await;
    feed.revoke(Revocation::credential("", "one"));
    assert_eq!(socket.end().await.1, close(4403, "revoked"));
}

/// The look that drops the credential of `/admin` must leave that of `/slow` alone, whose middleware has not answered yet.
#[tokio::test]
async fn client_on_its_way_into_a_namespace_keeps_its_credential() {
    let connections = Connections::new();
    let (app, feed) = app_with_feed(&connections).await;
    let turns = Arc::new(Semaphore::new(0));
    let turn = Arc::clone(&turns);
    let wait = async move |_: SocketRef| turn.acquire().await.map(SemaphorePermit::forget);
    app.io.ns("/slow", (async |socket: SocketRef| socket.emit("welcome", "slow").unwrap()).with(wait));
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(socket.connect("/", &auth_with_id("admin", 600, "one")).await, Ok(()));
    assert_eq!(socket.connect("/admin", &auth_with_id("admin", 600, "two")).await, Ok(()));
    socket.send(&connect_packet("/slow", &auth_with_id("admin", 600, "three"))).await;
    eventually(|| feed.asked() == 3).await;
    let keys = connections.entries()[1];
    socket.send("41/admin,").await;
    socket.echoes("hi", "admin: hi").await;
    app.clock.advance(Duration::from_secs(10));
    eventually(|| connections.entries()[1] < keys).await;

    turns.add_permits(1);
    assert!(socket.packet().await.starts_with("40/slow,"));
    assert_eq!(socket.packet().await, r#"42/slow,["welcome","slow"]"#);
    assert_eq!(connections.close(&Revocation::credential("", "two"), &Close::REVOKED), 0);
    assert_eq!(connections.close(&Revocation::credential("", "three"), &Close::REVOKED), 1);
    assert_eq!(socket.end().await.1, close(4403, "revoked"));
}

/// A store that has looked, and takes its time to say what it has seen.
#[derive(Clone)]
struct Late {
    feed: Feed,
    turns: Arc<Semaphore>,
}

#[async_trait]
impl RevocationCheck for Late {
    async fn is_revoked(&self, evidence: &Evidence) -> Result<bool, BoxError> {
        let answer = self.feed.is_revoked(evidence).await;
        self.turns.acquire().await?.forget();
        answer
    }
}

#[async_trait]
impl RevocationFeed for Late {
    async fn listen(&self) -> Box<dyn RevocationListener> {
        self.feed.listen().await
    }
}

#[tokio::test]
async fn revocation_after_the_check_finds_the_transport_in_the_registry() {
    let (connections, feed) = (Connections::new(), Feed::new());
    let late = Late { feed: feed.clone(), turns: Arc::new(Semaphore::new(0)) };
    connections.follow(late.clone());
    feed.is_followed().await;
    let app = app_in(&connections).await;

    let mut socket = Socket::open(&app, &[]).await.unwrap();
    socket.send(&format!("40{}", auth_with_id("ann", 60, "one"))).await;
    eventually(|| feed.asked() == 1).await;
    feed.revoke(Revocation::credential("", "one"));
    late.turns.add_permits(1);
    assert_eq!(socket.end().await.1, close(4403, "revoked"));

    let header = format!("Bearer {}", token_with_id("ann", 60, "other"));
    let opening = tokio::spawn({
        let addr = app.server.addr;
        async move {
            let target = "/socket.io/?EIO=4&transport=websocket";
            Socket::handshake(addr, target, &[("authorization", &header)]).await
        }
    });
    eventually(|| feed.asked() == 2).await;
    feed.revoke(Revocation::credential("", "other"));
    late.turns.add_permits(1);
    let (mut opened, _) = opening.await.unwrap().unwrap();
    assert_eq!(opened.end().await.1, close(4403, "revoked"));
    assert_eq!(app.calls.count(), 0);
    nothing_is_left(&app, &connections).await;
}

const ROUNDS: usize = 1000;
const AT_ONCE: usize = 50;

/// Whatever comes first, no transport is left of a credential that was revoked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revocation_beside_a_connect_leaves_no_transport_behind() {
    let connections = Connections::new();
    let (app, feed) = app_with_feed(&connections).await;
    let round = async |round: usize| {
        let id = round.to_string();
        let auth = auth_with_id("ann", 60, &id);
        let mut socket = Socket::open(&app, &[]).await.unwrap();
        let feed = feed.clone();
        let revoke = tokio::spawn(async move {
            // At another moment of the `CONNECT` each time.
            tokio::time::sleep(Duration::from_micros(u64::try_from(round % AT_ONCE).unwrap() * 200)).await;
            feed.revoke(Revocation::credential("", id));
        });
        let decision = socket.try_connect("/", &auth).await;
        revoke.await.unwrap();
        match decision {
            Ok(Ok(())) => {
                assert_eq!(socket.end().await.1, close(4403, "revoked"));
                return true;
            }
            Ok(Err(code)) => assert!(matches!(&*code, "unauthorized:revoked" | "unavailable"), "{code}"),
            Err(closed) => assert_eq!(closed, close(4403, "revoked")),
        }
        false
    };
    let (mut closed, mut refused) = (0, 0);
    for start in (0..ROUNDS).step_by(AT_ONCE) {
        for was_in in join_all((start..start + AT_ONCE).map(&round)).await {
            if was_in { closed += 1 } else { refused += 1 }
        }
    }
    assert_eq!(closed + refused, ROUNDS);
    assert!(closed > 0 && refused > 0, "only one side ever came first: {refused} refused, {closed} closed");
    nothing_is_left(&app, &connections).await;
}

#[tokio::test]
async fn code_1006_is_never_sent() {
    let connections = Connections::new();
    let app = app_in(&connections).await;
    let mut socket = connected_as(&app, &token("ann", 60)).await;
    assert_eq!(connections.close(&Revocation::user(ann(), *START), &Close::ABNORMAL), 1);
    assert_eq!(socket.end().await.1, None);
}
