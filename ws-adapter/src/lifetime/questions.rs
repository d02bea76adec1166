use std::{
    fmt,
    future::{Future, poll_fn},
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use auth_core::{BoxError, Evidence, Timer};
use futures_util::FutureExt as _;
use tokio::select;

/// How long the answer to a question may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a connection has asked about its credentials, for [`Due::Ask`](super::Due::Ask). It costs no memory while nothing is asked.
///
/// An answer takes 5 s at most. A check that takes longer or panics has failed.
#[derive(Default)]
pub struct Questions(
    /// Boxed, because an open connection has none most of the time.
    #[expect(clippy::box_collection, reason = "it would take 16 bytes more in each connection")]
    Option<Box<Vec<Question>>>,
);

/// The slot that a question is about, and its answer.
pub(crate) type Told = (u64, Result<Option<SystemTime>, BoxError>);

struct Question {
    slot: u64,
    answer: Pin<Box<dyn Future<Output = Result<Option<SystemTime>, BoxError>> + Send>>,
}

impl Questions {
    /// Asks when the evidence of this slot ends now, in place of an earlier question about the slot. `used_at` is
    /// [`Lifetime::used_at`](super::Lifetime::used_at).
    pub fn ask(&mut self, slot: u64, evidence: Evidence, used_at: SystemTime, timer: &Arc<dyn Timer>) {
        let timer = Arc::clone(timer);
        let answer = Box::pin(async move { current_end(&evidence, used_at, &*timer).await });
        let all = self.0.get_or_insert_default();
        all.retain(|question| question.slot != slot);
        all.push(Question { slot, answer });
    }

    /// The next answer, for [`Lifetime::moved`](super::Lifetime::moved), and its slot. Without a question it never completes. It may be dropped
    /// and called again.
    pub async fn answered(&mut self) -> (u64, Result<Option<SystemTime>, BoxError>) {
        poll_fn(|cx| self.poll_answered(cx)).await
    }

    #[cfg(feature = "axum")]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn poll_answered(&mut self, cx: &mut Context<'_>) -> Poll<Told> {
        let Some(all) = &mut self.0 else {
            return Poll::Pending;
        };
        let mut told = None;
        all.retain_mut(|question| match told {
            Some(_) => true,
            None => match question.answer.as_mut().poll(cx) {
                Poll::Ready(answer) => {
                    told = Some((question.slot, answer));
                    false
                }
                Poll::Pending => true,
            },
        });
        if all.is_empty() {
            self.0 = None;
        }
        told.map_or(Poll::Pending, Poll::Ready)
    }
}

impl fmt::Debug for Questions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slots = self.0.iter().flat_map(|all| all.iter()).map(|question| question.slot);
        f.debug_list().entries(slots).finish()
    }
}

async fn current_end(
    evidence: &Evidence,
    used_at: SystemTime,
    timer: &dyn Timer,
) -> Result<Option<SystemTime>, BoxError> {
    // OK to assert unwind safety because nothing of it is kept.
    let asked = AssertUnwindSafe(evidence.current_end(used_at)).catch_unwind();
    let answer = select! {
        biased;
        answer = asked => answer.unwrap_or_else(|_| Err("the check of the end panicked".into())),
        () = timer.sleep(PATIENCE) => Err("the check of the end took too long".into()),
    };
    answer.inspect_err(|error| tracing::warn!(%error, "it cannot be said when an open connection ends"))
}
