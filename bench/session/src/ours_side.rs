use auth_core::{Authenticated, BoxError, Chain, Challenge, Principal, PrincipalId, async_trait};
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

/// With the check for revocations, which a logout on another node needs. The peers have none.
pub fn app(users: &Users) -> Router {
    let origin = "http://127.0.0.1";
    let sessions = Sessions::new(MemoryStore::new(), users.clone(), origin).expect("good settings");
    let chain = Chain::new().or(sessions.strategy()).revocation(sessions.revocations().clone());
    let layer = AuthLayer::new(chain.fallback_challenge(Challenge::bearer("bench")));
    let me = async |user: Authenticated<Me>| Json(Profile(user));
    let log_in = async |session: Session<Me>, Query(who): Query<Who>| {
        let user = Me(User { id: who.id.clone(), name: who.id });
        session.login(&user).await.expect("a login");
    };
    Router::new().route("/me", get(me)).route_layer(layer).route("/login", post(log_in)).layer(sessions.layer())
}
