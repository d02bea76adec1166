//! A throttle that lets a guess wait for its turn.

use std::time::Duration;

use auth_core::ManualClock;
use auth_store::{Guess, MemoryStore, Permit, Throttle, Throttled};
use futures_util::{FutureExt as _, future::join_all};

use crate::{support::*, throttle::*};

fn patient() -> (Throttle, ManualClock) {
    let clock = clock();
    let store = MemoryStore::new().clock(clock.clone());
    (Throttle::new(store).patient(clock.clone()), clock)
}

async fn take_all(throttle: &Throttle, guess: &Guess<'_>, count: usize) -> Vec<Permit> {
    let mut permits = Vec::new();
    for _ in 0..count {
        permits.push(throttle.take(guess).now_or_never().unwrap().unwrap());
    }
    permits
}

#[tokio::test]
async fn right_guess_waits_for_its_turn() {
    let (throttle, clock) = patient();
    let guess = Guess::new("ann").address(v4(1));
    let mut permits = take_all(&throttle, &guess, 10).await;
    let mut eleventh = Box::pin(throttle.take(&guess));
    assert!(eleventh.as_mut().now_or_never().is_none(), "it waits");
    // It holds no place meanwhile: others at its address have all that is left of 30.
    let others = (0..20).map(|n| n.to_string()).collect::<Vec<_>>();
    let others =
        others.iter().map(|name| throttle.take(&Guess::new(name).address(v4(1))).now_or_never().unwrap().unwrap());
    let others = others.collect::<Vec<_>>();
    join_all(others.into_iter().map(Permit::succeeded)).await;
    permits.pop().unwrap().succeeded().await;
    clock.advance(Duration::from_millis(25));
    assert!(eleventh.now_or_never().unwrap().is_ok());
}

#[tokio::test]
async fn wait_ends_with_429_after_three_quarters_of_a_second() {
    let (throttle, clock) = patient();
    let guess = Guess::new("ann").address(v4(1));
    let _permits = take_all(&throttle, &guess, 10).await;
    let mut eleventh = Box::pin(throttle.take(&guess));
    for pause in [25, 50, 100, 200, 400] {
        assert!(eleventh.as_mut().now_or_never().is_none());
        clock.advance(Duration::from_millis(pause));
    }
    let refused = eleventh.now_or_never().unwrap().unwrap_err();
    assert!(matches!(refused, Throttled::TooMany { counter: "pair", retry_after } if retry_after.as_secs() == 1));
}

#[tokio::test]
async fn failures_are_not_waited_for() {
    let (throttle, _) = patient();
    let guess = Guess::new("ann").address(v4(1));
    for _ in 0..10 {
        throttle.take(&guess).now_or_never().unwrap().unwrap().failed().await;
    }
    assert!(matches!(throttle.take(&guess).now_or_never().unwrap(), Err(Throttled::TooMany { .. })));
}

/// Those that wait see the failures of those before them.
#[tokio::test(flavor = "multi_thread")]
async fn patience_gives_nobody_one_more_guess() {
    let (throttle, clock) = patient();
    let tasks = (0..1000).map(|_| {
        let throttle = throttle.clone();
        tokio::spawn(async move {
            let guess = Guess::new("ann").address(v4(1));
            let Ok(permit) = throttle.take(&guess).await else { return false };
            tokio::task::yield_now().await;
            permit.failed().await;
            true
        })
    });
    let tasks = join_all(tasks.collect::<Vec<_>>());
    let mut tasks = Box::pin(tasks);
    let done = loop {
        tokio::select! {
            done = &mut tasks => break done,
            () = tokio::task::yield_now() => clock.advance(Duration::from_micros(1)),
        }
    };
    assert_eq!(done.into_iter().filter(|checked| *checked.as_ref().unwrap()).count(), 10);
}
