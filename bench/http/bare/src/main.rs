//! axum alone. With `MODE=attach`, a `from_fn` that attaches a user and checks nothing.

use std::env;

use axum::{
    Extension, Json, Router,
    extract::Request,
    middleware::{Next, from_fn},
    response::Response,
    routing::get,
};
use http_common::{User, start};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() {
    let app = if env::var("MODE").is_ok_and(|mode| mode == "attach") {
        Router::new().route("/me", get(|Extension(user): Extension<User>| async { Json(user) })).layer(from_fn(attach))
    } else {
        Router::new().route("/me", get(async || Json(User::fixed())))
    };
    axum::serve(TcpListener::from_std(start()).unwrap(), app).await.unwrap();
}

async fn attach(mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(User::fixed());
    next.run(request).await
}
