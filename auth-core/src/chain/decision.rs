use std::sync::Arc;

use crate::{AuthRequest, Challenge, Evidence, Outcome, Rejection};

/// What a chain decided.
pub(super) struct Decision<'c, U> {
    pub(super) outcome: Outcome<U>,
    /// For `Unrecognized`: the challenges of the strategies that passed the credential on.
    pub(super) presented: Vec<Challenge>,
    /// The names of these strategies, for the log.
    pub(super) unrecognized_by: Vec<Arc<str>>,
    /// The challenges of the strategy that accepted.
    pub(super) accepted: Option<&'c Arc<[Challenge]>>,
    /// What was accepted on the way and then given up, and what explicit credentials beside a cookie gave. It is not part of
    /// the acceptance, but must not be revoked either.
    pub(super) given_up: Vec<Evidence>,
    /// The outcome is `Absent` only because cookies complete what an `and` has found.
    pub(super) is_half: bool,
    /// The first rejection that was passed over.
    pub(super) passed_over: Option<Rejection>,
}

impl<'c, U> Decision<'c, U> {
    pub(super) fn of(outcome: Outcome<U>) -> Self {
        let (presented, unrecognized_by, given_up) = (Vec::new(), Vec::new(), Vec::new());
        Self { outcome, presented, unrecognized_by, accepted: None, given_up, is_half: false, passed_over: None }
    }

    /// Whether the outcome stands by itself: nothing explicit can speak against it, and nothing that was accepted can be
    /// revoked.
    pub(super) fn is_simple(&self) -> bool {
        self.given_up.is_empty()
            && match &self.outcome {
                Outcome::Accept(accept) => {
                    let evidence = accept.evidence();
                    evidence.carrier.is_explicit() && evidence.checks.is_empty() && evidence.parts.is_empty()
                }
                _ => true,
            }
    }

    /// The outcome, and the challenges of the strategy that accepted. The rest is noted for the chain around this one.
    pub(super) fn note_in(self, request: &AuthRequest<'_>) -> (Outcome<U>, Option<&'c Arc<[Challenge]>>) {
        request.note_given_up(self.given_up);
        request.note_passed_over(self.passed_over);
        if self.is_half {
            request.note_half();
        }
        (self.outcome, self.accepted)
    }
}
