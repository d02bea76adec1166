//! What the tests of several crates of this workspace share. It isn't published.
//!
//! - [`log`]: what the code under test logs, and checks that it logs no secret.
//! - [`checks`] and [`feed`]: revocation checks that answer what a test says, and a store of revocations that fails, hangs
//!   or answers late.
//! - [`strategies`] and [`says`]: strategies and chains that do what a test says.
//! - [`encoding`]: base64url and PEM, for tokens and keys that a test writes by hand.
//! - [`code`]: the source code of a crate.
//! - `users` (feature of the same name): users with tokens and passwords. `login`: one whose end moves.
//! - `server` and `raw` (feature `server`): a server on a free port, clients for HTTP and WebSocket, and one that writes bytes.
//! - `redis` (feature of the same name): a real Redis, alone or as a cluster.
//! - `postgres` (feature of the same name): a real Postgres, with a database for each test.
//! - `records` (feature of the same name): what each backend of `auth_store::Records` must do; `budgets` (the same feature): the same
//!   for `auth_store::Budgets`.
//! - [`Woken`]: a task that counts how often it is woken.
//!
//! Use it in integration tests. The unit tests of `auth-core` can use only what needs nothing of `auth-core`, such as [`Woken`]: they
//! would see two copies of their own crate.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    missing_debug_implementations,
    reason = "only tests use it, and a test that can't go on fails"
)]

#[cfg(feature = "records")]
pub mod budgets;
pub mod checks;
pub mod code;
pub mod encoding;
pub mod feed;
pub mod log;
#[cfg(feature = "users")]
pub mod login;
#[cfg(all(feature = "postgres", unix))]
pub mod postgres;
#[cfg(feature = "server")]
pub mod raw;
#[cfg(feature = "records")]
pub mod records;
#[cfg(feature = "redis")]
pub mod redis;
pub mod says;
#[cfg(feature = "server")]
pub mod server;
pub mod strategies;
#[cfg(feature = "users")]
pub mod users;
mod wait;
mod woken;

pub use self::{
    log::{Log, assert_debug_is_clean, everything, keep_events, refusals},
    strategies::AnyKey,
    wait::eventually,
    woken::Woken,
};
