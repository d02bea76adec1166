use std::sync::Arc;

use auth_core::{Authenticated, Origin, Refusal, Revocation, RevocationTarget};
use auth_store::Revocations;
use axum::{
    Json,
    body::Body,
    extract::{RawQuery, State},
    http::{StatusCode, request::Parts},
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
/// can't be revoked alone, so all tokens of the user are revoked. `?everywhere=1` always revokes all.
pub(crate) async fn log_out(
    State(LogOut { revocations, timer }): State<LogOut>,
    RawQuery(query): RawQuery,
    request: Parts,
    user: Authenticated<User>,
) -> Response {
    if is_foreign(&request) {
        return Refusal::new(StatusCode::FORBIDDEN, "origin_not_allowed").to_response().map(Body::from);
    }
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

/// Whether a page of another origin sent the request, with a cookie or a login that the browser remembers. The layer does not
/// check the origin of plain requests. Applications put a CSRF middleware in front of routes that change state.
fn is_foreign(request: &Parts) -> bool {
    match Origin::of(request) {
        Ok(None) => false,
        Ok(Some(origin)) => !origin.is_own(request),
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn is_foreign_in(target: &str, headers: &[(&str, &str)]) -> bool {
        let request =
            headers.iter().fold(Request::post(target), |request, (name, value)| request.header(*name, *value));
        is_foreign(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn page_is_foreign_unless_its_host_is_the_requested_one() {
        let host = ("host", "app.example");
        let own = ("origin", "https://app.example");
        let evil = ("origin", "https://evil.example");
        for (headers, foreign) in [
            (&[host] as &[_], false),
            (&[host, own], false),
            (&[("host", "App.Example:443"), own], false),
            (&[host, evil], true),
            (&[host, own, evil], true),
            (&[host, ("origin", "null")], true),
            (&[host, ("origin", "ftp://app.example")], true),
            (&[("host", "app.example:99999"), ("origin", "https://app.example:99999")], true),
            (&[("host", "app.example:"), ("origin", "https://app.example:")], true),
            (&[own], true),
        ] {
            assert_eq!(is_foreign_in("/api/logout", headers), foreign, "{headers:?}");
        }
        // HTTP/2 has no `Host`.
        assert!(!is_foreign_in("http://app.example/api/logout", &[own]));
        assert!(is_foreign_in("http://app.example/api/logout", &[evil]));
    }
}
