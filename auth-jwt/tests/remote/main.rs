//! Keys that are fetched from an issuer over TCP, on a clock that is moved by hand.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends at the first error")]

#[cfg(feature = "x509")]
mod certificates;
mod connect;
mod discovery;
mod failure;
mod flight;
mod headers;
mod http;
mod issuer;
mod issuers;
mod leaks;
mod lifetime;
mod logs;
mod plain_http;
mod providers;
mod proxy;
mod refusals;
mod reload;
mod set;
mod start;
mod support;
mod tls;
mod unknown;

use test_support::log;
