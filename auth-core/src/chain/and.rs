use std::sync::Arc;

use async_trait::async_trait;

use super::decide::ask;
use crate::{AuthRequest, BoxError, Challenge, Evidence, Needs, Outcome, Strategy, outcome::Accept};

/// Two strategies that both must accept; made by [`Chain::and`](super::Chain::and).
pub(super) struct And<A, B> {
    left: Side<A>,
    right: Side<B>,
    name: String,
}

struct Side<S> {
    strategy: S,
    name: Arc<str>,
    challenges: Arc<[Challenge]>,
}

impl<A: Strategy, B: Strategy> And<A, B> {
    pub(super) fn new(left: A, right: B) -> Self {
        let name = format!("{}+{}", left.name(), right.name());
        Self { left: Side::new(left), right: Side::new(right), name }
    }
}

#[async_trait]
impl<A: Strategy, B: Strategy> Strategy for And<A, B> {
    type User = (A::User, B::User);

    fn name(&self) -> &str {
        &self.name
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.extend_from_slice(&self.left.challenges);
        out.extend_from_slice(&self.right.challenges);
    }

    fn needs(&self) -> Needs {
        let mut needs = self.left.strategy.needs();
        needs.merge(self.right.strategy.needs());
        needs
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<Self::User>, BoxError> {
        // Both are asked whatever the first says, since an error of the second outweighs a rejection by the first.
        let left = self.left.authenticate(request).await;
        let right = self.right.authenticate(request).await;
        Ok(match both(left?, right?) {
            // The other half may have come by a cookie, which does not count this time: nothing is wrong.
            Decided::Half if request.is_explicit_only() => Outcome::Absent,
            Decided::Half => Outcome::Foreign,
            Decided::As(outcome) => outcome,
        })
    }
}

impl<S: Strategy> Side<S> {
    fn new(strategy: S) -> Self {
        let mut challenges = Vec::new();
        strategy.challenges(&mut challenges);
        Self { name: strategy.name().into(), challenges: challenges.into(), strategy }
    }

    /// Notes whose acceptance or rejection it is, as long as the other side's is not mixed in.
    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<S::User>, BoxError> {
        Ok(match ask(&self.strategy, request).await? {
            Outcome::Accept(accept) => Outcome::Accept(accept.found_by(&self.name, &self.challenges, request)),
            Outcome::Reject(rejection) => Outcome::Reject(rejection.presented_to(&self.challenges)),
            other => other,
        })
    }
}

enum Decided<U> {
    As(Outcome<U>),
    /// One side accepts, and the other finds nothing of its own.
    Half,
}

/// The table of `and`, errors aside: they have been dealt with.
fn both<A, B>(left: Outcome<A>, right: Outcome<B>) -> Decided<(A, B)> {
    Decided::As(match (left, right) {
        (Outcome::Accept(left), Outcome::Accept(right)) => Outcome::Accept(Accept {
            user: (left.user, right.user),
            evidence: Box::new(Evidence::both(*left.evidence, *right.evidence)),
        }),
        // Another rejection might be forgiven further out; this one never is.
        (_, Outcome::Reject(rejection)) if rejection.is_final() => Outcome::Reject(rejection),
        (Outcome::Reject(rejection), _) | (_, Outcome::Reject(rejection)) => Outcome::Reject(rejection),
        (Outcome::Redirect(redirect), _) | (_, Outcome::Redirect(redirect)) => Outcome::Redirect(redirect),
        (Outcome::Absent, Outcome::Absent) => Outcome::Absent,
        (Outcome::Accept(_), Outcome::Absent) | (Outcome::Absent, Outcome::Accept(_)) => return Decided::Half,
        (Outcome::Foreign, _) | (_, Outcome::Foreign) => Outcome::Foreign,
    })
}
