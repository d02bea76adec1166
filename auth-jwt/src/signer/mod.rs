//! Makes tokens.

mod key;
mod keys;

use std::{fmt, sync::Arc, time::Duration};

use auth_core::{Clock, ConfigError, Secret, SystemClock};
use aws_lc_rs::rand;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::{Map, Value, json};

pub use self::{key::SigningKey, keys::SigningKeys};
use crate::{Algorithm, HmacSecret};

/// Makes signed tokens (RFC 7515, 7.1).
///
/// ```
/// use std::time::Duration;
/// use auth_jwt::Signer;
/// use serde_json::json;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let signer = Signer::hs256("0123456789abcdef0123456789abcdef")?.issuer("https://id.example").audience("chat");
/// let token = signer.sign_for(&json!({ "sub": "1001" }), Duration::from_secs(900))?;
/// assert_eq!(token.expose().split('.').count(), 3);
/// # Ok(()) }
/// ```
///
/// A token is a [`Secret`], since anyone who has it is accepted.
#[derive(Clone)]
pub struct Signer {
    keys: ActiveKey,
    typ: String,
    issuer: Option<String>,
    audiences: Vec<String>,
    clock: Arc<dyn Clock>,
}

#[derive(Clone, Debug)]
enum ActiveKey {
    Fixed(SigningKey),
    Rotating(SigningKeys),
}

impl Signer {
    /// Signs with this key.
    #[must_use]
    pub fn new(key: SigningKey) -> Self {
        Self::with(ActiveKey::Fixed(key))
    }

    /// Signs each token with the key that is active at that moment.
    #[must_use]
    pub fn rotating(keys: &SigningKeys) -> Self {
        Self::with(ActiveKey::Rotating(keys.clone()))
    }

    fn with(keys: ActiveKey) -> Self {
        Self { keys, typ: "JWT".into(), issuer: None, audiences: Vec::new(), clock: Arc::new(SystemClock) }
    }

    /// Signs with HS256 and this secret.
    ///
    /// # Errors
    /// If the secret is shorter than 32 bytes. See [`HmacSecret`].
    pub fn hs256(secret: impl Into<HmacSecret>) -> Result<Self, ConfigError> {
        SigningKey::hmac(Algorithm::HS256, secret).map(Self::new)
    }

    /// The `typ` of the header; the default is `JWT`.
    #[must_use]
    pub fn token_type(mut self, typ: impl Into<String>) -> Self {
        self.typ = typ.into();
        self
    }

    /// Adds this `iss` to claims without one.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// The `iss` of its tokens, as [`issuer`](Self::issuer) has set it. Claims with an `iss` of their own keep that.
    #[must_use]
    pub fn issuer_name(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// Adds this `aud` to claims without one. Called again, it adds another, and `aud` becomes a list.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// The clock for `iat` and `exp`; the default is the system's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Signs these claims, which must serialize to an object. Only issuer and audience are added, if the claims have none.
    ///
    /// A token without `exp` never expires, so use [`sign_for`](Self::sign_for) unless the claims have `exp`.
    ///
    /// # Errors
    /// If the claims are not a JSON object, or if the backend fails.
    pub fn sign<T: Serialize + ?Sized>(&self, claims: &T) -> Result<Secret, SignError> {
        self.encode(self.complete(claims)?)
    }

    /// Signs these claims for `ttl`, in whole seconds. Sets `iat`, `exp` and a random `jti`, and replaces those of the
    /// claims.
    ///
    /// # Errors
    /// As for [`sign`](Self::sign), and if the clock is before 1970 or the end is too far in the future.
    pub fn sign_for<T: Serialize + ?Sized>(&self, claims: &T, ttl: Duration) -> Result<Secret, SignError> {
        let mut claims = self.complete(claims)?;
        let now = self.clock.now().duration_since(std::time::UNIX_EPOCH).map_err(|_| SignErrorKind::Time)?;
        let end = now.checked_add(ttl).ok_or(SignErrorKind::Time)?;
        let mut id = [0; 16];
        rand::fill(&mut id).map_err(|_| SignErrorKind::Backend)?;
        claims.insert("iat".into(), now.as_secs().into());
        claims.insert("exp".into(), end.as_secs().into());
        claims.insert("jti".into(), URL_SAFE_NO_PAD.encode(id).into());
        self.encode(claims)
    }

    fn complete<T: Serialize + ?Sized>(&self, claims: &T) -> Result<Map<String, Value>, SignError> {
        // The error is dropped, since its text may repeat the claims.
        let Ok(Value::Object(mut claims)) = serde_json::to_value(claims) else {
            return Err(SignErrorKind::Claims.into());
        };
        if let Some(issuer) = &self.issuer {
            claims.entry("iss").or_insert_with(|| issuer.as_str().into());
        }
        match self.audiences.as_slice() {
            [] => {}
            [one] => _ = claims.entry("aud").or_insert_with(|| one.as_str().into()),
            many => _ = claims.entry("aud").or_insert_with(|| many.into()),
        }
        Ok(claims)
    }

    fn encode(&self, claims: Map<String, Value>) -> Result<Secret, SignError> {
        let rotating;
        let key = match &self.keys {
            ActiveKey::Fixed(key) => key,
            ActiveKey::Rotating(keys) => {
                rotating = keys.active().ok_or(SignErrorKind::Backend)?;
                &rotating
            }
        };
        let mut header = json!({ "alg": key.algorithm().name(), "typ": self.typ });
        if let (Some(header), Some(kid)) = (header.as_object_mut(), key.kid()) {
            header.insert("kid".into(), kid.into());
        }
        compact(key, &header, &Value::Object(claims))
    }
}

/// Header and claims with the signature (RFC 7515, 7.1).
pub(crate) fn compact(key: &SigningKey, header: &Value, claims: &Value) -> Result<Secret, SignError> {
    let mut token = URL_SAFE_NO_PAD.encode(header.to_string());
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(claims.to_string(), &mut token);
    let signature = key.sign(token.as_bytes()).ok_or(SignErrorKind::Backend)?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(Secret::new(token))
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("keys", &self.keys).finish_non_exhaustive()
    }
}

/// A token could not be made. The text contains no claims.
#[derive(Debug)]
pub struct SignError(SignErrorKind);

/// The kinds of [`SignError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignErrorKind {
    /// The claims are not a JSON object.
    Claims,
    /// The clock is before 1970, or the end of the token is too far in the future.
    Time,
    /// The cryptographic backend failed, or could not supply random numbers.
    Backend,
}

impl SignError {
    /// The kind.
    #[must_use]
    pub fn kind(&self) -> SignErrorKind {
        self.0
    }
}

impl From<SignErrorKind> for SignError {
    fn from(kind: SignErrorKind) -> Self {
        Self(kind)
    }
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            SignErrorKind::Claims => "the claims are not a JSON object",
            SignErrorKind::Time => "the clock is before 1970, or the end of the token is too far in the future",
            SignErrorKind::Backend => "the cryptographic backend failed",
        })
    }
}

impl std::error::Error for SignError {}
