use std::fmt;

use auth_core::{Origin, Principal, PrincipalId};
use auth_store::{RecordKey, Revocations};

use crate::{error::SessionError, handle::Shared, info::LoginInfo, layer::SessionLayer, strategy::SessionStrategy};

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
        let owner = RecordKey::owner(&self.principal(user)?);
        let logins = self.shared.core.logins_of(&owner).await.map_err(SessionError::unavailable)?;
        Ok(logins.iter().map(LoginInfo::new).collect())
    }

    /// Ends one login by its public id, on all nodes, with its open sockets and the tokens that hold its id. Returns false if
    /// there is none.
    ///
    /// # Security
    /// It does not ask whose login it is. Call [`end_of`](Self::end_of) if the id comes from a client.
    ///
    /// # Errors
    /// If the store is down. Don't tell anybody that the login has ended.
    pub async fn end(&self, sid: &str) -> Result<bool, SessionError> {
        self.shared.core.end_by_id(sid, None).await.map_err(SessionError::unavailable)
    }

    /// As [`end`](Self::end), if it is a login of this user. Returns false for a login of somebody else, as for an unknown one.
    ///
    /// It asks nothing about the request. Where the user is logged in with a cookie, call
    /// [`Session::end_login`](crate::Session::end_login).
    ///
    /// # Errors
    /// As for [`end`](Self::end), or if [`SessionUsers::id`](crate::SessionUsers::id) failed.
    pub async fn end_of(&self, user: &U, sid: &str) -> Result<bool, SessionError> {
        let owner = RecordKey::owner(&self.principal(user)?);
        self.shared.core.end_by_id(sid, Some(&owner)).await.map_err(SessionError::unavailable)
    }

    /// Ends all logins of a user on all nodes, and all tokens that were issued to the user up to now.
    ///
    /// # Errors
    /// If the store is down, or [`SessionUsers::id`](crate::SessionUsers::id) failed. Some may not have ended: try again.
    pub async fn end_all(&self, user: &U) -> Result<(), SessionError> {
        let (core, user) = (&self.shared.core, self.principal(user)?);
        core.end_all(&user, core.now(), None).await.map_err(SessionError::unavailable)
    }

    #[cfg(feature = "axum")]
    pub(crate) fn core(&self) -> &std::sync::Arc<crate::core::Core> {
        &self.shared.core
    }

    #[cfg(feature = "tokens")]
    pub(crate) fn users(&self) -> &dyn crate::users::SessionUsers<User = U> {
        &*self.shared.users
    }

    #[cfg(feature = "axum")]
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
