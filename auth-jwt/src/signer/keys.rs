use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use auth_core::{AuthRequest, BoxError, ConfigError, async_trait};
use http::{HeaderValue, Response, header};
use serde_json::{Value, json};

use super::SigningKey;
use crate::{KeySet, KeySource, UnverifiedToken};

/// The keys of an issuer that rotates them without refusing a valid token at any time. One of them signs, and all of them
/// are published. Clones share the same keys.
///
/// ```
/// # use auth_jwt::{Algorithm, Jwt, Signer, SigningKey, SigningKeys};
/// # fn load(_: &str) -> Result<SigningKey, auth_core::ConfigError> { SigningKey::hmac(Algorithm::HS256, [1; 32]).map(|key| key.with_kid("a")) }
/// # fn main() -> Result<(), auth_core::ConfigError> {
/// let keys = SigningKeys::new(load("2026-01.pem")?)?;
/// let signer = Signer::rotating(&keys).issuer("https://id.example");
/// let jwt = Jwt::<serde_json::Value>::key_source(keys.clone()); // for the routes of the issuer itself
/// # let _ = (signer, jwt);
/// # Ok(()) }
/// ```
///
/// A rotation has three steps, with time between them:
///
/// 1. [`add`](Self::add) publishes the new key. Wait until every verifier has fetched the document again: at least the 5
///    minutes of its `Cache-Control`, and as long as the slowest verifier caches it.
/// 2. [`activate`](Self::activate) signs with it. Wait until the last token of the old key has expired, plus some minutes of
///    leeway.
/// 3. [`retire`](Self::retire) withdraws the old key. If the key has leaked, do this at once: its tokens are then refused.
///
/// A key without a name gets its thumbprint as `kid` (RFC 7638).
#[derive(Clone)]
pub struct SigningKeys(Arc<RwLock<Arc<RotationState>>>);

struct RotationState {
    /// The first one signs.
    keys: Vec<SigningKey>,
    verifying: Arc<KeySet>,
    document: Arc<str>,
}

impl SigningKeys {
    /// Starts with one key, which signs.
    ///
    /// # Errors
    /// If it is an HMAC key without a name: a thumbprint would reveal the secret.
    pub fn new(active: SigningKey) -> Result<Self, ConfigError> {
        let state = RotationState::new(vec![named(active)?])?;
        Ok(Self(Arc::new(RwLock::new(Arc::new(state)))))
    }

    /// Publishes a key that does not sign yet, and returns its name.
    ///
    /// # Errors
    /// As for [`new`](Self::new), if another key has this name, or if HMAC and public keys would be mixed. Then nothing
    /// changes.
    pub fn add(&self, key: SigningKey) -> Result<String, ConfigError> {
        let key = named(key)?;
        let kid = key.kid().unwrap_or_default().to_owned();
        self.change(|keys| {
            if position(keys, &kid).is_ok() {
                return Err(ConfigError::new(
                    "two keys of the issuer have the same `kid`: give the new one a different name",
                ));
            }
            keys.push(key);
            Ok(())
        })?;
        Ok(kid)
    }

    /// Signs with the key of this name from now on. The previous key stays published.
    ///
    /// # Errors
    /// If no key has this name.
    pub fn activate(&self, kid: &str) -> Result<(), ConfigError> {
        self.change(|keys| {
            let at = position(keys, kid)?;
            keys.get_mut(..=at).unwrap_or_default().rotate_right(1);
            Ok(())
        })
    }

    /// Withdraws the key of this name. It is no longer published, and its tokens are refused.
    ///
    /// # Errors
    /// If no key has this name, or if it is the key that signs: activate another one first.
    pub fn retire(&self, kid: &str) -> Result<(), ConfigError> {
        self.change(|keys| match position(keys, kid)? {
            0 => Err(ConfigError::new("this is the key that signs: activate another one first")),
            at => {
                keys.remove(at);
                Ok(())
            }
        })
    }

    /// The names of the keys. The first key signs.
    #[must_use]
    pub fn kids(&self) -> Vec<String> {
        self.state().keys.iter().filter_map(SigningKey::kid).map(str::to_owned).collect()
    }

    /// The public keys as a JWK set (RFC 7517, 5), for publishing. HMAC keys are never in it.
    #[must_use]
    pub fn jwks(&self) -> String {
        (*self.state().document).to_owned()
    }

    /// The answer to a `GET` of the [set](Self::jwks), which may be kept for 5 minutes. An axum handler returns it as it
    /// is: `get(async move || keys.to_response())`.
    #[must_use]
    pub fn to_response(&self) -> Response<String> {
        let mut response = Response::new(self.jwks());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        response
    }

    pub(super) fn active(&self) -> Option<SigningKey> {
        self.state().keys.first().cloned()
    }

    fn state(&self) -> Arc<RotationState> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Applies a change completely, or not at all if it fails.
    fn change(&self, f: impl FnOnce(&mut Vec<SigningKey>) -> Result<(), ConfigError>) -> Result<(), ConfigError> {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut keys = state.keys.clone();
        f(&mut keys)?;
        *state = Arc::new(RotationState::new(keys)?);
        Ok(())
    }
}

impl RotationState {
    fn new(keys: Vec<SigningKey>) -> Result<Self, ConfigError> {
        let verifying = keys.iter().map(SigningKey::verifying_key).collect::<Result<Vec<_>, _>>()?;
        let verifying = Arc::new(KeySet::new(verifying)?);
        let public: Vec<_> = keys.iter().filter_map(jwk).collect();
        let document = json!({ "keys": public }).to_string().into();
        Ok(Self { keys, verifying, document })
    }
}

/// The public half as it is published. `None` for an HMAC key.
fn jwk(key: &SigningKey) -> Option<Value> {
    let mut jwk = key.public_jwk()?;
    jwk.insert("use".into(), "sig".into());
    jwk.insert("alg".into(), key.algorithm().name().into());
    jwk.insert("kid".into(), key.kid().into());
    Some(jwk.into())
}

fn named(key: SigningKey) -> Result<SigningKey, ConfigError> {
    if key.kid().is_some() {
        return Ok(key);
    }
    let thumbprint = key.thumbprint().ok_or_else(|| {
        ConfigError::new(
            "an HMAC key has no thumbprint, since it would reveal the secret: name the key with `with_kid`",
        )
    })?;
    Ok(key.with_kid(thumbprint))
}

fn position(keys: &[SigningKey], kid: &str) -> Result<usize, ConfigError> {
    let at = keys.iter().position(|key| key.kid() == Some(kid));
    at.ok_or_else(|| ConfigError::new("no key has this name: use one of `kids`"))
}

#[async_trait]
impl KeySource for SigningKeys {
    async fn keys(&self, _: &UnverifiedToken<'_>, _: &AuthRequest<'_>) -> Result<Option<Arc<KeySet>>, BoxError> {
        Ok(Some(Arc::clone(&self.state().verifying)))
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKeys").field(&self.state().keys).finish()
    }
}
