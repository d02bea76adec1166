//! What each way to authenticate adds to a request: an axum router in process, `ready().call()` in a loop on one thread.
//!
//! `LOG=info` installs a subscriber that writes to nowhere.

mod by_hand;
mod ours_sides;

use std::{hint::black_box, rc::Rc};

use axum::{
    Json, Router,
    body::Body,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    routing::get,
};
use floors::{Algorithm, Harness, Key, TightVerifier, Tokens, User, jsonwebtoken10, jsonwebtoken11};
use http_body_util::BodyExt as _;
use tokio::runtime::Runtime;
use tower::{Service as _, ServiceExt as _};

/// What a side sends as `Authorization`, in turn.
type Headers = Rc<[HeaderValue]>;

fn main() {
    let part = ours::part("service");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let (hmac, ecdsa) = (Key::generate(Algorithm::Hs256), Key::generate(Algorithm::Es256));
    let (hs, es) = (bearers(&Tokens::new(&hmac)), bearers(&Tokens::new(&ecdsa)));
    let (nobody, login) = (headers([]), headers(["Basic YWRtaW46cGFzc3dvcmQ=".to_owned()]));
    let bad = bearers(&Tokens::new(&Key::generate(Algorithm::Hs256)));

    let mut all = Sides { runtime: &runtime, harness: Harness::new(&part) };
    let bare = get(|| async { Json(User { id: "1001".into(), name: "admin".into() }) });
    all.add("bare", Router::new().route("/me", bare), &hs, StatusCode::OK);
    all.add("attach a user", by_hand::attaching(), &hs, StatusCode::OK);
    all.add("tight verifier", by_hand::checking(TightVerifier::new(&hmac)), &hs, StatusCode::OK);
    all.add("jsonwebtoken 10 by hand", by_hand::checking(jsonwebtoken10::ByHand::new(&hmac)), &hs, StatusCode::OK);
    all.add("jsonwebtoken 11 by hand", by_hand::checking(jsonwebtoken11::ByHand::new(&hmac)), &hs, StatusCode::OK);
    all.add("ours, HS256", ours_sides::hs256(&hmac), &hs, StatusCode::OK);
    all.add("ours, ES256 remembered", ours_sides::remembered(&ecdsa), &es, StatusCode::OK);
    all.add("ours, two strategies", ours_sides::two(&hmac), &hs, StatusCode::OK);
    all.add("ours, four strategies", ours_sides::four(&hmac), &hs, StatusCode::OK);
    all.add("ours, nobody", ours_sides::hs256(&hmac), &nobody, StatusCode::UNAUTHORIZED);
    all.add("ours, bad signature", ours_sides::hs256(&hmac), &bad, StatusCode::UNAUTHORIZED);
    all.add("ours, Basic without a hash", ours_sides::basic(), &login, StatusCode::OK);
    all.harness.run();
}

struct Sides<'a> {
    runtime: &'a Runtime,
    harness: Harness<'a>,
}

impl Sides<'_> {
    fn add(&mut self, name: &str, app: Router, headers: &Headers, status: StatusCode) {
        let mut app = app.into_service::<Body>();
        let (runtime, headers, mut at) = (self.runtime, Rc::clone(headers), 0);
        self.harness.looping(name, move |times| {
            runtime.block_on(async {
                for _ in 0..times {
                    let mut request = Request::get("/me").header(header::HOST, HeaderValue::from_static("127.0.0.1"));
                    if !headers.is_empty() {
                        at = (at + 1) % headers.len();
                        request = request.header(header::AUTHORIZATION, &headers[at]);
                    }
                    let request = request.body(Body::empty()).expect("a request");
                    let response = app.ready().await.expect("a service").call(request).await.expect("a response");
                    assert_eq!(response.status(), status);
                    black_box(response.into_body().collect().await.expect("a body").to_bytes());
                }
            });
        });
        if name != "bare" {
            self.harness.over("bare").beside("tight verifier");
        }
    }
}

fn bearers(tokens: &Tokens) -> Headers {
    headers(tokens.all().iter().map(|token| format!("Bearer {token}")))
}

/// Made once: cloning such a value copies no bytes, as for a header that hyper has parsed.
fn headers(values: impl IntoIterator<Item = String>) -> Headers {
    let value = |text| HeaderValue::from_maybe_shared(axum::body::Bytes::from(text)).expect("a header");
    values.into_iter().map(value).collect()
}
