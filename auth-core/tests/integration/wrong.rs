//! Which credentials count as wrong, for adapters that limit guesses; and that a guest is not let in after a wrong one.

use auth_core::{
    AuthRequest, Authenticated, Chain, Outcome, PrincipalId, Refusal, Rejection, Requirement, Strategy as _, Transport,
};
use http::StatusCode;

use crate::support::*;

/// Whether the outcome counts as a wrong credential; `None` if nothing is refused.
fn is_wrong(say: Say) -> Option<bool> {
    match say {
        Say::Accept => None,
        Say::Unrecognized | Say::Reject | Say::Expired | Say::Revoked | Say::Malformed => Some(true),
        Say::Absent | Say::Scope | Say::StepUp | Say::TooMany | Say::Forbidden | Say::Redirect => Some(false),
        Say::Error | Say::Panic | Say::PanicAfterAwait => Some(false),
    }
}

fn other(say: Say) -> Scripted {
    Scripted::new("other", say, [])
}

fn guest() -> Scripted {
    Scripted::new("guest", Say::Accept, [])
}

async fn over_a_connection(chain: &Chain<Name>) -> Result<Authenticated<Name>, Refusal> {
    let head = head("/", &[]);
    chain.authenticate_or_guest(&AuthRequest::new(&head, Transport::InBand, now())).await
}

/// The chain itself, and in several nestings.
fn shapes(chain: &Chain<Name>) -> [(&'static str, Chain<Name>); 5] {
    [
        ("itself", chain.clone()),
        ("nested", Chain::new().or(other(Say::Absent)).or(chain.clone())),
        ("named", Chain::new().or(chain.clone().named("named"))),
        ("mapped", chain.clone().map_user(|user| user)),
        ("decided on", chain.clone().and_then(|accept| Ok(Outcome::Accept(accept)))),
    ]
}

#[tokio::test]
async fn only_wrong_credentials_count_as_wrong() {
    for say in Say::ALL {
        for (shape, chain) in shapes(&Chain::new().or(jwt(say))) {
            for transport in [Transport::Http, Transport::InBand] {
                let refused = ask_over(&chain, transport).await.err().map(|refusal| refusal.is_wrong_credential());
                assert_eq!(refused, is_wrong(say), "{say:?} {shape} {transport:?}");
            }
        }
    }
    // With a code of the application, and without a challenge.
    let with_code = Rejection::insufficient_user_authentication(&["phr"], None).with_code("step_up");
    let chain = Chain::new().or(guest()).and_then(move |_| Ok(Outcome::<Name>::Reject(with_code.clone())));
    assert!(!refusal(&chain).await.is_wrong_credential());
}

#[tokio::test]
async fn refusals_of_requirements_and_middleware_count_as_documented() {
    let user = ask(&Chain::new().or(jwt(Say::Accept))).await.unwrap();
    for requirement in [Requirement::new().scope("chat:write"), Requirement::new().acr("phr")] {
        assert!(!requirement.check(user.evidence()).unwrap_err().is_wrong_credential());
    }
    for (rejection, expected) in [(Rejection::revoked(), true), (Rejection::forbidden(), false)] {
        assert_eq!(user.evidence().refuse(&rejection).is_wrong_credential(), expected);
    }
    for (status, expected) in [
        (StatusCode::BAD_REQUEST, true),
        (StatusCode::UNAUTHORIZED, true),
        (StatusCode::FORBIDDEN, false),
        (StatusCode::PAYLOAD_TOO_LARGE, false),
        (StatusCode::TOO_MANY_REQUESTS, false),
        (StatusCode::INTERNAL_SERVER_ERROR, false),
    ] {
        assert_eq!(Refusal::new(status, "code").is_wrong_credential(), expected, "{status}");
    }
    assert!(!Refusal::unavailable("the store is down").is_wrong_credential());
}

/// A client may send a credential that is right but not enough beside a guess.
#[tokio::test]
async fn wrong_credential_that_a_chain_passes_over_counts() {
    for said in [Say::Unrecognized, Say::Absent, Say::Scope, Say::StepUp, Say::TooMany, Say::Forbidden, Say::Redirect] {
        for wrong in [Say::Reject, Say::Expired, Say::Malformed] {
            let behind = Chain::new().or(jwt(said)).or(basic(wrong)).try_next_on_reject();
            let in_front = Chain::new().or(basic(wrong)).or(jwt(said)).try_next_on_reject();
            // A redirect stops the chain.
            for (chain, expected) in [(behind, said != Say::Redirect), (in_front, true)] {
                for (shape, chain) in shapes(&chain) {
                    let refusal = refusal(&chain).await;
                    assert_eq!(refusal.is_wrong_credential(), expected, "{said:?} {wrong:?} {shape}");
                }
            }
        }
    }
}

#[tokio::test]
async fn wrong_credential_before_a_turned_down_acceptance_counts() {
    let turned_down: [(&str, fn() -> Outcome<Name>); 3] = [
        ("forbidden", || Outcome::Reject(Rejection::forbidden())),
        ("absent", || Outcome::Absent),
        ("unrecognized", || Outcome::Unrecognized),
    ];
    for (name, outcome) in turned_down {
        for (first, expected) in [(Say::Reject, true), (Say::Forbidden, name == "unrecognized")] {
            let chain = Chain::new().or(basic(first)).or(jwt(Say::Accept)).try_next_on_reject();
            let chain = chain.and_then(move |_| Ok(outcome()));
            assert_eq!(refusal(&chain).await.is_wrong_credential(), expected, "{name} {first:?}");
        }
    }
}

#[tokio::test]
async fn guest_is_let_in_unless_a_credential_is_rejected_first() {
    let named = || jwt(Say::Accept).edit(|accept| accept.add_name(PrincipalId::new("", "ann")));
    for say in Say::ALL {
        let alone = over_a_connection(&Chain::new().or(basic(say))).await;
        let chain = Chain::new().or(basic(say)).or(guest()).try_next_on_reject();
        for (shape, chain) in shapes(&chain) {
            match (over_a_connection(&chain).await, &alone) {
                (Ok(_), _) => assert!(matches!(say, Say::Accept | Say::Absent | Say::Unrecognized), "{say:?} {shape}"),
                (Err(refusal), alone) => {
                    let alone = alone.as_ref().unwrap_err();
                    assert_eq!(answer(&refusal), answer(alone), "{say:?} {shape}");
                    assert_eq!(refusal.is_wrong_credential(), alone.is_wrong_credential(), "{say:?} {shape}");
                }
            }
        }
        // A later user is let in, as over HTTP.
        let chain = Chain::new().or(basic(say)).or(named()).or(guest()).try_next_on_reject();
        assert_eq!(over_a_connection(&chain).await.is_ok(), ask(&chain).await.is_ok(), "{say:?}");
    }
}
