use std::{future::poll_fn, sync::Arc, time::Duration};

use auth_core::{AuthRequest, Authenticated, Principal, Refusal, RefusalKind, RequestRecord, Transport};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_LENGTH},
    request::Parts,
};
use http_body::Body;
use http_body_util::{BodyExt as _, Collected};
use serde::Deserialize;
use socketioxide::{service::SocketIoService, socket::Sid};
use tokio::{select, time};
use tower_service::Service;

use super::{
    driver::Driver,
    layer::Shared,
    own::{Engine, Standing, closer, leave_if_closed, own_request},
    owner::{Terms, patrol},
    request::{Ask, bad_request, transport_of, unknown_session},
    session::{Handle, NotNow, Opener, Session, Settings, ended, is_guest, warn_of_guest},
    upgrade::switch,
};
use crate::{
    ResponseBody,
    connections::{Sockets, TooMany, recheck},
    http::{OriginVerdict, decide_by, leave},
    own_memory, telemetry,
};

/// What stands between the packets of a poll.
const SEPARATOR: &[u8] = b"\x1e";
/// How long the last packets of a transport are waited for. They are sent at once.
const REST: Duration = Duration::from_millis(50);

/// Decides about a request to engine.io, and lets engine.io answer it or refuses it.
pub(super) async fn answer<S, U, B, R, E>(
    shared: Arc<Shared<U>>,
    mut service: SocketIoService<S>,
    request: Request<B>,
) -> Result<Response<ResponseBody<R>>, E>
where
    SocketIoService<S>: Service<Request<B>, Response = Response<R>, Error = E, Future: Send>,
    S: Clone + Send + 'static,
    U: Principal,
    B: From<Bytes> + Send + 'static,
    R: Body<Data = Bytes> + Send,
    E: Send,
{
    let (mut parts, body) = request.into_parts();
    let record = RequestRecord::of(&mut parts);
    let transport = transport_of(&parts);
    let decision = shared.decide(&parts, transport).await;
    record.take(&mut parts, &shared.gate.needs);
    let Admitted { ask, user, session } = match decision {
        Ok(admitted) => admitted,
        Err(refusal) => return Ok(refuse(&shared, refusal, &parts, transport)),
    };

    let mut standing = Standing::Polls;
    if let Some(sid) = ask.sid() {
        standing = leave_if_closed::<S, B, R, E>(&mut service, &shared.path, sid, &session).await;
        if standing == Standing::Closed {
            return Ok(refuse(&shared, unknown_session(), &parts, transport));
        }
        poll_fn(|cx| Service::<Request<B>>::poll_ready(&mut service, cx)).await?;
    }
    let mut response = match ask {
        Ask::Poll(sid) => poll(&shared.path, service, Request::from_parts(parts, body), sid, &session).await?,
        Ask::Post(sid) => {
            let asked = parts.clone();
            match post(&shared, service, Request::from_parts(parts, body), sid, &session).await? {
                Some(response) => response,
                None => return Ok(refuse(&shared, unknown_session(), &asked, transport)),
            }
        }
        Ask::Upgrade(sid) => {
            // engine.io turns a second WebSocket of a transport away, so nothing is waited for. Upgrades that have begun it takes
            // all, one after the other.
            let (stream, patience) = match standing {
                Standing::IsSocket => (Some(session.stream()), Duration::ZERO),
                _ => (session.only_stream(), shared.io.config().engine_config.upgrade_timeout),
            };
            let Some(stream) = stream else { return Ok(refuse(&shared, bad_request(), &parts, transport)) };
            let engine = Engine::new::<S, B, R, E>(&service, &shared.path, Some(sid));
            switch(&shared, service, parts, stream, engine, patience)
        }
        Ask::Open | Ask::OpenSocket => {
            // engine.io keeps the request as long as the transport, and namespaces judge it again.
            own_memory::copy_head(&mut parts);
            parts.extensions.insert(Handle(Arc::clone(&session)));
            parts.extensions.insert(record.with_credentials());
            leave(user, &mut parts);
            let close = closer::<S, B, R, E>(&service, &shared.path);
            tokio::spawn(Driver::new(&shared, &session).drive(close));
            let engine = Engine::new::<S, B, R, E>(&service, &shared.path, None);
            if ask == Ask::OpenSocket {
                // Its id is told on the WebSocket only, and is of no use to another request.
                switch(&shared, service, parts, session.stream(), engine, Duration::ZERO)
            } else {
                open(&shared, service, Request::from_parts(parts, body), &session, engine).await?
            }
        }
    };
    // Whatever it holds is one client's own.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn refuse<U: Principal, R>(
    shared: &Shared<U>,
    refusal: Refusal,
    asked: &Parts,
    transport: Transport,
) -> Response<ResponseBody<R>> {
    shared.gate.respond(refusal, asked, transport).map(ResponseBody::refusal)
}

/// A request that may go on to engine.io.
struct Admitted<U> {
    ask: Ask,
    /// Who sent it, or the refusal that a route would have given to nobody.
    user: Result<Authenticated<U>, Refusal>,
    /// The transport that it is about, or opens.
    session: Arc<Session>,
}

impl<U: Principal> Shared<U> {
    async fn decide(&self, parts: &Parts, transport: Transport) -> Result<Admitted<U>, Refusal> {
        let origin = self.gate.check_origin(parts)?;
        let request = AuthRequest::new(parts, transport, self.gate.timer.now());
        let user = match self.gate.decide(&request, Some(origin)).await {
            Err(refusal) if refusal.kind() != RefusalKind::Missing => return Err(refusal),
            user => user,
        };
        let ask = Ask::of(parts, transport)?;
        let Some(sid) = ask.sid() else {
            let session = self.session(user.as_ref().ok(), origin, &request).await?;
            return Ok(Admitted { ask, user, session });
        };
        let session = self.sessions.get(sid).ok_or_else(unknown_session)?;
        self.check_sender(&user, &session, &request, origin).await?;
        // A transport that has ended may still be asked why.
        if session.is_ended() && !matches!(ask, Ask::Poll(_)) {
            return Err(unknown_session());
        }
        Ok(Admitted { ask, user, session })
    }

    /// Whether who sends a request may use a transport that is there.
    async fn check_sender(
        &self,
        user: &Result<Authenticated<U>, Refusal>,
        session: &Session,
        request: &AuthRequest<'_>,
        origin: OriginVerdict,
    ) -> Result<(), Refusal> {
        let is_bound_to_sid = self.limits.binds_to_sid && session.was_opened_explicitly();
        let forbidden = || Refusal::new(StatusCode::FORBIDDEN, "forbidden");
        match user {
            Ok(user) if session.belongs_to(user.evidence()) => Ok(()),
            Ok(user) if self.limits.allows_guests && is_guest(user.evidence()) => {
                match (session.opener(), session.owner()) {
                    (Opener::Nobody | Opener::Guest, _) => Ok(()),
                    // Nothing may be wrong in front of the guest.
                    (Opener::User, Some(owner)) if is_bound_to_sid => {
                        let (chain, timeout) = (&self.gate.chain, self.gate.decision_timeout);
                        let decision = chain.renew_or_guest(request, owner);
                        decide_by(chain, timeout, request, Some(origin), decision).await.map(drop)
                    }
                    (Opener::User, _) => Err(forbidden()),
                }
            }
            Ok(_) => Err(forbidden()),
            Err(refusal) if session.opener() != Opener::Nobody && !is_bound_to_sid => Err(refusal.clone()),
            Err(_) => Ok(()),
        }
    }

    /// A new transport, which counts from here on.
    async fn session(
        &self,
        user: Option<&Authenticated<U>>,
        origin: OriginVerdict,
        request: &AuthRequest<'_>,
    ) -> Result<Arc<Session>, Refusal> {
        let Sockets { connections, client_address, settings: life, .. } = &self.sockets;
        let timer = &self.gate.timer;
        let (patience, address) = (self.limits.connect_timeout, client_address.of(request.parts()));
        let settings = Settings { sessions: &self.sessions, timer, patience, sockets: *life, address };
        let session = Session::new(&settings, origin, user.map(Authenticated::evidence))
            .ok_or_else(|| Refusal::unavailable("the operating system gives no random bits"))?;
        let session = Arc::new(session);
        // It waits until it is a user's, and so does a guest.
        if session.opener() != Opener::User {
            if let Some(user) = user
                && !(self.limits.allows_guests && is_guest(user.evidence()))
            {
                // Without a user, later polls could belong to anybody.
                warn_of_guest();
                return Err(Refusal::new(StatusCode::FORBIDDEN, "forbidden"));
            }
            let pending = connections.enter_pending(address, Transport::SocketIo, session.displaced());
            session.wait(pending.map_err(TooMany::refusal)?);
        }
        if let Some(user) = user {
            if let Some(principal) = user.evidence().principal() {
                session.keep(connections.keep(principal.clone()).map_err(TooMany::refusal)?);
            }
            let entry = session.enter(connections, user).map_err(NotNow::refusal)?;
            // What is revoked from here on finds it in the registry.
            recheck(connections, &self.gate, user.evidence(), request).await?;
            session.open_by(user, entry);
            telemetry::accepted(request.transport(), user.evidence());
        }
        self.sessions.insert(&session);
        Ok(session)
    }
}

/// Opens a transport that polls. Its id is in the answer.
async fn open<S, U, B, R, E>(
    shared: &Shared<U>,
    mut service: SocketIoService<S>,
    request: Request<B>,
    session: &Arc<Session>,
    engine: Engine,
) -> Result<Response<ResponseBody<R>>, E>
where
    SocketIoService<S>: Service<Request<B>, Response = Response<R>, Error = E>,
    S: Clone,
    R: Body<Data = Bytes>,
{
    let (mut head, body) = service.call(request).await?.into_parts();
    // What engine.io answers here is in memory, and cannot fail.
    let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
    match opened(&body) {
        Some(sid) => {
            session.set_sid(sid);
            shared.sessions.insert_sid(sid, session);
            session.opened();
            tokio::spawn(patrol(Arc::downgrade(session), sid, engine, Terms::of(shared)));
        }
        // Nobody gets at the transport without our knowing its id.
        None if head.status == StatusCode::OK => {
            tracing::error!("engine.io has opened a transport in a way that is not understood");
        }
        // It has refused to: this way to connect may be switched off.
        None => {}
    }
    soften(&mut head.status);
    Ok(Response::from_parts(head, ResponseBody::refusal(body)))
}

/// A `POST` of a transport that is there; `None` if that ends before all of the `POST` has come.
async fn post<S, U, B, R, E>(
    shared: &Shared<U>,
    mut service: SocketIoService<S>,
    request: Request<B>,
    sid: Sid,
    session: &Session,
) -> Result<Option<Response<ResponseBody<R>>>, E>
where
    SocketIoService<S>: Service<Request<B>, Response = Response<R>, Error = E>,
    S: Clone,
    B: From<Bytes>,
    R: Body<Data = Bytes>,
{
    let longest = shared.io.config().engine_config.max_payload;
    let bytes = content_length(request.headers()).unwrap_or(longest);
    let post = async {
        let _running = session.post(bytes, longest).await;
        service.call(request).await
    };
    // A body that trickles in would outlive the transport, and hold up the server when it goes down.
    let answered = select! {
        biased;
        () = ended(session.watch()) => return Ok(None),
        answered = time::timeout(shared.limits.post_timeout, post) => answered,
    };
    let mut response = match answered {
        Ok(response) => response?.map(ResponseBody::inner),
        Err(_) => {
            let mut response = Response::new(ResponseBody::refusal(Bytes::new()));
            *response.status_mut() = StatusCode::REQUEST_TIMEOUT;
            response
        }
    };
    soften(response.status_mut());
    leave_if_closed(&mut service, &shared.path, sid, session).await;
    Ok(Some(response))
}

/// A poll of a transport that is there.
async fn poll<S, B, R, E>(
    path: &str,
    mut service: SocketIoService<S>,
    request: Request<B>,
    sid: Sid,
    session: &Arc<Session>,
) -> Result<Response<ResponseBody<R>>, E>
where
    SocketIoService<S>: Service<Request<B>, Response = Response<R>, Error = E>,
    S: Clone,
    B: From<Bytes>,
    R: Body<Data = Bytes>,
{
    let waits = session.poll();
    let (mut head, body) = service.call(request).await?.into_parts();
    drop(waits);
    // What engine.io answers here is in memory, and cannot fail.
    let packets = session.answer(body.collect().await.map(Collected::to_bytes).unwrap_or_default());
    soften(&mut head.status);
    if head.status != StatusCode::OK || !session.is_ended() {
        leave_if_closed(&mut service, path, sid, session).await;
        return Ok(Response::from_parts(head, ResponseBody::refusal(packets)));
    }
    // Why it ends, and that it ends, are two packets. The client's next poll may come with a credential that is good no
    // more, so both go out with this one.
    let mut packets = packets.to_vec();
    let rest = async {
        let request = own_request::<B>(Method::GET, path, sid, Bytes::new())?;
        poll_fn(|cx| service.poll_ready(cx)).await.ok()?;
        let response = service.call(request).await.ok().filter(|response| response.status() == StatusCode::OK)?;
        response.into_body().collect().await.ok().map(Collected::to_bytes)
    };
    if let Ok(Some(rest)) = time::timeout(REST, rest).await
        && !rest.is_empty()
    {
        if !packets.is_empty() {
            packets.extend(SEPARATOR);
        }
        packets.extend(rest);
    }
    head.headers.insert(CONTENT_LENGTH, packets.len().into());
    session.drained.notify_one();
    Ok(Response::from_parts(head, ResponseBody::refusal(session.answer(packets.into()))))
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The id in the frame by which engine.io opens a WebSocket; it is the first that it sends.
pub(super) fn announced(frame: &[u8]) -> Option<Sid> {
    let head = if frame.get(1)? & 0x7f == 126 { 4 } else { 2 };
    opened(frame.get(head..)?)
}

/// The id in the answer to an opening request: `0{"sid":"…",…}`.
fn opened(body: &[u8]) -> Option<Sid> {
    #[derive(Deserialize)]
    struct Open<'a> {
        sid: &'a str,
    }
    let open: Open<'_> = serde_json::from_slice(body.strip_prefix(b"0")?).ok()?;
    open.sid.parse().ok()
}

/// What a client has sent is never the server's fault: engine.io answers a few of its own states with 500.
fn soften(status: &mut StatusCode) {
    if status.is_server_error() {
        *status = StatusCode::BAD_REQUEST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_of_the_engine_is_shown_as_the_clients() {
        for (answered, shown) in [(500, 400), (503, 400), (400, 400), (413, 413), (200, 200)] {
            let mut status = StatusCode::from_u16(answered).unwrap();
            soften(&mut status);
            assert_eq!(status, shown, "{answered}");
        }
    }
}
