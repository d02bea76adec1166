use auth_core::Refusal;
use axum::{
    extract::{FromRequestParts as _, WebSocketUpgrade},
    response::Response,
};
use http::{HeaderValue, StatusCode, request::Parts};

use super::{driver, upgrade};
use crate::Close;

/// Opens a socket only to close it with a code that says why; `None` if this is no proper handshake.
pub(crate) async fn accept_then_close(
    parts: &mut Parts,
    subprotocol: Option<HeaderValue>,
    refusal: &Refusal,
) -> Option<Response> {
    upgrade::check_handshake(parts).ok()?;
    let upgrade = WebSocketUpgrade::from_request_parts(parts, &()).await.ok()?;
    let mut upgrade = upgrade.read_buffer_size(upgrade::BUFFER).write_buffer_size(upgrade::BUFFER);
    if let Some(subprotocol) = subprotocol {
        upgrade.set_selected_protocol(subprotocol);
    }
    let close = close_for(refusal);
    // What the client sends meanwhile is read and thrown away, a buffer at a time.
    Some(upgrade.max_message_size(upgrade::BUFFER).on_upgrade(|socket| driver::finish(socket, close, false)))
}

fn close_for(refusal: &Refusal) -> Close {
    match (refusal.status(), refusal.code()) {
        (_, "token_expired") => Close::TOKEN_EXPIRED,
        (_, "revoked") => Close::new(4403, "revoked"),
        (StatusCode::FORBIDDEN, _) => Close::new(4403, "forbidden"),
        (StatusCode::SERVICE_UNAVAILABLE, _) => Close::UNAVAILABLE,
        (status, _) if status.is_server_error() => Close::INTERNAL_ERROR,
        _ => Close::new(4401, "invalid_credentials"),
    }
}
