//! Keys that an issuer publishes, fetched and kept fresh (feature `remote`).
//!
//! [`RemoteJwks`] is a [`KeySource`](crate::KeySource) over a JWK set (RFC 7517, 5) at a URL that is known, or found by
//! discovery. It is for tokens of an identity provider that changes its keys when it likes. It needs a tokio runtime.
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
//! | refresh | in the background, when 72 to 88 % of the lifetime are over |
//! | a token names a key that the set lacks | one fetch for all, every 30 s at most; only tokens that name such keys wait for it |
//! | several ask at once | there is one fetch, which goes on if they leave; each waits 2 s at most |
//! | a fetch fails | the last good set counts for 1 h beyond its lifetime; then 503 |
//! | a fetch succeeds | what is no longer in the set is no longer a key, at once |
//! | the set has no usable key | the fetch has failed |
//! | HTTP | `https`, or `http` on the loopback and where [allowed](RemoteJwksBuilder::dangerous_allow_http); 5 s in all; no redirects; status 200; 256 KiB; 100 keys |
//! | proxy | for `https`, the one that `HTTPS_PROXY` names, but for hosts in `NO_PROXY`; or [another](RemoteJwksBuilder::proxy), or [none](RemoteJwksBuilder::no_proxy) |
//! | next try | after 1 s, twice as long each time, 60 s at most; of that, the half or more |
//! | start | [`lazy`](RemoteJwksBuilder::lazy), [`background`](RemoteJwksBuilder::background) or [`fail_fast`](RemoteJwksBuilder::fail_fast) |
//!
//! Of a set, keys are left out one by one: those for other work, weak or broken ones, secrets, and private keys with all that
//! share a name or a key pair with one. The log names each with the reason, once for each new set. Which of the others a
//! token is checked with is told at [`KeySet`](crate::KeySet).
//!
//! # Security
//!
//! - The server that answers at the URL decides whose tokens are good. Redirects are not followed, and a proxy only passes
//!   on what is encrypted, so it is the host in the URL, as its certificate proves. To trust fewer certificates, use
//!   [`trust_only`](RemoteJwksBuilder::trust_only) and [`pin_sha256`](RemoteJwksBuilder::pin_sha256).
//! - A key that was stolen goes on to verify until the next fetch. Give sets that can change in a hurry a `max-age` of
//!   a minute.

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
