//! Tickets, revocations and records of a service in SQLite or Postgres.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod backlog;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod counting;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod failure;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod limit;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod row;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod setup_error;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod times;

#[cfg(feature = "postgres")]
pub use self::postgres::PostgresStore;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use self::setup_error::{SetupError, SetupErrorKind};
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteStore;
