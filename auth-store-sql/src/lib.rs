//! Tickets, revocations, records and counters of failures of a service in SQLite or Postgres.
//!
//! The stores implement [`Store`](auth_store::Store), [`Records`](auth_store::Records) and [`Budgets`](auth_store::Budgets) of
//! `auth-store`, so they serve its `Tickets`, `Revocations` and `Throttle`, and the logins of `auth-session`. `SqliteStore` (feature
//! `sqlite`) is for one node that is restarted without logging everybody out, `PostgresStore` (feature `postgres`) for several nodes
//! that have a Postgres anyway.
//!
//! ```
//! # #[cfg(feature = "sqlite")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use auth_core::Revocation;
//! use auth_store::{Revocations, Throttle, Tickets};
//! use auth_store_sql::SqliteStore;
//!
//! # let folder = std::env::temp_dir().join(format!("auth-store-sql-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # let path = folder.join("auth.db");
//! let store = SqliteStore::open(&path).await?;
//! // For several nodes:
//! //     let store = PostgresStore::connect("postgres://app:password@host/app?sslmode=verify-full")?;
//! //     store.migrate().await?;
//! let revocations = Revocations::new(store.clone());
//! let tickets = Tickets::new(store.clone(), "/ws")?;
//! let throttle = Throttle::new(store.clone());
//! // With auth-session: `Sessions::new(store, users, "https://app.example")?`.
//!
//! revocations.revoke(&Revocation::session("", "session")).await?;
//! # drop((store, tickets, throttle));
//!
//! // The revocation outlives the program.
//! let revocations = Revocations::new(SqliteStore::open(&path).await?);
//! # let _ = revocations;
//! # std::fs::remove_dir_all(folder)?;
//! # Ok(()) }
//! # #[cfg(not(feature = "sqlite"))]
//! # fn main() {}
//! ```
//!
//! # Tables
//!
//! The names of all tables begin with `portcullis_`, so they may be beside those of the application. Which migrations have been done
//! is in a table of their own, `portcullis_migrations`, and not in sqlx's `_sqlx_migrations`.
//!
//! # When the database is down
//!
//! Requests for tickets, tickets, revocations and logins are answered with 503, no record ends, and nobody may guess. Every call
//! gives up after about a second.
//!
//! # Features
//!
//! None is on by default: one database is enough, and each builds what the other does not need.
//!
//! | Feature | Adds |
//! |---|---|
//! | `sqlite` | `SqliteStore`; it builds SQLite from C, and does not load extensions |
//! | `postgres` | `PostgresStore` |
//! | `postgres-tls` | `postgres` over TLS: rustls with aws-lc-rs, and the certificates that the machine trusts or your own |
//!
//! It needs Rust 1.94, since `sqlx` 0.9 does, and a tokio runtime. A program may have SQLite once: another crate that links it must
//! use a version of `libsqlite3-sys` that agrees with `sqlx`'s.
//!
//! # Where to go next
//!
//! The repository's `docs/stores.md` compares all stores, and shows how to set them up, back them up and write one.

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
