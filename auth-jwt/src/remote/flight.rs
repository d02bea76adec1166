//! Runs one fetch at a time, independently of the requests that wait for it.

use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};

use auth_core::Timer;
use aws_lc_rs::rand;
use tokio::{runtime::Handle, sync::watch};

use super::{
    FetchError, FetchErrorKind,
    error::WithSources,
    fetch::Fetcher,
    state::{Fetched, Purpose, State},
};

/// State that requests, fetches and the refresher share.
pub(super) struct Coordinator {
    pub(super) fetcher: Fetcher,
    pub(super) timer: Arc<dyn Timer>,
    state: Mutex<State>,
    /// The number of the last completed fetch.
    ended: watch::Sender<u64>,
    refresher: Once,
}

impl Coordinator {
    pub(super) fn new(fetcher: Fetcher, timer: Arc<dyn Timer>, state: State) -> Arc<Self> {
        let ended = watch::Sender::new(0);
        Arc::new(Self { fetcher, timer, state: Mutex::new(state), ended, refresher: Once::new() })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the refresher, unless it was started before. Without a runtime, the next call tries again.
    pub(super) fn keep_fresh(self: &Arc<Self>) {
        if !self.refresher.is_completed()
            && let Ok(runtime) = Handle::try_current()
        {
            self.refresher.call_once(|| drop(runtime.spawn(refresh(Arc::downgrade(self)))));
        }
    }

    /// Starts the fetch that was reserved. It continues if the caller is dropped.
    pub(super) fn begin(self: &Arc<Self>, purpose: Purpose) {
        let flight = Flight { coordinator: Arc::clone(self), purpose: Some(purpose) };
        // Without a runtime the flight is dropped, which ends it.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(flight.run());
        }
    }

    /// Completes when the fetch with this number has ended.
    pub(super) async fn ended(&self, number: u64) {
        // The sender lives in `self`, so it still exists.
        let _ = self.ended.subscribe().wait_for(|ended| *ended >= number).await;
    }

    fn end(&self, purpose: &Purpose, result: Result<Fetched, FetchError>) {
        if let Err(error) = &result {
            tracing::warn!(error = %WithSources(error), "keys cannot be fetched");
        }
        let (now, dice) = (self.timer.now(), dice());
        let (number, before, generation) = {
            let mut state = self.state();
            let before = state.generation();
            state.end(purpose, result, now, dice);
            (state.begun(), before, state.generation())
        };
        // The lock is released first, so that waiting tasks can read at once. The next flight may already have ended.
        self.ended.send_modify(|ended| *ended = (*ended).max(number));
        if generation != before {
            tracing::info!(generation, "the issuer has sent new keys");
        }
    }
}

struct Flight {
    coordinator: Arc<Coordinator>,
    /// `None` once the flight has ended.
    purpose: Option<Purpose>,
}

impl Flight {
    async fn run(mut self) {
        let result = self.coordinator.fetcher.fetch().await;
        if let Some(purpose) = self.purpose.take() {
            self.coordinator.end(&purpose, result);
        }
    }
}

impl Drop for Flight {
    /// Ends a flight that was interrupted by the end of its runtime or a panic, so that the next can start.
    fn drop(&mut self) {
        if let Some(purpose) = self.purpose.take() {
            self.coordinator.end(&purpose, Err(FetchErrorKind::Cancelled.into()));
        }
    }
}

/// Fetches whenever a fetch is due, until the coordinator is dropped.
async fn refresh(coordinator: Weak<Coordinator>) {
    loop {
        let Some(this) = coordinator.upgrade() else { return };
        let mut ended = this.ended.subscribe();
        let idle = this.state().idle_for(this.timer.now());
        let sleep = this.timer.sleep(idle);
        drop(this);
        tokio::select! {
            biased;
            // Another fetch moves the schedule. An error means that the coordinator was dropped.
            change = ended.changed() => if change.is_err() { return },
            () = sleep => {
                let Some(this) = coordinator.upgrade() else { return };
                let (begin, number) = this.state().schedule();
                if let Some(purpose) = begin {
                    this.begin(purpose);
                }
                this.ended(number).await;
            }
        }
    }
}

/// A uniformly random number, or the middle if randomness is unavailable.
fn dice() -> u32 {
    let mut bytes = [0; 4];
    if rand::fill(&mut bytes).is_ok() { u32::from_le_bytes(bytes) } else { u32::MAX / 2 }
}
