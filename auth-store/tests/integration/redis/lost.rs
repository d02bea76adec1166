//! Loses the connection: while it is idle, and at each point of each call.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use auth_core::BoxError;
use auth_store::{
    Record, RecordKey, Records as _, RedisStore, Saved, SavedEnd, Store as _, SubscriptionEvent, Tickets,
};
use test_support::redis::Server;

use super::{
    ask,
    fake::{Fake, Loss},
    server::{Forgetful, Stored as _},
};
use crate::support::*;

const TTL: Duration = Duration::from_secs(30);

/// Every call of a store, its command, and what it does if its answer is lost.
const CALLS: [(Call, &str, Lost); 13] = [
    (Call::Ping, "PING", Lost::SentAgain),
    (Call::Put, "SET", Lost::SentAgain),
    (Call::Take, "GETDEL", Lost::IsAnError),
    (Call::Raise, "EVAL raise", Lost::SentAgain),
    (Call::Marks, "MGET", Lost::SentAgain),
    (Call::Publish, "PUBLISH", Lost::SentAgain),
    (Call::Create, "EVAL create", Lost::SentAgain),
    (Call::Load, "HMGET", Lost::SentAgain),
    (Call::Touch, "EVAL touch", Lost::SentAgain),
    (Call::Save, "EVAL save", Lost::SentAgain),
    (Call::End, "EVAL end", Lost::SentAgain),
    (Call::EndOwned, "EVAL raise", Lost::SentAgain),
    (Call::Owned, "EVAL list", Lost::SentAgain),
];

#[derive(Clone, Copy, Debug)]
enum Call {
    Ping,
    Put,
    Take,
    Raise,
    Marks,
    Publish,
    Create,
    Load,
    Touch,
    Save,
    End,
    EndOwned,
    Owned,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Lost {
    SentAgain,
    IsAnError,
}

impl Call {
    /// Makes the call, and checks its result.
    async fn make(self, store: &RedisStore) -> Result<(), BoxError> {
        match self {
            Self::Ping => store.ping().await?,
            Self::Put => store.put("key", b"value", TTL).await?,
            Self::Take => assert_eq!(store.take("key").await?.as_deref(), Some(&b"value"[..])),
            Self::Raise => store.raise("mark", 1, None).await?,
            Self::Marks => assert_eq!(store.marks(&["none".to_owned()]).await?, [None]),
            Self::Publish => store.publish(b"news").await?,
            Self::Create => assert!(store.create(&record()).await?),
            Self::Load => drop(store.load(&record().key).await?),
            Self::Touch => drop(store.touch(&record().key, now(), in_secs(60)).await?),
            Self::Save => drop(store.save(&record(), SavedEnd::Keep).await?),
            Self::End => drop(store.end(&record().key).await?),
            Self::EndOwned => store.end_owned(&RecordKey::owner(&ann()), now(), in_secs(60)).await?,
            Self::Owned => drop(store.owned(&RecordKey::owner(&ann())).await?),
        }
        Ok(())
    }
}

/// A new record without owner and indexes.
fn record() -> Record {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    Record {
        key: RecordKey::new("login", &[&COUNT.fetch_add(1, Ordering::Relaxed).to_string()]),
        owner: None,
        indexes: Vec::new(),
        since: now(),
        used_at: now(),
        ends_at: in_secs(3600),
        version: 1,
        value: b"value".to_vec().into(),
    }
}

#[tokio::test]
async fn record_is_created_touched_saved_and_ended_once_though_answers_are_lost() {
    let Some(server) = Server::start().await else { return };
    let proxy = Forgetful::before(&server).await;
    let (store, mut record) = (proxy.store(), record());
    record.owner = Some(RecordKey::owner(&ann()));
    for word in ["-- enter", "-- create"] {
        proxy.forget(word);
        record.key = RecordKey::new("login", &[word]);
        assert!(store.create(&record).await.unwrap() && proxy.has_forgotten());
        assert!(!store.create(&record).await.unwrap());
    }
    proxy.forget("-- touch");
    assert!(store.touch(&record.key, in_secs(1), in_secs(7200)).await.unwrap() && proxy.has_forgotten());
    proxy.forget("-- save");
    assert_eq!(store.save(&record, SavedEnd::Keep).await.unwrap(), Saved::As(2));
    assert!(proxy.has_forgotten());
    let stored = Record { version: 2, used_at: in_secs(1), ends_at: in_secs(7200), ..record.clone() };
    assert!(store.load(&record.key).await.unwrap() == Some(stored));
    assert_eq!(store.save(&record, SavedEnd::Keep).await.unwrap(), Saved::Conflict);
    // The first try has ended it; the second tells that it is gone.
    proxy.forget("-- end");
    assert!(!store.end(&record.key).await.unwrap() && proxy.has_forgotten());
    assert!(store.load(&record.key).await.unwrap().is_none());
}

#[tokio::test]
async fn calls_survive_a_killed_idle_connection() {
    let Some(server) = Server::start().await else { return };
    for (call, ..) in CALLS {
        for round in 0..20 {
            let store = server.store();
            store.put("key", b"value", TTL).await.unwrap();
            ask::<i64>(&server, &["CLIENT", "KILL", "TYPE", "normal"]).await;
            if round % 2 == 0 {
                // In the other rounds, the call comes before this side can see that the connection is closed.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            call.make(&store).await.unwrap_or_else(|error| panic!("{call:?}, round {round}: {error}"));
        }
    }
}

#[tokio::test]
async fn calls_survive_an_idle_connection_closed_by_timeout() {
    let Some(server) = Server::start().await else { return };
    let stores = CALLS.map(|(call, ..)| (call, server.store()));
    for (_, store) in &stores {
        store.put("key", b"value", TTL).await.unwrap();
    }
    ask::<String>(&server, &["CONFIG", "SET", "timeout", "1"]).await;
    // Only the connection that asks remains.
    let clients = async || ask::<String>(&server, &["CLIENT", "LIST"]).await.lines().count();
    soon(async { while clients().await > 1 {} }).await;
    for (call, store) in stores {
        ask::<String>(&server, &["SET", "auth:key", "value"]).await;
        call.make(&store).await.unwrap_or_else(|error| panic!("{call:?}: {error}"));
    }
}

#[tokio::test]
async fn calls_are_sent_again_only_if_harmless() {
    for (call, command, answer_lost) in CALLS {
        for (loss, expected) in [
            (Loss::WhileIdle, (true, 1)),
            (Loss::BeforeReading, (true, 1)),
            (Loss::WithoutAnswer, if answer_lost == Lost::SentAgain { (true, 2) } else { (false, 1) }),
            (Loss::MidAnswer, if answer_lost == Lost::SentAgain { (true, 2) } else { (false, 1) }),
        ] {
            let fake = Fake::start().await;
            let store = fake.store();
            store.ping().await.unwrap();
            fake.lose(command, loss, 1);
            let result = call.make(&store).await;
            assert_eq!((result.is_ok(), fake.times_read()), expected, "{call:?}, {loss:?}: {result:?}");
            call.make(&store).await.unwrap_or_else(|error| panic!("{call:?} after {loss:?}: {error}"));
        }
    }
}

#[tokio::test]
async fn calls_are_sent_at_most_twice() {
    for (call, command, _) in CALLS {
        for loss in [Loss::WhileIdle, Loss::BeforeReading, Loss::WithoutAnswer, Loss::MidAnswer] {
            let fake = Fake::start().await;
            let store = fake.store();
            store.ping().await.unwrap();
            fake.lose(command, loss, usize::MAX);
            let error = soon(call.make(&store)).await.unwrap_err();
            assert!(fake.times_read() <= 2, "{call:?}, {loss:?}: {error}");
        }
    }
}

#[tokio::test]
async fn take_works_if_the_redis_user_may_not_ping() {
    let Some(server) = Server::start().await else { return };
    ask::<String>(&server, &["ACL", "SETUSER", "app", "on", ">secret", "~*", "&*", "+@all", "-ping"]).await;
    let store = RedisStore::new(&server.url().replace("redis://", "redis://app:secret@")).unwrap();
    assert!(store.ping().await.is_err());
    for _ in 0..2 {
        store.put("key", b"value", TTL).await.unwrap();
        Call::Take.make(&store).await.unwrap();
    }
}

#[tokio::test]
async fn ticket_is_good_once_even_if_redis_kills_idle_connections() {
    let Some(server) = Server::start().await else { return };
    let tickets = Tickets::new(server.store(), "/ws").unwrap().clock(clock());
    let (socket, ticket) = (socket(&tickets), ticket(&tickets).await);
    let mut results = Vec::new();
    for _ in 0..2 {
        ask::<i64>(&server, &["CLIENT", "KILL", "TYPE", "normal"]).await;
        results.push(open(&socket, &ticket).await.map(drop));
    }
    assert_eq!(results, [Ok(()), Err("invalid_credentials")]);
}

#[tokio::test]
async fn listener_with_a_killed_connection_learns_that_it_missed_something() {
    let Some(server) = Server::start().await else { return };
    let store = server.store();
    let mut old = store.subscribe().await;
    ask::<i64>(&server, &["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    // It may start before the loss is noticed, and then learns of it, or after the new connection is up.
    let mut new = store.subscribe().await;
    assert_eq!(soon(old.next()).await, Some(SubscriptionEvent::Missed));
    store.publish(b"news").await.unwrap();
    let news = Some(SubscriptionEvent::Message(b"news".to_vec()));
    assert_eq!(soon(old.next()).await, news);
    let heard = match soon(new.next()).await {
        Some(SubscriptionEvent::Missed) => soon(new.next()).await,
        other => other,
    };
    assert_eq!(heard, news);
}
