//! A credential over an open connection: who may renew it, and that a wrong one and another user's get the same answer.

use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

use auth_core::{
    Accept, AuthRequest, Authenticated, BoxError, Carrier, Chain, Challenge, Evidence, Outcome, Principal, PrincipalId,
    Redirect, Refusal, Rejection, Strategy, Transport, async_trait,
};
use test_support::{
    checks::{down, revoked},
    log::captured,
};

use crate::support::*;

fn named(accept: Accept<Name>, subject: &str) -> Accept<Name> {
    accept.add_name(PrincipalId::new("issuer", subject)).credential_id("issuer", subject)
}

/// A strategy that accepts Ann.
fn ann(scripted: fn(Say) -> Scripted) -> Scripted {
    scripted(Say::Accept).edit(|accept| named(accept, "ann"))
}

/// A strategy that accepts Bob, another user.
fn bob(scripted: fn(Say) -> Scripted) -> Scripted {
    scripted(Say::Accept).edit(|accept| named(accept, "bob"))
}

fn guest() -> Scripted {
    Scripted::new("guest", Say::Accept, [])
}

/// The evidence of Ann's connection.
async fn anns() -> Evidence {
    ask(&Chain::new().or(ann(jwt))).await.unwrap().evidence().clone()
}

async fn renew<U: Principal>(chain: &Chain<U>, open: &Evidence) -> Result<Authenticated<U>, Refusal> {
    let head = head("/", &[("authorization", b"Bearer x")]);
    chain.renew(&AuthRequest::new(&head, Transport::InBand, now()), open).await
}

/// The answer in bytes, and what an adapter can read.
fn bytes(refusal: &Refusal) -> String {
    let response = refusal.to_response();
    format!("{:?} {:?} {} {}", refusal, response.headers(), response.body(), refusal.is_wrong_credential())
}

async fn refused<U: Principal>(chain: Chain<U>, open: &Evidence) -> String {
    bytes(&renew(&chain, open).await.expect_err("the chain must refuse"))
}

/// Hands a changed head to a chain of its own.
struct Changes<U>(Chain<U>);

#[async_trait]
impl<U: Principal> Strategy for Changes<U> {
    type User = U;

    fn name(&self) -> &str {
        "changes"
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        Strategy::challenges(&self.0, out);
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<U>, BoxError> {
        let mut parts = request.parts().clone();
        parts.headers.remove("x-nothing");
        Strategy::authenticate(&self.0, &request.with_parts(&parts)).await
    }
}

/// The strategy in every nesting of this crate: the name of the wrapper, and the chain.
fn nestings(leaf: &Scripted) -> Vec<(&'static str, Chain<Name>)> {
    let chain = || Chain::new().or(leaf.clone());
    let all: Arc<dyn Strategy<User = Name>> = Arc::new(leaf.clone());
    vec![
        ("", chain()),
        ("Arc", Chain::new().or(Arc::new(leaf.clone()))),
        ("Arc", Chain::new().or(all)),
        ("Named", Chain::new().or(leaf.clone().named("other"))),
        ("Named", Chain::new().or(Arc::new(leaf.clone().named("other")).named("another"))),
        ("Chain", Chain::new().or(chain())),
        ("Chain", Chain::new().or(session(Say::Absent)).or(Chain::new().or(basic(Say::Absent)).or(chain()))),
        ("Chain", Chain::new().or(chain().named("chain"))),
        ("And", chain().and(ann(session)).map_user(|(user, _)| user)),
        ("And", Chain::new().or(ann(session)).and(chain()).map_user(|(_, user)| user)),
        ("AndThen", chain().map_user(|user| user)),
        ("AndThen", chain().try_map(Ok)),
        ("AndThen", chain().and_then(|accept| Ok(Outcome::Accept(accept)))),
        ("with_parts", Chain::new().or(Changes(chain()))),
        ("with_parts", Chain::new().or(Changes(Chain::new().or(Changes(chain().map_user(|user| user)))))),
    ]
}

#[tokio::test]
async fn strategy_that_may_not_renew_is_not_asked_in_any_nesting() {
    let open = anns().await;
    let no = ann(jwt).renews(|_| false);
    let looks = nestings(&jwt(Say::Reject));
    for ((nesting, chain), (_, wrong)) in nestings(&no).into_iter().zip(looks) {
        assert_eq!(refused(chain.clone(), &open).await, refused(wrong, &open).await, "{nesting}");
        assert_eq!(no.calls(), 0, "{nesting}");
        // It is asked only at a renewal.
        assert!(ask(&chain).await.is_ok(), "{nesting}");
        no.reset();
    }
}

#[tokio::test]
async fn strategy_sees_the_opening_evidence_in_any_nesting() {
    let open = anns().await;
    let sees = ann(jwt).renews(|open| open.principal() == Some(&PrincipalId::new("issuer", "ann")));
    for (nesting, chain) in nestings(&sees) {
        assert!(renew(&chain, &open).await.is_ok(), "{nesting}");
    }
}

/// A wrapper of this crate that has no row in `nestings` fails here.
#[test]
fn every_wrapping_strategy_is_among_the_nestings() {
    let mut wrappers = BTreeSet::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            let names =
                code.filter(|line| line.starts_with("impl<")).filter_map(|line| line.split_once("> Strategy for "));
            wrappers.extend(names.map(|(_, name)| name.split('<').next().unwrap().to_owned()));
        }
    }
    let rows = nestings(&jwt(Say::Accept)).into_iter().map(|(name, _)| name.to_owned());
    let rows: BTreeSet<_> = rows.filter(|name| !name.is_empty() && name != "with_parts").collect();
    assert_eq!(wrappers, rows);
}

#[tokio::test]
async fn wrong_and_another_users_credential_get_the_same_answer() {
    let open = anns().await;
    let wrong = nestings(&jwt(Say::Reject));
    for ((nesting, chain), (_, wrong)) in nestings(&bob(jwt)).into_iter().zip(wrong) {
        let refusal = renew(&chain, &open).await.unwrap_err();
        assert_eq!(answer(&refusal), (401, "invalid_credentials"), "{nesting}");
        assert_eq!(bytes(&refusal), refused(wrong, &open).await, "{nesting}");
    }
}

/// Later decisions of the application or the chain must not reveal that the credential is good.
#[tokio::test]
async fn later_answers_do_not_reveal_another_users_good_credential() {
    let open = anns().await;
    type After = fn(Accept<Name>) -> Result<Outcome<Name>, BoxError>;
    let afters: [After; 9] = [
        |_| panic!("in and_then"),
        |_| Err("the store is down".into()),
        |_| Ok(Outcome::Reject(Rejection::revoked())),
        |_| Ok(Outcome::Reject(Rejection::forbidden().with_code("account_locked"))),
        |_| Ok(Outcome::Reject(Rejection::too_many_requests())),
        |_| Ok(Outcome::Absent),
        |_| Ok(Outcome::Unrecognized),
        |_| Ok(Outcome::Redirect(Redirect::found("/login")?)),
        |_| Ok(Outcome::Accept(Accept::new("new", Carrier::Header))),
    ];
    for after in afters {
        let make: [&dyn Fn(Scripted) -> Chain<Name>; 4] = [
            &|leaf| Chain::new().or(leaf).and_then(after),
            &|leaf| Chain::new().or(Chain::new().or(leaf).and_then(after)).or(basic(Say::Absent)),
            &|leaf| Chain::new().or(Chain::new().or(leaf).and_then(after)).or(guest()).try_next_on_reject(),
            &|leaf| Chain::new().or(Chain::new().or(leaf).or(guest()).try_next_on_reject()).and_then(after),
        ];
        for chain in make {
            assert_eq!(refused(chain(bob(jwt)), &open).await, refused(chain(jwt(Say::Reject)), &open).await);
        }
    }
}

#[tokio::test]
async fn another_users_half_of_an_and_looks_like_a_wrong_half() {
    let open = anns().await;
    for rest in Say::ALL {
        let chain = |leaf: Scripted| Chain::new().or(leaf).and(session(rest).edit(|accept| named(accept, "ann")));
        assert_eq!(refused(chain(bob(jwt)), &open).await, refused(chain(jwt(Say::Reject)), &open).await, "{rest:?}");
    }
}

#[tokio::test]
async fn wrong_credential_before_a_guest_looks_like_another_users() {
    let open = anns().await;
    let chains: [fn(Scripted) -> Chain<Name>; 5] = [
        |leaf| Chain::new().or(leaf).or(guest()).try_next_on_reject(),
        |leaf| Chain::new().or(Chain::new().or(leaf).or(guest()).try_next_on_reject()).or(basic(Say::Absent)),
        |leaf| Chain::new().or(leaf).or(guest()).try_next_on_reject().map_user(|user| user),
        |leaf| {
            let either = Chain::new().or(leaf).or(guest()).try_next_on_reject();
            either.and(session(Say::Accept)).map_user(|(user, _)| user)
        },
        |leaf| Chain::new().or(Changes(Chain::new().or(leaf).or(guest()).try_next_on_reject())),
    ];
    for chain in chains {
        let wrong = refused(chain(jwt(Say::Reject)), &open).await;
        assert_eq!(refused(chain(bob(jwt)), &open).await, wrong);
        assert_eq!(refused(chain(ann(jwt).renews(|_| false)), &open).await, wrong);
    }
}

/// The same user gets the usual answers of strategies and of the application.
#[tokio::test]
async fn renewal_by_the_same_user_is_answered_like_any_request() {
    let open = anns().await;
    for say in Say::ALL {
        for (nesting, chain) in nestings(&jwt(say).edit(|accept| named(accept, "ann"))) {
            let head = head("/", &[("authorization", b"Bearer x")]);
            let asked = chain.authenticate(&AuthRequest::new(&head, Transport::InBand, now())).await;
            let renewed = renew(&chain, &open).await;
            assert_eq!(renewed.is_ok(), say == Say::Accept, "{nesting}");
            assert_eq!(renewed.err().map(|r| bytes(&r)), asked.err().map(|r| bytes(&r)), "{say:?} {nesting}");
        }
    }
    let locked = Chain::new()
        .or(ann(jwt))
        .and_then(|_: Accept<Name>| Ok(Outcome::<Name>::Reject(Rejection::forbidden().with_code("account_locked"))));
    assert_eq!(answer(&renew(&locked, &open).await.unwrap_err()), (403, "account_locked"));
}

/// A credential without a name does not belong to another user.
#[tokio::test]
async fn nameless_credential_beside_the_users_own_changes_no_answer() {
    let device = || session(Say::Accept);
    let open = ask(&Chain::new().or(ann(jwt)).and(device())).await.unwrap().evidence().clone();
    let both = |leaf: Scripted| Chain::new().or(leaf).and(device());
    let locked = both(ann(jwt)).and_then(|_| Ok(Outcome::<Name>::Reject(Rejection::forbidden())));
    assert_eq!(answer(&renew(&locked, &open).await.unwrap_err()), (403, "forbidden"));
    assert_eq!(answer(&renew(&both(jwt(Say::Expired)), &open).await.unwrap_err()), (401, "token_expired"));
    assert!(renew(&both(ann(jwt)), &open).await.is_ok());
    let no_guests = Chain::new().or(guest()).and_then(|_| Ok(Outcome::<Name>::Absent));
    assert!(renew(&Chain::new().or(no_guests).or(ann(jwt)), &open).await.is_ok());
}

#[tokio::test]
async fn try_next_on_reject_continues_after_a_strategy_that_may_not_renew() {
    let open = anns().await;
    let chain = || Chain::new().or(ann(basic).renews(|_| false)).or(ann(jwt));
    assert_eq!(answer(&renew(&chain(), &open).await.unwrap_err()), (401, "invalid_credentials"));
    assert_eq!(renew(&chain().try_next_on_reject(), &open).await.unwrap().evidence().strategy(), "jwt");
}

#[tokio::test]
async fn only_the_own_user_learns_of_a_revocation_at_a_renewal() {
    let open = anns().await;
    for (nesting, chain) in nestings(&ann(jwt)) {
        let refusal = renew(&chain.revocation(revoked("ann")), &open).await.unwrap_err();
        assert_eq!(answer(&refusal), (401, "revoked"), "{nesting}");
    }
}

/// If the store were asked, its answer, its outage or its delay would reveal that the credential is good.
#[tokio::test]
async fn revocation_of_another_users_credential_is_not_checked() {
    let open = anns().await;
    let wrong = nestings(&jwt(Say::Reject));
    for ((nesting, chain), (_, wrong)) in nestings(&bob(jwt)).into_iter().zip(wrong) {
        let wrong = refused(wrong, &open).await;
        assert_eq!(refused(chain.clone().revocation(revoked("bob")), &open).await, wrong, "{nesting}");
        assert_eq!(refused(chain.revocation(down("bob")), &open).await, wrong, "{nesting}");
    }
    for guests in [false, true] {
        let chain = |leaf: Scripted| {
            let inner = Chain::new().or(leaf).revocation(down("bob"));
            if guests { Chain::new().or(inner).or(guest()).try_next_on_reject() } else { Chain::new().or(inner) }
        };
        assert_eq!(refused(chain(bob(jwt)), &open).await, refused(chain(jwt(Say::Reject)), &open).await, "{guests}");
    }
}

#[tokio::test]
async fn panic_in_may_renew_is_a_500() {
    let open = anns().await;
    for (nesting, chain) in nestings(&ann(jwt).renews(|_| panic!("in may_renew"))) {
        assert_eq!(answer(&renew(&chain, &open).await.unwrap_err()), (500, "internal_error"), "{nesting}");
    }
}

#[tokio::test]
async fn user_without_a_principal_cannot_renew_and_the_log_says_why() {
    let nobody = Chain::new().or(jwt(Say::Accept));
    let nobodys = ask(&nobody).await.unwrap().evidence().clone();
    for open in [anns().await, nobodys] {
        let (refusal, log) = captured(renew(&nobody, &open)).await;
        assert_eq!(bytes(&refusal.unwrap_err()), refused(Chain::new().or(jwt(Say::Reject)), &open).await);
        let line = log.lines().find(|line| line.contains("users cannot be compared")).unwrap();
        assert!(line.contains("ERROR") && line.contains("Principal::principal_id"), "{line}");
    }
}

#[tokio::test]
async fn only_the_log_tells_a_wrong_credential_from_another_users() {
    let open = anns().await;
    let anothers = "the credential is another user's";
    for (leaf, expected) in [(bob(jwt), true), (jwt(Say::Reject), false)] {
        let (_, log) = captured(refused(Chain::new().or(leaf), &open)).await;
        let lines: Vec<_> = log.lines().filter(|line| line.contains(" auth_core::refusal: ")).collect();
        assert_eq!(lines.len(), 1, "{log}");
        assert!(lines[0].contains("INFO") && lines[0].contains(r#"strategy="jwt""#), "{log}");
        assert_eq!(lines[0].contains(anothers), expected, "{log}");
    }
}

#[tokio::test]
async fn guest_may_renew_if_asked_for_but_not_after_a_wrong_credential() {
    let open = anns().await;
    let head = head("/", &[("authorization", b"Bearer x")]);
    let request = AuthRequest::new(&head, Transport::InBand, now());
    let wrong = || Scripted::new("wrong", Say::Reject, []);
    for (name, chain, is_guest) in [
        ("a guest", Chain::new().or(guest()), Some(true)),
        ("the same user", Chain::new().or(ann(jwt)).or(guest()), Some(false)),
        ("another user", Chain::new().or(bob(jwt)).or(guest()), None),
        ("wrong", Chain::new().or(wrong()).or(guest()).try_next_on_reject(), None),
    ] {
        let answer = chain.renew_or_guest(&request, &open).await;
        assert_eq!(answer.ok().map(|user| user.evidence().principal().is_none()), is_guest, "{name}");
    }
    assert!(renew(&Chain::new().or(guest()), &open).await.is_err());
}
