use std::time::Duration;

use auth_basic::Password;
use auth_core::{ClientAddress, Refusal};
use auth_session::LocalLogin;
use auth_store::{Guess, Throttle};
use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::State,
    http::{StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
    routing::post,
};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::{User, Users, users::Name};

const MAX_LEN: usize = 4 * 1024;
const PATIENCE: Duration = Duration::from_secs(10);

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
/// | 400, 408, 413, 415 | malformed, too slow, too large, another media type |
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
    pub(crate) address: ClientAddress,
}

async fn register(
    State(Register { local, users, throttle, address }): State<Register>,
    parts: Parts,
    body: Body,
) -> Response {
    let new = match read(&parts, body).await {
        Ok(new) => new,
        Err(refusal) => return refused(&refusal),
    };
    let Some(name) = Name::parse(&new.username) else {
        return refused(&Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_name"));
    };
    match throttle.take(&Guess::without_account().address(address.of(&parts))).await {
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

/// A body of at most 4 KiB, within ten seconds. The answer never shows what was sent.
async fn read(parts: &Parts, body: Body) -> Result<NewUser, Refusal> {
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    // A foreign page cannot send this media type without asking first.
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"));
    }
    match timeout(PATIENCE, to_bytes(body, MAX_LEN)).await {
        Ok(Ok(bytes)) => {
            serde_json::from_slice(&bytes).map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "invalid_request"))
        }
        Ok(Err(_)) => Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large")),
        Err(_) => Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "request_timeout")),
    }
}

fn refused(refusal: &Refusal) -> Response {
    refusal.to_response().map(Body::from)
}
