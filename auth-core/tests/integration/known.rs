//! Credentials that are known before a request.

use auth_core::{Accept, Carrier, Evidence, Id, KnownCredential, PrincipalId};

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

#[test]
fn what_is_derived_is_made_once_and_again_after_a_change() {
    let known = known();
    let count = |names: &[PrincipalId], ids: &[Id]| names.len() + ids.len();
    assert_eq!(of_known(&known).evidence().derived(count), Some(&4));
    assert_eq!(of_known(&known).evidence().derived::<usize>(|_, _| panic!("it is kept")), Some(&4));
    // It is of these names and ids alone.
    assert_eq!(of_known(&known).credential_id("", "d").evidence().derived(count), None);
    assert_eq!(of_known(&known.clone().credential_id("", "d")).evidence().derived(count), Some(&5));
    assert_eq!(of_known(&known.credential_id("", "e")).evidence().derived(count), Some(&5));
}

#[test]
fn nothing_is_derived_without_a_place_to_keep_it() {
    let known = known();
    assert_eq!(of_known(&known).evidence().derived(|_, _| 1_u8), Some(&1));
    assert_eq!(of_known(&known).evidence().derived(|_, _| 1_u16), None, "another type is kept");
    assert_eq!(Accept::new("ann", Carrier::Cookie).evidence().derived(|_, _| 1_u8), None);
}
