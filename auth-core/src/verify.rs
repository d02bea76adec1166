use std::{convert::Infallible, fmt, future::Future};

use http::{Extensions, HeaderMap, Method, Uri};

use crate::{Accept, AuthRequest, BoxError, Carrier, Rejection, Transport};

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
/// The future of a closure gives any [`IntoVerdict`]; most often `Result<Option<User>, StoreError>`:
///
/// | Value | Meaning |
/// |---|---|
/// | `Ok(Some(user))` | let in |
/// | `Ok(None)` | refused: 401 `invalid_credentials` |
/// | [`Verdict::reject`] | refused with a code of its own |
/// | `Err(error)` | the store failed: 503, and nothing is said about the credential |
///
/// Implement the trait itself where the callback has to borrow the request. `M` tells the kinds of closures apart, as
/// in axum's `Handler`; your own implementation leaves it at its default.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no verify callback for credentials of type `{C}`",
    note = "it takes the credential, and a `RequestInfo` if it wants one: `|credential| async move {{ … }}`",
    note = "its future gives `Option<User>`, `Result<Option<User>, StoreError>`, or a `Verdict<User>` in the place of the `Option`"
)]
pub trait Verify<C, M = ()>: Send + Sync + 'static {
    /// Who is let in.
    type User: Send + Sync + 'static;

    /// Looks the user up.
    ///
    /// # Errors
    /// If the store failed. A user who is not there is [`Verdict::rejected`].
    fn verify(
        &self,
        credential: C,
        request: &AuthRequest<'_>,
    ) -> impl Future<Output = Result<Verdict<Self::User>, BoxError>> + Send;
}

/// Marks a closure that takes the credential alone.
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

    async fn verify(&self, credential: C, _: &AuthRequest<'_>) -> Result<Verdict<Self::User>, BoxError> {
        self(credential).await.into_verdict()
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

    async fn verify(&self, credential: C, request: &AuthRequest<'_>) -> Result<Verdict<Self::User>, BoxError> {
        self(credential, RequestInfo::new(request)).await.into_verdict()
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

    /// The URI: the path that was sent, also inside a nested router, and the query, which may hold a credential.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The headers: they hold the credential.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// What layers further out have left, such as the peer's address.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// Whether the callback is asked again, without the cookies of the request: see
    /// [`AuthRequest::is_explicit_only`]. A callback that compares a credential with a cookie must not refuse it then.
    #[must_use]
    pub fn is_explicit_only(&self) -> bool {
        self.explicit_only
    }

    /// What kind of exchange it is.
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

/// What the application says of a credential that is good in itself.
pub struct Verdict<U>(Result<(U, Extensions), Rejection>);

impl<U> Verdict<U> {
    /// Lets the user in.
    pub fn accept(user: U) -> Self {
        Self(Ok((user, Extensions::new())))
    }

    /// Refuses without giving a reason: 401 `invalid_credentials`.
    #[must_use]
    pub fn rejected() -> Self {
        Self::reject(Rejection::invalid_credentials())
    }

    /// Refuses with a reason: `Rejection::forbidden().with_code("account_locked")`.
    #[must_use]
    pub fn reject(rejection: Rejection) -> Self {
        Self(Err(rejection))
    }

    /// Adds a typed extra to the evidence. It changes nothing about a refusal.
    #[must_use]
    pub fn with_extra<T: Clone + Send + Sync + 'static>(mut self, extra: T) -> Self {
        if let Ok((_, extras)) = &mut self.0 {
            extras.insert(extra);
        }
        self
    }

    /// The acceptance of the user with the extras, or why not. For strategies.
    ///
    /// # Errors
    /// The rejection, if the application refused.
    pub fn into_accept(self, carrier: Carrier) -> Result<Accept<U>, Rejection> {
        self.0.map(|(user, extras)| Accept::new(user, carrier).with_extras(extras))
    }

    /// The user and the extras, or why not. For strategies that make more of them than [`into_accept`](Self::into_accept).
    ///
    /// # Errors
    /// The rejection, if the application refused.
    pub fn into_result(self) -> Result<(U, Extensions), Rejection> {
        self.0
    }
}

impl<U> fmt::Debug for Verdict<U> {
    /// Leaves the user and the extras out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Verdict").field(&self.0.as_ref().map(|_| "<redacted>")).finish()
    }
}

/// What the future of a verify closure may give.
pub trait IntoVerdict {
    /// Who is let in.
    type User: Send + Sync + 'static;

    /// The verdict.
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
