use std::convert::Infallible;

use auth_basic::{Basic, BasicLogin};
use auth_core::{
    Authenticated, Chain, Principal, PrincipalId,
    extract::{Extractor as _, bearer, cookie, subprotocol},
};
use auth_jwt::Jwt;
use axum::{
    Json, Router,
    response::Response,
    routing::{any, get},
};
use ws_adapter::{AuthLayer, AuthWebSocketUpgrade, Protected};

#[derive(serde::Deserialize)]
struct Claims {
    sub: String,
}

#[derive(Clone, serde::Serialize)]
struct User {
    id: String,
}

impl Principal for User {
    fn principal_id(&self) -> Option<PrincipalId> {
        Some(PrincipalId::new("", &self.id))
    }
}

async fn me(user: Authenticated<User>) -> Json<User> {
    Json(user.user().clone())
}

#[derive(Clone)]
struct Users;

impl Users {
    async fn find_by_id(&self, id: &str) -> Result<Option<User>, Infallible> {
        Ok(Some(User { id: id.to_owned() }))
    }
}

async fn check_password(_: BasicLogin) -> Result<Option<User>, Infallible> {
    Ok(None)
}

let users = Users;
let secret = "a secret of at least thirty-two bytes";
