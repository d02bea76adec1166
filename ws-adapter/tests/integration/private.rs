//! How responses to requests with a credential in the query may be cached (RFC 6750, 2.3).

use auth_core::{
    Accept, AuthRequest, BoxError, Carrier, Chain, Challenge, Needs, Outcome, Strategy, async_trait,
    extract::{Extractor as _, bearer, query},
};
use axum::{Router, response::IntoResponse as _, routing::any};
use http::StatusCode;
use ws_adapter::AuthLayer;

use crate::support::*;

fn chain() -> Chain<User> {
    Chain::new().or(jwt_from(bearer().or(query("token"))))
}

fn app(layer: AuthLayer<User>) -> Router {
    let said = |status: StatusCode, value: &'static str| {
        any(async move || {
            let mut response = status.into_response();
            if !value.is_empty() {
                response.headers_mut().insert("cache-control", value.parse().unwrap());
            }
            response
        })
    };
    Router::new()
        .route("/silent", said(StatusCode::OK, ""))
        .route("/public", said(StatusCode::OK, "public, max-age=60"))
        .route("/no-store", said(StatusCode::OK, "no-store"))
        .route("/missing", said(StatusCode::NOT_FOUND, ""))
        .route("/me", any(me))
        .route("/ws", any(echo))
        .layer(layer)
}

#[tokio::test]
async fn response_to_a_query_token_is_private_and_others_are_unchanged() {
    let both = Chain::new().or(jwt_from(bearer())).and(jwt_from(query("token"))).map_user(|(user, _)| user);
    let token = token("ann", 60);
    let bearer = bearer_of("ann");
    let query = |path: &str| format!("{path}?token={token}");
    for layer in [layer(chain()), AuthLayer::optional(chain()).timer(clock())] {
        let server = Server::start(app(layer)).await;
        for (path, sent) in [
            ("/silent", Some("private")),
            ("/public", Some("private, max-age=60")),
            ("/no-store", Some("no-store")),
            ("/missing", Some("private")),
        ] {
            assert_eq!(server.get(&query(path), &[]).await.header("cache-control"), sent, "{path}");
            // The same token twice: the one in the query counts.
            let answer = server.get(&query(path), &[("authorization", &format!("Bearer {token}"))]).await;
            assert_eq!(answer.header("cache-control"), sent, "{path}");
        }
        for (path, sent) in [("/silent", None), ("/public", Some("public, max-age=60"))] {
            assert_eq!(server.get(path, &[("authorization", &bearer)]).await.header("cache-control"), sent, "{path}");
        }
        assert_eq!(server.get("/silent?token=a.b.c", &[]).await.header("cache-control"), Some("no-store"));
    }
    let server = Server::start(app(layer(both))).await;
    let answer = server.get(&query("/silent"), &[("authorization", &bearer)]).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("private")));
    let guests = Server::start(app(AuthLayer::optional(chain()).timer(clock()))).await;
    assert_eq!(guests.get("/public", &[]).await.header("cache-control"), Some("public, max-age=60"));
}

#[tokio::test]
async fn refused_handshake_is_private_and_an_opened_socket_is_not() {
    let server = Server::start(app(layer(chain()))).await;
    let path = |path: &str| format!("{path}?token={}", token("ann", 60));
    let (_client, opened) = server.connect(&path("/ws"), &[]).await.unwrap();
    assert_eq!((opened.status, opened.header("cache-control")), (101, None));
    let answer = server.connect(&path("/missing"), &[]).await.unwrap_err();
    assert_eq!((answer.status, answer.header("cache-control")), (404, Some("private")));
}

/// Accepts every ticket, as the strategy of `auth-store` accepts good ones.
struct AnyTicket;

#[async_trait]
impl Strategy for AnyTicket {
    type User = User;

    fn name(&self) -> &str {
        "ticket"
    }

    fn challenges(&self, _: &mut Vec<Challenge>) {}

    fn needs(&self) -> Needs {
        Needs::of(&query("ticket"))
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<User>, BoxError> {
        let found = query("ticket").extract(request).ok().flatten();
        Ok(found.map_or(Outcome::Absent, |_| Outcome::Accept(Accept::new(User("ann".into()), Carrier::Ticket))))
    }
}

#[tokio::test]
async fn response_to_a_ticket_in_the_query_is_private() {
    let server = Server::start(app(layer(Chain::new().or(jwt_from(bearer())).or(AnyTicket)))).await;
    let answer = server.get("/silent?ticket=t", &[]).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("private")));
}
