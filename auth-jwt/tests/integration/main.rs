//! What a chain with a [`Jwt`](auth_jwt::Jwt) accepts and refuses.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test ends at the first error"
)]

mod attacks;
mod cache;
mod challenge;
mod claims;
mod contradictions;
#[cfg(feature = "dpop")]
mod dpop;
mod embedded;
mod issuers;
#[cfg(feature = "jsonwebtoken")]
mod jsonwebtoken;
mod key_sets;
mod keys;
mod leaks;
mod migration;
mod outcome;
mod parsing;
mod passport;
mod profiles;
mod properties;
mod recipients;
mod refusals;
mod rotation;
mod scopes;
mod signer;
mod source;
mod support;

use test_support::log;
