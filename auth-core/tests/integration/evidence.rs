//! The evidence, and how nesting, mapping, identity and revocation change it.

use std::sync::{Arc, Mutex};

use auth_core::{
    Accept, Anonymous, Authenticated, Carrier, Chain, Evidence, IdKind, Outcome, Principal, PrincipalId, Refusal,
    RefusalKind, RevocationCheck, Strategy as _, Transport,
};
use test_support::checks::{check, revoked};

use crate::support::{
    BASIC, BEARER, BEARER_INVALID, Name, Say, Scripted, answer, ask, basic, head, in_secs, jwt, lines, now, refusal,
    session,
};

#[derive(Clone, Debug, PartialEq)]
struct Scopes(&'static str);

/// Accepts with every field filled in.
fn full() -> Scripted {
    jwt(Say::Accept).edit(|accept| {
        accept
            .expires_at(in_secs(60))
            .issued_at(now())
            .credential_id("issuer", "id-1")
            .session_id("issuer", "session-1")
            .parent("issuer", "parent-1")
            .add_name(PrincipalId::new("issuer", "1001"))
            .extra(Scopes("chat"))
    })
}

async fn evidence(chain: Chain<Name>) -> Evidence {
    ask(&chain).await.unwrap().evidence().clone()
}

fn assert_is_full(evidence: &Evidence) {
    assert_eq!(evidence.expires_at(), Some(in_secs(60)));
    assert_eq!(evidence.issued_at(), Some(now()));
    let ids: Vec<_> = evidence.ids().iter().map(|id| (id.kind(), id.issuer(), id.id())).collect();
    let credential = (IdKind::Credential, "issuer", "id-1");
    assert_eq!(ids, [credential, (IdKind::Session, "issuer", "session-1"), (IdKind::Parent, "issuer", "parent-1")]);
    assert_eq!(evidence.credential_id(), evidence.ids().first());
    assert_eq!((evidence.session_id(), evidence.parent()), (evidence.ids().get(1), evidence.ids().get(2)));
    assert_eq!(evidence.principal(), Some(&PrincipalId::new("issuer", "1001")));
    assert_eq!(evidence.extra::<Scopes>(), Some(&Scopes("chat")));
    assert_eq!(evidence.extra::<u8>(), None);
}

#[tokio::test]
async fn evidence_holds_what_the_strategy_found() {
    let evidence = evidence(Chain::new().or(full())).await;
    assert_is_full(&evidence);
    assert_eq!((evidence.strategy(), evidence.carrier()), ("jwt", Carrier::Header));
    assert_eq!(evidence.authenticated_at(), now());
    assert_eq!(evidence.parts().len(), 0);
}

#[tokio::test]
async fn evidence_is_empty_by_default() {
    let evidence = evidence(Chain::new().or(session(Say::Accept))).await;
    assert_eq!((evidence.strategy(), evidence.carrier()), ("session", Carrier::Cookie));
    assert!(evidence.expires_at().is_none() && evidence.issued_at().is_none() && evidence.principal().is_none());
    assert!(evidence.credential_id().is_none() && evidence.session_id().is_none() && evidence.parent().is_none());
}

#[tokio::test]
async fn expiry_is_exclusive() {
    let evidence = evidence(Chain::new().or(full())).await;
    assert!(!evidence.is_expired_at(in_secs(59)));
    assert!(evidence.is_expired_at(in_secs(60)));
    assert!(!self::evidence(Chain::new().or(jwt(Say::Accept))).await.is_expired_at(in_secs(u32::MAX.into())));
}

#[tokio::test]
async fn second_extra_of_one_type_replaces_the_first() {
    let twice = jwt(Say::Accept).edit(|accept| accept.extra(Scopes("a")).extra(Scopes("b")));
    assert_eq!(evidence(Chain::new().or(twice)).await.extra(), Some(&Scopes("b")));
}

#[tokio::test]
async fn evidence_of_an_and_keeps_both_parts_from_left_to_right() {
    let right = basic(Say::Accept).edit(|accept| accept.extra(Scopes("right")).extra(7_u8));
    let user = ask(&Chain::new().or(full()).and(right)).await.unwrap();
    let evidence = user.evidence();
    assert_eq!(evidence.strategy(), "jwt+basic");
    let [left, right] = evidence.parts() else { panic!("two parts") };
    assert_is_full(left);
    assert_eq!((left.strategy(), right.strategy()), ("jwt", "basic"));
    assert_eq!(evidence.extra::<Scopes>(), Some(&Scopes("chat")));
    assert_eq!(evidence.extra::<u8>(), Some(&7));
    // Only the part has what belongs to one credential.
    assert!(evidence.credential_id().is_none() && evidence.session_id().is_none());
    assert_eq!(evidence.principal(), left.principal());
}

#[tokio::test]
async fn and_of_two_different_principals_has_none() {
    let admin = jwt(Say::Accept).edit(|accept| accept.add_name(PrincipalId::new("issuer", "1001")));
    let same = basic(Say::Accept).edit(|accept| accept.add_name(PrincipalId::new("issuer", "1001")));
    let other = basic(Say::Accept).edit(|accept| accept.add_name(PrincipalId::new("issuer", "1002")));
    let both = Chain::new().or(admin);
    assert!(ask(&both.clone().and(same)).await.unwrap().evidence().principal().is_some());
    assert!(ask(&both.and(other)).await.unwrap().evidence().principal().is_none());
}

#[tokio::test]
async fn every_part_of_an_and_knows_when_it_was_checked() {
    let chain = Chain::new().or(jwt(Say::Accept)).and(basic(Say::Accept)).and(session(Say::Accept));
    let user = ask(&chain).await.unwrap();
    assert_eq!((user.evidence().strategy(), user.evidence().authenticated_at()), ("jwt+basic+session", now()));
    let [both, last] = user.evidence().parts() else { panic!("two parts") };
    assert_eq!((both.authenticated_at(), last.authenticated_at()), (now(), now()));
    assert!(both.parts().iter().all(|part| part.authenticated_at() == now()));
}

#[tokio::test]
async fn nested_chain_keeps_the_name_of_the_leaf() {
    let inner = Chain::new().or(basic(Say::Absent)).or(full());
    let evidence = evidence(Chain::new().or(session(Say::Absent)).or(inner)).await;
    assert_eq!(evidence.strategy(), "jwt");
    assert_is_full(&evidence);
}

#[tokio::test]
async fn nested_chain_in_an_arc_is_a_strategy_too() {
    assert_eq!(*ask(&Chain::new().or(Arc::new(Chain::new().or(jwt(Say::Accept))))).await.unwrap(), "jwt");
}

#[test]
fn chain_has_the_name_of_its_first_leaf_and_an_and_of_both_sides() {
    let tree = || Chain::new().or(jwt(Say::Absent)).or(basic(Say::Absent));
    assert_eq!(tree().name(), "jwt");
    assert_eq!(Arc::new(tree()).name(), "jwt");
    assert_eq!(tree().map_user(str::to_uppercase).name(), "jwt");
    assert_eq!(format!("{:?}", Chain::new().or(tree().map_user(str::to_uppercase))), r#"["jwt"]"#);
    assert_eq!(format!("{:?}", tree().and(session(Say::Absent))), r#"["jwt+session"]"#);
}

#[tokio::test]
async fn strategy_in_an_arc_keeps_its_challenges() {
    let shared = Chain::new().or(Arc::new(jwt(Say::Absent)));
    assert_eq!(lines(&refusal(&shared).await), [BEARER]);
}

#[tokio::test]
async fn named_strategy_has_its_new_name() {
    let chain = Chain::new().or(jwt(Say::Absent)).or(jwt(Say::Accept).named("partner"));
    let user = ask(&chain).await.unwrap();
    assert_eq!((*user, user.evidence().strategy()), ("jwt", "partner"));
    assert_eq!(format!("{chain:?}"), r#"["jwt", "partner"]"#);
    assert_eq!(lines(&refusal(&Chain::new().or(jwt(Say::Absent).named("partner"))).await), [BEARER]);
}

#[tokio::test]
async fn map_user_keeps_the_evidence() {
    let user = ask(&Chain::new().or(full()).map_user(str::to_uppercase)).await.unwrap();
    assert_eq!(*user, "JWT");
    assert_is_full(user.evidence());
}

#[tokio::test]
async fn map_user_joins_chains_of_different_user_types() {
    let texts = Chain::new().or(jwt(Say::Absent)).map_user(str::to_uppercase);
    let chain = texts.or(Chain::new().or(basic(Say::Accept)).map_user(str::to_uppercase));
    assert_eq!(*ask(&chain).await.unwrap(), "BASIC");
}

#[tokio::test]
async fn map_passes_on_every_other_outcome() {
    for (say, status) in [(Say::Absent, 401), (Say::Unrecognized, 401), (Say::Forbidden, 403), (Say::Redirect, 302)] {
        let refusal = refusal(&Chain::new().or(jwt(say)).map_user(str::to_uppercase)).await;
        assert_eq!(refusal.status(), status, "{say:?}");
    }
    assert_eq!(lines(&refusal(&Chain::new().or(jwt(Say::Reject)).map_user(str::to_uppercase)).await), [BEARER_INVALID]);
}

#[tokio::test]
async fn try_map_changes_expiry_and_extras() {
    let chain = Chain::new().or(full()).try_map(|accept| Ok(accept.expires_at(in_secs(30)).extra(Scopes("mapped"))));
    let evidence = evidence(chain).await;
    assert_eq!((evidence.expires_at(), evidence.extra()), (Some(in_secs(30)), Some(&Scopes("mapped"))));
}

#[tokio::test]
async fn try_map_reads_the_evidence_of_the_chain() {
    let chain = Chain::new().or(full()).try_map(|accept: Accept<Name>| {
        let Scopes(scopes) = accept.evidence().extra().cloned().ok_or("no scopes")?;
        Ok(accept.map_user(|_| scopes))
    });
    assert_eq!(*ask(&chain).await.unwrap(), "chat");
}

#[tokio::test]
async fn try_map_that_fails_is_503() {
    let chain = Chain::new().or(jwt(Say::Accept)).try_map(|_| Err::<Accept<String>, _>("no answer".into()));
    assert_eq!(answer(&refusal(&chain).await), (503, "unavailable"));
}

#[derive(Clone, Debug)]
struct Account(&'static str);

impl Principal for Account {
    fn principal_id(&self) -> Option<PrincipalId> {
        Some(PrincipalId::new("accounts", self.0))
    }
}

#[tokio::test]
async fn identity_of_the_user_type_precedes_verified_names() {
    let user = ask(&Chain::new().or(full()).map_user(Account)).await.unwrap();
    let names = [PrincipalId::new("accounts", "jwt"), PrincipalId::new("issuer", "1001")];
    assert_eq!(user.evidence().names(), names);
    assert_eq!(user.evidence().principal(), names.first());
}

#[tokio::test]
async fn settings_apply_to_strategies_added_later() {
    let revoked = Chain::new().or(jwt(Say::Absent)).revocation(revoked("id-1")).or(full());
    assert_eq!(answer(&refusal(&revoked).await), (401, "revoked"));
}

#[tokio::test]
async fn revoked_credential_is_401_with_its_own_code() {
    let chain = Chain::new().or(full()).or(basic(Say::Absent)).revocation(Arc::new(revoked("id-1")));
    let refusal = refusal(&chain).await;
    assert_eq!((answer(&refusal), refusal.kind()), ((401, "revoked"), RefusalKind::Rejected));
    assert_eq!(lines(&refusal), [BEARER_INVALID, BASIC]);
}

#[tokio::test]
async fn revocation_is_checked_for_every_strategy_and_lets_others_in() {
    let chain = Chain::new().or(jwt(Say::Absent)).or(full()).revocation(revoked("id-1"));
    assert_eq!(answer(&refusal(&chain).await), (401, "revoked"));
    assert!(ask(&Chain::new().or(full()).revocation(Arc::new(revoked("id-2")))).await.is_ok());
}

#[tokio::test]
async fn revocation_of_one_part_revokes_the_whole() {
    for chain in [Chain::new().or(full()).and(basic(Say::Accept)), Chain::new().or(basic(Say::Accept)).and(full())] {
        assert_eq!(answer(&refusal(&chain.revocation(revoked("id-1"))).await), (401, "revoked"));
    }
}

#[tokio::test]
async fn revocation_of_an_inner_chain_applies_under_map_and_and() {
    let inner = || Chain::new().or(full()).revocation(revoked("id-1"));
    assert_eq!(answer(&refusal(&inner().map_user(str::to_uppercase)).await), (401, "revoked"));
    assert_eq!(answer(&refusal(&inner().and(basic(Say::Accept))).await), (401, "revoked"));
}

#[tokio::test]
async fn revoked_credential_stops_the_chain_even_with_try_next_on_reject() {
    let last = basic(Say::Accept);
    let chain = Chain::new().or(full()).or(last.clone()).try_next_on_reject().revocation(revoked("id-1"));
    assert_eq!(answer(&refusal(&chain).await), (401, "revoked"));
    assert_eq!(last.calls(), 0);
}

#[tokio::test]
async fn revocation_that_cannot_be_checked_is_503() {
    let down = check(|_| Err("the list is unreachable".into()));
    assert_eq!(answer(&refusal(&Chain::new().or(full()).revocation(down)).await), (503, "unavailable"));
}

/// Notes the evidence that it is asked about.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<Evidence>>>);

impl Asked {
    fn check(&self) -> impl RevocationCheck {
        let asked = Arc::clone(&self.0);
        check(move |evidence| {
            asked.lock().unwrap().push(evidence.clone());
            Ok(false)
        })
    }
}

#[tokio::test]
async fn revocation_check_sees_the_whole_and_each_part() {
    let asked = Asked::default();
    let chain = Chain::new().or(full()).and(basic(Say::Accept)).map_user(|(left, _)| Account(left));
    ask(&chain.revocation(asked.check())).await.unwrap();
    let asked = asked.0.lock().unwrap();
    assert!(asked.iter().all(|evidence| evidence.authenticated_at() == now()));
    let names: Vec<_> = asked.iter().map(Evidence::strategy).collect();
    assert_eq!((names[0], names.len()), ("jwt+basic", 3));
    assert!(names.contains(&"jwt") && names.contains(&"basic"));
    assert_eq!(asked[0].principal(), Some(&PrincipalId::new("accounts", "jwt")));
}

#[tokio::test]
async fn revocation_is_not_asked_without_an_acceptance() {
    let asked = Asked::default();
    for say in [Say::Absent, Say::Unrecognized, Say::Reject, Say::Error] {
        let _ = ask(&Chain::new().or(jwt(say)).revocation(asked.check())).await;
    }
    assert!(asked.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn evidence_of_one_user_is_shared_by_its_clones() {
    struct NotClone;
    impl Principal for NotClone {
        fn principal_id(&self) -> Option<PrincipalId> {
            None
        }
    }
    let user: Authenticated<NotClone> = ask(&Chain::new().or(jwt(Say::Accept)).map_user(|_| NotClone)).await.unwrap();
    assert!(std::ptr::eq(user.user(), user.clone().user()));
}

#[tokio::test]
async fn chain_as_a_strategy_returns_the_outcome() {
    let chain = Chain::new().or(jwt(Say::Absent)).or(basic(Say::Accept));
    let head = head("/", &[]);
    let request = auth_core::AuthRequest::new(&head, Transport::Http, now());
    let outcome = auth_core::Strategy::authenticate(&chain, &request).await.unwrap();
    assert!(matches!(outcome, Outcome::Accept(accept) if *accept.user() == "basic"));
}

#[test]
fn anonymous_holds_the_refusal_of_a_required_layer() {
    let nobody = Anonymous::<Name>::new(Refusal::new(http::StatusCode::UNAUTHORIZED, "missing_credentials"));
    assert_eq!(nobody.clone().refusal().code(), "missing_credentials");
}

#[cfg(feature = "test-util")]
#[test]
fn unchecked_evidence_for_tests_is_labelled() {
    let user = Authenticated::dangerous_unchecked("u");
    assert_eq!((*user, user.evidence().strategy()), ("u", "dangerous_unchecked"));
}
