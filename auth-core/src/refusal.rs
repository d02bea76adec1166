use std::{
    error::Error,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::{HeaderName, HeaderValue, Response, StatusCode, header, request::Parts};

use crate::{
    AllowedOrigin, BoxError, Challenge, Redirect, Transport,
    shown::{host, named, shown},
};

/// How long a client should wait after a 503 or a 429.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// How long the body of a refusal usually is, in bytes.
const PROBLEM_LEN: usize = 128;

/// Why a request is refused: what the client reads, and the cause, which the client never reads.
///
/// The middleware puts it into the extensions of the response, where an outer layer can read it. It is cheap to clone.
///
/// A *refusal* is what a client reads. A [`Rejection`](crate::Rejection) is what a strategy says about its own credential.
#[derive(Clone)]
pub struct Refusal(Arc<Inner>);

struct Inner {
    kind: RefusalKind,
    status: StatusCode,
    code: &'static str,
    challenges: Arc<[Challenge]>,
    redirect: Option<Redirect>,
    cause: Option<Arc<BoxError>>,
    strategy: Option<Arc<str>>,
    /// For the log alone.
    detail: Option<Arc<str>>,
    /// If it is not the usual time.
    retry_after: Option<Duration>,
    is_wrong: bool,
    is_logged: AtomicBool,
    /// If this is a changed copy: what it was copied from. Both are one refusal, which is logged once.
    original: Option<Arc<Self>>,
}

/// The kinds of [`Refusal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalKind {
    /// No strategy found a credential: 401 `missing_credentials`.
    Missing,
    /// A credential was presented, but no strategy of the chain recognizes it: 401 `invalid_credentials`.
    Unrecognized,
    /// A strategy rejected its own credential, or a [`Requirement`](crate::Requirement) is not met: 400, 401, 403 or 429.
    Rejected,
    /// The client must go elsewhere first: 302 or 303, or 401 if the client cannot follow a redirect.
    Redirect,
    /// A system behind a strategy failed: 503 `unavailable`.
    Unavailable,
    /// A strategy or callback panicked: 500 `internal_error`.
    Panicked,
    /// The middleware refused, before or after the chain: an origin that is not allowed, a body that is too big.
    Middleware,
}

impl Refusal {
    /// A refusal by the middleware, without challenges.
    ///
    /// `code` is a constant in `snake_case`. A `status` below 400 becomes 500: a refusal must not look like a success.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str) -> Self {
        let status = if status.as_u16() < 400 { StatusCode::INTERNAL_SERVER_ERROR } else { status };
        Self::of(RefusalKind::Middleware, status, code, Arc::default())
    }

    /// The request comes from an origin that is not allowed: 403, code `origin_not_allowed`.
    ///
    /// The detail for the log names the origin that was sent, escaped and cut at 200 characters, and the first eight of
    /// `allowed`. If `allowed` is empty, it names the host of the request instead.
    #[must_use]
    pub fn origin_not_allowed<'o>(request: &Parts, allowed: impl IntoIterator<Item = &'o AllowedOrigin>) -> Self {
        let sent = shown(request, &header::ORIGIN);
        let detail = match named(allowed) {
            None => format!("the origin `{sent}` is not that of the host `{}`, and no other is allowed", host(request)),
            Some(named) => format!("the origin `{sent}` is not allowed; allowed are {named}"),
        };
        Self::new(StatusCode::FORBIDDEN, "origin_not_allowed").with_detail(detail)
    }

    /// A request that changes something does not come from one of our pages, and has a credential that browsers attach by
    /// themselves: 403, code `cross_site`.
    ///
    /// The detail for the log names what the request says about its page, and then the same as
    /// [`origin_not_allowed`](Self::origin_not_allowed). It does not show the `Referer`, whose path may be private.
    #[must_use]
    pub fn cross_site<'o>(request: &Parts, allowed: impl IntoIterator<Item = &'o AllowedOrigin>) -> Self {
        let site = shown(request, &HeaderName::from_static("sec-fetch-site"));
        let origin = shown(request, &header::ORIGIN);
        let allowed = named(allowed).unwrap_or_else(|| format!("pages of the host `{}`", host(request)));
        Self::new(StatusCode::FORBIDDEN, "cross_site").with_detail(format!(
            "the request does not show that it comes from an allowed page: `Sec-Fetch-Site` is `{site}`, `Origin` is \
             `{origin}`; allowed are {allowed}"
        ))
    }

    pub(crate) fn of(kind: RefusalKind, status: StatusCode, code: &'static str, challenges: Arc<[Challenge]>) -> Self {
        let (redirect, cause, strategy, detail, original) = (None, None, None, None, None);
        let is_logged = AtomicBool::new(false);
        let is_wrong = match kind {
            RefusalKind::Unrecognized => true,
            RefusalKind::Middleware => matches!(status, StatusCode::UNAUTHORIZED | StatusCode::BAD_REQUEST),
            // Depends on the kind of the rejection.
            RefusalKind::Rejected => false,
            RefusalKind::Missing | RefusalKind::Redirect | RefusalKind::Unavailable | RefusalKind::Panicked => false,
        };
        Self(Arc::new(Inner {
            kind,
            status,
            code,
            challenges,
            redirect,
            cause,
            strategy,
            detail,
            retry_after: None,
            is_wrong,
            is_logged,
            original,
        }))
    }

    /// The same refusal, changed. Clones stay as they are.
    fn changed(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        if let Some(own) = Arc::get_mut(&mut self.0) {
            change(own);
            return self;
        }
        let mut copy = Inner {
            kind: self.0.kind,
            status: self.0.status,
            code: self.0.code,
            challenges: Arc::clone(&self.0.challenges),
            redirect: self.0.redirect.clone(),
            cause: self.0.cause.clone(),
            strategy: self.0.strategy.clone(),
            detail: self.0.detail.clone(),
            retry_after: self.0.retry_after,
            is_wrong: self.0.is_wrong,
            is_logged: AtomicBool::new(false),
            original: Some(self.0.original.clone().unwrap_or_else(|| Arc::clone(&self.0))),
        };
        change(&mut copy);
        Self(Arc::new(copy))
    }

    /// The mark that this refusal and all its clones share.
    fn is_logged(&self) -> &AtomicBool {
        &self.0.original.as_ref().unwrap_or(&self.0).is_logged
    }

    pub(crate) fn redirect_to(redirect: Redirect, kind: RefusalKind, code: &'static str) -> Self {
        let refusal = Self::of(kind, redirect.status(), code, Arc::default());
        refusal.changed(|refusal| refusal.redirect = Some(redirect))
    }

    /// A system behind the chain failed, or took too long: 503 `unavailable`. The cause is for the log and for hooks.
    pub fn unavailable(cause: impl Into<BoxError>) -> Self {
        let refusal =
            Self::of(RefusalKind::Unavailable, StatusCode::SERVICE_UNAVAILABLE, "unavailable", Arc::default());
        refusal.changed(|refusal| refusal.cause = Some(Arc::new(cause.into())))
    }

    /// Names the strategy that refuses, or whose credential is refused.
    pub(crate) fn by(self, strategy: Option<&Arc<str>>) -> Self {
        match strategy {
            Some(strategy) => self.changed(|refusal| refusal.strategy = Some(Arc::clone(strategy))),
            None => self,
        }
    }

    /// If `is_wrong`, notes that a wrong credential was presented.
    pub(crate) fn wrong_if(self, is_wrong: bool) -> Self {
        if is_wrong { self.changed(|refusal| refusal.is_wrong = true) } else { self }
    }

    /// Adds a detail for the log: what was expected, and what was found. The client never reads it.
    ///
    /// # Security
    /// It must not hold a secret. Escape and cut any text that a client has sent.
    #[must_use]
    pub fn with_detail(self, detail: impl Into<Arc<str>>) -> Self {
        self.changed(|refusal| refusal.detail = Some(detail.into()))
    }

    /// Sets how long a client should wait after this refusal. Call it for a 429 or a 503; `Retry-After` is in whole seconds, rounded
    /// up, and at least one.
    #[must_use]
    pub fn with_retry_after(self, wait: Duration) -> Self {
        let secs = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1);
        self.changed(|refusal| refusal.retry_after = Some(Duration::from_secs(secs)))
    }

    /// Logs the refusal, unless it or a clone of it has been logged. [`Chain::authenticate`](crate::Chain::authenticate) logs
    /// what the chain refuses; an adapter calls this for the rest.
    ///
    /// | Refusal | Level |
    /// |---|---|
    /// | [`Missing`](RefusalKind::Missing) | `DEBUG`: it happens before every login |
    /// | a status from 500 on | `ERROR`, with the cause |
    /// | any other | `INFO` |
    ///
    /// The fields are `code`, `strategy` (see [`strategy`](Self::strategy)), `transport`, `status` and, if there is one,
    /// `detail`.
    pub fn log_once(&self, transport: Transport) {
        self.log(Some(transport));
    }

    pub(crate) fn log(&self, transport: Option<Transport>) {
        if self.is_logged().swap(true, Ordering::Relaxed) {
            return;
        }
        let (code, strategy, status) = (self.code(), self.strategy(), self.status().as_u16());
        let (transport, detail) = (transport.map(tracing::field::debug), self.0.detail.as_deref());
        match self.kind() {
            RefusalKind::Missing => tracing::debug!(code, strategy, transport, status, detail, "refused"),
            RefusalKind::Panicked => {
                tracing::error!(code, strategy, transport, status, cause = detail, "a strategy or callback panicked");
            }
            RefusalKind::Unavailable => {
                let cause = self.source();
                tracing::error!(code, strategy, transport, status, detail, cause, "authentication is unavailable");
            }
            _ if self.status().is_server_error() => {
                tracing::error!(code, strategy, transport, status, detail, "refused");
            }
            _ => tracing::info!(code, strategy, transport, status, detail, "refused"),
        }
    }

    /// Marks the refusal as logged.
    #[cfg(feature = "axum")]
    pub(crate) fn logged(self) -> Self {
        self.is_logged().store(true, Ordering::Relaxed);
        self
    }

    /// The name of the strategy that refuses, or whose credential is refused. A redirect and a 503 name their strategy too, also
    /// without a credential. Empty if no strategy found a credential or recognized it, or if the middleware refuses.
    #[must_use]
    pub fn strategy(&self) -> &str {
        self.0.strategy.as_deref().unwrap_or_default()
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> RefusalKind {
        self.0.kind
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable code of the answer.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// Whether a wrong credential was presented. Adapters use it to limit guesses.
    ///
    /// | The credential is | Wrong |
    /// |---|---|
    /// | invalid, expired, revoked, malformed, unrecognized, or another user's at a renewal | yes |
    /// | missing, or the client must go elsewhere first | no |
    /// | right but not enough: `forbidden`, too little scope, a login that is too old or too weak | no |
    /// | not checked: too many requests, or a system failed | no |
    ///
    /// A wrong credential after which a chain [asked the next strategy](crate::Chain::try_next_on_reject) counts in any case: a
    /// client may send a guess beside a credential that is right but not enough. An error or a panic never counts. For a
    /// refusal made with [`new`](Self::new), 401 and 400 count.
    ///
    /// # Security
    /// A strategy must answer a wrong credential with [`Reject`](crate::Outcome::Reject), of a kind that counts as wrong. If it
    /// answers with a redirect or with `forbidden`, clients can guess without limit.
    #[must_use]
    pub fn is_wrong_credential(&self) -> bool {
        self.0.is_wrong
    }

    /// The challenges, one header line each.
    #[must_use]
    pub fn challenges(&self) -> &[Challenge] {
        &self.0.challenges
    }

    /// Where the client must go first: for [`RefusalKind::Redirect`], or the fallback of a chain without challenges.
    #[must_use]
    pub fn redirect(&self) -> Option<&Redirect> {
        self.0.redirect.as_ref()
    }

    /// How long to wait before the next try: what [`with_retry_after`](Self::with_retry_after) has set, or else 5 seconds for
    /// [`RefusalKind::Unavailable`] and for a 429, or else `None`.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let may_come_again = self.0.kind == RefusalKind::Unavailable || self.0.status == StatusCode::TOO_MANY_REQUESTS;
        self.0.retry_after.or(may_come_again.then_some(RETRY_AFTER))
    }

    /// The response: the headers that HTTP requires, and an `application/problem+json` body (RFC 9457) with `type`, `title`,
    /// `status` and `code`. A redirect has an empty body.
    #[must_use]
    pub fn to_response(&self) -> Response<String> {
        let mut response = Response::new(String::new());
        if self.redirect().is_none() {
            // A code is a constant in snake case. Characters that would need an escape are left out.
            let code = self.code().chars().filter(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\'));
            let body = response.body_mut();
            body.reserve(PROBLEM_LEN);
            body.push_str(r#"{"type":"about:blank","title":""#);
            body.push_str(self.status().canonical_reason().unwrap_or("Refused"));
            body.push_str(r#"","status":"#);
            body.push_str(self.status().as_str());
            body.push_str(r#","code":""#);
            body.extend(code);
            body.push_str(r#""}"#);
            let problem = HeaderValue::from_static("application/problem+json");
            response.headers_mut().insert(header::CONTENT_TYPE, problem);
        }
        self.apply_to(&mut response);
        response
    }

    /// Puts challenges, `Location`, `Retry-After` and `Cache-Control: no-store` on a response that an application has made, so
    /// that it lacks nothing that HTTP requires. A status below 300 becomes the refusal's own.
    pub fn apply_to<B>(&self, response: &mut Response<B>) {
        if response.status().as_u16() < 300 {
            *response.status_mut() = self.status();
        }
        let headers = response.headers_mut();
        headers.remove(header::WWW_AUTHENTICATE);
        for challenge in self.challenges() {
            headers.append(header::WWW_AUTHENTICATE, challenge.to_header_value());
        }
        if let Some(redirect) = self.redirect() {
            headers.insert(header::LOCATION, redirect.location().clone());
        }
        if let Some(retry_after) = self.retry_after() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after.as_secs()));
        }
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal")
            .field("kind", &self.0.kind)
            .field("status", &self.0.status)
            .field("code", &self.0.code)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Error for Refusal {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.cause.as_ref().map(|cause| &***cause as &(dyn Error + 'static))
    }
}
