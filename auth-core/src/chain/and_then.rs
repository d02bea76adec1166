use async_trait::async_trait;

use super::Chain;
use crate::{Accept, AuthRequest, BoxError, Challenge, Needs, Outcome, Principal, Strategy};

impl<U: Principal> Chain<U> {
    /// Converts the users of this chain to another type, so that it fits into a chain of that type.
    #[must_use]
    pub fn map_user<V, F>(self, f: F) -> Chain<V>
    where
        V: Principal,
        F: Fn(U) -> V + Send + Sync + 'static,
    {
        self.then(|chain| {
            AndThen::passing_through(chain, move |accept: Accept<U>| Ok(Outcome::Accept(accept.map_user(&f))))
        })
    }

    /// Changes what this chain accepts: the user, the extras, the end. An error of `f` is a system failure: 503.
    ///
    /// `f` may build a new acceptance with [`Accept::new`]. The names, ids and revocation checks of what the chain accepted
    /// stay in force. So does an ambient carrier, and the end of the credential unless `f` sets another. The extras are lost.
    #[must_use]
    pub fn try_map<V, F>(self, f: F) -> Chain<V>
    where
        V: Principal,
        F: Fn(Accept<U>) -> Result<Accept<V>, BoxError> + Send + Sync + 'static,
    {
        self.and_then(move |accept| f(accept).map(Outcome::Accept))
    }

    /// Decides again about what this chain accepts: whether two credentials belong to one person, or whether an account may
    /// use this part of the application. A new [`Accept::new`] is treated as in [`try_map`](Self::try_map).
    ///
    /// `f` runs before the check for revocation. If a cookie was accepted, it may run again, only for explicit credentials.
    ///
    /// ```
    /// # use auth_core::{Accept, BoxError, Carrier, Chain, Outcome, Rejection, Strategy};
    /// # fn same_person<S: Strategy<User = String>>(token: S, ticket: impl Strategy<User = String>) -> Chain<String> {
    /// Chain::new().or(token).and(ticket).and_then(|accept| {
    ///     let (token, ticket) = accept.user();
    ///     Ok(if token == ticket {
    ///         Outcome::Accept(accept.map_user(|(token, _)| token))
    ///     } else {
    ///         Outcome::Reject(Rejection::forbidden().with_code("not_the_same_person"))
    ///     })
    /// })
    /// # }
    /// ```
    #[must_use]
    pub fn and_then<V, F>(self, f: F) -> Chain<V>
    where
        V: Principal,
        F: Fn(Accept<U>) -> Result<Outcome<V>, BoxError> + Send + Sync + 'static,
    {
        self.then(|chain| AndThen::new(chain, f))
    }
}

/// A chain with another decision after its own; made by [`Chain::and_then`].
struct AndThen<U, F> {
    chain: Chain<U>,
    f: F,
    /// Whether `f` returns the acceptance that it was given.
    passes_through: bool,
}

impl<U, F> AndThen<U, F> {
    fn new(chain: Chain<U>, f: F) -> Self {
        Self { chain, f, passes_through: false }
    }

    /// `f` returns the acceptance that it was given.
    fn passing_through(chain: Chain<U>, f: F) -> Self {
        Self { chain, f, passes_through: true }
    }
}

#[async_trait]
impl<U, V, F> Strategy for AndThen<U, F>
where
    U: Principal,
    V: Principal,
    F: Fn(Accept<U>) -> Result<Outcome<V>, BoxError> + Send + Sync + 'static,
{
    type User = V;

    fn name(&self) -> &str {
        self.chain.name()
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        self.chain.challenges(out);
    }

    fn needs(&self) -> Needs {
        self.chain.needs()
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<V>, BoxError> {
        let (outcome, accepted) = self.chain.ask_in_order(request).await?.note_in(request);
        Ok(match outcome {
            Outcome::Accept(mut accept) => {
                if !self.passes_through {
                    request.note_accepted(accept.evidence_mut());
                }
                let accepted_by = accept.evidence().strategy.clone().unwrap_or_default();
                match (self.f)(accept)? {
                    Outcome::Reject(rejection) => {
                        Outcome::Reject(rejection.presented_to(&accepted_by, &accepted.cloned().unwrap_or_default()))
                    }
                    other => other,
                }
            }
            Outcome::Absent => Outcome::Absent,
            Outcome::Unrecognized => Outcome::Unrecognized,
            Outcome::Reject(rejection) => Outcome::Reject(rejection),
            Outcome::Redirect(redirect) => Outcome::Redirect(redirect),
        })
    }
}
