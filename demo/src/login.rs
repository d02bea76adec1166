use std::sync::Arc;

use auth_core::{BoxError, Chain, Challenge, ConfigError, async_trait};
use auth_session::{LocalLogin, LocalUsers, LoginOverflow, SessionUsers, Sessions, SessionsBuilder};
use auth_store::{Revocations, Throttle};
use ws_adapter::AuthLayer;

use crate::{Settings, User, Users};

/// How often one user may be logged in. A program that asks for tokens again and again must not fill the store.
const MAX_LOGINS: usize = 100;

/// What a login keeps of a user: the id.
struct ById(Users);

#[async_trait]
impl SessionUsers for ById {
    type User = User;

    fn id(&self, user: &User) -> Result<String, BoxError> {
        Ok(user.id.clone())
    }

    async fn find(&self, id: &str) -> Result<Option<User>, BoxError> {
        self.0.by_id(id).await
    }
}

/// The logins. A logout writes to `revocations`.
pub(crate) fn sessions(
    settings: &Settings,
    users: &Users,
    revocations: Revocations,
) -> Result<Sessions<User>, ConfigError> {
    let (records, users) = (Arc::clone(&settings.records), ById(users.clone()));
    SessionsBuilder::from_parts(records, revocations, users, &settings.public_origin)
        .clock(settings.timer.clone())
        .max_logins(MAX_LOGINS, LoginOverflow::EndOldest)
        .build()
}

/// The passwords of the users.
struct ByName(Users);

#[async_trait]
impl LocalUsers for ByName {
    type User = User;

    async fn find(&self, username: &str) -> Result<Option<(User, String)>, BoxError> {
        self.0.by_name(username).await
    }

    async fn store_hash(&self, user: &User, old: &str, new: &str) -> Result<bool, BoxError> {
        self.0.set_hash(&user.id, old, new).await
    }
}

/// `POST /login` and `POST /logout`, for the form of the page and for JSON.
pub(crate) fn local(
    settings: &Settings,
    sessions: &Sessions<User>,
    throttle: Throttle,
) -> Result<LocalLogin<User>, ConfigError> {
    let users = settings.users.clone();
    let local = LocalLogin::new(sessions.clone(), ByName(users.clone())).passwords(users.passwords().clone());
    local.throttle(throttle, settings.client_address).failure("/")
}

/// Answers for nobody but the session. The page asks there whether it is logged in: another 401 would make the browser show its
/// password prompt for Basic.
pub(crate) fn session_alone(settings: &Settings, sessions: &Sessions<User>) -> AuthLayer<User> {
    let chain = Chain::new().or(sessions.strategy()).revocation(sessions.revocations().clone());
    AuthLayer::new(chain.fallback_challenge(Challenge::bearer("demo"))).timer(settings.timer.clone())
}
