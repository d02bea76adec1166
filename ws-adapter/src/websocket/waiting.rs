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
    context::{Kill, SocketContext},
    dispatch::{OpenSocket, dispatch},
    finish::{self, CLOSE_TIMEOUT},
    handshake::WebSockets,
    in_band::{Credentials, MAX_AUTH},
    refresh::{present, without_credentials},
    refuse::close_for,
};
use crate::{
    Close,
    connections::PendingGuard,
    http::leave,
    lifetime::Wake,
    shutdown::ShutdownWatch,
    telemetry::{self, Gauge},
};

/// How many pings, and messages that a codec waits after, a client may send before its credential.
const MAX_OTHERS: usize = 16;

/// A socket that waits for its first message.
pub(super) struct Waiting<U> {
    pub(super) sockets: Arc<WebSockets<U>>,
    pub(super) codec: Arc<Codec>,
    pub(super) parts: Parts,
    pub(super) address: Option<IpAddr>,
    pub(super) pending: PendingGuard,
    /// Another client takes its place.
    pub(super) displaced: Arc<Kill>,
    pub(super) deadline: Duration,
}

/// The client is not let in.
struct Refused {
    close: Close,
    /// The message that was refused.
    first: Option<Message>,
}

impl<U: Principal> Waiting<U> {
    /// Hears who it is, and calls the service, or closes the socket.
    pub(super) async fn hear<S, B, R>(mut self, service: S, mut socket: WebSocket)
    where
        S: Service<Request<B>, Response = Response<R>, Error: Send, Future: Send> + Clone + Send + 'static,
        B: From<Bytes> + Send + 'static,
        R: Send + 'static,
    {
        let gauge = Gauge::pending();
        let timer = Arc::clone(&self.sockets.checkpoint.gate.timer);
        let mut shutdown = self.sockets.checkpoint.sockets.shutdown.watch();
        let displaced = Arc::clone(&self.displaced);
        let heard = select! {
            biased;
            _ = shutdown.begun() => Err(Some(Close::RESTARTING.into())),
            close = displaced.ended() => Err(Some(close.into())),
            () = timer.sleep(self.deadline) => Err(Some(Close::AUTH_TIMEOUT.into())),
            heard = first(&mut socket, &self.codec) => heard,
        };
        if let Err(Some(refused)) = &heard {
            log_unheard(&refused.close);
        }
        let admitted = match heard {
            Ok((credentials, first)) => select! {
                biased;
                _ = shutdown.begun() => Err(Some(Close::RESTARTING.into())),
                close = displaced.ended() => Err(Some(close.into())),
                admitted = self.admit(credentials) => match admitted {
                    Ok(user) => Ok((user, first)),
                    Err(close) => Err(Some(Refused { close, first: Some(first) })),
                },
            },
            Err(refused) => Err(refused),
        };
        match admitted {
            Ok((user, first)) => {
                let context = self.parts.extensions.get::<SocketContext>().cloned();
                let ends_at = user.evidence().expires_at();
                let ttl = ends_at.map(|end| end.duration_since(timer.now()).unwrap_or_default());
                if !tell(&mut socket, self.codec.accepted(&first, ttl)).await {
                    return;
                }
                leave(Ok(user), &mut self.parts);
                drop((self.pending, gauge));
                let open = OpenSocket::new(socket, self.codec.forwards().then_some(first));
                let ended = self.sockets.ended_meanwhile(context, ends_at, &mut shutdown);
                let close = select! {
                    biased;
                    close = ended => close,
                    close = dispatch(service, self.parts, open.clone()) => close,
                };
                // The service has not taken it, and cannot any more.
                if let Some(opened) = open.take() {
                    telemetry::closed(None, &close);
                    finish::finish(opened.socket, self.sockets.told(close), false).await;
                }
            }
            Err(Some(Refused { close, first })) => {
                if let Some(first) = first {
                    tell(&mut socket, self.codec.refused(&first, &close)).await;
                }
                telemetry::closed(None, &close);
                finish::finish(socket, self.sockets.told(close), false).await;
            }
            // The peer has gone.
            Err(None) => {}
        }
    }

    /// Closes the socket without waiting for a message. It counts as pending until then.
    pub(super) async fn refuse(self, socket: WebSocket, close: Close) {
        let _gauge = Gauge::pending();
        log_unheard(&close);
        telemetry::closed(None, &close);
        select! {
            biased;
            _ = self.displaced.ended() => {}
            () = finish::finish(socket, self.sockets.told(close), false) => {}
        }
    }

    /// Asks the chain, and enters who it lets in.
    async fn admit(&mut self, credentials: Credentials) -> Result<Authenticated<U>, Close> {
        let checkpoint = &self.sockets.checkpoint;
        let opening = without_credentials(&self.parts, &checkpoint.gate.needs);
        let decided = async {
            let user = present(checkpoint, &opening, credentials, None, self.address).await?;
            self.sockets.enter(Some(&user), &mut self.parts).await?;
            telemetry::accepted(Transport::InBand, user.evidence());
            Ok::<_, Refusal>(user)
        };
        decided.await.map_err(|refusal| {
            telemetry::refused(Transport::InBand, &refusal);
            close_for(&refusal)
        })
    }
}

/// Waits for the one message that counts; `Err(None)` if the peer goes.
async fn first(socket: &mut WebSocket, codec: &Codec) -> Result<(Credentials, Message), Option<Refused>> {
    let mut others = 0;
    say(socket, codec.greeting()).await?;
    loop {
        let message = match socket.recv().await {
            Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => message,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) if others < MAX_OTHERS => {
                others += 1;
                continue;
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Err(Some(Close::INVALID_CREDENTIALS.into())),
            Some(Ok(Message::Close(_))) | None => return Err(None),
            Some(Err(error)) => return Err(finish::close_for(&error).map(Refused::from)),
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
                say(socket, answer).await?;
                continue;
            }
            Decoded::Wait(_) | Decoded::NoCredential => Close::INVALID_CREDENTIALS,
            Decoded::Malformed => Close::INVALID_MESSAGE,
        };
        return Err(Some(Refused { close, first: Some(message) }));
    }
}

fn length(message: &Message) -> usize {
    match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) => bytes.len(),
        _ => 0,
    }
}

/// Sends a message, if there is one, while the deadline for the first message runs.
async fn say(socket: &mut WebSocket, message: Option<Message>) -> Result<(), Option<Refused>> {
    match message {
        Some(message) => socket.send(message).await.map_err(|error| finish::close_for(&error).map(Refused::from)),
        None => Ok(()),
    }
}

/// Sends a message, if there is one, in the time that a close has; `false` if it cannot be sent.
async fn tell(socket: &mut WebSocket, message: Option<Message>) -> bool {
    match message {
        Some(message) => time::timeout(CLOSE_TIMEOUT, socket.send(message)).await.is_ok_and(|sent| sent.is_ok()),
        None => true,
    }
}

impl From<Close> for Refused {
    fn from(close: Close) -> Self {
        Self { close, first: None }
    }
}

/// Logs why no credential was heard. Nobody is refused where the server goes down, or the peer breaks the protocol.
fn log_unheard(close: &Close) {
    let (status, code, detail) = match close.reason() {
        "auth_timeout" => (StatusCode::REQUEST_TIMEOUT, "auth_timeout", "no first message has come in time"),
        "too_big" => (StatusCode::PAYLOAD_TOO_LARGE, "too_big", "the first message is too long"),
        "invalid_credentials" => {
            (StatusCode::UNAUTHORIZED, "invalid_credentials", "the first message holds no credential")
        }
        "invalid_message" => (StatusCode::BAD_REQUEST, "invalid_message", "the first message is not of the protocol"),
        "subprotocol_not_acceptable" => {
            (StatusCode::BAD_REQUEST, "subprotocol_not_acceptable", "no subprotocol is offered that is spoken here")
        }
        _ => return,
    };
    telemetry::log_own(Transport::InBand, status, code, detail);
}

impl<U> WebSockets<U> {
    /// Waits for what ends a socket that the service has not taken yet, and that has no driver so far. A service that takes
    /// too long ends it too.
    async fn ended_meanwhile(
        &self,
        context: Option<SocketContext>,
        ends_at: Option<SystemTime>,
        shutdown: &mut ShutdownWatch,
    ) -> Close {
        let revoked = async {
            match &context {
                Some(context) => context.kill.ended().await,
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
