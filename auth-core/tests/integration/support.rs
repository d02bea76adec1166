//! A scripted strategy, and helpers to ask a chain and to read its answer.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use auth_core::{
    Accept, AuthRequest, Authenticated, BoxError, Carrier, Chain, Challenge, Evidence, Outcome, Principal, Redirect,
    Refusal, Rejection, Strategy, Transport, async_trait,
};
use http::{HeaderMap, Request, header::WWW_AUTHENTICATE, request};
use test_support::keep_events;

pub(crate) const NOW_UNIX_SECS: u64 = 1_800_000_000;

pub(crate) const BEARER: &str = r#"Bearer realm="api""#;
pub(crate) const BEARER_INVALID: &str =
    r#"Bearer realm="api", error="invalid_token", error_description="The credentials are invalid""#;
pub(crate) const BEARER_MALFORMED: &str =
    r#"Bearer realm="api", error="invalid_request", error_description="The credentials are malformed""#;
pub(crate) const BASIC: &str = r#"Basic realm="api", charset="UTF-8""#;

/// The user of a scripted strategy: the strategy's own name.
pub(crate) type Name = &'static str;

pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOW_UNIX_SECS)
}

/// The instant this many seconds from now.
pub(crate) fn in_secs(secs: u64) -> SystemTime {
    now() + Duration::from_secs(secs)
}

/// What a scripted strategy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Say {
    Accept,
    Absent,
    Unrecognized,
    Reject,
    Expired,
    Revoked,
    Malformed,
    Scope,
    StepUp,
    TooMany,
    Forbidden,
    Redirect,
    Error,
    Panic,
    PanicAfterAwait,
}

impl Say {
    pub(crate) const ALL: [Self; 15] = [
        Self::Accept,
        Self::Absent,
        Self::Unrecognized,
        Self::Reject,
        Self::Expired,
        Self::Revoked,
        Self::Malformed,
        Self::Scope,
        Self::StepUp,
        Self::TooMany,
        Self::Forbidden,
        Self::Redirect,
        Self::Error,
        Self::Panic,
        Self::PanicAfterAwait,
    ];
}

/// A strategy with a scripted outcome that counts how often it is asked.
#[derive(Clone)]
pub(crate) struct Scripted {
    name: Name,
    say: Say,
    challenges: Vec<Challenge>,
    carrier: Carrier,
    edit: fn(Accept<Name>) -> Accept<Name>,
    renews: fn(&Evidence) -> bool,
    calls: Arc<AtomicUsize>,
}

impl Scripted {
    pub(crate) fn new(name: Name, say: Say, challenges: impl Into<Vec<Challenge>>) -> Self {
        let carrier = Carrier::Header;
        let (challenges, calls) = (challenges.into(), Arc::default());
        Self { name, say, challenges, carrier, edit: |accept| accept, renews: |_| true, calls }
    }

    pub(crate) fn carried_by(self, carrier: Carrier) -> Self {
        Self { carrier, ..self }
    }

    /// Changes what the strategy accepts.
    pub(crate) fn edit(self, edit: fn(Accept<Name>) -> Accept<Name>) -> Self {
        Self { edit, ..self }
    }

    /// Sets whether it may renew the connection that this evidence opened.
    pub(crate) fn renews(self, renews: fn(&Evidence) -> bool) -> Self {
        Self { renews, ..self }
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Counts from zero again.
    pub(crate) fn reset(&self) {
        self.calls.store(0, Ordering::SeqCst);
    }
}

#[async_trait]
impl Strategy for Scripted {
    type User = Name;

    fn name(&self) -> &str {
        self.name
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.extend_from_slice(&self.challenges);
    }

    fn may_renew(&self, _: &AuthRequest<'_>, open: &Evidence) -> bool {
        (self.renews)(open)
    }

    async fn authenticate(&self, _: &AuthRequest<'_>) -> Result<Outcome<Name>, BoxError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        Ok(match self.say {
            Say::Accept => Outcome::Accept((self.edit)(Accept::new(self.name, self.carrier))),
            Say::Absent => Outcome::Absent,
            Say::Unrecognized => Outcome::Unrecognized,
            Say::Reject => Outcome::Reject(Rejection::invalid_credentials()),
            Say::Expired => Outcome::Reject(Rejection::token_expired()),
            Say::Revoked => Outcome::Reject(Rejection::revoked()),
            Say::Malformed => Outcome::Reject(Rejection::invalid_request()),
            Say::Scope => Outcome::Reject(Rejection::insufficient_scope(&["chat:read", "chat:write"])),
            Say::StepUp => {
                let age = Some(Duration::from_secs(300));
                Outcome::Reject(Rejection::insufficient_user_authentication(&["phr", "phrh"], age))
            }
            Say::TooMany => Outcome::Reject(Rejection::too_many_requests()),
            Say::Forbidden => Outcome::Reject(Rejection::forbidden()),
            Say::Redirect => Outcome::Redirect(Redirect::found("/login")?),
            Say::Error => return Err("the store is down".into()),
            Say::Panic => panic!("before the first await"),
            Say::PanicAfterAwait => {
                tokio::task::yield_now().await;
                panic!("after the first await")
            }
        })
    }
}

pub(crate) fn jwt(say: Say) -> Scripted {
    Scripted::new("jwt", say, [Challenge::bearer("api")])
}

pub(crate) fn basic(say: Say) -> Scripted {
    Scripted::new("basic", say, [Challenge::new("Basic").with("realm", "api").with("charset", "UTF-8")])
}

/// Another scheme that reports errors, as DPoP does.
pub(crate) fn dpop(say: Say) -> Scripted {
    Scripted::new("dpop", say, [Challenge::new("DPoP").with("algs", "ES256").reporting_errors()])
}

/// A strategy without a challenge, like cookies and tickets.
pub(crate) fn session(say: Say) -> Scripted {
    Scripted::new("session", say, []).carried_by(Carrier::Cookie)
}

/// The head of a request; `headers` in order.
pub(crate) fn head(uri: &str, headers: &[(&str, &[u8])]) -> request::Parts {
    keep_events();
    let request = Request::builder().uri(uri);
    let request = headers.iter().fold(request, |request, &(name, value)| request.header(name, value));
    request.body(()).unwrap().into_parts().0
}

pub(crate) async fn ask<U: Principal>(chain: &Chain<U>) -> Result<Authenticated<U>, Refusal> {
    ask_over(chain, Transport::Http).await
}

pub(crate) async fn ask_over<U: Principal>(
    chain: &Chain<U>,
    transport: Transport,
) -> Result<Authenticated<U>, Refusal> {
    chain.authenticate(&AuthRequest::new(&head("/", &[]), transport, now())).await
}

/// Asks with this `Authorization` header.
pub(crate) async fn ask_with<U: Principal>(chain: &Chain<U>, authorization: &str) -> Result<Authenticated<U>, Refusal> {
    let head = head("/", &[("authorization", authorization.as_bytes())]);
    chain.authenticate(&AuthRequest::new(&head, Transport::Http, now())).await
}

/// The refusal of a chain; the test fails if it accepts.
pub(crate) async fn refusal<U: Principal>(chain: &Chain<U>) -> Refusal {
    ask(chain).await.expect_err("the chain must refuse")
}

/// Status and code of a refusal.
pub(crate) fn answer(refusal: &Refusal) -> (u16, &'static str) {
    assert_eq!(refusal.to_response().status(), refusal.status());
    (refusal.status().as_u16(), refusal.code())
}

/// The `WWW-Authenticate` lines of a refusal, in order.
pub(crate) fn lines(refusal: &Refusal) -> Vec<String> {
    header_lines(refusal.to_response().headers())
}

pub(crate) fn header_lines(headers: &HeaderMap) -> Vec<String> {
    headers.get_all(WWW_AUTHENTICATE).iter().map(|line| line.to_str().unwrap().to_owned()).collect()
}

/// The members of a problem+json body.
pub(crate) fn problem(refusal: &Refusal) -> BTreeMap<String, serde_json::Value> {
    serde_json::from_str(refusal.to_response().body()).unwrap()
}
