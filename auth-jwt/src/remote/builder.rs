use std::{fmt, sync::Arc, time::Duration};

use auth_core::{ConfigError, SystemClock};
use http::Uri;
use tokio::runtime::Handle;

use super::{
    FetchError, RemoteJwks, Sleep,
    client::Client,
    fetch::{Fetcher, Place},
    flight::Shared,
    lifetime,
    location::{self, Discovery, WellKnown},
    state::State,
};

/// A [`RemoteJwks`] before it is known how it starts.
///
/// The last step is one of three:
///
/// | Step | The first fetch | If it fails |
/// |---|---|---|
/// | [`lazy`](Self::lazy) | with the first token | 503, and again as for any fetch |
/// | [`background`](Self::background) | at once, and nobody waits for it | the same; [`Status::is_ready`](super::Status::is_ready) tells |
/// | [`fail_fast`](Self::fail_fast) | at once, and the caller waits | an error |
#[must_use = "a builder does nothing before it is told how to start"]
pub struct RemoteJwksBuilder {
    place: Place,
    /// The first thing that is fetched.
    first: Uri,
    lifetime: Duration,
    timer: Arc<dyn Sleep>,
    roots: Vec<Vec<u8>>,
}

impl RemoteJwksBuilder {
    pub(super) fn at(url: &str) -> Result<Self, ConfigError> {
        let first = location::parse(url)?;
        Ok(Self::new(Place::Known(first.clone()), first))
    }

    pub(super) fn discovered(issuer: String, place: WellKnown) -> Result<Self, ConfigError> {
        let discovery = Discovery::new(issuer, place)?;
        let first = discovery.document().clone();
        Ok(Self::new(Place::Discovered(discovery), first))
    }

    fn new(place: Place, first: Uri) -> Self {
        Self { place, first, lifetime: lifetime::DEFAULT, timer: Arc::new(SystemClock), roots: Vec::new() }
    }

    /// The lifetime of a set whose issuer sends no `max-age`; the default is 10 min.
    ///
    /// # Errors
    /// If it is shorter than a minute or longer than 24 h.
    pub fn lifetime(mut self, lifetime: Duration) -> Result<Self, ConfigError> {
        if !lifetime::ALLOWED.contains(&lifetime) {
            return Err(ConfigError::new("the lifetime of remote keys must be from 1 min to 24 h: change it"));
        }
        self.lifetime = lifetime;
        Ok(self)
    }

    /// Trusts these certificates, in PEM, beside those that the machine trusts: for an authority of one's own.
    ///
    /// Whether they can be read is found out in the last step.
    pub fn trust(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots.push(pem.into());
        self
    }

    /// The clock for lifetimes, retries and limits; the default is that of the system.
    pub fn clock(mut self, clock: impl Sleep) -> Self {
        self.timer = Arc::new(clock);
        self
    }

    /// Fetches with the first token that needs a key.
    ///
    /// # Errors
    /// If the certificates to trust cannot be read, or if there are none.
    pub fn lazy(self) -> Result<RemoteJwks, ConfigError> {
        let client = Client::new(&self.roots, &self.first)?;
        let fetcher = Fetcher::new(client, self.place, Arc::clone(&self.timer));
        Ok(RemoteJwks::new(Shared::new(fetcher, self.timer, State::new(self.lifetime))))
    }

    /// Fetches from now on, in the background.
    ///
    /// # Errors
    /// As for [`lazy`](Self::lazy); and if there is no tokio runtime.
    pub fn background(self) -> Result<RemoteJwks, ConfigError> {
        if Handle::try_current().is_err() {
            return Err(ConfigError::new("keys are fetched in the background of a tokio runtime: call it within one"));
        }
        let keys = self.lazy()?;
        keys.keep_fresh();
        Ok(keys)
    }

    /// Fetches once before anything else, and waits for it: 5 s at most. So a program that cannot judge tokens does
    /// not start.
    ///
    /// # Errors
    /// A [`FetchError`] if the fetch fails, and a [`ConfigError`] as for [`background`](Self::background); it is the
    /// source of the error that is given.
    pub async fn fail_fast(self) -> Result<RemoteJwks, ConfigError> {
        let keys = self.background()?;
        keys.first_fetch().await.map_err(|error: FetchError| {
            ConfigError::new("the keys cannot be fetched: check the URL, the network and the issuer").caused_by(error)
        })?;
        Ok(keys)
    }
}

impl fmt::Debug for RemoteJwksBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteJwksBuilder").field("place", &self.place).finish_non_exhaustive()
    }
}
