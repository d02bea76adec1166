use std::time::Duration;

use auth_core::Principal;
use bytes::Bytes;
use http::{
    HeaderValue, Request, Response, StatusCode,
    header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, UPGRADE},
    request::Parts,
};
use hyper_util::rt::TokioIo;
use socketioxide::service::SocketIoService;
use tokio::{select, time};
use tower_service::Service;
use tungstenite::handshake::derive_accept_key;

use super::{
    connection::{Connection, first_byte},
    layer::Shared,
    own::{Engine, as_get},
    owner::{self, Terms},
    session::{Stream, ended},
};
use crate::{ResponseBody, http::transport::is_extended_connect};

/// Answers a handshake, and hands the WebSocket to engine.io over a stream that an owner can end. Where engine.io never
/// sees it, a transport that polls stays as it is, and one that it would have opened goes with the request.
///
/// `patience` is how long the client of an upgrade may take to begin.
pub(super) fn switch<S, U, R>(
    shared: &Shared<U>,
    mut service: SocketIoService<S>,
    mut parts: Parts,
    stream: Stream,
    mut engine: Engine,
    patience: Duration,
) -> Response<ResponseBody<R>>
where
    S: Clone + Send + 'static,
    U: Principal,
{
    let answer = answer(shared, &parts);
    as_get(&mut parts);
    let mut request = Request::from_parts(parts, ());
    let upgraded = hyper::upgrade::on(&mut request);
    let terms = Terms::of(shared);
    tokio::spawn(async move {
        let Ok(mut io) = upgraded.await.map(TokioIo::new) else { return };
        let mut first = None;
        if engine.upgrade_of().is_some() {
            // Whoever never begins has not got the answer, which a layer or a proxy on the way may have taken away.
            first = select! {
                first = first_byte(&mut io) => first,
                () = time::sleep(patience) => None,
                () = ended(stream.session().watch()) => None,
            };
            if first.is_none() {
                return;
            }
        } else {
            stream.session().opened();
        }
        let (connection, owner) = Connection::new(io, first, engine.upgrade_of(), stream.session().watch());
        // Completes at once: engine.io goes on in a task of its own.
        let _ = service.call((connection, request)).await;
        owner::own(owner, stream.session(), &mut engine, terms).await;
    });
    answer
}

/// The answer by which the stream becomes a WebSocket: of HTTP/1.1 a 101 (RFC 6455, 4.2.2), of an extended `CONNECT` a 200
/// (RFC 8441, 4).
fn answer<U: Principal, R>(shared: &Shared<U>, parts: &Parts) -> Response<ResponseBody<R>> {
    let mut response = Response::new(ResponseBody::refusal(Bytes::new()));
    let headers = response.headers_mut();
    if let Some(subprotocol) = shared.gate.offered_subprotocol(parts) {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, subprotocol);
    }
    if !is_extended_connect(parts) {
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        let accept = parts.headers.get(SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes()));
        if let Some(accept) = accept.and_then(|accept| accept.parse().ok()) {
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    }
    response
}
