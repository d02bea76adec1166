//! The peers, each as its documentation shows it.

use std::convert::Infallible;

use axum::{
    Json, Router,
    extract::{FromRequestParts, Query},
    http::{StatusCode, request::Parts},
    routing::{get, post},
};
use axum_login::{AuthManagerLayerBuilder, AuthUser, AuthnBackend, UserId, login_required};
use floors::User;
use serde::Deserialize;
use tower_sessions::{Expiry, MemoryStore, Session, SessionManagerLayer, cookie::time::Duration};

use crate::{Users, Who};

fn sessions() -> SessionManagerLayer<MemoryStore> {
    let layer = SessionManagerLayer::new(MemoryStore::default());
    layer.with_secure(false).with_expiry(Expiry::OnInactivity(Duration::hours(1)))
}

/// A session that holds the user's id, and a handler that looks the user up.
pub fn tower_sessions(users: &Users) -> Router {
    let users = users.clone();
    let me = move |session: Session| {
        let users = users.clone();
        async move {
            let id: Option<String> = session.get("user").await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
            let user = id.and_then(|id| users.find(&id)).ok_or(StatusCode::UNAUTHORIZED)?;
            Ok::<_, StatusCode>(Json(user))
        }
    };
    let log_in = async |session: Session, Query(who): Query<Who>| {
        session.cycle_id().await.expect("a new id");
        session.insert("user", who.id).await.expect("a stored id");
    };
    Router::new().route("/me", get(me)).route("/login", post(log_in)).layer(sessions())
}

#[derive(Clone, Debug)]
pub struct Account(User);

impl AuthUser for Account {
    type Id = String;

    fn id(&self) -> String {
        self.0.id.clone()
    }

    fn session_auth_hash(&self) -> &[u8] {
        self.0.id.as_bytes()
    }
}

#[derive(Clone)]
pub struct Backend(Users);

#[derive(Clone, Deserialize)]
pub struct Credentials;

impl AuthnBackend for Backend {
    type User = Account;
    type Credentials = Credentials;
    type Error = Infallible;

    async fn authenticate(&self, _: Credentials) -> Result<Option<Account>, Infallible> {
        Ok(None)
    }

    async fn get_user(&self, id: &UserId<Self>) -> Result<Option<Account>, Infallible> {
        Ok(self.0.find(id).map(Account))
    }
}

type AuthSession = axum_login::AuthSession<Backend>;

/// What a handler takes out of the session.
struct LoggedIn(User);

impl<S: Send + Sync> FromRequestParts<S> for LoggedIn {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, StatusCode> {
        let session = AuthSession::from_request_parts(parts, state).await.map_err(|(status, _)| status)?;
        let user = session.user.ok_or(StatusCode::UNAUTHORIZED)?;
        Ok(Self(user.0))
    }
}

pub fn axum_login(users: &Users) -> Router {
    let layer = AuthManagerLayerBuilder::new(Backend(users.clone()), sessions()).build();
    let log_in = async |mut session: AuthSession, Query(who): Query<Who>| {
        let user = User { id: who.id.clone(), name: who.id };
        session.login(&Account(user)).await.expect("a login");
    };
    Router::new()
        .route("/me", get(async |LoggedIn(user): LoggedIn| Json(user)))
        .route_layer(login_required!(Backend))
        .route("/login", post(log_in))
        .layer(layer)
}
