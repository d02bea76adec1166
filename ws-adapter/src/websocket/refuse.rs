use std::sync::Arc;

use auth_core::Refusal;
use axum::response::Response;
use http::{HeaderValue, StatusCode, request::Parts};
use tokio::select;

use super::{finish::finish, signals::Signals, upgrade};
use crate::{
    Close,
    connections::{End, PendingGuard},
};

/// Opens a socket only to close it with a code that says why. `None` if the handshake is not valid, or if `enter` finds
/// that too many sockets are pending. The socket counts as pending until it is closed. Displacing it cuts it off.
pub(crate) async fn accept_then_close(
    parts: &mut Parts,
    subprotocol: Option<HeaderValue>,
    refusal: &Refusal,
    translate: impl FnOnce(Close) -> Close,
    enter: impl FnOnce(Arc<dyn End>) -> Option<PendingGuard>,
) -> Option<Response> {
    let mut upgrade = upgrade::extract_upgrade(parts, &()).await.ok()?;
    let displaced = Arc::<Signals>::default();
    let pending = enter(Arc::clone(&displaced) as _)?;
    if let Some(subprotocol) = subprotocol {
        upgrade.set_selected_protocol(subprotocol);
    }
    let close = translate(close_for_refusal(refusal));
    // What the client sends meanwhile is read and dropped, one buffer at a time.
    let upgrade = upgrade.max_message_size(upgrade::BUFFER).max_frame_size(upgrade::BUFFER);
    Some(upgrade.on_upgrade(move |socket| async move {
        select! {
            biased;
            _ = displaced.ended() => {}
            () = finish(socket, close, false) => {}
        }
        drop(pending);
    }))
}

/// The close that corresponds to a refusal.
pub(super) fn close_for_refusal(refusal: &Refusal) -> Close {
    match (refusal.status(), refusal.code()) {
        (_, "token_expired") => Close::TOKEN_EXPIRED,
        (_, "revoked") => Close::REVOKED,
        (StatusCode::TOO_MANY_REQUESTS, "too_many_attempts") => Close::TOO_MANY_ATTEMPTS,
        (StatusCode::TOO_MANY_REQUESTS, _) => Close::TOO_MANY_CONNECTIONS,
        (StatusCode::FORBIDDEN, _) => Close::FORBIDDEN,
        (StatusCode::SERVICE_UNAVAILABLE, _) => Close::UNAVAILABLE,
        (status, _) if status.is_server_error() => Close::INTERNAL_ERROR,
        _ => Close::INVALID_CREDENTIALS,
    }
}
