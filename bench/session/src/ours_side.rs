use auth_core::{Authenticated, BoxError, Chain, Challenge, Principal, PrincipalId, Revocation, async_trait};
use auth_session::{Session, SessionUsers, Sessions};
use auth_store::MemoryStore;
use axum::{
    Json, Router,
    extract::Query,
    routing::{get, post},
};
use floors::User;
use serde::{Serialize, Serializer};
use ws_adapter::AuthLayer;

use crate::{Users, Who};

pub struct Me(User);

/// What the page shows of a user: the peers' users are their own, and this one is shared.
struct Profile(Authenticated<Me>);

impl Serialize for Profile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.user().0.serialize(serializer)
    }
}

impl Principal for Me {
    fn principal_id(&self) -> Option<PrincipalId> {
        Some(PrincipalId::new("", &self.0.id))
    }
}

#[async_trait]
impl SessionUsers for Users {
    type User = Me;

    fn id(&self, user: &Me) -> Result<String, BoxError> {
        Ok(user.0.id.clone())
    }

    async fn find(&self, id: &str) -> Result<Option<Me>, BoxError> {
        Ok(Self::find(self, id).map(Me))
    }
}

/// As the documentation shows it, with the check for revocations, which a logout on another node needs. The peers have none.
pub fn app(users: &Users) -> Router {
    let (sessions, layer) = layers(users);
    let routes = Router::new().route("/me", get(me)).route_layer(layer).route("/login", post(log_in));
    routes.layer(sessions.layer())
}

/// Both layers in one call of `layer`.
pub fn app_with_one_layer(users: &Users) -> Router {
    let (sessions, layer) = layers(users);
    one_layer(&sessions, layer)
}

/// The same after a logout: the store has a revocation, so each request asks for its own.
pub async fn app_after_a_logout(users: &Users) -> Router {
    let (sessions, layer) = layers(users);
    sessions.revocations().revoke(&Revocation::session("", "another")).await.expect("a revocation");
    one_layer(&sessions, layer)
}

fn one_layer(sessions: &Sessions<Me>, layer: AuthLayer<Me>) -> Router {
    let log_in = Router::new().route("/login", post(log_in)).layer(sessions.layer());
    Router::new().route("/me", get(me)).layer((sessions.layer(), layer)).merge(log_in)
}

fn layers(users: &Users) -> (Sessions<Me>, AuthLayer<Me>) {
    let origin = "http://127.0.0.1";
    let sessions = Sessions::new(MemoryStore::new(), users.clone(), origin).expect("good settings");
    let chain = Chain::new().or(sessions.strategy()).revocation(sessions.revocations().clone());
    let layer = AuthLayer::new(chain.fallback_challenge(Challenge::bearer("bench")));
    (sessions, layer)
}

async fn me(user: Authenticated<Me>) -> Json<Profile> {
    Json(Profile(user))
}

async fn log_in(session: Session<Me>, Query(who): Query<Who>) {
    let user = Me(User { id: who.id.clone(), name: who.id });
    session.login(&user).await.expect("a login");
}
