use std::{
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
    time::{Duration, SystemTime},
};

use auth_core::{Authenticated, Evidence, Principal, Refusal, Timer, Transport};
use http::request::Parts;
use socketioxide::socket::Sid;
use tokio::sync::{Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard, Notify, watch};
use ws_adapter::{
    Close, ConnectionId,
    adapter::{Checked, Checkpoint, End, Entered, Moment, Origin, Place},
};

use super::{
    credit::Credit,
    opener::Opener,
    sessions::Sessions,
    state::{Admission, HeldEvidence, OPENED_BY, SessionState},
    traffic::Traffic,
};
use crate::not_authenticated::NotAuthenticated;

/// One engine.io transport, from its opening to its end.
///
/// It lives in the extensions of the opening request, which engine.io keeps as long as the transport, and goes with it.
/// Everything else holds it weakly, so that nothing is left behind. Streams, and answers to polls until they are sent, hold it
/// too, and end by themselves.
pub(crate) struct Session {
    pub(super) place: Arc<Place>,
    timer: Arc<dyn Timer>,
    origin: Origin,
    opener: Opener,
    was_opened_explicitly: bool,
    /// The evidence that made it a user's: what it was opened with, or what the first good `CONNECT` of a user brought.
    owner: OnceLock<Evidence>,
    /// How many streams of WebSockets it has.
    pub(super) streams: watch::Sender<usize>,
    /// HeldEvidence while a credential is judged.
    turn: AsyncMutex<()>,
    state: Mutex<SessionState>,
    /// Notified of each change, with whether it has ended.
    pub(super) changed: watch::Sender<bool>,
    /// What the WebSockets of this transport wait for.
    pub(super) cut: watch::Sender<Option<Close>>,
    /// What the client may post, if it polls.
    pub(super) credit: Credit,
    /// What passes over its streams and requests. They share it.
    traffic: Arc<Traffic>,
    /// A poll was answered after the end.
    pub(crate) drained: Notify,
    sid: OnceLock<Sid>,
    /// How long it may be without a namespace.
    pub(super) patience: Duration,
    pub(super) sessions: Sessions<Self>,
}

impl Session {
    /// A session for the transport that this request opens. It is not in the registry yet.
    pub(crate) fn new<U: Principal>(
        checkpoint: &Checkpoint<U>,
        sessions: &Sessions<Self>,
        patience: Duration,
        request: &Parts,
        checked: &Checked<U>,
    ) -> Result<Arc<Self>, Refusal> {
        let opened_by = checked.user.as_ref().ok().map(Authenticated::evidence);
        let owner = opened_by.filter(|evidence| evidence.principal().is_some()).cloned();
        let timer = Arc::clone(checkpoint.timer());
        let now = Moment::of(&*timer);
        let mut time = checkpoint.lifetime(now);
        time.look_in(patience, now);
        let id = checkpoint.new_id()?;
        Ok(Arc::new_cyclic(|session| {
            let end = Arc::new(ByRegistry(Weak::clone(session)));
            Self {
                place: Arc::new(checkpoint.place(id, Transport::SocketIo, request, end)),
                traffic: Arc::new(Traffic::new(&timer)),
                timer,
                origin: checked.origin,
                opener: Opener::of(opened_by),
                was_opened_explicitly: opened_by.is_some_and(|evidence| evidence.carrier().is_explicit()),
                owner: owner.map_or_else(OnceLock::new, OnceLock::from),
                streams: watch::Sender::new(0),
                turn: AsyncMutex::default(),
                state: Mutex::new(SessionState::new(time)),
                changed: watch::Sender::new(false),
                cut: watch::Sender::new(None),
                credit: Credit::default(),
                drained: Notify::new(),
                sid: OnceLock::new(),
                patience,
                sessions: sessions.clone(),
            }
        }))
    }

    /// The session that this request opened; `None` if our layer has not seen it.
    pub(crate) fn of(opening: &Parts) -> Option<&Arc<Self>> {
        opening.extensions.get::<Handle>().map(|handle| &handle.0)
    }

    pub(crate) fn id(&self) -> ConnectionId {
        self.place.id()
    }

    pub(crate) fn place(&self) -> &Arc<Place> {
        &self.place
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.timer.now()
    }

    pub(crate) fn moment(&self) -> Moment {
        Moment::of(&*self.timer)
    }

    pub(crate) fn traffic(&self) -> &Arc<Traffic> {
        &self.traffic
    }

    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }

    pub(crate) fn sid(&self) -> Option<Sid> {
        self.sid.get().copied()
    }

    pub(crate) fn set_sid(&self, sid: Sid) {
        let _ = self.sid.set(sid);
    }

    // Whose it is.

    pub(crate) fn opener(&self) -> Opener {
        self.opener
    }

    /// Whether the client, and not its browser, put the credential into the request that opened it.
    pub(crate) fn was_opened_explicitly(&self) -> bool {
        self.was_opened_explicitly
    }

    pub(crate) fn owner(&self) -> Option<&Evidence> {
        self.owner.get()
    }

    /// Whether it belongs to the user of this evidence. Always false for a guest.
    pub(crate) fn belongs_to(&self, evidence: &Evidence) -> bool {
        self.owner().is_some_and(|owner| owner.is_same_user(evidence))
    }

    /// Gives it to the user of this evidence, unless it has an owner, and returns whether it belongs to that user. False for a
    /// guest.
    pub(crate) fn bind(&self, evidence: &Evidence) -> bool {
        evidence.principal().is_some() && self.owner.get_or_init(|| evidence.clone()).is_same_user(evidence)
    }

    /// It is open, and may take the place of an older one of its user.
    pub(crate) fn opened(&self) {
        if !self.is_ended() {
            self.place.opened();
        }
    }

    // Who is let in.

    /// Waits until no other credential is judged. At most one for each namespace waits: a second `CONNECT` to one is dropped,
    /// and a second refresh in one is refused.
    pub(crate) async fn turn(&self) -> AsyncMutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Holds what the transport is opened with.
    pub(crate) fn open_by(&self, entered: Entered) {
        let now = self.moment();
        self.place.begin();
        self.change(|state| {
            state.time.hold(OPENED_BY, entered.evidence(), now);
            state.opened_by = Some(HeldEvidence::new(Some(entered), OPENED_BY));
        });
    }

    /// The evidence of the transport: what it was opened with, or what has replaced it.
    pub(crate) fn opened_by<U: 'static>(&self) -> Option<Authenticated<U>> {
        self.state().opened_by.as_ref()?.user()
    }

    /// Lets the client into a namespace, and returns the number of this admission; `None` if the session has ended.
    pub(crate) fn admit(&self, namespace: &str, admission: Admission) -> Option<u64> {
        let now = self.moment();
        let (number, entered) = self.change_and_notify(|state| {
            if state.is_over(now) {
                return None;
            }
            let held = state.admit(namespace, admission, now)?;
            Some((held.number, held.entered().cloned()))
        })?;
        if let Some(entered) = entered {
            entered.log_accepted(Transport::SocketIo);
        }
        Some(number)
    }

    /// Takes an admission back.
    pub(crate) fn expel(&self, namespace: &str, number: u64) {
        let now = self.moment();
        self.change_and_notify(|state| {
            state.take_back(namespace, number, now);
            if state.has_connected {
                self.settle(state);
            }
        });
    }

    /// Who was let into a namespace; `None` is a client without evidence.
    pub(crate) fn user<U: 'static>(&self, namespace: &str) -> Result<Option<Authenticated<U>>, NotAuthenticated> {
        let state = self.state();
        let held = state.users.get(namespace).ok_or(NotAuthenticated)?;
        if held.evidence().is_none() { Ok(None) } else { held.user().map(Some).ok_or(NotAuthenticated) }
    }

    /// The evidence that let its client into a namespace; `None` if it has none.
    pub(crate) fn evidence(&self, namespace: &str) -> Option<Evidence> {
        self.state().users.get(namespace)?.evidence().cloned()
    }

    /// It no longer waits for a credential once it is a user's, and no guest is left in it.
    pub(super) fn settle(&self, state: &SessionState) {
        if state.is_settled(self.owner()) {
            self.place.settle();
        }
    }

    /// Changes what nothing waits for.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut SessionState) -> T) -> T {
        change(&mut self.state())
    }

    pub(super) fn change_and_notify<T>(&self, change: impl FnOnce(&mut SessionState) -> T) -> T {
        let mut state = self.state();
        let changed = change(&mut state);
        self.changed.send_replace(state.is_ended());
        changed
    }

    pub(super) fn state(&self) -> MutexGuard<'_, SessionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Waits for the end of a session.
pub(crate) async fn ended(mut changed: watch::Receiver<bool>) {
    // If it cannot be waited for, it is gone.
    let _ = changed.wait_for(|ended| *ended).await;
}

/// What is left in the extensions of the opening request.
#[derive(Clone)]
pub(crate) struct Handle(pub(crate) Arc<Session>);

/// Lets the registry end a session.
pub(super) struct ByRegistry(pub(super) Weak<Session>);

impl End for ByRegistry {
    fn end(&self, close: Close) {
        if let Some(session) = self.0.upgrade() {
            session.mark_ended(close);
        }
    }

    fn displace(&self) {
        if let Some(session) = self.0.upgrade() {
            session.change_and_notify(|state| {
                // A client that has just entered a namespace no longer needs the place.
                if session.place.may_be_displaced() {
                    state.time.end(Close::DISPLACED);
                }
            });
        }
    }
}
