use async_trait::async_trait;

use crate::{AuthRequest, BoxError, Challenge, Evidence, Needs, Outcome, Strategy, outcome::Accept};

/// Two strategies that both must accept; made by [`Chain::and`](super::Chain::and).
pub(super) struct And<A, B> {
    left: A,
    right: B,
    name: String,
}

impl<A: Strategy, B: Strategy> And<A, B> {
    pub(super) fn new(left: A, right: B) -> Self {
        let name = format!("{}+{}", left.name(), right.name());
        Self { left, right, name }
    }
}

#[async_trait]
impl<A: Strategy, B: Strategy> Strategy for And<A, B> {
    type User = (A::User, B::User);

    fn name(&self) -> &str {
        &self.name
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        self.left.challenges(out);
        self.right.challenges(out);
    }

    fn needs(&self) -> Needs {
        let mut needs = self.left.needs();
        needs.merge(self.right.needs());
        needs
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<Self::User>, BoxError> {
        // Both are asked whatever the first says, since an error of the second outweighs a rejection by the first.
        let left = self.left.authenticate(request).await;
        let right = self.right.authenticate(request).await;
        Ok(both(named(left?, self.left.name()), named(right?, self.right.name())))
    }
}

/// The table of `and`, errors aside: they have been dealt with.
fn both<A, B>(left: Outcome<A>, right: Outcome<B>) -> Outcome<(A, B)> {
    match (left, right) {
        (Outcome::Accept(left), Outcome::Accept(right)) => Outcome::Accept(Accept {
            user: (left.user, right.user),
            evidence: Evidence::both(left.evidence, right.evidence),
        }),
        (Outcome::Reject(rejection), _) | (_, Outcome::Reject(rejection)) => Outcome::Reject(rejection),
        (Outcome::Redirect(redirect), _) | (_, Outcome::Redirect(redirect)) => Outcome::Redirect(redirect),
        (Outcome::Absent, Outcome::Absent) => Outcome::Absent,
        (Outcome::Foreign, _) | (_, Outcome::Foreign) | (Outcome::Accept(_), _) | (_, Outcome::Accept(_)) => {
            Outcome::Foreign
        }
    }
}

fn named<U>(outcome: Outcome<U>, name: &str) -> Outcome<U> {
    match outcome {
        Outcome::Accept(accept) => Outcome::Accept(accept.named(&name.into())),
        other => other,
    }
}
