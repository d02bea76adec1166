//! The pages under `docs/` and the README, so that their examples are compiled and run.

/// A test compares it with the README, which shows it without what stands before and after.
///
/// ```
#[doc = include_str!("readme/before.rs")]
#[doc = include_str!("readme/example.rs")]
/// let _: Router = app;
/// # Ok::<(), auth_core::ConfigError>(())
/// ```
mod readme {}
#[doc = include_str!("../../docs/chain.md")]
mod chain {}
#[doc = include_str!("../../docs/from-passport.md")]
mod from_passport {}
#[doc = include_str!("../../docs/writing-a-strategy.md")]
mod writing_a_strategy {}
#[doc = include_str!("../../docs/architecture.md")]
mod architecture {}
#[doc = include_str!("../../docs/websocket.md")]
mod websocket {}
#[doc = include_str!("../../SECURITY.md")]
mod security {}
#[doc = include_str!("../../docs/socketio.md")]
mod socketio {}
