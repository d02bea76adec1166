use std::{
    error::Error,
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime},
};

use auth_core::{AuthRequest, Chain, Clock, ManualClock, RefusalKind, Transport, extract};
use auth_jwt::{
    Jwt, KeySource,
    remote::{RemoteJwks, RemoteJwksBuilder, Status},
};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use test_support::encoding::signing_input;

use crate::log::keep_events;

pub(crate) use test_support::encoding::{base64url as encode, der_of};

pub(crate) use crate::issuer::{Issuer, Say, ok, reply};

pub(crate) const ACCEPTED: &str = "accepted";
pub(crate) const UNRECOGNIZED: &str = "unrecognized";
pub(crate) const INVALID: &str = "invalid_credentials";
pub(crate) const UNAVAILABLE: &str = "unavailable";

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);
pub(crate) const MOMENT: Duration = Duration::from_millis(1);

/// Runs a test on one thread, so that other tasks have run as far as they can when the test continues. A test that hangs
/// fails.
pub(crate) fn run(test: impl Future<Output = ()>) {
    keep_events();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(120), test).await.unwrap() });
}

pub(crate) fn clock() -> ManualClock {
    ManualClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000))
}

/// An issuer with one key, and a clock.
pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) issuer: Issuer,
    pub(crate) key: Key,
}

impl World {
    /// The key is published as `a`.
    pub(crate) async fn new() -> Self {
        let clock = clock();
        let issuer = Issuer::new(&clock).await;
        let key = Key::new("a");
        issuer.publish(&set(&[&key]));
        Self { clock, issuer, key }
    }

    pub(crate) fn builder(&self) -> RemoteJwksBuilder {
        RemoteJwks::at(self.issuer.url("/jwks")).unwrap().clock(self.clock.clone())
    }

    /// A source that has the key already.
    pub(crate) async fn source(&self) -> RemoteJwks {
        self.builder().fail_fast().await.unwrap()
    }

    /// The result for a token that this key has signed.
    pub(crate) async fn ask(&self, source: &RemoteJwks, key: &Key) -> &'static str {
        verdict(source, &key.token(&self.clock), &self.clock).await
    }

    /// As `ask`, for a token that must be answered without waiting.
    pub(crate) fn ask_now(&self, source: &RemoteJwks, key: &Key) -> &'static str {
        now(self.ask(source, key)).unwrap()
    }
}

/// An Ed25519 key of an issuer.
pub(crate) struct Key {
    pub(crate) kid: Option<String>,
    pair: Ed25519KeyPair,
}

impl Key {
    pub(crate) fn new(kid: &str) -> Self {
        Self { kid: Some(kid.to_owned()), pair: Ed25519KeyPair::generate().unwrap() }
    }

    pub(crate) fn nameless() -> Self {
        Self { kid: None, ..Self::new("") }
    }

    pub(crate) fn jwk(&self) -> Value {
        let x = encode(self.pair.public_key());
        let mut jwk = json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "x": x });
        if let Some(kid) = &self.kid {
            jwk["kid"] = json!(kid);
        }
        jwk
    }

    /// The key with this member added or replaced.
    pub(crate) fn jwk_with(&self, member: &str, value: Value) -> Value {
        let mut jwk = self.jwk();
        jwk[member] = value;
        jwk
    }

    /// A token that is valid for a day.
    pub(crate) fn token(&self, clock: &ManualClock) -> String {
        self.token_with(clock, &json!({}))
    }

    /// A token with these claims as well.
    pub(crate) fn token_with(&self, clock: &ManualClock, more: &Value) -> String {
        let exp = clock.now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() + 86400;
        let mut claims = json!({ "sub": "1001", "exp": exp });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut header = json!({ "alg": "EdDSA" });
        if let Some(kid) = &self.kid {
            header["kid"] = json!(kid);
        }
        self.sign(&signing_input(header.to_string(), claims.to_string()))
    }

    pub(crate) fn sign(&self, input: &str) -> String {
        format!("{input}.{}", encode(self.pair.sign(input.as_bytes())))
    }
}

/// The point of RFC 7515, A.3.
pub(crate) const P256: [&str; 2] =
    ["f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"];

pub(crate) fn set(keys: &[&Key]) -> Value {
    jwks(keys.iter().map(|key| key.jwk()))
}

pub(crate) fn jwks(keys: impl IntoIterator<Item = Value>) -> Value {
    json!({ "keys": keys.into_iter().collect::<Vec<_>>() })
}

/// `accepted`, `unrecognized`, or the code of the refusal.
pub(crate) async fn verdict(source: &(impl KeySource + Clone), token: &str, clock: &ManualClock) -> &'static str {
    judge(Jwt::key_source(source.clone()), token, clock).await
}

pub(crate) async fn judge(jwt: Jwt<Value>, token: &str, clock: &ManualClock) -> &'static str {
    let jwt = jwt.extract(extract::header("x-token")).verify(|claims: Value| async move { Some(claims.to_string()) });
    let (parts, ()) = ::http::Request::builder().header("x-token", token).body(()).unwrap().into_parts();
    let chain = Chain::new().or(jwt);
    match chain.authenticate(&AuthRequest::new(&parts, Transport::Http, clock.now())).await {
        Ok(_) => ACCEPTED,
        Err(refusal) if refusal.kind() == RefusalKind::Unrecognized => UNRECOGNIZED,
        Err(refusal) => {
            // Only unavailable keys are a 503.
            assert_eq!(refusal.status().as_u16() == 503, refusal.code() == UNAVAILABLE);
            refusal.code()
        }
    }
}

/// The texts of an error and all its sources.
pub(crate) fn causes(error: &dyn Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", causes(source)),
        None => error.to_string(),
    }
}

/// The output of a future, if it does not have to wait.
pub(crate) fn now<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Lets other tasks run until the status is as wanted.
pub(crate) async fn until(source: &RemoteJwks, wanted: impl Fn(&Status) -> bool) {
    while !wanted(&source.status()) {
        tokio::task::yield_now().await;
    }
}

/// Lets other tasks run without moving the clock. Used to show that nothing happens.
pub(crate) async fn settle() {
    for _ in 0..500 {
        tokio::task::yield_now().await;
    }
}
