use std::{
    convert::Infallible,
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime},
};

use auth_core::{
    AuthRequest, Authenticated, Chain, Principal, PrincipalId, Refusal, RefusalKind, Strategy, Transport, extract,
};
use auth_jwt::{Jwt, VerifyingKey};
use aws_lc_rs::hmac;
use http::request::Parts;
use serde_json::{Map, Value, json};
use test_support::encoding::signing_input;

use crate::log::keep_events;

pub(crate) use test_support::encoding::{base64url as encode, der_of, from_base64url as decode};

pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const ISSUER: &str = "https://id.example";

/// The instant of every request, in seconds since 1970.
pub(crate) const NOW: u64 = 1_700_000_000;

pub(crate) fn now() -> SystemTime {
    at(NOW)
}

pub(crate) fn at(secs: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(secs)
}

/// HS256 without further requirements. Tokens come in a header that accepts any text.
pub(crate) fn jwt() -> Jwt<Value> {
    Jwt::hs256(SECRET).unwrap().extract(extract::header("x-token"))
}

pub(crate) fn key(key: VerifyingKey) -> Jwt<Value> {
    Jwt::key(key).extract(extract::header("x-token"))
}

/// Claims that [`jwt`] accepts, with these added or replaced.
pub(crate) fn claims(more: Value) -> Value {
    let mut claims = json!({ "sub": "1001", "exp": NOW + 600 });
    let Value::Object(more) = more else { panic!("claims are an object") };
    claims.as_object_mut().unwrap().extend(more);
    claims
}

/// A token over these claims, signed with [`SECRET`].
pub(crate) fn token(claims: &Value) -> String {
    token_with(json!({}), claims)
}

/// A token with these header parameters in addition to `alg`, or instead of it.
pub(crate) fn token_with(more: Value, claims: &Value) -> String {
    let mut header = Map::from_iter([("alg".to_owned(), json!("HS256"))]);
    let Value::Object(more) = more else { panic!("a header is an object") };
    header.extend(more);
    raw_token(Value::Object(header).to_string(), claims.to_string())
}

/// A token with a valid signature over any two texts.
pub(crate) fn raw_token(header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
    sign(&signing_input(header, payload), SECRET)
}

/// `input` with its HS256 signature.
pub(crate) fn sign(input: &str, secret: impl AsRef<[u8]>) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_ref()), input.as_bytes());
    format!("{input}.{}", encode(tag))
}

pub(crate) fn request(header: &str, value: &str) -> Parts {
    http::Request::builder().header(header, value).body(()).unwrap().into_parts().0
}

/// The result of a chain with this one strategy.
pub(crate) fn ask<S: Strategy>(strategy: S, parts: &Parts) -> Result<Authenticated<S::User>, Refusal> {
    ready(Chain::new().or(strategy).authenticate(&AuthRequest::new(parts, Transport::Http, now())))
}

/// The result for the token: the evidence, or the refusal.
pub(crate) fn present(jwt: Jwt<Value>, token: &str) -> Result<Authenticated<Said>, Refusal> {
    ask(jwt.verify(accept), &request("x-token", token))
}

/// The same in one word: `accepted`, `unrecognized`, or the code of the refusal.
pub(crate) fn verdict(jwt: Jwt<Value>, token: &str) -> &'static str {
    match present(jwt, token) {
        Ok(_) => "accepted",
        Err(refusal) if refusal.kind() == RefusalKind::Unrecognized => "unrecognized",
        Err(refusal) => refusal.code(),
    }
}

pub(crate) async fn accept(claims: Value) -> Result<Option<Said>, Infallible> {
    Ok(Some(Said(claims)))
}

/// The claims as the user.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Said(pub(crate) Value);

impl Principal for Said {
    fn principal_id(&self) -> Option<PrincipalId> {
        None
    }
}

/// The output of a future that does not wait.
pub(crate) fn ready<F: Future>(future: F) -> F::Output {
    keep_events();
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nothing here waits"),
    }
}

pub(crate) const ACCEPTED: &str = "accepted";
pub(crate) const UNRECOGNIZED: &str = "unrecognized";
pub(crate) const INVALID: &str = "invalid_credentials";
pub(crate) const EXPIRED: &str = "token_expired";
