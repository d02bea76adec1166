use async_trait::async_trait;

use super::Chain;
use crate::{Accept, AuthRequest, BoxError, Challenge, Needs, Outcome, Principal, Strategy};

impl<U: Principal> Chain<U> {
    /// Turns the users of this chain into another type, so that it can stand beside strategies of that type.
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

    /// Turns what this chain accepts into something else: the user, the extras, the expiry. An error of `f` is an
    /// error of the system: 503.
    ///
    /// `f` may build a new acceptance with [`Accept::new`]. The names, ids and revocation checks of what the chain has accepted
    /// stay in force. The end of the credential stays too, unless `f` sets another, and so does an ambient carrier. The
    /// extras do not.
    #[must_use]
    pub fn try_map<V, F>(self, f: F) -> Chain<V>
    where
        V: Principal,
        F: Fn(Accept<U>) -> Result<Accept<V>, BoxError> + Send + Sync + 'static,
    {
        self.and_then(move |accept| f(accept).map(Outcome::Accept))
    }

    /// Decides again about what this chain accepts: whether two credentials belong to one person, whether an account
    /// may use this part of the application. A fresh [`Accept::new`] is treated as in [`try_map`](Self::try_map).
    ///
    /// `f` runs before the check for revocation. It may run again where the chain accepts by a cookie: for explicit
    /// credentials alone.
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

/// A chain whose acceptances are decided about once more; made by [`Chain::and_then`].
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
        let decision = self.chain.decide(request).await?;
        request.note_given_up(decision.given_up);
        request.note_passed_over(decision.passed_over);
        if decision.is_half {
            request.note_half();
        }
        Ok(match decision.outcome {
            Outcome::Accept(mut accept) => {
                if !self.passes_through {
                    request.note_accepted(&mut accept.evidence);
                }
                let accepted_by = accept.evidence.strategy.clone().unwrap_or_default();
                match (self.f)(accept)? {
                    Outcome::Reject(rejection) => {
                        Outcome::Reject(rejection.presented_to(&accepted_by, decision.accepted))
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
