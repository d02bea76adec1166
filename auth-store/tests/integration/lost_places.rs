//! A store that does what it is asked, and whose answer is lost.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use auth_core::{BoxError, ManualClock, Refusal, async_trait};
use auth_store::{Budget, BudgetKey, BudgetPlace, Budgets, Guess, MemoryStore, Taken, Throttle};

use crate::{support::*, throttle::*};

#[derive(Clone)]
struct Lossy {
    store: MemoryStore,
    loses_take: Arc<AtomicBool>,
    loses_settle: Arc<AtomicBool>,
}

#[async_trait]
impl Budgets for Lossy {
    async fn take(&self, key: &BudgetKey, budget: &Budget) -> Result<Taken, BoxError> {
        let taken = self.store.take(key, budget).await;
        if self.loses_take.load(Ordering::SeqCst) { Err("the answer is lost".into()) } else { taken }
    }

    async fn settle(&self, key: &BudgetKey, budget: &Budget, place: BudgetPlace, failed: bool) -> Result<(), BoxError> {
        let settled = self.store.settle(key, budget, place, failed).await;
        if self.loses_settle.load(Ordering::SeqCst) { Err("the answer is lost".into()) } else { settled }
    }
}

fn lossy() -> (Throttle, Lossy, ManualClock) {
    let clock = clock();
    let store = MemoryStore::new().clock(clock.clone());
    let lossy = Lossy { store, loses_take: Arc::default(), loses_settle: Arc::default() };
    (Throttle::new(lossy.clone()), lossy, clock)
}

/// A lost answer costs places, and never gives one more guess.
#[tokio::test]
async fn place_whose_answer_was_lost_counts_as_a_failure() {
    let (throttle, lossy, clock) = lossy();
    let guess = Guess::new("ann");
    for lost in [true, false, true, false] {
        lossy.loses_take.store(lost, Ordering::SeqCst);
        for _ in 0..20 {
            match throttle.take(&guess).await {
                Ok(permit) => permit.failed().await,
                Err(throttled) => {
                    assert!(lost);
                    let refusal = Refusal::from(throttled);
                    assert_eq!((refusal.status().as_u16(), refusal.code()), (503, "unavailable"));
                }
            }
        }
    }
    // 40 failures, and 40 places that nobody has: they are in use, and become failures.
    assert_eq!(fail_all(&throttle, &guess).await, 20);
    clock.advance(2 * MINUTE);
    assert_eq!(fail_all(&throttle, &guess).await, 0);
}

/// What was taken before is given back, or becomes a failure.
#[tokio::test]
async fn guess_that_fails_midway_keeps_no_place_that_it_has_got() {
    let (throttle, lossy, _) = lossy();
    lossy.loses_take.store(true, Ordering::SeqCst);
    for n in 0..29 {
        // Each loses a place of its address alone, since it stops there.
        let name = n.to_string();
        assert!(throttle.take(&Guess::new(&name).address(v4(1))).await.is_err());
    }
    lossy.loses_take.store(false, Ordering::SeqCst);
    assert!(succeed(&throttle, &Guess::new("ann").address(v4(1))).await);
    assert_eq!(fail_all(&throttle, &Guess::new("ann").address(v4(1))).await, 1);
    assert_eq!(fail_all(&throttle, &Guess::new("ann").address(v4(2))).await, 10);
}

#[tokio::test]
async fn settling_whose_answer_was_lost_has_happened_once() {
    let (throttle, lossy, clock) = lossy();
    lossy.loses_settle.store(true, Ordering::SeqCst);
    let guess = Guess::new("ann");
    for _ in 0..50 {
        assert!(fail(&throttle, &guess).await);
        assert!(succeed(&throttle, &guess).await);
    }
    assert_eq!(fail_all(&throttle, &guess).await, 50);
    clock.advance(15 * MINUTE);
    assert_eq!(fail_all(&throttle, &guess).await, 1);
}
