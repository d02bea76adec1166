//! `AuthRequest::explain_absence`: why no credential was found.

use auth_core::{
    Accept, AuthRequest, BoxError, Carrier, Chain, Challenge, Outcome, RefusalKind, Rejection, Strategy, Transport,
    async_trait,
};

use crate::support::*;

/// Finds a session that has ended, and says so. `only_explicit`: only if it is asked without cookies.
#[derive(Clone)]
struct Ended {
    code: &'static str,
    only_explicit: bool,
}

fn ended(code: &'static str) -> Ended {
    Ended { code, only_explicit: false }
}

#[async_trait]
impl Strategy for Ended {
    type User = Name;

    fn name(&self) -> &str {
        "session"
    }

    fn challenges(&self, _: &mut Vec<Challenge>) {}

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<Name>, BoxError> {
        if request.is_explicit_only() || !self.only_explicit {
            request.explain_absence(self.code);
        }
        Ok(Outcome::Absent)
    }
}

/// Asks a chain of its own, with a head of its own.
struct Wraps(Chain<Name>);

#[async_trait]
impl Strategy for Wraps {
    type User = Name;

    fn name(&self) -> &str {
        "wraps"
    }

    fn challenges(&self, _: &mut Vec<Challenge>) {}

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<Name>, BoxError> {
        let head = request.parts().clone();
        Strategy::authenticate(&self.0, &request.with_parts(&head)).await
    }
}

async fn code(chain: &Chain<Name>) -> (u16, &'static str) {
    answer(&refusal(chain).await)
}

#[tokio::test]
async fn code_of_the_401_says_why_and_the_kind_stays_missing() {
    let refusal = refusal(&Chain::new().or(ended("session_expired")).or(jwt(Say::Absent))).await;
    assert_eq!(answer(&refusal), (401, "session_expired"));
    assert_eq!(refusal.kind(), RefusalKind::Missing);
    assert!(!refusal.is_wrong_credential());
    assert_eq!(lines(&refusal), [BEARER], "no error: nothing was wrong");
    assert_eq!(problem(&refusal)["code"], "session_expired");
}

#[tokio::test]
async fn explanation_holds_in_any_order_and_on_every_transport() {
    let chain = Chain::new().or(jwt(Say::Absent)).or(ended("session_expired")).or(basic(Say::Absent));
    for transport in [Transport::Http, Transport::WebSocket, Transport::SocketIo, Transport::InBand] {
        let refusal = ask_over(&chain, transport).await.unwrap_err();
        assert_eq!(answer(&refusal), (401, "session_expired"), "{transport:?}");
    }
}

#[tokio::test]
async fn first_explanation_counts() {
    let chain = Chain::new().or(ended("first")).or(ended("second")).or(jwt(Say::Absent));
    assert_eq!(code(&chain).await, (401, "first"));
}

#[tokio::test]
async fn explanation_reaches_the_outer_chain() {
    let nested = Chain::new().or(ended("session_expired"));
    let chain = Chain::new().or(Chain::new().or(nested.clone())).or(jwt(Say::Absent));
    assert_eq!(code(&chain).await, (401, "session_expired"));
    let wrapped = Chain::new().or(Wraps(nested)).or(jwt(Say::Absent));
    assert_eq!(code(&wrapped).await, (401, "session_expired"));
}

#[tokio::test]
async fn what_another_strategy_says_wins() {
    for (say, expected) in [
        (Say::Reject, (401, "invalid_credentials")),
        (Say::Expired, (401, "token_expired")),
        (Say::Unrecognized, (401, "invalid_credentials")),
        (Say::Malformed, (400, "invalid_request")),
        (Say::Forbidden, (403, "forbidden")),
        (Say::Error, (503, "unavailable")),
        (Say::Panic, (500, "internal_error")),
    ] {
        for chain in [
            Chain::new().or(ended("session_expired")).or(jwt(say)),
            Chain::new().or(jwt(say)).or(ended("session_expired")),
            Chain::new().or(ended("session_expired")).or(jwt(say)).try_next_on_reject(),
        ] {
            assert_eq!(code(&chain).await, expected, "{say:?}");
        }
    }
    let accepts = Chain::new().or(ended("session_expired")).or(jwt(Say::Accept));
    assert_eq!(ask(&accepts).await.unwrap().evidence().strategy(), "jwt");
}

#[tokio::test]
async fn half_of_an_and_is_not_explained() {
    let both = |say| Chain::new().or(ended("session_expired")).and(jwt(say));
    let refused = ask(&both(Say::Absent)).await.unwrap_err();
    assert_eq!(answer(&refused), (401, "session_expired"));
    let half = ask(&both(Say::Accept)).await.unwrap_err();
    assert_eq!((answer(&half), half.kind()), ((401, "invalid_credentials"), RefusalKind::Unrecognized));
}

#[tokio::test]
async fn explanation_in_the_pass_without_cookies_does_not_outweigh_a_cookie() {
    let silent = Ended { code: "session_expired", only_explicit: true };
    let chain = Chain::new().or(silent.clone()).or(session(Say::Accept)).or(jwt(Say::Absent));
    assert_eq!(ask(&chain).await.unwrap().evidence().carrier(), Carrier::Cookie);
    let chain = Chain::new().or(silent).or(jwt(Say::Absent));
    assert_eq!(code(&chain).await, (401, "missing_credentials"), "there is no such pass");
}

#[tokio::test]
async fn acceptance_that_a_callback_drops_leaves_the_explanation() {
    let chain = Chain::new().or(ended("session_expired")).or(jwt(Say::Accept));
    let chain = chain.and_then(|_: Accept<Name>| Ok::<_, BoxError>(Outcome::<Name>::Absent));
    assert_eq!(code(&chain).await, (401, "session_expired"));
    let chain = Chain::new().or(ended("session_expired")).or(jwt(Say::Accept));
    let chain = chain.and_then(|_: Accept<Name>| Ok::<_, BoxError>(Outcome::<Name>::Reject(Rejection::forbidden())));
    assert_eq!(code(&chain).await, (403, "forbidden"));
}

#[tokio::test]
async fn fallback_redirect_carries_the_explanation() {
    let login = auth_core::Redirect::see_other("/login").unwrap();
    let refusal = refusal(&Chain::new().or(ended("session_expired")).fallback_redirect(login)).await;
    assert_eq!((refusal.status().as_u16(), refusal.code()), (303, "session_expired"));
    assert_eq!(refusal.kind(), RefusalKind::Missing);
}

#[tokio::test]
async fn explanation_counts_for_one_decision_only() {
    let mut parts = head("/", &[]);
    let outer = Chain::new().or(ended("session_expired")).or(jwt(Say::Absent));
    let request = AuthRequest::new(&parts, Transport::Http, now());
    assert_eq!(outer.authenticate(&request).await.unwrap_err().code(), "session_expired");
    let record = request.into_record().unwrap();
    parts.extensions.insert(record);

    // An inner layer finds the record, and its strategies look into it.
    let inner = AuthRequest::new(&parts, Transport::Http, now());
    let looks = Chain::new().or(Wraps(Chain::new().or(jwt(Say::Absent)))).or(jwt(Say::Absent));
    inner.remember(1_u8);
    assert_eq!(looks.authenticate(&inner).await.unwrap_err().code(), "missing_credentials");
    let same = AuthRequest::new(&parts, Transport::Http, now());
    assert_eq!(outer.authenticate(&same).await.unwrap_err().code(), "session_expired");
}
