//! The three ways to start, and the status for probes.

use std::error::Error as _;

use auth_core::Clock as _;
use auth_jwt::remote::{FetchError, FetchErrorKind, RemoteJwks};

use crate::support::*;

#[test]
fn lazy_start_fetches_with_the_first_token() {
    run(async {
        let world = World::new().await;
        let source = world.builder().lazy().unwrap();
        settle().await;
        assert_eq!(world.issuer.count(), 0);
        assert_eq!(world.ask(&source, &world.key).await, ACCEPTED);
        assert_eq!(world.issuer.count(), 1);
        // From then on the refresher runs.
        world.clock.advance(9 * MINUTE);
        world.issuer.asked_times(2).await;
    });
}

#[test]
fn background_start_fetches_without_a_token_and_tries_again() {
    run(async {
        let world = World::new().await;
        world.issuer.fail();
        let source = world.builder().background().unwrap();
        until(&source, |status| status.last_failure().is_some()).await;
        assert!(!source.status().is_ready());
        world.issuer.publish(&set(&[&world.key]));
        world.clock.advance(SECOND);
        until(&source, |status| status.is_ready()).await;
        assert_eq!(world.ask_now(&source, &world.key), ACCEPTED);
    });
}

#[test]
fn background_start_without_a_runtime_does_not_build() {
    assert!(RemoteJwks::at("https://id.example/jwks").unwrap().background().is_err());
}

#[test]
fn fail_fast_start_has_keys_when_it_is_done() {
    run(async {
        let world = World::new().await;
        let source = world.builder().fail_fast().await.unwrap();
        assert_eq!(world.ask_now(&source, &world.key), ACCEPTED);
        assert_eq!(world.issuer.count(), 1);
    });
}

#[test]
fn clock_of_the_system_is_the_default() {
    run(async {
        let world = World::new().await;
        let source = RemoteJwks::at(world.issuer.url("/jwks")).unwrap().fail_fast().await.unwrap();
        let last = source.status().last_success().unwrap();
        assert!(last.elapsed().unwrap() < MINUTE);
        assert_eq!(world.ask_now(&source, &world.key), ACCEPTED);
    });
}

#[test]
fn fail_fast_start_gives_the_first_error() {
    run(async {
        let world = World::new().await;
        world.issuer.say(|_| Say::All(reply("404 Not Found", "", "")));
        let error = world.builder().fail_fast().await.unwrap_err();
        let cause: &FetchError = error.source().unwrap().downcast_ref().unwrap();
        assert_eq!(cause.kind(), FetchErrorKind::Status);
        settle().await;
        world.clock.advance(HOUR);
        settle().await;
        assert_eq!(world.issuer.count(), 1, "nobody goes on fetching");
    });
}

#[test]
fn fail_fast_start_waits_five_seconds_at_most() {
    run(async {
        let world = World::new().await;
        world.issuer.say(|_| Say::Hang(Vec::new()));
        let start = world.builder().fail_fast();
        tokio::pin!(start);
        tokio::select! {
            biased;
            _ = &mut start => panic!("the issuer says nothing"),
            () = world.issuer.asked_times(1) => {}
        }
        world.clock.advance(5 * SECOND);
        let error = start.await.unwrap_err();
        let cause: &FetchError = error.source().unwrap().downcast_ref().unwrap();
        assert_eq!(cause.kind(), FetchErrorKind::TimedOut);
    });
}

#[test]
fn status_has_generation_age_last_success_and_last_failure() {
    run(async {
        let world = World::new().await;
        let source = world.builder().lazy().unwrap();
        let status = source.status();
        assert_eq!((status.is_ready(), status.generation(), status.keys()), (false, 0, 0));
        assert_eq!((status.age(), status.last_success(), status.last_failure()), (None, None, None));

        let first = world.clock.now();
        assert_eq!(world.ask(&source, &world.key).await, ACCEPTED);
        world.clock.advance(9 * MINUTE - SECOND);
        world.issuer.fail();
        until(&source, |status| status.last_failure().is_some()).await;
        let status = source.status();
        assert_eq!((status.is_ready(), status.generation(), status.keys()), (true, 1, 1));
        assert_eq!(status.age(), Some(9 * MINUTE - SECOND));
        assert_eq!(status.last_success(), Some(first));
        assert_eq!(status.last_failure(), Some(world.clock.now()));
        assert_eq!(status.last_error(), Some(FetchErrorKind::Unreachable));
    });
}
