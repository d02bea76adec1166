use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use auth_core::Evidence;

use super::{credential::Credential, end::End, id::ConnectionId};
use crate::Close;

/// A connection, or something that becomes one.
pub(crate) struct Member {
    id: ConnectionId,
    order: u64,
    counts: Counts,
    /// What was accepted over it.
    credentials: Mutex<Vec<Credential>>,
    /// Whether it is open yet.
    open: AtomicBool,
    end: Arc<dyn End>,
}

/// What an entry counts for. One connection may be entered by several layers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    pub(crate) as_connection: bool,
    pub(crate) of_user: bool,
}

impl Counts {
    pub(crate) const ALL: Self = Self { as_connection: true, of_user: true };
}

impl Member {
    pub(super) fn new(id: ConnectionId, order: u64, credential: Credential, end: Arc<dyn End>, counts: Counts) -> Self {
        Self { id, order, counts, credentials: Mutex::new(vec![credential]), open: AtomicBool::new(false), end }
    }

    pub(super) fn id(&self) -> ConnectionId {
        self.id
    }

    pub(super) fn order(&self) -> u64 {
        self.order
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) fn end(&self, close: Close) {
        self.end.end(close);
    }

    #[cfg(feature = "axum")]
    pub(super) fn end_handle(&self) -> Arc<dyn End> {
        Arc::clone(&self.end)
    }

    /// Only open connections are closed when their user has too many.
    pub(super) fn set_open(&self, is_open: bool) {
        self.open.store(is_open, Ordering::Relaxed);
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// Whether `test` holds for one of its credentials.
    pub(super) fn any(&self, test: impl FnMut(&Evidence) -> bool) -> bool {
        self.credentials().iter().map(|credential| credential.evidence()).any(test)
    }

    /// Its evidence, to be looked at without the lock.
    pub(super) fn evidences(&self) -> Vec<Evidence> {
        self.credentials().iter().map(|credential| credential.evidence().clone()).collect()
    }

    pub(super) fn credentials(&self) -> MutexGuard<'_, Vec<Credential>> {
        self.credentials.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
