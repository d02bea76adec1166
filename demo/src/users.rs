use auth_basic::{Argon2Passwords, BasicLogin};
use auth_core::{BoxError, Principal, PrincipalId};
use serde::Deserialize;

/// The hash of the password `password`, as a database would store it.
const PASSWORD_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$ZvRuUImwQzXEW8yQYY2vaw$dXEwb9ZV92fLrIT4VXDVVuEY3pLHHy7vCdHRsUXIX00";

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct User {
    /// The `sub` of the user's tokens.
    pub id: String,
    /// The login name.
    pub name: String,
}

impl Principal for User {
    fn principal_id(&self) -> Option<PrincipalId> {
        Some(PrincipalId::new("", &self.id))
    }
}

/// The claims that a token needs. The tutorial's has more, which are ignored.
#[derive(Debug, Deserialize)]
#[non_exhaustive]
pub struct Claims {
    /// The id of the user.
    pub sub: String,
}

/// The two users. A real application asks its database, and returns an error if that is down.
#[derive(Debug)]
pub struct Users {
    passwords: Argon2Passwords,
    known: [User; 2],
}

impl Users {
    /// `admin` with the id `1001`, and `guest` with the id `1003`. The password of both is `password`.
    #[must_use]
    pub fn new() -> Self {
        let user = |id: &str, name: &str| User { id: id.into(), name: name.into() };
        Self { passwords: Argon2Passwords::new(), known: [user("1001", "admin"), user("1003", "guest")] }
    }

    /// The user of a token.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<User> {
        self.known.iter().find(|user| user.id == id).cloned()
    }

    /// The user with this name, and the hash of the password.
    pub(crate) fn by_name(&self, name: &str) -> Option<(&User, &'static str)> {
        self.known.iter().find(|user| user.name == name).map(|user| (user, PASSWORD_HASH))
    }

    /// What checks passwords, and how many at a time.
    pub(crate) fn passwords(&self) -> &Argon2Passwords {
        &self.passwords
    }

    /// The user of a login.
    ///
    /// # Errors
    /// If too many logins are being checked at the moment.
    pub async fn by_login(&self, login: &BasicLogin) -> Result<Option<User>, BoxError> {
        let found = self.by_name(login.username());
        // An unknown user takes as long as a wrong password, so that the time does not reveal who exists.
        let right = self.passwords.verify(found.map(|(_, hash)| hash), login.password()).await?;
        Ok(found.filter(|_| right).map(|(user, _)| user.clone()))
    }
}

impl Default for Users {
    fn default() -> Self {
        Self::new()
    }
}
