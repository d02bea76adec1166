//! An issuer that is down, or sends a useless answer.

use auth_jwt::remote::FetchErrorKind;
use serde_json::json;

use crate::support::*;

#[test]
fn last_good_set_is_used_for_one_more_hour_and_then_503() {
    run(async {
        let world = World::new().await;
        let source = world.source().await;
        world.issuer.fail();
        world.clock.advance(10 * MINUTE + HOUR - MOMENT);
        assert_eq!(world.ask(&source, &world.key).await, ACCEPTED);
        world.clock.advance(MOMENT);
        assert_eq!(world.ask(&source, &world.key).await, UNAVAILABLE);
        assert!(!source.status().is_ready());
    });
}

#[test]
fn last_good_set_is_used_when_the_issuer_is_slow() {
    run(async {
        let world = World::new().await;
        let source = world.source().await;
        world.issuer.say(|_| Say::Hang(Vec::new()));
        // The lifetime ends before a fetch succeeds.
        world.clock.advance(11 * MINUTE);
        let nameless = Key::nameless();
        let callers = async { tokio::join!(world.ask(&source, &world.key), world.ask(&source, &nameless)) };
        tokio::pin!(callers);
        tokio::select! {
            biased;
            _ = &mut callers => panic!("the issuer says nothing"),
            () = world.issuer.asked_times(2) => {}
        }
        world.clock.advance(2 * SECOND);
        assert_eq!(callers.await, (ACCEPTED, INVALID));
    });
}

#[test]
fn requests_do_not_wait_for_an_issuer_known_to_be_down() {
    run(async {
        let world = World::new().await;
        let source = world.source().await;
        world.issuer.fail();
        world.clock.advance(11 * MINUTE);
        until(&source, |status| status.last_failure().is_some()).await;
        world.issuer.say(|_| Say::Hang(Vec::new()));
        world.clock.advance(MINUTE);
        world.issuer.asked_times(3).await;
        assert_eq!(world.ask_now(&source, &world.key), ACCEPTED);
    });
}

#[test]
fn set_fetched_after_an_outage_is_used_at_once() {
    run(async {
        let world = World::new().await;
        let source = world.source().await;
        world.issuer.fail();
        world.clock.advance(3 * HOUR);
        assert_eq!(world.ask(&source, &world.key).await, UNAVAILABLE);
        world.issuer.publish(&set(&[&world.key]));
        world.clock.advance(2 * SECOND);
        assert_eq!(world.ask(&source, &world.key).await, ACCEPTED);
    });
}

#[test]
fn successful_fetch_withdraws_keys_at_once() {
    run(async {
        let world = World::new().await;
        let source = world.source().await;
        let next = Key::new("b");
        world.issuer.publish(&set(&[&next]));
        assert_eq!(world.ask_now(&source, &world.key), ACCEPTED);
        world.clock.advance(9 * MINUTE);
        until(&source, |status| status.generation() == 2).await;
        // The token now names an unknown key, which causes a fetch.
        assert_eq!(world.ask(&source, &world.key).await, UNRECOGNIZED);
        assert_eq!(world.ask_now(&source, &next), ACCEPTED);
    });
}

/// Old keys can verify a token, but they cannot show that a new key does not exist.
#[test]
fn unknown_kid_is_503_when_the_set_is_past_its_lifetime_and_401_before() {
    run(async {
        let world = World::new().await;
        let source = world.source().await;
        world.issuer.fail();
        assert_eq!(world.ask(&source, &Key::new("x")).await, UNRECOGNIZED);
        world.clock.advance(11 * MINUTE);
        assert_eq!(world.ask(&source, &Key::new("x")).await, UNAVAILABLE);
        assert_eq!(world.ask(&source, &world.key).await, ACCEPTED);
    });
}

#[test]
fn set_without_a_usable_key_never_replaces_a_good_one() {
    run(async {
        let world = World::new().await;
        let source = world.source().await;
        let key = Key::new("b");
        let useless = [
            json!({ "keys": [] }),
            jwks([key.jwk_with("use", json!("enc"))]),
            jwks([key.jwk_with("d", json!("AAAA"))]),
            jwks([json!({ "kty": "oct", "kid": "b", "k": "0123456789abcdef0123456789abcdef0123456789abcdef" })]),
            jwks([json!(1)]),
        ];
        for set in useless {
            world.issuer.publish(&set);
            world.clock.advance(MINUTE);
            assert_eq!(world.ask(&source, &Key::new("x")).await, UNRECOGNIZED);
            assert_eq!(source.status().last_error(), Some(FetchErrorKind::NoUsableKey), "{set}");
            assert_eq!(world.ask_now(&source, &world.key), ACCEPTED);
        }
        assert_eq!(source.status().generation(), 1);
    });
}

#[test]
fn retries_wait_a_second_doubling_to_a_minute() {
    run(async {
        let world = World::new().await;
        world.issuer.fail();
        let source = world.builder().background().unwrap();
        world.issuer.asked_times(1).await;
        for (count, secs) in (1..).zip([1, 2, 4, 8, 16, 32, 60, 60]) {
            until(&source, |status| status.last_failure() == Some(world.issuer.asked()[count - 1].at)).await;
            world.clock.advance(secs * SECOND / 2 - MOMENT);
            settle().await;
            assert_eq!(world.issuer.count(), count, "before half of {secs} s");
            // Requests in the meantime cause no further attempts.
            assert_eq!(world.ask_now(&source, &world.key), UNAVAILABLE);
            world.clock.advance(secs * SECOND / 2 + MOMENT);
            world.issuer.asked_times(count + 1).await;
        }
    });
}

#[test]
fn success_begins_the_retries_anew() {
    run(async {
        let world = World::new().await;
        let source = world.source().await;
        for round in 0..2 {
            world.issuer.fail();
            world.clock.advance(9 * MINUTE);
            let began = world.clock.clone();
            until(&source, |status| status.last_failure() == Some(auth_core::Clock::now(&began))).await;
            let count = world.issuer.count();
            world.issuer.publish(&set(&[&world.key]));
            world.clock.advance(SECOND);
            world.issuer.asked_times(count + 1).await;
            until(&source, |status| status.age().is_some_and(|age| age.is_zero())).await;
            assert_eq!(world.issuer.count(), 3 + 2 * round);
        }
    });
}

#[test]
fn issuer_that_refuses_connections_is_unreachable() {
    run(async {
        let port = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().port()
        };
        let clock = clock();
        let url = format!("http://127.0.0.1:{port}/jwks");
        let source = auth_jwt::remote::RemoteJwks::at(url).unwrap().clock(clock.clone()).lazy().unwrap();
        assert_eq!(verdict(&source, &Key::new("a").token(&clock), &clock).await, UNAVAILABLE);
        assert_eq!(source.status().last_error(), Some(FetchErrorKind::Unreachable));
    });
}
