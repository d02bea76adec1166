use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use auth_core::{Authenticated, Principal, Refusal, Transport};
use axum::extract::ws::{Message, WebSocket};
use bytes::Bytes;
use http::{Request, Response, StatusCode, request::Parts};
use tokio::{select, time};
use tower_service::Service;

use super::{
    codec::{Codec, Decoded},
    context::SocketContext,
    dispatch::{OpenSocket, dispatch},
    finish::{CLOSE_TIMEOUT, close_for_error, finish},
    handshake::WebSockets,
    in_band::{Credentials, MAX_AUTH},
    opening::Opening,
    refresh::decide_in_band,
    refuse::close_for_refusal,
    signals::Signals,
};
use crate::{
    Close,
    connections::PendingGuard,
    http::leave,
    lifetime::Wake,
    shutdown::ShutdownWatch,
    telemetry::{self, Gauge},
};

/// How many pings, and messages that the codec lets pass, a client may send before its credential.
const MAX_OTHERS: usize = 16;

/// A socket that waits for its first message.
pub(super) struct PendingSocket<U> {
    pub(super) sockets: Arc<WebSockets<U>>,
    pub(super) codec: Arc<Codec>,
    pub(super) parts: Parts,
    pub(super) address: Option<IpAddr>,
    pub(super) pending: PendingGuard,
    /// Ends the socket if another client needs its place.
    pub(super) displaced: Arc<Signals>,
    pub(super) deadline: Duration,
}

/// Why a socket did not get past its first message.
struct NotAdmitted {
    close: Close,
    /// The message that was refused, for the codec's answer.
    message: Option<Message>,
}

impl<U: Principal> PendingSocket<U> {
    /// Waits for the first message. Then calls the service, or closes the socket.
    pub(super) async fn run<S, B, R>(mut self, service: S, mut socket: WebSocket)
    where
        S: Service<Request<B>, Response = Response<R>, Error: Send, Future: Send> + Clone + Send + 'static,
        B: From<Bytes> + Send + 'static,
        R: Send + 'static,
    {
        let gauge = Gauge::pending();
        let timer = Arc::clone(&self.sockets.checkpoint.gate.timer);
        let mut shutdown = self.sockets.checkpoint.sockets.shutdown.watch();
        let displaced = Arc::clone(&self.displaced);
        let received = select! {
            biased;
            _ = shutdown.begun() => Err(Some(Close::RESTARTING.into())),
            close = displaced.ended() => Err(Some(close.into())),
            () = timer.sleep(self.deadline) => Err(Some(Close::AUTH_TIMEOUT.into())),
            received = receive_credentials(&mut socket, &self.codec) => received,
        };
        if let Err(Some(not_admitted)) = &received {
            log_without_credential(&not_admitted.close);
        }
        let admitted = match received {
            Ok((credentials, first)) => select! {
                biased;
                _ = shutdown.begun() => Err(Some(Close::RESTARTING.into())),
                close = displaced.ended() => Err(Some(close.into())),
                admitted = self.admit(credentials) => match admitted {
                    Ok(user) => Ok((user, first)),
                    Err(close) => Err(Some(NotAdmitted { close, message: Some(first) })),
                },
            },
            Err(not_admitted) => Err(not_admitted),
        };
        match admitted {
            Ok((user, first)) => {
                let context = self.parts.extensions.get::<SocketContext>().cloned();
                let (ends_at, moves) = (user.evidence().expires_at(), user.evidence().has_moving_end());
                let ttl = ends_at.map(|end| end.duration_since(timer.now()).unwrap_or_default());
                if !send_in_time(&mut socket, self.codec.accepted(&first, ttl)).await {
                    return;
                }
                leave(Ok(user), &mut self.parts);
                drop((self.pending, gauge));
                let open = OpenSocket::new(socket, self.codec.forwards().then_some(first));
                // The driver asks whether an end has moved.
                let ends_at = ends_at.filter(|_| !moves);
                let ended = self.sockets.ended_before_handler(context, ends_at, &mut shutdown);
                let close = select! {
                    biased;
                    close = ended => close,
                    close = dispatch(service, self.parts, open.clone()) => close,
                };
                // If the service has not taken the socket by now, it can't any more.
                if let Some((socket, _)) = open.take() {
                    telemetry::closed(None, &close);
                    finish(socket, self.sockets.translate_close(close), false).await;
                }
            }
            Err(Some(NotAdmitted { close, message })) => {
                if let Some(message) = message {
                    send_in_time(&mut socket, self.codec.refused(&message, &close)).await;
                }
                telemetry::closed(None, &close);
                finish(socket, self.sockets.translate_close(close), false).await;
            }
            // The peer is gone.
            Err(None) => {}
        }
    }

    /// Closes the socket without waiting for a message. The socket counts as pending until it is closed.
    pub(super) async fn refuse(self, socket: WebSocket, close: Close) {
        let _gauge = Gauge::pending();
        log_without_credential(&close);
        telemetry::closed(None, &close);
        select! {
            biased;
            _ = self.displaced.ended() => {}
            () = finish(socket, self.sockets.translate_close(close), false) => {}
        }
    }

    /// Asks the chain, and registers the connection of an accepted user.
    async fn admit(&mut self, credentials: Credentials) -> Result<Authenticated<U>, Close> {
        let checkpoint = &self.sockets.checkpoint;
        let opening = Opening::of(&self.parts, &checkpoint.gate.needs);
        let decided = async {
            let user = decide_in_band(checkpoint, &opening, credentials, None, self.address).await?;
            self.sockets.enter(Some(&user), &mut self.parts).await?;
            telemetry::accepted(Transport::InBand, user.evidence());
            Ok::<_, Refusal>(user)
        };
        decided.await.map_err(|refusal| {
            telemetry::refused(Transport::InBand, &refusal);
            close_for_refusal(&refusal)
        })
    }
}

/// Waits for the message with the credential; `Err(None)` if the peer goes away.
async fn receive_credentials(
    socket: &mut WebSocket,
    codec: &Codec,
) -> Result<(Credentials, Message), Option<NotAdmitted>> {
    let mut others = 0;
    send(socket, codec.greeting()).await?;
    loop {
        let message = match socket.recv().await {
            Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => message,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) if others < MAX_OTHERS => {
                others += 1;
                continue;
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Err(Some(Close::INVALID_CREDENTIALS.into())),
            Some(Ok(Message::Close(_))) | None => return Err(None),
            Some(Err(error)) => return Err(close_for_error(&error).map(NotAdmitted::from)),
        };
        if length(&message) > MAX_AUTH {
            return Err(Some(Close::TOO_BIG.into()));
        }
        let close = match codec.decode(&message) {
            Decoded::Credentials { scheme, credentials } => match Credentials::new(&scheme, credentials.expose()) {
                Some(credentials) => return Ok((credentials, message)),
                None => Close::INVALID_CREDENTIALS,
            },
            Decoded::Wait(answer) if others < MAX_OTHERS => {
                others += 1;
                send(socket, answer).await?;
                continue;
            }
            Decoded::Wait(_) | Decoded::NoCredential => Close::INVALID_CREDENTIALS,
            Decoded::Malformed => Close::INVALID_MESSAGE,
        };
        return Err(Some(NotAdmitted { close, message: Some(message) }));
    }
}

fn length(message: &Message) -> usize {
    match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) => bytes.len(),
        _ => 0,
    }
}

/// Sends an optional message. The deadline for the first message limits the time.
async fn send(socket: &mut WebSocket, message: Option<Message>) -> Result<(), Option<NotAdmitted>> {
    match message {
        Some(message) => socket.send(message).await.map_err(|error| close_for_error(&error).map(NotAdmitted::from)),
        None => Ok(()),
    }
}

/// Sends an optional message within the time for a close; `false` if it could not be sent.
async fn send_in_time(socket: &mut WebSocket, message: Option<Message>) -> bool {
    match message {
        Some(message) => time::timeout(CLOSE_TIMEOUT, socket.send(message)).await.is_ok_and(|sent| sent.is_ok()),
        None => true,
    }
}

impl From<Close> for NotAdmitted {
    fn from(close: Close) -> Self {
        Self { close, message: None }
    }
}

/// Logs why a socket closes without a credential. A shutdown or a broken protocol is not a refusal, and is not logged here.
fn log_without_credential(close: &Close) {
    let (status, code, detail) = match close.reason() {
        "auth_timeout" => (StatusCode::REQUEST_TIMEOUT, "auth_timeout", "no first message came in time"),
        "too_big" => (StatusCode::PAYLOAD_TOO_LARGE, "too_big", "the first message is too long"),
        "invalid_credentials" => {
            (StatusCode::UNAUTHORIZED, "invalid_credentials", "the first message holds no credential")
        }
        "invalid_message" => (StatusCode::BAD_REQUEST, "invalid_message", "the first message breaks the protocol"),
        "subprotocol_not_acceptable" => {
            let detail = "the client offers none of the subprotocols of the codec";
            (StatusCode::BAD_REQUEST, "subprotocol_not_acceptable", detail)
        }
        _ => return,
    };
    telemetry::log_own(Transport::InBand, status, code, detail);
}

impl<U> WebSockets<U> {
    /// Waits for the end of a socket that has no driver yet, because the service has not taken it. A service that takes too
    /// long ends the socket too.
    async fn ended_before_handler(
        &self,
        context: Option<SocketContext>,
        ends_at: Option<SystemTime>,
        shutdown: &mut ShutdownWatch,
    ) -> Close {
        let revoked = async {
            match &context {
                Some(context) => context.signals.ended().await,
                None => std::future::pending().await,
            }
        };
        select! {
            biased;
            close = revoked => close,
            () = Wake { wall: ends_at, passed: None }.reached(&*self.checkpoint.gate.timer) => Close::TOKEN_EXPIRED,
            _ = shutdown.begun() => Close::RESTARTING,
            () = time::sleep(self.checkpoint.gate.decision_timeout) => Close::UNAVAILABLE,
        }
    }
}
