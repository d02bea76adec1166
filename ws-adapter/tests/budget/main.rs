//! What one request may allocate: `budget.txt` beside this file says how often, and how many bytes.
//!
//! The figures are of a debug build with all features, no recorder of metrics and no subscriber. They repeat exactly: the
//! allocator counts one thread, and each path runs before it is counted. It is a separate process, because the allocator is
//! one for the whole program.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod chain;
mod file;
mod layer;
mod sockets;
mod strategies;

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use crate::file::{Budget, Cost};

#[test]
#[cfg_attr(not(debug_assertions), ignore = "a release build allocates less")]
fn hot_paths_allocate_exactly_what_the_budget_allows() {
    Budget::file().check(&[chain::paths(), layer::paths()].concat());
}

#[test]
fn idle_socket_keeps_little_more_than_a_bare_one() {
    let surplus = sockets::surplus();
    assert!((1..=1550).contains(&surplus), "{surplus} bytes");
}

#[test]
fn large_handler_that_moved_its_socket_is_freed() {
    let surplus = sockets::surplus_of_moved();
    assert!((1..=1750).contains(&surplus), "{surplus} bytes");
}

/// What `once` allocates, after it has run a few times. It must be the same each time.
fn cost<F: Future>(mut once: impl FnMut() -> F) -> Cost {
    let mut count = || {
        let info = allocation_counter::measure(|| drop(ready(once())));
        Cost { allocations: info.count_total, bytes: info.bytes_total }
    };
    for _ in 0..16 {
        count();
    }
    let first = count();
    for _ in 0..16 {
        assert_eq!(count(), first, "another cost each time");
    }
    first
}

/// The output of a future that never waits. No executor allocates.
fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a hot path waits"),
    }
}
