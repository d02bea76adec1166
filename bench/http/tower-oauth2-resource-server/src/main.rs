//! tower-oauth2-resource-server: its layer with a fixed JWK set. It excludes HMAC.

use axum::{Extension, Json, Router, routing::get};
use http_common::{AUDIENCE, Claims, ISSUER, User, jwks, start};
use tokio::net::TcpListener;
use tower_oauth2_resource_server::{
    server::OAuth2ResourceServer, tenant::TenantConfiguration, validation::ClaimsValidationSpec,
};

#[tokio::main]
async fn main() {
    let rules = ClaimsValidationSpec::new().iss(ISSUER).aud(&vec![AUDIENCE.to_owned()]).exp(true);
    let tenant = TenantConfiguration::static_builder(jwks()).claims_validation(rules).build().unwrap();
    let server = OAuth2ResourceServer::<Claims>::builder().add_tenant(tenant).build().await.unwrap();
    let app = Router::new().route("/me", get(me)).layer(server.into_layer());
    axum::serve(TcpListener::from_std(start()).unwrap(), app).await.unwrap();
}

async fn me(Extension(claims): Extension<Claims>) -> Json<User> {
    Json(claims.into())
}
