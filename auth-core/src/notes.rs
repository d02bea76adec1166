use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use crate::{Evidence, Rejection};

/// What the chains inside one strategy accept while it is asked. Each call has its own notes, so that concurrent strategies
/// don't mix theirs. Most strategies have no chain inside, so the notes are made when the first one is taken.
#[derive(Default)]
pub(crate) struct Notes(Mutex<Option<Box<Acceptances>>>);

#[derive(Default)]
pub(crate) struct Acceptances {
    /// Acceptances that the strategy may build its own on.
    pub(crate) inside: Vec<Evidence>,
    /// Accepted, then given up. The outermost chain still asks whether it was revoked.
    pub(crate) given_up: Vec<Evidence>,
    /// Only explicit credentials count, and an `and` said `Absent` because cookies complete what it found.
    pub(crate) is_half: bool,
    /// The first rejection after which a chain asked the next strategy.
    pub(crate) passed_over: Option<Rejection>,
}

impl Notes {
    /// Notes what an inner chain has accepted, and gives it a number to recognize it by.
    pub(crate) fn accept(&self, evidence: &mut Evidence) {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        evidence.ensure_serial(|| NEXT.fetch_add(1, Ordering::Relaxed));
        self.change(|acceptances| acceptances.inside.push(evidence.clone()));
    }

    /// Notes what was accepted and then given up.
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

    /// `None` if nothing was noted.
    pub(crate) fn into_acceptances(self) -> Option<Box<Acceptances>> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Acceptances)) {
        change(self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default());
    }
}
