//! Several throttles on one store.

use std::time::Duration;

use auth_store::{Budget, Guess, MemoryStore, Throttle};

use crate::{support::*, throttle::*};

#[tokio::test]
async fn throttles_of_two_realms_share_no_counter() {
    let store = MemoryStore::new().clock(clock());
    let of = |realm| Throttle::new(store.clone()).realm(realm);
    let (customers, admins) = (of("customers"), of("admins"));
    let guess = Guess::new("ann").address(v4(1));
    assert_eq!(fail_all(&customers, &guess).await, 10);
    assert!(fail(&admins, &guess).await);
    // The realm is no part of the name.
    assert!(fail(&of("custom"), &Guess::new("ersann").address(v4(1))).await);
    assert_eq!(wait(&of("customers"), &guess).await, (60, "pair"), "the same realm");
    assert_eq!(fail_all(&of("customers"), &Guess::without_account()).await, 30);
    assert!(fail(&admins, &Guess::without_account()).await);
}

/// With budgets of their own, and a table that is full.
#[tokio::test]
async fn throttles_with_different_budgets_do_not_push_out_each_other() {
    let store = MemoryStore::new().clock(clock()).max_budgets(3);
    let strict = Budget::new(4, MINUTE).unwrap();
    let strict = Throttle::new(store.clone()).realm("admins").account(strict).unwrap();
    let usual = Throttle::new(store).realm("customers");
    for name in ["a", "b", "c"] {
        assert_eq!(fail_all(&strict, &Guess::new(name)).await, 4);
    }
    for n in 0..50 {
        let name = format!("name-{n}");
        assert!(fail(&usual, &Guess::new(&name)).await);
    }
    for name in ["a", "b", "c"] {
        assert!(!fail(&strict, &Guess::new(name)).await);
    }
    assert_eq!(fail_all(&usual, &Guess::new("ann")).await, 100, "they make room in a table of their own");
}

#[test]
fn account_has_a_limit_that_limits() {
    let with = |places, wait| Throttle::new(MemoryStore::new()).account(Budget::new(places, wait).unwrap());
    assert!(with(100, Duration::from_millis(1)).is_err());
    assert!(with(2, Duration::from_millis(59_999)).is_err());
    assert!(with(100, MINUTE).is_ok());
    let error = with(2, Duration::from_secs(1)).unwrap_err();
    assert_eq!(error.to_string(), "an account must not get a failure back in less than a minute");
}
