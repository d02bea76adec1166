//! A chain in front of a plain hyper server, without axum.
//!
//! ```text
//! SECRET=0123456789abcdef0123456789abcdef cargo run -p ws-adapter --example hyper
//! ```

use std::{convert::Infallible, env, error::Error, io, sync::Arc};

use auth_core::{Authenticated, Chain, Principal, PrincipalId};
use auth_jwt::Jwt;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use serde::Deserialize;
use tokio::net::TcpListener;
use tower::{Layer as _, service_fn};
use ws_adapter::AuthLayer;

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

pub(crate) struct User {
    id: String,
}

impl Principal for User {
    fn principal_id(&self) -> Option<PrincipalId> {
        Some(PrincipalId::new("", &self.id))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    Ok(serve(listener, chain(&env::var("SECRET")?)?).await?)
}

pub(crate) fn chain(secret: &str) -> Result<Chain<User>, auth_core::ConfigError> {
    let jwt = Jwt::<Claims>::hs256(secret)?.verify(|claims: Claims| async move { Some(User { id: claims.sub }) });
    Ok(Chain::new().or(jwt))
}

pub(crate) async fn serve(listener: TcpListener, chain: Chain<User>) -> io::Result<()> {
    let service = TowerToHyperService::new(AuthLayer::new(chain).layer(service_fn(greet)));
    let server = Arc::new(Builder::new(TokioExecutor::new()));
    loop {
        let (stream, _) = listener.accept().await?;
        let (server, service) = (Arc::clone(&server), service.clone());
        tokio::spawn(async move {
            if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
                tracing::debug!(error, "a connection failed");
            }
        });
    }
}

/// It receives hyper's own body, which the layer does not touch.
async fn greet(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let Some(user) = request.extensions().get::<Authenticated<User>>() else {
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        return Ok(response);
    };
    Ok(Response::new(Full::from(format!("hello, {}\n", user.id))))
}
