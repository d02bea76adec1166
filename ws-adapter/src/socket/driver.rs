use std::{future::Future, panic::AssertUnwindSafe, pin::pin, time::Duration};

use auth_core::Authenticated;
use axum::{
    Error,
    extract::ws::{CloseFrame, Message, WebSocket},
};
use futures_util::{
    FutureExt as _,
    future::{FusedFuture as _, select_all},
};
use tokio::{select, sync::watch, time};

use super::{AuthSocket, Lifetime};
use crate::Close;

/// How long a peer may take to read our close and answer it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the connection stays up where the peer's answer can no longer be read, so that our close reaches it.
const LINGER: Duration = Duration::from_millis(500);

/// Owns the socket: runs the handler until it gives the socket up, a credential ends, or the server goes down.
pub(super) async fn drive<U, F, Fut>(
    socket: WebSocket,
    user: Authenticated<U>,
    lifetime: Lifetime,
    shutdowns: Vec<watch::Receiver<bool>>,
    handler: F,
) where
    U: Send + Sync + 'static,
    F: FnOnce(AuthSocket<U>) -> Fut,
    Fut: Future<Output = ()>,
{
    let mut end = pin!(lifetime.end());
    let mut shutdown = pin!(any_begun(shutdowns));
    let (socket, shared) = AuthSocket::new(socket, user, lifetime.clone());
    let handler = async { handler(socket).await };
    // OK to assert unwind safety because nothing of it is touched after a panic.
    let mut handler = pin!(AssertUnwindSafe(handler).catch_unwind().fuse());
    let close = loop {
        select! {
            biased;
            () = &mut end => break Some(Close::TOKEN_EXPIRED),
            () = &mut shutdown => break Some(Close::RESTARTING),
            // It ends by dropping its socket, unless it has handed it on to another task; the deadline holds there too.
            done = &mut handler => if done.is_err() {
                tracing::error!("a socket handler panicked");
                break Some(Close::INTERNAL_ERROR);
            },
            // A timer is late by a little, and a handler that was told of the end in the meantime has let go.
            () = shared.released() => break lifetime.is_over().then_some(Close::TOKEN_EXPIRED),
        }
    };
    let taken = shared.take();
    let given_up = close.is_none();
    let close = close.or(taken.close).unwrap_or(Close::NORMAL);
    let finish = async {
        if let Some(socket) = taken.socket {
            finish(socket, close, taken.broken).await;
        }
    };
    if given_up && !handler.is_terminated() {
        // The handler has more to do without its socket.
        let rest = async {
            select! {
                biased;
                () = &mut end => {}
                () = &mut shutdown => {}
                _ = &mut handler => {}
            }
        };
        tokio::join!(finish, rest);
    } else {
        finish.await;
    }
    // The handler is dropped here: after the close, so that whatever it does on the way out comes too late to matter.
}

async fn any_begun(mut shutdowns: Vec<watch::Receiver<bool>>) {
    let begun = shutdowns.iter_mut().map(|shutdown| {
        Box::pin(async {
            if shutdown.wait_for(|begun| *begun).await.is_err() {
                // Nobody is left who could begin it.
                std::future::pending().await
            }
        })
    });
    select_all(begun).await;
}

/// Sends the close, then reads until the peer has answered it. To drop the connection while its messages are still
/// coming in would reset it, and the peer would never see the close.
pub(super) async fn finish(mut socket: WebSocket, close: Close, broken: bool) {
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
