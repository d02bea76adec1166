use async_trait::async_trait;

use super::Chain;
use crate::{AuthRequest, BoxError, Challenge, Needs, Outcome, Principal, Strategy};

#[async_trait]
impl<U: Principal> Strategy for Chain<U> {
    type User = U;

    fn name(&self) -> &str {
        self.nodes.first().map_or("chain", |node| &node.name)
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.extend_from_slice(&self.challenges);
    }

    fn needs(&self) -> Needs {
        Self::needs(self)
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<U>, BoxError> {
        let mut decision = self.decide(request).await?;
        request.note_given_up(decision.given_up);
        request.note_passed_over(decision.passed_over);
        if decision.is_half {
            request.note_half();
        }
        if let Outcome::Accept(accept) = &mut decision.outcome {
            // A strategy that wraps this chain may build a new acceptance from it.
            request.note_accepted(&mut accept.evidence);
        }
        Ok(decision.outcome)
    }
}
