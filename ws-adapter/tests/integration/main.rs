//! The middleware in real servers, tested by real clients over TCP.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

mod absence;
mod accept_then_close;
mod any_server;
mod bodies;
mod codec;
mod connections;
mod cross_site;
mod first_message;
mod gone;
mod guessing;
mod handshake;
mod hostile;
mod http2;
mod idle;
mod keepalive;
mod layer;
mod log;
#[cfg(feature = "metrics")]
mod metrics;
mod moving_end;
mod nested;
mod passport;
mod payload;
mod pending;
mod plain_axum;
mod private;
mod protected;
mod protected_law;
mod races;
mod refresh;
mod refusals;
mod reject;
mod routes;
mod says;
mod slow_link;
mod socket;
mod sockets;
mod subprotocols;
mod throttled;
mod wrong;

use test_support::{self as common, feed};
