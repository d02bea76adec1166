//! Refresh tokens: an application that issues them, and clients that keep them.
#![expect(clippy::indexing_slicing, reason = "a test that cannot go on should stop there")]

mod claims;
mod cookie;
mod ends;
mod keys;
mod leak;
mod model;
mod nodes;
mod outage;
mod races;
mod requests;
mod rotation;
mod theft;

use std::net::SocketAddr;

use auth_core::{Authenticated, Chain, ManualClock, Secret};
use auth_jwt::{Jwt, Signer};
use auth_session::{IssuedTokens, RefreshTokens, SessionError, Sessions, SessionsBuilder};
use axum::{
    Router,
    body::Body,
    extract::Path,
    http::{Method, Request},
    response::Response,
    routing::{get, post},
};
use serde_json::Value as Json;
use test_support::server::{Answer, Client, Server};
use tower::ServiceExt as _;
use ws_adapter::{AuthLayer, AuthSocket, AuthWebSocketUpgrade, Connections, Protected, Sockets};

use crate::{ann::JSON, support::*};

pub(crate) const ISSUER: &str = "https://app.example";
const PATH: &str = "/token/refresh";

pub(crate) fn key(of: &str) -> Secret {
    Secret::new(of.repeat(32))
}

fn signer() -> Signer {
    Signer::hs256("s".repeat(32)).unwrap().issuer(ISSUER).audience("api")
}

/// An application, its tokens, and a router with all of it.
pub(crate) struct Tokens {
    pub(crate) app: App,
    tokens: RefreshTokens<User>,
    router: Router,
}

impl Tokens {
    pub(crate) fn new() -> Self {
        Self::with(|tokens| tokens)
    }

    fn with(set: impl FnOnce(RefreshTokens<User>) -> RefreshTokens<User>) -> Self {
        Self::of(App::with(|builder| builder.token_issuer(ISSUER)), set)
    }

    fn built(set: impl Fn(SessionsBuilder<User>) -> SessionsBuilder<User>) -> Self {
        Self::of(App::with(|builder| set(builder.token_issuer(ISSUER))), |tokens| tokens)
    }

    fn of(app: App, set: impl FnOnce(RefreshTokens<User>) -> RefreshTokens<User>) -> Self {
        let tokens = set(RefreshTokens::new(&app.sessions, signer(), [key("k")]).unwrap());
        let router = with_tokens(&app.sessions, &tokens, &app.clock);
        Self { app, tokens, router }
    }

    /// A client in which this user is logged in.
    pub(crate) async fn phone(&self, name: &str) -> Phone {
        Phone::log_in(self.router.clone().into(), name).await
    }

    async fn serve(&self) -> Server {
        Server::start(self.router.clone()).await
    }

    fn advance(&self, secs: u64) {
        self.app.clock.advance(crate::support::secs(secs));
    }
}

/// Routes for a login with tokens, and an API and a socket for access tokens.
pub(crate) fn with_tokens(sessions: &Sessions<User>, tokens: &RefreshTokens<User>, clock: &ManualClock) -> Router {
    #[derive(serde::Deserialize)]
    struct Claims {
        sub: String,
    }
    let jwt = Jwt::<Claims>::hs256("s".repeat(32)).unwrap().issuer(ISSUER).audience("api");
    let jwt = jwt.leeway(secs(0)).unwrap().verify(|claims: Claims| async move { Some(User(claims.sub)) });
    let chain = Chain::new().or(jwt).revocation(sessions.revocations().clone());
    let connections = Connections::new();
    connections.follow(sessions.revocations().clone());
    let layer = AuthLayer::new(chain).timer(clock.clone());
    let layer = layer.public_origin(ORIGIN).unwrap().sockets(Sockets::new().connections(&connections).without_ping());
    let log_in = tokens.clone();
    let log_in = async move |Path(name): Path<String>| -> Result<IssuedTokens, SessionError> {
        log_in.log_in(&User(name)).label("App on Android").amr(["pwd"]).await
    };
    let public = Router::new().route("/token/{name}", post(log_in)).merge(tokens.routes());
    Protected::new(layer)
        .route("/api", get(|user: Authenticated<User>| async move { user.0.clone() }))
        .route("/ws", get(echo))
        .public(public)
        .into_router()
}

async fn echo(ws: AuthWebSocketUpgrade<User>) -> Response {
    ws.on_upgrade(async |mut socket: AuthSocket<User>| {
        while let Some(message) = socket.recv().await {
            drop(socket.send(message).await);
        }
    })
}

/// Whom a client asks.
#[derive(Clone)]
pub(crate) enum Asked {
    /// Without a connection.
    Router(Router),
    Server(SocketAddr),
}

impl From<Router> for Asked {
    fn from(router: Router) -> Self {
        Self::Router(router)
    }
}

impl From<&Server> for Asked {
    fn from(server: &Server) -> Self {
        Self::Server(server.addr)
    }
}

impl Asked {
    pub(crate) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        match self {
            Self::Router(router) => {
                let mut request = Request::builder().method(method).uri(path).header("host", "localhost:3000");
                for (name, value) in headers {
                    request = request.header(*name, *value);
                }
                answer(router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap()).await
            }
            Self::Server(addr) => {
                let method = method.parse::<Method>().unwrap();
                test_support::server::send(*addr, method, path, headers, body.to_owned()).await
            }
        }
    }
}

async fn answer(response: Response) -> Answer {
    let (head, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    Answer { status: head.status.as_u16(), headers: head.headers, body: String::from_utf8(body.to_vec()).unwrap() }
}

/// A client that keeps a pair of tokens.
#[derive(Clone)]
pub(crate) struct Phone {
    asks: Asked,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Phone {
    pub(crate) async fn log_in(asks: Asked, name: &str) -> Self {
        let answer = asks.send("POST", &format!("/token/{name}"), &[], "").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let mut phone = Self { asks, access: String::new(), refresh: String::new() };
        phone.keep(&answer);
        phone
    }

    /// The same tokens at another place.
    pub(crate) fn at(&self, asks: impl Into<Asked>) -> Self {
        Self { asks: asks.into(), ..self.clone() }
    }

    fn keep(&mut self, answer: &Answer) {
        let body: Json = serde_json::from_str(&answer.body).unwrap();
        assert_eq!((answer.header("cache-control"), &body["token_type"]), (Some("no-store"), &"Bearer".into()));
        self.access = body["access_token"].as_str().unwrap().to_owned();
        self.refresh = body["refresh_token"].as_str().unwrap().to_owned();
    }

    /// Sends the refresh token, and keeps nothing of the answer.
    pub(crate) async fn send(&self) -> Answer {
        let body = serde_json::json!({ "refresh_token": self.refresh }).to_string();
        self.asks.send("POST", PATH, &[JSON], &body).await
    }

    /// Sends the refresh token, and keeps the next pair, if there is one.
    pub(crate) async fn refresh(&mut self) -> Result<u64, (u16, String)> {
        let answer = self.send().await;
        if answer.status != 200 {
            return Err((answer.status, answer.code()));
        }
        self.keep(&answer);
        Ok(self.generation())
    }

    pub(crate) async fn log_out(&self) -> u16 {
        let body = serde_json::json!({ "refresh_token": self.refresh }).to_string();
        self.asks.send("DELETE", PATH, &[JSON], &body).await.status
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.access)
    }

    /// Who is let in with the access token.
    pub(crate) async fn api(&self) -> Result<String, (u16, String)> {
        let answer = self.asks.send("GET", "/api", &[("authorization", &self.bearer())], "").await;
        if answer.status == 200 { Ok(answer.body) } else { Err((answer.status, answer.code())) }
    }

    /// A socket that the access token opens.
    pub(crate) async fn open(&self, server: &Server) -> Client {
        server.open(&self.bearer()).await
    }

    pub(crate) fn sid(&self) -> String {
        self.refresh.split('.').next().unwrap().to_owned()
    }

    pub(crate) fn generation(&self) -> u64 {
        self.refresh.split('.').nth(1).unwrap().parse().unwrap()
    }

    pub(crate) fn claims(&self) -> Json {
        use base64::Engine as _;
        let payload = self.access.split('.').nth(1).unwrap();
        serde_json::from_slice(&base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
    }
}

pub(crate) fn invalid_grant<T>() -> Result<T, (u16, String)> {
    refused(400, "invalid_grant")
}
