use std::{
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use auth_core::{PrincipalId, Refusal, Transport};

use crate::{
    Attempt, Close, ConnectionId, Connections,
    connections::{Counts, Credential, End, KeptGuard, PendingGuard, Registration, TooMany},
    telemetry::{self, Gauge},
};

/// The place of one connection in its registry, from its opening until its memory is free.
///
/// A connection [waits](Self::wait) for a credential, or is [entered](super::Checkpoint::enter) with one, or both. It counts for
/// the limits of [`Connections`] and in the gauges all the while. All methods may be called from any thread, and none of them
/// calls the connection's [`End`] with a lock held.
#[must_use = "the connection leaves the registry when this is dropped"]
pub struct Place {
    id: ConnectionId,
    address: Option<IpAddr>,
    transport: Transport,
    connections: Connections,
    end: Arc<dyn End>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Whether there is a connection, and not only a request for one.
    has_begun: bool,
    pending: Option<(PendingGuard, Gauge)>,
    entered: Option<(Registration, Gauge)>,
    memory: Option<Memory>,
    has_left: bool,
}

/// For whom a connection counts that is not in the registry and costs memory.
#[expect(dead_code, reason = "each is held until it is dropped")]
enum Memory {
    OfAddress(PendingGuard),
    OfUser(KeptGuard),
}

impl Place {
    pub(super) fn new(
        id: ConnectionId,
        address: Option<IpAddr>,
        transport: Transport,
        connections: &Connections,
        end: Arc<dyn End>,
    ) -> Self {
        Self { id, address, transport, connections: connections.clone(), end, state: Mutex::default() }
    }

    /// The public name of the connection.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// An attempt over this connection, for [`Checkpoint::present`](super::Checkpoint::present). `user` is the connection's, if it
    /// has one, and `monotonic` the time by the timer of the checkpoint.
    #[must_use]
    pub fn attempt<'a>(&self, user: Option<&'a PrincipalId>, monotonic: Duration) -> Attempt<'a> {
        Attempt { connection: Some(self.id), user, address: self.address, passed: monotonic }
    }

    // Before a credential.

    /// Counts the connection among those that are not authenticated yet, until it [settles](Self::settle).
    ///
    /// # Errors
    /// 429 `too_many_connections` if there are too many of them.
    pub fn wait(&self) -> Result<(), Refusal> {
        let end = Arc::clone(&self.end);
        let guard = self.connections.enter_pending(self.address, self.transport, end).map_err(TooMany::refusal)?;
        let mut state = self.lock();
        state.has_begun = true;
        state.pending = Some((guard, Gauge::pending()));
        Ok(())
    }

    /// Whether another client may take its place: it waits, or is being opened.
    #[must_use]
    pub fn may_be_displaced(&self) -> bool {
        let state = self.lock();
        !state.has_begun || state.pending.is_some()
    }

    /// It waits no longer.
    pub fn settle(&self) {
        let pending = self.lock().pending.take();
        drop(pending);
    }

    /// Counts the connection for a user who opens it, because it costs memory even if it ends at once. It does so until
    /// [`free`](Self::free).
    ///
    /// # Errors
    /// 429 `too_many_connections` if the user has as many of these as one address may have without a credential.
    pub fn reserve(&self, user: &PrincipalId) -> Result<(), Refusal> {
        let kept = self.connections.keep(user.clone()).map_err(TooMany::refusal)?;
        let before = self.lock().memory.replace(Memory::OfUser(kept));
        drop(before);
        Ok(())
    }

    /// Its memory is free, or accounted for elsewhere.
    pub fn free(&self) {
        let memory = self.lock().memory.take();
        drop(memory);
    }

    // With a credential.

    /// Enters a credential: with the first, the connection.
    pub(super) fn enter(&self, credential: &Credential) -> Result<(), Refusal> {
        let mut state = self.lock();
        if state.has_left {
            return Err(Refusal::unavailable("the connection has ended"));
        }
        match &state.entered {
            Some((registration, _)) => registration.add(credential.clone()).map_err(TooMany::refusal)?,
            None => {
                let end = Arc::clone(&self.end);
                let registration = self.connections.register(self.id, credential.clone(), end, Counts::ALL);
                state.entered = Some((registration.map_err(TooMany::refusal)?, Gauge::open()));
            }
        }
        Ok(())
    }

    /// A credential no longer holds. With the last one, the connection leaves the registry.
    pub(super) fn withdraw(&self, credential: &Credential) {
        let mut state = self.lock();
        let is_bare = state.entered.as_ref().is_some_and(|(registration, _)| registration.remove(credential));
        let left = if is_bare { state.entered.take() } else { None };
        drop(state);
        drop(left);
    }

    /// The connection is there, and no longer a request for one.
    pub fn begin(&self) {
        self.lock().has_begun = true;
    }

    /// It is open. If its user has too many, the oldest ones are closed.
    pub fn opened(&self) {
        // It may be the one that has to go, so the lock is free by then.
        let registration = self.lock().entered.as_ref().map(|(registration, _)| registration.clone());
        if let Some(registration) = registration {
            registration.opened();
        }
    }

    // The end.

    /// It ends, for this reason. It counts until it [leaves](Self::leave), but no older one is closed for it. Call it once.
    pub fn ends(&self, close: &Close) {
        let state = self.lock();
        if let Some((registration, _)) = &state.entered {
            registration.ends();
        }
        let has_begun = state.has_begun;
        drop(state);
        // A request that was refused is not a connection that is closed.
        if has_begun {
            telemetry::closed(Some(self.id), close);
        }
    }

    /// Leaves the registry. If it still costs memory, it counts for its address or for `user` until it is
    /// [free](Self::free), or dropped.
    pub fn leave(&self, costs_memory: bool, user: Option<&PrincipalId>) {
        let mut state = self.lock();
        state.has_left = true;
        let (entered, pending) = (state.entered.take(), state.pending.take());
        if costs_memory && state.has_begun && state.memory.is_none() {
            state.memory = match (pending, &entered, user) {
                (Some((pending, _)), ..) => {
                    pending.leave_place();
                    Some(Memory::OfAddress(pending))
                }
                (None, Some(_), Some(user)) => self.connections.keep_on(user.clone()).map(Memory::OfUser),
                _ => None,
            };
        }
        drop(state);
        drop(entered);
    }

    // What operators see of it.

    /// Counts a refusal over this connection. [`Refusal::log_once`] logs it.
    pub fn count_refused(&self, transport: Transport, code: &'static str) {
        telemetry::count_refused(transport, code);
    }

    /// Logs and counts a refresh: `accepted`, or the code of its refusal.
    pub fn log_refreshed(&self, code: &'static str) {
        telemetry::refreshed(self.id, code);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("id", &self.id).finish_non_exhaustive()
    }
}
