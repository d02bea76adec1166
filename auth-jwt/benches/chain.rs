//! The cost of a request: the whole chain beside a bare `jsonwebtoken::decode` of the same token into the same claims.
//!
//! The chain does more: it finds the credential, checks every rule of the crate, calls the verify callback and builds the
//! evidence. Compare the two within one run: figures of different machines are not comparable. `cached` is the same chain
//! when it has seen the token within the last minute; HMAC is not cached.
#![expect(clippy::unwrap_used, reason = "a benchmark ends at the first error")]

use std::{
    convert::Infallible,
    future::Future,
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime},
};

use auth_core::{AuthRequest, Chain, Principal, PrincipalId, Transport};
use auth_jwt::{Algorithm, Jwt, Signer, SigningKey};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use jsonwebtoken::{DecodingKey, Validation};
use serde::{Deserialize, Serialize};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "chat";

#[derive(Deserialize, Serialize)]
struct Claims {
    sub: String,
    name: String,
    exp: u64,
}

impl Principal for Claims {
    fn principal_id(&self) -> Option<PrincipalId> {
        None
    }
}

struct Case {
    name: &'static str,
    key: SigningKey,
    bare: DecodingKey,
    bare_algorithm: jsonwebtoken::Algorithm,
}

fn cases() -> [Case; 4] {
    let rsa = include_bytes!("../tests/keys/rsa2048.pem");
    let rsa_public = include_bytes!("../tests/keys/rsa2048.pub.pem");
    let p256 = include_bytes!("../tests/keys/p256.pem");
    let p256_public = include_bytes!("../tests/keys/p256.pub.pem");
    let ed25519 = include_bytes!("../tests/keys/ed25519.pem");
    let ed25519_public = include_bytes!("../tests/keys/ed25519.pub.pem");
    [
        Case {
            name: "HS256",
            key: SigningKey::hmac(Algorithm::HS256, SECRET).unwrap(),
            bare: DecodingKey::from_secret(SECRET.as_bytes()),
            bare_algorithm: jsonwebtoken::Algorithm::HS256,
        },
        Case {
            name: "RS256",
            key: SigningKey::from_pem(Algorithm::RS256, rsa).unwrap(),
            bare: DecodingKey::from_rsa_pem(rsa_public).unwrap(),
            bare_algorithm: jsonwebtoken::Algorithm::RS256,
        },
        Case {
            name: "ES256",
            key: SigningKey::from_pem(Algorithm::ES256, p256).unwrap(),
            bare: DecodingKey::from_ec_pem(p256_public).unwrap(),
            bare_algorithm: jsonwebtoken::Algorithm::ES256,
        },
        Case {
            name: "EdDSA",
            key: SigningKey::from_pem(Algorithm::EdDSA, ed25519).unwrap(),
            bare: DecodingKey::from_ed_pem(ed25519_public).unwrap(),
            bare_algorithm: jsonwebtoken::Algorithm::EdDSA,
        },
    ]
}

fn benches(criterion: &mut Criterion) {
    // If another crate enables the second backend, the library panics unless one is installed.
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    let mut group = criterion.benchmark_group("verify");
    for case in cases() {
        let claims = serde_json::json!({ "sub": "1001", "name": "admin" });
        let signer = Signer::new(case.key.clone()).issuer(ISSUER).audience(AUDIENCE);
        let token = signer.sign_for(&claims, Duration::from_secs(3600)).unwrap();

        let jwt = || Jwt::<Claims>::key(case.key.verifying_key().unwrap()).issuer(ISSUER).audience(AUDIENCE);
        let chain = |jwt: Jwt<Claims>| {
            Chain::new().or(jwt.verify(|claims: Claims| async move { Ok::<_, Infallible>(Some(claims)) }))
        };
        let authorization = format!("Bearer {}", token.expose());
        let (parts, ()) =
            http::Request::builder().header("authorization", authorization).body(()).unwrap().into_parts();
        let mut ask = |name, chain: Chain<Claims>| {
            group.bench_function(BenchmarkId::new(name, case.name), |bencher| {
                bencher.iter(|| {
                    let request = AuthRequest::new(&parts, Transport::Http, SystemTime::now());
                    black_box(ready(chain.authenticate(&request))).unwrap()
                });
            });
        };
        ask("chain", chain(jwt()));
        if case.name != "HS256" {
            ask("cached", chain(jwt().cache_signatures(1000).unwrap()));
        }

        let mut validation = Validation::new(case.bare_algorithm);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        group.bench_function(BenchmarkId::new("bare", case.name), |bencher| {
            bencher
                .iter(|| black_box(jsonwebtoken::decode::<Claims>(token.expose(), &case.bare, &validation)).unwrap());
        });
    }
    group.finish();
}

/// The output of a future that never waits, without a runtime.
fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("nothing in the chain waits"),
    }
}

criterion_group! {
    name = all;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    targets = benches
}
criterion_main!(all);
