//! Two layers around one route, and middleware between them.

use auth_core::{
    Authenticated, Chain, RequestInfo, Verdict,
    extract::{Extractor as _, bearer, query, subprotocol},
};
use auth_jwt::Jwt;
use axum::{
    Router,
    extract::{OriginalUri, RawQuery, Request},
    middleware::{Next, from_fn},
    routing::get,
};
use http::{HeaderMap, header::SEC_WEBSOCKET_PROTOCOL};
use serde_json::Value;
use ws_adapter::AuthLayer;

use crate::support::*;

/// A chain that finds tokens in places from which a layer removes them.
fn by_query() -> Chain<User> {
    Chain::new().or(jwt_from(bearer().or(query("token")).or(subprotocol("auth.bearer."))))
}

/// The query and subprotocols that the handler behind both layers sees.
async fn seen(user: Authenticated<User>, RawQuery(query): RawQuery, headers: HeaderMap) -> String {
    let lines = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().map(|line| line.to_str().unwrap());
    format!("{} {} {}", user.0, query.unwrap_or_default(), lines.collect::<Vec<_>>().join("|"))
}

/// Middleware that removes `as_user` from the query and `admin` from the subprotocols.
async fn take_out(mut request: Request, next: Next) -> axum::response::Response {
    let pairs = request.uri().query().unwrap_or_default().split('&');
    let pairs: Vec<_> = pairs.filter(|pair| !pair.starts_with("as_user=")).collect();
    *request.uri_mut() = format!("{}?{}", request.uri().path(), pairs.join("&")).parse().unwrap();
    let offered =
        request.headers().get(SEC_WEBSOCKET_PROTOCOL).map(|line| line.to_str().unwrap().replace("admin, ", ""));
    if let Some(offered) = offered {
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, offered.parse().unwrap());
    }
    next.run(request).await
}

fn two_layers() -> Router {
    let inner = Router::new().route("/", get(seen)).layer(layer(by_query()));
    inner.layer(from_fn(take_out)).layer(layer(by_query()))
}

#[tokio::test]
async fn what_middleware_between_two_layers_removed_stays_removed() {
    let server = Server::start(two_layers()).await;
    let path = format!("/?a=1&token={}&as_user=root&b=2", token("ann", 60));
    let answer = server.get(&path, &[("sec-websocket-protocol", "admin, chat")]).await;
    assert_eq!((answer.status, &*answer.body), (200, "ann a=1&b=2 chat"));
}

#[tokio::test]
async fn nested_inner_layer_finds_the_token_of_the_outer_one() {
    let server = Server::start(two_layers()).await;
    for (path, status) in [(format!("/?token={}", token("ann", 60)), 200), ("/?token=a.b.c".to_owned(), 401)] {
        assert_eq!(server.get(&path, &[]).await.status, status, "{path}");
    }
    // A second token contradicts it, wherever each one was found.
    let headers = [("authorization", &*bearer_of("bob"))];
    assert_eq!(server.get(&format!("/?token={}", token("ann", 60)), &headers).await.status, 400);
}

#[tokio::test]
async fn callback_and_handler_see_the_path_that_was_sent_and_no_token() {
    let jwt =
        Jwt::<Value>::hs256(b"a secret of at least thirty-two bytes").unwrap().extract(bearer().or(query("token")));
    let jwt = jwt.verify(|_: Value, info: RequestInfo| async move { Verdict::accept(info.uri().path().to_owned()) });
    let handler = async |user: Authenticated<String>, OriginalUri(uri): OriginalUri| format!("{} {uri}", user.user());
    let inner = Router::new().route("/me", get(handler)).layer(AuthLayer::new(Chain::new().or(jwt)).timer(clock()));
    let server = Server::start(Router::new().nest("/v1", Router::new().nest("/deep", inner))).await;
    let answer = server.get(&format!("/v1/deep/me?token={}", token("ann", 60)), &[]).await;
    assert_eq!((answer.status, &*answer.body), (200, "/v1/deep/me /v1/deep/me"));
}
