//! The strategies, tokens and heads that the paths share.

use std::{convert::Infallible, time::Duration};

use auth_basic::{Basic, BasicLogin};
use auth_core::{Principal, PrincipalId, Strategy, extract::cookie};
use auth_jwt::{Algorithm, Jwt, Signer, SigningKey};
use http::{Request, header::AUTHORIZATION};
use serde::Deserialize;
use serde_json::json;

const ISSUER: &str = "https://id.example.org";
const AUDIENCE: &str = "budget";

/// The claims of a token of 300 bytes.
#[derive(Clone, Deserialize)]
#[expect(dead_code, reason = "only allocated")]
pub(crate) struct Claims {
    sub: String,
    name: String,
    scope: String,
    jti: String,
    exp: u64,
}

impl Principal for Claims {
    fn principal_id(&self) -> Option<PrincipalId> {
        None
    }
}

pub(crate) fn hs256() -> SigningKey {
    SigningKey::hmac(Algorithm::HS256, "a secret of at least thirty-two bytes").unwrap()
}

pub(crate) fn es256() -> SigningKey {
    SigningKey::from_pem(Algorithm::ES256, include_bytes!("../../../auth-jwt/tests/keys/p256.pem")).unwrap()
}

pub(crate) fn bearer(key: &SigningKey) -> String {
    let signer = Signer::new(key.clone()).issuer(ISSUER).audience(AUDIENCE);
    let claims = json!({ "sub": "1001", "name": "admin", "scope": "read write" });
    format!("Bearer {}", signer.sign_for(&claims, Duration::from_secs(3600)).unwrap().expose())
}

pub(crate) const LOGIN: &str = "Basic YWRtaW46cGFzc3dvcmQ=";

pub(crate) fn jwt(key: &SigningKey) -> Jwt<Claims> {
    Jwt::key(key.verifying_key().unwrap()).issuer(ISSUER).audience(AUDIENCE)
}

pub(crate) fn remembering(key: &SigningKey) -> Jwt<Claims> {
    jwt(key).cache_signatures(1000).unwrap()
}

/// A strategy that finds no cookie.
pub(crate) fn absent(name: &'static str) -> impl Strategy<User = Claims> {
    owner(jwt(&hs256()).extract(cookie(name)))
}

pub(crate) fn owner(jwt: Jwt<Claims>) -> impl Strategy<User = Claims> {
    jwt.verify(|claims: Claims| async move { Ok::<_, Infallible>(Some(claims)) })
}

/// HTTP Basic without a password hash.
pub(crate) fn basic() -> impl Strategy<User = String> {
    Basic::new("budget")
        .verify(|login: BasicLogin| async move { Ok::<_, Infallible>(Some(login.username().to_owned())) })
}

pub(crate) fn request<B: Default>(authorization: Option<&str>) -> Request<B> {
    let mut request = Request::get("/me").header("host", "127.0.0.1");
    if let Some(value) = authorization {
        request = request.header(AUTHORIZATION, value);
    }
    request.body(B::default()).unwrap()
}
