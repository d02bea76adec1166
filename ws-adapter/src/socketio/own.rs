//! All that engine.io is told which its client has not said. Each trick is here because engine.io 0.17 has no better way,
//! and goes with the change that is named:
//!
//! | Trick | Goes with |
//! |---|---|
//! | [`closer`]: a transport that polls is closed by a packet `1`, as its client would send it | a function of engine.io that closes a session by its id |
//! | [`Engine::has_closed`]: a packet `6`, which only a server sends, is refused in one way where there is a session and in another where there is none | an event, or a future, for the end of a session that does not wait for the client |
//! | [`Engine::goes_on`]: an upgrade that has failed is followed by the packet `1` | an engine.io that closes the session, or goes back to polling, where the stream of an upgrade breaks |
//! | [`as_get`]: an extended `CONNECT` is shown to it as a `GET` | an engine.io that takes a `CONNECT` with `:protocol` (RFC 8441, 4) as the handshake that it is |
//!
//! What ends a WebSocket is no trick: its stream is at its end.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
};

use bytes::Bytes;
use http::{Method, Request, Response, request::Parts};
use http_body::Body;
use http_body_util::{BodyExt as _, Collected};
use serde::Deserialize;
use socketioxide::{service::SocketIoService, socket::Sid};
use tower_service::Service;

use super::session::Session;
use crate::http::transport::is_extended_connect;

/// The packet by which a client closes its transport.
const CLOSE: &[u8] = b"1";
/// A packet that only a server sends: it is refused, and nothing else comes of it.
const NOOP: &[u8] = b"6";
/// The code by which engine.io says that it has no such session.
const UNKNOWN: &str = "1";
/// The code by which it says that the session is a WebSocket by now.
const MISMATCH: &str = "3";

/// What a transport is to engine.io.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Polls,
    IsSocket,
    Closed,
}

/// What ends a transport that polls. A WebSocket's engine.io session pays no heed to it.
pub(super) type Closer = Box<dyn FnOnce(Sid) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

pub(super) fn closer<S, B, R, E>(service: &SocketIoService<S>, path: &str) -> Closer
where
    SocketIoService<S>: Service<Request<B>, Response = Response<R>, Error = E, Future: Send>,
    S: Clone + Send + 'static,
    B: From<Bytes> + Send + 'static,
    R: Body<Data = Bytes> + Send,
    E: Send,
{
    let mut engine = Engine::new::<S, B, R, E>(service, path, None);
    Box::new(move |sid| Box::pin(async move { drop(engine.post(sid, CLOSE).await) }))
}

/// engine.io, as the owner of a stream asks it.
pub(super) struct Engine {
    post: Box<dyn FnMut(Sid, &'static [u8]) -> Pin<Box<dyn Future<Output = Bytes> + Send>> + Send>,
    /// The session that the stream was to be an upgrade of; otherwise it has opened one.
    upgrade_of: Option<Sid>,
}

impl Engine {
    pub(super) fn new<S, B, R, E>(service: &SocketIoService<S>, path: &str, upgrade_of: Option<Sid>) -> Self
    where
        SocketIoService<S>: Service<Request<B>, Response = Response<R>, Error = E, Future: Send>,
        S: Clone + Send + 'static,
        B: From<Bytes> + Send + 'static,
        R: Body<Data = Bytes> + Send,
        E: Send,
    {
        let (service, path) = (service.clone(), Box::<str>::from(path));
        let post = move |sid, packet| {
            let mut service = service.clone();
            let request = own_request::<B>(Method::POST, &path, sid, Bytes::from_static(packet));
            let answer = async move { post(&mut service, request?).await };
            Box::pin(async move { answer.await.unwrap_or_default() }) as Pin<Box<dyn Future<Output = Bytes> + Send>>
        };
        Self { post: Box::new(post), upgrade_of }
    }

    /// One that gives this answer to everything.
    #[cfg(test)]
    pub(super) fn that_answers(answer: Bytes, upgrade_of: Option<Sid>) -> Self {
        let post =
            move |_, _| Box::pin(std::future::ready(answer.clone())) as Pin<Box<dyn Future<Output = Bytes> + Send>>;
        Self { post: Box::new(post), upgrade_of }
    }

    async fn post(&mut self, sid: Sid, packet: &'static [u8]) -> Bytes {
        (self.post)(sid, packet).await
    }

    /// The session that it is about from the start.
    pub(super) fn upgrade_of(&self) -> Option<Sid> {
        self.upgrade_of
    }

    /// Whether it has closed a session.
    pub(super) async fn has_closed(&mut self, sid: Sid) -> bool {
        standing(&self.post(sid, NOOP).await) == Standing::Closed
    }

    /// Whether a session goes on without the stream, of which engine.io has let go: it has another one, or polls.
    pub(super) async fn goes_on(&mut self) -> bool {
        let Some(sid) = self.upgrade_of else { return false };
        // Over a stream that has failed it forgets to, and stops its heartbeat as well.
        self.post(sid, CLOSE).await;
        !self.has_closed(sid).await
    }
}

/// Forgets a transport that engine.io has closed, whatever for, and tells what it is. socketioxide holds its session until
/// the deadline of `CONNECT`, and a handler may hold it for ever.
pub(super) async fn leave_if_closed<S, B, R, E>(
    service: &mut SocketIoService<S>,
    path: &str,
    sid: Sid,
    session: &Session,
) -> Standing
where
    SocketIoService<S>: Service<Request<B>, Response = Response<R>, Error = E>,
    S: Clone,
    B: From<Bytes>,
    R: Body<Data = Bytes>,
{
    let answer = match own_request::<B>(Method::POST, path, sid, Bytes::from_static(NOOP)) {
        Some(request) => post(service, request).await,
        None => None,
    };
    let standing = answer.map_or(Standing::Polls, |answer| standing(&answer));
    if standing == Standing::Closed {
        session.leave();
    }
    standing
}

async fn post<S, B, R, E>(service: &mut SocketIoService<S>, request: Request<B>) -> Option<Bytes>
where
    SocketIoService<S>: Service<Request<B>, Response = Response<R>, Error = E>,
    S: Clone,
    R: Body<Data = Bytes>,
{
    poll_fn(|cx| service.poll_ready(cx)).await.ok()?;
    let response = service.call(request).await.ok()?;
    response.into_body().collect().await.ok().map(Collected::to_bytes)
}

/// What a session is, by the answer to a packet that engine.io refuses.
fn standing(answer: &[u8]) -> Standing {
    #[derive(Deserialize)]
    struct Problem<'a> {
        code: &'a str,
    }
    match serde_json::from_slice(answer) {
        Ok(Problem { code: UNKNOWN }) => Standing::Closed,
        Ok(Problem { code: MISMATCH }) => Standing::IsSocket,
        _ => Standing::Polls,
    }
}

/// A request that we send to engine.io on the client's behalf.
pub(super) fn own_request<B: From<Bytes>>(method: Method, path: &str, sid: Sid, body: Bytes) -> Option<Request<B>> {
    let mut request = Request::new(B::from(body));
    *request.method_mut() = method;
    *request.uri_mut() = format!("{path}?EIO=4&transport=polling&sid={sid}").parse().ok()?;
    Some(request)
}

/// Left in a request whose method was another one.
#[derive(Clone, Copy)]
struct WasConnect;

/// Makes a `GET` of an extended `CONNECT`; leaves everything else as it is. No more is needed: engine.io looks at path,
/// query and method only, since we answer the handshake.
pub(super) fn as_get(parts: &mut Parts) {
    if is_extended_connect(parts) {
        parts.method = Method::GET;
        parts.extensions.insert(WasConnect);
    }
}

/// A copy of an opening request that engine.io keeps, as its client has sent it.
pub(super) fn as_sent(opening: &Parts) -> Parts {
    let mut parts = opening.clone();
    if parts.extensions.remove::<WasConnect>().is_some() {
        parts.method = Method::CONNECT;
    }
    parts
}
