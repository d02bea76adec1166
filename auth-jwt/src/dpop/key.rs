use std::{
    fmt,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use auth_core::{Clock, ConfigError, Secret, SystemClock};
use aws_lc_rs::{
    digest::{SHA256, digest},
    rand,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use crate::{SignError, SignErrorKind, SigningKey, signer::compact};

/// A client's key that makes DPoP proofs (RFC 9449, 4.2). For programs that call a protected service, and for tests.
///
/// ```
/// # use auth_jwt::{DpopKey, SigningKey};
/// # fn call(key: SigningKey, token: &str) -> Result<(), Box<dyn std::error::Error>> {
/// let key = DpopKey::new(key)?;
/// let proof = key.proof("GET", "https://api.example/me", token)?; // one for each request
/// let headers = [("authorization", format!("DPoP {token}")), ("dpop", proof.expose().to_owned())];
/// # let _ = headers; Ok(()) }
/// ```
#[derive(Clone)]
pub struct DpopKey {
    key: SigningKey,
    jwk: Map<String, Value>,
    thumbprint: String,
    clock: Arc<dyn Clock>,
}

impl DpopKey {
    /// Proofs signed with this key.
    ///
    /// # Errors
    /// If it is an HMAC key: a server without the same secret cannot verify its proofs.
    pub fn new(key: SigningKey) -> Result<Self, ConfigError> {
        let (Some(jwk), Some(thumbprint)) = (key.public_jwk(), key.thumbprint()) else {
            return Err(ConfigError::new("an HMAC key has no public half: prove possession with another kind of key"));
        };
        Ok(Self { key, jwk, thumbprint, clock: Arc::new(SystemClock) })
    }

    /// The clock for `iat`; the default is the system's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The thumbprint (`jkt`) that an issuer binds tokens to.
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// A proof for one request with this token. `url` is the URL of the request; its query and fragment are removed. For a
    /// WebSocket, use the method `GET` and a URL that begins with `https`.
    ///
    /// # Errors
    /// If the clock is before 1970, or if the backend fails.
    pub fn proof(&self, method: &str, url: &str, token: &str) -> Result<Secret, SignError> {
        let now = self.clock.now().duration_since(UNIX_EPOCH).map_err(|_| SignErrorKind::Time)?;
        let mut id = [0; 16];
        rand::fill(&mut id).map_err(|_| SignErrorKind::Backend)?;
        let claims = json!({
            "jti": URL_SAFE_NO_PAD.encode(id),
            "htm": method,
            "htu": url.split(['?', '#']).next(),
            "iat": Duration::as_secs(&now),
            "ath": URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes())),
        });
        let header = json!({ "typ": "dpop+jwt", "alg": self.key.algorithm().name(), "jwk": self.jwk });
        compact(&self.key, &header, &claims)
    }
}

impl fmt::Debug for DpopKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpopKey").field("key", &self.key).finish_non_exhaustive()
    }
}
