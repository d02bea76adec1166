//! Counters of failures, in one Redis and in a cluster.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use auth_core::{ManualClock, Refusal};
use auth_store::{Budget, BudgetKey, Budgets as _, Guess, Taken, Throttle};
use test_support::redis::Server;

use super::{
    ask,
    server::{Line, Stored as _},
};
use crate::support::*;

mod laws {
    use super::{super::server::Stored as _, ManualClock, Server, clock};
    use auth_store::RedisStore;

    test_support::budget_laws!(start);

    async fn start() -> Option<(RedisStore, ManualClock, Server)> {
        let server = Server::start().await?;
        let clock = clock();
        Some((server.store().budget_clock(clock.clone()), clock, server))
    }
}

fn budget() -> Budget {
    Budget::new(4, Duration::from_secs(60)).unwrap()
}

#[tokio::test]
async fn counter_ends_by_itself_and_shows_no_name() {
    let Some(server) = Server::start().await else { return };
    let (store, key) = (server.store().budget_clock(clock()), BudgetKey::new("account", &["MARKER"]));
    let name = format!("auth:budget:{}", key.as_str());
    let Taken::Place(place) = store.take(&key, &budget()).await.unwrap() else { panic!("no place") };
    let left = ask::<i64>(&server, &["TTL", &name]).await;
    assert!((500..=600).contains(&left), "{left}");
    store.settle(&key, &budget(), place, true).await.unwrap();
    let left = ask::<i64>(&server, &["TTL", &name]).await;
    assert!((60..=120).contains(&left), "{left}");
    let keys = ask::<Vec<String>>(&server, &["KEYS", "*"]).await;
    assert!(keys.len() == 1 && !keys[0].contains("MARKER"), "{keys:?}");

    let other = BudgetKey::new("account", &["other"]);
    let Taken::Place(place) = store.take(&other, &budget()).await.unwrap() else { panic!("no place") };
    store.settle(&other, &budget(), place, false).await.unwrap();
    assert_eq!(ask::<i64>(&server, &["DBSIZE"]).await, 1, "a success leaves nothing");
}

#[tokio::test]
async fn value_that_is_no_counter_is_an_error() {
    let Some(server) = Server::start().await else { return };
    let (store, key) = (server.store(), BudgetKey::new("account", &["a"]));
    ask::<String>(&server, &["SET", &format!("auth:budget:{}", key.as_str()), "1 2 x"]).await;
    assert!(store.take(&key, &budget()).await.is_err());
}

#[tokio::test]
async fn redis_that_is_down_lets_nobody_guess_and_forgets_nothing() {
    let Some(mut server) = Server::start().await else { return };
    let store = server.store().timeout(Duration::from_millis(300)).budget_clock(ManualClock::new(SystemTime::now()));
    let throttle = Throttle::new(store.clone());
    let guess = Guess::new("ann").address(Some("192.0.2.1".parse().unwrap()));
    for _ in 0..9 {
        throttle.take(&guess).await.unwrap().failed().await;
    }
    let held = throttle.take(&guess).await.unwrap();
    server.kill();
    let refusal = Refusal::from(throttle.take(&guess).await.unwrap_err());
    assert_eq!((refusal.status().as_u16(), refusal.code()), (503, "unavailable"));
    held.succeeded().await;
    server.start_again().await;
    soon(async { while store.ping().await.is_err() {} }).await;
    // The place of the success could not be given back.
    let refusal = Refusal::from(throttle.take(&guess).await.unwrap_err());
    assert_eq!((refusal.status().as_u16(), refusal.code()), (429, "too_many_attempts"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_share_one_budget() {
    let Some(server) = Server::start().await else { return };
    let clock = clock();
    let nodes = [(); 2].map(|()| Throttle::new(server.store().budget_clock(clock.clone())));
    let tasks = (0..200).map(|n| {
        let node = nodes[n % 2].clone();
        tokio::spawn(async move {
            let guess = Guess::new("ann").address(Some("192.0.2.1".parse().unwrap()));
            match node.take(&guess).await {
                Ok(permit) => {
                    permit.failed().await;
                    1
                }
                Err(_) => 0,
            }
        })
    });
    let mut looked_at = 0;
    for task in tasks.collect::<Vec<_>>() {
        looked_at += task.await.unwrap();
    }
    assert_eq!(looked_at, 10);
}

/// By the time of Redis.
#[tokio::test]
async fn nodes_whose_clocks_are_far_apart_share_one_budget() {
    let Some(server) = Server::start().await else { return };
    let day = Duration::from_secs(24 * 3600);
    let clocks = [SystemTime::now(), SystemTime::now() - Duration::from_secs(180), SystemTime::now() + day]
        .map(ManualClock::new);
    let nodes = clocks.each_ref().map(|clock| server.store().clock(clock.clone()));
    let key = BudgetKey::new("account", &["ann"]);
    let take = async |node: usize| nodes[node].take(&key, &budget()).await.unwrap();
    // A place that one node has taken is in use for all, and is settled by none of them.
    let Taken::Place(place) = take(0).await else { panic!("no place") };
    for node in [1, 2] {
        let Taken::Place(place) = take(node).await else { panic!("no place") };
        nodes[node].settle(&key, &budget(), place, true).await.unwrap();
    }
    let Taken::Place(last) = take(1).await else { panic!("no place") };
    for node in [0, 1, 2, 0, 1, 2] {
        assert_eq!(take(node).await, Taken::Wait(Duration::from_secs(1)), "two are in progress");
    }
    nodes[0].settle(&key, &budget(), place, false).await.unwrap();
    nodes[1].settle(&key, &budget(), last, true).await.unwrap();
    let Taken::Place(place) = take(2).await else { panic!("the place was given back") };
    nodes[2].settle(&key, &budget(), place, true).await.unwrap();
    // A clock that jumps forgets nothing.
    clocks[0].set(SystemTime::now() + 365 * day);
    for node in [0, 1, 2] {
        let Taken::Wait(wait) = take(node).await else { panic!("{node}") };
        assert!(Duration::from_secs(30) < wait && wait <= Duration::from_secs(60), "{wait:?}");
    }
}

/// A login in progress waits for one timeout, and not for one a counter.
#[tokio::test]
async fn silent_redis_costs_a_guess_one_timeout() {
    let Some(server) = Server::start().await else { return };
    let line = Line::to(&server).await;
    let throttle = Throttle::new(line.store().timeout(Duration::from_millis(300)));
    // Five counters.
    let permits = [throttle.take(&of_48()).await.unwrap(), throttle.take(&of_48()).await.unwrap()];
    line.cut();
    for permit in permits {
        let begun = Instant::now();
        permit.succeeded().await;
        assert!(begun.elapsed() < Duration::from_millis(1000), "{:?}", begun.elapsed());
    }
}

fn of_48() -> Guess<'static> {
    Guess::new("ann").address(Some("2001:db8::1".parse().unwrap()))
}

/// The budget holds over the outage, and nobody guesses meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn redis_that_is_killed_under_load_gives_nobody_one_more_guess() {
    let Some(mut server) = Server::start().await else { return };
    let (checked, refused, unavailable) = <(Arc<AtomicUsize>, Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    let tasks = (0..20).map(|n| {
        let throttle = Throttle::new(server.store().timeout(Duration::from_millis(300)));
        let (checked, refused, unavailable) = (checked.clone(), refused.clone(), unavailable.clone());
        tokio::spawn(async move {
            // Each tries four times as often as an account has places, all together.
            let mut left = 20;
            while left > 0 {
                match throttle.take(&Guess::new("ann")).await {
                    Ok(permit) => {
                        checked.fetch_add(1, Ordering::SeqCst);
                        left -= 1;
                        tokio::task::yield_now().await;
                        if n % 2 == 0 { permit.failed().await } else { drop(permit) }
                    }
                    Err(auth_store::Throttled::TooMany { .. }) => {
                        refused.fetch_add(1, Ordering::SeqCst);
                        left -= 1;
                    }
                    Err(_) => {
                        unavailable.fetch_add(1, Ordering::SeqCst);
                        tokio::task::yield_now().await;
                    }
                }
            }
        })
    });
    let tasks = tasks.collect::<Vec<_>>();
    soon(async {
        while checked.load(Ordering::SeqCst) < 20 {
            tokio::task::yield_now().await
        }
    })
    .await;
    server.kill();
    soon(async {
        while unavailable.load(Ordering::SeqCst) < 40 {
            tokio::task::yield_now().await
        }
    })
    .await;
    let at_the_outage = checked.load(Ordering::SeqCst);
    let seen = unavailable.load(Ordering::SeqCst);
    soon(async {
        while unavailable.load(Ordering::SeqCst) < seen + 40 {
            tokio::task::yield_now().await
        }
    })
    .await;
    assert_eq!(checked.load(Ordering::SeqCst), at_the_outage, "nobody guesses while it is down");
    server.start_again().await;
    for task in tasks {
        soon(task).await.unwrap();
    }
    let checked = checked.load(Ordering::SeqCst);
    // A place whose answer was lost is nobody's.
    assert!((60..=100).contains(&checked), "{checked}");
    assert!(refused.load(Ordering::SeqCst) >= 300);
}
