use http::StatusCode;

use crate::Challenge;

/// Why a strategy, or the verify callback behind it, refuses a credential that is its own.
///
/// Everything in it is a constant of the program: a refusal never carries what the client sent.
#[derive(Clone, Debug)]
pub struct Rejection {
    kind: RejectionKind,
    code: &'static str,
    scopes: Vec<&'static str>,
    /// The challenges of the strategy that said it, if any; the innermost chain or `and` fills them in.
    presented: Option<Vec<Challenge>>,
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
    /// Right, but with too little scope: 403.
    InsufficientScope,
    /// Right, but not allowed here: 403.
    Forbidden,
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

    /// The user is known and may not do this: 403, code `forbidden`.
    #[must_use]
    pub fn forbidden() -> Self {
        Self::new(RejectionKind::Forbidden, "forbidden")
    }

    /// A scope is missing: 403, code `insufficient_scope`; `scopes` is all that the resource requires.
    #[must_use]
    pub fn insufficient_scope(scopes: &[&'static str]) -> Self {
        let mut rejection = Self::new(RejectionKind::InsufficientScope, "insufficient_scope");
        rejection.scopes = scopes.to_vec();
        rejection
    }

    /// Names the reason for the client: a constant in `snake_case`, stable between releases of the application.
    #[must_use]
    pub fn with_code(mut self, code: &'static str) -> Self {
        self.code = code;
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
            RejectionKind::InvalidCredentials | RejectionKind::Expired => StatusCode::UNAUTHORIZED,
            RejectionKind::InsufficientScope | RejectionKind::Forbidden => StatusCode::FORBIDDEN,
        }
    }

    /// Notes whose credential it was, unless something further in has done so.
    pub(crate) fn presented_to(mut self, challenges: &[Challenge]) -> Self {
        self.presented.get_or_insert_with(|| challenges.to_vec());
        self
    }

    /// The challenges of the strategy whose credential it was.
    pub(crate) fn presented(&self) -> &[Challenge] {
        self.presented.as_deref().unwrap_or_default()
    }

    /// `challenge` with what RFC 6750, 3.1 says of this rejection. The descriptions are constants.
    pub(crate) fn mark(&self, challenge: &Challenge) -> Challenge {
        let (error, description) = match self.kind {
            RejectionKind::InvalidRequest => ("invalid_request", "The credentials are malformed"),
            RejectionKind::InvalidCredentials => ("invalid_token", "The credentials are invalid"),
            RejectionKind::Expired => ("invalid_token", "The token expired"),
            RejectionKind::InsufficientScope => ("insufficient_scope", "More scope is required"),
            RejectionKind::Forbidden => return challenge.clone(),
        };
        challenge.clone().with_error(&self.scopes, error, description)
    }

    fn new(kind: RejectionKind, code: &'static str) -> Self {
        Self { kind, code, scopes: Vec::new(), presented: None }
    }
}
