use std::sync::Arc;

use auth_core::{Authenticated, Refusal, Revocation, RevocationTarget};
use auth_store::Revocations;
use axum::{
    Json,
    body::Body,
    extract::{RawQuery, State},
    http::StatusCode,
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
    /// `token`, or `everything` that was issued to the user so far.
    revoked: &'static str,
}

/// `POST /api/logout`: revokes the token of the request and closes its connections, on every node. A token without a `jti`
/// can't be revoked alone, so all tokens of the user are revoked. `?everywhere=1` always revokes all. The layer has refused the request
/// if a foreign page sent it with a cookie, or with a login that the browser remembers.
pub(crate) async fn log_out(
    State(LogOut { revocations, timer }): State<LogOut>,
    RawQuery(query): RawQuery,
    user: Authenticated<User>,
) -> Response {
    let now = timer.now();
    let everywhere = query.is_some_and(|query| query.split('&').any(|pair| pair == "everywhere=1"));
    let all = match (everywhere, user.evidence().principal()) {
        (true, user) => user.map(|user| Revocation::user(user.clone(), now)).into_iter().collect(),
        (false, _) => Revocation::of(user.evidence(), now),
    };
    // A guest without an id can't be logged out, and must not think that it was.
    if all.is_empty() {
        return Refusal::new(StatusCode::CONFLICT, "nothing_to_revoke").to_response().map(Body::from);
    }
    let is_everything = all.iter().any(|revocation| matches!(revocation.target(), RevocationTarget::User { .. }));
    match revocations.revoke_all(&all).await {
        Ok(()) => {
            let answer = Revoked { revoked: if is_everything { "everything" } else { "token" } };
            ([("cache-control", "no-store")], Json(answer)).into_response()
        }
        Err(unavailable) => {
            tracing::error!(%unavailable, "nothing was revoked");
            Refusal::from(unavailable).to_response().map(Body::from)
        }
    }
}
