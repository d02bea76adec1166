//! A chain in front of tonic's own gRPC server.
//!
//! ```text
//! SECRET=0123456789abcdef0123456789abcdef cargo run -p ws-adapter --example tonic
//! ```

use std::{env, error::Error};

use auth_core::{Authenticated, Chain, Principal, PrincipalId, Refusal};
use auth_jwt::Jwt;
use http::{Response, request::Parts};
use serde::Deserialize;
use tokio::net::TcpListener;
use tonic::{
    Request, Status,
    service::interceptor::InterceptedService,
    transport::{Server, server::TcpIncoming},
};
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

/// The health service of tonic, for authenticated clients.
pub(crate) async fn serve(listener: TcpListener, chain: Chain<User>) -> Result<(), tonic::transport::Error> {
    let (_, health) = tonic_health::server::health_reporter();
    Server::builder()
        .layer(AuthLayer::new(chain).on_refusal(without_body))
        .add_service(InterceptedService::new(health, only_operators))
        .serve_with_incoming(TcpIncoming::from(listener))
        .await
}

/// A gRPC client reads the status of the response, but would take a body for a message.
fn without_body(refusal: &Refusal, _: &Parts) -> Response<&'static str> {
    let mut response = Response::new("");
    *response.status_mut() = refusal.status();
    response
}

/// Methods find the user in the extensions of the request, as this interceptor does.
fn only_operators(request: Request<()>) -> Result<Request<()>, Status> {
    match request.extensions().get::<Authenticated<User>>() {
        Some(user) if user.id == "operator" => Ok(request),
        _ => Err(Status::permission_denied("this method is for operators")),
    }
}
