use std::{sync::Arc, time::Duration};

use auth_core::{Authenticated, BoxError, Secret};
use auth_jwt::Signer;
use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::{Settings, User};

/// How long a token of `POST /api/token` is valid.
pub(crate) const TTL: Duration = Duration::from_secs(900);

/// The claims of our tokens, besides `iat` and `exp`.
#[derive(Serialize)]
struct Claims<'u> {
    sub: &'u str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'u str>,
    /// Lets a single token be revoked.
    jti: String,
}

#[derive(Serialize)]
struct Issued<'t> {
    token: &'t str,
    expires_in: u64,
}

/// Signs a token for the user with this id.
///
/// # Errors
/// If the secret is empty, or if the operating system has no random bits.
pub fn sign(settings: &Settings, sub: &str, ttl: Duration) -> Result<Secret, BoxError> {
    Ok(signer(settings)?.sign_for(&Claims { sub, name: None, jti: random_id()? }, ttl)?)
}

pub(crate) fn signer(settings: &Settings) -> Result<Signer, BoxError> {
    Ok(Signer::hs256(settings.hmac_secret())?.clock(settings.timer.clone()))
}

/// `POST /api/token`
pub(crate) async fn issue(State(signer): State<Arc<Signer>>, user: Authenticated<User>) -> Response {
    let signed = || {
        let claims = Claims { sub: &user.id, name: Some(&user.name), jti: random_id()? };
        Ok::<_, BoxError>(signer.sign_for(&claims, TTL)?)
    };
    match signed() {
        Ok(token) => {
            let answer = Issued { token: token.expose(), expires_in: TTL.as_secs() };
            ([("cache-control", "no-store")], Json(answer)).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a token could not be signed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// 128 random bits in hexadecimal.
fn random_id() -> Result<String, BoxError> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits)?;
    Ok(bits.iter().map(|byte| format!("{byte:02x}")).collect())
}
