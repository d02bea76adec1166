//! The four ways to protect a route, over TCP.

use auth_core::{Authenticated, Chain, extract::cookie};
use axum::{Router, routing::get};

use crate::support::*;

async fn both(user: Authenticated<(User, User)>) -> String {
    let (by_cookie, by_password) = user.user();
    format!("{} and {}", by_cookie.0, by_password.0)
}

async fn maybe(user: Option<Authenticated<User>>) -> String {
    user.map_or_else(|| "a guest".to_owned(), |user| user.0.clone())
}

async fn server() -> Server {
    let with_jwt = layer(Chain::new().or(jwt()));
    let with_either = layer(Chain::new().or(jwt()).or(basic()));
    let with_both = layer(Chain::new().or(jwt_from(cookie("jwt"))).and(basic()));
    let with_any_or_none = ws_adapter::AuthLayer::optional(jwt_or_basic()).timer(clock());
    let app = Router::new()
        .route("/jwt", get(me).layer(with_jwt))
        .route("/either", get(me).layer(with_either))
        .route("/both", get(both).layer(with_both))
        .route("/optional", get(maybe).layer(with_any_or_none))
        .route("/open", get(|| async { "open" }));
    Server::start(app).await
}

/// `admin:password`
const BASIC: &str = "Basic YWRtaW46cGFzc3dvcmQ=";
/// `admin:guess`
const WRONG_BASIC: &str = "Basic YWRtaW46Z3Vlc3M=";

#[tokio::test]
async fn route_with_jwt_accepts_only_a_token() {
    let server = server().await;
    let good = server.get("/jwt", &[("authorization", &bearer_of("ann"))]).await;
    assert_eq!((good.status, good.body.as_str()), (200, "ann"));
    assert!(server.get("/jwt", &[]).await.is(401, "missing_credentials"));
    assert!(server.get("/jwt", &[("authorization", BASIC)]).await.is(401, "missing_credentials"));
    let expired = format!("Bearer {}", token("ann", -61));
    assert!(server.get("/jwt", &[("authorization", &expired)]).await.is(401, "token_expired"));
}

#[tokio::test]
async fn route_with_jwt_or_basic_accepts_either() {
    let server = server().await;
    assert_eq!(server.get("/either", &[("authorization", &bearer_of("ann"))]).await.body, "ann");
    assert_eq!(server.get("/either", &[("authorization", BASIC)]).await.body, "admin");
    let refused = server.get("/either", &[("authorization", WRONG_BASIC)]).await;
    assert!(refused.is(401, "invalid_credentials"));
    assert_eq!(refused.challenges(), JWT_OR_BASIC);
}

#[tokio::test]
async fn route_with_cookie_and_basic_requires_both() {
    let server = server().await;
    let cookie = format!("theme=dark; jwt={}", token("ann", 60));
    let good = server.get("/both", &[("cookie", &cookie), ("authorization", BASIC)]).await;
    assert_eq!((good.status, good.body.as_str()), (200, "ann and admin"));
    assert!(server.get("/both", &[]).await.is(401, "missing_credentials"));
    assert!(server.get("/both", &[("cookie", &cookie)]).await.is(401, "invalid_credentials"));
    assert!(server.get("/both", &[("authorization", BASIC)]).await.is(401, "invalid_credentials"));
    let wrong = server.get("/both", &[("cookie", &cookie), ("authorization", WRONG_BASIC)]).await;
    assert!(wrong.is(401, "invalid_credentials"));
    assert_eq!(wrong.challenges(), ["Basic realm=\"test\", charset=\"UTF-8\""]);
}

#[tokio::test]
async fn optional_route_admits_guests_but_no_wrong_credential() {
    let server = server().await;
    assert_eq!(server.get("/optional", &[]).await.body, "a guest");
    assert_eq!(server.get("/optional", &[("authorization", &bearer_of("ann"))]).await.body, "ann");
    assert_eq!(server.get("/optional", &[("authorization", BASIC)]).await.body, "admin");
    assert!(server.get("/optional", &[("authorization", WRONG_BASIC)]).await.is(401, "invalid_credentials"));
    assert!(server.get("/optional", &[("authorization", "Bearer opaque")]).await.is(401, "invalid_credentials"));
    assert!(server.get("/optional", &[("authorization", "Bearer")]).await.is(400, "invalid_request"));
}

#[tokio::test]
async fn route_without_a_layer_stays_open() {
    assert_eq!(server().await.get("/open", &[]).await.body, "open");
}
