//! Logins, from the request to the store and the answer.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should stop there")]

mod ann;
mod cookie;
mod cross_site;
mod data;
mod fixation;
mod interleaved;
mod lifetime;
mod local;
mod many;
#[cfg(feature = "metrics")]
mod metrics;
mod nodes;
mod outage;
mod passport;
mod passwords;
mod races;
mod return_to;
mod socket;
mod support;
mod watched;
