//! Tokens by which a browser is a known device of an account.

use auth_core::Secret;
use auth_store::{Guess, MemoryStore, Throttle};

use crate::{support::*, throttle::*};

/// How many guesses with this token count by its device.
async fn fail_as_device(throttle: &Throttle, guess: &Guess<'_>) -> usize {
    let mut known = 0;
    while let Ok(permit) = throttle.take(guess).await {
        known += usize::from(permit.is_known_device());
        let is_stranger = !permit.is_known_device();
        permit.failed().await;
        if is_stranger {
            break;
        }
    }
    known
}

#[tokio::test]
async fn device_has_ten_failures_and_is_a_stranger_then() {
    let (throttle, _) = throttle();
    let token = throttle.device_token("ann", None).unwrap().unwrap();
    let known = Guess::new("ann").address(v4(1)).device(Some(token.expose()));
    assert!(throttle.take(&known).await.unwrap().is_known_device());
    assert_eq!(fail_as_device(&throttle, &known).await, 9, "and the one that was dropped");
    // A new token for the device does not refill it, and another device has its own.
    let again = throttle.device_token("ann", Some(token.expose())).unwrap().unwrap();
    assert_eq!(fail_as_device(&throttle, &known.device(Some(again.expose()))).await, 0);
    let other = throttle.device_token("ann", None).unwrap().unwrap();
    assert!(throttle.take(&known.device(Some(other.expose()))).await.unwrap().is_known_device());
    // Two of the ten of the pair were spent as a stranger.
    assert_eq!(fail_all(&throttle, &known).await, 8);
    assert_eq!(wait(&throttle, &known).await.1, "device", "the one that is over first");
}

/// Whoever has had the password, or an account whose name folds to the same, may have got any number of tokens.
#[tokio::test]
async fn many_tokens_of_one_account_share_thirty_failures() {
    let (throttle, _) = throttle();
    let mut checked = 0;
    for n in 0..50 {
        let token = throttle.device_token("ann", None).unwrap().unwrap();
        checked += fail_as_device(&throttle, &Guess::new("ann").address(v4(n)).device(Some(token.expose()))).await;
    }
    assert_eq!(checked, 30);
}

#[tokio::test]
async fn token_is_never_worse_than_none() {
    let clock = clock();
    let throttle = Throttle::new(MemoryStore::new().clock(clock.clone()).max_budgets(20)).clock(clock);
    let throttle = throttle.devices([key("k")]).unwrap();
    // Somebody fills the table of devices, and the counter that new ones share.
    for n in 0..60 {
        let token = throttle.device_token(&format!("other {n}"), None).unwrap().unwrap();
        let name = format!("other {n}");
        let guess = Guess::new(&name).address(v4(n)).device(Some(token.expose()));
        for _ in 0..3 {
            fail(&throttle, &guess).await;
        }
    }
    let token = throttle.device_token("ann", None).unwrap().unwrap();
    let known = Guess::new("ann").device(Some(token.expose()));
    let permit = throttle.take(&known).await.unwrap();
    assert!(!permit.is_known_device());
    permit.succeeded().await;
}

#[tokio::test]
async fn invalid_foreign_and_old_tokens_are_as_none() {
    let (throttle, clock) = throttle();
    let token = |account| throttle.device_token(account, None).unwrap().unwrap().expose().to_owned();
    let good = token("ann");
    let changed = |at: usize| {
        let mut changed = good.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(changed).unwrap()
    };
    let stranger = MemoryStore::new();
    let foreign = Throttle::new(stranger).clock(clock.clone()).devices([key("x")]).unwrap();
    let mut bad =
        vec![String::new(), "x".repeat(75), "é".repeat(40), format!("{good}="), good.chars().skip(1).collect()];
    bad.extend([token("bob"), token("ANN"), foreign.device_token("ann", None).unwrap().unwrap().expose().to_owned()]);
    bad.extend((0..good.len()).map(changed));
    for bad in bad {
        let permit = throttle.take(&Guess::new("ann").device(Some(&bad))).await.unwrap();
        assert!(!permit.is_known_device(), "{bad}");
        permit.succeeded().await;
    }
    let is_known = async || {
        let permit = throttle.take(&Guess::new("ann").device(Some(&good))).await.unwrap();
        let is_known = permit.is_known_device();
        permit.succeeded().await;
        is_known
    };
    assert!(is_known().await);
    for (then, expected) in [(now() - MINUTE * 5, true), (now() - MINUTE * 6, false), (now() + YEAR - MINUTE, true)] {
        clock.set(then);
        assert_eq!(is_known().await, expected);
    }
    clock.set(now() + YEAR);
    assert!(!is_known().await);
}

#[tokio::test]
async fn old_keys_of_tokens_are_good_until_they_are_removed() {
    let token = |throttle: &Throttle| throttle.device_token("ann", None).unwrap().unwrap();
    let with = |keys: &[&str]| throttle().0.devices(keys.iter().map(|letter| key(letter))).unwrap();
    let (old, both, new) = (with(&["o"]), with(&["n", "o"]), with(&["n"]));
    let knows = async |throttle: &Throttle, token: &Secret| {
        throttle.take(&Guess::new("ann").device(Some(token.expose()))).await.unwrap().is_known_device()
    };
    assert!(knows(&both, &token(&old)).await && knows(&both, &token(&both)).await && knows(&new, &token(&both)).await);
    assert!(!knows(&new, &token(&old)).await && !knows(&old, &token(&both)).await);
}

#[tokio::test]
async fn token_of_another_realm_is_as_none() {
    let store = MemoryStore::new();
    let of = |realm| Throttle::new(store.clone()).devices([key("k")]).unwrap().realm(realm);
    let customers = of("customers");
    let token = customers.device_token("ann", None).unwrap().unwrap();
    // Realm and account together are the same text for some of them.
    for (realm, account, expected) in [
        ("customers", "ann", true),
        ("admins", "ann", false),
        ("", "ann", false),
        ("", "customersann", false),
        ("custo", "mersann", false),
    ] {
        let permit = of(realm).take(&Guess::new(account).device(Some(token.expose()))).await.unwrap();
        assert_eq!(permit.is_known_device(), expected, "{realm} {account}");
        permit.succeeded().await;
    }
}

#[tokio::test]
async fn guess_within_a_session_has_ten_failures_whatever_strangers_do() {
    let (throttle, clock) = throttle();
    for n in 0..100 {
        assert!(fail(&throttle, &Guess::new("ann").address(v4(n))).await);
    }
    let within = Guess::new("ann").address(v4(1)).in_session("sid-1");
    assert!(succeed(&throttle, &within).await);
    assert_eq!(fail_all(&throttle, &within).await, 10);
    // It is refused, even where strangers have places.
    let fresh = Guess::new("bob").in_session("sid-1");
    assert_eq!(fail_all(&throttle, &fresh).await, 10);
    assert_eq!(wait(&throttle, &fresh).await, (60, "device"));
    assert!(fail(&throttle, &Guess::new("bob")).await);
    // Another login, and all of them together.
    assert_eq!(fail_all(&throttle, &within.in_session("sid-2")).await, 10);
    assert_eq!(fail_all(&throttle, &within.in_session("sid-3")).await, 10);
    assert_eq!(wait(&throttle, &within.in_session("sid-4")).await, (60, "devices"));
    clock.advance(MINUTE);
    assert!(succeed(&throttle, &within).await);
}

#[tokio::test]
async fn session_without_an_account_is_as_none() {
    let (throttle, _) = throttle();
    assert_eq!(fail_all(&throttle, &Guess::without_account().address(v4(1)).in_session("sid")).await, 30);
}
