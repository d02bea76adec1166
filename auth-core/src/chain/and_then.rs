use async_trait::async_trait;

use super::Chain;
use crate::{AuthRequest, BoxError, Challenge, Needs, Outcome, Principal, Strategy, outcome::Accept};

/// A chain whose acceptances are decided about once more; made by [`Chain::and_then`].
pub(super) struct AndThen<U, F> {
    chain: Chain<U>,
    f: F,
    /// Whether `f` hands on what it is given, and never an acceptance of its own.
    hands_on: bool,
}

impl<U, F> AndThen<U, F> {
    pub(super) fn new(chain: Chain<U>, f: F) -> Self {
        Self { chain, f, hands_on: false }
    }

    /// `f` hands on what it is given.
    pub(super) fn handing_on(chain: Chain<U>, f: F) -> Self {
        Self { chain, f, hands_on: true }
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
        Ok(match decision.outcome {
            Outcome::Accept(mut accept) => {
                if !self.hands_on && !request.is_explicit_only() {
                    request.record().note_accepted(&mut accept.evidence);
                }
                match (self.f)(accept)? {
                    Outcome::Reject(rejection) => Outcome::Reject(rejection.presented_to(decision.accepted)),
                    other => other,
                }
            }
            Outcome::Absent => Outcome::Absent,
            Outcome::Foreign => Outcome::Foreign,
            Outcome::Reject(rejection) => Outcome::Reject(rejection),
            Outcome::Redirect(redirect) => Outcome::Redirect(redirect),
        })
    }
}
