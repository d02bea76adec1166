//! The same over a real Redis, which the tests start, kill and start again.

mod outage;
mod server;
mod shared;
