use std::{sync::Arc, time::Duration};

use auth_core::{Principal, RequestRecord};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, header::CACHE_CONTROL};
use ws_adapter::adapter::copy_head;

use super::{
    driver::Driver,
    engine::EngineBody,
    forged::Standing,
    polling::{open, poll, post},
    request::{EngineRequest, bad_request, transport_of, unknown_session},
    senders::PassedRequest,
    server::Server,
    session::Handle,
    upgrade::switch,
};

/// Decides about a request to engine.io, and lets engine.io answer it or refuses it.
pub(super) async fn answer<U: Principal>(server: Arc<Server<U>>, request: Request<EngineBody>) -> Response<Bytes> {
    let (mut parts, body) = request.into_parts();
    let record = RequestRecord::of(&mut parts);
    let transport = transport_of(&parts);
    let decision = server.decide(&parts, transport).await;
    record.take(&mut parts, server.checkpoint.needs());
    let PassedRequest { kind, user, session } = match decision {
        Ok(passed) => passed,
        Err(refusal) => return server.checkpoint.answer(refusal, &parts, transport),
    };

    let mut standing = Standing::Polls;
    if let Some(sid) = kind.sid() {
        standing = server.engine.leave_if_closed(sid, &session).await;
        if standing == Standing::Closed {
            return server.checkpoint.answer(unknown_session(), &parts, transport);
        }
    }
    let mut response = match kind {
        EngineRequest::Poll(sid) => poll(&server.engine, Request::from_parts(parts, body), sid, &session).await,
        EngineRequest::Post(sid) => {
            let asked = parts.clone();
            match post(&server, Request::from_parts(parts, body), sid, &session).await {
                Some(response) => response,
                None => return server.checkpoint.answer(unknown_session(), &asked, transport),
            }
        }
        EngineRequest::Upgrade(sid) => {
            // engine.io turns a second WebSocket of a transport away, so nothing is waited for. It takes all upgrades that have
            // begun, one after the other.
            let (stream, patience) = match standing {
                Standing::IsSocket => (Some(session.stream()), Duration::ZERO),
                _ => (session.only_stream(), server.io.config().engine_config.upgrade_timeout),
            };
            let Some(stream) = stream else {
                return server.checkpoint.answer(bad_request(), &parts, transport);
            };
            switch(&server, parts, stream, Some(sid), patience)
        }
        EngineRequest::Open | EngineRequest::OpenSocket => {
            // engine.io keeps the request as long as the transport, and namespaces judge it again.
            copy_head(&mut parts);
            parts.extensions.insert(Handle(Arc::clone(&session)));
            parts.extensions.insert(record.with_credentials());
            server.checkpoint.leave(user, &mut parts);
            tokio::spawn(Driver::new(&server, &session).drive());
            if kind == EngineRequest::OpenSocket {
                // Its id is told over the WebSocket only, and is of no use to another request.
                switch(&server, parts, session.stream(), None, Duration::ZERO)
            } else {
                open(&server, Request::from_parts(parts, body), &session).await
            }
        }
    };
    // What it holds is one client's own.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
