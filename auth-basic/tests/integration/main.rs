//! Basic in a chain, from the request to the answer.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

// It builds a project of its own, with the features of this one: with `throttle`, AWS-LC would be built once more. So it runs without:
// see `scripts/check.sh`.
#[cfg(not(feature = "throttle"))]
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
