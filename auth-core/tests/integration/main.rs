//! What the core does, one test a behaviour. `docs/evidence.md` names the tests behind each cell of the tables.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics is a test that fails")]

mod absence;
mod ambient;
mod and;
mod at_once;
#[cfg(feature = "axum")]
mod axum;
mod chain;
mod challenge;
mod compile_fail;
mod docs;
mod error_parameter;
mod evidence;
mod extract;
mod handshakes;
mod identity;
mod known;
mod law;
mod leak;
mod log;
#[cfg(feature = "metrics")]
mod metrics;
mod moving_end;
mod origin;
mod passport;
mod precedence;
mod public_types;
mod record;
mod refusal;
mod renew;
mod requirement;
mod revocation;
mod support;
mod too_long;
mod values;
mod writes;
mod wrong;
