//! JSON Web Tokens as a strategy: strict parsing, pinned algorithms, typed claims, and a signer.
//!
//! Use it in a service that receives signed tokens (RFC 7519, in the compact form of RFC 7515) and has the keys: one
//! secret, one public key, a set of them, or a [`KeySource`] that finds them. Encrypted tokens (JWE) and tokens that are
//! bound to a client certificate (mTLS, RFC 8705) are not supported.
//!
//! | Feature | Adds |
//! |---|---|
//! | `axum` | a router for the document of a [`ProtectedResource`] |
//! | `remote` | fetches an issuer's keys; without it the crate never uses the network |
//! | `dpop` | tokens that are bound to a client's key, and proofs of possession (RFC 9449) |
//! | `x509` | with `remote`: keys published as X.509 certificates, as Firebase does |
//! | `jsonwebtoken` | keys and algorithms that are types of that crate: `VerifyingKey::from_decoding_key`, `SigningKey::from_encoding_key`; re-exports the crate |
//! | `es256k` | ECDSA on secp256k1 (RFC 8812), as wallets sign |
//!
//! # A token in front of a chain
//!
//! ```
//! use std::time::{Duration, SystemTime};
//! use auth_core::{AuthRequest, Chain, Transport};
//! use auth_jwt::{Jwt, Signer};
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! struct Claims {
//!     sub: String,
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let secret = "0123456789abcdef0123456789abcdef";
//! let jwt = Jwt::<Claims>::hs256(secret)?
//!     .issuer("https://id.example")
//!     .audience("chat")
//!     .verify(|claims: Claims| async move { (claims.sub == "1001").then_some("admin") });
//! let chain = Chain::new().or(jwt);
//!
//! let signer = Signer::hs256(secret)?.issuer("https://id.example").audience("chat");
//! let token = signer.sign_for(&serde_json::json!({ "sub": "1001" }), Duration::from_secs(900))?;
//!
//! let authorization = format!("Bearer {}", token.expose());
//! let (parts, ()) = http::Request::builder().header("authorization", authorization).body(())?.into_parts();
//! let request = AuthRequest::new(&parts, Transport::Http, SystemTime::now());
//! let user = chain.authenticate(&request).await.map_err(|refusal| refusal.code())?;
//! assert_eq!(*user, "admin");
//! # Ok(()) }
//! ```
//!
//! # The order of decisions
//!
//! | Step | Otherwise |
//! |---|---|
//! | a token is found | `Absent`; 400 if the header or other carrier is malformed |
//! | it begins with a header, a JSON object in base64url | `Unrecognized`: a bearer token, but not a JWT |
//! | at most 8 KiB ([`max_len`](Jwt::max_len)); a longer header value is not checked for its form | refused |
//! | three parts | `Unrecognized` |
//! | each is base64url without padding and without bits after the last byte (RFC 7515, 2) | refused |
//! | header and claims are UTF-8 JSON objects, at most 64 levels deep, without duplicate members; no `crit`, no `zip`, and `b64` only as `true` | refused |
//! | the issuer is known, where one is configured, by [name](Jwt::issuer), [alias](Jwt::issuer_alias) or [template](Jwt::issuer_template) | `Unrecognized`; refused if the token has none, or if two rules claim it |
//! | this crate knows the algorithm | refused |
//! | the algorithm [is allowed](Jwt::algorithms), also [to the issuer](TrustedIssuer::algorithms) | `Unrecognized`: another strategy may have the other kind of key |
//! | `typ` is absent, `JWT` or [that of the profile](Jwt::token_type), in any case, with or without `application/` | refused |
//! | one to four [keys](KeySet) fit | `Unrecognized` if none fits, refused if more than four do; 503 if the source fails |
//! | the signature is right | refused |
//! | the registered claims have the types of RFC 7519, 4.1; `null` is not allowed. `sub` may be [an integer](Jwt::allow_numeric_subject) | refused |
//! | each claim that the profile requires is present | refused |
//! | `exp` is present, and `nbf` and `iat` are not in the future by more than the [leeway](Jwt::leeway) | refused |
//! | `iat` is present, if [`require_iat`](Jwt::require_iat) or [`max_age`](Jwt::max_age) is set | refused |
//! | `exp`, and the end set by `max_age`, are in the future, or in the past by less than the leeway | 401 `token_expired` |
//! | `aud` names [us](Jwt::audience), or is absent where no audience is configured; [`client_id`](Jwt::client_id_as_audience) may replace it | refused |
//! | `tid`, if present, is the tenant of the issuer's template | refused |
//! | `sub` and `jti` equal the configured ones, if any | refused |
//! | the claims satisfy the profile: [access token](Jwt::access_token), [ID token](Jwt::id_token), [`nonce`](Jwt::nonce) | refused |
//! | it was issued to an [authorized party](Jwt::authorized_party), and [required claims](Jwt::require_claim) have their values | refused |
//! | `auth_time` is not in the future by more than the leeway | refused |
//! | there is no `cnf` (RFC 7800), or, with `dpop`, possession of its key is proven | refused; 401 `invalid_dpop_proof` |
//! | the claims deserialize into `C` | refused |
//! | the [verify callback](auth_core::Verify) accepts the user | what it returns |
//!
//! Refused means 401 `invalid_credentials`. Before the signature is checked, the issuer is read only to find out whose
//! token it is. Other faults of another issuer's token are not reported.
//!
//! # The log
//!
//! A line at DEBUG says why a token is refused, or left to the next strategy. The field `why` is a constant. If a
//! setting can be the cause, `expected` and `found` show both sides: issuer, audience, authorized party and client,
//! algorithm, type and key of the token, and the names of claims. Text from the token is quoted, escaped and cut at 200
//! characters; lists are cut at 8 entries. The log never contains the token, `sub`, `jti`, `nonce` or the value of another
//! claim.
//!
//! # Keys
//!
//! | From | To verify | To sign |
//! |---|---|---|
//! | secret | [`VerifyingKey::hmac`] | [`SigningKey::hmac`] |
//! | PEM | `PUBLIC KEY`, `RSA PUBLIC KEY` | `PRIVATE KEY`, `RSA PRIVATE KEY` |
//! | DER | SPKI, PKCS#1 | PKCS#8, PKCS#1 |
//! | JWK | public or `oct` | private or `oct` |
//! | JWK set | [`KeySet::from_jwks`] | |
//!
//! `aws-lc-rs` makes and checks signatures. Time for one verification through `jsonwebtoken`, measured once with each of
//! its backends, `aws-lc-rs` first and RustCrypto second (RSA with 2048 bits): HS256 0.40 µs and 0.27, RS256 21 µs and 231,
//! ES256 58 µs and 273, EdDSA 42 µs with both. The pure Rust backend also accepts weak RSA keys and panics on a short
//! Ed25519 key. `aws-lc-rs` needs a C compiler at build time. The benchmarks in `bench/` compare a whole request with a
//! bare `jsonwebtoken::decode`.
//!
//! # Security
//!
//! - A key knows its algorithms; a token can only choose among them. Keys in the token are ignored.
//! - A strategy without a key for a token leaves it to the next one. At the end of the chain that is also a 401.
//! - Use HMAC only if one service both signs and verifies: anyone who can verify with a secret can sign with it.
//! - Configure issuer and audience as soon as there is more than one service.
//! - A token is valid until it expires, even if its user was deleted. Keep lifetimes short, or let the chain check for
//!   revocation by `jti` or `sid`, which are in the evidence.
//! - An ECDSA signature can be changed into another valid one, so don't use the text of a token as an identity.
//! - Settings that switch a rule off are called `dangerous_…`, so a search finds them.
//!
//! # Where to go next
//!
//! [`Jwt`] has every setting, [`KeySource`] supplies keys that change, [`Signer`] makes tokens.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod algorithm;
mod cache;
mod contradiction;
#[cfg(feature = "jsonwebtoken")]
mod conversions;
#[cfg(feature = "dpop")]
mod dpop;
mod halves;
mod issuer;
mod jwt;
mod key;
mod known_headers;
mod policy;
#[cfg(any(feature = "dpop", feature = "remote"))]
mod port;
mod possession;
mod protected_resource;
#[cfg(feature = "remote")]
pub mod remote;
mod secret;
mod signer;
mod source;
mod strategy;
mod token;
#[cfg(test)]
mod vectors;

#[cfg(feature = "jsonwebtoken")]
pub use ::jsonwebtoken;

#[cfg(feature = "dpop")]
pub use self::dpop::{Dpop, DpopKey};
pub use self::{
    algorithm::Algorithm,
    issuer::IssuerTemplate,
    jwt::Jwt,
    key::{KeySet, VerifyingKey},
    protected_resource::ProtectedResource,
    secret::HmacSecret,
    signer::{SignError, SignErrorKind, Signer, SigningKey, SigningKeys},
    source::{Demands, KeyFile, KeySource, ReloadableKeys, TrustedIssuer, TrustedIssuers, UnverifiedToken},
    strategy::JwtStrategy,
};
