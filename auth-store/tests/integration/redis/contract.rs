//! What holds for every Redis, however it is set up.

use auth_core::{Revocation, RevocationCheck as _, RevocationEvent, RevocationFeed as _};
use auth_store::{Guess, RedisStore, Revocations, Throttle, Throttled, Tickets};

use crate::support::*;

/// Records, budgets, tickets and revocations work on two nodes, each with a store of its own.
pub(crate) async fn holds(here: RedisStore, there: RedisStore) {
    tickets_and_revocations(&here, &there).await;
    budgets(&here, &there).await;
    // A thousand rounds of each race are run on a Redis without more.
    test_support::records::all(&here, 100).await;
}

/// Failures on both nodes count together, whatever servers the counters of a guess are on. A success gives its places back.
async fn budgets(here: &RedisStore, there: &RedisStore) {
    let [here, there] = [here, there].map(|store| Throttle::new(store.clone()));
    for n in 0..5 {
        let name = format!("name-{n}");
        let guess = Guess::new(&name).address(Some(format!("2001:db8:{n}::1").parse().unwrap()));
        for _ in 0..5 {
            here.take(&guess).await.unwrap().failed().await;
            there.take(&guess).await.unwrap().succeeded().await;
            there.take(&guess).await.unwrap().failed().await;
        }
        for node in [&here, &there] {
            assert!(matches!(node.take(&guess).await, Err(Throttled::TooMany { counter: "pair", .. })));
        }
    }
}

/// A ticket from one node is good once, on the other. A revocation on one reaches the other, and is found there.
pub(crate) async fn tickets_and_revocations(here: &RedisStore, there: &RedisStore) {
    let [issuer, opener] = [here, there].map(|store| Tickets::new(store.clone(), "/ws").unwrap().clock(clock()));
    for _ in 0..5 {
        let ticket = ticket(&issuer).await;
        open(&socket(&opener), &ticket).await.unwrap();
        assert_eq!(open(&socket(&issuer), &ticket).await.unwrap_err(), "invalid_credentials");
    }
    let [here, there] = [here, there].map(|store| Revocations::new(store.clone()));
    let mut listeners = [here.listen().await, there.listen().await];
    let evidence = evidence(token).await;
    assert!(!there.is_revoked(&evidence).await.unwrap());
    for revocation in [Revocation::connection("name"), Revocation::session("issuer", "session").ends_at(in_secs(900))] {
        here.revoke(&revocation).await.unwrap();
        for listener in &mut listeners {
            assert_eq!(hear(listener).await, RevocationEvent::Revoked(revocation.clone()));
        }
    }
    assert!(there.is_revoked(&evidence).await.unwrap());
}
