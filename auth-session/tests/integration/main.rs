//! Logins, from the request to the store and the answer.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should stop there")]
#![expect(clippy::duplicate_mod, reason = "the laws run on two kinds of store")]

mod ann;
mod at_once;
mod cross_site;
mod local;
#[cfg(feature = "metrics")]
mod metrics;
mod nodes;
mod passwords;
mod return_to;
mod support;
mod throttled;
mod tokens;
mod waits;
mod watched;
