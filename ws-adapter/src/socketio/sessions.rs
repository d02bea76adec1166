use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use socketioxide::socket::Sid;

use super::session::Session;
use crate::{Close, ConnectionId};

/// The transports that are open.
#[derive(Clone, Default)]
pub(super) struct Sessions(Arc<Mutex<Open>>);

#[derive(Default)]
struct Open {
    all: HashMap<ConnectionId, Weak<Session>>,
    /// Those that were opened by polling, by their secret id: a WebSocket's is of no use to another request.
    by_sid: HashMap<Sid, Weak<Session>>,
}

impl Sessions {
    pub(super) fn insert(&self, session: &Arc<Session>) {
        self.lock().all.insert(session.id(), Arc::downgrade(session));
    }

    /// The id of a session that was inserted has become known.
    pub(super) fn insert_sid(&self, sid: Sid, session: &Arc<Session>) {
        self.lock().by_sid.insert(sid, Arc::downgrade(session));
    }

    pub(super) fn remove(&self, id: ConnectionId, sid: Option<Sid>) {
        let mut open = self.lock();
        open.all.remove(&id);
        if let Some(sid) = sid {
            open.by_sid.remove(&sid);
        }
    }

    pub(super) fn get(&self, sid: Sid) -> Option<Arc<Session>> {
        // The lock is free again before the session is held: to drop the last of it takes the lock.
        let found = self.lock().by_sid.get(&sid).cloned();
        found?.upgrade()
    }

    pub(super) fn count(&self) -> usize {
        self.lock().all.len()
    }

    pub(super) fn entries(&self) -> [usize; 2] {
        let open = self.lock();
        [open.all.len(), open.by_sid.len()]
    }

    pub(super) fn doom_all(&self, close: &Close) {
        let all: Vec<_> = self.lock().all.values().cloned().collect();
        for session in all.iter().filter_map(Weak::upgrade) {
            session.doom(close.clone());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
