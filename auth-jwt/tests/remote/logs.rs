//! Log lines and errors about an issuer, for operators.

use std::error::Error as _;

use auth_core::Clock as _;

use crate::{log::logged, support::*};

#[test]
fn log_says_when_an_issuer_sends_new_keys() {
    const NEW_KEYS: &str = "the issuer has sent new keys generation=";
    let log = logged(|| {
        run(async {
            let world = World::new().await;
            let source = world.source().await;
            world.clock.advance(10 * MINUTE);
            until(&source, |status| status.last_success() == Some(world.clock.now())).await;
            world.issuer.publish(&set(&[&Key::new("b")]));
            world.clock.advance(10 * MINUTE);
            until(&source, |status| status.generation() == 2).await;
        });
    });
    let told: Vec<_> = log.lines().filter_map(|line| line.split_once(NEW_KEYS)).map(|(_, number)| number).collect();
    assert_eq!(told, ["1", "2"], "{log}");
}

#[test]
fn errors_say_what_failed_and_why() {
    run(async {
        let world = World::new().await;
        world.issuer.say(|_| Say::All(reply("500 Down", "", "")));
        let error = world.builder().fail_fast().await.unwrap_err();
        let cause = error.source().unwrap();
        assert_eq!(cause.to_string(), "the issuer answered with a status other than 200");
        assert!(cause.source().unwrap().to_string().contains("500"), "{:?}", cause.source());
        world.issuer.fail();
        let error = world.builder().fail_fast().await.unwrap_err();
        let cause = error.source().unwrap();
        assert_eq!(cause.to_string(), "the issuer cannot be reached");
        assert!(cause.source().is_some());
    });
}

#[test]
fn log_says_that_keys_are_unavailable_and_why() {
    let log = logged(|| {
        run(async {
            let world = World::new().await;
            let source = world.source().await;
            world.issuer.say(|_| Say::All(reply("500 Down", "", "")));
            world.clock.advance(3 * HOUR);
            assert_eq!(world.ask(&source, &world.key).await, UNAVAILABLE);
        });
    });
    let (_, refused) = log.split_once("the keys of the issuer are unavailable now").expect(&log);
    assert!(refused.contains("the issuer answered with a status other than 200"), "{log}");
}
