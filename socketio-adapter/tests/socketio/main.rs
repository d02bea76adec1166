//! Socket.IO behind a chain: real servers, asked over TCP with the packets that clients send.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod client;
mod support;

mod binding;
mod cancel;
mod connect;
mod connections;
mod drain;
mod guests;
mod header_once;
mod http2;
mod joins;
mod leak;
mod lifetime;
mod limits;
mod moving_end;
mod namespaces;
mod open;
mod owner;
mod pending;
mod protocol;
mod raw;
mod refresh;
mod refusals;
mod sessions;
mod set_clock;
mod throttled;
mod users;
mod wrong;

use test_support::{self as common, feed};
