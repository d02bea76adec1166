//! Tickets, revocations and records, in a file of SQLite and in a real Postgres.
#![expect(clippy::unwrap_used, reason = "a test ends at the first error")]

#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod support;
