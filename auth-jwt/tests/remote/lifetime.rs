//! How long a set is used, and when the next is fetched.

use crate::support::*;

/// Checks that a set with these headers is used for this long, and for the hour of grace.
async fn assert_lifetime(headers: &'static str, lifetime: std::time::Duration) {
    let world = World::new().await;
    let body = set(&[&world.key]).to_string();
    world.issuer.say(move |_| Say::All(reply("200 OK", headers, &body)));
    let source = world.source().await;
    world.issuer.fail();
    world.clock.advance(lifetime + HOUR - MOMENT);
    assert!(source.status().is_ready(), "{headers}");
    world.clock.advance(MOMENT);
    assert!(!source.status().is_ready(), "{headers}");
}

#[test]
fn lifetime_is_ten_minutes() {
    run(assert_lifetime("", 10 * MINUTE));
}

#[test]
fn max_age_is_honoured_between_one_minute_and_a_day() {
    run(async {
        assert_lifetime("cache-control: public, max-age=120\r\n", 2 * MINUTE).await;
        assert_lifetime("cache-control: max-age=0\r\n", MINUTE).await;
        assert_lifetime("cache-control: max-age=604800\r\n", 24 * HOUR).await;
        assert_lifetime("cache-control: no-store\r\n", 10 * MINUTE).await;
    });
}

#[test]
fn configured_lifetime_is_from_one_minute_to_a_day() {
    let lifetime = |span| auth_jwt::remote::RemoteJwks::at("https://id.example/jwks").unwrap().lifetime(span);
    assert!(lifetime(MINUTE).is_ok() && lifetime(24 * HOUR).is_ok());
    assert!(lifetime(MINUTE - MOMENT).is_err() && lifetime(24 * HOUR + MOMENT).is_err());
}

#[test]
fn set_is_not_fetched_again_before_it_is_due() {
    run(async {
        let world = World::new().await;
        let source = world.source().await;
        for _ in 0..7 {
            world.clock.advance(MINUTE);
            settle().await;
            assert_eq!(world.ask_now(&source, &world.key), ACCEPTED);
        }
        assert_eq!(world.issuer.count(), 1);
    });
}

#[test]
fn set_is_fetched_ahead_at_eighty_percent_give_or_take_a_tenth() {
    run(async {
        let world = World::new().await;
        let source = world.source().await;
        world.clock.advance(600 * SECOND * 72 / 100 - MOMENT);
        settle().await;
        assert_eq!(world.issuer.count(), 1);
        // This needs no token.
        world.clock.advance(600 * SECOND * 16 / 100 + 2 * MOMENT);
        world.issuer.asked_times(2).await;
        until(&source, |status| status.age().is_some_and(|age| age.is_zero())).await;
    });
}

#[test]
fn instances_do_not_refresh_together() {
    run(async {
        let world = World::new().await;
        let mut sources = Vec::new();
        for _ in 0..20 {
            sources.push(world.source().await);
        }
        world.clock.advance(600 * SECOND * 80 / 100);
        settle().await;
        let asked = world.issuer.count() - 20;
        assert!((1..20).contains(&asked), "{asked} of 20 ask in the first half of the time");
    });
}

#[test]
fn requests_do_not_wait_for_a_refresh() {
    run(async {
        let world = World::new().await;
        let source = world.source().await;
        world.issuer.say(|_| Say::Hang(Vec::new()));
        world.clock.advance(9 * MINUTE);
        world.issuer.asked_times(2).await;
        assert_eq!(world.ask_now(&source, &world.key), ACCEPTED);
    });
}

#[test]
fn set_past_its_lifetime_is_used_only_after_a_fetch() {
    run(async {
        let world = World::new().await;
        let source = world.source().await;
        let next = Key::new("b");
        world.issuer.publish(&set(&[&next]));
        // As after the machine slept: the refresher had no time to run.
        world.clock.advance(10 * MINUTE - MOMENT);
        assert_eq!(world.ask_now(&source, &world.key), ACCEPTED);
        world.clock.advance(MOMENT);
        assert_eq!(world.ask(&source, &world.key).await, UNRECOGNIZED);
        assert_eq!(world.ask_now(&source, &next), ACCEPTED);
    });
}

#[test]
fn etag_is_sent_back_and_304_confirms_the_set() {
    run(async {
        let world = World::new().await;
        let body = set(&[&world.key]).to_string();
        world.issuer.say(move |asked| {
            Say::All(if asked.head.contains("if-none-match: \"v1\"\r\n") {
                reply("304 Not Modified", "", "")
            } else {
                reply("200 OK", "etag: \"v1\"\r\ncache-control: max-age=120\r\n", &body)
            })
        });
        let source = world.source().await;
        for round in 2..5 {
            world.clock.advance(MINUTE * 2 * 9 / 10);
            world.issuer.asked_times(round).await;
            until(&source, |status| status.age().is_some_and(|age| age.is_zero())).await;
            assert_eq!(source.status().generation(), 1);
            assert_eq!(world.ask_now(&source, &world.key), ACCEPTED);
        }
        assert!(!world.issuer.asked()[0].head.contains("if-none-match"));
        assert_eq!(source.status().last_failure(), None);
    });
}

#[test]
fn unasked_304_confirms_nothing() {
    run(async {
        let world = World::new().await;
        let source = world.source().await;
        world.issuer.say(|_| Say::All(reply("304 Not Modified", "", "")));
        world.clock.advance(9 * MINUTE);
        until(&source, |status| status.last_failure().is_some()).await;
        assert_eq!(source.status().age(), Some(9 * MINUTE));
    });
}

#[test]
fn lifetime_of_a_304_is_used() {
    run(async {
        let world = World::new().await;
        let body = set(&[&world.key]).to_string();
        world.issuer.say(move |asked| {
            Say::All(if asked.head.contains("if-none-match") {
                reply("304 Not Modified", "cache-control: max-age=7200\r\n", "")
            } else {
                reply("200 OK", "etag: W/\"v1\"\r\n", &body)
            })
        });
        let source = world.source().await;
        world.clock.advance(9 * MINUTE);
        until(&source, |status| status.age().is_some_and(|age| age.is_zero())).await;
        world.clock.advance(HOUR);
        settle().await;
        assert_eq!(world.issuer.count(), 2);
    });
}

#[test]
fn same_set_sent_again_keeps_its_generation() {
    run(async {
        let world = World::new().await;
        let source = world.source().await;
        world.clock.advance(9 * MINUTE);
        until(&source, |status| status.age().is_some_and(|age| age.is_zero())).await;
        assert_eq!((world.issuer.count(), source.status().generation()), (2, 1));
    });
}
