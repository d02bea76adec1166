//! The program among hostile clients: its limits hold, it stays small, and it serves the others.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]
// Linux has more loopback addresses than 127.0.0.1, and reports what a process uses.
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
