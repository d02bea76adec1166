//! The throttle, on the memory store.

use std::{
    collections::HashSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use auth_core::{BoxError, ManualClock, Refusal, Secret, async_trait};
use auth_store::{Budget, BudgetKey, BudgetPlace, Budgets, Guess, MemoryStore, Taken, Throttle, Throttled};
use test_support::assert_debug_is_clean;

use crate::support::*;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

pub(crate) fn key(letter: &str) -> Secret {
    Secret::new(letter.repeat(32))
}

pub(crate) fn throttle() -> (Throttle, ManualClock) {
    let clock = clock();
    let store = MemoryStore::new().clock(clock.clone());
    (Throttle::new(store).clock(clock.clone()).devices([key("k")]).unwrap(), clock)
}

pub(crate) fn v4(n: u32) -> Option<IpAddr> {
    Some(Ipv4Addr::from_bits(0x0a00_0000 + n).into())
}

/// An address in one /48, each in a /56 of its own.
pub(crate) fn v6(n: u16) -> Option<IpAddr> {
    Some(Ipv6Addr::new(0x2001, 0xdb8, 1, n << 8, 0, 0, 0, 1).into())
}

/// Whether the guess is checked. It is wrong.
pub(crate) async fn fail(throttle: &Throttle, guess: &Guess<'_>) -> bool {
    match throttle.take(guess).await {
        Ok(permit) => {
            permit.failed().await;
            true
        }
        Err(_) => false,
    }
}

pub(crate) async fn fail_all(throttle: &Throttle, guess: &Guess<'_>) -> usize {
    let mut checked = 0;
    while fail(throttle, guess).await {
        checked += 1;
    }
    checked
}

pub(crate) async fn succeed(throttle: &Throttle, guess: &Guess<'_>) -> bool {
    match throttle.take(guess).await {
        Ok(permit) => {
            permit.succeeded().await;
            true
        }
        Err(_) => false,
    }
}

/// How long to wait, and by which counter.
pub(crate) async fn wait(throttle: &Throttle, guess: &Guess<'_>) -> (u64, &'static str) {
    match throttle.take(guess).await {
        Err(Throttled::TooMany { retry_after, counter }) => (retry_after.as_secs(), counter),
        other => panic!("{other:?}"),
    }
}

/// From 500 addresses, some of which are dropped while the guess is checked, or panic.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_guesses_at_once_for_one_account_share_one_budget() {
    let (throttle, _) = throttle();
    let checked = Arc::new(AtomicUsize::new(0));
    let tasks = (0..1000).map(|n| {
        let (throttle, checked) = (throttle.clone(), Arc::clone(&checked));
        tokio::spawn(async move {
            let Ok(permit) = throttle.take(&Guess::new("ann").address(v4(n % 500))).await else { return };
            checked.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            match n % 3 {
                0 => permit.failed().await,
                1 => drop(permit),
                _ => panic!("while the password is checked"),
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        let _ = task.await;
    }
    assert_eq!(checked.load(Ordering::SeqCst), 100);
}

#[tokio::test]
async fn guesses_from_10_000_addresses_stop_at_100_and_the_owner_has_a_device() {
    let (throttle, clock) = throttle();
    let token = throttle.device_token("ann", None).unwrap().unwrap();
    let owner = Guess::new("ann").address(v4(0xff_ffff));
    let known = owner.device(Some(token.expose()));
    let mut checked = 0;
    for n in 0..10_000 {
        checked += usize::from(fail(&throttle, &Guess::new("ann").address(v4(n))).await);
        if n % 1000 == 0 {
            assert!(succeed(&throttle, &known).await);
        }
    }
    assert_eq!(checked, 100);
    assert_eq!(wait(&throttle, &owner).await, (900, "account"));
    assert!(succeed(&throttle, &known).await);
    // Neither does the login of the owner refill anything.
    assert_eq!(wait(&throttle, &owner).await, (900, "account"));
    assert!(succeed(&throttle, &Guess::new("bob").address(v4(1))).await, "another account");

    // The waits grow: 15, 30, 60, 60 minutes.
    for (minutes, next) in [(15, 30), (30, 60), (60, 60), (60, 60)] {
        clock.advance(MINUTE * minutes);
        assert!(fail(&throttle, &owner).await);
        assert_eq!(wait(&throttle, &owner).await, (next * 60, "account"));
    }
}

#[tokio::test]
async fn one_address_does_not_use_up_an_account() {
    let (throttle, _) = throttle();
    let stranger = Guess::new("ann").address(v4(1));
    assert_eq!(fail_all(&throttle, &stranger).await, 10);
    assert_eq!(wait(&throttle, &stranger).await, (60, "pair"));
    assert!(succeed(&throttle, &Guess::new("ann").address(v4(2))).await);
}

#[tokio::test]
async fn one_48_has_one_budget_for_an_account_and_one_for_all() {
    let (throttle, _) = throttle();
    let mut checked = 0;
    for n in 0..256 {
        checked += fail_all(&throttle, &Guess::new("ann").address(v6(n))).await;
    }
    assert_eq!(checked, 10);
    // One guess for each of many names.
    for n in 0..2000_u16 {
        let name = format!("name-{n}");
        checked += usize::from(fail(&throttle, &Guess::new(&name).address(v6(n % 256))).await);
    }
    assert_eq!(checked, 120);
    let next = Some("2001:db8:2::1".parse().unwrap());
    assert!(fail(&throttle, &Guess::new("ann").address(next)).await, "another /48");
}

#[tokio::test]
async fn address_counts_by_each_prefix_with_its_weight() {
    for (other, expected) in [("2001:db8:1:1::2", 30), ("2001:db8:1:2::1", 60), ("2001:db8:1:ff00::1", 120)] {
        let (throttle, _) = throttle();
        let mut checked = 0;
        for n in 0..1000 {
            let name = format!("name-{n}");
            let own: IpAddr = other.parse().unwrap();
            // Within the prefix that `other` shares with the first, each in a narrower one of its own.
            let IpAddr::V6(own) = own else { panic!("IPv6") };
            let address = match expected {
                30 => own,
                60 => Ipv6Addr::from_bits(own.to_bits() + (u128::from(n % 200_u32) << 64)),
                _ => Ipv6Addr::from_bits((own.to_bits() & !(0xffff << 64)) + (u128::from(n % 200_u32) << 72)),
            };
            checked += usize::from(fail(&throttle, &Guess::new(&name).address(Some(address.into()))).await);
        }
        assert_eq!(checked, expected, "{other}");
    }
}

#[tokio::test]
async fn address_that_is_used_up_takes_no_place_of_an_account() {
    let (throttle, _) = throttle();
    for n in 0..30 {
        assert!(fail(&throttle, &Guess::new(&n.to_string()).address(v4(1))).await);
    }
    for _ in 0..1000 {
        assert_eq!(wait(&throttle, &Guess::new("ann").address(v4(1))).await, (20, "address-32"));
    }
    let mut checked = 0;
    for n in 2..1000 {
        checked += usize::from(fail(&throttle, &Guess::new("ann").address(v4(n))).await);
    }
    assert_eq!(checked, 100);
}

/// What it has taken before is given back.
#[tokio::test]
async fn guess_that_the_account_refuses_takes_no_place_of_its_address() {
    let (throttle, _) = throttle();
    for n in 100..200 {
        assert!(fail(&throttle, &Guess::new("ann").address(v4(n))).await);
    }
    for _ in 0..1000 {
        assert_eq!(wait(&throttle, &Guess::new("ann").address(v4(1))).await.1, "account");
    }
    let mut checked = 0;
    for n in 0..1000 {
        checked += usize::from(fail(&throttle, &Guess::new(&n.to_string()).address(v4(1))).await);
    }
    assert_eq!(checked, 30);
}

#[tokio::test]
async fn success_gives_back_its_place_and_no_failure() {
    let (throttle, _) = throttle();
    let guess = Guess::new("ann").address(v4(1));
    for _ in 0..9 {
        assert!(fail(&throttle, &guess).await);
    }
    for _ in 0..1000 {
        assert!(succeed(&throttle, &guess).await);
    }
    assert_eq!(fail_all(&throttle, &guess).await, 1);
}

#[tokio::test]
async fn unknown_address_counts_by_account_alone() {
    let (throttle, _) = throttle();
    assert_eq!(fail_all(&throttle, &Guess::new("ann")).await, 100);
    assert!(succeed(&throttle, &Guess::new("bob")).await);
}

#[tokio::test]
async fn guess_without_an_account_counts_by_its_address_alone() {
    let (throttle, _) = throttle();
    let token = throttle.device_token("", None).unwrap().unwrap();
    let forged = Guess::without_account().address(v4(1)).device(Some(token.expose()));
    for _ in 0..100 {
        assert!(succeed(&throttle, &forged).await);
    }
    assert_eq!(fail_all(&throttle, &forged).await, 30);
    assert_eq!(wait(&throttle, &forged).await, (20, "address-32"));
    assert!(succeed(&throttle, &Guess::without_account().address(v4(2))).await, "another address");
    // It shares the address with passwords, and no account: not that of an empty name either.
    assert_eq!(wait(&throttle, &Guess::new("ann").address(v4(1))).await.1, "address-32");
    assert_eq!(fail_all(&throttle, &Guess::new("")).await, 100);
    // In one /48.
    let mut checked = 0;
    for n in 0..256 {
        checked += fail_all(&throttle, &Guess::without_account().address(v6(n))).await;
    }
    assert_eq!(checked, 120);
}

#[tokio::test]
async fn guesses_without_account_and_address_count_as_one_client() {
    let (throttle, _) = throttle();
    assert_eq!(fail_all(&throttle, &Guess::without_account()).await, 30);
    assert_eq!(wait(&throttle, &Guess::without_account()).await, (20, "address-none"));
    assert!(succeed(&throttle, &Guess::without_account().address(v4(1))).await);
    assert!(succeed(&throttle, &Guess::new("ann")).await);
}

#[test]
fn wrong_settings_do_not_build() {
    let budget = |places| Budget::new(places, MINUTE).unwrap();
    let new = || Throttle::new(MemoryStore::new());
    assert!(new().account(budget(101)).is_err() && new().account(budget(100)).is_ok());
    assert!(new().devices([]).is_err() && new().devices([Secret::new("x".repeat(31))]).is_err());
    assert!(new().device_token("ann", None).unwrap().is_none(), "there are no keys");
}

#[tokio::test]
async fn refusal_is_429_with_the_time_to_wait_and_equal_for_unknown_names() {
    let (throttle, clock) = throttle();
    let mut answers = HashSet::new();
    for name in ["ann", "nobody"] {
        let guess = Guess::new(name).address(v4(1));
        fail_all(&throttle, &guess).await;
        let throttled = throttle.take(&guess).await.unwrap_err();
        let response = Refusal::from(throttled).to_response();
        assert_eq!((response.status().as_u16(), response.headers()["retry-after"].to_str().unwrap()), (429, "60"));
        answers.insert(response.body().clone());
    }
    assert_eq!(answers.len(), 1);
    assert!(answers.iter().next().unwrap().contains(r#""code":"too_many_attempts""#));
    clock.advance(Duration::from_millis(58_001));
    let throttled = throttle.take(&Guess::new("ann").address(v4(1))).await.unwrap_err();
    assert_eq!(Refusal::from(throttled).to_response().headers()["retry-after"], "2", "rounded up");
}

#[tokio::test]
async fn clock_that_is_set_changes_no_budget_in_memory() {
    let (throttle, clock) = throttle();
    let guess = Guess::new("ann").address(v4(1));
    assert_eq!(fail_all(&throttle, &guess).await, 10);
    for then in [now() + YEAR, now() - YEAR] {
        clock.set(then);
        assert_eq!(wait(&throttle, &guess).await, (60, "pair"));
    }
}

/// A store that notes its keys, and is down when told.
#[derive(Clone)]
struct Noting(MemoryStore, Arc<AtomicUsize>, Arc<std::sync::Mutex<String>>);

#[async_trait]
impl Budgets for Noting {
    async fn take(&self, key: &BudgetKey, budget: &Budget) -> Result<Taken, BoxError> {
        *self.2.lock().unwrap() += key.as_str();
        // Fails at every third counter.
        if self.1.fetch_add(1, Ordering::SeqCst) % 3 == 2 {
            return Err("the store is down".into());
        }
        self.0.take(key, budget).await
    }

    async fn settle(&self, key: &BudgetKey, budget: &Budget, place: BudgetPlace, failed: bool) -> Result<(), BoxError> {
        self.0.settle(key, budget, place, failed).await
    }
}

#[tokio::test]
async fn store_that_is_down_lets_nobody_guess_and_learns_no_name() {
    let store = Noting(MemoryStore::new().clock(clock()), Arc::default(), Arc::default());
    let throttle = Throttle::new(store.clone());
    let guess = Guess::new("MARKER").address(v4(1));
    for _ in 0..100 {
        let refusal = Refusal::from(throttle.take(&guess).await.unwrap_err());
        assert_eq!((refusal.status().as_u16(), refusal.code()), (503, "unavailable"));
    }
    let keys = store.2.lock().unwrap().clone();
    assert!(keys.contains("account:") && !keys.contains("MARKER") && !keys.contains("10.0.0.1"), "{keys}");
    // What they had taken was given back.
    store.1.store(0, Ordering::SeqCst);
    assert_eq!(fail_all(&Throttle::new(store.0), &guess).await, 10);
}

#[tokio::test]
async fn debug_shows_no_token_and_no_key() {
    let throttle = Throttle::new(MemoryStore::new()).devices([Secret::new("MARKER".repeat(6))]).unwrap();
    let guess = Guess::new("ann").device(Some("MARKER"));
    assert_debug_is_clean(&throttle, "MARKER");
    assert_debug_is_clean(&guess, "MARKER");
    assert_debug_is_clean(&throttle.take(&guess).await.unwrap(), "MARKER");
}
