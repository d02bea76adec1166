use std::{future::Future, pin::pin, time::Duration};

use auth_core::Authenticated;
use axum::{
    Error,
    extract::ws::{CloseFrame, Message, WebSocket},
};
use tokio::{select, sync::watch, time};

use super::{AuthSocket, SocketContext};
use crate::{Close, Timer};

/// How long a peer may take to read our close and answer it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the connection stays up where the peer's answer can no longer be read, so that our close reaches it.
const LINGER: Duration = Duration::from_millis(500);

/// Owns the socket: runs the handler until it is done, the credential ends, or the server goes down.
pub(super) async fn drive<U, F, Fut>(socket: WebSocket, user: Authenticated<U>, context: SocketContext, handler: F)
where
    U: Send + Sync + 'static,
    F: FnOnce(AuthSocket<U>) -> Fut,
    Fut: Future<Output = ()>,
{
    let mut shutdown = context.shutdown.watch();
    let expires_at = user.evidence().expires_at();
    let (socket, shared) = AuthSocket::new(socket, user, context.timer.clone());
    let mut handler = pin!(handler(socket));
    let ended = async {
        handler.as_mut().await;
        // It may have handed the socket on to another task; the deadline holds there too.
        shared.released().await;
    };
    let close = select! {
        biased;
        () = expiry(&*context.timer, expires_at) => Some(Close::TOKEN_EXPIRED),
        () = begun(&mut shutdown) => Some(Close::RESTARTING),
        () = ended => None,
    };
    let taken = shared.take();
    if let Some(socket) = taken.socket {
        finish(socket, close.or(taken.close).unwrap_or(Close::NORMAL), taken.broken).await;
    }
    // The handler is dropped here: after the close, so that whatever it does on the way out comes too late to matter.
}

async fn expiry(timer: &dyn Timer, expires_at: Option<std::time::SystemTime>) {
    match expires_at {
        Some(expires_at) => timer.sleep_until(expires_at).await,
        None => std::future::pending().await,
    }
}

async fn begun(shutdown: &mut watch::Receiver<bool>) {
    if shutdown.wait_for(|begun| *begun).await.is_err() {
        std::future::pending().await
    }
}

/// Sends the close, then reads until the peer has answered it. To drop the connection while its messages are still
/// coming in would reset it, and the peer would never see the close.
async fn finish(mut socket: WebSocket, close: Close, broken: bool) {
    let frame = CloseFrame { code: close.code(), reason: close.reason().into() };
    let answered = time::timeout(CLOSE_TIMEOUT, async {
        // Where the peer has closed first, this fails, and what is left to do is to answer it: reading does that.
        let sent = socket.send(Message::Close(Some(frame))).await;
        if sent.is_ok() && broken {
            return time::sleep(LINGER).await;
        }
        while let Some(Ok(_)) = socket.recv().await {}
    });
    let _ = answered.await;
}

/// What the peer is told of an error that it has caused. Tests over TCP fail if axum comes to use another version of the
/// crate that these errors are of.
pub(super) fn close_for(error: &Error) -> Option<Close> {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        match error.downcast_ref() {
            Some(tungstenite::Error::Capacity(_)) => return Some(Close::TOO_BIG),
            Some(tungstenite::Error::Utf8(_)) => return Some(Close::INVALID_TEXT),
            Some(tungstenite::Error::Protocol(_)) => return Some(Close::PROTOCOL_ERROR),
            _ => source = error.source(),
        }
    }
    None
}
