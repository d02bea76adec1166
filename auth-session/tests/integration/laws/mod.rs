//! What holds for each store. `at_once.rs` and `waits.rs` both include it, so each test runs in both.

use super::App;

mod cookie;
mod data;
mod devices;
mod fixation;
mod interleaved;
mod lifetime;
mod limit;
mod many;
mod outage;
mod passport;
mod races;
mod socket;
