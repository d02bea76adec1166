use async_trait::async_trait;

use super::Chain;
use crate::{AuthRequest, BoxError, Challenge, Needs, Outcome, Principal, Strategy, outcome::Accept};

/// A chain whose acceptances are decided about once more; made by [`Chain::and_then`].
pub(super) struct AndThen<U, F> {
    chain: Chain<U>,
    f: F,
    /// Whether `f` returns the acceptance that it was given.
    passes_through: bool,
}

impl<U, F> AndThen<U, F> {
    pub(super) fn new(chain: Chain<U>, f: F) -> Self {
        Self { chain, f, passes_through: false }
    }

    /// `f` returns the acceptance that it was given.
    pub(super) fn passing_through(chain: Chain<U>, f: F) -> Self {
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
            Outcome::Foreign => Outcome::Foreign,
            Outcome::Reject(rejection) => Outcome::Reject(rejection),
            Outcome::Redirect(redirect) => Outcome::Redirect(redirect),
        })
    }
}
