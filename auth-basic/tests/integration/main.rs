//! Basic in a chain, from the request to the answer.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

mod compile_fail;
mod header;
mod passport;
mod payload;
mod renew;
mod support;
#[cfg(feature = "throttle")]
mod throttled;
mod vectors;

#[cfg(feature = "argon2")]
mod passwords;
