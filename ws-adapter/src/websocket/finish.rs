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
/// How long the connection stays up where the peer's answer can no longer be read, so that our close reaches it.
const LINGER: Duration = Duration::from_millis(500);

/// Sends the close, then reads until the peer has answered it. To drop the connection while its messages are still
/// coming in would reset it, and the peer would never see the close. A peer that is gone is told nothing. A displaced one gets
/// less time, because it no longer counts toward any limit. The close is sent as it is: [`told`](super::told) says what a
/// client is told.
pub(super) async fn finish(mut socket: WebSocket, close: Close, broken: bool) {
    if close == Close::ABNORMAL {
        return;
    }
    let patience = if close.reason() == Close::DISPLACED.reason() { LINGER } else { CLOSE_TIMEOUT };
    let frame = CloseFrame { code: close.code(), reason: close.reason().into() };
    let answered = time::timeout(patience, async {
        // Where the peer has closed first, this fails, and what is left to do is to answer it: reading does that.
        let sent = socket.send(Message::Close(Some(frame))).await;
        if sent.is_ok() && broken {
            return time::sleep(LINGER).await;
        }
        while let Some(Ok(_)) = socket.recv().await {}
    });
    let _ = answered.await;
}

/// What the peer is told of an error that it has caused, or that it is gone. Tests over TCP fail if axum comes to use
/// another version of the crate that these errors are of.
pub(super) fn close_for(error: &Error) -> Option<Close> {
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
