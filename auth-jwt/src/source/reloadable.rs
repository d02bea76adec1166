use std::sync::{Arc, PoisonError, RwLock};

use auth_core::{AuthRequest, BoxError, async_trait};

use super::{KeySource, UnverifiedToken};
use crate::KeySet;

/// Keys that can be replaced while requests run.
///
/// Clones share the keys: give one to the strategy and keep another to [replace](Self::replace) them. A request keeps the
/// keys that it started with.
///
/// ```
/// use auth_jwt::{Algorithm, Jwt, ReloadableKeys, VerifyingKey};
/// # #[derive(serde::Deserialize)] struct Claims {}
/// # fn main() -> Result<(), auth_core::ConfigError> {
/// # let (old, new) = ("0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210");
///
/// let keys = ReloadableKeys::new(VerifyingKey::hmac(Algorithm::HS256, old)?.into());
/// let jwt = Jwt::<Claims>::key_source(keys.clone());
///
/// keys.replace(VerifyingKey::hmac(Algorithm::HS256, new)?.into());
/// # let _ = jwt; Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct ReloadableKeys(Arc<RwLock<Arc<KeySet>>>);

impl ReloadableKeys {
    /// These keys, until they are replaced.
    #[must_use]
    pub fn new(keys: KeySet) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(keys))))
    }

    /// Replaces all keys. New requests use only these.
    pub fn replace(&self, keys: KeySet) {
        let keys = Arc::new(keys);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// The current keys.
    #[must_use]
    pub fn current(&self) -> Arc<KeySet> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl KeySource for ReloadableKeys {
    async fn keys(&self, _: &UnverifiedToken<'_>, _: &AuthRequest<'_>) -> Result<Option<Arc<KeySet>>, BoxError> {
        Ok(Some(self.current()))
    }
}
