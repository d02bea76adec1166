use std::{borrow::Cow, fmt, future::Future, pin::Pin, sync::Arc};

use async_trait::async_trait;

use crate::{AuthRequest, BoxError, Challenge, Evidence, Needs, Outcome, Principal};

/// One way to authenticate a request.
///
/// An implementation decides one thing: does this request carry a credential of mine, and is it good? The chain does
/// everything else: the order of strategies, status, challenges, logging. The repository's
/// `docs/writing-a-strategy.md` builds a strategy in about twenty lines.
///
/// A strategy may be asked twice about one request. After a cookie was accepted, the chain asks again without cookies (see
/// [`AuthRequest::is_explicit_only`]). A second, inner layer asks again too. A strategy that uses up a credential keeps what it
/// found with [`AuthRequest::remember`]. One that compares a header with a cookie says [`Absent`](Outcome::Absent) if only
/// explicit credentials count.
///
/// To wrap another strategy, put it into a chain, `Chain::new().or(inner)`, and pass on the request, or a changed one from
/// [`AuthRequest::with_parts`]. The names, ids, revocation checks, end and carrier of what that chain accepts then stay in
/// force, even if the wrapper builds an [`Accept::new`](crate::Accept::new) of its own.
///
/// Implement the trait with [`macro@async_trait`]. It keeps the trait object-safe, so that strategies of different types fit
/// into one chain.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a strategy",
    note = "a builder becomes one with its verify callback: `Jwt::…verify(…)`, `Basic::…verify(…)`",
    note = "a chain becomes one with its first strategy: `Chain::new().or(strategy)`"
)]
#[async_trait]
pub trait Strategy: Send + Sync + 'static {
    /// The user type.
    type User: Principal;

    /// A short name for evidence, logs and metrics, the same for every request: `jwt`, `basic`.
    fn name(&self) -> &str;

    /// Adds the challenges of a 401, if the strategy has any. Tickets, cookies and sessions have none.
    fn challenges(&self, out: &mut Vec<Challenge>);

    /// What the middleware must prepare before the decision, or take out after it. The default is nothing. A strategy with an
    /// extractor returns [`Needs::of`] that extractor.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// Gives the strategy another name, for two of the same kind in one chain. The strategies inside a nested chain keep their
    /// names.
    fn named(self, name: impl Into<Cow<'static, str>>) -> Named<Self>
    where
        Self: Sized,
    {
        Named { strategy: self, name: name.into() }
    }

    /// Whether this request may renew the connection that `open` has opened. The default is yes.
    ///
    /// [`Chain::renew`](crate::Chain::renew) calls it before [`authenticate`](Self::authenticate), in any nesting of chains. If
    /// it returns false, the chain does not check the credential and continues as for
    /// `Reject(Rejection::invalid_credentials())`. The client cannot tell this from a wrong credential. Override it if the check
    /// is expensive and the credential names its user: a password need not be hashed for another user's name. Return true if
    /// the request holds no credential of yours.
    ///
    /// The chain refuses another user's good credential by itself, so a strategy without an override is slower, but not less
    /// safe. A strategy that calls another one directly, not through a chain, must forward this call.
    ///
    /// # Security
    /// The request is not authenticated yet. Compare what it says, but don't trust it.
    fn may_renew(&self, request: &AuthRequest<'_>, open: &Evidence) -> bool {
        let _ = (request, open);
        true
    }

    /// Whether the strategy reads only what browsers attach by themselves, such as one cookie. It then says
    /// [`Absent`](Outcome::Absent) if [explicit credentials alone count](AuthRequest::is_explicit_only). The default is no. A chain of
    /// such strategies alone skips the look without cookies.
    ///
    /// # Security
    /// If it says yes and also reads a header, a wrong credential there is ignored beside a good cookie. A wrapper that reads
    /// nothing more may forward it.
    fn is_ambient_only(&self) -> bool {
        false
    }

    /// Looks at the request and decides.
    ///
    /// # Errors
    /// If a system failed, so that the credential could not be checked. The client reads 503, and the error goes only to the
    /// log. A wrong credential is an [`Outcome::Reject`], never an error.
    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<Self::User>, BoxError>;

    /// Decides as [`authenticate`](Self::authenticate) does, and answers at once if it need not wait. The chain calls this
    /// method. The default returns the future of `authenticate`, so most strategies don't override it.
    ///
    /// Override it if many requests hold no credential of this kind: `Start::Done(Ok(Outcome::Absent))` allocates nothing. Then
    /// write `authenticate` as `self.start(request).finish().await`, so that both decide alike. Never write that without an
    /// override: the two methods would call each other forever.
    ///
    /// It must not block: it runs on the thread of the request. The chain catches a panic, as in `authenticate`. An error, in
    /// [`Start::Done`] as in the future, means the same as an error of `authenticate`: 503.
    ///
    /// # Security
    /// The chain calls only `start`. A wrapper that decides anything itself must not forward this call: its `authenticate` would
    /// be skipped. Leave `start` out there. Forward it only if `authenticate` does nothing but forward.
    fn start<'a>(&'a self, request: &'a AuthRequest<'_>) -> Start<'a, Self::User> {
        Start::Waits(self.authenticate(request))
    }
}

/// The answer of a strategy: given at once, or a future to wait for. [`Strategy::start`] returns it.
#[expect(clippy::exhaustive_enums, reason = "an answer is either here or awaited")]
#[must_use = "a strategy that waits does nothing until its future is polled"]
pub enum Start<'a, U> {
    /// The strategy has decided.
    Done(Result<Outcome<U>, BoxError>),
    /// The strategy has to wait: for a store, for keys, for a verify callback. A closure may have been called already, to make
    /// its future.
    Waits(Pin<Box<dyn Future<Output = Result<Outcome<U>, BoxError>> + Send + 'a>>),
}

impl<U> Start<'_, U> {
    /// The answer, after waiting for it if necessary.
    ///
    /// # Errors
    /// As for [`Strategy::authenticate`].
    pub async fn finish(self) -> Result<Outcome<U>, BoxError> {
        match self {
            Self::Done(answer) => answer,
            Self::Waits(answer) => answer.await,
        }
    }
}

impl<U> fmt::Debug for Start<'_, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done(_) => "Done(..)",
            Self::Waits(_) => "Waits(..)",
        })
    }
}

#[async_trait]
impl<S: Strategy + ?Sized> Strategy for Arc<S> {
    type User = S::User;

    fn name(&self) -> &str {
        (**self).name()
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        (**self).challenges(out);
    }

    fn needs(&self) -> Needs {
        (**self).needs()
    }

    fn may_renew(&self, request: &AuthRequest<'_>, open: &Evidence) -> bool {
        (**self).may_renew(request, open)
    }

    fn is_ambient_only(&self) -> bool {
        (**self).is_ambient_only()
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<Self::User>, BoxError> {
        (**self).authenticate(request).await
    }

    fn start<'a>(&'a self, request: &'a AuthRequest<'_>) -> Start<'a, S::User> {
        (**self).start(request)
    }
}

/// A strategy under another name; made by [`Strategy::named`].
#[derive(Clone, Debug)]
pub struct Named<S> {
    strategy: S,
    name: Cow<'static, str>,
}

#[async_trait]
impl<S: Strategy> Strategy for Named<S> {
    type User = S::User;

    fn name(&self) -> &str {
        &self.name
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        self.strategy.challenges(out);
    }

    fn needs(&self) -> Needs {
        self.strategy.needs()
    }

    fn may_renew(&self, request: &AuthRequest<'_>, open: &Evidence) -> bool {
        self.strategy.may_renew(request, open)
    }

    fn is_ambient_only(&self) -> bool {
        self.strategy.is_ambient_only()
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<Self::User>, BoxError> {
        self.strategy.authenticate(request).await
    }

    fn start<'a>(&'a self, request: &'a AuthRequest<'_>) -> Start<'a, S::User> {
        self.strategy.start(request)
    }
}
