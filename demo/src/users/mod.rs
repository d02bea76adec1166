//! The users, in memory or in a file.

mod memory;
mod sqlite;
mod table;

use std::{fmt, path::Path, sync::Arc};

use auth_basic::{Argon2Passwords, BasicLogin};
use auth_core::BoxError;
use serde::Deserialize;

pub use self::table::User;
use self::{
    memory::Memory,
    sqlite::Sqlite,
    table::{Row, Table},
};

/// The longest name.
const MAX_NAME: usize = 32;

/// The claims that a token needs. The tutorial's has more, which are ignored.
#[derive(Debug, Deserialize)]
#[non_exhaustive]
pub struct Claims {
    /// The id of the user.
    pub sub: String,
}

/// The users: `admin` with the id `1001` and `guest` with the id `1003`, both with the password `password`, and those who register.
/// Clones share them.
#[derive(Clone)]
pub struct Users {
    passwords: Argon2Passwords,
    table: Arc<dyn Table>,
}

impl Users {
    /// Users who are forgotten when the program ends.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::of(Memory::new())
    }

    /// Users in a file of SQLite, which is made if it does not exist.
    ///
    /// # Errors
    /// If the file cannot be used.
    pub async fn in_file(path: &Path) -> Result<Self, BoxError> {
        Ok(Self::of(Sqlite::open(path).await?))
    }

    fn of(table: impl Table + 'static) -> Self {
        Self { passwords: Argon2Passwords::new(), table: Arc::new(table) }
    }

    /// The user of a token.
    ///
    /// # Errors
    /// If the users cannot be asked.
    pub async fn by_id(&self, id: &str) -> Result<Option<User>, BoxError> {
        self.table.by_id(id).await
    }

    /// The user with this name, in any case, and the hash of the password.
    pub(crate) async fn by_name(&self, name: &str) -> Result<Option<(User, String)>, BoxError> {
        Ok(self.table.by_name(&name.to_lowercase()).await?.map(|Row { user, hash }| (user, hash)))
    }

    /// A new user; `None` if the name is taken.
    pub(crate) async fn add(&self, name: &Name, hash: String) -> Result<Option<User>, BoxError> {
        let user = User { id: random_id()?, name: name.0.clone() };
        Ok(self.table.add(Row { user: user.clone(), hash }).await?.then_some(user))
    }

    pub(crate) async fn set_hash(&self, id: &str, old: &str, new: &str) -> Result<bool, BoxError> {
        self.table.set_hash(id, old, new).await
    }

    /// What checks passwords, and how many at a time.
    pub(crate) fn passwords(&self) -> &Argon2Passwords {
        &self.passwords
    }

    /// The user of a login.
    ///
    /// # Errors
    /// If the users cannot be asked, or if too many logins are being checked at the moment.
    pub async fn by_login(&self, login: &BasicLogin) -> Result<Option<User>, BoxError> {
        let found = self.by_name(login.username()).await?;
        // An unknown user takes as long as a wrong password, so that the time does not reveal who exists.
        let stored = found.as_ref().map(|(_, hash)| &**hash);
        let right = self.passwords.verify(stored, login.password()).await?;
        Ok(found.filter(|_| right).map(|(user, _)| user))
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Users").finish_non_exhaustive()
    }
}

/// The name of a new user, in lower case: two users never differ by case alone, since they would share an account of the throttle.
pub(crate) struct Name(String);

impl Name {
    /// `None` if it is empty, longer than 32 characters, or has others than letters, digits and `-._` of ASCII.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_good = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
        let is_name = (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(is_good);
        is_name.then(|| Self(text.to_ascii_lowercase()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// 128 random bits in hexadecimal.
fn random_id() -> Result<String, BoxError> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits)?;
    Ok(bits.iter().map(|byte| format!("{byte:02x}")).collect())
}
