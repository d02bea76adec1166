//! The clock of the server, by which tickets and marks end and failures count: all nodes have the same.

use std::time::Duration;

use crate::times::span_nanos;

/// A hundred years. Longer counts as forever.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The time of the server as it is stored.
macro_rules! now {
    () => {
        "((extract(epoch FROM now()) * 1000000)::bigint * 1000)"
    };
}

/// The same, at the moment when a row is returned: a transaction may have waited for it.
macro_rules! clock_now {
    () => {
        "((extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000)"
    };
}

pub(super) use clock_now;
pub(super) use now;

/// A lifetime that can be added to the time of the server; `None` if it is longer than any.
pub(super) fn lifetime(ttl: Duration) -> Option<i64> {
    (ttl < LONGEST).then(|| span_nanos(ttl))
}

/// The longest lifetime.
pub(super) fn longest() -> i64 {
    span_nanos(LONGEST)
}
