//! The one fetch that runs, apart from whoever has asked for it.

use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};

use auth_core::Timer;
use aws_lc_rs::rand;
use tokio::{runtime::Handle, sync::watch};

use super::{
    FetchError, FetchErrorKind,
    error::Chain,
    fetch::Fetcher,
    state::{Fetched, Purpose, State},
};

/// What requests, fetches and the refresher share.
pub(super) struct Shared {
    pub(super) fetcher: Fetcher,
    pub(super) timer: Arc<dyn Timer>,
    state: Mutex<State>,
    /// The number of the last fetch that has ended.
    ended: watch::Sender<u64>,
    refresher: Once,
}

impl Shared {
    pub(super) fn new(fetcher: Fetcher, timer: Arc<dyn Timer>, state: State) -> Arc<Self> {
        let ended = watch::Sender::new(0);
        Arc::new(Self { fetcher, timer, state: Mutex::new(state), ended, refresher: Once::new() })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the refresher, unless it was started before. Without a runtime it is left to the next call.
    pub(super) fn keep_fresh(self: &Arc<Self>) {
        if !self.refresher.is_completed()
            && let Ok(runtime) = Handle::try_current()
        {
            self.refresher.call_once(|| drop(runtime.spawn(refresh(Arc::downgrade(self)))));
        }
    }

    /// Begins the fetch whose place was taken. It goes on when the caller is gone.
    pub(super) fn begin(self: &Arc<Self>, purpose: Purpose) {
        let flight = Flight { shared: Arc::clone(self), purpose: Some(purpose) };
        // Without a runtime the flight is dropped, and thereby ends.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(flight.run());
        }
    }

    /// Completes when the fetch of this number has ended.
    pub(super) async fn ended(&self, number: u64) {
        // The sender is ours, so it cannot be gone.
        let _ = self.ended.subscribe().wait_for(|ended| *ended >= number).await;
    }

    fn end(&self, purpose: &Purpose, result: Result<Fetched, FetchError>) {
        if let Err(error) = &result {
            tracing::warn!(error = %Chain(error), "keys cannot be fetched");
        }
        let (now, dice) = (self.timer.now(), dice());
        let (number, before, generation) = {
            let mut state = self.state();
            let before = state.generation();
            state.end(purpose, result, now, dice);
            (state.begun(), before, state.generation())
        };
        // The lock is free by now: who waits may look at once. The next flight may have ended before.
        self.ended.send_modify(|ended| *ended = (*ended).max(number));
        if generation != before {
            tracing::info!(generation, "the issuer has sent new keys");
        }
    }
}

struct Flight {
    shared: Arc<Shared>,
    /// Taken when the flight has ended.
    purpose: Option<Purpose>,
}

impl Flight {
    async fn run(mut self) {
        let result = self.shared.fetcher.fetch().await;
        if let Some(purpose) = self.purpose.take() {
            self.shared.end(&purpose, result);
        }
    }
}

impl Drop for Flight {
    /// A flight that was cut off, by the end of its runtime or a panic, makes way for the next.
    fn drop(&mut self) {
        if let Some(purpose) = self.purpose.take() {
            self.shared.end(&purpose, Err(FetchErrorKind::Cancelled.into()));
        }
    }
}

/// Fetches whenever a fetch is due, until nobody holds `shared` any more.
async fn refresh(shared: Weak<Shared>) {
    loop {
        let Some(this) = shared.upgrade() else { return };
        let mut ended = this.ended.subscribe();
        let idle = this.state().idle_for(this.timer.now());
        let sleep = this.timer.sleep(idle);
        drop(this);
        tokio::select! {
            biased;
            // A fetch that somebody else has begun moves the schedule; an error means that nobody is left.
            change = ended.changed() => if change.is_err() { return },
            () = sleep => {
                let Some(this) = shared.upgrade() else { return };
                let (begin, number) = this.state().schedule();
                if let Some(purpose) = begin {
                    this.begin(purpose);
                }
                this.ended(number).await;
            }
        }
    }
}

/// Any number, as likely as any other; without randomness, the middle.
fn dice() -> u32 {
    let mut bytes = [0; 4];
    if rand::fill(&mut bytes).is_ok() { u32::from_le_bytes(bytes) } else { u32::MAX / 2 }
}
