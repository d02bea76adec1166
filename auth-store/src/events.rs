//! What operators see: events through `tracing`, and with the feature `metrics` counters. Neither names an account or an address.

/// A guess was refused. `counter` is the kind of the counter that has no place left.
pub(crate) fn throttled(counter: &'static str) {
    tracing::info!(counter, "attempts throttled");
    count("auth_throttled_total", "counter", counter);
}

#[cfg(feature = "metrics")]
fn count(counter: &'static str, label: &'static str, value: &'static str) {
    metrics::counter!(counter, label => value).increment(1);
}

#[cfg(not(feature = "metrics"))]
fn count(_: &'static str, _: &'static str, _: &'static str) {}
