//! Ends that move while a connection is open: what is asked, and which end counts.

use std::{sync::Arc, time::SystemTime};

use auth_core::{Accept, BoxError, Carrier, Chain, EndCheck, Evidence, Extras, Outcome, async_trait};

use crate::support::{Name, Say, Scripted, ask, basic, in_secs, jwt, session};

/// Says that the credential ends then, in seconds from now. Without it, the credential has ended.
struct Ends(Option<u64>);

#[async_trait]
impl EndCheck for Ends {
    async fn ends_at(&self, _: &Extras, _: SystemTime) -> Result<Option<SystemTime>, BoxError> {
        Ok(self.0.map(in_secs))
    }
}

/// Knows nothing.
struct Fails;

#[async_trait]
impl EndCheck for Fails {
    async fn ends_at(&self, _: &Extras, _: SystemTime) -> Result<Option<SystemTime>, BoxError> {
        Err("the store is down".into())
    }
}

/// Answers with the time at which the client spoke.
struct UsedAt;

#[async_trait]
impl EndCheck for UsedAt {
    async fn ends_at(&self, _: &Extras, used_at: SystemTime) -> Result<Option<SystemTime>, BoxError> {
        Ok(Some(used_at))
    }
}

async fn evidence<U: auth_core::Principal>(chain: Chain<U>) -> Evidence {
    ask(&chain).await.unwrap().evidence().clone()
}

/// A login that ends in 60 s, and has moved to 300 s meanwhile.
fn login() -> Scripted {
    session(Say::Accept).edit(|accept| accept.expires_at(in_secs(60)).end_check(Arc::new(Ends(Some(300)))))
}

/// A token that ends in 100 s.
fn token() -> Scripted {
    jwt(Say::Accept).edit(|accept| accept.expires_at(in_secs(100)))
}

fn chain(strategy: Scripted) -> Chain<Name> {
    Chain::new().or(strategy)
}

/// The application's end for what a chain accepted.
fn ending_in(chain: Chain<Name>, secs: u64) -> Chain<Name> {
    chain.try_map(move |accept| Ok(accept.expires_at(in_secs(secs))))
}

/// A new acceptance that is built on what a chain accepted.
fn rebuilt(chain: Chain<Name>, secs: Option<u64>) -> Chain<Name> {
    chain.and_then(move |_| {
        let new = Accept::new("new", Carrier::Header);
        Ok(Outcome::Accept(match secs {
            Some(secs) => new.expires_at(in_secs(secs)),
            None => new,
        }))
    })
}

/// The end in seconds from now; `Some(None)` if it has ended.
async fn current(evidence: &Evidence) -> Option<u64> {
    let end = evidence.current_end(in_secs(0)).await.unwrap();
    end.map(|end| end.duration_since(in_secs(0)).map_or(0, |left| left.as_secs()))
}

#[tokio::test]
async fn earliest_end_counts_whatever_the_evidence_is_made_of() {
    let ended = || session(Say::Accept).edit(|accept| accept.expires_at(in_secs(60)).end_check(Arc::new(Ends(None))));
    let unending = || jwt(Say::Accept);
    let both = |left: Scripted, right: Scripted| async move { evidence(Chain::new().or(left).and(right)).await };
    let rows = [
        ("no check, no end", evidence(chain(unending())).await, false, None),
        ("no check", evidence(chain(token())).await, false, Some(100)),
        ("a check", evidence(chain(login())).await, true, Some(300)),
        ("ended", evidence(chain(ended())).await, true, Some(0)),
        ("mapped", evidence(chain(login()).map_user(|name| name)).await, true, Some(300)),
        ("nested", evidence(Chain::new().or(Chain::new().or(chain(login())))).await, true, Some(300)),
        ("and with a token", both(login(), token()).await, true, Some(100)),
        ("and with no end", both(unending(), login()).await, true, Some(300)),
        ("and of two ended ones", both(token(), ended()).await, true, Some(0)),
        ("rebuilt", evidence(rebuilt(chain(login()), None)).await, true, Some(300)),
        ("rebuilt twice", evidence(rebuilt(rebuilt(chain(login()), None), None)).await, true, Some(300)),
        ("rebuilt on a token", evidence(rebuilt(chain(token()), None)).await, false, Some(100)),
    ];
    for (case, evidence, moves, end) in rows {
        assert_eq!(evidence.has_moving_end(), moves, "{case}");
        assert_eq!(current(&evidence).await, end, "{case}");
    }
}

#[tokio::test]
async fn moved_end_never_goes_beyond_that_of_the_application() {
    let and = || Chain::new().or(login()).and(token()).map_user(|(name, _)| name);
    let rows = [
        ("earlier", ending_in(chain(login()), 50), 50),
        ("the same as the known one", ending_in(chain(login()), 60), 60),
        ("later than the known one", ending_in(chain(login()), 200), 200),
        ("later than the moved one", ending_in(chain(login()), 900), 300),
        ("mapped later", ending_in(chain(login()), 50).map_user(|name| name), 50),
        ("in an inner chain", Chain::new().or(ending_in(chain(login()), 50)), 50),
        ("of an and", ending_in(and(), 50), 50),
        ("of an and, the same as the known one", ending_in(and(), 60), 60),
        ("of an and, later than its token", ending_in(and(), 200), 200),
        ("rebuilt with an end", rebuilt(chain(login()), Some(50)), 50),
        ("rebuilt with a later end", rebuilt(chain(login()), Some(900)), 300),
        ("rebuilt on one with an end", rebuilt(ending_in(chain(login()), 50), None), 50),
    ];
    for (case, chain, end) in rows {
        let evidence = evidence(chain).await;
        assert!(evidence.has_moving_end(), "{case}");
        assert_eq!(current(&evidence).await, Some(end), "{case}");
    }
}

#[tokio::test]
async fn end_of_the_strategy_itself_bounds_nothing_in_either_order() {
    let rows = [
        session(Say::Accept).edit(|accept| accept.end_check(Arc::new(Ends(Some(300)))).expires_at(in_secs(60))),
        session(Say::Accept).edit(|accept| accept.expires_at(in_secs(60)).end_check(Arc::new(Ends(Some(300))))),
    ];
    for strategy in rows {
        assert_eq!(current(&evidence(chain(strategy)).await).await, Some(300));
    }
}

#[tokio::test]
async fn new_acceptance_may_bring_a_check_of_its_own() {
    let renewed = chain(token()).and_then(|_| {
        let new = Accept::new("new", Carrier::Header).expires_at(in_secs(60));
        Ok(Outcome::Accept(new.end_check(Arc::new(Ends(Some(80))))))
    });
    assert_eq!(current(&evidence(renewed).await).await, Some(80));
}

#[tokio::test]
async fn check_gets_the_time_of_use_and_its_failure_is_passed_on() {
    let used = session(Say::Accept).edit(|accept| accept.expires_at(in_secs(60)).end_check(Arc::new(UsedAt)));
    let evidence = evidence(chain(used)).await;
    assert_eq!(evidence.current_end(in_secs(7)).await.unwrap(), Some(in_secs(7)));
    let fails = basic(Say::Accept).edit(|accept| accept.expires_at(in_secs(60)).end_check(Arc::new(Fails)));
    let whole = self::evidence(Chain::new().or(login()).and(fails)).await;
    assert!(whole.current_end(in_secs(0)).await.is_err());
}
