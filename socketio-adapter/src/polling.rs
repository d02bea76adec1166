use std::{sync::Arc, time::Duration};

use auth_core::Principal;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header::CONTENT_LENGTH};
use socketioxide::socket::Sid;
use tokio::{select, time};

use super::{
    engine::{Engine, EngineBody},
    server::Server,
    session::{Session, ended},
    sid,
    stream_owner::{Terms, patrol},
};

/// What stands between the packets of a poll.
const SEPARATOR: &[u8] = b"\x1e";
/// How long the last packets of a transport are waited for. They are sent at once.
const REST: Duration = Duration::from_millis(50);

/// Opens a transport that polls. Its id is in the answer.
pub(super) async fn open<U: Principal>(
    server: &Server<U>,
    request: Request<EngineBody>,
    session: &Arc<Session>,
) -> Response<Bytes> {
    let mut response = server.engine.call(request).await;
    match sid::in_packet(response.body()) {
        Some(sid) => {
            session.set_sid(sid);
            server.sessions.insert_sid(sid, session);
            session.opened();
            tokio::spawn(patrol(Arc::downgrade(session), sid, server.engine.clone(), Terms::of(server)));
        }
        // Nobody can use the transport if we don't know its id.
        None if response.status() == StatusCode::OK => {
            tracing::error!("engine.io has opened a transport in a way that is not understood");
        }
        // It has refused to: this way to connect may be switched off.
        None => {}
    }
    soften(response.status_mut());
    response
}

/// A `POST` of a transport that is there; `None` if that ends before all of the `POST` has come.
pub(super) async fn post<U: Principal>(
    server: &Server<U>,
    request: Request<EngineBody>,
    sid: Sid,
    session: &Session,
) -> Option<Response<Bytes>> {
    let longest = server.io.config().engine_config.max_payload;
    let bytes = content_length(request.headers()).unwrap_or(longest);
    if bytes > 1 {
        session.traffic().spoke();
    }
    let post = async {
        session.traffic().flows().await;
        let _running = session.post(bytes, longest).await;
        server.engine.call(request).await
    };
    // A body that trickles in would outlive the transport, and hold up the server when it goes down.
    let answered = select! {
        biased;
        () = ended(session.watch()) => return None,
        answered = time::timeout(server.options.post_timeout, post) => answered,
    };
    let mut response = answered.unwrap_or_else(|_| {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::REQUEST_TIMEOUT;
        response
    });
    soften(response.status_mut());
    server.engine.leave_if_closed(sid, session).await;
    Some(response)
}

/// A poll of a transport that is there.
pub(super) async fn poll(
    engine: &Engine,
    request: Request<EngineBody>,
    sid: Sid,
    session: &Arc<Session>,
) -> Response<Bytes> {
    let waits = session.poll();
    let (mut head, packets) = engine.call(request).await.into_parts();
    drop(waits);
    select! {
        biased;
        () = session.traffic().flows() => {}
        () = ended(session.watch()) => {}
    }
    let packets = session.answer(packets);
    soften(&mut head.status);
    if head.status != StatusCode::OK || !session.is_ended() {
        engine.leave_if_closed(sid, session).await;
        return Response::from_parts(head, packets);
    }
    // Why it ends, and that it ends, are two packets. The client's next poll may come with a credential that no longer holds,
    // so both go out with this one.
    let mut packets = packets.to_vec();
    if let Ok(Some(rest)) = time::timeout(REST, engine.rest(sid)).await
        && !rest.is_empty()
    {
        if !packets.is_empty() {
            packets.extend(SEPARATOR);
        }
        packets.extend(rest);
    }
    head.headers.insert(CONTENT_LENGTH, packets.len().into());
    session.drained.notify_one();
    Response::from_parts(head, session.answer(packets.into()))
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
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
