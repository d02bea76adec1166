use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    time::SystemTime,
};

use auth_core::{Principal, PrincipalId};

use crate::{core::NewLogin, error::SessionError, events, handle::Handle, login::Found, value::UserPart};

/// The longest label, and the most and longest of the methods.
const MAX_LABEL: usize = 80;
pub(crate) const MAX_METHODS: usize = 16;
const MAX_METHOD: usize = 64;

/// A login that is about to happen; made by [`Session::login`](crate::Session::login). It does nothing until it is awaited.
#[must_use = "a login does nothing until it is awaited"]
pub struct LogIn<'s, U> {
    handle: &'s Handle<U>,
    user: &'s U,
    remember: bool,
    keep_data: bool,
    proved_at: Option<SystemTime>,
    facts: Facts,
}

/// What is known about the way in which a user has logged in.
#[derive(Clone, Default)]
pub(crate) struct Facts {
    amr: Vec<String>,
    acr: Option<String>,
    label: Option<String>,
}

impl Facts {
    pub(crate) fn set_label(&mut self, label: &str) {
        self.label = Some(label.chars().filter(|c| !c.is_control()).take(MAX_LABEL).collect());
    }

    pub(crate) fn add_methods<'m>(&mut self, methods: impl IntoIterator<Item = &'m str>) {
        self.amr.extend(methods.into_iter().map(cut));
        self.amr.truncate(MAX_METHODS);
    }

    pub(crate) fn set_class(&mut self, class: &str) {
        self.acr = Some(cut(class));
    }

    /// A user who logs in now.
    pub(crate) fn user<U: Principal>(self, user: &U, id: String, now: SystemTime) -> UserPart {
        let principal = user.principal_id().unwrap_or_else(|| PrincipalId::new("", &*id));
        let mut user = UserPart::new(id, &principal, now);
        (user.amr, user.acr, user.label) = (self.amr, self.acr, self.label);
        user
    }
}

impl<'s, U> LogIn<'s, U> {
    pub(crate) fn new(handle: &'s Handle<U>, user: &'s U) -> Self {
        Self { handle, user, remember: false, keep_data: false, proved_at: None, facts: Facts::default() }
    }

    /// Whether the user asked to be remembered: the login lives longer, and the browser keeps the cookie when it is closed. The
    /// default is no.
    pub fn remember(mut self, remember: bool) -> Self {
        self.remember = remember;
        self
    }

    /// Keeps the data of the session that the visitor had, such as a cart. The default is to drop it.
    ///
    /// # Security
    /// An attacker who planted the visitor's earlier cookie may have put that data there.
    pub fn keep_data(mut self) -> Self {
        self.keep_data = true;
        self
    }

    /// Names the client, for a list of logins: `Firefox on Linux`. Control characters are dropped, and all after 80 characters.
    pub fn label(mut self, label: &str) -> Self {
        self.facts.set_label(label);
        self
    }

    /// Sets when the user began to prove who it is. What ends all logins of the user up to an instant after it ends this one too.
    #[cfg(feature = "password")]
    pub(crate) fn proved_at(mut self, at: SystemTime) -> Self {
        self.proved_at = Some(at);
        self
    }

    /// Says how the user has logged in (RFC 8176): `["pwd"]`, `["pwd", "otp"]`. At most 16 of 64 characters.
    pub fn amr<'m>(mut self, methods: impl IntoIterator<Item = &'m str>) -> Self {
        self.facts.add_methods(methods);
        self
    }

    /// Sets the authentication context class, which a [`Requirement`](auth_core::Requirement) may demand.
    pub fn acr(mut self, class: &str) -> Self {
        self.facts.set_class(class);
        self
    }
}

/// A method, or a class, of at most 64 characters.
pub(crate) fn cut(text: &str) -> String {
    text.chars().take(MAX_METHOD).collect()
}

impl<U: Principal> LogIn<'_, U> {
    async fn run(self) -> Result<(), SessionError> {
        let Self { handle, user, remember, keep_data, proved_at, facts } = self;
        handle.check_site()?;
        if handle.is_closed() {
            return Err(SessionError::late());
        }
        let core = handle.core();
        let now = proved_at.unwrap_or_else(|| core.now());
        let id = handle.shared().users.id(user).map_err(SessionError::unavailable)?;
        let user = facts.user(user, id, now);

        handle.load(now).await.map_err(SessionError::unavailable)?;
        let _turn = handle.turn().await;
        let (found, kept) = {
            let state = handle.state();
            (state.found.clone(), keep_data.then(|| state.changes.clone()))
        };
        let current = match found {
            Some(Found::Live(login)) => Some(login),
            _ => None,
        };
        let was_logged_in = current.as_ref().is_some_and(|login| login.value.user.is_some());
        let new = NewLogin { user, remember, kept, refresh: None };
        let stored = core.log_in(current, handle.presented(), &new, now).await?;
        events::logged_in(stored.login.sid(), remember, false);
        let mut state = handle.state();
        state.changes = Default::default();
        state.set_stored(stored, was_logged_in);
        Ok(())
    }
}

impl<'s, U: Principal> IntoFuture for LogIn<'s, U> {
    type Output = Result<(), SessionError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 's>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<U> fmt::Debug for LogIn<'_, U> {
    /// Omits the user.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogIn")
            .field("remember", &self.remember)
            .field("keep_data", &self.keep_data)
            .finish_non_exhaustive()
    }
}
