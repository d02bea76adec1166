//! Tickets and revocations, on the memory store and on a real Redis.
#![expect(clippy::unwrap_used, reason = "a test ends at the first error")]

mod budgets;
mod device;
mod full_tables;
mod leaks;
mod lost_places;
mod memory;
mod memory_model;
mod patient;
mod realms;
mod records;
#[cfg(feature = "redis")]
mod redis;
mod revocations;
#[cfg(feature = "axum")]
mod route;
mod support;
mod throttle;
mod throttled;
mod tickets;
