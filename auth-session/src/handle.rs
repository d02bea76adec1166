use std::{
    fmt,
    ops::Deref,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use auth_core::{BoxError, Refusal};
use http::{Extensions, StatusCode};

use crate::{
    changes::Changes,
    core::Core,
    error::{SessionError, SessionErrorKind},
    login::{Found, Login, Stored},
    presented::Presented,
    settings::CookieOut,
    users::SessionUsers,
    value::Value,
};

/// What all parts of one [`Sessions`](crate::Sessions) share. Each request clones it several times.
pub(crate) struct Shared<U>(Arc<CoreAndUsers<U>>);

pub(crate) struct CoreAndUsers<U> {
    pub(crate) core: Arc<Core>,
    pub(crate) users: Arc<dyn SessionUsers<User = U>>,
}

impl<U> Shared<U> {
    pub(crate) fn new(core: Arc<Core>, users: Arc<dyn SessionUsers<User = U>>) -> Self {
        Self(Arc::new(CoreAndUsers { core, users }))
    }
}

impl<U> Deref for Shared<U> {
    type Target = CoreAndUsers<U>;

    fn deref(&self) -> &CoreAndUsers<U> {
        &self.0
    }
}

impl<U> Clone for Shared<U> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// The session of one request. The layer makes it, the strategy and the extractor find it in the extensions, so that the login
/// is read once. Clones share it.
pub(crate) struct Handle<U>(Arc<Inner<U>>);

struct Inner<U> {
    shared: Shared<U>,
    presented: Presented,
    /// Set if a foreign page may have sent the request. It changes nothing then.
    foreign: Option<Refusal>,
    /// A task holds it while it talks to the store.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
    /// Set when the service inside of the layer has answered. What was read counts no longer.
    closed: AtomicBool,
}

#[derive(Default)]
pub(crate) struct State {
    /// `None` until it is read.
    pub(crate) found: Option<Found>,
    pub(crate) changes: Changes,
    pub(crate) cookie: CookieOut,
    /// Whether a [`Turn`] is taken: cheaper to ask than the lock of tokio.
    is_turn_taken: bool,
    /// Whether the browser gets the cookie even if later changes are not stored: its own has just been replaced, and it would be
    /// logged out.
    must_set_cookie: bool,
}

impl State {
    /// The login, if there is one.
    pub(crate) fn live(&self) -> Option<&Arc<Login>> {
        match &self.found {
            Some(Found::Live(login)) => Some(login),
            _ => None,
        }
    }

    /// A login was stored. `replaces` if the browser has a cookie of it that opens nothing any more.
    pub(crate) fn set_stored(&mut self, stored: Stored, replaces: bool) {
        self.found = Some(Found::Live(Arc::new(stored.login)));
        self.cookie = stored.cookie;
        self.must_set_cookie = replaces;
    }

    /// The login is over: nobody is logged in, and the browser forgets the cookie.
    pub(crate) fn set_gone(&mut self, found: Found) {
        self.found = Some(found);
        self.changes = Changes::default();
        self.cookie = CookieOut::Remove;
    }
}

impl<U: 'static> Handle<U> {
    pub(crate) fn new(shared: Shared<U>, presented: Presented, foreign: Option<Refusal>) -> Self {
        let (turn, state, closed) = (tokio::sync::Mutex::default(), Mutex::default(), false.into());
        Self(Arc::new(Inner { shared, presented, foreign, turn, state, closed }))
    }

    /// As [`find`](Self::find). A missing layer is a mistake of the application: 500, and the log says so.
    pub(crate) fn of(extensions: &Extensions) -> Result<&Self, Refusal> {
        Self::find(extensions).ok_or_else(|| {
            let user = std::any::type_name::<U>();
            tracing::error!(
                user,
                "a handler asks for `Session` of this user type, but no `SessionLayer` is around its route"
            );
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error")
                .with_detail("the session layer is missing")
        })
    }

    pub(crate) fn find(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    pub(crate) fn shared(&self) -> &Shared<U> {
        &self.0.shared
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.0.shared.core
    }

    pub(crate) fn presented(&self) -> &Presented {
        &self.0.presented
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the data of the session may change.
    pub(crate) fn check_change(&self) -> Result<(), SessionError> {
        self.check_site()?;
        match self.state().found {
            Some(Found::Replaced) => Err(SessionError::of(SessionErrorKind::Replaced)),
            _ => Ok(()),
        }
    }

    /// Whether the request may change the session: no foreign page may have sent it.
    pub(crate) fn check_site(&self) -> Result<(), SessionError> {
        self.0.foreign.clone().map_or(Ok(()), |refusal| Err(SessionError::cross_site(refusal)))
    }

    /// Waits until nobody else of this request talks to the store.
    pub(crate) async fn turn(&self) -> Turn<'_, U> {
        let guard = self.0.turn.lock().await;
        self.state().is_turn_taken = true;
        Turn { handle: self, _guard: guard }
    }

    /// The live login, if it is known or the store answers at once.
    pub(crate) fn live_at_once(&self, now: SystemTime) -> Option<Arc<Login>> {
        let mut state = self.state();
        // Somebody reads it, or changes it.
        if state.is_turn_taken {
            return None;
        }
        if state.found.is_none() {
            state.found = self.core().find_at_once(self.presented(), now);
        }
        state.live().cloned()
    }

    /// What the store has for the cookie. It is read once.
    pub(crate) async fn load(&self, now: SystemTime) -> Result<Found, BoxError> {
        let _turn = self.turn().await;
        let known = self.state().found.clone();
        if let Some(found) = known {
            return Ok(found);
        }
        let found = self.core().find(self.presented(), now).await?;
        let mut state = self.state();
        state.found = Some(found.clone());
        if matches!(found, Found::Gone) {
            state.cookie = CookieOut::Remove;
        }
        Ok(found)
    }

    /// Whether the request is over. An adapter may keep its head, and ask the strategy about it again.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Acquire)
    }

    /// Notes that the login was ended.
    pub(crate) fn set_gone(&self) {
        self.state().set_gone(Found::Gone);
    }

    /// What happens to the cookie; `None` if changes have to be stored first.
    pub(crate) fn outcome(&self) -> Option<CookieOut> {
        let mut state = self.state();
        state.changes.is_empty().then(|| std::mem::take(&mut state.cookie))
    }

    /// What happens to the cookie if the changes were not stored.
    pub(crate) fn outcome_of_failure(&self) -> CookieOut {
        let mut state = self.state();
        if state.must_set_cookie { std::mem::take(&mut state.cookie) } else { CookieOut::default() }
    }

    /// Stores what has changed, in one save, and returns what happens to the cookie.
    pub(crate) async fn commit(&self) -> Result<CookieOut, SessionError> {
        let _turn = self.turn().await;
        let (core, now) = (self.core(), self.core().now());
        let (found, changes) = {
            let mut state = self.state();
            (state.found.clone(), std::mem::take(&mut state.changes))
        };
        match found {
            Some(Found::Live(login)) => {
                let since = |login: &Login| login.record.since;
                let change = |value: &mut Value| value.data.change(|data| changes.apply_to(data));
                match core.change(&login, self.presented(), now, false, since, change).await? {
                    Some(changed) => self.state().found = Some(Found::Live(changed.login.into())),
                    None => {
                        tracing::debug!(sid = login.sid(), "changes were dropped, since the login has ended");
                        self.set_gone();
                    }
                }
            }
            // A new cookie would replace the fresh one of the other tab.
            Some(Found::Replaced) => return Err(SessionError::of(SessionErrorKind::Replaced)),
            _ if changes.has_inserts() => {
                let stored = core.start(&changes, now).await?;
                self.state().set_stored(stored, false);
            }
            _ => {}
        }
        Ok(std::mem::take(&mut self.state().cookie))
    }
}

/// While it lives, nobody else of the request talks to the store.
pub(crate) struct Turn<'h, U: 'static> {
    handle: &'h Handle<U>,
    _guard: tokio::sync::MutexGuard<'h, ()>,
}

impl<U> Drop for Turn<'_, U> {
    fn drop(&mut self) {
        self.handle.state().is_turn_taken = false;
    }
}

impl<U> Handle<U> {
    pub(crate) fn close(&self) {
        self.0.closed.store(true, Ordering::Release);
    }
}

impl<U> Clone for Handle<U> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<U> fmt::Debug for Handle<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}
