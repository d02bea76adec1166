use auth_core::{Authenticated, Chain};
use axum::{Router, body::Body, http::StatusCode, routing::get};
use tower::Service as _;
use ws_adapter::AuthLayer;

use crate::{
    cost,
    file::{Cost, Path},
    strategies::{Claims, absent, bearer, es256, hs256, jwt, owner, remembering, request},
};

/// With the cost of axum, which the first line shows alone.
pub(crate) fn paths() -> Vec<Path> {
    // The layer limits the time of the chain.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _entered = runtime.enter();
    let (hs, es) = (bearer(&hs256()), bearer(&es256()));
    let last = || owner(jwt(&hs256()));
    let bare = Router::new().route("/me", get(StatusCode::NO_CONTENT));
    let remembered = Chain::new().or(owner(remembering(&es256())));
    let two = Chain::new().or(absent("a")).or(last());
    let four = Chain::new().or(absent("a")).or(absent("b")).or(absent("c")).or(last());
    vec![
        ("router: without a layer", answered(bare, Some(&hs), StatusCode::NO_CONTENT)),
        ("layer: HS256", let_in(Chain::new().or(last()), &hs)),
        ("layer: ES256, remembered", let_in(remembered, &es)),
        ("layer: HS256, two strategies", let_in(two, &hs)),
        ("layer: HS256, four strategies", let_in(four, &hs)),
        ("layer: refusal of nobody", answered(behind(Chain::new().or(last())), None, StatusCode::UNAUTHORIZED)),
    ]
}

fn let_in(chain: Chain<Claims>, authorization: &str) -> Cost {
    answered(behind(chain), Some(authorization), StatusCode::NO_CONTENT)
}

fn behind(chain: Chain<Claims>) -> Router {
    let handler = get(async |_: Authenticated<Claims>| StatusCode::NO_CONTENT);
    Router::new().route("/me", handler).layer(AuthLayer::new(chain))
}

/// The cost of one request, from its head to the response.
fn answered(app: Router, authorization: Option<&str>, status: StatusCode) -> Cost {
    let mut app = app.into_service::<Body>();
    cost(|| {
        let response = app.call(request(authorization));
        async move { assert_eq!(response.await.unwrap().status(), status) }
    })
}
