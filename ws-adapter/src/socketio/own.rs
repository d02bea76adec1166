//! Requests that we send to engine.io ourselves, on behalf of the client whose transport it is.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Body;
use http_body_util::{BodyExt as _, Collected};
use serde::Deserialize;
use socketioxide::{service::SocketIoService, socket::Sid};
use tower_service::Service;

use super::session::Session;

/// The code by which engine.io says that it has no such session.
const UNKNOWN: &str = "1";

/// What ends a transport that polls: a close packet, as its client would send it. A WebSocket's engine.io session pays
/// no heed to it.
pub(super) type Closer = Box<dyn FnOnce(Sid) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

pub(super) fn closer<S, B, R, E>(mut service: SocketIoService<S>, path: &str) -> Closer
where
    SocketIoService<S>: Service<Request<B>, Response = Response<R>, Error = E, Future: Send>,
    S: Clone + Send + 'static,
    B: From<Bytes> + Send + 'static,
    R: Send,
    E: Send,
{
    let path = path.to_owned();
    Box::new(move |sid| {
        Box::pin(async move {
            let Some(request) = own_request::<B>(Method::POST, &path, sid, Bytes::from_static(b"1")) else {
                return;
            };
            if poll_fn(|cx| service.poll_ready(cx)).await.is_ok() {
                let _ = service.call(request).await;
            }
        })
    })
}

/// Forgets a transport that engine.io has closed, whatever for, and tells whether it has. socketioxide holds its session
/// until the deadline of `CONNECT`, and a handler may hold it for ever.
pub(super) async fn leave_if_closed<S, B, R, E>(
    service: &mut SocketIoService<S>,
    path: &str,
    sid: Sid,
    session: &Session,
) -> bool
where
    SocketIoService<S>: Service<Request<B>, Response = Response<R>, Error = E>,
    S: Clone,
    B: From<Bytes>,
    R: Body<Data = Bytes>,
{
    #[derive(Deserialize)]
    struct Problem<'a> {
        code: &'a str,
    }
    let answer = async {
        // A packet that only a server sends: it is refused, and nothing else comes of it.
        let request = own_request::<B>(Method::POST, path, sid, Bytes::from_static(b"6"))?;
        poll_fn(|cx| service.poll_ready(cx)).await.ok()?;
        let response = service.call(request).await.ok()?;
        response.into_body().collect().await.ok().map(Collected::to_bytes)
    };
    let answer = answer.await.unwrap_or_default();
    let problem = serde_json::from_slice::<Problem<'_>>(&answer);
    let is_closed = problem.is_ok_and(|problem| problem.code == UNKNOWN);
    if is_closed {
        session.leave();
    }
    is_closed
}

/// A request that we send to engine.io on the client's behalf.
pub(super) fn own_request<B: From<Bytes>>(method: Method, path: &str, sid: Sid, body: Bytes) -> Option<Request<B>> {
    let mut request = Request::new(B::from(body));
    *request.method_mut() = method;
    *request.uri_mut() = format!("{path}?EIO=4&transport=polling&sid={sid}").parse().ok()?;
    Some(request)
}
