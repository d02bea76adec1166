use std::{
    any::Any,
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use auth_core::{Authenticated, PrincipalId};
use http::request::Parts;
use socketioxide::{SocketIo, extract::SocketRef, socket::Sid};
use tokio::sync::{Notify, watch};

use super::ConnectionId;
use crate::{Close, Timer, origin::OriginVerdict};

/// One engine.io transport, from its opening to its end: whose it is, who was let into which namespace, and until when.
///
/// It lives in the extensions of the opening request, which engine.io keeps as long as the transport, and goes with it.
/// Everybody else holds it weakly, so that nothing can be left behind.
pub(super) struct Session {
    id: ConnectionId,
    timer: Arc<dyn Timer>,
    origin: OriginVerdict,
    /// The `Authenticated<U>` that the transport was opened with.
    opened_by: Option<Box<dyn Any + Send + Sync>>,
    /// Whose it is: of the evidence that it was opened with, else of the first `CONNECT` that was good.
    principal: OnceLock<PrincipalId>,
    /// The `Authenticated<U>` of each namespace.
    users: Mutex<HashMap<String, Box<dyn Any + Send + Sync>>>,
    connects: AtomicUsize,
    /// Whether it is one of those of whom nobody knows yet whose they are.
    pending: AtomicBool,
    life: watch::Sender<Life>,
    /// What the WebSockets of this transport wait for.
    cut: watch::Sender<Option<Close>>,
    /// A poll was answered after the end.
    pub(super) drained: Notify,
    sid: OnceLock<Sid>,
    /// How long it may be without a namespace.
    patience: Duration,
    sessions: Sessions,
}

/// How long a transport lives.
#[derive(Clone, Debug, Default)]
pub(super) struct Life {
    /// When it is looked whether its client is in a namespace; `None` is never.
    pub(super) look_at: Option<SystemTime>,
    /// Whether its client was in one at the last look, or has come into one since. If not, and it is in none at the next
    /// look either, the transport ends.
    pub(super) connected: bool,
    /// When the first of its credentials ends.
    pub(super) expires_at: Option<SystemTime>,
    /// Why it has to end at once.
    pub(super) doomed: Option<Close>,
    /// Nobody is let in any more.
    pub(super) ended: bool,
}

impl Life {
    fn is_over(&self) -> bool {
        self.ended || self.doomed.is_some()
    }
}

impl Session {
    pub(super) fn new<U: Send + Sync + 'static>(
        sessions: &Sessions,
        timer: &Arc<dyn Timer>,
        origin: OriginVerdict,
        opened_by: Option<&Authenticated<U>>,
        patience: Duration,
    ) -> Arc<Self> {
        let evidence = opened_by.map(Authenticated::evidence);
        let expires_at = evidence.and_then(|evidence| evidence.expires_at());
        let principal = evidence.and_then(|evidence| evidence.principal()).cloned();
        Arc::new(Self {
            id: ConnectionId::new(),
            timer: Arc::clone(timer),
            origin,
            opened_by: opened_by.map(|user| Box::new(user.clone()) as Box<dyn Any + Send + Sync>),
            principal: principal.map_or_else(OnceLock::new, OnceLock::from),
            users: Mutex::default(),
            connects: AtomicUsize::new(0),
            pending: AtomicBool::new(false),
            life: watch::Sender::new(Life {
                look_at: timer.now().checked_add(patience),
                expires_at,
                ..Life::default()
            }),
            cut: watch::Sender::new(None),
            drained: Notify::new(),
            sid: OnceLock::new(),
            patience,
            sessions: sessions.clone(),
        })
    }

    /// Puts it into the registry, unless it were one more than `max` of those who wait for a `CONNECT`.
    pub(super) fn enter(self: &Arc<Self>, max: usize) -> bool {
        // Counted and taken under one lock, or many at once would get round the limit.
        let mut open = self.sessions.0.lock();
        if self.opened_by.is_none() {
            if open.pending >= max {
                return false;
            }
            open.pending += 1;
            self.pending.store(true, Ordering::Relaxed);
        }
        open.all.insert(self.id, Arc::downgrade(self));
        true
    }

    /// The session whose opening request this is; `None` if our layer has not seen it.
    pub(super) fn of(opening: &Parts) -> Option<&Arc<Self>> {
        opening.extensions.get::<Handle>().map(|handle| &handle.0)
    }

    pub(super) fn id(&self) -> ConnectionId {
        self.id
    }

    pub(super) fn now(&self) -> SystemTime {
        self.timer.now()
    }

    pub(super) fn origin(&self) -> OriginVerdict {
        self.origin
    }

    pub(super) fn was_opened_by_somebody(&self) -> bool {
        self.opened_by.is_some()
    }

    pub(super) fn opened_by<U: Send + Sync + 'static>(&self) -> Option<&Authenticated<U>> {
        self.opened_by.as_ref()?.downcast_ref()
    }

    /// Whether the transport is this principal's. Without a principal on either side it is nobody's.
    pub(super) fn belongs_to(&self, principal: Option<&PrincipalId>) -> bool {
        principal.is_some() && self.principal.get() == principal
    }

    /// Gives the transport to the principal, unless it has one; then as [`belongs_to`](Self::belongs_to).
    pub(super) fn bind(&self, principal: Option<&PrincipalId>) -> bool {
        principal.is_some_and(|principal| self.principal.get_or_init(|| principal.clone()) == principal)
    }

    /// Counts a `CONNECT`, and tells whether it was one of the first `max`.
    pub(super) fn count_connect(&self, max: usize) -> bool {
        self.connects.fetch_add(1, Ordering::Relaxed) < max
    }

    pub(super) fn admit<U: Send + Sync + 'static>(&self, namespace: &str, user: Authenticated<U>) {
        self.users().insert(namespace.to_owned(), Box::new(user));
    }

    pub(super) fn expel(&self, namespace: &str) {
        self.users().remove(namespace);
    }

    /// Who was let into a namespace.
    pub(super) fn user<U: Send + Sync + 'static>(&self, namespace: &str) -> Option<Authenticated<U>> {
        self.users().get(namespace)?.downcast_ref().cloned()
    }

    /// A `CONNECT` was good: the transport lives until the first of its credentials ends.
    pub(super) fn connected(&self, sid: Sid, expires_at: Option<SystemTime>) {
        let _ = self.sid.set(sid);
        self.settle(&mut self.sessions.0.lock());
        self.life.send_modify(|life| {
            life.look_at = self.now().checked_add(self.patience);
            life.connected = true;
            life.expires_at = [life.expires_at, expires_at].into_iter().flatten().min();
        });
    }

    /// Looks whether the client is in a namespace, and tells whether the transport may go on.
    ///
    /// socketioxide tells nobody but a handler's own hook that a namespace is left.
    pub(super) fn look(&self, io: &SocketIo) -> bool {
        let is_in = self.sockets(io).iter().any(|socket| socket.connected());
        let mut goes_on = true;
        self.life.send_modify(|life| {
            goes_on = is_in || life.connected;
            life.connected = is_in;
            life.look_at = self.now().checked_add(self.patience);
        });
        goes_on
    }

    /// Ends the transport at once.
    pub(super) fn doom(&self, close: Close) {
        self.life.send_modify(|life| life.doomed = life.doomed.take().or(Some(close)));
    }

    /// From here on nobody is let in.
    pub(super) fn end(&self) {
        self.life.send_modify(|life| life.ended = true);
    }

    /// The transport is gone. engine.io tells the handlers so; there is nobody else to tell.
    pub(super) fn leave(&self) {
        self.end();
        self.forget();
    }

    /// Takes it out of the registry, which it does by itself when the last of it goes. engine.io may hold it for longer.
    pub(super) fn forget(&self) {
        let mut open = self.sessions.0.lock();
        self.settle(&mut open);
        open.all.remove(&self.id);
        if let Some(sid) = self.sid.get() {
            open.by_sid.remove(sid);
        }
    }

    pub(super) fn is_ended(&self) -> bool {
        self.life.borrow().is_over()
    }

    pub(super) fn watch_life(&self) -> watch::Receiver<Life> {
        self.life.subscribe()
    }

    /// Ends the WebSockets of this transport, those to come as well.
    pub(super) fn cut(&self, close: Close) {
        self.cut.send_replace(Some(close));
    }

    pub(super) fn watch_cut(&self) -> watch::Receiver<Option<Close>> {
        self.cut.subscribe()
    }

    pub(super) fn sid(&self) -> Option<Sid> {
        self.sid.get().copied()
    }

    /// The Socket.IO connections over this transport.
    pub(super) fn sockets(&self, io: &SocketIo) -> Vec<SocketRef> {
        let Some(sid) = self.sid() else {
            return Vec::new();
        };
        self.users().keys().filter_map(|namespace| io.of(namespace)?.get_socket(sid)).collect()
    }

    /// It is not one of the pending any more.
    fn settle(&self, open: &mut Open) {
        if self.pending.swap(false, Ordering::Relaxed) {
            open.pending -= 1;
        }
    }

    fn users(&self) -> MutexGuard<'_, HashMap<String, Box<dyn Any + Send + Sync>>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.forget();
    }
}

/// Waits for the end of a session.
pub(super) async fn ended(mut life: watch::Receiver<Life>) {
    // If it cannot be waited for, it is gone.
    let _ = life.wait_for(Life::is_over).await;
}

/// What is left in the extensions of the opening request.
#[derive(Clone)]
pub(super) struct Handle(pub(super) Arc<Session>);

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Session").field(&self.0.id).finish()
    }
}

/// The transports that are open.
#[derive(Clone, Default)]
pub(super) struct Sessions(Arc<Registry>);

#[derive(Default)]
struct Registry(Mutex<Open>);

#[derive(Default)]
struct Open {
    all: HashMap<ConnectionId, Weak<Session>>,
    /// Those that were opened by polling, by their secret id: a WebSocket's is of no use to another request.
    by_sid: HashMap<Sid, Weak<Session>>,
    /// How many were opened by nobody, and nobody was let in over them yet.
    pending: usize,
}

impl Sessions {
    pub(super) fn insert(&self, sid: Sid, session: &Arc<Session>) {
        let _ = session.sid.set(sid);
        self.0.lock().by_sid.insert(sid, Arc::downgrade(session));
    }

    pub(super) fn get(&self, sid: Sid) -> Option<Arc<Session>> {
        // The lock is free again before the session is held: to drop the last of it takes the lock.
        let found = self.0.lock().by_sid.get(&sid).cloned();
        found?.upgrade()
    }

    pub(super) fn count(&self) -> usize {
        self.0.lock().all.len()
    }

    pub(super) fn entries(&self) -> [usize; 3] {
        let open = self.0.lock();
        [open.all.len(), open.by_sid.len(), open.pending]
    }

    pub(super) fn doom_all(&self, close: &Close) {
        let all: Vec<_> = self.0.lock().all.values().cloned().collect();
        for session in all.iter().filter_map(Weak::upgrade) {
            session.doom(close.clone());
        }
    }
}

impl Registry {
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
