use async_trait::async_trait;
use auth_core::{BoxError, Principal};

/// The users of the application: what a login keeps of one, and how to find the user again. Passport's `serializeUser` and
/// `deserializeUser`.
///
/// ```
/// use auth_core::{BoxError, Principal, PrincipalId};
/// use auth_session::{SessionUsers, async_trait};
///
/// struct User {
///     id: u64,
/// }
///
/// impl Principal for User {
///     fn principal_id(&self) -> Option<PrincipalId> {
///         Some(PrincipalId::new("", self.id.to_string()))
///     }
/// }
///
/// struct Users; // holds the pool of a database, say
///
/// #[async_trait]
/// impl SessionUsers for Users {
///     type User = User;
///
///     fn id(&self, user: &User) -> Result<String, BoxError> {
///         Ok(user.id.to_string())
///     }
///
///     async fn find(&self, id: &str) -> Result<Option<User>, BoxError> {
///         Ok(Some(User { id: id.parse()? })) // ask the database here
///     }
/// }
/// ```
#[async_trait]
pub trait SessionUsers: Send + Sync + 'static {
    /// The user type.
    type User: Principal;

    /// What the record of the login keeps of the user. It goes back to [`find`](Self::find) and nowhere else. Any text will do:
    /// an empty text and `0` are ids like any other. At most 16 KiB.
    ///
    /// # Errors
    /// If the user cannot be logged in. The client reads 503, and the error goes to the log.
    fn id(&self, user: &Self::User) -> Result<String, BoxError>;

    /// The user with this id; `None` if there is none any more, or if the user may not be logged in any more. The login then
    /// ends. It is asked at every request with a good cookie.
    ///
    /// # Errors
    /// If the users cannot be asked. The client reads 503, and the login stays.
    async fn find(&self, id: &str) -> Result<Option<Self::User>, BoxError>;
}
