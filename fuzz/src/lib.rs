//! The common parts of the targets: requests from bytes, a strategy that accepts one key, and the rules for every refusal.

use std::{
    future::Future,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use auth_core::{
    Accept, AuthRequest, Authenticated, BoxError, Chain, Challenge, Needs, Outcome, Principal, PrincipalId, Refusal,
    RefusalKind, Rejection, Strategy, Transport, async_trait,
    extract::{Credential, Extractor, Malformed},
};
use axum::{Router, body::Body, extract::ws};
use bytes::Bytes;
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header, request::Parts};
use http_body_util::Full;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio_tungstenite::{
    client_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};
use tower::{Layer as _, ServiceExt as _, service_fn};
use ws_adapter::{AuthLayer, AuthWebSocketUpgrade};

/// The only credential that [`Key`] accepts.
pub const KEY: &str = "open-sesame";

pub fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// The lines of the input, as header values. Invalid values don't get past the HTTP parser either.
pub fn header_lines(data: &[u8]) -> Vec<HeaderValue> {
    data.split(|&b| b == b'\n').filter_map(|line| HeaderValue::from_bytes(line.trim_ascii()).ok()).collect()
}

/// The head of a request with these lines of one header.
pub fn head(name: HeaderName, lines: &[HeaderValue]) -> Parts {
    let (mut parts, ()) = Request::new(()).into_parts();
    for line in lines {
        parts.headers.append(&name, line.clone());
    }
    parts
}

/// The head of a handshake.
pub fn handshake(name: HeaderName, lines: &[HeaderValue]) -> Parts {
    let mut parts = head(name, lines);
    parts.headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    parts
}

/// The credential that an extractor finds, as text.
pub fn found(extractor: &impl Extractor, parts: &Parts, transport: Transport) -> Result<Option<String>, Malformed> {
    let request = AuthRequest::new(parts, transport, now());
    let found = extractor.extract(&request)?;
    Ok(found.as_ref().map(Credential::expose).map(str::to_owned))
}

/// Asks a chain whose strategies never wait.
pub fn ask<U: Principal>(chain: &Chain<U>, parts: &Parts) -> Result<Authenticated<U>, Refusal> {
    let answer = chain.authenticate(&AuthRequest::new(parts, Transport::Http, now())).now_or_never();
    let answer = answer.expect("nothing waits here");
    if let Err(refusal) = &answer {
        check_refusal(refusal);
    }
    answer
}

/// Checks the rules for refusals of untrusted input.
pub fn check_refusal(refusal: &Refusal) {
    let response = refusal.to_response();
    check_response(response.status(), response.headers());
    assert!(!matches!(refusal.kind(), RefusalKind::Missing) || refusal.status() == StatusCode::UNAUTHORIZED);
}

fn check_response(status: StatusCode, headers: &http::HeaderMap) {
    assert!(status.is_client_error(), "untrusted input is answered with {status}");
    assert_eq!(headers.get(header::CACHE_CONTROL).unwrap(), "no-store");
    if status == StatusCode::UNAUTHORIZED {
        assert!(headers.contains_key(header::WWW_AUTHENTICATE));
    }
}

/// Sends a request through the layer. Returns the head that the inner service saw, or the status if it was not called.
pub fn through(layer: &AuthLayer<User>, parts: Parts) -> Result<Parts, StatusCode> {
    let seen = Arc::new(Mutex::new(None));
    let see = Arc::clone(&seen);
    let service = layer.layer(service_fn(move |request: Request<Full<Bytes>>| {
        *see.lock().unwrap() = Some(request.into_parts().0);
        async { Ok::<_, BoxError>(Response::new(Full::<Bytes>::default())) }
    }));
    let response = run(service.oneshot(Request::from_parts(parts, Full::default()))).unwrap();
    let seen = seen.lock().unwrap().take();
    match seen {
        Some(parts) => Ok(parts),
        None => {
            check_response(response.status(), response.headers());
            Err(response.status())
        }
    }
}

/// Runs a future on the thread's runtime.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// The texts that reached the handler of [`listen`].
static HEARD: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// The route for [`converse`].
pub async fn listen(ws: AuthWebSocketUpgrade<User>) -> Response<Body> {
    ws.on_upgrade(|mut socket| async move {
        while let Some(message) = socket.recv().await {
            if let ws::Message::Text(text) = message {
                HEARD.lock().unwrap().push(text.to_string());
            }
        }
    })
}

/// Opens a socket of `app`, and sends `text` and then `end`. Returns what the server sent and what [`listen`] received.
pub async fn converse(
    app: &Router,
    subprotocol: &str,
    authorization: Option<&str>,
    text: &str,
) -> (Vec<Message>, Vec<String>) {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let serving = tokio::spawn(
        hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(theirs), TowerToHyperService::new(app.clone()))
            .with_upgrades(),
    );
    let mut request: Request<()> = "ws://app.example/".into_client_request().unwrap();
    request.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::try_from(subprotocol).unwrap());
    if let Some(authorization) = authorization {
        request.headers_mut().insert(header::AUTHORIZATION, HeaderValue::try_from(authorization).unwrap());
    }
    let (mut socket, _) = client_async(request, ours).await.expect("the handshake is answered");
    let mut said = Vec::new();
    // Writing may fail if the server has closed the socket.
    let _ = socket.send(Message::text(text)).await;
    let _ = socket.send(Message::text("end")).await;
    let _ = socket.close(None).await;
    while let Some(Ok(message)) = socket.next().await {
        said.push(message);
    }
    drop(socket);
    let _ = serving.await;
    (said, std::mem::take(&mut *HEARD.lock().unwrap()))
}

/// A user with the key.
#[derive(Clone, Debug)]
pub struct User;

impl Principal for User {
    fn principal_id(&self) -> Option<PrincipalId> {
        Some(PrincipalId::new("", "user"))
    }
}

/// Accepts [`KEY`] wherever the extractor finds it.
pub struct Key<E>(pub E);

#[async_trait]
impl<E: Extractor> Strategy for Key<E> {
    type User = User;

    fn name(&self) -> &str {
        "key"
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.push(Challenge::bearer("fuzz"));
    }

    fn needs(&self) -> Needs {
        Needs::of(&self.0)
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<User>, BoxError> {
        Ok(match self.0.extract(request) {
            Ok(None) => Outcome::Absent,
            Ok(Some(found)) if found.expose() == KEY => Outcome::Accept(Accept::new(User, found.carrier())),
            Ok(Some(_)) => Outcome::Reject(Rejection::invalid_credentials()),
            Err(malformed) => malformed.into(),
        })
    }
}
