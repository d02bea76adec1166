//! Credentials that are known before a request.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, SystemTime},
};

use auth_core::{
    Accept, BoxError, Carrier, EndCheck, Evidence, Extras, Id, KnownCredential, PrincipalId, Revocation, async_trait,
};

use crate::support::in_secs;

#[derive(Clone, Debug, PartialEq)]
struct Role(&'static str);

fn known() -> KnownCredential {
    let known =
        KnownCredential::new().add_name(PrincipalId::new("issuer", "ann")).add_name(PrincipalId::new("", "ann"));
    known.session_id("", "s").credential_id("", "c").extra(Role("admin"))
}

fn of_known(known: &KnownCredential) -> Accept<&'static str> {
    Accept::of_known("ann", Carrier::Cookie, known)
}

fn facts(evidence: &Evidence) -> (Vec<PrincipalId>, Vec<Id>, Option<Role>) {
    (evidence.names().to_vec(), evidence.ids().to_vec(), evidence.extra().cloned())
}

#[test]
fn known_credential_says_what_an_acceptance_with_the_same_facts_says() {
    let built = Accept::new("ann", Carrier::Cookie)
        .add_name(PrincipalId::new("issuer", "ann"))
        .add_name(PrincipalId::new("", "ann"))
        .session_id("", "s")
        .credential_id("", "c")
        .extra(Role("admin"));
    assert_eq!(facts(of_known(&known()).evidence()), facts(built.evidence()));
}

#[test]
fn what_one_request_adds_is_not_in_the_next() {
    let known = known();
    let before = facts(of_known(&known).evidence());
    let changed = of_known(&known).add_name(PrincipalId::new("", "bob")).parent("", "p").extra(Role("guest"));
    let (names, ids, role) = facts(changed.evidence());
    assert_eq!((names.len(), ids.len(), role), (3, 3, Some(Role("guest"))));
    assert_eq!(facts(of_known(&known).evidence()), before);
    let other = known.clone().credential_id("", "other");
    assert_eq!(facts(of_known(&known).evidence()), before);
    assert_eq!(of_known(&other).evidence().ids().len(), 3);
}

fn count(names: &[PrincipalId], ids: &[Id]) -> usize {
    names.len() + ids.len()
}

#[test]
fn what_is_derived_is_made_once_and_again_after_a_change() {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    fn counted(names: &[PrincipalId], ids: &[Id]) -> usize {
        MADE.fetch_add(1, SeqCst);
        count(names, ids)
    }
    let known = known();
    assert_eq!(of_known(&known).evidence().derived(counted), Some(&4));
    assert_eq!((of_known(&known).evidence().derived(counted), MADE.load(SeqCst)), (Some(&4), 1));
    // It is of these names and ids alone.
    assert_eq!(of_known(&known).credential_id("", "d").evidence().derived(counted), None);
    assert_eq!(of_known(&known.clone().parent("", "d")).evidence().derived(counted), Some(&5));
    assert_eq!((of_known(&known.credential_id("", "e")).evidence().derived(counted), MADE.load(SeqCst)), (Some(&5), 3));
}

/// Two checks for revocation would read each other's keys, and find nothing.
#[test]
fn function_never_gets_what_another_one_has_derived() {
    let known = known();
    assert_eq!(of_known(&known).evidence().derived(count), Some(&4));
    let other: fn(&[PrincipalId], &[Id]) -> usize = |_, _| 7;
    assert_eq!(of_known(&known).evidence().derived(other), None, "of the same type");
    assert_eq!(of_known(&known).evidence().derived(|_, _| 1_u16), None, "of another type");
    assert_eq!(Accept::new("ann", Carrier::Cookie).evidence().derived(count), None, "there is no place");
}

/// Ends a minute after the instant that stands in the extras.
struct MinuteAfter;

#[async_trait]
impl EndCheck for MinuteAfter {
    async fn ends_at(&self, extras: &Extras, _: SystemTime) -> Result<Option<SystemTime>, BoxError> {
        Ok(self.latest_end(extras))
    }

    fn latest_end(&self, extras: &Extras) -> Option<SystemTime> {
        extras.get::<SystemTime>()?.checked_add(Duration::from_secs(60))
    }
}

#[tokio::test]
async fn end_check_stays_with_the_extras_that_it_was_set_with() {
    let known = known().extra(in_secs(100));
    let checked = || of_known(&known).expires_at(in_secs(30)).end_check(Arc::new(MinuteAfter));
    let own = || {
        let accept = Accept::new("ann", Carrier::Cookie).credential_id("", "c").extra(in_secs(100));
        accept.expires_at(in_secs(30)).end_check(Arc::new(MinuteAfter))
    };
    let bob = || PrincipalId::new("", "bob");
    let all = [
        ("known", checked()),
        ("and a name", checked().add_name(bob())),
        ("and an id", checked().parent("", "p")),
        ("and an extra", checked().extra(Role("guest"))),
        ("and another instant", checked().extra(in_secs(900))),
        ("and no extras", checked().with_extras(Extras::default())),
        ("and another user", checked().map_user(|name| name)),
        ("after a name", of_known(&known).add_name(bob()).expires_at(in_secs(30)).end_check(Arc::new(MinuteAfter))),
        ("own", own()),
        ("own and another instant", own().extra(in_secs(900))),
        ("own and no extras", own().with_extras(Extras::default())),
    ];
    for (what, accept) in all {
        let evidence = accept.evidence();
        assert!(evidence.has_moving_end(), "{what}");
        assert_eq!(evidence.current_end(in_secs(0)).await.unwrap(), Some(in_secs(160)), "{what}");
        let ends: Vec<_> = Revocation::of(evidence, in_secs(0)).iter().map(Revocation::end).collect();
        assert_eq!(ends, [Some(in_secs(160))], "{what}");
    }
}
