use std::{borrow::Cow, sync::Arc, time::Duration};

use http::StatusCode;

use crate::{Challenge, challenge::ErrorKind};

/// Why a strategy, or its verify callback, rejects its own credential.
///
/// Everything in it is a constant or comes from the configuration, never from the client: the client reads it in the
/// [`Refusal`](crate::Refusal) that answers. Code and descriptions are always constants.
#[derive(Clone, Debug)]
pub struct Rejection(Box<Inner>);

/// Boxed, since every outcome has space for one, and most are not rejections: an outcome takes 16 bytes instead of 72.
#[derive(Clone, Debug)]
struct Inner {
    kind: RejectionKind,
    code: &'static str,
    /// Boxed, since most rejections have none.
    details: Option<Box<Details>>,
    /// The challenges of the strategy that rejected. The innermost chain or `and` fills them in.
    presented: Option<Arc<[Challenge]>>,
    /// The name of that strategy, for the log.
    strategy: Option<Arc<str>>,
    /// Whether another strategy has rejected a wrong credential too.
    hides_wrong: bool,
}

/// What the challenge says beyond the error of the kind.
#[derive(Clone, Debug, Default)]
struct Details {
    scopes: Vec<Cow<'static, str>>,
    /// What a new login must satisfy.
    acr_values: Vec<Cow<'static, str>>,
    max_age: Option<Duration>,
    /// The error of an extension, instead of the one of the kind: its name, and a description.
    error: Option<(&'static str, &'static str)>,
    /// How long to wait, if it is not the usual time.
    retry_after: Option<Duration>,
    /// More detail, only for the log.
    log: Option<&'static str>,
}

/// The kinds of [`Rejection`]. They decide the status and the challenges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectionKind {
    /// The header that carries the credential is malformed, or the request contradicts itself: 400.
    InvalidRequest,
    /// Wrong, or rejected by the verify callback: 401.
    InvalidCredentials,
    /// Right, but expired: 401.
    Expired,
    /// Right, but revoked: 401. It is final: no chain asks another strategy after it.
    Revoked,
    /// Right, but with too little scope: 403.
    InsufficientScope,
    /// Right, but the user must log in again, or with a stronger method: 401.
    InsufficientUserAuthentication,
    /// Right, but not allowed here: 403.
    Forbidden,
    /// Too many attempts in too short a time: 429.
    TooManyRequests,
}

impl Rejection {
    /// The header that carries the credential is malformed: 400, code `invalid_request`.
    #[must_use]
    pub fn invalid_request() -> Self {
        Self::new(RejectionKind::InvalidRequest, "invalid_request")
    }

    /// Wrong credentials, for any reason: 401, code `invalid_credentials`.
    #[must_use]
    pub fn invalid_credentials() -> Self {
        Self::new(RejectionKind::InvalidCredentials, "invalid_credentials")
    }

    /// An expired credential: 401, code `token_expired`.
    #[must_use]
    pub fn token_expired() -> Self {
        Self::new(RejectionKind::Expired, "token_expired")
    }

    /// A good credential that was revoked: 401, code `revoked`. No chain asks another strategy after it, not even with
    /// [`try_next_on_reject`](crate::Chain::try_next_on_reject).
    #[must_use]
    pub fn revoked() -> Self {
        Self::new(RejectionKind::Revoked, "revoked")
    }

    /// The user is known but may not do this: 403, code `forbidden`.
    #[must_use]
    pub fn forbidden() -> Self {
        Self::new(RejectionKind::Forbidden, "forbidden")
    }

    /// A scope is missing: 403, code `insufficient_scope`. `scopes` are all the scopes that the resource requires. The client
    /// reads them in the challenge, separated by spaces. They are constants or come from a configuration, never from a
    /// request.
    #[must_use]
    pub fn insufficient_scope(scopes: &[impl Clone + Into<Cow<'static, str>>]) -> Self {
        let mut rejection = Self::new(RejectionKind::InsufficientScope, "insufficient_scope");
        rejection.details().scopes = texts(scopes);
        rejection
    }

    /// The login behind the credential is too old, or not strong enough: 401, code `insufficient_user_authentication`
    /// (RFC 9470, 3). Any of the classes in `acr_values` will do; the preferred one comes first. `max_age` is how old the
    /// login may be; the client reads whole seconds.
    #[must_use]
    pub fn insufficient_user_authentication(
        acr_values: &[impl Clone + Into<Cow<'static, str>>],
        max_age: Option<Duration>,
    ) -> Self {
        let kind = RejectionKind::InsufficientUserAuthentication;
        let mut rejection = Self::new(kind, "insufficient_user_authentication");
        rejection.details().acr_values = texts(acr_values);
        rejection.details().max_age = max_age;
        rejection
    }

    /// Too many attempts, so that this one is not checked: 429, code `too_many_requests`, with `Retry-After`.
    #[must_use]
    pub fn too_many_requests() -> Self {
        Self::new(RejectionKind::TooManyRequests, "too_many_requests")
    }

    /// Too many failures, so that this attempt is not checked: 429, code `too_many_attempts`. `Retry-After` is in whole seconds,
    /// rounded up, and at least one.
    #[must_use]
    pub fn too_many_attempts(retry_after: Duration) -> Self {
        let mut rejection = Self::new(RejectionKind::TooManyRequests, "too_many_attempts");
        rejection.details().retry_after = Some(retry_after);
        rejection
    }

    /// Sets the code that the client reads: a constant in `snake_case`, stable between releases of the application.
    #[must_use]
    pub fn with_code(mut self, code: &'static str) -> Self {
        self.0.code = code;
        self
    }

    /// Sets the `error` of the challenge and its description, for an extension of RFC 6750 with an error of its own. Both are
    /// constants. It has no effect for a kind without an `error`.
    #[must_use]
    pub fn with_error(mut self, error: &'static str, description: &'static str) -> Self {
        self.details().error = Some((error, description));
        self
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> RejectionKind {
        self.0.kind
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self.0.kind {
            RejectionKind::InvalidRequest => StatusCode::BAD_REQUEST,
            RejectionKind::InvalidCredentials
            | RejectionKind::Expired
            | RejectionKind::Revoked
            | RejectionKind::InsufficientUserAuthentication => StatusCode::UNAUTHORIZED,
            RejectionKind::InsufficientScope | RejectionKind::Forbidden => StatusCode::FORBIDDEN,
            RejectionKind::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// Whether no other strategy may be asked after it.
    pub(crate) fn is_final(&self) -> bool {
        self.0.kind == RejectionKind::Revoked
    }

    /// Whether a credential was wrong, not merely insufficient or unchecked.
    pub(crate) fn is_wrong(&self) -> bool {
        let is_wrong = match self.0.kind {
            RejectionKind::InvalidRequest
            | RejectionKind::InvalidCredentials
            | RejectionKind::Expired
            | RejectionKind::Revoked => true,
            RejectionKind::InsufficientScope
            | RejectionKind::InsufficientUserAuthentication
            | RejectionKind::Forbidden
            | RejectionKind::TooManyRequests => false,
        };
        is_wrong || self.0.hides_wrong
    }

    /// The same rejection. If `is_wrong`, notes that a wrong credential was presented too.
    pub(crate) fn hiding(mut self, is_wrong: bool) -> Self {
        self.0.hides_wrong |= is_wrong;
        self
    }

    /// Of two rejections that did not stop the chain, the first. Keeps whether the second credential was wrong.
    pub(crate) fn first_of(first: Option<Self>, second: Option<Self>) -> Option<Self> {
        match (first, second) {
            (Some(first), Some(second)) => Some(first.hiding(second.is_wrong())),
            (first, second) => first.or(second),
        }
    }

    /// Notes the strategy that rejected, unless an inner chain has done so.
    pub(crate) fn presented_to(mut self, strategy: &Arc<str>, challenges: &Arc<[Challenge]>) -> Self {
        if self.0.presented.is_none() {
            self.0.presented = Some(Arc::clone(challenges));
            self.0.strategy = Some(Arc::clone(strategy));
        }
        self
    }

    /// Adds a detail for the log. The client does not read it.
    pub(crate) fn with_detail(mut self, detail: &'static str) -> Self {
        self.details().log = Some(detail);
        self
    }

    /// How long to wait, if it is not the usual time.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.0.details.as_ref()?.retry_after
    }

    pub(crate) fn detail(&self) -> Option<&'static str> {
        self.0.details.as_ref()?.log
    }

    /// The name of the strategy that rejected, if known.
    pub(crate) fn strategy(&self) -> Option<&Arc<str>> {
        self.0.strategy.as_ref()
    }

    /// The challenges of the strategy that rejected.
    pub(crate) fn presented(&self) -> Option<&Arc<[Challenge]>> {
        self.0.presented.as_ref()
    }

    /// `challenge` with the error parameters for this rejection (RFC 6750, 3.1; RFC 9470, 3). The descriptions are constants.
    pub(crate) fn mark(&self, challenge: &Challenge) -> Challenge {
        let kind = match self.0.kind {
            RejectionKind::InvalidRequest => ErrorKind::Malformed,
            RejectionKind::InvalidCredentials | RejectionKind::Revoked => ErrorKind::Invalid,
            RejectionKind::Expired => ErrorKind::Expired,
            RejectionKind::InsufficientScope => ErrorKind::TooLittleScope,
            RejectionKind::InsufficientUserAuthentication => ErrorKind::WeakLogin,
            RejectionKind::Forbidden | RejectionKind::TooManyRequests => return challenge.clone(),
        };
        let Some(details) = &self.0.details else {
            return challenge.with_known_error(kind);
        };
        let (error, description) = details.error.unwrap_or(kind.texts());
        let mut challenge = challenge.clone().with_error(&details.scopes, error, description);
        if !details.acr_values.is_empty() {
            challenge = challenge.with("acr_values", &details.acr_values.join(" "));
        }
        match details.max_age {
            Some(age) => challenge.with("max_age", &age.as_secs().to_string()),
            None => challenge,
        }
    }

    fn details(&mut self) -> &mut Details {
        self.0.details.get_or_insert_default()
    }

    fn new(kind: RejectionKind, code: &'static str) -> Self {
        Self(Box::new(Inner { kind, code, details: None, presented: None, strategy: None, hides_wrong: false }))
    }
}

fn texts<S: Clone + Into<Cow<'static, str>>>(texts: &[S]) -> Vec<Cow<'static, str>> {
    texts.iter().cloned().map(Into::into).collect()
}
