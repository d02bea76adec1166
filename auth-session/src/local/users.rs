use async_trait::async_trait;
use auth_core::{BoxError, Principal};

/// Where the application keeps its passwords, for [`LocalLogin`](crate::LocalLogin).
#[async_trait]
pub trait LocalUsers: Send + Sync + 'static {
    /// The user type: that of [`SessionUsers`](crate::SessionUsers).
    type User: Principal;

    /// The user with this name, and the argon2 hash of the password in PHC form; `None` if there is none, or if the user has no
    /// password. The name is as the client sent it: not empty, at most 256 bytes, without control characters. It is not
    /// normalized.
    ///
    /// # Errors
    /// If the users cannot be asked. The client reads `unavailable`.
    async fn find(&self, username: &str) -> Result<Option<(Self::User, String)>, BoxError>;

    /// The name under which failures for this user name are counted, with a [throttle](crate::LocalLogin::throttle): the same for all
    /// names by which [`find`](Self::find) finds one user. The default is the name in lower case.
    ///
    /// # Security
    /// Two users never have one account: refuse at registration a name whose account another user has. Otherwise each of the two gets
    /// device cookies for the other, with up to 30 guesses more. If `find` normalizes more than that (it trims, or ignores dots), do
    /// the same here. Otherwise each spelling has a budget. It must not ask whether there is such a user.
    fn account(&self, username: &str) -> String {
        username.to_lowercase()
    }

    /// Stores a new hash in place of `old`: after a login whose hash is weaker than new ones, and after a change of the password.
    /// Returns false, and changes nothing, if the stored hash is not `old` any more: compare and set at once, as
    /// `UPDATE users SET hash = new WHERE id = … AND hash = old` does. Otherwise a login that is still checking the old password
    /// would bring it back after a change.
    ///
    /// # Errors
    /// If it was not stored. After a login, that goes to the log alone. A change of the password fails.
    async fn store_hash(&self, user: &Self::User, old: &str, new: &str) -> Result<bool, BoxError>;
}
