use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use crate::{Evidence, Rejection};

/// What the chains inside one strategy accept while it is asked. Each question has notes of its own, so strategies that run
/// side by side do not mix theirs.
#[derive(Default)]
pub(crate) struct Notes(Mutex<Acceptances>);

#[derive(Default)]
pub(crate) struct Acceptances {
    /// What the strategy's own acceptance may stand on.
    pub(crate) inside: Vec<Evidence>,
    /// What was accepted and then given up. The outermost chain still asks whether it was revoked.
    pub(crate) given_up: Vec<Evidence>,
    /// Where only explicit credentials count: an `and` says `Absent`, since cookies complete what it has found.
    pub(crate) is_half: bool,
    /// The first rejection after which a chain has asked on.
    pub(crate) passed_over: Option<Rejection>,
}

impl Notes {
    /// Notes what a chain inside has accepted, with a number by which it is recognized.
    pub(crate) fn accept(&self, evidence: &mut Evidence) {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        if evidence.serial == 0 {
            evidence.serial = NEXT.fetch_add(1, Ordering::Relaxed);
        }
        self.change(|acceptances| acceptances.inside.push(evidence.clone()));
    }

    /// Notes what was accepted and given up.
    pub(crate) fn give_up(&self, given_up: Vec<Evidence>) {
        if !given_up.is_empty() {
            self.change(|acceptances| acceptances.given_up.extend(given_up));
        }
    }

    pub(crate) fn pass_over(&self, rejection: Rejection) {
        self.change(|acceptances| {
            acceptances.passed_over = Rejection::first_of(acceptances.passed_over.take(), Some(rejection));
        });
    }

    pub(crate) fn half(&self) {
        self.change(|acceptances| acceptances.is_half = true);
    }

    pub(crate) fn into_acceptances(self) -> Acceptances {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Acceptances)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
