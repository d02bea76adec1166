//! Login and logout with a password.

mod answer;
mod body;
mod change;
mod guard;
mod label;
mod policy;
mod routes;
mod users;

use std::{fmt, sync::Arc};

use auth_basic::{Argon2Passwords, Password};
use auth_core::{BoxError, ClientAddress, ConfigError, Principal};
use auth_store::Throttle;

use self::guard::Guard;
pub use self::{
    policy::{NewPasswordError, NewPasswordErrorKind, PasswordPolicy},
    users::LocalUsers,
};
use crate::{return_to::ReturnTo, sessions::Sessions};

/// The longest user name that is looked up, in bytes.
const MAX_NAME: usize = 256;

/// Login and logout with a user name and a password: the routes, and helpers for registration and a change of the password.
/// Clones share everything.
///
/// ```
/// # use auth_core::{BoxError, ConfigError, Principal};
/// # use auth_session::{LocalLogin, LocalUsers, Sessions};
/// # fn app<U: Principal>(sessions: Sessions<U>, users: impl LocalUsers<User = U>) -> Result<axum::Router, ConfigError> {
/// let local = LocalLogin::new(sessions.clone(), users).after_login("/inbox")?;
/// Ok(axum::Router::new().merge(local.routes()).layer(sessions.layer()))
/// # }
/// ```
///
/// A login gets a label for the [list of logins](Sessions::logins), from the `User-Agent`: `Firefox on Linux`, `curl`. It is what the
/// client says about itself, and has letters, digits, blanks and `-._` alone. For another label, log in by hand.
///
/// # Guessing
/// With a [`throttle`](Self::throttle), the route of the login, [`verify_request`](Self::verify_request) and
/// [`change_password`](Self::change_password) count failures. [`verify`](Self::verify) counts nothing. A wrong password leaves its
/// [`Refusal`](auth_core::Refusal) in the extensions of the response:
/// [`is_wrong_credential`](auth_core::Refusal::is_wrong_credential).
pub struct LocalLogin<U>(Arc<Inner<U>>);

pub(crate) struct Inner<U> {
    sessions: Sessions<U>,
    users: Arc<dyn LocalUsers<User = U>>,
    passwords: Argon2Passwords,
    policy: PasswordPolicy,
    login_path: ReturnTo,
    logout_path: ReturnTo,
    after_login: ReturnTo,
    after_logout: ReturnTo,
    failure: ReturnTo,
    keeps_data: bool,
    guard: Option<Guard>,
}

impl<U: Principal> LocalLogin<U> {
    /// Logins of these users. Requests have to come from a page that may change the session: see
    /// [`Session`](crate::Session#security).
    #[must_use]
    pub fn new(sessions: Sessions<U>, users: impl LocalUsers<User = U>) -> Self {
        let path = |text: &str| ReturnTo::constant(text);
        Self(Arc::new(Inner {
            sessions,
            users: Arc::new(users),
            passwords: Argon2Passwords::new(),
            policy: PasswordPolicy::default(),
            login_path: path("/login"),
            logout_path: path("/logout"),
            after_login: path("/"),
            after_logout: path("/"),
            failure: path("/login"),
            keeps_data: false,
            guard: None,
        }))
    }

    /// Sets how passwords are hashed and checked. The default is [`Argon2Passwords::new`]. Take the parameters from your stored
    /// hashes: see there.
    #[must_use]
    pub fn passwords(self, passwords: Argon2Passwords) -> Self {
        self.set(|inner| inner.passwords = passwords)
    }

    /// Sets the rules for new passwords. The default is [`PasswordPolicy::alone`].
    #[must_use]
    pub fn policy(self, policy: PasswordPolicy) -> Self {
        self.set(|inner| inner.policy = policy)
    }

    /// Sets the paths of the two routes. The defaults are `/login` and `/logout`.
    ///
    /// # Errors
    /// If one is not a local path, see [`ReturnTo`].
    pub fn paths(self, login: &str, logout: &str) -> Result<Self, ConfigError> {
        let (login, logout) = (local(login)?, local(logout)?);
        Ok(self.set(|inner| (inner.login_path, inner.logout_path) = (login, logout)))
    }

    /// Sets where a page goes after a login, if neither the form nor the session says so. The default is `/`.
    ///
    /// # Errors
    /// If it is not a local path, see [`ReturnTo`].
    pub fn after_login(self, path: &str) -> Result<Self, ConfigError> {
        let path = local(path)?;
        Ok(self.set(|inner| inner.after_login = path))
    }

    /// Sets where a page goes after a logout. The default is `/`.
    ///
    /// # Errors
    /// If it is not a local path, see [`ReturnTo`].
    pub fn after_logout(self, path: &str) -> Result<Self, ConfigError> {
        let path = local(path)?;
        Ok(self.set(|inner| inner.after_logout = path))
    }

    /// Sets where a page goes after a failed login. `error=<code>` is added to its query, and `returnTo` if the form has one.
    /// The default is `/login`.
    ///
    /// # Errors
    /// If it is not a local path, see [`ReturnTo`], or has a fragment.
    pub fn failure(self, path: &str) -> Result<Self, ConfigError> {
        if path.contains('#') {
            return Err(ConfigError::new("the failure path of a login must not have a fragment"));
        }
        let path = local(path)?;
        Ok(self.set(|inner| inner.failure = path))
    }

    /// Keeps the data of the visitor's session at the login: see [`LogIn::keep_data`](crate::LogIn::keep_data).
    #[must_use]
    pub fn keep_data(self) -> Self {
        self.set(|inner| inner.keeps_data = true)
    }

    /// Limits how often somebody may guess a password. `address` says how the address of a client is found.
    ///
    /// A place is taken before the password is hashed. If none is left, the answer is 429 `too_many_attempts` with `Retry-After`, for
    /// unknown users too; a page is sent to the [failure path](Self::failure), `?error=too_many_attempts&retryAfter=<seconds>`. A request
    /// that is dropped while the password is checked counts as a failure. If the store of the throttle is down, nobody logs in: 503.
    ///
    /// [`verify_request`](Self::verify_request) counts in the same way, for a route of your own.
    /// [`change_password`](Self::change_password) counts by the login: see there.
    ///
    /// Accounts count by [`LocalUsers::account`]. If the throttle [knows devices](Throttle::devices), a login sets the cookie
    /// `__Host-device` (on a loopback `device`): `HttpOnly`, `SameSite=Strict`, for a year. It logs nobody in. It gives the browser a
    /// budget of its own, so that strangers don't lock the owner out; see the repository's `docs/throttling.md`.
    #[must_use]
    pub fn throttle(self, throttle: Throttle, address: ClientAddress) -> Self {
        let is_secure = self.0.sessions.core().settings.is_secure;
        self.set(|inner| inner.guard = Some(Guard::new(throttle, address, is_secure)))
    }

    /// The user, if the password is right. It counts no failures: see [`verify_request`](Self::verify_request).
    ///
    /// For an unknown user the same work is done. A stored hash that is weaker than new ones
    /// is replaced: see [`Argon2Passwords::has_outgrown`]. A stronger one stays.
    ///
    /// # Errors
    /// If the users cannot be asked, or the password cannot be checked: too many at once, or a hash that is not argon2. It says
    /// nothing about the password.
    pub async fn verify(&self, username: &str, password: &Password) -> Result<Option<U>, BoxError> {
        Ok(self.check(username, password).await?.map(|(user, _)| user))
    }

    /// The user, and the hash that is stored now.
    async fn check(&self, username: &str, password: &Password) -> Result<Option<(U, String)>, BoxError> {
        let found = self.find(username).await?;
        self.check_found(found, password).await
    }

    /// The user with this name, and the stored hash.
    async fn find(&self, username: &str) -> Result<Option<(U, String)>, BoxError> {
        let is_name = !username.is_empty() && username.len() <= MAX_NAME && !username.chars().any(char::is_control);
        if is_name { self.0.users.find(username).await } else { Ok(None) }
    }

    async fn check_found(
        &self,
        found: Option<(U, String)>,
        password: &Password,
    ) -> Result<Option<(U, String)>, BoxError> {
        let Inner { passwords, .. } = &*self.0;
        let stored = found.as_ref().map(|(_, hash)| &**hash);
        if !passwords.verify(stored, password).await? {
            return Ok(None);
        }
        let Some((user, mut stored)) = found else { return Ok(None) };
        if passwords.has_outgrown(&stored) {
            match self.rehash(&user, &stored, password).await {
                Ok(Some(new)) => stored = new,
                Ok(None) => tracing::debug!("the hash of a password has changed meanwhile"),
                Err(cause) => tracing::warn!(cause = &*cause, "the hash of a password was not replaced"),
            }
        }
        Ok(Some((user, stored)))
    }

    /// The hash of a new password, for a registration. The password has to meet the [policy](Self::policy).
    ///
    /// # Errors
    /// Why it is not good enough, or that it cannot be hashed now.
    pub async fn hash_new(&self, username: &str, password: &Password) -> Result<String, NewPasswordError> {
        self.0.policy.check(username, password).await?;
        self.0.passwords.hash(password).await.map_err(NewPasswordError::unavailable)
    }

    /// The new hash, if it was stored.
    async fn rehash(&self, user: &U, old: &str, password: &Password) -> Result<Option<String>, BoxError> {
        let new = self.0.passwords.hash(password).await?;
        Ok(self.0.users.store_hash(user, old, &new).await?.then_some(new))
    }

    pub(crate) fn inner(&self) -> &Inner<U> {
        &self.0
    }

    /// The same with one setting changed. Clones stay as they are.
    fn set(mut self, set: impl FnOnce(&mut Inner<U>)) -> Self {
        set(Arc::make_mut(&mut self.0));
        self
    }
}

fn local(path: &str) -> Result<ReturnTo, ConfigError> {
    let error =
        || ConfigError::new(format!("`{}` is not a path of this service: write it like `/inbox`", path.escape_debug()));
    ReturnTo::parse(path).ok_or_else(error)
}

impl<U> Clone for Inner<U> {
    fn clone(&self) -> Self {
        Self {
            sessions: self.sessions.clone(),
            users: Arc::clone(&self.users),
            passwords: self.passwords.clone(),
            policy: self.policy.clone(),
            login_path: self.login_path.clone(),
            logout_path: self.logout_path.clone(),
            after_login: self.after_login.clone(),
            after_logout: self.after_logout.clone(),
            failure: self.failure.clone(),
            keeps_data: self.keeps_data,
            guard: self.guard.clone(),
        }
    }
}

impl<U> Clone for LocalLogin<U> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<U> fmt::Debug for LocalLogin<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalLogin")
            .field("passwords", &self.0.passwords)
            .field("policy", &self.0.policy)
            .finish_non_exhaustive()
    }
}
