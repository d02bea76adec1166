//! Keys that an issuer publishes, fetched and kept fresh (feature `remote`).
//!
//! [`RemoteJwks`] is a [`KeySource`](crate::KeySource) for a JWK set (RFC 7517, 5) at a fixed URL, or one found by discovery.
//! Use it for tokens of an identity provider that rotates its keys. It needs a tokio runtime.
//!
//! ```no_run
//! use auth_core::Chain;
//! use auth_jwt::{Jwt, remote::RemoteJwks};
//! # #[derive(serde::Deserialize)] struct Claims { sub: String }
//!
//! # async fn build() -> Result<(), auth_core::ConfigError> {
//! let issuer = "https://id.example";
//! let keys = RemoteJwks::discover(issuer)?.fail_fast().await?;
//! let health = keys.clone();
//!
//! let jwt = Jwt::<Claims>::key_source(keys)
//!     .issuer(issuer)
//!     .audience("chat")
//!     .verify(|claims: Claims| async move { Some(claims.sub) });
//! let chain = Chain::new().or(jwt);
//!
//! assert!(health.status().is_ready());
//! # let _ = chain; Ok(()) }
//! ```
//!
//! # The rules
//!
//! | What | Rule |
//! |---|---|
//! | lifetime | 10 min, or `max-age` of `Cache-Control` from 1 min to 24 h; `ETag` and 304 are understood |
//! | refresh | in the background, after 72 to 88 % of the lifetime |
//! | a token names a key that is not in the set | one fetch for all such tokens, at most every 30 s; only they wait for it |
//! | several requests need keys | they share one fetch, which continues if they are dropped; each waits 2 s at most |
//! | a fetch fails | the last good set is used for 1 h beyond its lifetime; then 503 |
//! | a fetch succeeds | keys that are no longer in the set are dropped at once |
//! | the set has no usable key | the fetch counts as failed |
//! | HTTP | `https`, or `http` on the loopback and where [allowed](RemoteJwksBuilder::dangerous_allow_http); 5 s in all; no redirects; status 200; 256 KiB; 100 keys |
//! | proxy | for `https`, the one that `HTTPS_PROXY` names, except for hosts in `NO_PROXY`; or [another](RemoteJwksBuilder::proxy), or [none](RemoteJwksBuilder::no_proxy) |
//! | retry | after 1 s, doubled each time, 60 s at most; the actual wait is a random 50 to 100 % of that |
//! | start | [`lazy`](RemoteJwksBuilder::lazy), [`background`](RemoteJwksBuilder::background) or [`fail_fast`](RemoteJwksBuilder::fail_fast) |
//!
//! Unusable keys of a set are left out: keys with another purpose, weak or broken keys, secrets, and private keys together
//! with all keys that share their name or key pair. The log names each with the reason, once for each new set. A private key
//! beside certificates whose key pair is unknown makes the fetch fail. [`KeySet`](crate::KeySet) says which of the other keys
//! a token is checked with.
//!
//! # Security
//!
//! - The server at the URL decides whose tokens are valid. Redirects are not followed and a proxy only sees encrypted
//!   traffic, so that server is the host in the URL, as its certificate proves. To trust fewer certificates, use
//!   [`trust_only`](RemoteJwksBuilder::trust_only) and [`pin_sha256`](RemoteJwksBuilder::pin_sha256).
//! - A stolen key stays valid until the next fetch. If a set may have to change quickly, publish it with a `max-age` of a
//!   minute.

mod builder;
#[cfg(feature = "x509")]
mod certificates;
mod client;
mod discovery;
mod document;
mod error;
mod fetch;
mod flight;
mod format;
mod found;
mod headers;
mod lifetime;
mod location;
mod pin;
mod proxy;
mod source;
mod state;
mod status;
mod trust;

pub use self::{
    builder::RemoteJwksBuilder,
    error::{FetchError, FetchErrorKind},
    source::RemoteJwks,
    status::Status,
};

/// For the fuzz targets: reads a published set without an issuer.
#[cfg(fuzzing)]
#[doc(hidden)]
#[must_use]
pub fn read_published(body: &[u8]) -> Option<crate::KeySet> {
    format::read(body, format::Format::Jwks, std::time::SystemTime::UNIX_EPOCH, &mut Vec::new()).ok()
}

/// The same for certificates, in January 2027.
#[cfg(all(fuzzing, feature = "x509"))]
#[doc(hidden)]
#[must_use]
pub fn read_certificates(body: &[u8]) -> Option<crate::KeySet> {
    let now = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000);
    format::read(body, format::Format::Certificates, now, &mut Vec::new()).ok()
}
