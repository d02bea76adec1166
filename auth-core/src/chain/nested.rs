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
        let (mut outcome, _) = self.ask_in_order(request).await?.note_in(request);
        if let Outcome::Accept(accept) = &mut outcome {
            // A strategy that wraps this chain may build a new acceptance from it.
            request.note_accepted(accept.evidence_mut());
        }
        Ok(outcome)
    }
}
