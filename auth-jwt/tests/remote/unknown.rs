//! Tokens that name a key that is not in the set.

use auth_core::Clock as _;
use serde_json::json;

use crate::support::*;

#[test]
fn key_of_a_rotation_is_fetched_when_the_first_token_names_it() {
    run(async {
        let world = World::new().await;
        let source = world.source().await;
        let next = Key::new("b");
        world.issuer.publish(&set(&[&world.key, &next]));
        assert_eq!(world.ask(&source, &next).await, ACCEPTED);
        assert_eq!(world.ask_now(&source, &world.key), ACCEPTED);
        assert_eq!((world.issuer.count(), source.status().generation()), (2, 2));
    });
}

#[test]
fn all_who_name_the_new_key_wait_for_the_same_fetch() {
    run(async {
        let world = World::new().await;
        let source = world.source().await;
        let next = Key::new("b");
        world.issuer.publish(&set(&[&next]));
        let (first, second) = tokio::join!(world.ask(&source, &next), world.ask(&source, &next));
        assert_eq!((first, second, world.issuer.count()), (ACCEPTED, ACCEPTED, 2));
    });
}

#[test]
fn unknown_kid_causes_one_fetch_in_30_s() {
    run(async {
        let world = World::new().await;
        let source = world.source().await;
        assert_eq!(world.ask(&source, &Key::new("x")).await, UNRECOGNIZED);
        assert_eq!(world.issuer.count(), 2);
        world.clock.advance(30 * SECOND - MOMENT);
        assert_eq!(world.ask_now(&source, &Key::new("y")), UNRECOGNIZED);
        world.clock.advance(MOMENT);
        assert_eq!(world.ask(&source, &Key::new("z")).await, UNRECOGNIZED);
        assert_eq!(world.issuer.count(), 3);
    });
}

#[test]
fn slot_is_taken_before_the_fetch_and_also_if_it_fails() {
    run(async {
        let world = World::new().await;
        let source = world.source().await;
        world.issuer.fail();
        assert_eq!(world.ask(&source, &Key::new("x")).await, UNRECOGNIZED);
        assert_eq!(world.ask_now(&source, &Key::new("y")), UNRECOGNIZED);
        assert_eq!(world.issuer.count(), 2);
    });
}

#[test]
fn token_with_a_known_key_does_not_wait_for_a_forced_fetch() {
    run(async {
        let world = World::new().await;
        let source = world.source().await;
        world.issuer.say(|_| Say::Hang(Vec::new()));
        let stranger = Key::new("x");
        let stranger = world.ask(&source, &stranger);
        tokio::pin!(stranger);
        tokio::select! {
            biased;
            _ = &mut stranger => panic!("the issuer says nothing"),
            () = world.issuer.asked_times(2) => {}
        }
        assert_eq!(world.ask_now(&source, &world.key), ACCEPTED);
        // A request with an unknown key waits 2 s, and then the current set is used.
        world.clock.advance(2 * SECOND);
        assert_eq!(stranger.await, UNRECOGNIZED);
    });
}

#[test]
fn failed_unknown_key_fetch_does_not_move_the_refresh() {
    run(async {
        let world = World::new().await;
        let source = world.source().await;
        world.issuer.fail();
        assert_eq!(world.ask(&source, &Key::new("x")).await, UNRECOGNIZED);
        assert_eq!(world.issuer.count(), 2);
        world.issuer.publish(&set(&[&world.key]));
        // Not sooner, as a retry of a refresh would be, and not later.
        world.clock.advance(7 * MINUTE);
        settle().await;
        assert_eq!(world.issuer.count(), 2);
        world.clock.advance(2 * MINUTE);
        world.issuer.asked_times(3).await;
        until(&source, |status| status.age().is_some_and(|age| age.is_zero())).await;
    });
}

#[test]
fn forced_fetch_that_succeeds_puts_the_refresh_off() {
    run(async {
        let world = World::new().await;
        let source = world.source().await;
        world.clock.advance(5 * MINUTE);
        assert_eq!(world.ask(&source, &Key::new("x")).await, UNRECOGNIZED);
        world.clock.advance(7 * MINUTE);
        settle().await;
        assert_eq!(world.issuer.count(), 2);
        world.clock.advance(2 * MINUTE);
        world.issuer.asked_times(3).await;
    });
}

#[test]
fn due_refresh_replaces_an_unknown_key_fetch_but_keeps_its_slot() {
    run(async {
        let world = World::new().await;
        let source = world.source().await;
        world.clock.advance(9 * MINUTE);
        assert_eq!(world.ask(&source, &Key::new("x")).await, UNRECOGNIZED);
        assert_eq!(world.issuer.count(), 2);
        assert_eq!(world.ask(&source, &Key::new("y")).await, UNRECOGNIZED);
        assert_eq!(world.issuer.count(), 3);
    });
}

#[test]
fn fetch_that_has_begun_before_the_token_came_is_followed_by_another() {
    run(async {
        let world = World::new().await;
        let source = world.source().await;
        let old = ok(set(&[&world.key]).to_string());
        world.issuer.say(move |_| Say::Held(old.clone()));
        world.clock.advance(9 * MINUTE);
        world.issuer.asked_times(2).await;
        // The answer is already made, and now the issuer changes its keys.
        let next = Key::new("b");
        world.issuer.publish(&set(&[&next]));
        let (verdict, ()) = tokio::join!(world.ask(&source, &next), async {
            settle().await;
            world.issuer.release();
        });
        assert_eq!((verdict, world.issuer.count()), (ACCEPTED, 3));
    });
}

#[test]
fn refresh_that_waits_for_its_next_try_does_not_hold_up_a_forced_fetch() {
    run(async {
        let world = World::new().await;
        let source = world.source().await;
        world.issuer.fail();
        world.clock.advance(9 * MINUTE);
        until(&source, |status| status.last_failure().is_some()).await;
        let next = Key::new("b");
        world.issuer.publish(&set(&[&next]));
        // No time has passed, so no scheduled fetch is due.
        assert_eq!(world.ask(&source, &next).await, ACCEPTED);
        assert_eq!(world.issuer.count(), 3);
    });
}

/// A token that arrives before its key is published, several times, together with random tokens.
#[test]
fn key_used_before_it_is_published_is_found_within_30_s() {
    for strangers in [false, true] {
        run(async {
            let world = World::new().await;
            let source = world.source().await;
            let next = Key::new("b");
            assert_eq!(world.ask(&source, &next).await, UNRECOGNIZED);
            world.issuer.publish(&set(&[&world.key, &next]));
            for second in 1..=30 {
                world.clock.advance(SECOND);
                if strangers {
                    assert_eq!(world.ask(&source, &Key::new(&format!("stranger-{second}"))).await, UNRECOGNIZED);
                }
                let expected = if second < 30 { UNRECOGNIZED } else { ACCEPTED };
                assert_eq!(world.ask(&source, &next).await, expected, "after {second} s");
            }
            assert_eq!(world.issuer.count(), 3);
        });
    }
}

/// The fetch is slow, and the 30 s count from its start.
#[test]
fn slow_fetch_does_not_delay_the_next_one() {
    run(async {
        let world = World::new().await;
        let source = world.source().await;
        let old = ok(set(&[&world.key]).to_string());
        world.issuer.say(move |_| Say::Held(old.clone()));
        let next = Key::new("b");
        let (verdict, ()) = tokio::join!(world.ask(&source, &next), async {
            world.issuer.asked_times(2).await;
            world.clock.advance(2 * SECOND);
            settle().await;
            world.issuer.release();
        });
        assert_eq!(verdict, UNRECOGNIZED);
        settle().await;
        world.issuer.publish(&set(&[&next]));
        world.clock.advance(28 * SECOND - MOMENT);
        assert_eq!(world.ask_now(&source, &next), UNRECOGNIZED);
        world.clock.advance(MOMENT);
        assert_eq!(world.ask(&source, &next).await, ACCEPTED);
    });
}

#[test]
fn kid_of_a_key_of_another_kind_counts_as_unknown() {
    run(async {
        let world = World::new().await;
        let other = json!({ "kty": "EC", "crv": "P-256", "kid": "b", "x": P256[0], "y": P256[1] });
        world.issuer.publish(&jwks([world.key.jwk(), other]));
        let source = world.source().await;
        assert_eq!(source.status().keys(), 2);
        let next = Key::new("b");
        world.issuer.publish(&set(&[&next]));
        assert_eq!(world.ask(&source, &next).await, ACCEPTED);
    });
}

#[test]
fn token_that_a_secret_has_signed_forces_nothing() {
    run(async {
        let world = World::new().await;
        let source = world.source().await;
        let header = encode(r#"{"alg":"HS256","kid":"x"}"#);
        let token = format!("{header}.{}.{}", encode(r#"{"exp":1800000000}"#), encode([0; 32]));
        assert_eq!(now(verdict(&source, &token, &world.clock)), Some(UNRECOGNIZED));
        assert_eq!(world.issuer.count(), 1);
    });
}

#[test]
fn token_without_kid_forces_nothing() {
    run(async {
        let world = World::new().await;
        let source = world.source().await;
        assert_eq!(world.ask_now(&source, &Key::nameless()), INVALID);
        assert_eq!(world.issuer.count(), 1);
    });
}

#[test]
fn token_that_a_nameless_key_may_have_signed_forces_nothing() {
    run(async {
        let world = World::new().await;
        world.issuer.publish(&set(&[&Key::nameless()]));
        let source = world.source().await;
        assert_eq!(world.ask_now(&source, &Key::new("x")), INVALID);
        assert_eq!(world.issuer.count(), 1);
    });
}

#[test]
fn known_kid_with_a_wrong_signature_forces_nothing() {
    run(async {
        let world = World::new().await;
        let source = world.source().await;
        assert_eq!(world.ask_now(&source, &Key::new("a")), INVALID);
        assert_eq!(world.issuer.count(), 1);
    });
}

#[test]
fn clock_set_back_does_not_block_unknown_key_fetches() {
    run(async {
        let world = World::new().await;
        let source = world.builder().fail_fast().await.unwrap();
        assert_eq!(world.ask(&source, &Key::new("x")).await, UNRECOGNIZED);
        world.clock.set(world.clock.now() - HOUR);
        assert_eq!(world.ask(&source, &Key::new("y")).await, UNRECOGNIZED);
        assert_eq!(world.issuer.count(), 3);
    });
}

/// 10,000 tokens in a minute, each with its own `kid`, and valid ones between them.
#[test]
fn ten_thousand_random_kids_cause_one_fetch_every_30_s_and_no_harm() {
    run(async {
        let world = World::new().await;
        let source = world.source().await;
        let started = world.issuer.count();
        let attacker = Key::new("x");
        let attack = |n: u32| {
            let token = attacker.token(&world.clock);
            let (_, rest) = token.split_once('.').unwrap();
            let header = format!(r#"{{"alg":"EdDSA","kid":"random-{n}"}}"#);
            format!("{}.{rest}", encode(header))
        };
        for n in 0..10_000 {
            assert_eq!(verdict(&source, &attack(n), &world.clock).await, UNRECOGNIZED);
            if n % 10 == 0 {
                // At once: a valid token never waits for a fetch that a random token caused.
                assert_eq!(world.ask_now(&source, &world.key), ACCEPTED);
            }
            world.clock.advance(6 * MOMENT);
        }
        let forced: Vec<_> = world.issuer.asked()[started..].iter().map(|asked| asked.at).collect();
        assert_eq!(forced.len(), 2, "at 0 s and at 30 s");
        assert!(forced.array_windows().all(|[a, b]| b.duration_since(*a).unwrap() >= 30 * SECOND));
    });
}

#[test]
fn thousand_random_kids_at_once_cause_one_fetch() {
    run(async {
        let world = World::new().await;
        let source = world.source().await;
        let body = ok(set(&[&world.key]).to_string());
        world.issuer.say(move |_| Say::Held(body.clone()));
        let crowd: Vec<_> = (0..1000)
            .map(|n| {
                let (source, clock) = (source.clone(), world.clock.clone());
                let token = Key::new(&format!("random-{n}")).token(&clock);
                tokio::spawn(async move { verdict(&source, &token, &clock).await })
            })
            .collect();
        world.issuer.asked_times(2).await;
        settle().await;
        assert_eq!(world.ask_now(&source, &world.key), ACCEPTED);
        world.issuer.release();
        for stranger in crowd {
            assert_eq!(stranger.await.unwrap(), UNRECOGNIZED);
        }
        assert_eq!(world.issuer.count(), 2);
    });
}
