use std::{borrow::Cow, sync::Arc, time::Duration};

use http::StatusCode;

use crate::Challenge;

/// Why a strategy, or the verify callback behind it, refuses a credential that is its own.
///
/// Everything in it is a constant of the program or comes from its configuration: a refusal never carries what the client
/// sent. Code and descriptions can only be constants.
#[derive(Clone, Debug)]
pub struct Rejection {
    kind: RejectionKind,
    code: &'static str,
    /// Most have none, so it costs them no room.
    details: Option<Box<Details>>,
    /// The challenges of the strategy that said it, if any; the innermost chain or `and` fills them in.
    presented: Option<Vec<Challenge>>,
    /// The name of that strategy, for the log.
    strategy: Option<Arc<str>>,
    /// Whether it stands for a wrong credential too, which another strategy has refused.
    hides_wrong: bool,
}

/// What the challenge says beyond the error of the kind.
#[derive(Clone, Debug, Default)]
struct Details {
    scopes: Vec<Cow<'static, str>>,
    /// What a new log-in has to satisfy.
    acr_values: Vec<Cow<'static, str>>,
    max_age: Option<Duration>,
    /// The error of an extension, in the place of that of the kind: its name, and a description.
    error: Option<(&'static str, &'static str)>,
    /// More for the log alone.
    log: Option<&'static str>,
}

/// The kinds of [`Rejection`], which decide about status and challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectionKind {
    /// The syntax of the carrying header is broken, or the request contradicts itself: 400.
    InvalidRequest,
    /// Wrong, or refused by the verify callback: 401.
    InvalidCredentials,
    /// Right once, but past its time: 401.
    Expired,
    /// Right, but revoked: 401. It is final: no chain tries another strategy after it.
    Revoked,
    /// Right, but with too little scope: 403.
    InsufficientScope,
    /// Right, but the user has to log in again, or more strongly: 401.
    InsufficientUserAuthentication,
    /// Right, but not allowed here: 403.
    Forbidden,
    /// Too many of them in too short a time: 429.
    TooManyRequests,
}

impl Rejection {
    /// The syntax of the carrying header is broken: 400, code `invalid_request`.
    #[must_use]
    pub fn invalid_request() -> Self {
        Self::new(RejectionKind::InvalidRequest, "invalid_request")
    }

    /// Wrong credentials, whatever it is that is wrong about them: 401, code `invalid_credentials`.
    #[must_use]
    pub fn invalid_credentials() -> Self {
        Self::new(RejectionKind::InvalidCredentials, "invalid_credentials")
    }

    /// A credential past its time: 401, code `token_expired`.
    #[must_use]
    pub fn token_expired() -> Self {
        Self::new(RejectionKind::Expired, "token_expired")
    }

    /// A credential that is right in itself and was revoked: 401, code `revoked`. No chain goes on after it, not under
    /// [`try_next_on_reject`](crate::Chain::try_next_on_reject) either.
    #[must_use]
    pub fn revoked() -> Self {
        Self::new(RejectionKind::Revoked, "revoked")
    }

    /// The user is known and may not do this: 403, code `forbidden`.
    #[must_use]
    pub fn forbidden() -> Self {
        Self::new(RejectionKind::Forbidden, "forbidden")
    }

    /// A scope is missing: 403, code `insufficient_scope`; `scopes` is all that the resource requires, as constants or as
    /// texts of a configuration. The client reads them in the challenge, one blank between each, so none of them may come
    /// from a request.
    #[must_use]
    pub fn insufficient_scope(scopes: &[impl Clone + Into<Cow<'static, str>>]) -> Self {
        let mut rejection = Self::new(RejectionKind::InsufficientScope, "insufficient_scope");
        rejection.details().scopes = texts(scopes);
        rejection
    }

    /// The log-in behind the credential is too long ago, or not strong enough: 401, code
    /// `insufficient_user_authentication` (RFC 9470, 3). `acr_values` are the classes of which one would do, the preferred
    /// one first; `max_age` is how old the log-in may be, in whole seconds.
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

    /// So many in so short a time that this one is not looked at: 429, code `too_many_requests`, with `Retry-After`.
    #[must_use]
    pub fn too_many_requests() -> Self {
        Self::new(RejectionKind::TooManyRequests, "too_many_requests")
    }

    /// Names the reason for the client: a constant in `snake_case`, stable between releases of the application.
    #[must_use]
    pub fn with_code(mut self, code: &'static str) -> Self {
        self.code = code;
        self
    }

    /// Names the `error` of the challenge, where an extension of RFC 6750 has one of its own, and describes it. Both are
    /// constants. A rejection whose kind has no `error` has none still.
    #[must_use]
    pub fn with_error(mut self, error: &'static str, description: &'static str) -> Self {
        self.details().error = Some((error, description));
        self
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> RejectionKind {
        self.kind
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self.kind {
            RejectionKind::InvalidRequest => StatusCode::BAD_REQUEST,
            RejectionKind::InvalidCredentials
            | RejectionKind::Expired
            | RejectionKind::Revoked
            | RejectionKind::InsufficientUserAuthentication => StatusCode::UNAUTHORIZED,
            RejectionKind::InsufficientScope | RejectionKind::Forbidden => StatusCode::FORBIDDEN,
            RejectionKind::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// Whether no other strategy may be tried after it.
    pub(crate) fn is_final(&self) -> bool {
        self.kind == RejectionKind::Revoked
    }

    /// Whether a credential was wrong: not one that is right and not enough, or that was not looked at.
    pub(crate) fn is_wrong(&self) -> bool {
        let is_wrong = match self.kind {
            RejectionKind::InvalidRequest
            | RejectionKind::InvalidCredentials
            | RejectionKind::Expired
            | RejectionKind::Revoked => true,
            RejectionKind::InsufficientScope
            | RejectionKind::InsufficientUserAuthentication
            | RejectionKind::Forbidden
            | RejectionKind::TooManyRequests => false,
        };
        is_wrong || self.hides_wrong
    }

    /// The same, and it stands for a wrong credential too if `is_wrong`.
    pub(crate) fn hiding(self, is_wrong: bool) -> Self {
        Self { hides_wrong: self.hides_wrong || is_wrong, ..self }
    }

    /// The first of two rejections after which a chain asks on. That the second was of a wrong credential is kept.
    pub(crate) fn first_of(first: Option<Self>, second: Option<Self>) -> Option<Self> {
        match (first, second) {
            (Some(first), Some(second)) => Some(first.hiding(second.is_wrong())),
            (first, second) => first.or(second),
        }
    }

    /// Notes whose credential it was, unless something further in has done so.
    pub(crate) fn presented_to(mut self, strategy: &Arc<str>, challenges: &[Challenge]) -> Self {
        if self.presented.is_none() {
            self.presented = Some(challenges.to_vec());
            self.strategy = Some(Arc::clone(strategy));
        }
        self
    }

    /// Says more for the log. The client reads the same.
    pub(crate) fn with_detail(mut self, detail: &'static str) -> Self {
        self.details().log = Some(detail);
        self
    }

    pub(crate) fn detail(&self) -> Option<&'static str> {
        self.details.as_ref()?.log
    }

    /// The name of the strategy that refuses, if one does.
    pub(crate) fn strategy(&self) -> Option<&Arc<str>> {
        self.strategy.as_ref()
    }

    /// The challenges of the strategy whose credential it was.
    pub(crate) fn presented(&self) -> &[Challenge] {
        self.presented.as_deref().unwrap_or_default()
    }

    /// `challenge` with what RFC 6750, 3.1 and RFC 9470, 3 say of this rejection. The descriptions are constants.
    pub(crate) fn mark(&self, challenge: &Challenge) -> Challenge {
        let (error, description) = match self.kind {
            RejectionKind::InvalidRequest => ("invalid_request", "The credentials are malformed"),
            RejectionKind::InvalidCredentials | RejectionKind::Revoked => {
                ("invalid_token", "The credentials are invalid")
            }
            RejectionKind::Expired => ("invalid_token", "The token expired"),
            RejectionKind::InsufficientScope => ("insufficient_scope", "More scope is required"),
            RejectionKind::InsufficientUserAuthentication => {
                ("insufficient_user_authentication", "A more recent or a stronger log-in is required")
            }
            RejectionKind::Forbidden | RejectionKind::TooManyRequests => return challenge.clone(),
        };
        let Some(details) = &self.details else {
            return challenge.clone().with_error(&[], error, description);
        };
        let (error, description) = details.error.unwrap_or((error, description));
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
        self.details.get_or_insert_default()
    }

    fn new(kind: RejectionKind, code: &'static str) -> Self {
        Self { kind, code, details: None, presented: None, strategy: None, hides_wrong: false }
    }
}

fn texts<S: Clone + Into<Cow<'static, str>>>(texts: &[S]) -> Vec<Cow<'static, str>> {
    texts.iter().cloned().map(Into::into).collect()
}
