//! A cluster of three servers.

use std::time::Duration;

use auth_core::{Revocation, RevocationEvent, RevocationFeed as _};
use auth_store::{Record, RecordKey, Records as _, RedisStore, Revocations, Saved, SavedEnd, Store as _};

use test_support::redis::{Cluster, Kind, Server};

use super::{ask, contract, server::Stored as _};
use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_in_a_cluster() {
    let Some(cluster) = Cluster::start().await else { return };
    contract::holds(cluster.store(), cluster.store()).await;
    // The keys are spread.
    for server in &cluster.0 {
        assert!(ask::<u32>(server, &["DBSIZE"]).await > 100);
    }
    // One server is enough to find the others.
    let one = RedisStore::cluster([cluster.0[1].url().as_str()]).unwrap();
    contract::tickets_and_revocations(&one.prefix("one:"), &cluster.store().prefix("one:")).await;
}

#[cfg(feature = "redis-tls")]
#[tokio::test(flavor = "multi_thread")]
async fn cluster_over_tls_works() {
    let Some(cluster) = Cluster::start().await else { return };
    let url = &cluster.tls_urls()[0];
    let store = || RedisStore::cluster_with_tls([url.as_str()], &super::server::tls(false)).unwrap();
    contract::tickets_and_revocations(&store(), &store()).await;
    // Plain clients see the same cluster.
    contract::tickets_and_revocations(&store().prefix("one:"), &cluster.store().prefix("one:")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_at_all_servers_hear_what_any_of_them_is_told() {
    let Some(cluster) = Cluster::start().await else { return };
    let stores = (0..6).map(|_| cluster.store()).collect::<Vec<_>>();
    let mut listeners = Vec::new();
    for store in &stores {
        listeners.push(Revocations::new(store.clone()).listen().await);
    }
    for number in 0..12 {
        let revocation = Revocation::connection(number.to_string());
        Revocations::new(stores[number % 6].clone()).revoke(&revocation).await.unwrap();
        for listener in &mut listeners {
            assert_eq!(hear(listener).await, RevocationEvent::Revoked(revocation.clone()));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_found_while_and_after_their_slot_moves() {
    let Some(cluster) = Cluster::start().await else { return };
    let store = cluster.store();
    let record = Record {
        key: RecordKey::new("login", &["a"]),
        owner: None,
        indexes: Vec::new(),
        since: now(),
        used_at: now(),
        ends_at: std::time::SystemTime::now() + Duration::from_secs(600),
        version: 1,
        value: Vec::new().into(),
    };
    store.create(&record).await.unwrap();
    let name = format!("auth:record:{}", record.key.as_str());
    let (from, to) = cluster.servers_of(&name).await;
    let slot = ask::<u32>(from, &["CLUSTER", "KEYSLOT", &name]).await.to_string();
    let (from_id, to_id) =
        (ask::<String>(from, &["CLUSTER", "MYID"]).await, ask::<String>(to, &["CLUSTER", "MYID"]).await);
    ask::<String>(to, &["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]).await;
    ask::<String>(from, &["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]).await;
    assert_eq!(store.save(&record, SavedEnd::Keep).await.unwrap(), Saved::As(2));
    // The servers speak TLS among themselves.
    let Kind::Member { tls, .. } = to.kind() else { unreachable!() };
    ask::<String>(from, &["MIGRATE", "127.0.0.1", &tls.to_string(), &name, "0", "1000"]).await;
    // Half way: the old server sends each command on, and its connection is kept. Each `ask` opens one.
    let before = super::connections(from).await;
    let mut version = 2;
    for _ in 0..3 {
        let saved = store.save(&Record { version, ..record.clone() }, SavedEnd::Keep).await.unwrap();
        version += 1;
        assert_eq!(saved, Saved::As(version));
    }
    assert_eq!(super::connections(from).await - before, 1);
    for server in [to, from] {
        ask::<String>(server, &["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]).await;
    }
    for _ in 0..3 {
        let saved = store.save(&Record { version, ..record.clone() }, SavedEnd::Keep).await.unwrap();
        version += 1;
        assert_eq!(saved, Saved::As(version));
    }
    assert!(store.end(&record.key).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_server_is_503_for_its_keys_alone_until_it_is_back() {
    let Some(mut cluster) = Cluster::start().await else { return };
    let store = cluster.store().timeout(Duration::from_millis(300));
    let keys = (0..30).map(|key| format!("key-{key}")).collect::<Vec<_>>();
    for key in &keys {
        store.raise(key, 7, None).await.unwrap();
    }
    let mut lost = Vec::new();
    for key in &keys {
        let (owner, _) = cluster.servers_of(&format!("auth:{key}")).await;
        lost.push(owner.port() == cluster.0[1].port());
    }
    cluster.0[1].kill();
    for (key, is_lost) in keys.iter().zip(&lost) {
        let mark = store.marks(std::slice::from_ref(key)).await;
        assert_eq!(mark.is_err(), *is_lost, "{key}: {mark:?}");
    }
    store.publish(b"news").await.unwrap();
    store.ping().await.unwrap();
    cluster.0[1].start_again().await;
    cluster.settles().await;
    soon(async { while store.marks(&keys).await.is_err() {} }).await;
    assert_eq!(store.marks(&keys).await.unwrap(), vec![Some(7); keys.len()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_server_blocks_only_its_own_keys_and_not_for_long() {
    let Some(cluster) = Cluster::start().await else { return };
    let store = cluster.store().timeout(Duration::from_millis(300));
    let (silent, _) = cluster.servers_of("auth:key").await;
    store.raise("key", 7, None).await.unwrap();
    let mut other = String::new();
    for number in 0.. {
        other = format!("other-{number}");
        if cluster.servers_of(&format!("auth:{other}")).await.0.port() != silent.port() {
            break;
        }
    }
    silent.signal("STOP");
    for _ in 0..3 {
        let begun = std::time::Instant::now();
        store.raise("key", 8, None).await.unwrap_err();
        assert!(begun.elapsed() < Duration::from_millis(1200), "{:?}", begun.elapsed());
        store.raise(&other, 7, None).await.unwrap();
        store.publish(b"news").await.unwrap();
    }
    silent.signal("CONT");
    let key = ["key".to_owned()];
    soon(async { while store.marks(&key).await.is_err() {} }).await;
}

#[tokio::test]
async fn server_outside_of_a_cluster_is_an_error_that_says_so() {
    let Some(server) = Server::start().await else { return };
    let store = RedisStore::cluster([server.url().as_str()]).unwrap();
    let error = store.raise("key", 1, None).await.unwrap_err();
    assert!(error.to_string().contains("the server is not part of a cluster"), "{error}");
}

#[test]
fn urls_that_are_not_of_one_cluster_do_not_build() {
    let plain = "redis://127.0.0.1";
    for urls in
        [&[][..], &[plain, "redis://127.0.0.1/1"], &["unix:///redis.sock"], &[plain, "rediss://127.0.0.1"], &["x"]]
    {
        RedisStore::cluster(urls.iter().copied()).unwrap_err();
    }
    assert!(format!("{:?}", RedisStore::cluster([plain]).unwrap()).contains("is_cluster: true"));
}
