use std::time::Duration;

use axum::{
    Error,
    extract::ws::{CloseFrame, Message, WebSocket},
};
use tokio::time;
use tungstenite::error::ProtocolError;

use crate::Close;

/// How long a peer may take to read our close and answer it.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the connection stays up after the close if the peer's answer can't be read. The close has to reach the peer.
const LINGER: Duration = Duration::from_millis(500);

/// Sends the close, then reads until the peer answers it. Dropping the connection while messages still come in would reset
/// it, and the peer would never see the close. Nothing is sent to a peer that is gone. A displaced peer gets less time,
/// because it no longer counts toward a limit. The close is sent as it is; callers translate it first.
pub(super) async fn finish(mut socket: WebSocket, close: Close, broken: bool) {
    if close == Close::ABNORMAL {
        return;
    }
    let patience = if close.reason() == Close::DISPLACED.reason() { LINGER } else { CLOSE_TIMEOUT };
    let frame = CloseFrame { code: close.code(), reason: close.reason().into() };
    let answered = time::timeout(patience, async {
        // This fails if the peer closed first. Then reading answers the peer's close.
        let sent = socket.send(Message::Close(Some(frame))).await;
        if sent.is_ok() && broken {
            return time::sleep(LINGER).await;
        }
        while let Some(Ok(_)) = socket.recv().await {}
    });
    let _ = answered.await;
}

/// The close for an error that the peer caused; [`Close::ABNORMAL`] if the connection is lost. The tests over TCP fail if
/// axum ever uses another version of tungstenite than this crate.
pub(super) fn close_for_error(error: &Error) -> Option<Close> {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        match error.downcast_ref() {
            Some(tungstenite::Error::Capacity(_)) => return Some(Close::TOO_BIG),
            Some(tungstenite::Error::Utf8(_)) => return Some(Close::INVALID_TEXT),
            Some(
                tungstenite::Error::Io(_) | tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake),
            ) => return Some(Close::ABNORMAL),
            Some(tungstenite::Error::Protocol(_)) => return Some(Close::PROTOCOL_ERROR),
            _ => source = error.source(),
        }
    }
    None
}
