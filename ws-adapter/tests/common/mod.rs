//! What all programs of tests share.
#![allow(dead_code, reason = "each of them uses a part")]

use std::{
    any::type_name,
    fmt::Debug,
    io::Write,
    sync::{Arc, Mutex, Once},
    time::Duration,
};

use auth_core::{
    Accept, AuthRequest, BoxError, Challenge, Outcome, Strategy, async_trait,
    extract::{Extractor as _, bearer, subprotocol},
};
use tracing_subscriber::{filter::LevelFilter, fmt::MakeWriter, layer::SubscriberExt as _};

/// Keeps what is logged.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Log {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

/// Lets every event be seen. `tracing` remembers of each callsite whether any subscriber is interested; with a global one it
/// never remembers "no" at the very moment when a test installs its own.
pub(crate) fn keep_events() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap());
}

/// Keeps everything that this thread logs, where the server is too.
pub(crate) fn everything() -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).without_time().with_writer(log.clone());
    let all = tracing_subscriber::registry().with(LevelFilter::TRACE).with(layer);
    (log.clone(), tracing::subscriber::set_default(all))
}

/// The lines about refusals, of the chain's own and of the adapter.
pub(crate) fn refusals(log: &Log) -> Vec<String> {
    let ours = ["auth_core::refusal:", "ws_adapter::telemetry: refused"];
    let is_ours = |line: &&str| ours.iter().any(|target| line.contains(target));
    log.text().lines().filter(is_ours).map(|line| line.trim().to_owned()).collect()
}

/// Waits, for five seconds at the most, until `holds` does.
pub(crate) async fn eventually(holds: impl Fn() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came true");
}

/// `Debug` shows something, and nothing of `secret`.
pub(crate) fn assert_debug_is_clean<T: Debug>(value: &T, secret: &str) {
    let (what, text) = (type_name::<T>(), format!("{value:?}"));
    assert!(!text.is_empty(), "{what} shows nothing");
    assert!(!text.contains(secret), "{what} leaks: {text}");
}

/// Lets everybody in who brings a key, and does not know who that is: a guest.
pub(crate) struct AnyKey;

#[async_trait]
impl Strategy for AnyKey {
    type User = &'static str;

    fn name(&self) -> &str {
        "key"
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.push(Challenge::bearer("test"));
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<Self::User>, BoxError> {
        Ok(match bearer().or(subprotocol("auth.bearer.")).extract(request) {
            Ok(Some(key)) => Outcome::Accept(Accept::new("somebody", key.carrier())),
            _ => Outcome::Absent,
        })
    }
}
