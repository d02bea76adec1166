use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    time::SystemTime,
};

use auth_core::Principal;

use super::{inner::Inner, issued::IssuedTokens};
use crate::{core::NewLogin, error::SessionError, events, log_in::Facts, presented::Presented, value::Refresh};

/// A login of a client that keeps tokens; made by [`RefreshTokens::log_in`](crate::RefreshTokens::log_in). It does nothing until it
/// is awaited.
#[must_use = "a login does nothing until it is awaited"]
pub struct TokenLogIn<'t, U> {
    inner: &'t Inner<U>,
    user: &'t U,
    remember: bool,
    proved_at: Option<SystemTime>,
    facts: Facts,
}

impl<'t, U> TokenLogIn<'t, U> {
    pub(super) fn new(inner: &'t Inner<U>, user: &'t U) -> Self {
        Self { inner, user, remember: true, proved_at: None, facts: Facts::default() }
    }

    /// Whether the login lives as long as one that is [remembered](crate::SessionsBuilder::remember_idle). The default is yes. With
    /// no, it lives as long as other logins, and the browser forgets its cookie when it closes.
    pub fn remember(mut self, remember: bool) -> Self {
        self.remember = remember;
        self
    }

    /// Sets when the user began to prove who it is, if that took time: the instant before the password was checked. If all logins of the
    /// user were ended after it, as a change of the password does, this login is refused. The default is now, and it is never later.
    pub fn proved_at(mut self, at: SystemTime) -> Self {
        self.proved_at = Some(at);
        self
    }

    /// Names the client, for a list of logins: `Firefox on Linux`. Control characters are dropped, and all after 80 characters.
    pub fn label(mut self, label: &str) -> Self {
        self.facts.set_label(label);
        self
    }

    /// Says how the user has logged in (RFC 8176): `["pwd"]`, `["pwd", "otp"]`. At most 16 of 64 characters. Access tokens have it as
    /// `amr`.
    pub fn amr<'m>(mut self, methods: impl IntoIterator<Item = &'m str>) -> Self {
        self.facts.add_methods(methods);
        self
    }

    /// Sets the authentication context class. Access tokens have it as `acr`.
    pub fn acr(mut self, class: &str) -> Self {
        self.facts.set_class(class);
        self
    }
}

impl<U: Principal> TokenLogIn<'_, U> {
    async fn run(self) -> Result<IssuedTokens, SessionError> {
        let Self { inner, user, remember, proved_at, facts } = self;
        let (core, now) = (inner.sessions.core(), inner.sessions.now());
        let claims = inner.claims_of(user)?;
        let id = inner.sessions.users().id(user).map_err(SessionError::unavailable)?;
        let began = proved_at.map_or(now, |at| at.min(now));
        let (user, first) = (facts.user(user, id, began), Refresh::first());
        let generation = first.generation;
        let new = NewLogin { user, remember, kept: None, refresh: Some(first) };
        // Nobody gets the secret of its cookie.
        let stored = core.log_in(None, &Presented::Nothing, &new, began).await?;
        events::logged_in(stored.login.sid(), remember, false);
        let issued = inner.issue(&stored.login, generation, claims, now)?;
        issued.ok_or_else(|| SessionError::unavailable("a login ends as soon as it begins"))
    }
}

impl<'t, U: Principal> IntoFuture for TokenLogIn<'t, U> {
    type Output = Result<IssuedTokens, SessionError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 't>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<U> fmt::Debug for TokenLogIn<'_, U> {
    /// Omits the user.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenLogIn").field("remember", &self.remember).finish_non_exhaustive()
    }
}
