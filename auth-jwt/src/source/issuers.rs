use std::{collections::HashMap, fmt, sync::Arc};

use auth_core::{AuthRequest, BoxError, ConfigError, async_trait};

use super::{Demands, KeySource, UnverifiedToken};
use crate::{Algorithm, KeySet};

/// One of several issuers, with keys, algorithms and audience of its own.
#[must_use = "an issuer is trusted once it stands among `TrustedIssuers`"]
pub struct TrustedIssuer {
    name: String,
    keys: Box<dyn KeySource>,
    audiences: Vec<String>,
    algorithms: Option<Vec<Algorithm>>,
}

impl TrustedIssuer {
    /// The issuer of this name, as its tokens have it in `iss`, to the letter. Its keys may be fixed
    /// (`Arc<KeySet>`), or come from any source.
    pub fn new(name: impl Into<String>, keys: impl KeySource) -> Self {
        Self { name: name.into(), keys: Box::new(keys), audiences: Vec::new(), algorithms: None }
    }

    /// Demands this audience of the issuer's tokens, whatever [`Jwt::audience`](crate::Jwt::audience) says. Called
    /// again, it adds another that will do as well.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Allows these algorithms only, of those that the issuer's keys and
    /// [`Jwt::algorithms`](crate::Jwt::algorithms) allow.
    ///
    /// # Errors
    /// If there are none.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Result<Self, ConfigError> {
        let allowed: Vec<_> = algorithms.into_iter().collect();
        if allowed.is_empty() {
            return Err(ConfigError::new("no algorithm is allowed to the issuer: allow one, or leave it to its keys"));
        }
        self.algorithms = Some(allowed);
        Ok(self)
    }
}

impl fmt::Debug for TrustedIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustedIssuer")
            .field("name", &self.name)
            .field("audiences", &self.audiences)
            .field("algorithms", &self.algorithms)
            .finish_non_exhaustive()
    }
}

/// Several issuers behind one verify callback; for [`Jwt::trusted_issuers`](crate::Jwt::trusted_issuers).
///
/// The token's `iss` chooses one of them, compared exactly, and from then on the others do not matter: none can sign
/// for another.
///
/// ```
/// use std::sync::Arc;
/// use auth_jwt::{Algorithm, Jwt, KeySet, TrustedIssuer, TrustedIssuers};
/// # #[derive(serde::Deserialize)] struct Claims { iss: String, sub: String }
/// # fn build(ours: Arc<KeySet>, theirs: Arc<KeySet>) -> Result<(), auth_core::ConfigError> {
///
/// let issuers = TrustedIssuers::new([
///     TrustedIssuer::new("https://id.example", ours).audience("chat"),
///     TrustedIssuer::new("https://partner.example", theirs)
///         .audience("https://chat.example")
///         .algorithms([Algorithm::ES256])?,
/// ])?;
/// let jwt = Jwt::<Claims>::trusted_issuers(issuers)
///     // Two issuers may give one `sub` to different users.
///     .verify(|claims: Claims| async move { Some((claims.iss, claims.sub)) });
/// # let _ = auth_core::Chain::new().or(jwt); Ok(()) }
/// ```
#[derive(Debug)]
pub struct TrustedIssuers(HashMap<String, TrustedIssuer>);

impl TrustedIssuers {
    /// These issuers.
    ///
    /// # Errors
    /// If there are none, or two of one name.
    pub fn new(issuers: impl IntoIterator<Item = TrustedIssuer>) -> Result<Self, ConfigError> {
        let mut all = HashMap::new();
        for issuer in issuers {
            if all.insert(issuer.name.clone(), issuer).is_some() {
                return Err(ConfigError::new("two issuers have the same name: make one of them"));
            }
        }
        if all.is_empty() {
            return Err(ConfigError::new("no issuer is trusted: name one"));
        }
        Ok(Self(all))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    fn of(&self, token: &UnverifiedToken<'_>) -> Option<&TrustedIssuer> {
        self.0.get(token.issuer()?)
    }
}

#[async_trait]
impl KeySource for TrustedIssuers {
    async fn keys(
        &self,
        token: &UnverifiedToken<'_>,
        request: &AuthRequest<'_>,
    ) -> Result<Option<Arc<KeySet>>, BoxError> {
        match self.of(token) {
            Some(issuer) => issuer.keys.keys(token, request).await,
            None => Ok(None),
        }
    }

    fn demands(&self, token: &UnverifiedToken<'_>) -> Demands<'_> {
        let Some(issuer) = self.of(token) else { return Demands::default() };
        let mut demands = issuer.keys.demands(token);
        if !issuer.audiences.is_empty() {
            demands = demands.audiences(&issuer.audiences);
        }
        match &issuer.algorithms {
            Some(allowed) => demands.algorithms(allowed),
            None => demands,
        }
    }
}
