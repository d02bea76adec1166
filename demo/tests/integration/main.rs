//! The demo as users see it: over TCP, and as a program.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod docs;
mod file;
mod http;
mod login;
mod packages;
mod program;
mod readme;
mod server;
mod sessions;
mod socketio;
mod structure;
mod support;
mod websocket;
