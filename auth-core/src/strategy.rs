use std::{borrow::Cow, sync::Arc};

use async_trait::async_trait;

use crate::{AuthRequest, BoxError, Challenge, Evidence, Needs, Outcome, Principal};

/// One way to authenticate a request.
///
/// An implementation decides one thing: does this request carry a credential that is mine, and is it good? Everything
/// else (the order of strategies, status, challenges, logging) is the chain's. The repository's
/// `docs/writing-a-strategy.md` builds one in about twenty lines.
///
/// It may be asked twice about one request: the chain asks again, without cookies, after a cookie was accepted (see
/// [`AuthRequest::is_explicit_only`]), and so does a second layer further in. A strategy that uses a credential up keeps what
/// it found with [`AuthRequest::remember`]. One that compares a header with a cookie says
/// [`Absent`](Outcome::Absent) where only explicit credentials count.
///
/// A strategy that wraps another one puts it into a chain, `Chain::new().or(inner)`, and hands the request on, or a changed
/// one that it has made with [`AuthRequest::with_parts`]. The names, ids, revocation checks, end and carrier of what the chain
/// accepts then stay in force outside, even if the wrapper builds an [`Accept::new`](crate::Accept::new) of its own.
///
/// The trait is written with [`macro@async_trait`], so that strategies of different types stand in one chain.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no strategy",
    note = "a builder becomes one with its verify callback: `Jwt::…verify(…)`, `Basic::…verify(…)`",
    note = "a chain becomes one with its first strategy: `Chain::new().or(strategy)`"
)]
#[async_trait]
pub trait Strategy: Send + Sync + 'static {
    /// Who is let in.
    type User: Principal;

    /// A short name for evidence, logs and metrics, the same for every request: `jwt`, `basic`.
    fn name(&self) -> &str;

    /// Adds what a client may be challenged to do; none to many. Tickets, cookies and sessions have none.
    fn challenges(&self, out: &mut Vec<Challenge>);

    /// What the middleware has to prepare before, or to take away after. The default is nothing; a strategy with an
    /// extractor gives [`Needs::of`] it.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// The same strategy under another name, where two of a kind stand in one chain. The leaves of a nested chain keep
    /// their names.
    fn named(self, name: impl Into<Cow<'static, str>>) -> Named<Self>
    where
        Self: Sized,
    {
        Named { strategy: self, name: name.into() }
    }

    /// Whether this request may renew the connection that `open` has opened. The default is yes.
    ///
    /// [`Chain::renew`](crate::Chain::renew) asks it before [`authenticate`](Self::authenticate), in any nesting of chains.
    /// A no counts as `Reject(Rejection::invalid_credentials())`, and the credential is not checked. The client cannot tell
    /// it from a wrong credential. It is for a strategy whose check is expensive and whose credential names its user: a
    /// password hash need not be made for another user's name. Say yes where the request holds no credential of yours.
    ///
    /// The chain refuses another user's good credential by itself, so a strategy that leaves this out is slower and not less
    /// safe. A strategy that asks another one directly, and not through a chain, hands the question on.
    ///
    /// # Security
    /// The request is not authenticated yet: compare what it says, and trust nothing of it.
    fn may_renew(&self, request: &AuthRequest<'_>, open: &Evidence) -> bool {
        let _ = (request, open);
        true
    }

    /// Looks at the request and decides.
    ///
    /// # Errors
    /// If the system failed, so that nothing can be said about the credential. It is answered with 503, and the error
    /// goes to the log only. A wrong credential is an [`Outcome::Reject`], never an error.
    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<Self::User>, BoxError>;
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

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<Self::User>, BoxError> {
        (**self).authenticate(request).await
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

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<Self::User>, BoxError> {
        self.strategy.authenticate(request).await
    }
}
