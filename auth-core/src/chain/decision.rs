use std::sync::Arc;

use crate::{AuthRequest, Challenge, Evidence, Outcome, Rejection, notes::Acceptances};

/// What a chain decided.
pub(super) struct Decision<'c, U> {
    pub(super) outcome: Outcome<U>,
    /// The challenges of the strategy that accepted.
    pub(super) accepted: Option<&'c Arc<[Challenge]>>,
    /// Boxed, since most decisions have nothing in it, and it takes 144 bytes.
    pub(super) beside: Option<Box<Beside>>,
}

/// What strategies found beside the outcome.
#[derive(Default)]
pub(super) struct Beside {
    /// For `Unrecognized`: the challenges of the strategies that passed the credential on.
    pub(super) presented: Vec<Challenge>,
    /// The names of these strategies, for the log.
    pub(super) unrecognized_by: Vec<Arc<str>>,
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
        Self { outcome, accepted: None, beside: None }
    }

    pub(super) fn beside_mut(&mut self) -> &mut Beside {
        self.beside.get_or_insert_default()
    }

    pub(super) fn passed_over(&self) -> Option<&Rejection> {
        self.beside.as_ref()?.passed_over.as_ref()
    }

    /// The outcome, and the challenges of the strategy that accepted. The rest is noted for the chain around this one.
    pub(super) fn note_in(self, request: &AuthRequest<'_>) -> (Outcome<U>, Option<&'c Arc<[Challenge]>>) {
        if let Some(beside) = self.beside {
            request.note_given_up(beside.given_up);
            request.note_passed_over(beside.passed_over);
            if beside.is_half {
                request.note_half();
            }
        }
        (self.outcome, self.accepted)
    }
}

impl Beside {
    /// Notes a strategy that passed a credential on.
    #[cold]
    pub(super) fn pass_on(&mut self, name: &Arc<str>, challenges: &[Challenge]) {
        self.unrecognized_by.push(Arc::clone(name));
        self.presented.extend_from_slice(challenges);
    }

    /// Adds what chains inside a strategy have noted.
    pub(super) fn add(&mut self, noted: Acceptances) {
        self.given_up.extend(noted.given_up);
        self.is_half |= noted.is_half;
        self.passed_over = Rejection::first_of(self.passed_over.take(), noted.passed_over);
    }

    /// Notes a rejection that comes before those that are known.
    pub(super) fn pass_over_first(&mut self, rejection: Rejection) {
        self.passed_over = Rejection::first_of(Some(rejection), self.passed_over.take());
    }
}
