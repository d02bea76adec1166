use async_trait::async_trait;

use super::Chain;
use crate::{AuthRequest, BoxError, Challenge, Needs, Outcome, Strategy, outcome::Accept};

/// A chain whose acceptances are decided about once more; made by [`Chain::and_then`].
pub(super) struct AndThen<U, F> {
    chain: Chain<U>,
    f: F,
}

impl<U, F> AndThen<U, F> {
    pub(super) fn new(chain: Chain<U>, f: F) -> Self {
        Self { chain, f }
    }
}

#[async_trait]
impl<U, V, F> Strategy for AndThen<U, F>
where
    U: Send + Sync + 'static,
    V: Send + Sync + 'static,
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
            Outcome::Accept(accept) => match (self.f)(accept)? {
                Outcome::Reject(rejection) => Outcome::Reject(rejection.presented_to(decision.accepted)),
                other => other,
            },
            Outcome::Absent => Outcome::Absent,
            Outcome::Foreign => Outcome::Foreign,
            Outcome::Reject(rejection) => Outcome::Reject(rejection),
            Outcome::Redirect(redirect) => Outcome::Redirect(redirect),
        })
    }
}
