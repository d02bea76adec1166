//! What the code under test logs.

use std::{
    any::type_name,
    fmt::Debug,
    io,
    sync::{Arc, Mutex, Once},
};

use tracing::{Subscriber, instrument::WithSubscriber as _, subscriber::DefaultGuard};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt::{MakeWriter, format::FmtSpan},
    layer::SubscriberExt as _,
};

use crate::encoding::base64url;

/// Keeps the lines that a subscriber writes.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Everything so far.
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines so far, without the space around them.
    pub fn lines(&self) -> Vec<String> {
        self.text().lines().map(|line| line.trim().to_owned()).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Log {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

/// Makes every event visible to the tests of a program. Call it before the first event.
///
/// `tracing` caches for each callsite whether any subscriber wants it. With a global subscriber it never caches a "no" just
/// before a test installs its own.
pub fn keep_events() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap());
}

/// Keeps every event of this thread, while the guard lives.
pub fn everything() -> (Log, DefaultGuard) {
    keep(Targets::new().with_default(LevelFilter::TRACE))
}

/// Keeps the events of this thread that have these targets and levels, while the guard lives: `ws_adapter=debug,auth_core=info`.
pub fn only(targets: &str) -> (Log, DefaultGuard) {
    keep(targets.parse().unwrap())
}

fn keep(targets: Targets) -> (Log, DefaultGuard) {
    let log = Log::default();
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).without_time().with_writer(log.clone());
    let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(targets).with(lines));
    (log, guard)
}

/// Runs `f`, and returns every event and span that it logs on this thread.
pub fn logged(f: impl FnOnce()) -> String {
    let log = Log::default();
    tracing::subscriber::with_default(events_and_spans(&log), f);
    log.text()
}

/// Runs a future, and returns its output with every event and span that it logs.
pub async fn captured<T>(future: impl Future<Output = T>) -> (T, String) {
    let log = Log::default();
    let output = future.with_subscriber(events_and_spans(&log)).await;
    (output, log.text())
}

fn events_and_spans(log: &Log) -> impl Subscriber + Send + Sync + 'static {
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish()
}

/// The lines about refusals, by the chain and by an adapter.
pub fn refusals(log: &Log) -> Vec<String> {
    let ours = ["auth_core::refusal:", "ws_adapter::telemetry: refused"];
    log.lines().into_iter().filter(|line| ours.iter().any(|target| line.contains(target))).collect()
}

/// Panics if `text` contains `secret`, plain or as base64url. `what` names the text.
pub fn assert_clean(what: &str, text: &str, secret: &str) {
    let encoded = base64url(secret);
    assert!(!text.contains(secret) && !text.contains(&encoded), "{what} leaks: {text}");
}

/// Panics if `Debug` shows nothing, or shows `secret`.
pub fn assert_debug_is_clean<T: Debug>(value: &T, secret: &str) {
    let (what, text) = (type_name::<T>(), format!("{value:?}"));
    assert!(!text.is_empty(), "{what} shows nothing");
    assert_clean(what, &text, secret);
}
