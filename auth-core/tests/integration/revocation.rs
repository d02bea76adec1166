//! What a revocation covers, and what a log-out revokes.

use std::time::{Duration, SystemTime};

use auth_core::{Accept, Carrier, Chain, Evidence, PrincipalId, Revocation};

use crate::support::{Name, Say, ask, basic, in_secs, jwt, now};

async fn evidence(edit: fn(Accept<Name>) -> Accept<Name>) -> Evidence {
    ask(&Chain::new().or(jwt(Say::Accept).edit(edit))).await.unwrap().evidence().clone()
}

fn ann() -> PrincipalId {
    PrincipalId::new("issuer", "ann")
}

/// Evidence with everything that a revocation can name.
async fn full() -> Evidence {
    evidence(|accept| {
        let accept = accept
            .credential_id("issuer", "id")
            .session_id("issuer", "session")
            .parent("issuer", "parent")
            .add_name(ann());
        accept.issued_at(now()).expires_at(in_secs(60))
    })
    .await
}

#[tokio::test]
async fn credential_is_covered_by_its_own_and_its_parents_id() {
    let evidence = full().await;
    assert!(Revocation::credential("issuer", "id").covers(&evidence));
    assert!(Revocation::credential("issuer", "parent").covers(&evidence));
    assert!(!Revocation::credential("issuer", "session").covers(&evidence));
}

#[tokio::test]
async fn same_id_of_another_issuer_is_another_credential() {
    let evidence = full().await;
    for other in ["", "another"] {
        assert!(!Revocation::credential(other, "id").covers(&evidence));
        assert!(!Revocation::session(other, "session").covers(&evidence));
    }
    let our_own = self::evidence(|accept| accept.credential_id("", "id").add_name(ann())).await;
    assert!(Revocation::credential("", "id").covers(&our_own), "the name's issuer is not that of the id");
    assert!(!Revocation::credential("issuer", "id").covers(&our_own));
}

#[tokio::test]
async fn session_covers_only_its_credentials() {
    let evidence = full().await;
    assert!(Revocation::session("issuer", "session").covers(&evidence));
    assert!(!Revocation::session("issuer", "id").covers(&evidence));
}

#[tokio::test]
async fn user_covers_credentials_issued_up_to_the_instant() {
    let evidence = full().await;
    assert!(Revocation::user(ann(), now()).covers(&evidence));
    assert!(Revocation::user(ann(), in_secs(1)).covers(&evidence));
    assert!(!Revocation::user(ann(), now() - Duration::from_nanos(1)).covers(&evidence));
    assert!(!Revocation::user(PrincipalId::new("issuer", "bob"), in_secs(1)).covers(&evidence));
}

#[tokio::test]
async fn credential_without_a_time_of_issue_counts_from_its_check() {
    let evidence = evidence(|accept| accept.add_name(ann())).await;
    assert!(Revocation::user(ann(), now()).covers(&evidence));
    assert!(!Revocation::user(ann(), now() - Duration::from_secs(1)).covers(&evidence));
}

#[tokio::test]
async fn token_of_unknown_issue_counts_from_the_beginning_of_time() {
    let evidence = evidence(|accept| accept.add_name(ann()).issued_at_unknown_time()).await;
    assert_eq!((evidence.issued_at(), evidence.counts_from()), (None, SystemTime::UNIX_EPOCH));
    assert!(Revocation::user(ann(), now() - Duration::from_secs(1)).covers(&evidence));
    let dated = self::evidence(|accept| accept.issued_at_unknown_time().issued_at(now())).await;
    assert_eq!(dated.counts_from(), now());
}

#[tokio::test]
async fn revoking_one_part_of_an_and_is_enough() {
    let with_id = jwt(Say::Accept).edit(|accept| accept.credential_id("issuer", "id").add_name(ann()));
    let both = ask(&Chain::new().or(basic(Say::Accept)).and(with_id)).await.unwrap();
    assert!(Revocation::credential("issuer", "id").covers(both.evidence()));
    assert!(!Revocation::credential("issuer", "other").covers(both.evidence()));
}

#[tokio::test]
async fn connection_covers_no_credential() {
    assert!(!Revocation::connection("id").covers(&full().await));
}

#[tokio::test]
async fn log_out_revokes_the_credential_by_its_id_until_its_end() {
    let evidence = full().await;
    let all = Revocation::of(&evidence, in_secs(5));
    assert_eq!(all, [Revocation::credential("issuer", "id").ends_at(in_secs(60))]);
    assert!(all[0].covers(&evidence));
}

#[tokio::test]
async fn log_out_without_an_id_revokes_everything_of_the_user_up_to_now() {
    let evidence = evidence(|accept| accept.add_name(ann())).await;
    assert_eq!(Revocation::of(&evidence, in_secs(5)), [Revocation::user(ann(), in_secs(5))]);
}

#[tokio::test]
async fn log_out_lasts_until_the_credentials_own_end() {
    let with_end = jwt(Say::Accept).edit(|accept| accept.credential_id("issuer", "id").expires_at(in_secs(3600)));
    let without = jwt(Say::Accept).edit(|accept| accept.credential_id("issuer", "id"));
    for (strategy, end) in [(with_end, Some(in_secs(3600))), (without, None)] {
        let chain = Chain::new().or(strategy).try_map(|accept| Ok(accept.expires_at(in_secs(60))));
        let user = ask(&chain).await.unwrap();
        assert_eq!(user.evidence().expires_at(), Some(in_secs(60)));
        let ends: Vec<_> = Revocation::of(user.evidence(), now()).iter().map(Revocation::end).collect();
        assert_eq!(ends, [end]);
    }
}

#[tokio::test]
async fn log_out_over_a_ticket_revokes_its_parent() {
    let ticket = |edit| Chain::new().or(jwt(Say::Accept).carried_by(Carrier::Ticket).edit(edit));
    let bought = ticket(|accept| {
        accept.credential_id("", "ticket").parent("issuer", "token").parent("another", "token").add_name(ann())
    });
    let all = Revocation::of(ask(&bought).await.unwrap().evidence(), now());
    assert_eq!(all, [Revocation::credential("issuer", "token"), Revocation::credential("another", "token")]);
    let by_password = ticket(|accept| accept.credential_id("", "ticket").add_name(ann()));
    let all = Revocation::of(ask(&by_password).await.unwrap().evidence(), now());
    assert_eq!(all, [Revocation::user(ann(), now())]);
}

#[tokio::test]
async fn log_out_of_a_guest_revokes_nothing() {
    assert_eq!(Revocation::of(&evidence(|accept| accept).await, now()), []);
}

#[tokio::test]
async fn log_out_of_an_and_revokes_every_credential_in_it() {
    let token = |id| jwt(Say::Accept).edit(id);
    let two = Chain::new()
        .or(token(|accept| accept.credential_id("issuer", "a")))
        .and(token(|accept| accept.credential_id("another", "b")));
    let all = Revocation::of(ask(&two).await.unwrap().evidence(), now());
    assert_eq!(all, [Revocation::credential("issuer", "a"), Revocation::credential("another", "b")]);
    let password = basic(Say::Accept).edit(|accept| accept.add_name(ann()));
    let with_password = Chain::new().or(token(|accept| accept.credential_id("issuer", "a"))).and(password);
    let all = Revocation::of(ask(&with_password).await.unwrap().evidence(), now());
    assert_eq!(all, [Revocation::credential("issuer", "a"), Revocation::user(ann(), now())]);
}

#[tokio::test]
async fn log_out_does_not_revoke_a_shared_key() {
    let program = || basic(Say::Accept).edit(|accept| accept.add_name(PrincipalId::new("programs", "web")));
    let token = jwt(Say::Accept).edit(|accept| accept.credential_id("issuer", "a").add_name(ann()));
    let both = ask(&Chain::new().or(token).and(program())).await.unwrap();
    assert_eq!(Revocation::of(both.evidence(), now()), [Revocation::credential("issuer", "a")]);
    // It is revoked if nothing else can be.
    let password = jwt(Say::Accept).edit(|accept| accept.add_name(ann()));
    let both = ask(&Chain::new().or(password).and(program())).await.unwrap();
    let web = PrincipalId::new("programs", "web");
    assert_eq!(Revocation::of(both.evidence(), now()), [Revocation::user(ann(), now()), Revocation::user(web, now())]);
}

#[test]
fn debug_of_a_revocation_names_nobody() {
    for revocation in
        [Revocation::credential("marker", "marker"), Revocation::user(PrincipalId::new("marker", "marker"), now())]
    {
        assert!(!format!("{revocation:?}").contains("marker"));
    }
}
