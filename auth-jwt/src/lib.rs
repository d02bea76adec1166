//! JSON Web Tokens as a strategy: strict parsing, pinned algorithms, typed claims, and a signer.
//!
//! It is for services that are shown signed tokens (RFC 7519 in the compact form of RFC 7515) and hold the keys: one
//! secret, one public key, a set of them, or a [`KeySource`] that finds them. It is not for encrypted tokens (JWE), not
//! for tokens that are bound to a certificate of the client (mTLS).
//!
//! | Feature | Adds |
//! |---|---|
//! | `axum` | a router for the document of a [`ProtectedResource`] |
//! | `remote` | keys that are fetched from an issuer; without it nothing here touches a network |
//! | `dpop` | tokens that are bound to a key of the client, and the proofs of it (RFC 9449) |
//! | `x509` | with `remote`: keys that are published as X.509 certificates, as Firebase does |
//! | `jsonwebtoken` | keys and algorithms from types of that crate: `VerifyingKey::from_decoding_key`, `SigningKey::from_encoding_key` |
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
//! | a token is found | `Absent`; 400 if its place is broken |
//! | it begins with a header, a JSON object in base64url | `Unrecognized`: a bearer token, but no JWT |
//! | at most 8 KiB ([`max_len`](Jwt::max_len)) | refused |
//! | three parts | `Unrecognized` |
//! | each in base64url without padding and without bits after the last byte (RFC 7515, 2) | refused |
//! | header and claims are UTF-8 JSON objects, at most 64 levels deep, in which no object has a member twice; no `crit`, no `zip`, no `b64` but `true` | refused |
//! | the issuer is known, where one is configured, by [name](Jwt::issuer), [alias](Jwt::issuer_alias) or [template](Jwt::issuer_template) | `Unrecognized`; refused if there is none, or if two rules claim it |
//! | the algorithm is one that exists here | refused |
//! | the algorithm [is allowed](Jwt::algorithms), also [to the issuer](TrustedIssuer::algorithms) | `Unrecognized`: there may be a strategy for the other kind of key |
//! | `typ` is absent, `JWT` or [that of the profile](Jwt::token_type), in any case, with or without `application/` | refused |
//! | one to four [keys](KeySet) fit | `Unrecognized` if none does, refused if more do; 503 if the source fails |
//! | the signature is right | refused |
//! | the registered claims have the types of RFC 7519, 4.1; `null` is none of them. `sub` may be [an integer](Jwt::allow_numeric_subject) | refused |
//! | each claim that the profile requires is there | refused |
//! | `exp` is there, and `nbf` and `iat` are not ahead by more than the [leeway](Jwt::leeway) | refused |
//! | neither `exp` nor the end by [`max_age`](Jwt::max_age) is past by the leeway or more | 401 `token_expired` |
//! | `aud` names [us](Jwt::audience), or is absent where no audience is configured; [`client_id`](Jwt::client_id_as_audience) may stand for it | refused |
//! | `tid`, if there, is the tenant of the issuer's template | refused |
//! | `sub` and `jti` are those that are configured, if any | refused |
//! | the claims are those of the profile: [access token](Jwt::access_token), [ID token](Jwt::id_token), [`nonce`](Jwt::nonce) | refused |
//! | it was given to an [authorized party](Jwt::authorized_party), and [claims that are required](Jwt::require_claim) have their texts | refused |
//! | there is no `cnf` (RFC 7800), or, with `dpop`, possession of its key is proven | refused; 401 `invalid_dpop_proof` |
//! | the claims fit the type `C` | refused |
//! | the [verify callback](auth_core::Verify) knows the user | what it says |
//!
//! Refused is 401 `invalid_credentials`. The issuer is read before the signature only to tell whose token it is:
//! whatever else is wrong with another issuer's token is not ours to say.
//!
//! # The log
//!
//! A line at DEBUG says why a token is refused, or left to the next strategy. The field `why` is a constant. Where a
//! setting can be the cause, `expected` and `found` show both sides: issuer, audience, authorized party and client,
//! algorithm, type and key of the token, and the names of claims. Texts of the token are quoted, escaped and cut at 200
//! characters, lists at 8 entries. The log never has the token, `sub`, `jti`, `nonce` or the value of another claim.
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
//! Signatures are made and checked by `aws-lc-rs`. Measured once for each call through `jsonwebtoken`, with a key of
//! 2048 bits for RSA, against its other backend, RustCrypto: HS256 0.40 µs against 0.27, RS256 21 µs against 231, ES256
//! 58 µs against 273, EdDSA 42 µs each. The pure Rust backend also takes weak RSA keys and panics on a short Ed25519 key.
//! The price is a C compiler at build time. The benchmark `chain` compares a whole request with a bare
//! `jsonwebtoken::decode`.
//!
//! # Security
//!
//! - A key knows its algorithms; a token can only choose among them. Keys in the token are ignored.
//! - A strategy that has no key for a token leaves it to the next one. At the end of the chain that is a 401 too.
//! - HMAC is for one service that signs and verifies. Whoever can verify with a secret can sign with it.
//! - Configure issuer and audience as soon as more than one service is around.
//! - A token is good until it ends, whatever became of its user. Keep lifetimes short, or let the chain ask for
//!   revocation by `jti` or `sid`, which the evidence carries.
//! - An ECDSA signature can be changed into another that is as valid: the text of a token is no identity.
//! - What opts out of a rule is called `dangerous_…`, so that a search finds it.
//!
//! # Where to go next
//!
//! [`Jwt`] has every setting, [`KeySource`] is the seam for keys that come and go, [`Signer`] makes tokens.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod algorithm;
mod cache;
mod contradiction;
#[cfg(feature = "dpop")]
mod dpop;
mod issuer;
#[cfg(feature = "jsonwebtoken")]
mod jsonwebtoken;
mod jwt;
mod key;
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
