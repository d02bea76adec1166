use std::{fmt, sync::Arc, time::Duration};

use auth_core::{ConfigError, SystemClock};
use tokio::runtime::Handle;

use super::{
    FetchError, RemoteJwks, Sleep,
    client::Client,
    discovery::{Discovery, WellKnown},
    fetch::{Fetcher, Place},
    flight::Shared,
    lifetime,
    location::{self, PlainHttp},
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
///
/// A setting that is wrong by itself is an error at once; the last step finds what does not fit together.
#[must_use = "a builder does nothing before it is told how to start"]
pub struct RemoteJwksBuilder {
    place: Place,
    lifetime: Duration,
    timer: Arc<dyn Sleep>,
    plain: PlainHttp,
    roots: Vec<Vec<u8>>,
}

impl RemoteJwksBuilder {
    pub(super) fn at(url: &str) -> Result<Self, ConfigError> {
        Ok(Self::new(Place::Known(location::parse(url)?)))
    }

    pub(super) fn discovered(issuer: String, place: WellKnown) -> Result<Self, ConfigError> {
        Ok(Self::new(Place::Discovered(Discovery::new(issuer, place)?)))
    }

    fn new(place: Place) -> Self {
        Self {
            place,
            lifetime: lifetime::DEFAULT,
            timer: Arc::new(SystemClock),
            plain: PlainHttp::default(),
            roots: Vec::new(),
        }
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

    /// Allows plain `http` for this one host and port, such as `keycloak:8080`; called again, for another as well.
    ///
    /// It holds for the URL that was configured, for a discovery document, and for the `jwks_uri` of a document that came
    /// over plain `http` itself. An issuer under `https` still may not name a `jwks_uri` under `http`. The host is compared
    /// without case, and a port that is left out is 80. The loopback needs no permission, and naming it here changes
    /// nothing.
    ///
    /// # Errors
    /// If it is not a host and perhaps a port: if it is empty, or has a scheme, a user, a path, a wildcard, or a port
    /// beyond 65535.
    ///
    /// # Security
    /// Anyone on the way to that host can replace the keys, and so sign any token. Use it inside one network that you
    /// trust, such as that of a compose file, and never across the internet.
    pub fn dangerous_allow_http(mut self, host: impl AsRef<str>) -> Result<Self, ConfigError> {
        self.plain.allow(host.as_ref())?;
        Ok(self)
    }

    /// Trusts these certificates, in PEM, beside those that the machine trusts: for an authority of one's own. Called again,
    /// it adds others.
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
    /// If the location is plain `http` that is not [allowed](Self::dangerous_allow_http), if the certificates to trust
    /// cannot be read, or if there are none.
    pub fn lazy(self) -> Result<RemoteJwks, ConfigError> {
        let first = self.place.first();
        self.plain.check(first)?;
        let client = Client::new(&self.roots, first)?;
        let fetcher = Fetcher::new(client, self.place, self.plain, Arc::clone(&self.timer));
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
