//! A program among clients that mean it no good: its limits hold, it stays small, and others are served.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]
// For addresses beside 127.0.0.1, and for what the system tells of a process.
#![cfg(target_os = "linux")]

mod deaf;
mod floods;
#[path = "../nodes/program.rs"]
#[allow(dead_code, reason = "shared with the tests of several nodes, which use all of it")]
mod program;
mod raw;
mod silent;
#[path = "../nodes/socket.rs"]
#[allow(dead_code, reason = "shared with the tests of several nodes, which use all of it")]
mod socket;
mod usage;
