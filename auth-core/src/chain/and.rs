use std::sync::Arc;

use async_trait::async_trait;

use super::{
    Chain,
    ask::{Answer, Failed, ask},
};
use crate::{Accept, AuthRequest, BoxError, Challenge, Evidence, Needs, Outcome, Principal, Strategy};

impl<U: Principal> Chain<U> {
    /// Demands that `strategy` accepts as well as the chain so far: `a.or(b).and(c)` is *(a or b) and c*.
    ///
    /// Both are always asked. Where they differ, the worst counts: an error, then `Reject`, `Redirect`, `Unrecognized`. One
    /// `Accept` beside one `Absent` is `Unrecognized`; two `Absent` are `Absent`.
    ///
    /// `try_next_on_reject` holds for the chain so far if it was set before, and for both together if after. A check for
    /// revocation is asked about both, and a fallback is the whole chain's, wherever they were named.
    ///
    /// # Security
    /// That both credentials belong to one person is for the application to say; [`and_then`](Self::and_then) is the
    /// place. A name that the users of the whole say of themselves is a name of both credentials: after a revocation of that
    /// user, both have to be newer than it. A program's token that many users share then has to be newer as well.
    #[must_use]
    pub fn and<S: Strategy>(self, strategy: S) -> Chain<(U, S::User)> {
        self.then(|chain| And::new(chain, strategy))
    }
}

/// Two strategies that both must accept; made by [`Chain::and`].
struct And<A, B> {
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
    fn new(left: A, right: B) -> Self {
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
        let (left, right) = (left?, right?);
        let is_half = left.is_half() || right.is_half();
        match (left.outcome, right.outcome) {
            (Outcome::Accept(left), Outcome::Accept(right)) => Ok(Outcome::Accept(Accept {
                user: (left.user, right.user),
                evidence: Box::new(Evidence::both(*left.evidence, *right.evidence)),
            })),
            (left, right) => {
                request.note_given_up(accepted(&left).into_iter().chain(accepted(&right)).cloned().collect());
                let (needs_left, needs_right) = (matches!(left, Outcome::Absent), matches!(right, Outcome::Absent));
                let is_rest_good =
                    (needs_left || accepted(&left).is_some()) && (needs_right || accepted(&right).is_some());
                if is_half && is_rest_good {
                    return self.half((needs_left, needs_right), request).await;
                }
                Ok(worst(left, right))
            }
        }
    }
}

impl<A: Strategy, B: Strategy> And<A, B> {
    /// What half of what is demanded counts as; `needed` are the sides that find nothing.
    ///
    /// That is `Unrecognized`. But where only explicit credentials count, and the cookies complete it, nothing is wrong.
    async fn half<U>(&self, needed: (bool, bool), request: &AuthRequest<'_>) -> Result<Outcome<U>, BoxError> {
        let Some(full) = request.full() else {
            return Ok(Outcome::Unrecognized);
        };
        let is_complete = (!needed.0 || self.left.accepts(full, request).await?)
            && (!needed.1 || self.right.accepts(full, request).await?);
        if !is_complete {
            return Ok(Outcome::Unrecognized);
        }
        request.note_half();
        Ok(Outcome::Absent)
    }
}

impl<S: Strategy> Side<S> {
    fn new(strategy: S) -> Self {
        let mut challenges = Vec::new();
        strategy.challenges(&mut challenges);
        Self { name: strategy.name().into(), challenges: challenges.into(), strategy }
    }

    /// Notes whose acceptance or rejection it is, as long as the other side's is not mixed in.
    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Answer<S::User>, BoxError> {
        let mut answer = ask(&self.strategy, request).await.map_err(|cause| Failed::of(&self.name, cause))?;
        request.note_given_up(std::mem::take(&mut answer.given_up));
        request.note_passed_over(answer.passed_over.take());
        answer.outcome = match answer.outcome {
            Outcome::Accept(accept) => Outcome::Accept(accept.found_by(&self.name, &self.challenges, request)),
            Outcome::Reject(rejection) => Outcome::Reject(rejection.presented_to(&self.name, &self.challenges)),
            Outcome::Redirect(redirect) => Outcome::Redirect(redirect.said_by(&self.name)),
            other => other,
        };
        Ok(answer)
    }

    /// Whether this side accepts the request with its cookies. `request` notes what it accepts, which must not be revoked.
    async fn accepts(&self, full: &AuthRequest<'_>, request: &AuthRequest<'_>) -> Result<bool, BoxError> {
        let answer = ask(&self.strategy, full).await?;
        request.note_given_up(answer.given_up);
        let Outcome::Accept(accept) = answer.outcome else {
            return Ok(false);
        };
        let accept = accept.found_by(&self.name, &self.challenges, full);
        request.note_given_up(vec![*accept.evidence]);
        Ok(true)
    }
}

impl<U> Answer<U> {
    /// Whether something explicit was found that is good.
    fn is_half(&self) -> bool {
        self.is_half || matches!(self.outcome, Outcome::Accept(_))
    }
}

fn accepted<U>(outcome: &Outcome<U>) -> Option<&Evidence> {
    match outcome {
        Outcome::Accept(accept) => Some(&accept.evidence),
        _ => None,
    }
}

/// The table of `and`, where not both accept. Errors have been dealt with.
fn worst<A, B, C>(left: Outcome<A>, right: Outcome<B>) -> Outcome<C> {
    match (left, right) {
        // Outer chains may ignore other rejections, but never a final one.
        (_, Outcome::Reject(rejection)) if rejection.is_final() => Outcome::Reject(rejection),
        (Outcome::Reject(rejection), _) | (_, Outcome::Reject(rejection)) => Outcome::Reject(rejection),
        (Outcome::Redirect(redirect), _) | (_, Outcome::Redirect(redirect)) => Outcome::Redirect(redirect),
        (Outcome::Absent, Outcome::Absent) => Outcome::Absent,
        (Outcome::Unrecognized | Outcome::Accept(_), _) | (_, Outcome::Unrecognized | Outcome::Accept(_)) => {
            Outcome::Unrecognized
        }
    }
}
