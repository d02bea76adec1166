use auth_basic::Password;
use auth_core::{ClientAddress, Refusal};
use auth_session::LocalLogin;
use auth_store::{Guess, Throttle};
use axum::{
    Json, Router,
    body::Body,
    extract::State,
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response},
    routing::post,
};
use serde::{Deserialize, Serialize};

use crate::{User, Users, users::Name};

#[derive(Deserialize)]
struct NewUser {
    username: String,
    password: String,
}

#[derive(Serialize)]
struct Registered {
    id: String,
    name: String,
}

/// `POST /api/register` with `{"username", "password"}` makes a user: 201 with id and name. It logs nobody in.
///
/// | Refusal | When |
/// |---|---|
/// | 409 `name_taken` | another user has the name, in whatever case |
/// | 422 `invalid_name` | not 1 to 32 letters, digits and `-._` of ASCII |
/// | 422 `password_too_short` and others | [`LocalLogin::hash_new`] says which |
/// | 429 `too_many_attempts` | too many from one address |
/// | 503 `unavailable` | the users cannot be asked, or there are too many in memory |
pub(crate) fn route(state: Register) -> Router {
    Router::new().route("/api/register", post(register)).with_state(state)
}

#[derive(Clone)]
pub(crate) struct Register {
    pub(crate) local: LocalLogin<User>,
    pub(crate) users: Users,
    /// Each user counts as a failure of the address: 30 at once, then one every 20 s.
    pub(crate) throttle: Throttle,
}

async fn register(
    State(Register { local, users, throttle }): State<Register>,
    parts: Parts,
    // A foreign page cannot send this media type without asking first.
    Json(new): Json<NewUser>,
) -> Response {
    let Some(name) = Name::parse(&new.username) else {
        return refused(&Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_name"));
    };
    match throttle.take(&Guess::without_account().address(ClientAddress::peer().of(&parts))).await {
        Ok(permit) => permit.failed().await,
        Err(throttled) => return refused(&throttled.into()),
    }
    let hash = match local.hash_new(name.as_str(), &Password::new(new.password)).await {
        Ok(hash) => hash,
        Err(error) => return error.into_response(),
    };
    match users.add(&name, hash).await {
        Ok(Some(User { id, name })) => (StatusCode::CREATED, Json(Registered { id, name })).into_response(),
        Ok(None) => refused(&Refusal::new(StatusCode::CONFLICT, "name_taken")),
        Err(error) => refused(&Refusal::unavailable(error)),
    }
}

fn refused(refusal: &Refusal) -> Response {
    refusal.to_response().map(Body::from)
}
