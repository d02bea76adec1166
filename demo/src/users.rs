use auth_basic::{Argon2Passwords, BasicLogin};
use auth_core::BoxError;
use serde::Deserialize;

/// What a database would hold of the password `password`.
const ADMIN_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$ZvRuUImwQzXEW8yQYY2vaw$dXEwb9ZV92fLrIT4VXDVVuEY3pLHHy7vCdHRsUXIX00";

/// Who may come in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct User {
    /// The subject of its tokens.
    pub id: String,
    /// The name under which it logs in.
    pub name: String,
}

/// What a token has to say. The tutorial's says more, which is passed over.
#[derive(Debug, Deserialize)]
#[non_exhaustive]
pub struct Claims {
    /// The id of the user.
    pub sub: String,
}

/// The users: there is one. A real application asks its database, and fails with an error where that is down.
#[derive(Debug)]
pub struct Users {
    passwords: Argon2Passwords,
    admin: User,
}

impl Users {
    /// The user `admin` with the id `1001` and the password `password`.
    #[must_use]
    pub fn new() -> Self {
        Self { passwords: Argon2Passwords::new(), admin: User { id: "1001".into(), name: "admin".into() } }
    }

    /// The user of a token.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<User> {
        (id == self.admin.id).then(|| self.admin.clone())
    }

    /// The user of a login.
    ///
    /// # Errors
    /// If too many logins are being checked at the moment.
    pub async fn by_login(&self, login: &BasicLogin) -> Result<Option<User>, BoxError> {
        let known = login.username() == self.admin.name;
        // An unknown user costs as much as a wrong password, so that the time does not tell who exists.
        let stored = known.then_some(ADMIN_HASH);
        let right = self.passwords.verify(stored, login.password()).await?;
        Ok(right.then(|| self.admin.clone()))
    }
}

impl Default for Users {
    fn default() -> Self {
        Self::new()
    }
}
