//! What two nodes share.

use std::time::Duration;

use auth_core::{PrincipalId, Revocation, RevocationCheck as _, RevocationEvent, RevocationFeed as _};
use auth_store::{RedisStore, Revocations, Store as _, Tickets};
use test_support::redis::Server;

use super::{ask, server::Stored as _};
use crate::support::*;

const TTL: Duration = Duration::from_secs(30);

fn tickets(store: RedisStore) -> Tickets {
    Tickets::new(store, "/ws").unwrap().clock(clock())
}

#[tokio::test(flavor = "multi_thread")]
async fn ticket_taken_by_two_nodes_at_once_is_returned_once() {
    let Some(server) = Server::start().await else { return };
    let (one, two) = (tickets(server.store()), tickets(server.store()));
    let chains = [socket(&one), socket(&two)];
    for round in 0..1000 {
        let ticket = ticket(&one).await;
        let [left, right] = chains.clone().map(|chain| {
            let ticket = ticket.clone();
            tokio::spawn(async move { open(&chain, &ticket).await.map(drop) })
        });
        let results = [left.await.unwrap(), right.await.unwrap()];
        assert!(results.contains(&Ok(())) && results.contains(&Err("invalid_credentials")), "{round}: {results:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn value_taken_by_100_at_once_is_returned_once() {
    let Some(server) = Server::start().await else { return };
    assert_eq!(takers(&server.store()).await, 1);
}

#[tokio::test]
async fn mark_only_rises_and_only_lives_longer() {
    let Some(server) = Server::start().await else { return };
    let store = server.store();
    let mark = async |key: &str| store.marks(&[key.to_owned()]).await.unwrap()[0];
    let raise = async |key, value, ttl| store.raise(key, value, ttl).await.unwrap();
    // In ms; -1 means forever.
    let left = async |key: &str| ask::<i64>(&server, &["PTTL", &format!("auth:{key}")]).await;
    // More than a float holds exactly, and more than an `i64` holds.
    raise("key", u64::MAX - 1, Some(TTL * 2)).await;
    raise("key", u64::MAX - 2, Some(TTL)).await;
    assert_eq!(mark("key").await, Some(u64::MAX - 1));
    assert!(left("key").await > 55_000);
    raise("key", u64::MAX, Some(TTL)).await;
    assert_eq!(mark("key").await, Some(u64::MAX));
    assert!(left("key").await > 55_000);
    raise("key", 9, None).await;
    raise("key", 10, Some(TTL)).await;
    assert_eq!((mark("key").await, left("key").await), (Some(u64::MAX), -1));

    raise("low", 9, Some(TTL)).await;
    raise("low", 10, Some(TTL)).await;
    assert_eq!(mark("low").await, Some(10));
    raise("long", 1, Some(Duration::MAX)).await;
    assert_eq!((mark("long").await, left("long").await), (Some(1), -1));
    assert_eq!(mark("none").await, None);
    assert_eq!(store.marks(&[]).await.unwrap(), []);
}

#[tokio::test]
async fn value_ends_with_its_lifetime() {
    let Some(server) = Server::start().await else { return };
    server.store().put("key", b"value", TTL).await.unwrap();
    let left = ask::<i64>(&server, &["PTTL", "auth:key"]).await;
    assert!((25_000..=30_000).contains(&left), "{left}");
}

#[tokio::test]
async fn revocation_on_one_node_reaches_the_other() {
    let Some(server) = Server::start().await else { return };
    let (here, there) = (Revocations::new(server.store()), Revocations::new(server.store()));
    let (mut near, mut far) = (here.listen().await, there.listen().await);
    let evidence = evidence(token).await;
    assert!(!there.is_revoked(&evidence).await.unwrap());
    for revocation in [
        Revocation::connection("name"),
        Revocation::user(PrincipalId::new("issuer", "bob"), now()),
        Revocation::credential("issuer", "token").ends_at(in_secs(900)),
    ] {
        here.revoke(&revocation).await.unwrap();
        assert_eq!(hear(&mut near).await, RevocationEvent::Revoked(revocation.clone()));
        assert_eq!(hear(&mut far).await, RevocationEvent::Revoked(revocation));
    }
    assert!(there.is_revoked(&evidence).await.unwrap());
    assert!(tokio::time::timeout(Duration::from_millis(50), near.next()).await.is_err(), "each once");
}

#[tokio::test]
async fn services_with_different_prefixes_share_nothing() {
    let Some(server) = Server::start().await else { return };
    let (one, two) = (server.store(), server.store().prefix("other:"));
    one.put("key", b"", TTL).await.unwrap();
    one.raise("mark", 1, None).await.unwrap();
    assert_eq!(two.take("key").await.unwrap(), None);
    assert_eq!(two.marks(&["mark".to_owned()]).await.unwrap(), [None]);
    let mut heard = two.subscribe().await;
    one.publish(b"news").await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(50), heard.next()).await.is_err());
}

#[tokio::test]
async fn value_that_is_not_a_mark_is_an_error() {
    let Some(server) = Server::start().await else { return };
    let store = server.store();
    store.put("key", b"something", TTL).await.unwrap();
    assert!(store.marks(&["key".to_owned()]).await.is_err());
}

#[tokio::test]
async fn ticket_and_names_are_not_in_redis() {
    let Some(server) = Server::start().await else { return };
    let (log, _guard) = test_support::everything();
    let tickets = tickets(server.store());
    let ticket = ticket(&tickets).await;
    Revocations::new(server.store()).revoke(&Revocation::credential("MARKER", "MARKER")).await.unwrap();
    let url = server.url();
    let everything = tokio::task::spawn_blocking(move || {
        let mut connection = ::redis::Client::open(url).unwrap().get_connection().unwrap();
        let keys: Vec<String> = ::redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
        let values = keys.iter().map(|key| ::redis::cmd("GET").arg(key).query::<String>(&mut connection).unwrap());
        values.collect::<Vec<_>>().concat() + &keys.concat()
    });
    let everything = everything.await.unwrap();
    let debug = format!("{:?}", server.store());
    open(&socket(&tickets), &ticket).await.unwrap();
    assert!(everything.contains("auth:ticket:") && everything.contains("auth:credential:"), "{everything}");
    for text in [everything, debug, log.text()] {
        assert!(!text.contains(&ticket) && !text.contains("MARKER"), "{text}");
    }
}

#[tokio::test]
async fn unix_socket_works() {
    let Some(server) = Server::start().await else { return };
    let (near, far) = (RedisStore::new(&server.socket()).unwrap(), server.store());
    super::contract::tickets_and_revocations(&near, &far).await;
    let gone = RedisStore::new("unix:///nowhere/redis.sock").unwrap();
    assert!(gone.ping().await.is_err());
}

#[cfg(not(feature = "redis-tls"))]
#[test]
fn tls_without_its_feature_does_not_build() {
    let error = RedisStore::new("rediss://:MARKER@127.0.0.1").unwrap_err();
    assert!(error.to_string().contains("`redis-tls`") && !format!("{error:?}").contains("MARKER"), "{error:?}");
}

#[test]
fn invalid_url_is_an_error_that_does_not_repeat_it() {
    for url in [
        "",
        "127.0.0.1",
        "http://:MARKER@127.0.0.1",
        "redis://:MARKER@127.0.0.1:port",
        "rediss://:MARKER@host#insecure",
    ] {
        let error = RedisStore::new(url).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("MARKER"), "{error:?}");
    }
    let store = RedisStore::new("redis://user:MARKER@127.0.0.1:6379/0").unwrap();
    assert!(!format!("{store:?}").contains("MARKER"));
}
