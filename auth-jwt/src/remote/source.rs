use std::{fmt, sync::Arc, time::Duration};

use auth_core::{AuthRequest, BoxError, ConfigError, async_trait};

use super::{
    FetchError, RemoteJwksBuilder, Status,
    discovery::WellKnown,
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
    /// The set at this URL, which must be `https`, or `http` on a loopback address.
    ///
    /// Plain `http` elsewhere has to be allowed by [`RemoteJwksBuilder::dangerous_allow_http`], which the last step looks
    /// at. A query is sent, but never shown.
    ///
    /// # Errors
    /// If it is not an absolute `https` or `http` URL, or has a user name or a fragment.
    pub fn at(url: impl AsRef<str>) -> Result<RemoteJwksBuilder, ConfigError> {
        RemoteJwksBuilder::at(url.as_ref())
    }

    /// The X.509 certificates at this URL (feature `x509`): a JSON object of names with certificates in PEM, as Firebase
    /// publishes them, or a JWK set whose keys are in `x5c` (RFC 7517, 4.7).
    ///
    /// The name is the `kid` of tokens. Of `x5c`, the first certificate counts; what other members say of the key must be true
    /// of it. A certificate counts from its first second to its last, which is looked at with each fetch. What does not count
    /// is left out, and the log names it and says why.
    ///
    /// # Errors
    /// As for [`at`](Self::at).
    ///
    /// # Security
    /// Who has signed a certificate is not looked at, and neither is whether it was revoked: it is as good as the URL that it
    /// comes from, as a JWK is.
    #[cfg(feature = "x509")]
    pub fn certificates(url: impl AsRef<str>) -> Result<RemoteJwksBuilder, ConfigError> {
        RemoteJwksBuilder::certificates(url.as_ref())
    }

    /// The set that this issuer names in its `/.well-known/openid-configuration` (OpenID Connect Discovery 1.0).
    ///
    /// The document must name the very same issuer, and its `jwks_uri` is held to the rule of [`at`](Self::at). It is
    /// read again once a day, and after a fetch that failed. An issuer under `https` may not name a `jwks_uri` under plain
    /// `http`, whatever is allowed, and one elsewhere may name none on the loopback. Tokens of other issuers, or of none, are
    /// [foreign](auth_core::Outcome::Foreign); tell [`Jwt::issuer`](crate::Jwt::issuer) as well.
    ///
    /// # Errors
    /// If the issuer is no URL as [`at`](Self::at) wants it, or has a query.
    pub fn discover(issuer: impl Into<String>) -> Result<RemoteJwksBuilder, ConfigError> {
        RemoteJwksBuilder::discovered(issuer.into(), WellKnown::OpenId)
    }

    /// The same for an issuer with a `/.well-known/oauth-authorization-server` (RFC 8414). It stands before the path
    /// of the issuer, if that has one.
    ///
    /// # Errors
    /// As for [`discover`](Self::discover).
    pub fn discover_oauth(issuer: impl Into<String>) -> Result<RemoteJwksBuilder, ConfigError> {
        RemoteJwksBuilder::discovered(issuer.into(), WellKnown::OAuth)
    }

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
