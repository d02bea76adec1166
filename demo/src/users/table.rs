//! What a table of users is.

use auth_core::{BoxError, Principal, PrincipalId, async_trait};

/// The hash of the password `password`, as a database would store it.
const PASSWORD_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$ZvRuUImwQzXEW8yQYY2vaw$dXEwb9ZV92fLrIT4VXDVVuEY3pLHHy7vCdHRsUXIX00";

/// The users of the tutorial: id and name. The password of both is `password`.
const TUTORIAL: [(&str, &str); 2] = [("1001", "admin"), ("1003", "guest")];

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

/// A user and the hash of the password.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) user: User,
    pub(super) hash: String,
}

/// Where the users are kept. Names are in lower case.
#[async_trait]
pub(super) trait Table: Send + Sync {
    async fn by_id(&self, id: &str) -> Result<Option<User>, BoxError>;

    async fn by_name(&self, name: &str) -> Result<Option<Row>, BoxError>;

    /// False, and nothing changes, if the name is taken.
    async fn add(&self, row: Row) -> Result<bool, BoxError>;

    /// False, and nothing changes, if the hash is not `old` any more.
    async fn set_hash(&self, id: &str, old: &str, new: &str) -> Result<bool, BoxError>;
}

pub(super) fn tutorial() -> impl Iterator<Item = Row> {
    TUTORIAL.into_iter().map(|(id, name)| Row {
        user: User { id: id.to_owned(), name: name.to_owned() },
        hash: PASSWORD_HASH.to_owned(),
    })
}
