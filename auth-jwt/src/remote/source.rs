use std::{fmt, sync::Arc, time::Duration};

use auth_core::{AuthRequest, BoxError, async_trait};

use super::{
    FetchError, Status,
    error::Unavailable,
    flight::Coordinator,
    state::{Answer, KeyQuery, Step},
};
use crate::{KeySet, KeySource, UnverifiedToken, algorithm::Family};

/// How long a request waits for keys.
const PATIENCE: Duration = Duration::from_secs(2);

/// The keys that an issuer publishes, as a [`KeySource`]. The [module](super) has the rules.
///
/// Clones share everything: give one to the strategy, and ask another for the [status](Self::status). Fetching ends when the
/// last clone is dropped.
#[derive(Clone)]
pub struct RemoteJwks(Arc<Coordinator>);

impl RemoteJwks {
    pub(super) fn new(coordinator: Arc<Coordinator>) -> Self {
        Self(coordinator)
    }

    /// The state of the keys at this moment. It neither waits nor fetches.
    #[must_use]
    pub fn status(&self) -> Status {
        let coordinator = &self.0;
        let now = coordinator.timer.now();
        coordinator.state().status(now)
    }

    /// Starts the refresher, which fetches sets ahead of time. Without a runtime, the next call tries again.
    pub(super) fn keep_fresh(&self) {
        self.0.keep_fresh();
    }

    pub(super) async fn first_fetch(&self) -> Result<(), FetchError> {
        let coordinator = &self.0;
        let (begin, number) = coordinator.state().schedule();
        if let Some(purpose) = begin {
            coordinator.begin(purpose);
        }
        coordinator.ended(number).await;
        let now = coordinator.timer.now();
        let state = coordinator.state();
        if state.status(now).is_ready() { Ok(()) } else { Err(state.last_error()) }
    }

    async fn find(&self, wanted: KeyQuery<'_>) -> Result<Arc<KeySet>, Unavailable> {
        let coordinator = &self.0;
        let mut patience = None;
        loop {
            let now = coordinator.timer.now();
            // The lock is released before anything starts.
            let Step { begin, answer } = coordinator.state().ask(wanted, now);
            // The wait starts before the fetch does, so that the time limits keep their order.
            let number = match answer {
                Answer::Keys(keys) => {
                    if let Some(purpose) = begin {
                        coordinator.begin(purpose);
                    }
                    return Ok(keys);
                }
                Answer::Unavailable(unavailable) => return Err(unavailable),
                Answer::Wait(number) => number,
            };
            let patience = patience.get_or_insert_with(|| coordinator.timer.sleep(PATIENCE));
            let is_own = begin.is_some();
            if let Some(purpose) = begin {
                coordinator.begin(purpose);
            }
            let is_over = tokio::select! {
                biased;
                // A fetch that started before the token arrived may miss its key. Then there is one more fetch.
                () = coordinator.ended(number) => is_own,
                () = patience => true,
            };
            if is_over {
                let now = coordinator.timer.now();
                return coordinator.state().at_hand(wanted, now);
            }
        }
    }
}

#[async_trait]
impl KeySource for RemoteJwks {
    async fn keys(&self, token: &UnverifiedToken<'_>, _: &AuthRequest<'_>) -> Result<Option<Arc<KeySet>>, BoxError> {
        if self.0.fetcher.issuer().is_some_and(|own| token.issuer() != Some(own)) {
            return Ok(None);
        }
        // Published secrets are left out, so a fetch would not help.
        if token.algorithm().family() == Family::Hmac {
            return Ok(None);
        }
        self.keep_fresh();
        let wanted = KeyQuery { algorithm: token.algorithm(), kid: token.kid(), issuer: token.issuer() };
        Ok(Some(self.find(wanted).await?))
    }

    fn issuer(&self) -> Option<&str> {
        self.0.fetcher.issuer()
    }
}

impl fmt::Debug for RemoteJwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteJwks").field("place", self.0.fetcher.place()).finish_non_exhaustive()
    }
}
