//! Tables of counters that are full: what an attacker gains who fills them, and what others lose.

use std::{net::IpAddr, time::Duration};

use auth_core::ManualClock;
use auth_store::{Budget, BudgetKey, Budgets as _, Guess, MemoryStore, Taken, Throttle};

use crate::{support::*, throttle::*};

fn full_after(counters: usize) -> (Throttle, MemoryStore, ManualClock) {
    let clock = clock();
    let store = MemoryStore::new().clock(clock.clone()).max_budgets(counters);
    (Throttle::new(store.clone()).clock(clock.clone()), store, clock)
}

/// The first address of a /48.
fn of_48(n: u16) -> Option<IpAddr> {
    Some(std::net::Ipv6Addr::new(0x2001, 0xdb8, n, 0, 0, 0, 0, 1).into())
}

/// One name from each of many addresses: three failures each make a counter that no other pushes out.
async fn fill_pairs(throttle: &Throttle, count: u16) {
    for n in 0..count {
        for _ in 0..3 {
            assert!(fail(throttle, &Guess::new("filler").address(of_48(n))).await);
        }
    }
}

#[tokio::test]
async fn full_table_of_pairs_keeps_nobody_out() {
    let (throttle, ..) = full_after(30);
    fill_pairs(&throttle, 30).await;
    // All pairs are new. They would share ten failures.
    for n in 0..600 {
        let name = format!("name-{n}");
        assert!(fail(&throttle, &Guess::new(&name).address(v4(n % 30))).await, "{n}");
    }
    assert!(succeed(&throttle, &Guess::new("ann").address(v4(100))).await);
}

/// What the attacker gains: the pair limits nothing any more, so account and address do it alone.
#[tokio::test]
async fn guess_whose_pair_is_not_counted_counts_by_account_and_address() {
    let (throttle, ..) = full_after(30);
    fill_pairs(&throttle, 30).await;
    let one = Guess::new("ann").address(v4(1));
    assert_eq!(fail_all(&throttle, &one).await, 30);
    assert_eq!(wait(&throttle, &one).await, (20, "address-32"));
    let mut checked = 30;
    for n in 2..50 {
        checked += fail_all(&throttle, &Guess::new("ann").address(v4(n))).await;
    }
    assert_eq!(checked, 100);
    assert_eq!(wait(&throttle, &Guess::new("ann").address(v4(60))).await, (900, "account"));
}

#[tokio::test]
async fn pair_that_is_used_up_stays_so_when_its_table_is_full() {
    let (throttle, ..) = full_after(30);
    let ann = Guess::new("ann").address(v4(1));
    assert_eq!(fail_all(&throttle, &ann).await, 10);
    fill_pairs(&throttle, 29).await;
    for n in 0..50 {
        let name = format!("name-{n}");
        fail(&throttle, &Guess::new(&name).address(v4(2 + n))).await;
    }
    assert_eq!(wait(&throttle, &ann).await, (60, "pair"));
}

#[tokio::test]
async fn full_table_of_narrow_prefixes_leaves_the_wide_one() {
    let (throttle, ..) = full_after(8);
    // Eight /64 with more than a quarter of their 30, in four /48, which stay below a quarter of 120.
    let address =
        |wide: u16, narrow: u16| Some(std::net::Ipv6Addr::new(0x2001, 0xdb8, wide, narrow << 8, 0, 0, 0, 1).into());
    for n in 0..8 {
        for name in 0..9 {
            let name = format!("name-{n}-{name}");
            assert!(fail(&throttle, &Guess::new(&name).address(address(n / 2, n % 2))).await);
        }
    }
    let mut checked = 0;
    for n in 0..300 {
        let name = format!("other-{n}");
        checked += usize::from(fail(&throttle, &Guess::new(&name).address(address(9, 1))).await);
    }
    assert_eq!(checked, 60, "the /56, which has room");
}

fn budget() -> Budget {
    Budget::new(4, Duration::from_secs(60)).unwrap()
}

fn named(name: &str) -> BudgetKey {
    BudgetKey::new("kind", &[name])
}

async fn fail_once(store: &MemoryStore, key: &BudgetKey) -> bool {
    let Taken::Place(place) = store.take(key, &budget()).await.unwrap() else { return false };
    store.settle(key, &budget(), place, true).await.unwrap();
    true
}

#[tokio::test]
async fn key_that_finds_room_begins_with_the_failures_of_the_shared_counter() {
    let (_, store, clock) = full_after(1);
    for _ in 0..4 {
        assert!(fail_once(&store, &named("full")).await);
    }
    // Three of the four, and one that is in progress and does not count for the new one.
    for name in ["a", "b", "c"] {
        assert!(fail_once(&store, &named(name)).await);
    }
    let Taken::Place(held) = store.take(&named("d"), &budget()).await.unwrap() else { panic!("no place") };
    // Since the shared counter gets back a place a minute, like all others, none is left of `full` when one is left of it.
    let wider = store.clone().max_budgets(2);
    let mut checked = 0;
    while fail_once(&wider, &named("a")).await {
        checked += 1;
    }
    assert_eq!(checked, 1);
    wider.settle(&named("d"), &budget(), held, true).await.unwrap();
    clock.advance(Duration::from_secs(60));
    assert!(fail_once(&wider, &named("a")).await);
}

/// Two failures, of which the counter was pushed out meanwhile, are not lost.
#[tokio::test]
async fn failure_whose_counter_is_gone_counts_for_all_without_room() {
    let (_, store, _) = full_after(1);
    let gone = named("gone");
    let Taken::Place(place) = store.take(&gone, &budget()).await.unwrap() else { panic!("no place") };
    // A place of four is a quarter, so another pushes it out, and fills the table.
    for _ in 0..4 {
        assert!(fail_once(&store, &named("other")).await);
    }
    store.settle(&gone, &budget(), place, true).await.unwrap();
    let mut checked = 0;
    while fail_once(&store, &named("third")).await {
        checked += 1;
    }
    assert_eq!(checked, 3);
}

#[tokio::test]
async fn optional_key_without_room_is_not_counted_and_frees_nothing() {
    let (_, store, _) = full_after(1);
    for _ in 0..4 {
        assert!(fail_once(&store, &named("full")).await);
    }
    let optional = named("optional").optional();
    assert!(optional.is_optional() && !named("optional").is_optional());
    for n in 0..100 {
        let Taken::Place(place) = store.take(&optional, &budget()).await.unwrap() else { panic!("no place") };
        store.settle(&optional, &budget(), place, n % 2 == 0).await.unwrap();
    }
    let mut checked = 0;
    while fail_once(&store, &named("other")).await {
        checked += 1;
    }
    assert_eq!(checked, 4, "the shared counter has none of them");
    assert!(!fail_once(&store, &named("full")).await);
}
