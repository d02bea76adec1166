use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use auth_core::Evidence;

use super::{
    credential::Credential,
    end::End,
    id::{ConnectionId, PackedId},
};
use crate::{Close, few::Few};

/// A connection, or something that becomes one.
pub(crate) struct Member {
    id: PackedId,
    slot: u32,
    order: u64,
    counts: Counts,
    /// What was accepted over it.
    credentials: Mutex<Few<Credential>>,
    /// Whether it is open yet.
    open: AtomicBool,
    /// How many registrations it has.
    holders: AtomicU32,
    end: Arc<dyn End>,
}

/// Where a member is, and the order in which it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seat {
    pub(super) order: u64,
    pub(super) slot: u32,
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
    pub(super) fn new(id: ConnectionId, seat: Seat, credential: Credential, end: Arc<dyn End>, counts: Counts) -> Self {
        let (credentials, open, holders) = (Few::One(credential).into(), false.into(), 0.into());
        let Seat { order, slot } = seat;
        Self { id: id.packed(), slot, order, counts, credentials, open, holders, end }
    }

    pub(super) fn add_holder(&self) {
        self.holders.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether it was the last.
    pub(super) fn remove_holder(&self) -> bool {
        self.holders.fetch_sub(1, Ordering::AcqRel) == 1
    }

    pub(super) fn id(&self) -> ConnectionId {
        self.id.name()
    }

    pub(super) fn seat(&self) -> Seat {
        Seat { order: self.order, slot: self.slot }
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

    pub(super) fn credentials(&self) -> MutexGuard<'_, Few<Credential>> {
        self.credentials.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
