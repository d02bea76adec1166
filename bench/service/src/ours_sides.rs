//! The same routes behind our layer.

use auth_core::{Authenticated, Chain};
use axum::{Json, Router, routing::get};
use floors::Key;
use ours::{Me, in_cookie, jwt, me, remembering};
use ws_adapter::AuthLayer;

pub fn hs256(key: &Key) -> Router {
    behind(Chain::new().or(me(jwt(key))))
}

pub fn remembered(key: &Key) -> Router {
    behind(Chain::new().or(me(remembering(jwt(key)))))
}

/// The strategy in front finds no cookie.
pub fn two(key: &Key) -> Router {
    behind(Chain::new().or(me(in_cookie(jwt(key), "a"))).or(me(jwt(key))))
}

/// The three in front find nothing: no Basic login, and no cookie.
pub fn four(key: &Key) -> Router {
    let cookie = |name| me(in_cookie(jwt(key), name));
    behind(Chain::new().or(ours::basic()).or(cookie("a")).or(cookie("b")).or(me(jwt(key))))
}

pub fn basic() -> Router {
    behind(Chain::new().or(ours::basic()))
}

fn behind(chain: Chain<Me>) -> Router {
    let handler = get(async |user: Authenticated<Me>| Json(user.user().0.clone()));
    Router::new().route("/me", handler).layer(AuthLayer::new(chain))
}
