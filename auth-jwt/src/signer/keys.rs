use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use auth_core::{AuthRequest, BoxError, ConfigError, async_trait};
use http::{HeaderValue, Response, header};
use serde_json::{Value, json};

use super::SigningKey;
use crate::{KeySet, KeySource, UnverifiedToken};

/// The keys of an issuer that changes them without a moment in which a good token is refused. One of them signs, all of
/// them are published. Clones share the same keys.
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
/// 1. [`add`](Self::add) publishes the new key. Wait until every verifier has fetched the document again: the 5 minutes of
///    its `Cache-Control` at least, and as long as the slowest verifier keeps it.
/// 2. [`activate`](Self::activate) signs with it. Wait until the last token of the old key has ended, and some minutes of
///    leeway more.
/// 3. [`retire`](Self::retire) withdraws the old key. If it has leaked, do this at once: its tokens then end.
///
/// A key without a name is named by its thumbprint (RFC 7638).
#[derive(Clone)]
pub struct SigningKeys(Arc<RwLock<Arc<State>>>);

struct State {
    /// The one that signs stands first.
    keys: Vec<SigningKey>,
    verifying: Arc<KeySet>,
    document: Arc<str>,
}

impl SigningKeys {
    /// One key, which signs.
    ///
    /// # Errors
    /// If it is an HMAC key without a name: a thumbprint would tell of the secret.
    pub fn new(active: SigningKey) -> Result<Self, ConfigError> {
        let state = State::new(vec![named(active)?])?;
        Ok(Self(Arc::new(RwLock::new(Arc::new(state)))))
    }

    /// Publishes a key that does not sign yet, and gives its name.
    ///
    /// # Errors
    /// As for [`new`](Self::new); if a key of this name is there; if HMAC and public keys would be mixed. Nothing is
    /// changed then.
    pub fn add(&self, key: SigningKey) -> Result<String, ConfigError> {
        let key = named(key)?;
        let kid = key.kid().unwrap_or_default().to_owned();
        self.change(|keys| {
            if position(keys, &kid).is_ok() {
                return Err(ConfigError::new(
                    "two keys of the issuer have the same `kid`: give the new one another name",
                ));
            }
            keys.push(key);
            Ok(())
        })?;
        Ok(kid)
    }

    /// Signs with the key of this name from now on. The one that signed until now stays published.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn activate(&self, kid: &str) -> Result<(), ConfigError> {
        self.change(|keys| {
            let at = position(keys, kid)?;
            keys.get_mut(..=at).unwrap_or_default().rotate_right(1);
            Ok(())
        })
    }

    /// Withdraws the key of this name: it is published no more, and its tokens are refused.
    ///
    /// # Errors
    /// If there is none of this name, or if it is the one that signs: activate another first.
    pub fn retire(&self, kid: &str) -> Result<(), ConfigError> {
        self.change(|keys| match position(keys, kid)? {
            0 => Err(ConfigError::new("the key is the one that signs: activate another before it is retired")),
            at => {
                keys.remove(at);
                Ok(())
            }
        })
    }

    /// The names of the keys; the first is that of the key that signs.
    #[must_use]
    pub fn kids(&self) -> Vec<String> {
        self.state().keys.iter().filter_map(SigningKey::kid).map(str::to_owned).collect()
    }

    /// The public keys as a JWK set (RFC 7517, 5), to be published. HMAC keys are never in it: it is empty then.
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

    fn state(&self) -> Arc<State> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// All at once or, if anything is wrong, not at all.
    fn change(&self, f: impl FnOnce(&mut Vec<SigningKey>) -> Result<(), ConfigError>) -> Result<(), ConfigError> {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut keys = state.keys.clone();
        f(&mut keys)?;
        *state = Arc::new(State::new(keys)?);
        Ok(())
    }
}

impl State {
    fn new(keys: Vec<SigningKey>) -> Result<Self, ConfigError> {
        let verifying = keys.iter().map(SigningKey::verifying_key).collect::<Result<Vec<_>, _>>()?;
        let verifying = Arc::new(KeySet::new(verifying)?);
        let public: Vec<_> = keys.iter().filter_map(jwk).collect();
        let document = json!({ "keys": public }).to_string().into();
        Ok(Self { keys, verifying, document })
    }
}

/// The public half; an HMAC key has none.
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
        ConfigError::new("an HMAC key has no thumbprint that could be shown: name it, with `with_kid`")
    })?;
    Ok(key.with_kid(thumbprint))
}

fn position(keys: &[SigningKey], kid: &str) -> Result<usize, ConfigError> {
    let at = keys.iter().position(|key| key.kid() == Some(kid));
    at.ok_or_else(|| ConfigError::new("no key has this name: take one of `kids`"))
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
