use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Extensions, HeaderMap, Method, Uri};
use pin_project_lite::pin_project;

use crate::{Accept, AuthRequest, BoxError, Carrier, Extras, Rejection, Transport};

/// The verify callback: turns a credential that a strategy has checked into a user of the application.
///
/// Closures qualify, with the credential alone or with a [`RequestInfo`] beside it:
///
/// ```
/// # use auth_core::{RequestInfo, Verdict, Verify};
/// # struct Claims { sub: String }
/// # struct User;
/// # #[derive(Debug)] struct StoreError;
/// # impl std::fmt::Display for StoreError { fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { Ok(()) } }
/// # impl std::error::Error for StoreError {}
/// # async fn find(_: &str) -> Result<Option<User>, StoreError> { Ok(None) }
/// # fn takes<C, M>(_: impl Verify<C, M>) {}
/// takes(|claims: Claims| async move { find(&claims.sub).await });
/// takes(|claims: Claims, info: RequestInfo| async move {
///     if info.method() == "DELETE" { Ok(None) } else { find(&claims.sub).await }
/// });
/// ```
///
/// The future of a closure returns any [`IntoVerdict`], most often `Result<Option<User>, StoreError>`:
///
/// | Value | Meaning |
/// |---|---|
/// | `Ok(Some(user))` | let in |
/// | `Ok(None)` | rejected: 401 `invalid_credentials` |
/// | [`Verdict::reject`] | rejected with a code of its own |
/// | `Err(error)` | the store failed: 503, which says nothing about the credential |
///
/// Implement the trait itself if the callback must borrow the request. `M` distinguishes the kinds of closures, as in axum's
/// `Handler`; leave it at its default in your own implementation.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a verify callback for credentials of type `{C}`",
    note = "it takes the credential, and a `RequestInfo` if it wants one: `|credential| async move {{ … }}`",
    note = "its future returns `Option<User>`, `Result<Option<User>, StoreError>`, or a `Verdict<User>` instead of the `Option`"
)]
pub trait Verify<C, M = ()>: Send + Sync + 'static {
    /// The user type.
    type User: Send + Sync + 'static;

    /// Looks the user up.
    ///
    /// A closure is called at once; its future does nothing until it is polled.
    ///
    /// # Errors
    /// If the store failed. For an unknown user, return [`Verdict::rejected`] instead.
    fn verify(
        &self,
        credential: C,
        request: &AuthRequest<'_>,
    ) -> impl Future<Output = Result<Verdict<Self::User>, BoxError>> + Send;
}

/// Marks a closure that takes only the credential.
#[derive(Debug)]
#[non_exhaustive]
pub struct ByCredential;

impl<C, F, Fut> Verify<C, ByCredential> for F
where
    C: Send,
    F: Fn(C) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoVerdict> + Send,
{
    type User = <Fut::Output as IntoVerdict>::User;

    fn verify(
        &self,
        credential: C,
        _: &AuthRequest<'_>,
    ) -> impl Future<Output = Result<Verdict<Self::User>, BoxError>> + Send {
        Judged { answer: self(credential) }
    }
}

/// Marks a closure that takes the credential and a [`RequestInfo`].
#[derive(Debug)]
#[non_exhaustive]
pub struct ByCredentialAndRequest;

impl<C, F, Fut> Verify<C, ByCredentialAndRequest> for F
where
    C: Send,
    F: Fn(C, RequestInfo) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoVerdict> + Send,
{
    type User = <Fut::Output as IntoVerdict>::User;

    fn verify(
        &self,
        credential: C,
        request: &AuthRequest<'_>,
    ) -> impl Future<Output = Result<Verdict<Self::User>, BoxError>> + Send {
        Judged { answer: self(credential, RequestInfo::new(request)) }
    }
}

pin_project! {
    /// The future of a closure, with its output as a verdict. An `async` block would hold the future, and so the credential,
    /// twice: 150 bytes for usual claims.
    struct Judged<F> {
        #[pin]
        answer: F,
    }
}

impl<F: Future<Output: IntoVerdict>> Future for Judged<F> {
    type Output = Result<Verdict<<F::Output as IntoVerdict>::User>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().answer.poll(cx).map(IntoVerdict::into_verdict)
    }
}

/// An owned view of the request, for verify closures.
#[derive(Clone)]
pub struct RequestInfo {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    extensions: Extensions,
    transport: Transport,
    explicit_only: bool,
}

impl RequestInfo {
    fn new(request: &AuthRequest<'_>) -> Self {
        let parts = request.parts();
        Self {
            method: parts.method.clone(),
            uri: request.uri_as_sent(),
            headers: parts.headers.clone(),
            extensions: parts.extensions.clone(),
            transport: request.transport(),
            explicit_only: request.is_explicit_only(),
        }
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The URI: the path that was sent, even inside a nested router, and the query, which may hold a credential.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The headers. They may hold the credential.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The extensions of the request, such as the peer's address from an outer layer.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// Whether the callback is asked again without the cookies of the request: see [`AuthRequest::is_explicit_only`]. A
    /// callback that compares a credential with a cookie must not reject it then.
    #[must_use]
    pub fn is_explicit_only(&self) -> bool {
        self.explicit_only
    }

    /// The kind of exchange.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.transport
    }
}

impl fmt::Debug for RequestInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestInfo")
            .field("method", &self.method)
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}

/// What the application says about a good credential.
pub struct Verdict<U>(Result<Accepted<U>, Rejection>);

struct Accepted<U> {
    user: U,
    /// Boxed, since most verdicts have none, and the future of each request has space for it.
    extras: Option<Box<Extras>>,
}

impl<U> Accepted<U> {
    fn into_parts(self) -> (U, Extras) {
        (self.user, self.extras.map(|extras| *extras).unwrap_or_default())
    }
}

impl<U> Verdict<U> {
    /// Lets the user in.
    pub fn accept(user: U) -> Self {
        Self(Ok(Accepted { user, extras: None }))
    }

    /// Rejects without a reason: 401 `invalid_credentials`.
    #[must_use]
    pub fn rejected() -> Self {
        Self::reject(Rejection::invalid_credentials())
    }

    /// Rejects with a reason: `Rejection::forbidden().with_code("account_locked")`.
    #[must_use]
    pub fn reject(rejection: Rejection) -> Self {
        Self(Err(rejection))
    }

    /// Adds a typed extra to the evidence. It has no effect on a rejection.
    #[must_use]
    pub fn with_extra<T: Clone + Send + Sync + 'static>(mut self, extra: T) -> Self {
        if let Ok(accepted) = &mut self.0 {
            accepted.extras.get_or_insert_default().add(extra);
        }
        self
    }

    /// Turns the verdict into an acceptance with the extras. For strategies.
    ///
    /// # Errors
    /// The rejection, if the application rejected.
    pub fn into_accept(self, carrier: Carrier) -> Result<Accept<U>, Rejection> {
        self.0.map(|accepted| {
            let (user, extras) = accepted.into_parts();
            Accept::new(user, carrier).with_extras(extras)
        })
    }

    /// Returns the user and the extras, for strategies to which [`into_accept`](Self::into_accept) is not enough.
    ///
    /// # Errors
    /// The rejection, if the application rejected.
    pub fn into_result(self) -> Result<(U, Extras), Rejection> {
        self.0.map(Accepted::into_parts)
    }
}

impl<U> fmt::Debug for Verdict<U> {
    /// Omits the user and the extras.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Verdict").field(&self.0.as_ref().map(|_| "<redacted>")).finish()
    }
}

/// What the future of a verify closure may return.
pub trait IntoVerdict {
    /// The user type.
    type User: Send + Sync + 'static;

    /// Converts into a verdict.
    ///
    /// # Errors
    /// If the store failed.
    fn into_verdict(self) -> Result<Verdict<Self::User>, BoxError>;
}

impl<U: Send + Sync + 'static> IntoVerdict for Option<U> {
    type User = U;

    fn into_verdict(self) -> Result<Verdict<U>, BoxError> {
        Ok::<_, Infallible>(self).into_verdict()
    }
}

impl<U: Send + Sync + 'static> IntoVerdict for Verdict<U> {
    type User = U;

    fn into_verdict(self) -> Result<Self, BoxError> {
        Ok(self)
    }
}

impl<U: Send + Sync + 'static, E: Into<BoxError>> IntoVerdict for Result<Option<U>, E> {
    type User = U;

    fn into_verdict(self) -> Result<Verdict<U>, BoxError> {
        Ok(self.map_err(Into::into)?.map_or_else(Verdict::rejected, Verdict::accept))
    }
}

impl<U: Send + Sync + 'static, E: Into<BoxError>> IntoVerdict for Result<Verdict<U>, E> {
    type User = U;

    fn into_verdict(self) -> Result<Verdict<U>, BoxError> {
        self.map_err(Into::into)
    }
}
