//! Redis dies, comes back, or stops answering.

use std::time::{Duration, Instant};

use auth_core::{Chain, Revocation, RevocationCheck as _, RevocationEvent, RevocationFeed as _, Transport};
use auth_store::{RedisStore, Revocations, Store as _, SubscriptionEvent, Tickets};
use test_support::redis::Server;

use super::{
    connections,
    server::{Line, Stored as _},
};
use crate::support::*;

const TIMEOUT: Duration = Duration::from_millis(300);

/// The longest time of a call: the timeout, and a margin for a busy machine.
const AT_MOST: Duration = Duration::from_millis(900);

/// Every operation of a service fails with 503, in time, and nobody is let in.
async fn everything_fails_in_time(store: &RedisStore, ticket: &str) {
    let tickets = Tickets::new(store.clone(), "/ws").unwrap().clock(clock());
    let revocations = Revocations::new(store.clone());
    let (socket, everything) = (socket(&tickets), Revocation::user(ann(), now()));
    let begun = Instant::now();
    let login = Chain::new().or(Login(auth_core::Carrier::Header, token)).revocation(revocations.clone());
    let (issued, opened, asked, revoked, pinged) = tokio::join!(
        try_ticket(&tickets),
        open(&socket, ticket),
        ask(&login, parts(crate::support::login()), Transport::Http, now()),
        revocations.revoke(&everything),
        store.ping(),
    );
    assert!(begun.elapsed() < AT_MOST, "{:?}", begun.elapsed());
    assert_eq!(issued.unwrap_err().status(), 503);
    assert_eq!(opened.unwrap_err(), "unavailable");
    assert_eq!(asked.unwrap_err().status(), 503);
    assert!(revoked.is_err() && pinged.is_err());
}

#[tokio::test]
async fn service_starts_without_redis_and_finds_it_later() {
    let Some(mut server) = Server::start().await else { return };
    server.kill();
    let store = server.store().timeout(TIMEOUT);
    let mut listener = Revocations::new(store.clone()).listen().await;
    everything_fails_in_time(&store, &"A".repeat(43)).await;
    server.start_again().await;
    assert_eq!(hear(&mut listener).await, RevocationEvent::Missed);
    store.ping().await.unwrap();
}

#[tokio::test]
async fn killed_redis_is_503_and_keeps_tickets_and_revocations() {
    let Some(mut server) = Server::start().await else { return };
    let store = server.store().timeout(TIMEOUT);
    let tickets = Tickets::new(store.clone(), "/ws").unwrap().clock(clock());
    let revocations = Revocations::new(store.clone());
    let (spent, good) = (ticket(&tickets).await, ticket(&tickets).await);
    open(&socket(&tickets), &spent).await.unwrap();
    revocations.revoke(&Revocation::session("issuer", "session")).await.unwrap();

    server.kill();
    for _ in 0..3 {
        everything_fails_in_time(&store, &good).await;
    }
    server.start_again().await;

    soon(async { while store.ping().await.is_err() {} }).await;
    assert!(revocations.is_revoked(&evidence(token).await).await.unwrap());
    assert_eq!(open(&socket(&tickets), &spent).await.unwrap_err(), "invalid_credentials");
    open(&socket(&tickets), &good).await.unwrap();
}

#[tokio::test]
async fn connection_lost_while_idle_does_not_fail_a_call() {
    let Some(mut server) = Server::start().await else { return };
    let store = server.store();
    store.raise("key", 1, None).await.unwrap();
    server.kill();
    server.start_again().await;
    assert_eq!(store.marks(&["key".to_owned()]).await.unwrap(), [Some(1)]);
}

#[tokio::test]
async fn listeners_learn_after_a_restart_that_they_missed_something() {
    let Some(mut server) = Server::start().await else { return };
    let (here, there) = (Revocations::new(server.store()), Revocations::new(server.store()));
    let mut listeners = [here.listen().await, here.listen().await, there.listen().await];
    server.kill();
    server.start_again().await;
    let back = Instant::now();
    for listener in &mut listeners {
        assert_eq!(hear(listener).await, RevocationEvent::Missed);
    }
    assert!(back.elapsed() < Duration::from_secs(5), "{:?}", back.elapsed());
    let revocation = Revocation::connection("name");
    here.revoke(&revocation).await.unwrap();
    for listener in &mut listeners {
        assert_eq!(hear(listener).await, RevocationEvent::Revoked(revocation.clone()));
    }
}

#[tokio::test]
async fn silent_redis_blocks_nobody_and_is_noticed() {
    let Some(server) = Server::start().await else { return };
    let line = Line::to(&server).await;
    let store = line.store().timeout(TIMEOUT);
    let far = Revocations::new(server.store());
    let mut listener = Revocations::new(store.clone()).listen().await;
    store.ping().await.unwrap();

    line.cut();
    for _ in 0..2 {
        everything_fails_in_time(&store, &"A".repeat(43)).await;
    }
    // Revoked on another node while this one is cut off.
    far.revoke(&Revocation::session("issuer", "session")).await.unwrap();
    line.mend();
    let mended = Instant::now();
    assert_eq!(hear(&mut listener).await, RevocationEvent::Missed);
    // Four timeouts until it is noticed, then the pause before the next try.
    assert!(mended.elapsed() < TIMEOUT * 4 + Duration::from_secs(3), "{:?}", mended.elapsed());
    soon(async { while store.ping().await.is_err() {} }).await;
    assert!(Revocations::new(store).is_revoked(&evidence(token).await).await.unwrap());
}

#[tokio::test]
async fn slow_subscriber_learns_that_it_missed_something() {
    let Some(server) = Server::start().await else { return };
    let store = server.store();
    let (mut slow, mut quick) = (store.subscribe().await, store.subscribe().await);
    for _ in 0..1100 {
        store.publish(b"news").await.unwrap();
        assert_eq!(soon(quick.next()).await, Some(SubscriptionEvent::Message(b"news".to_vec())));
    }
    assert_eq!(soon(slow.next()).await, Some(SubscriptionEvent::Missed));
    assert_eq!(soon(slow.next()).await, Some(SubscriptionEvent::Message(b"news".to_vec())));
}

#[tokio::test]
async fn new_listener_has_missed_nothing() {
    let Some(server) = Server::start().await else { return };
    let store = server.store();
    let mut first = store.subscribe().await;
    store.publish(b"one").await.unwrap();
    assert_eq!(soon(first.next()).await, Some(SubscriptionEvent::Message(b"one".to_vec())));
    let mut second = store.subscribe().await;
    store.publish(b"two").await.unwrap();
    for subscription in [&mut first, &mut second] {
        assert_eq!(soon(subscription.next()).await, Some(SubscriptionEvent::Message(b"two".to_vec())));
    }
}

#[tokio::test]
async fn connection_closes_without_listeners() {
    let Some(server) = Server::start().await else { return };
    let store = server.store().timeout(Duration::from_millis(50));
    let listening = async || super::ask::<String>(&server, &["CLIENT", "LIST", "TYPE", "PUBSUB"]).await.lines().count();
    let first = store.subscribe().await;
    let second = store.subscribe().await;
    assert_eq!(listening().await, 1);
    drop((first, second));
    soon(async { while listening().await > 0 {} }).await;
    let _third = store.subscribe().await;
    assert_eq!(listening().await, 1);
}

/// The address may lead to another server by now.
#[tokio::test]
async fn connection_that_refuses_writes_for_two_seconds_is_replaced() {
    let Some(server) = Server::start().await else { return };
    let store = server.store();
    super::ask::<String>(&server, &["CONFIG", "SET", "maxmemory", "1"]).await;
    assert!(store.put("key", b"value", TIMEOUT).await.is_err());
    let before = connections(&server).await;
    let mut asked = 0;
    soon(async {
        while connections(&server).await - before <= asked + 1 {
            asked += 1;
            assert!(store.put("key", b"value", TIMEOUT).await.is_err());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn full_redis_refuses_writes_on_the_same_connection() {
    let Some(server) = Server::start().await else { return };
    let store = server.store();
    store.raise("mark", 1, None).await.unwrap();
    super::ask::<String>(&server, &["CONFIG", "SET", "maxmemory", "1"]).await;
    let before = connections(&server).await;
    for _ in 0..10 {
        let full = store.put("key", b"value", TIMEOUT).await.unwrap_err();
        assert!(full.to_string().contains("OOM"), "{full}");
        assert!(store.raise("other", 1, None).await.is_err());
        assert_eq!(store.marks(&["mark".to_owned()]).await.unwrap(), [Some(1)]);
    }
    assert_eq!(connections(&server).await - before, 1);
}
