//! One fetch at a time, independent of the requests that wait for it.

use std::time::Duration;

use auth_core::ManualClock;

use crate::support::*;

fn holding(world: &World) {
    let body = ok(set(&[&world.key]).to_string());
    world.issuer.say(move |_| Say::Held(body.clone()));
}

#[test]
fn hundred_callers_share_one_fetch() {
    run(async {
        let world = World::new().await;
        holding(&world);
        let source = world.builder().lazy().unwrap();
        let callers: Vec<_> = (0..100)
            .map(|_| {
                let (source, clock, token) = (source.clone(), world.clock.clone(), world.key.token(&world.clock));
                tokio::spawn(async move { verdict(&source, &token, &clock).await })
            })
            .collect();
        world.issuer.asked_times(1).await;
        settle().await;
        world.issuer.release();
        for caller in callers {
            assert_eq!(caller.await.unwrap(), ACCEPTED);
        }
        assert_eq!(world.issuer.count(), 1);
    });
}

#[test]
fn caller_that_leaves_does_not_end_the_fetch() {
    run(async {
        let world = World::new().await;
        holding(&world);
        let source = world.builder().lazy().unwrap();
        tokio::select! {
            biased;
            _ = world.ask(&source, &world.key) => panic!("the issuer says nothing"),
            () = world.issuer.asked_times(1) => {}
        }
        world.issuer.release();
        until(&source, |status| status.is_ready()).await;
        assert_eq!(world.ask_now(&source, &world.key), ACCEPTED);
        assert_eq!(world.issuer.count(), 1);
    });
}

#[test]
fn caller_waits_two_seconds_at_most() {
    run(async {
        let world = World::new().await;
        holding(&world);
        let source = world.builder().lazy().unwrap();
        let caller = world.ask(&source, &world.key);
        tokio::pin!(caller);
        for step in [Duration::ZERO, 2 * SECOND - MOMENT] {
            world.clock.advance(step);
            tokio::select! {
                biased;
                _ = &mut caller => panic!("2 s are not over"),
                () = settle() => {}
            }
        }
        world.clock.advance(MOMENT);
        assert_eq!(caller.await, UNAVAILABLE);
        // The fetch continues, and its result is used.
        world.issuer.release();
        until(&source, |status| status.is_ready()).await;
        assert_eq!(world.ask_now(&source, &world.key), ACCEPTED);
        assert_eq!(world.issuer.count(), 1);
    });
}

#[test]
fn fetch_that_is_cut_off_with_its_runtime_makes_way_for_the_next() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (first, second) = (runtime(), runtime());
    // The issuer outlives the runtime that asks it first.
    let world = second.block_on(World::new());
    let source = world.builder().lazy().unwrap();
    let asking = first.block_on(async {
        tokio::select! {
            biased;
            _ = world.ask(&source, &world.key) => true,
            () = tokio::task::yield_now() => false,
        }
    });
    assert!(!asking);
    drop(first);
    assert_eq!(source.status().last_error(), Some(auth_jwt::remote::FetchErrorKind::Cancelled));
    world.clock.advance(SECOND);
    let answer = second.block_on(async {
        tokio::time::timeout(Duration::from_secs(30), world.ask(&source, &world.key)).await.unwrap()
    });
    assert_eq!(answer, ACCEPTED);
}

#[test]
fn requests_refresh_the_set_if_the_refreshers_runtime_is_gone() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (first, second) = (runtime(), runtime());
    let world = second.block_on(World::new());
    let source = world.builder().lazy().unwrap();
    // The refresher runs here, and is gone with it.
    let verdict = first.block_on(async {
        let ask = world.ask(&source, &world.key);
        tokio::select! {
            biased;
            verdict = ask => verdict,
            () = tokio::task::yield_now() => "",
        }
    });
    drop(first);
    assert_eq!(verdict, "");
    world.clock.advance(SECOND);
    second.block_on(async {
        let limit = Duration::from_secs(30);
        let ask = world.ask(&source, &world.key);
        assert_eq!(tokio::time::timeout(limit, ask).await.unwrap(), ACCEPTED);
        world.clock.advance(9 * MINUTE);
        let count = world.issuer.count();
        settle().await;
        assert_eq!(world.issuer.count(), count, "nobody fetches by himself");
        assert_eq!(world.ask_now(&source, &world.key), ACCEPTED);
        tokio::time::timeout(limit, world.issuer.asked_times(count + 1)).await.unwrap();
    });
}

#[test]
fn source_without_a_runtime_is_unavailable() {
    let source = auth_jwt::remote::RemoteJwks::at("http://127.0.0.1:9/jwks").unwrap();
    let source = source.lazy().unwrap();
    let clock: ManualClock = clock();
    assert_eq!(now(verdict(&source, &Key::new("a").token(&clock), &clock)), Some(UNAVAILABLE));
}

#[test]
fn fetching_ends_when_the_last_clone_is_dropped() {
    run(async {
        let world = World::new().await;
        let source = world.source().await;
        let clone = source.clone();
        drop(source);
        world.clock.advance(9 * MINUTE);
        world.issuer.asked_times(2).await;
        until(&clone, |status| status.age().is_some_and(|age| age.is_zero())).await;
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        settle().await;
        let before = tasks();
        drop(clone);
        settle().await;
        // The refresher wakes up.
        assert_eq!(tasks(), before - 1);
        world.clock.advance(HOUR);
        settle().await;
        assert_eq!(world.issuer.count(), 2);
    });
}
