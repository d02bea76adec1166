use std::sync::Arc;

use crate::{Challenge, Evidence, Outcome, Rejection};

/// What a chain decided.
pub(super) struct Decision<'c, U> {
    pub(super) outcome: Outcome<U>,
    /// The challenges that belong to what was presented, if nobody vouches for it.
    pub(super) presented: Vec<Challenge>,
    /// The strategies that left what was presented to others, for the log.
    pub(super) foreign_to: Vec<Arc<str>>,
    /// The challenges of the strategy that accepted.
    pub(super) accepted: &'c [Challenge],
    /// What was accepted on the way and given up, and what explicit credentials stand for beside a cookie. It is not part of
    /// what is accepted, and must not be revoked either.
    pub(super) given_up: Vec<Evidence>,
    /// It is `Absent` only since cookies complete what an `and` has found.
    pub(super) is_half: bool,
    /// The first rejection that was passed over on the way.
    pub(super) passed_over: Option<Rejection>,
}

impl<U> Decision<'_, U> {
    pub(super) fn of(outcome: Outcome<U>) -> Self {
        let (presented, foreign_to, given_up) = (Vec::new(), Vec::new(), Vec::new());
        Self { outcome, presented, foreign_to, accepted: &[], given_up, is_half: false, passed_over: None }
    }
}
