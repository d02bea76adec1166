use std::{fmt, sync::Arc, time::Duration};

use auth_core::{AuthRequest, BoxError, async_trait};

use super::{
    FetchError, Status,
    error::Unavailable,
    flight::Shared,
    state::{Answer, Step, Wanted},
};
use crate::{KeySet, KeySource, UnverifiedToken, algorithm::Family};

/// How long a caller waits for keys.
const PATIENCE: Duration = Duration::from_secs(2);

/// The keys that an issuer publishes, as a [`KeySource`]. The [module](super) tells the rules.
///
/// Clones share everything: give one to the strategy, and ask another for the [status](Self::status). When the last is
/// dropped, fetching ends.
#[derive(Clone)]
pub struct RemoteJwks(Arc<Shared>);

impl RemoteJwks {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// How the keys are at this moment. It waits for nothing and fetches nothing.
    #[must_use]
    pub fn status(&self) -> Status {
        let shared = &self.0;
        let now = shared.timer.now();
        shared.state().status(now)
    }

    /// Sees to it that sets are fetched ahead of time. Without a runtime it is left to the next call.
    pub(super) fn keep_fresh(&self) {
        self.0.keep_fresh();
    }

    pub(super) async fn first_fetch(&self) -> Result<(), FetchError> {
        let shared = &self.0;
        let (begin, number) = shared.state().schedule();
        if let Some(purpose) = begin {
            shared.begin(purpose);
        }
        shared.ended(number).await;
        let now = shared.timer.now();
        let state = shared.state();
        if state.status(now).is_ready() { Ok(()) } else { Err(state.last_error()) }
    }

    async fn find(&self, wanted: Wanted<'_>) -> Result<Arc<KeySet>, Unavailable> {
        let shared = &self.0;
        let mut patience = None;
        loop {
            let now = shared.timer.now();
            // The guard is gone before anything is begun.
            let Step { begin, answer } = shared.state().ask(wanted, now);
            // It begins to wait before the fetch does, so that the time limits keep their order.
            let number = match answer {
                Answer::Keys(keys) => {
                    if let Some(purpose) = begin {
                        shared.begin(purpose);
                    }
                    return Ok(keys);
                }
                Answer::Unavailable(unavailable) => return Err(unavailable),
                Answer::Wait(number) => number,
            };
            let patience = patience.get_or_insert_with(|| shared.timer.sleep(PATIENCE));
            let is_own = begin.is_some();
            if let Some(purpose) = begin {
                shared.begin(purpose);
            }
            let is_over = tokio::select! {
                biased;
                // What has begun before the token came may not know its key yet; then there is one more fetch.
                () = shared.ended(number) => is_own,
                () = patience => true,
            };
            if is_over {
                let now = shared.timer.now();
                return shared.state().at_hand(wanted, now);
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
        // A secret that is published is left out, so no fetch would bring one.
        if token.algorithm().family() == Family::Hmac {
            return Ok(None);
        }
        self.keep_fresh();
        let wanted = Wanted { algorithm: token.algorithm(), kid: token.kid(), issuer: token.issuer() };
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
