//! A route behind a login, in process and in memory: ours beside tower-sessions and axum-login.
//!
//! Each side has 1,024 logins, whose cookies come in turn, looks the user up in the same table and answers the same JSON.

mod ours_side;
mod peers;

use std::{collections::HashMap, hint::black_box, rc::Rc, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
};
use floors::{Harness, User};
use http_body_util::BodyExt as _;
use serde::Deserialize;
use tokio::runtime::Runtime;
use tower::{Service as _, ServiceExt as _};

/// The table of users.
#[derive(Clone)]
pub struct Users(Arc<HashMap<String, User>>);

impl Users {
    #[must_use]
    pub fn find(&self, id: &str) -> Option<User> {
        self.0.get(id).map(|user| User { id: user.id.clone(), name: user.name.clone() })
    }
}

/// Who logs in; these benchmarks check no password.
#[derive(Deserialize)]
pub struct Who {
    pub id: String,
}

/// How many logins come in turn: the environment sets `LOGINS`.
fn logins() -> usize {
    std::env::var("LOGINS").map_or(1024, |text| text.parse().expect("a number"))
}

fn main() {
    let part = ours::part("session");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let user = |n: usize| (n.to_string(), User { id: n.to_string(), name: format!("user {n}") });
    let users = Users(Arc::new((0..logins()).map(user).collect()));

    let mut harness = Harness::new(&part);
    let sides = [
        ("tower-sessions", peers::tower_sessions(&users)),
        ("axum-login", peers::axum_login(&users)),
        ("ours, session", ours_side::app(&users)),
        ("ours, session, one layer", ours_side::app_with_one_layer(&users)),
        ("ours, session, one layer, after a logout", runtime.block_on(ours_side::app_after_a_logout(&users))),
    ];
    for (name, app) in sides {
        let cookies = runtime.block_on(log_in(app.clone()));
        add(&mut harness, &runtime, name, app, cookies);
        if name.starts_with("ours") {
            harness.beside("tower-sessions").beside("axum-login");
        }
    }
    harness.run();
}

/// Logs everybody in, and returns what each sends as `Cookie`.
async fn log_in(app: Router) -> Rc<[HeaderValue]> {
    let mut cookies = Vec::new();
    for n in 0..logins() {
        let request = Request::post(format!("/login?id={n}")).header(header::HOST, "127.0.0.1").body(Body::empty());
        let response = app.clone().oneshot(request.expect("a request")).await.expect("a response");
        assert!(response.status().is_success(), "{}", response.status());
        let cookie = response.headers().get(header::SET_COOKIE).expect("a cookie").to_str().expect("text");
        let pair = cookie.split(';').next().expect("a pair").to_owned();
        cookies.push(HeaderValue::from_maybe_shared(axum::body::Bytes::from(pair)).expect("a header"));
    }
    cookies.into()
}

fn add<'a>(harness: &mut Harness<'a>, runtime: &'a Runtime, name: &str, app: Router, cookies: Rc<[HeaderValue]>) {
    let (mut app, mut at) = (app.into_service::<Body>(), 0);
    harness.looping(name, move |times| {
        runtime.block_on(async {
            for _ in 0..times {
                at = (at + 1) % cookies.len();
                let request = Request::get("/me")
                    .header(header::HOST, HeaderValue::from_static("127.0.0.1"))
                    .header(header::COOKIE, &cookies[at])
                    .body(Body::empty())
                    .expect("a request");
                let response = app.ready().await.expect("a service").call(request).await.expect("a response");
                assert_eq!(response.status(), StatusCode::OK);
                black_box(response.into_body().collect().await.expect("a body").to_bytes());
            }
        });
    });
}
