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
        match (left?, right?) {
            (Outcome::Accept(left), Outcome::Accept(right)) => Ok(Outcome::Accept(Accept {
                user: (left.user, right.user),
                evidence: Box::new(Evidence::both(*left.evidence, *right.evidence)),
            })),
            (Outcome::Accept(half), Outcome::Absent) => {
                request.note_given_up(vec![*half.evidence]);
                self.right.half(request).await
            }
            (Outcome::Absent, Outcome::Accept(half)) => {
                request.note_given_up(vec![*half.evidence]);
                self.left.half(request).await
            }
            (left, right) => {
                request.note_given_up(accepted(&left).into_iter().chain(accepted(&right)).cloned().collect());
                Ok(worst(left, right))
            }
        }
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
        let answer = ask(&self.strategy, request).await?;
        request.note_given_up(answer.given_up);
        Ok(match answer.outcome {
            Outcome::Accept(accept) => Outcome::Accept(accept.found_by(&self.name, &self.challenges, request)),
            Outcome::Reject(rejection) => Outcome::Reject(rejection.presented_to(&self.challenges)),
            other => other,
        })
    }

    /// What half of what is demanded counts as, where this side is the one that finds nothing.
    ///
    /// That is `Foreign`. But where only explicit credentials count, and this side's is a cookie that is good, nothing is wrong.
    async fn half<U>(&self, request: &AuthRequest<'_>) -> Result<Outcome<U>, BoxError> {
        let Some(full) = request.full() else {
            return Ok(Outcome::Foreign);
        };
        let by_cookie = ask(&self.strategy, full).await?.outcome;
        let is_good = accepted(&by_cookie).is_some_and(|evidence| evidence.carrier.is_ambient());
        Ok(if is_good { Outcome::Absent } else { Outcome::Foreign })
    }
}

fn accepted<U>(outcome: &Outcome<U>) -> Option<&Evidence> {
    match outcome {
        Outcome::Accept(accept) => Some(&accept.evidence),
        _ => None,
    }
}

/// The table of `and`, where not both accept, and none is half of what is demanded. Errors have been dealt with.
fn worst<A, B, C>(left: Outcome<A>, right: Outcome<B>) -> Outcome<C> {
    match (left, right) {
        // Outer chains may ignore other rejections, but never a final one.
        (_, Outcome::Reject(rejection)) if rejection.is_final() => Outcome::Reject(rejection),
        (Outcome::Reject(rejection), _) | (_, Outcome::Reject(rejection)) => Outcome::Reject(rejection),
        (Outcome::Redirect(redirect), _) | (_, Outcome::Redirect(redirect)) => Outcome::Redirect(redirect),
        (Outcome::Absent, Outcome::Absent) => Outcome::Absent,
        (Outcome::Foreign | Outcome::Accept(_), _) | (_, Outcome::Foreign | Outcome::Accept(_)) => Outcome::Foreign,
    }
}
