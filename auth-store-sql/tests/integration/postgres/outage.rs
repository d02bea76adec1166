//! Postgres dies, comes back, stops answering, refuses to write, or has no connection left.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use auth_core::{Revocation, RevocationCheck as _, RevocationEvent};
use auth_store::{Budget, BudgetKey, Budgets, Record, Records as _, Revocations, SavedEnd, Store as _};
use auth_store_sql::PostgresStore;
use futures_util::FutureExt as _;
use test_support::postgres::{Database, Server};

use super::{store, store_at};
use crate::support::*;

const TIMEOUT: Duration = Duration::from_millis(300);

/// The longest time of a call: the timeout, and a margin for a busy machine.
const AT_MOST: Duration = Duration::from_millis(900);

async fn fails_in_time(store: &PostgresStore) {
    let begun = Instant::now();
    everything_fails(store).await;
    assert!(begun.elapsed() < AT_MOST, "{:?}", begun.elapsed());
}

async fn works_again(store: &PostgresStore) {
    soon(async { while store.ping().await.is_err() {} }).await;
}

#[test]
fn store_is_made_outside_of_a_runtime() {
    let store = PostgresStore::connect("postgres://app@127.0.0.1:1/app").unwrap().timeout(TIMEOUT).max_connections(0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let failure = runtime.block_on(store.ping()).unwrap_err();
    assert!(failure.to_string().contains("refused the connection"), "{failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn service_starts_without_postgres_and_finds_it_later() {
    let Some(mut server) = Server::start() else { return };
    server.kill();
    let store = PostgresStore::connect(&server.url("postgres")).unwrap().timeout(TIMEOUT);
    let mut listener = listen(store.clone()).await;
    fails_in_time(&store).await;
    assert!(store.migrate().await.is_err());
    server.start_again();
    assert_eq!(hear(&mut listener).await, RevocationEvent::Missed);
    store.migrate().await.unwrap();
    store.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_postgres_is_503_and_keeps_tickets_and_revocations() {
    let Some(mut server) = Server::start() else { return };
    let store = store_at(&server.url("postgres")).await.timeout(TIMEOUT);
    let tickets = tickets(store.clone());
    let (spent, good) = (ticket(&tickets).await.unwrap(), ticket(&tickets).await.unwrap());
    open(&tickets, &spent).await.unwrap();
    Revocations::new(store.clone()).revoke(&Revocation::session("issuer", "session")).await.unwrap();
    let (far, mut listener) = (store_at(&server.url("postgres")).await, listen(store.clone()).await);

    server.kill();
    for _ in 0..3 {
        fails_in_time(&store).await;
    }
    server.start_again();

    works_again(&store).await;
    assert_eq!(hear(&mut listener).await, RevocationEvent::Missed);
    assert!(Revocations::new(store.clone()).is_revoked(&evidence().await).await.unwrap());
    assert_eq!(open(&tickets, &spent).await.unwrap_err(), "invalid_credentials");
    open(&tickets, &good).await.unwrap();
    works_again(&far).await;
    let revocation = Revocation::connection("name");
    Revocations::new(far).revoke(&revocation).await.unwrap();
    assert_eq!(hear(&mut listener).await, RevocationEvent::Revoked(revocation));
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_postgres_blocks_nobody_and_is_noticed() {
    let Some(server) = Server::start() else { return };
    let store = store_at(&server.url("postgres")).await.timeout(TIMEOUT);
    let mut listener = listen(store.clone()).await;
    store.ping().await.unwrap();
    server.pause();
    for _ in 0..3 {
        fails_in_time(&store).await;
    }
    // Until the listening connection is given up, too: four timeouts.
    tokio::time::sleep(TIMEOUT * 5).await;
    server.go_on();
    assert_eq!(hear(&mut listener).await, RevocationEvent::Missed);
    works_again(&store).await;
    let connections = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'portcullis'";
    soon(async {
        // What was given up is closed.
        while server.ask("postgres", connections).parse::<u32>().unwrap() > 3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_the_server_closed_fail_once_each() {
    let Some(database) = Database::create() else { return };
    let store = store(&database).await.max_connections(3);
    let mut listener = listen(store.clone()).await;
    let (one, two, three) = tokio::join!(store.ping(), store.ping(), store.ping());
    assert!(one.is_ok() && two.is_ok() && three.is_ok());
    let close = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid()";
    database.ask(close);
    let mut failures = 0;
    while store.ping().await.is_err() {
        failures += 1;
    }
    assert!(failures <= 3, "{failures}");
    assert_eq!(hear(&mut listener).await, RevocationEvent::Missed);
}

#[tokio::test]
async fn read_only_postgres_refuses_changes_and_still_finds_what_is_there() {
    let Some(database) = Database::create() else { return };
    let store = store(&database).await.clock(clock());
    let kept = record("kept");
    store.create(&kept).await.unwrap();
    Revocations::new(store.clone()).revoke(&Revocation::session("issuer", "session")).await.unwrap();
    database.alter("SET default_transaction_read_only = on");
    let store = PostgresStore::connect(&database.url()).unwrap().clock(clock());
    store.migrate().await.unwrap();
    for failure in [
        store.create(&record("new")).await.unwrap_err(),
        store.touch(&kept.key, now(), in_secs(90)).await.unwrap_err(),
        store.put("key", b"value", TIMEOUT).await.unwrap_err(),
        store.raise("mark", 1, None).await.unwrap_err(),
        store.end_owned(kept.owner.as_ref().unwrap(), now(), in_secs(60)).await.unwrap_err(),
    ] {
        assert!(failure.to_string().contains("read-only"), "{failure}");
    }
    assert!(store.load(&kept.key).await.unwrap() == Some(kept));
    assert!(Revocations::new(store.clone()).is_revoked(&evidence().await).await.unwrap());
    database.alter("RESET default_transaction_read_only");
    // Each refusal has closed its connection, since another server may have the address by now.
    soon(async { while store.create(&record("new")).await.is_err() {} }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_without_a_free_connection_is_503_at_once() {
    let Some(server) = Server::start_with(&["max_connections=6"]) else { return };
    store_at(&server.url("postgres")).await;
    let grant = "CREATE ROLE worker LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO worker;
                 ALTER ROLE worker CONNECTION LIMIT 2";
    server.ask("postgres", grant);
    let url = server.url("postgres").replace("app:", "worker:");
    let held = PostgresStore::connect(&url).unwrap().max_connections(2);
    let hold = tokio::join!(held.ping(), held.ping());
    assert!(hold.0.is_ok() && hold.1.is_ok());
    let store = PostgresStore::connect(&url).unwrap();
    let begun = Instant::now();
    everything_fails(&store).await;
    assert!(begun.elapsed() < AT_MOST * 2, "{:?}", begun.elapsed());
    let failure = store.ping().await.unwrap_err();
    assert!(failure.to_string().contains("no connection left"), "{failure}");
}

/// A call that waits for a lock ends on the server too, so that it neither holds other locks nor its connection.
#[tokio::test(flavor = "multi_thread")]
async fn call_that_waits_for_a_lock_gives_up_and_leaves_nothing() {
    let Some(database) = Database::create() else { return };
    let store = store(&database).await.timeout(TIMEOUT);
    let kept = record("kept");
    store.create(&kept).await.unwrap();
    let hold = database.hold("SELECT 1 FROM portcullis_records FOR UPDATE");
    let begun = Instant::now();
    let calls = tokio::join!(store.end(&kept.key), store.end(&kept.key), store.end(&kept.key));
    for call in [calls.0, calls.1, calls.2] {
        let late = call.unwrap_err();
        assert!(late.to_string().contains("in time"), "{late}");
    }
    assert!(begun.elapsed() < AT_MOST, "{:?}", begun.elapsed());
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    soon(async {
        while database.ask(waiting) != "0" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    drop(hold);
    soon(async { while !store.end(&kept.key).await.unwrap_or_default() {} }).await;
}

/// Every answer that came before holds after the restart; every failure is an error that names Postgres.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_killed_under_load_resurrects_nothing_and_loses_nothing() {
    let Some(mut server) = Server::start() else { return };
    let stops = Arc::new(AtomicBool::new(false));
    let store = store_at(&server.url("postgres")).await.timeout(TIMEOUT);
    let mut listener = listen(store.clone()).await;
    let workers = (0..8).map(|worker| {
        let (store, stops) = (store.clone(), Arc::clone(&stops));
        tokio::spawn(async move { work(&store, worker, "Postgres", || stops.load(Ordering::SeqCst)).await })
    });
    let workers = workers.collect::<Vec<_>>();
    let count =
        |server: &Server| -> i64 { server.ask("postgres", "SELECT count(*) FROM portcullis_records").parse().unwrap() };
    for _ in 0..2 {
        let before = count(&server);
        soon(async {
            while count(&server) < before + 100 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        server.kill();
        server.start_again();
        assert_eq!(hear(&mut listener).await, RevocationEvent::Missed);
    }
    stops.store(true, Ordering::SeqCst);
    let mut all = Vec::new();
    for worker in workers {
        all.push(worker.await.unwrap());
    }
    works_again(&store).await;
    let (kept, ended, failures) = check(&store, all).await;
    assert!(kept > 50 && ended > 50 && failures > 0, "{kept} {ended} {failures}");
}

#[tokio::test(flavor = "multi_thread")]
async fn client_who_hangs_up_takes_no_connection_with_it() {
    let Some(database) = Database::create() else { return };
    // Long enough to be seen while it waits.
    let store = store(&database).await.timeout(Duration::from_secs(2)).max_connections(1);
    let kept = record("kept");
    store.create(&kept).await.unwrap();
    let hold = database.hold("SELECT 1 FROM portcullis_records FOR UPDATE");
    let own = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let (waiting, key) = (store.clone(), kept.key.clone());
    let call = tokio::spawn(async move { waiting.end(&key).await.is_ok() });
    soon(async {
        while database.ask(own).is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    call.abort();
    works_again(&store).await;
    drop(hold);
    soon(async { while !store.end(&kept.key).await.unwrap_or_default() {} }).await;
}

/// A connection in a transaction would take the changes of later calls with it when it is closed.
#[tokio::test]
async fn client_who_hangs_up_leaves_no_transaction_behind() {
    let Some(database) = Database::create() else { return };
    let store = store(&database).await.max_connections(1).clock(clock());
    let kept = record("kept");
    let owner = kept.owner.clone().unwrap();
    let (key, budget) = (BudgetKey::new("account", &["ann"]), Budget::new(100, Duration::from_secs(60)).unwrap());
    let moved = Record { since: in_secs(1), ..kept.clone() };
    store.create(&kept).await.unwrap();
    for answers in 0..8 {
        let calls: [Pin<Box<dyn Future<Output = ()> + Send + '_>>; 3] = [
            Box::pin(async { drop(store.end_owned(&owner, now() - TIMEOUT, now()).await) }),
            Box::pin(async { drop(Budgets::take(&store, &key, &budget).await) }),
            Box::pin(async { drop(store.save(&moved, SavedEnd::Keep).await) }),
        ];
        for (n, mut call) in calls.into_iter().enumerate() {
            // It hangs up after so many answers of Postgres.
            for _ in 0..=answers {
                if (&mut call).now_or_never().is_some() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
            drop(call);
            let name = format!("{answers}-{n}");
            store.raise(&name, 1, None).await.unwrap();
            let seen = database.ask(&format!("SELECT count(*) FROM portcullis_marks WHERE key = '{name}'"));
            assert_eq!(seen, "1", "{name}");
        }
    }
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'";
    assert_eq!(database.ask(open), "0");
}
