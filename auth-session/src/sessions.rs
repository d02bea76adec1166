use std::fmt;

use auth_core::{Origin, Principal, PrincipalId};
use auth_store::{RecordKey, Revocations};

use crate::{
    error::SessionError, events::Ended, handle::Shared, info::LoginInfo, layer::SessionLayer, login::Login, secret,
    strategy::SessionStrategy,
};

/// The logins of a service. Clones share everything.
///
/// See the example at the [crate].
pub struct Sessions<U> {
    shared: Shared<U>,
}

impl<U: Principal> Sessions<U> {
    pub(crate) fn of(shared: Shared<U>) -> Self {
        Self { shared }
    }

    /// The strategy that accepts the cookie, for a chain.
    #[must_use]
    pub fn strategy(&self) -> SessionStrategy<U> {
        SessionStrategy::new(self.shared.clone())
    }

    /// The layer around everything that uses sessions.
    #[must_use]
    pub fn layer(&self) -> SessionLayer<U> {
        SessionLayer::new(self.shared.clone())
    }

    /// The revocations that a logout writes. Give them to the chain and to the registry of connections.
    #[must_use]
    pub fn revocations(&self) -> &Revocations {
        &self.shared.core.revocations
    }

    /// The origin under which browsers find the service.
    #[must_use]
    pub fn public_origin(&self) -> &Origin {
        &self.shared.core.settings.origin
    }

    /// The name of the cookie: `__Host-session`, or `session` on a loopback.
    #[must_use]
    pub fn cookie_name(&self) -> &str {
        &self.shared.core.settings.cookie_name
    }

    /// The logins of a user, the last used one first.
    ///
    /// # Errors
    /// If the store is down, or [`SessionUsers::id`](crate::SessionUsers::id) failed.
    pub async fn logins(&self, user: &U) -> Result<Vec<LoginInfo>, SessionError> {
        let (core, owner) = (&self.shared.core, RecordKey::owner(&self.principal(user)?));
        let now = core.now();
        let mut logins = Vec::new();
        for record in core.records.owned(&owner).await.map_err(SessionError::unavailable)? {
            let Ok(login) = Login::read(record) else { continue };
            if login.value.user.is_some() && !login.is_over_at(now) {
                logins.push(LoginInfo::new(&login));
            }
        }
        logins.sort_by_key(|login| std::cmp::Reverse(login.used_at()));
        Ok(logins)
    }

    /// Ends one login by its public id, on all nodes, with its open sockets and the tokens that hold its id. Returns false if
    /// there is none.
    ///
    /// # Security
    /// It does not ask whose login it is. Compare with [`logins`](Self::logins) if the id comes from a client.
    ///
    /// # Errors
    /// If the store is down. Don't tell anybody that the login has ended.
    pub async fn end(&self, sid: &str) -> Result<bool, SessionError> {
        if !secret::is_sid(sid) {
            return Ok(false);
        }
        let core = &self.shared.core;
        let login = core.load(sid, core.now()).await.map_err(SessionError::unavailable)?;
        let Some(login) = login else { return Ok(false) };
        core.end(&login, Ended::ById).await.map_err(SessionError::unavailable)?;
        Ok(true)
    }

    /// Ends all logins of a user on all nodes, and all tokens that were issued to the user up to now.
    ///
    /// # Errors
    /// If the store is down, or [`SessionUsers::id`](crate::SessionUsers::id) failed. Some may not have ended: try again.
    pub async fn end_all(&self, user: &U) -> Result<(), SessionError> {
        let (core, user) = (&self.shared.core, self.principal(user)?);
        core.end_all(&user, core.now(), None).await.map_err(SessionError::unavailable)
    }

    #[cfg(feature = "password")]
    pub(crate) fn now(&self) -> std::time::SystemTime {
        self.shared.core.now()
    }

    pub(crate) fn principal(&self, user: &U) -> Result<PrincipalId, SessionError> {
        match user.principal_id() {
            Some(principal) => Ok(principal),
            None => self.shared.users.id(user).map(|id| PrincipalId::new("", id)).map_err(SessionError::unavailable),
        }
    }
}

impl<U> Clone for Sessions<U> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<U> fmt::Debug for Sessions<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("core", &self.shared.core).finish_non_exhaustive()
    }
}
