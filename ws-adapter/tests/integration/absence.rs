//! `AuthRequest::explain_absence`, through layers.

use auth_core::{Anonymous, AuthRequest, BoxError, Chain, Challenge, Outcome, Strategy, async_trait};
use axum::{Extension, Router, routing::get};
use ws_adapter::AuthLayer;

use crate::support::*;

/// Finds a session that has ended, and says so.
struct Ended;

#[async_trait]
impl Strategy for Ended {
    type User = User;

    fn name(&self) -> &str {
        "session"
    }

    fn challenges(&self, _: &mut Vec<Challenge>) {}

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<User>, BoxError> {
        request.explain_absence("session_expired");
        Ok(Outcome::Absent)
    }
}

fn ended() -> Chain<User> {
    Chain::new().or(Ended).or(jwt())
}

#[tokio::test]
async fn optional_layer_lets_an_ended_session_pass_and_says_why() {
    async fn why(Extension(anonymous): Extension<Anonymous<User>>) -> &'static str {
        anonymous.refusal().code()
    }
    let app = Router::new().route("/why", get(why)).route("/me", get(me));
    let server = Server::start(app.layer(AuthLayer::optional(ended()).timer(clock()))).await;
    assert_eq!(server.get("/why", &[]).await.body, "session_expired");
    assert!(server.get("/me", &[]).await.is(401, "session_expired"));
    let bearer = bearer_of("ann");
    assert_eq!(server.get("/me", &[("authorization", &bearer)]).await.body, "ann");
    assert_eq!(server.get("/why", &[("authorization", "Bearer wrong")]).await.status, 401);
}

#[tokio::test]
async fn inner_layer_asks_its_own_strategies_why() {
    let outer = AuthLayer::optional(ended()).timer(clock());
    for (inner, code) in [(ended(), "session_expired"), (jwt_or_basic(), "missing_credentials")] {
        let app = Router::new().route("/me", get(me)).layer(layer(inner)).layer(outer.clone());
        assert!(Server::start(app).await.get("/me", &[]).await.is(401, code), "{code}");
    }
}

#[tokio::test]
async fn refused_handshake_says_why_too() {
    assert!(Server::start(app(layer(ended()))).await.refused(&[]).await.is(401, "session_expired"));
}
