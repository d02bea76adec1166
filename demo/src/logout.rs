use std::sync::Arc;

use auth_core::{Authenticated, Refusal, Revocation, RevocationTarget};
use auth_session::{Session, Sessions};
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
    pub(crate) sessions: Sessions<User>,
    pub(crate) timer: Arc<dyn Timer>,
}

#[derive(Serialize)]
struct Revoked {
    /// `token`, `login`, `session`, or `everything` that was issued to the user so far.
    revoked: &'static str,
}

/// `POST /api/logout`: revokes the token of the request, or ends its login or session, and closes its connections, on every node. A token
/// without a `jti` can't be revoked alone, so all tokens of the user are revoked. `?everywhere=1` always revokes all, and ends all
/// logins of the user. The layer has refused the request if a foreign page sent it with a cookie, or with a login that the browser
/// remembers.
pub(crate) async fn log_out(
    State(LogOut { revocations, sessions, timer }): State<LogOut>,
    RawQuery(query): RawQuery,
    user: Authenticated<User>,
    session: Session<User>,
) -> Response {
    let now = timer.now();
    let everywhere = query.is_some_and(|query| query.split('&').any(|pair| pair == "everywhere=1"));
    let by_session = user.evidence().strategy() == "session";
    if everywhere || by_session {
        // Its own login last: if the others can't be ended, the user can try again.
        let ended = if everywhere { sessions.end_all(&user).await } else { Ok(()) };
        let ended = match (ended, by_session) {
            (Ok(()), true) => session.logout().await,
            (ended, _) => ended,
        };
        return match ended {
            Ok(()) => revoked(if everywhere { "everything" } else { "session" }),
            Err(error) => error.into_response(),
        };
    }
    // A token of a login: the login ends, and with it its other tokens.
    if let Some(sid) = user.evidence().session_id().filter(|sid| sid.issuer().is_empty()) {
        match sessions.end_of(&user, sid.id()).await {
            Ok(true) => return revoked("login"),
            // It has ended before, or it is of somebody else: then the token alone is left.
            Ok(false) => {}
            Err(error) => return error.into_response(),
        }
    }
    let all = Revocation::of(user.evidence(), now);
    // A guest without an id can't be logged out, and must not think that it was.
    if all.is_empty() {
        return Refusal::new(StatusCode::CONFLICT, "nothing_to_revoke").to_response().map(Body::from);
    }
    let is_everything = all.iter().any(|revocation| matches!(revocation.target(), RevocationTarget::User { .. }));
    if is_everything && let Err(error) = sessions.end_all(&user).await {
        return error.into_response();
    }
    match revocations.revoke_all(&all).await {
        Ok(()) => revoked(if is_everything { "everything" } else { "token" }),
        Err(unavailable) => {
            tracing::error!(%unavailable, "nothing was revoked");
            Refusal::from(unavailable).to_response().map(Body::from)
        }
    }
}

fn revoked(what: &'static str) -> Response {
    ([("cache-control", "no-store")], Json(Revoked { revoked: what })).into_response()
}
