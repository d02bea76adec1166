//! What two nodes share.

use std::time::Duration;

use auth_core::{PrincipalId, Revocation, RevocationCheck as _, RevocationEvent};
use auth_store::{Record, Revocations, Store as _, SubscriptionEvent};
use auth_store_sql::PostgresStore;
use test_support::postgres::Database;

use super::store;
use crate::support::*;

const TTL: Duration = Duration::from_secs(30);

#[tokio::test]
async fn two_nodes_share_tickets_and_revocations() {
    let Some(database) = Database::create() else { return };
    tickets_and_revocations(store(&database).await, store(&database).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ticket_taken_by_two_nodes_at_once_is_returned_once() {
    let Some(database) = Database::create() else { return };
    let nodes = [tickets(store(&database).await), tickets(store(&database).await)];
    for round in 0..300 {
        let ticket = ticket(&nodes[0]).await.unwrap();
        let [left, right] = nodes.clone().map(|node| {
            let ticket = ticket.clone();
            tokio::spawn(async move { open(&node, &ticket).await.map(drop) })
        });
        let results = [left.await.unwrap(), right.await.unwrap()];
        assert!(results.contains(&Ok(())) && results.contains(&Err("invalid_credentials")), "{round}: {results:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn value_taken_by_100_at_once_is_returned_once() {
    let Some(database) = Database::create() else { return };
    assert_eq!(takers(&[store(&database).await, store(&database).await]).await, 1);
}

#[tokio::test]
async fn mark_only_rises_and_lives_for_the_longer_time() {
    let Some(database) = Database::create() else { return };
    let store = store(&database).await;
    marks_only_rise(&store).await;
    let left = || {
        let left = "SELECT round((ends_at / 1e9) - extract(epoch FROM now())) FROM portcullis_marks WHERE key = 'long'";
        database.ask(left).parse::<i64>().unwrap()
    };
    store.raise("long", 1, Some(TTL * 2)).await.unwrap();
    store.raise("long", 2, Some(TTL)).await.unwrap();
    assert!((50..=60).contains(&left()), "{}", left());
    database.ask("UPDATE portcullis_marks SET ends_at = 1 WHERE key = 'long'");
    let mark = async || store.marks(&["long".to_owned()]).await.unwrap()[0];
    assert_eq!(mark().await, None);
    store.raise("long", 1, Some(TTL)).await.unwrap();
    assert_eq!(mark().await, Some(1), "what has ended does not count");
    assert!((20..=30).contains(&left()), "{}", left());
}

#[tokio::test]
async fn value_ends_with_its_lifetime_by_the_clock_of_the_server() {
    let Some(database) = Database::create() else { return };
    let store = store(&database).await.clock(clock());
    store.put("key", b"value", TTL).await.unwrap();
    let left = database.ask("SELECT round((ends_at / 1e9) - extract(epoch FROM now())) FROM portcullis_values");
    assert!((25..=30).contains(&left.parse::<i64>().unwrap()), "{left}");
    store.put("key", b"other", TTL).await.unwrap();
    assert_eq!(store.take("key").await.unwrap().unwrap(), b"other");
    store.put("key", b"value", Duration::MAX).await.unwrap();
    database.ask("UPDATE portcullis_values SET ends_at = (extract(epoch FROM now()) * 1e9)::bigint - 1");
    assert_eq!(store.take("key").await.unwrap(), None);
    assert!(store.put("key", &[0; Record::MAX_VALUE_LEN + 1], TTL).await.is_err());
}

#[tokio::test]
async fn revocation_on_one_node_reaches_the_other() {
    let Some(database) = Database::create() else { return };
    let (near, far) = (store(&database).await, store(&database).await);
    let mut listeners = [listen(near.clone()).await, listen(far.clone()).await, listen(far.clone()).await];
    let here = Revocations::new(near);
    // The last one is longer than a notification may be.
    let long = "ü\"".repeat(4000);
    for revocation in [
        Revocation::connection("name"),
        Revocation::user(PrincipalId::new("issuer", "bob"), now()),
        Revocation::credential("issuer", "token").ends_at(in_secs(900)),
        Revocation::connection(&long),
        Revocation::connection("last"),
    ] {
        here.revoke(&revocation).await.unwrap();
        for listener in &mut listeners {
            assert_eq!(hear(listener).await, RevocationEvent::Revoked(revocation.clone()));
        }
    }
    assert!(Revocations::new(far).is_revoked(&evidence().await).await.unwrap());
    for listener in &mut listeners {
        assert!(tokio::time::timeout(Duration::from_millis(50), listener.next()).await.is_err(), "each once");
    }
}

#[tokio::test]
async fn message_of_any_bytes_and_up_to_64_kib_arrives_once_and_in_order() {
    let Some(database) = Database::create() else { return };
    let (near, far) = (store(&database).await, store(&database).await);
    let mut heard = far.subscribe().await;
    let messages = [0, 1, 6_999, 7_000, 7_001, 8_000, 65_536].map(|len| vec![b'x'; len]);
    for message in messages.into_iter().chain([vec![0], vec![0xff; 10], b"i7".to_vec(), "ü".repeat(3_500).into()]) {
        near.publish(&message).await.unwrap();
        assert_eq!(soon(heard.next()).await, Some(SubscriptionEvent::Message(message)));
    }
    assert!(near.publish(&vec![0; 65_537]).await.is_err());
    // One that is gone when a node reads it.
    database.ask("SELECT pg_notify('portcullis_public', 'i999999')");
    assert_eq!(soon(heard.next()).await, Some(SubscriptionEvent::Missed));
    // Somebody else's.
    database.ask("SELECT pg_notify('portcullis_public', 'i99x'), pg_notify('portcullis_public', '')");
    near.publish(b"last").await.unwrap();
    assert_eq!(soon(heard.next()).await, Some(SubscriptionEvent::Message(b"last".to_vec())));
}

#[tokio::test]
async fn slow_subscriber_learns_that_it_missed_something() {
    let Some(database) = Database::create() else { return };
    let store = store(&database).await;
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
    let Some(database) = Database::create() else { return };
    let store = store(&database).await;
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
    let Some(database) = Database::create() else { return };
    let store = store(&database).await.timeout(Duration::from_millis(100));
    let listening = || {
        let count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query <> ''
                     AND pid <> pg_backend_pid() AND (query LIKE 'LISTEN%' OR query = 'SELECT 1')";
        database.ask(count).parse::<u32>().unwrap()
    };
    let (first, second) = (store.subscribe().await, store.subscribe().await);
    assert_eq!(listening(), 1);
    drop((first, second));
    soon(async {
        while listening() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let _third = store.subscribe().await;
    assert_eq!(listening(), 1);
}

#[tokio::test]
async fn services_with_different_schemas_share_nothing() {
    let Some(database) = Database::create() else { return };
    database.ask("CREATE SCHEMA other");
    let one = store(&database).await;
    let two = PostgresStore::connect(&database.url()).unwrap().schema("other").unwrap();
    assert!(two.ping().await.is_err(), "it has no tables yet");
    two.migrate().await.unwrap();
    two.ping().await.unwrap();
    one.put("key", b"", TTL).await.unwrap();
    one.raise("mark", 1, None).await.unwrap();
    assert_eq!(two.take("key").await.unwrap(), None);
    assert_eq!(two.marks(&["mark".to_owned()]).await.unwrap(), [None]);
    let mut heard = two.subscribe().await;
    one.publish(b"news").await.unwrap();
    two.publish(b"own").await.unwrap();
    assert_eq!(soon(heard.next()).await, Some(SubscriptionEvent::Message(b"own".to_vec())));
    for name in ["", "a\"b", "public, other", &"a".repeat(51)] {
        assert!(PostgresStore::connect(&database.url()).unwrap().schema(name).is_err(), "{name}");
    }
}

/// One node's user has a schema of its own, which its search path has before that of the tables.
#[tokio::test]
async fn nodes_with_different_users_hear_each_other() {
    let Some(database) = Database::create() else { return };
    let role = format!("neighbour_of_{}", database.name());
    let near = store(&database).await;
    database.ask(&format!("CREATE ROLE {role} LOGIN; CREATE SCHEMA AUTHORIZATION {role}"));
    database.ask(&format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"));
    let far = super::store_at(&database.url().replace("app:", &format!("{role}:"))).await;
    let (mut here, mut there) = (near.subscribe().await, far.subscribe().await);
    for (node, message) in [(&near, b"one"), (&far, b"two")] {
        node.publish(message).await.unwrap();
        for heard in [&mut here, &mut there] {
            assert_eq!(soon(heard.next()).await, Some(SubscriptionEvent::Message(message.to_vec())));
        }
    }
}

#[tokio::test]
async fn message_in_any_language_arrives_whatever_the_encoding_of_the_database_is() {
    let Some(database) = Database::create() else { return };
    let latin = format!("{}_latin", database.name());
    database.ask(&format!("CREATE DATABASE {latin} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"));
    let store = super::store_at(&database.url().replace(database.name(), &latin)).await;
    let mut heard = store.subscribe().await;
    for message in ["plain", "größer", "日本"] {
        store.publish(message.as_bytes()).await.unwrap();
        assert_eq!(soon(heard.next()).await, Some(SubscriptionEvent::Message(message.into())));
    }
}

#[tokio::test]
async fn longest_values_are_kept_whole() {
    let Some(database) = Database::create() else { return };
    keeps_the_longest_values(&store(&database).await.clock(clock())).await;
}

#[tokio::test]
async fn instants_far_away_are_kept_as_the_nearest() {
    let Some(database) = Database::create() else { return };
    keeps_instants_far_away(&store(&database).await.clock(clock())).await;
}

#[tokio::test]
async fn call_with_an_endless_timeout_works() {
    let Some(database) = Database::create() else { return };
    let store = store(&database).await.timeout(Duration::MAX);
    store.ping().await.unwrap();
    let mut heard = store.subscribe().await;
    store.publish(b"news").await.unwrap();
    assert_eq!(soon(heard.next()).await, Some(SubscriptionEvent::Message(b"news".to_vec())));
}
