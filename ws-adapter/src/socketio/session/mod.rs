mod answer;
mod credit;
mod end;
mod entry;
mod not_now;
mod owner;
mod pending;
mod presence;
mod renewal;
mod stream;
#[cfg(test)]
pub(super) mod tests;

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
    time::{Duration, SystemTime},
};

use auth_core::{Authenticated, Evidence};
use http::request::Parts;
use socketioxide::socket::Sid;
use tokio::sync::{Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard, Notify, watch};

pub(super) use self::{
    entry::Entry,
    not_now::NotNow,
    owner::{Opener, is_guest, warn_of_guest},
    stream::Stream,
};
use super::{
    NotAuthenticated,
    life::{Held, Life, OPENED_BY, Place},
    sessions::Sessions,
};
use crate::{
    Close, ConnectionId, Connections, Timer,
    connections::{Counts, Credential, End, KeptGuard, PendingGuard, SocketSettings},
    http::OriginVerdict,
    lifetime::{Lifetime, Moment},
    telemetry::Gauge,
};

/// One engine.io transport, from its opening to its end: whose it is, who was let into which namespace, and until when.
///
/// It lives in the extensions of the opening request, which engine.io keeps as long as the transport, and goes with it.
/// Others hold it weakly, so that nothing can be left behind, but for what ends by itself: its streams, and answers to polls
/// until they are sent.
pub(super) struct Session {
    id: ConnectionId,
    timer: Arc<dyn Timer>,
    origin: OriginVerdict,
    opener: Opener,
    was_opened_explicitly: bool,
    address: Option<IpAddr>,
    /// Of the user whose it is: what it was opened with, else what the first good `CONNECT` of a user brought.
    owner: OnceLock<Evidence>,
    /// How many streams of WebSockets it has.
    streams: watch::Sender<usize>,
    /// Held by whoever looks at a credential.
    turn: AsyncMutex<()>,
    life: Mutex<Life>,
    /// Tells that the life has changed, and whether it has ended.
    told: watch::Sender<bool>,
    /// What the WebSockets of this transport wait for.
    cut: watch::Sender<Option<Close>>,
    /// Of a transport that polls.
    credit: credit::Credit,
    /// A poll was answered after the end.
    pub(super) drained: Notify,
    sid: OnceLock<Sid>,
    patience: Duration,
    sessions: Sessions,
}

/// What a session is made of.
pub(super) struct Settings<'s> {
    pub(super) sessions: &'s Sessions,
    pub(super) timer: &'s Arc<dyn Timer>,
    /// How long it may be without a namespace.
    pub(super) patience: Duration,
    /// How long before its end its client is told.
    pub(super) sockets: SocketSettings,
    pub(super) address: Option<IpAddr>,
}

impl Session {
    /// `None` if the operating system gives no random bits for its name.
    pub(super) fn new(settings: &Settings<'_>, origin: OriginVerdict, opened_by: Option<&Evidence>) -> Option<Self> {
        let Settings { sessions, timer, patience, sockets, address } = *settings;
        let owner = opened_by.filter(|evidence| evidence.principal().is_some());
        let now = Moment::of(&**timer);
        // Pings are the engine's.
        let mut time = Lifetime::new(SocketSettings { ping: None, idle: None, ..sockets }, now);
        time.look_in(patience, now);
        Some(Self {
            id: ConnectionId::new()?,
            timer: Arc::clone(timer),
            origin,
            opener: Opener::of(opened_by),
            was_opened_explicitly: opened_by.is_some_and(|evidence| evidence.carrier().is_explicit()),
            address,
            owner: owner.cloned().map_or_else(OnceLock::new, OnceLock::from),
            streams: watch::Sender::new(0),
            turn: AsyncMutex::default(),
            life: Mutex::new(Life::new(time)),
            told: watch::Sender::new(false),
            cut: watch::Sender::new(None),
            credit: credit::Credit::default(),
            drained: Notify::new(),
            sid: OnceLock::new(),
            patience,
            sessions: sessions.clone(),
        })
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

    fn moment(&self) -> Moment {
        Moment::of(&*self.timer)
    }

    pub(super) fn origin(&self) -> OriginVerdict {
        self.origin
    }

    /// The evidence of the transport: what it was opened with, or what has taken its place.
    pub(super) fn opened_by<U: Send + Sync + 'static>(&self) -> Option<Authenticated<U>> {
        self.life().opened_by.as_ref()?.user()
    }

    /// Waits until no other credential is looked at. No more than one for each namespace waits: a second `CONNECT` to one is
    /// dropped, and a second refresh in one is refused.
    pub(super) async fn turn(&self) -> AsyncMutexGuard<'_, ()> {
        self.turn.lock().await
    }

    // Its place among the connections.

    /// It counts as one of those of whom nobody knows yet whose they are.
    pub(super) fn wait(&self, pending: PendingGuard) {
        self.change(|life| {
            life.begun = true;
            life.pending = Some((pending, Gauge::pending()));
        });
    }

    /// It counts for the user who opens it.
    pub(super) fn keep(&self, kept: KeptGuard) {
        let before = self.change(|life| life.kept.replace(kept));
        drop(before);
    }

    /// Enters evidence into the registry: with the first, the transport; it stays there as long as the [`Entry`] or the
    /// session holds it.
    pub(super) fn enter<U: Send + Sync + 'static>(
        self: &Arc<Self>,
        connections: &Connections,
        user: &Authenticated<U>,
    ) -> Result<Entry, NotNow> {
        let credential = Credential::of(user);
        self.change(|life| {
            if life.is_ended() {
                return Err(NotNow::Ended);
            }
            match &life.place {
                Some(place) => place.registration.add(credential.clone()).map_err(NotNow::TooMany)?,
                None => {
                    let end = Arc::new(ByRegistry(Arc::downgrade(self)));
                    let registration = connections.register(self.id, user, end, Counts::ALL);
                    let registration = Arc::new(registration.map_err(NotNow::TooMany)?);
                    // By which it is found again.
                    registration.change(|credentials| *credentials = vec![credential.clone()]);
                    life.place = Some(Place { registration, _open: Gauge::open() });
                }
            }
            Ok(())
        })?;
        Ok(Entry::new(self, credential))
    }

    /// It is open, and may take the place of an older one of its user.
    pub(super) fn opened(&self) {
        // It may be the one that has to go, so the lock is free by then.
        let life = self.life();
        let registration =
            life.place.as_ref().filter(|_| !life.is_ended()).map(|place| Arc::clone(&place.registration));
        drop(life);
        if let Some(registration) = registration {
            registration.opened();
        }
    }

    // Who is let in.

    /// Holds what the transport is opened with.
    pub(super) fn open_by<U: Send + Sync + 'static>(&self, user: &Authenticated<U>, entry: Entry) {
        let now = self.moment();
        self.change(|life| {
            life.begun = true;
            life.opened_by = Some(Held::new(user, &entry.hold(), OPENED_BY));
            life.time.hold(OPENED_BY, user.evidence().expires_at(), now);
        });
    }

    /// Lets a user into a namespace, and gives the number of this admission; `None` if the session has ended. Without an
    /// entry it is the user of the transport.
    pub(super) fn admit<U: Send + Sync + 'static>(
        &self,
        namespace: &str,
        user: &Authenticated<U>,
        entry: Option<Entry>,
    ) -> Option<u64> {
        let now = self.moment();
        // What is not let in leaves the registry outside of the lock.
        let mut entry = entry;
        self.change_and_tell(|life| {
            if life.is_over(now) {
                return None;
            }
            life.admitted += 1;
            let held = match (entry.take(), &life.opened_by) {
                (Some(entry), _) => Held::new(user, &entry.hold(), life.admitted),
                // Not what was asked about: that may have been replaced meanwhile.
                (None, Some(opened_by)) => opened_by.for_namespace::<U>(life.admitted)?,
                (None, None) => return None,
            };
            Some(life.put_into(namespace, held, now))
        })
    }

    /// Lets nobody in particular into a namespace, and gives the number of this admission; `None` if the session has ended.
    pub(super) fn admit_nobody(&self, namespace: &str) -> Option<u64> {
        let now = self.moment();
        self.change_and_tell(|life| {
            if life.is_over(now) {
                return None;
            }
            life.admitted += 1;
            let held = Held::nobody(life.admitted);
            Some(life.put_into(namespace, held, now))
        })
    }

    /// Takes an admission back.
    pub(super) fn expel(&self, namespace: &str, number: u64) {
        let now = self.moment();
        let (taken, settled) = self.change_and_tell(|life| {
            let taken = life.take_back(namespace, number, now);
            (taken, if life.has_connected { life.settle(self.owner()) } else { None })
        });
        drop((taken, settled));
    }

    /// Who was let into a namespace; `None` is nobody in particular.
    pub(super) fn user<U: Send + Sync + 'static>(
        &self,
        namespace: &str,
    ) -> Result<Option<Authenticated<U>>, NotAuthenticated> {
        let life = self.life();
        let held = life.users.get(namespace).ok_or(NotAuthenticated)?;
        if held.evidence().is_none() { Ok(None) } else { held.user().map(Some).ok_or(NotAuthenticated) }
    }

    /// The evidence by which its client is in a namespace; `None` if that is nobody's.
    pub(super) fn evidence(&self, namespace: &str) -> Option<Evidence> {
        self.life().users.get(namespace)?.evidence().cloned()
    }

    pub(super) fn sid(&self) -> Option<Sid> {
        self.sid.get().copied()
    }

    pub(super) fn set_sid(&self, sid: Sid) {
        let _ = self.sid.set(sid);
    }

    /// Changes what nobody waits for.
    fn change<T>(&self, change: impl FnOnce(&mut Life) -> T) -> T {
        change(&mut self.life())
    }

    fn change_and_tell<T>(&self, change: impl FnOnce(&mut Life) -> T) -> T {
        let mut life = self.life();
        let changed = change(&mut life);
        self.told.send_replace(life.is_ended());
        changed
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Waits for the end of a session.
pub(super) async fn ended(mut told: watch::Receiver<bool>) {
    // If it cannot be waited for, it is gone.
    let _ = told.wait_for(|ended| *ended).await;
}

/// What is left in the extensions of the opening request.
#[derive(Clone)]
pub(super) struct Handle(pub(super) Arc<Session>);

/// By which the registry ends a session.
struct ByRegistry(Weak<Session>);

impl End for ByRegistry {
    fn end(&self, close: Close) {
        if let Some(session) = self.0.upgrade() {
            session.doom(close);
        }
    }
}
