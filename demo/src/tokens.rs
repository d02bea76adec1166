use std::time::Duration;

use auth_core::{Authenticated, BoxError, Secret};
use auth_jwt::Signer;
use auth_session::{IssuedTokens, RefreshTokens, Sessions};
use auth_store::Throttle;
use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::{Settings, User, keys};

/// How long an access token is valid.
pub(crate) const TTL: Duration = Duration::from_secs(900);

/// What every token says of its user, besides what the library adds.
#[derive(Serialize)]
struct Claims<'u> {
    sub: &'u str,
}

#[derive(Serialize)]
struct Name {
    name: String,
}

#[derive(Serialize)]
struct Issued<'t> {
    token: &'t str,
    expires_in: u64,
    refresh_token: &'t str,
}

/// Signs a token for the user with this id. It belongs to no login.
///
/// # Errors
/// If the secret is empty, or if the operating system has no random bits.
pub fn sign(settings: &Settings, sub: &str, ttl: Duration) -> Result<Secret, BoxError> {
    Ok(signer(settings)?.sign_for(&Claims { sub }, ttl)?)
}

fn signer(settings: &Settings) -> Result<Signer, BoxError> {
    Ok(Signer::hs256(settings.hmac_secret())?.clock(settings.timer.clone()))
}

/// Logins of programs, and of the page under *Token*.
///
/// `POST /api/refresh` with `{"refresh_token"}` answers the next tokens, by the names of RFC 6749: `access_token`, `refresh_token`.
pub(crate) fn tokens(
    settings: &Settings,
    sessions: &Sessions<User>,
    throttle: Throttle,
) -> Result<RefreshTokens<User>, BoxError> {
    let tokens = RefreshTokens::new(sessions, signer(settings)?, [keys::derive(&settings.secret, "refresh token")?])?;
    Ok(tokens
        .path("/api/refresh")?
        .access_ttl(TTL)?
        .claims(|user: &User| Name { name: user.name.clone() })
        .throttle(throttle, settings.client_address))
}

/// `POST /api/token`: a new login.
pub(crate) async fn issue(State(tokens): State<RefreshTokens<User>>, user: Authenticated<User>) -> Response {
    // A change of the password meanwhile ends the login that the old one has proved.
    let proved_at = user.evidence().counts_from();
    match tokens.log_in(&user).label("Tokens").amr(["pwd"]).proved_at(proved_at).await {
        Ok(issued) => answer(&issued),
        Err(error) => error.into_response(),
    }
}

fn answer(issued: &IssuedTokens) -> Response {
    let body = Issued {
        token: issued.access_token().expose(),
        expires_in: issued.expires_in().as_secs(),
        refresh_token: issued.refresh_token().expose(),
    };
    ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
