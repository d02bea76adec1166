use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use socketioxide::socket::Sid;

use ws_adapter::ConnectionId;

/// The transports that are open.
pub(crate) struct Sessions<T>(Arc<Mutex<Open<T>>>);

struct Open<T> {
    all: HashMap<ConnectionId, Weak<T>>,
    /// Those that were opened by polling, by their secret id. The id of a WebSocket is of no use to another request.
    by_sid: HashMap<Sid, Weak<T>>,
}

impl<T> Sessions<T> {
    pub(crate) fn insert(&self, id: ConnectionId, session: &Arc<T>) {
        self.lock().all.insert(id, Arc::downgrade(session));
    }

    /// The id of a session that was inserted has become known.
    pub(crate) fn insert_sid(&self, sid: Sid, session: &Arc<T>) {
        self.lock().by_sid.insert(sid, Arc::downgrade(session));
    }

    pub(super) fn remove(&self, id: ConnectionId, sid: Option<Sid>) {
        let mut open = self.lock();
        open.all.remove(&id);
        if let Some(sid) = sid {
            open.by_sid.remove(&sid);
        }
    }

    pub(crate) fn get(&self, sid: Sid) -> Option<Arc<T>> {
        // The lock is free again before the session is held: to drop the last of it takes the lock.
        let found = self.lock().by_sid.get(&sid).cloned();
        found?.upgrade()
    }

    pub(crate) fn all(&self) -> Vec<Arc<T>> {
        let all: Vec<_> = self.lock().all.values().cloned().collect();
        all.iter().filter_map(Weak::upgrade).collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().all.len()
    }

    /// How many entries each table has. For the tests.
    pub(crate) fn entries(&self) -> [usize; 2] {
        let open = self.lock();
        [open.all.len(), open.by_sid.len()]
    }

    fn lock(&self) -> MutexGuard<'_, Open<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Sessions<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Sessions<T> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Open { all: HashMap::new(), by_sid: HashMap::new() })))
    }
}
