//! `a.and(b)`: both must accept.

use auth_core::{Carrier, Chain, RefusalKind};

use crate::support::{Say, answer, ask, basic, dpop, in_secs, jwt, refusal, session};

/// How a chain ends.
#[derive(Debug, PartialEq)]
enum Ends {
    Accepted,
    Missing,
    Unrecognized,
    Rejected,
    Redirected,
    Unavailable,
}

async fn ends(left: Say, right: Say) -> Ends {
    match ask(&Chain::new().or(jwt(left)).and(basic(right))).await {
        Ok(_) => Ends::Accepted,
        Err(refusal) => match refusal.kind() {
            RefusalKind::Missing => Ends::Missing,
            RefusalKind::Unrecognized => Ends::Unrecognized,
            RefusalKind::Rejected => Ends::Rejected,
            RefusalKind::Redirect => Ends::Redirected,
            RefusalKind::Unavailable => Ends::Unavailable,
            other => panic!("{other:?}"),
        },
    }
}

/// The table, from worst to best. Each row applies to both orders.
const SAYS: [Say; 6] = [Say::Error, Say::Reject, Say::Redirect, Say::Unrecognized, Say::Absent, Say::Accept];

fn expected(left: Say, right: Say) -> Ends {
    match (left, right) {
        (Say::Accept, Say::Accept) => Ends::Accepted,
        (Say::Absent, Say::Absent) => Ends::Missing,
        _ if [left, right].contains(&Say::Error) => Ends::Unavailable,
        _ if [left, right].contains(&Say::Reject) => Ends::Rejected,
        _ if [left, right].contains(&Say::Redirect) => Ends::Redirected,
        _ => Ends::Unrecognized,
    }
}

#[tokio::test]
async fn and_of_every_pair_of_outcomes_is_decided_by_the_worst() {
    for left in SAYS {
        for right in SAYS {
            assert_eq!(ends(left, right).await, expected(left, right), "{left:?} and {right:?}");
        }
    }
}

#[tokio::test]
async fn and_of_two_accepts_gives_both_users() {
    let user = ask(&Chain::new().or(jwt(Say::Accept)).and(basic(Say::Accept))).await.unwrap();
    assert_eq!(*user, ("jwt", "basic"));
    assert_eq!(user.evidence().strategy(), "jwt+basic");
}

#[tokio::test]
async fn and_of_accept_and_absent_is_unrecognized() {
    assert_eq!(ends(Say::Accept, Say::Absent).await, Ends::Unrecognized);
    assert_eq!(ends(Say::Absent, Say::Accept).await, Ends::Unrecognized);
}

#[tokio::test]
async fn and_of_two_absents_is_absent_so_the_next_strategy_is_asked() {
    let both = Chain::new().or(jwt(Say::Absent)).and(basic(Say::Absent)).map_user(|(left, _)| left);
    assert_eq!(*ask(&Chain::new().or(both).or(session(Say::Accept))).await.unwrap(), "session");
}

#[tokio::test]
async fn unrecognized_and_asks_the_next_strategy() {
    let both = Chain::new().or(jwt(Say::Accept)).and(basic(Say::Absent)).map_user(|(left, _)| left);
    assert_eq!(*ask(&Chain::new().or(both).or(dpop(Say::Accept))).await.unwrap(), "dpop");
}

#[tokio::test]
async fn and_always_asks_both_sides() {
    for say in SAYS {
        let right = basic(Say::Accept);
        let _ = ask(&Chain::new().or(jwt(say)).and(right.clone())).await;
        assert_eq!(right.calls(), 1, "after {say:?}");
    }
}

#[tokio::test]
async fn and_of_two_rejections_answers_with_the_left_rejection() {
    let refusal = refusal(&Chain::new().or(jwt(Say::Expired)).and(basic(Say::Forbidden))).await;
    assert_eq!(answer(&refusal), (401, "token_expired"));
}

#[tokio::test]
async fn and_applies_to_the_whole_chain_before_it() {
    let chain = Chain::new().or(jwt(Say::Absent)).or(basic(Say::Accept)).and(session(Say::Accept));
    assert_eq!(*ask(&chain).await.unwrap(), ("basic", "session"));
}

#[tokio::test]
async fn and_has_the_challenges_of_both_sides() {
    let refusal = refusal(&Chain::new().or(jwt(Say::Absent)).and(basic(Say::Absent))).await;
    assert_eq!(crate::support::lines(&refusal), [crate::support::BEARER, crate::support::BASIC]);
}

#[tokio::test]
async fn and_ends_with_the_earliest_expiry() {
    let sooner = jwt(Say::Accept).edit(|accept| accept.expires_at(in_secs(60)));
    let later = basic(Say::Accept).edit(|accept| accept.expires_at(in_secs(90)));
    for chain in [Chain::new().or(sooner.clone()).and(later.clone()), Chain::new().or(later).and(sooner.clone())] {
        assert_eq!(ask(&chain).await.unwrap().evidence().expires_at(), Some(in_secs(60)));
    }
    let endless = Chain::new().or(basic(Say::Accept)).and(sooner);
    assert_eq!(ask(&endless).await.unwrap().evidence().expires_at(), Some(in_secs(60)));
}

#[tokio::test]
async fn and_counts_as_carried_by_the_weakest_carrier() {
    let cookie = || session(Say::Accept);
    for chain in [Chain::new().or(cookie()).and(jwt(Say::Accept)), Chain::new().or(jwt(Say::Accept)).and(cookie())] {
        assert_eq!(ask(&chain).await.unwrap().evidence().carrier(), Carrier::Cookie);
    }
    let explicit = Chain::new().or(jwt(Say::Accept).carried_by(Carrier::Query)).and(basic(Say::Accept));
    assert_eq!(ask(&explicit).await.unwrap().evidence().carrier(), Carrier::Query);
}

#[tokio::test]
async fn and_then_decides_about_an_acceptance() {
    use auth_core::{Outcome, Rejection};
    let both = Chain::new().or(jwt(Say::Accept)).and(basic(Say::Accept));
    let accepted = both.clone().and_then(|accept| Ok(Outcome::Accept(accept.map_user(|(left, _)| left))));
    assert_eq!(*ask(&accepted).await.unwrap(), "jwt");
    let refused = both.clone().and_then(|accept| {
        assert_eq!(accept.evidence().strategy(), "jwt+basic");
        Ok(Outcome::<String>::Reject(Rejection::forbidden().with_code("not_the_same_person")))
    });
    assert_eq!(answer(&refusal(&refused).await), (403, "not_the_same_person"));
    let failed = both.and_then(|_| Err::<Outcome<String>, _>("no answer".into()));
    assert_eq!(answer(&refusal(&failed).await), (503, "unavailable"));
}
