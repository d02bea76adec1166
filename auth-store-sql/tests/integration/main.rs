//! Tickets, revocations and records, in a file of SQLite and in a real Postgres.
#![cfg_attr(
    any(feature = "postgres", feature = "sqlite"),
    expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends at the first error")
)]

#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod node;
#[cfg(all(feature = "postgres", unix))]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod support;
