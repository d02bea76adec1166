use std::mem;

use async_trait::async_trait;

use super::{
    Chain,
    ask::{Answer, Node},
};
use crate::{Accept, AuthRequest, BoxError, Challenge, Evidence, Needs, Outcome, Principal, Strategy};

impl<U: Principal> Chain<U> {
    /// Demands that both the chain so far and `strategy` accept: `a.or(b).and(c)` is *(a or b) and c*.
    ///
    /// Both are always asked. If they differ, the worst counts: an error, then `Reject`, `Redirect`, `Unrecognized`. One
    /// `Accept` and one `Absent` make `Unrecognized`; two `Absent` make `Absent`.
    ///
    /// If `try_next_on_reject` was set before, it applies to the chain so far; if it is set after, to both together. A
    /// revocation check or a fallback applies to the whole chain, wherever it was set.
    ///
    /// # Security
    /// The chain does not check that both credentials belong to one person. Check it with [`and_then`](Self::and_then). A name
    /// that the user type of the whole gives itself is a name of both credentials: after a revocation of that user, both must
    /// be newer than the revocation, even a program's token that many users share.
    #[must_use]
    pub fn and<S: Strategy>(self, strategy: S) -> Chain<(U, S::User)> {
        self.then(|chain| And::new(chain, strategy))
    }
}

/// Two strategies that both must accept; made by [`Chain::and`].
struct And<A, B> {
    left: Node<A>,
    right: Node<B>,
    name: String,
}

impl<A: Principal, B: Principal> And<A, B> {
    fn new(left: impl Strategy<User = A>, right: impl Strategy<User = B>) -> Self {
        let name = format!("{}+{}", left.name(), right.name());
        Self { left: Node::new(left), right: Node::new(right), name }
    }
}

#[async_trait]
impl<A: Principal, B: Principal> Strategy for And<A, B> {
    type User = (A, B);

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
        // Both are asked, whatever the first says: an error of the second outweighs a rejection by the first.
        let left = ask_and_note(&self.left, request).await;
        let right = ask_and_note(&self.right, request).await;
        let (left, right) = (left?, right?);
        let is_half = left.is_half() || right.is_half();
        match (left.outcome, right.outcome) {
            (Outcome::Accept(left), Outcome::Accept(right)) => {
                let ((left, left_evidence), (right, right_evidence)) = (left.into_parts(), right.into_parts());
                let evidence = Evidence::both(left_evidence, right_evidence);
                Ok(Outcome::Accept(Accept::with_evidence((left, right), evidence)))
            }
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

impl<A: Principal, B: Principal> And<A, B> {
    /// The outcome where one half is found; `needed` says which sides find nothing.
    ///
    /// It is `Unrecognized`. But where only explicit credentials count and the cookies complete it, nothing is wrong.
    async fn half<U>(&self, needed: (bool, bool), request: &AuthRequest<'_>) -> Result<Outcome<U>, BoxError> {
        let Some(full) = request.full() else {
            return Ok(Outcome::Unrecognized);
        };
        let is_complete = (!needed.0 || accepts_with_cookies(&self.left, full, request).await?)
            && (!needed.1 || accepts_with_cookies(&self.right, full, request).await?);
        if !is_complete {
            return Ok(Outcome::Unrecognized);
        }
        request.note_half();
        Ok(Outcome::Absent)
    }
}

/// Asks one side. What it has given up and passed over is noted for the chain around both.
async fn ask_and_note<U: Principal>(side: &Node<U>, request: &AuthRequest<'_>) -> Result<Answer<U>, BoxError> {
    let mut answer = side.ask(request).await?.unwrap_or_else(Answer::absent);
    if let Some(noted) = &mut answer.noted {
        request.note_given_up(mem::take(&mut noted.given_up));
        request.note_passed_over(noted.passed_over.take());
    }
    Ok(answer)
}

/// Whether this side accepts the request with its cookies. What it accepts is noted in `request`: it must not be revoked.
async fn accepts_with_cookies<U: Principal>(
    side: &Node<U>,
    full: &AuthRequest<'_>,
    request: &AuthRequest<'_>,
) -> Result<bool, BoxError> {
    let Some(answer) = side.ask(full).await? else { return Ok(false) };
    request.note_given_up(answer.noted.map(|noted| noted.given_up).unwrap_or_default());
    let Outcome::Accept(accept) = answer.outcome else {
        return Ok(false);
    };
    request.note_given_up(vec![accept.into_parts().1]);
    Ok(true)
}

impl<U> Answer<U> {
    /// Whether a good explicit credential was found.
    fn is_half(&self) -> bool {
        self.noted.as_ref().is_some_and(|noted| noted.is_half) || matches!(self.outcome, Outcome::Accept(_))
    }
}

fn accepted<U>(outcome: &Outcome<U>) -> Option<&Evidence> {
    match outcome {
        Outcome::Accept(accept) => Some(accept.evidence()),
        _ => None,
    }
}

/// The table of `and` for two outcomes, at most one of them `Accept`.
fn worst<A, B, C>(left: Outcome<A>, right: Outcome<B>) -> Outcome<C> {
    match (left, right) {
        // An outer chain may ask on after other rejections, but never after a final one.
        (_, Outcome::Reject(rejection)) if rejection.is_final() => Outcome::Reject(rejection),
        (Outcome::Reject(rejection), _) | (_, Outcome::Reject(rejection)) => Outcome::Reject(rejection),
        (Outcome::Redirect(redirect), _) | (_, Outcome::Redirect(redirect)) => Outcome::Redirect(redirect),
        (Outcome::Absent, Outcome::Absent) => Outcome::Absent,
        (Outcome::Unrecognized | Outcome::Accept(_), _) | (_, Outcome::Unrecognized | Outcome::Accept(_)) => {
            Outcome::Unrecognized
        }
    }
}
