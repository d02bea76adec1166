//! The same over a real Redis, which the tests start, kill and start again.

mod fake;
mod lost;
mod outage;
mod server;
mod shared;
