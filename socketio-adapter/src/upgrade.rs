use std::time::Duration;

use auth_core::Principal;
use bytes::Bytes;
use http::{
    HeaderValue, Request, Response, StatusCode,
    header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, UPGRADE},
    request::Parts,
};
use hyper_util::rt::TokioIo;
use socketioxide::socket::Sid;
use tokio::{select, time};
use tungstenite::handshake::derive_accept_key;
use ws_adapter::adapter::is_extended_connect;

use super::{
    engine_stream::{EngineStream, first_byte},
    forged::as_get,
    server::Server,
    session::{Stream, ended},
    stream_owner::{Terms, own},
};

/// Answers a handshake, and hands the WebSocket to engine.io over a stream that an owner can end. If engine.io never sees it, a
/// transport that polls stays as it is, and one that it would have opened goes with the request.
///
/// `upgrade_of` is the session that polls so far, and `patience` how long its client may take to begin.
pub(super) fn switch<U: Principal>(
    server: &Server<U>,
    mut parts: Parts,
    stream: Stream,
    upgrade_of: Option<Sid>,
    patience: Duration,
) -> Response<Bytes> {
    let answer = answer(server, &parts);
    as_get(&mut parts);
    let mut request = Request::from_parts(parts, ());
    let upgraded = hyper::upgrade::on(&mut request);
    let (engine, terms) = (server.engine.clone(), Terms::of(server));
    tokio::spawn(async move {
        let Ok(mut io) = upgraded.await.map(TokioIo::new) else { return };
        let mut first = None;
        if upgrade_of.is_some() {
            // A client that never begins has not got the answer: a layer or a proxy on the way may have taken it away.
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
        let (connection, owner) =
            EngineStream::new(io, first, upgrade_of, stream.session().watch(), stream.session().traffic());
        engine.open(connection, request);
        own(owner, stream.session(), &engine, upgrade_of, terms).await;
    });
    answer
}

/// The response that makes the stream a WebSocket: a 101 over HTTP/1.1 (RFC 6455, 4.2.2), a 200 to an extended `CONNECT` (RFC
/// 8441, 4).
fn answer<U: Principal>(server: &Server<U>, parts: &Parts) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    if let Some(subprotocol) = server.checkpoint.offered_subprotocol(parts) {
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
