use std::sync::Arc;

use auth_core::{Authenticated, Principal as _, Refusal, Revocation, RevocationTarget};
use auth_store::Revocations;
use axum::{
    Json,
    body::Body,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use ws_adapter::Timer;

use crate::User;

#[derive(Clone)]
pub(crate) struct LogOut {
    pub(crate) revocations: Revocations,
    pub(crate) timer: Arc<dyn Timer>,
}

#[derive(Serialize)]
struct Revoked {
    /// `token`, or `everything` of the user that was issued up to now.
    revoked: &'static str,
}

/// `POST /api/logout`: denies the token that it is sent with, and closes what was opened with it, on every node. Without a
/// `jti` a token cannot be told from the user's others, so all of them go; with `?everywhere=1` they do in any case.
pub(crate) async fn log_out(
    State(LogOut { revocations, timer }): State<LogOut>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    user: Authenticated<User>,
) -> Response {
    if is_foreign(&headers) {
        return Refusal::new(StatusCode::FORBIDDEN, "origin_not_allowed").to_response().map(Body::from);
    }
    let everything = Revocation::user(user.principal_id(), timer.now());
    let everywhere = query.is_some_and(|query| query.split('&').any(|pair| pair == "everywhere=1"));
    let revocation = match Revocation::of(user.evidence(), timer.now()) {
        Some(own) if !everywhere => own,
        _ => everything,
    };
    let is_one = matches!(revocation.target(), RevocationTarget::Credential { .. });
    match revocations.revoke(&revocation).await {
        Ok(()) => {
            let answer = Revoked { revoked: if is_one { "token" } else { "everything" } };
            ([("cache-control", "no-store")], Json(answer)).into_response()
        }
        Err(unavailable) => {
            tracing::error!(%unavailable, "nothing was revoked");
            Refusal::from(unavailable).to_response().map(Body::from)
        }
    }
}

/// Whether a page of another origin posts, with a cookie or a login that the browser remembers. The layer does not look at
/// the origin of plain requests; an application puts a middleware against forged requests in front of what changes state.
fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let host = text(header::HOST).unwrap_or_default();
    text(header::ORIGIN).is_some_and(|origin| origin.split_once("://").map(|(_, place)| place) != Some(host))
}
