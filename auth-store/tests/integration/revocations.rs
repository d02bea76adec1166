//! What is revoked, for how long, and who learns of it.

use std::time::Duration;

use auth_core::{
    Accept, Carrier, Chain, KnownCredential, PrincipalId, Revocation, RevocationCheck as _, RevocationEvent,
    RevocationFeed as _,
};
use auth_store::{MemoryStore, Revocations, Store as _};
use proptest::prelude::*;

use crate::support::*;

const AFTERLIFE: Duration = Duration::from_secs(600);

#[tokio::test]
async fn revoked_credential_is_refused_and_another_is_not() {
    let revocations = Revocations::new(MemoryStore::new());
    revocations.revoke(&Revocation::credential("issuer", "token")).await.unwrap();
    let chain = |id: &'static str| {
        let login =
            Login(Carrier::Header, move |accept: Accept<Name>| accept.add_name(ann()).credential_id("issuer", id));
        Chain::new().or(login).revocation(revocations.clone())
    };
    let ask = async |id| ask(&chain(id), parts(login()), auth_core::Transport::Http, now()).await;
    assert_eq!(ask("token").await.unwrap_err().code(), "revoked");
    assert!(ask("another").await.is_ok());
}

#[tokio::test]
async fn strategy_may_ask_before_it_gives_out_an_id_or_a_credential() {
    let revocations = Revocations::new(MemoryStore::new());
    revocations.revoke(&Revocation::session("issuer", "session")).await.unwrap();
    revocations.revoke(&Revocation::user(ann(), now())).await.unwrap();
    for (issuer, id, expected) in [("issuer", "session", true), ("issuer", "other", false), ("", "session", false)] {
        assert_eq!(revocations.is_id_revoked(issuer, id).await.unwrap(), expected, "{issuer} {id}");
    }
    let later = now() + Duration::from_nanos(1);
    let bob = PrincipalId::new("", "bob");
    for (user, since, expected) in [(ann(), now(), true), (ann(), later, false), (bob, now(), false)] {
        assert_eq!(revocations.is_user_revoked(&user, since).await.unwrap(), expected, "{since:?}");
    }
}

#[tokio::test]
async fn revocation_outlives_its_credential_by_ten_minutes() {
    let clock = clock();
    let revocations = Revocations::new(MemoryStore::new().clock(clock.clone())).clock(clock.clone());
    let evidence = evidence(token).await;
    revocations.revoke_all(&Revocation::of(&evidence, now())).await.unwrap();
    clock.advance(Duration::from_secs(900) + AFTERLIFE - Duration::from_nanos(1));
    assert!(revocations.is_revoked(&evidence).await.unwrap());
    clock.advance(Duration::from_nanos(1));
    assert!(!revocations.is_revoked(&evidence).await.unwrap());
}

#[tokio::test]
async fn revocation_without_an_end_is_kept_forever() {
    let clock = clock();
    let revocations = Revocations::new(MemoryStore::new().clock(clock.clone())).clock(clock.clone());
    revocations.revoke(&Revocation::session("issuer", "session")).await.unwrap();
    revocations.revoke(&Revocation::user(PrincipalId::new("", "bob"), now())).await.unwrap();
    let bobs = evidence(|accept| accept.add_name(PrincipalId::new("", "bob")).issued_at(now())).await;
    clock.advance(Duration::from_secs(100 * 365 * 24 * 60 * 60));
    assert!(revocations.is_revoked(&evidence(token).await).await.unwrap());
    assert!(revocations.is_revoked(&bobs).await.unwrap());
}

#[tokio::test]
async fn cutoff_of_a_user_is_forgotten_when_the_oldest_credential_has_ended() {
    let clock = clock();
    let age = Duration::from_secs(3600);
    let revocations = Revocations::new(MemoryStore::new().clock(clock.clone())).clock(clock.clone());
    let revocations = revocations.max_credential_age(age);
    // The end of this credential does not count: there may be others.
    revocations.revoke(&Revocation::user(ann(), now()).ends_at(now())).await.unwrap();
    let evidence = evidence(token).await;
    clock.advance(age + AFTERLIFE - Duration::from_nanos(1));
    assert!(revocations.is_revoked(&evidence).await.unwrap());
    clock.advance(Duration::from_nanos(1));
    assert!(!revocations.is_revoked(&evidence).await.unwrap());
}

#[tokio::test]
async fn earlier_cutoff_does_not_lower_a_later_one() {
    let revocations = Revocations::new(MemoryStore::new());
    revocations.revoke(&Revocation::user(ann(), now())).await.unwrap();
    revocations.revoke(&Revocation::user(ann(), now() - Duration::from_secs(60))).await.unwrap();
    assert!(revocations.is_revoked(&evidence(token).await).await.unwrap());
}

#[tokio::test]
async fn listeners_receive_a_revocation_once_on_each_node() {
    let store = MemoryStore::new();
    let (here, there) = (Revocations::new(store.clone()), Revocations::new(store));
    let (mut near, mut far) = (here.listen().await, there.listen().await);
    let told = [
        Revocation::credential("issuer", "id").ends_at(in_secs(1)),
        Revocation::session("", "id"),
        Revocation::user(ann(), now() + Duration::from_nanos(1)),
        Revocation::connection("name"),
    ];
    for revocation in &told {
        here.revoke(revocation).await.unwrap();
    }
    for revocation in told {
        assert_eq!(hear(&mut near).await, RevocationEvent::Revoked(revocation.clone()));
        assert_eq!(hear(&mut far).await, RevocationEvent::Revoked(revocation));
    }
    for listener in [&mut near, &mut far] {
        assert!(tokio::time::timeout(Duration::from_millis(20), listener.next()).await.is_err());
    }
}

#[tokio::test]
async fn revocation_is_stored_before_it_is_announced() {
    let slow = Watched::slow();
    let (here, there) = (Revocations::new(slow.clone()), Revocations::new(slow.clone()));
    let mut listeners = [here.listen().await, there.listen().await];
    let evidence = evidence(token).await;
    let revoke = here.clone();
    let told = tokio::spawn(async move { revoke.revoke(&Revocation::credential("issuer", "token")).await });
    for listener in &mut listeners {
        assert!(tokio::time::timeout(Duration::from_millis(20), listener.next()).await.is_err());
    }
    slow.writes_one();
    for listener in &mut listeners {
        hear(listener).await;
        assert!(there.is_revoked(&evidence).await.unwrap());
    }
    told.await.unwrap().unwrap();
}

#[tokio::test]
async fn revocation_of_a_connection_is_announced_but_not_stored() {
    let store = MemoryStore::new();
    let revocations = Revocations::new(store.clone());
    revocations.revoke(&Revocation::connection("token")).await.unwrap();
    assert!(format!("{store:?}").contains("revocations: 0"));
    assert!(!revocations.is_revoked(&evidence(token).await).await.unwrap());
}

#[tokio::test]
async fn unreadable_message_counts_as_missed() {
    let store = MemoryStore::new();
    let mut listener = Revocations::new(store.clone()).listen().await;
    for message in [b"".as_slice(), b"{}", br#"{"from":"","revoked":"everything"}"#, b"\xff"] {
        store.publish(message).await.unwrap();
        assert_eq!(hear(&mut listener).await, RevocationEvent::Missed);
    }
}

#[tokio::test]
async fn slow_listener_of_revocations_has_missed_something() {
    let revocations = Revocations::new(MemoryStore::new());
    let mut listener = revocations.listen().await;
    for _ in 0..1025 {
        revocations.revoke(&Revocation::connection("name")).await.unwrap();
    }
    // One event for this node's own revocations, and one for the store's message.
    let mut missed = 0;
    for _ in 0..1025 {
        missed += usize::from(hear(&mut listener).await == RevocationEvent::Missed);
    }
    assert!((1..=2).contains(&missed), "{missed}");
}

/// Few values, so that they collide.
fn any_id() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", "a", "b", "ab"]).prop_map(str::to_owned)
}

fn any_user() -> impl Strategy<Value = PrincipalId> {
    (any_id(), any_id()).prop_map(|(issuer, subject)| PrincipalId::new(issuer, subject))
}

fn any_revocation() -> impl Strategy<Value = Revocation> {
    prop_oneof![
        (any_id(), any_id()).prop_map(|(issuer, id)| Revocation::credential(issuer, id)),
        (any_id(), any_id()).prop_map(|(issuer, id)| Revocation::session(issuer, id)),
        (any_user(), 0..4u64).prop_map(|(user, nanos)| Revocation::user(user, now() + Duration::from_nanos(nanos))),
        any_id().prop_map(Revocation::connection),
    ]
}

#[derive(Clone, Debug)]
struct Made {
    /// Each one with its issuer.
    ids: [Option<(String, String)>; 3],
    names: Vec<PrincipalId>,
    /// An inner `None` is an unknown instant.
    issued: Option<Option<u64>>,
}

fn any_made() -> impl Strategy<Value = Made> {
    let id = || prop::option::of((any_id(), any_id()));
    let ids = (id(), id(), id()).prop_map(|(a, b, c)| [a, b, c]);
    let issued = prop::option::of(prop::option::of(0..4u64));
    (ids, prop::collection::vec(any_user(), 0..3), issued).prop_map(|(ids, names, issued)| Made { ids, names, issued })
}

fn make(made: &Made, mut accept: Accept<Name>) -> Accept<Name> {
    let [id, parent, session] = made.ids.clone();
    accept = id.into_iter().fold(accept, |accept, (issuer, id)| accept.credential_id(issuer, id));
    accept = parent.into_iter().fold(accept, |accept, (issuer, id)| accept.parent(issuer, id));
    accept = session.into_iter().fold(accept, |accept, (issuer, id)| accept.session_id(issuer, id));
    accept = made.names.clone().into_iter().fold(accept, Accept::add_name);
    match made.issued {
        None => accept,
        Some(None) => accept.issued_at_unknown_time(),
        Some(Some(nanos)) => accept.issued_at(now() + Duration::from_nanos(nanos)),
    }
}

proptest! {
    #[test]
    fn store_matches_the_revocations_exactly(
        told in prop::collection::vec(any_revocation(), 0..6),
        left in any_made(),
        right in prop::option::of(any_made()),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let carrier = Carrier::Header;
            let (left, transport) = (Login(carrier, move |accept| make(&left, accept)), auth_core::Transport::Http);
            let chain = Chain::new().or(left);
            let evidence = match right {
                None => ask(&chain, parts(login()), transport, now()).await.unwrap().evidence().clone(),
                Some(right) => {
                    let both = chain.and(Login(carrier, move |accept| make(&right, accept)));
                    ask(&both, parts(login()), transport, now()).await.unwrap().evidence().clone()
                }
            };
            let revocations = Revocations::new(MemoryStore::new());
            for revocation in &told {
                revocations.revoke(revocation).await.unwrap();
            }
            let covered = told.iter().any(|revocation| revocation.covers(&evidence));
            prop_assert_eq!(revocations.is_revoked(&evidence).await.unwrap(), covered);
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn cancelled_revocation_is_still_announced() {
    let slow = Watched::slow();
    let (here, there) = (Revocations::new(slow.clone()), Revocations::new(slow.clone()));
    let mut listener = there.listen().await;
    let revocation = Revocation::credential("issuer", "token");
    let given_up = tokio::time::timeout(Duration::from_millis(1), here.revoke(&revocation)).await;
    assert!(given_up.is_err(), "it cannot have been written down");
    slow.writes_one();
    assert_eq!(hear(&mut listener).await, RevocationEvent::Revoked(revocation));
}

#[tokio::test]
async fn what_is_known_at_once_is_what_the_store_answers() {
    const LOGIN: &str = "AAAAAAAAAAAAAAAAAAAAAA";
    let until = now() + Duration::from_secs(60);
    let all = [
        Revocation::session("", LOGIN),
        Revocation::credential("", LOGIN),
        Revocation::session("issuer", LOGIN),
        Revocation::credential("", "key"),
        Revocation::user(ann(), until),
    ];
    for (count, revocation) in all.iter().enumerate() {
        let revocations = Revocations::new(MemoryStore::new());
        revocations.revoke(revocation).await.unwrap();
        let own = evidence(|accept| accept.session_id("", LOGIN).credential_id("", LOGIN).issued_at(now())).await;
        let foreign = evidence(move |accept| accept.session_id("issuer", LOGIN).issued_at(until)).await;
        let key = evidence(move |accept| accept.credential_id("", "key").issued_at(until)).await;
        let named = evidence(|accept| accept.add_name(ann()).issued_at(now())).await;
        let mut revoked = Vec::new();
        for evidence in [&own, &foreign, &key, &named] {
            let asked = revocations.is_any_revoked(evidence).await.unwrap();
            assert_eq!(revocations.is_any_revoked_at_once(evidence), Some(asked), "{revocation:?}");
            revoked.push(asked);
        }
        assert!(revoked.contains(&true), "{count}");
    }
}

/// The keys of a known credential are kept, and a request adds a name of the user after they were made.
#[tokio::test]
async fn known_credential_is_revoked_by_what_any_other_is() {
    let known = KnownCredential::new().add_name(ann()).session_id("", "s").credential_id("", "c");
    let bob = PrincipalId::new("", "bob");
    let all = [
        (Revocation::session("", "s"), [true, true]),
        (Revocation::credential("", "c"), [true, true]),
        (Revocation::user(ann(), in_secs(60)), [true, true]),
        (Revocation::user(bob.clone(), in_secs(60)), [false, true]),
        (Revocation::credential("", "s"), [false, false]),
        (Revocation::credential("other", "c"), [false, false]),
    ];
    for (revocation, expected) in all {
        let revocations = Revocations::new(MemoryStore::new());
        // Another one, so that the store is asked.
        revocations.revoke(&Revocation::session("", "another")).await.unwrap();
        let of_known = |known: &KnownCredential| Accept::of_known("ann", Carrier::Header, known).issued_at(now());
        let (first, second, name) = (known.clone(), known.clone(), bob.clone());
        let plain = evidence(move |_| of_known(&first)).await;
        let renamed = evidence(move |_| of_known(&second).add_name(name.clone())).await;
        for evidence in [&plain, &renamed] {
            assert_eq!(revocations.is_any_revoked_at_once(evidence), Some(false));
        }
        revocations.revoke(&revocation).await.unwrap();
        for (evidence, expected) in [&plain, &renamed].into_iter().zip(expected) {
            assert_eq!(revocations.is_any_revoked_at_once(evidence), Some(expected), "{revocation:?}");
            assert_eq!(revocations.is_any_revoked(evidence).await.unwrap(), expected, "{revocation:?}");
        }
    }
}

/// Four keys are looked up without waiting. The last of five must not be forgotten.
#[tokio::test]
async fn credential_with_many_ids_and_names_is_revoked_by_the_last() {
    let many = || {
        let known = KnownCredential::new().session_id("", "a").credential_id("", "b").credential_id("", "c");
        known.add_name(PrincipalId::new("", "bob")).add_name(ann())
    };
    let revocations = Revocations::new(MemoryStore::new());
    revocations.revoke(&Revocation::user(ann(), in_secs(60))).await.unwrap();
    let (known, built) = (
        many(),
        evidence(|accept| {
            let accept = accept.session_id("", "a").credential_id("", "b").credential_id("", "c").issued_at(now());
            accept.add_name(PrincipalId::new("", "bob")).add_name(ann())
        }),
    );
    let known = evidence(move |_| Accept::of_known("ann", Carrier::Header, &known).issued_at(now()));
    for evidence in [known.await, built.await] {
        assert_ne!(revocations.is_any_revoked_at_once(&evidence), Some(false));
        assert!(revocations.is_any_revoked(&evidence).await.unwrap());
    }
}
