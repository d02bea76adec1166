use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use auth_core::{AuthRequest, BoxError, ConfigError, async_trait};

use super::{KeySource, ReloadableKeys, UnverifiedToken};
use crate::KeySet;

/// The keys in a file, which is read again on [`reload`](Self::reload).
///
/// The file is a JWK set for [`KeySet::from_jwks`]. Nothing watches it: call `reload` on a signal, from an administrator's
/// route or at intervals. Clones share the keys.
///
/// ```no_run
/// use auth_jwt::{Jwt, KeyFile};
/// # #[derive(serde::Deserialize)] struct Claims {}
/// # fn main() -> Result<(), auth_core::ConfigError> {
///
/// let keys = KeyFile::open("/etc/chat/keys.json")?;
/// let jwt = Jwt::<Claims>::key_source(keys.clone());
///
/// // Later, for instance on SIGHUP:
/// if let Err(error) = keys.reload() {
///     eprintln!("the keys stay as they are: {error}");
/// }
/// # let _ = jwt; Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct KeyFile {
    path: Arc<Path>,
    keys: ReloadableKeys,
}

impl KeyFile {
    /// The keys in this file.
    ///
    /// # Errors
    /// If it cannot be read, or if [`KeySet::from_jwks`] refuses it.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, ConfigError> {
        let path: Arc<Path> = path.into().into();
        Ok(Self { keys: ReloadableKeys::new(read(&path)?), path })
    }

    /// Reads the file again and replaces all keys at once.
    ///
    /// It blocks on the disk, so call it from async code only where blocking is allowed. To update the file, write a new one
    /// beside it and rename that, so that a half-written file is never read.
    ///
    /// # Errors
    /// As for [`open`](Self::open). The keys then stay as they were.
    pub fn reload(&self) -> Result<(), ConfigError> {
        read(&self.path).map(|keys| self.keys.replace(keys))
    }

    /// The current keys.
    #[must_use]
    pub fn current(&self) -> Arc<KeySet> {
        self.keys.current()
    }
}

fn read(path: &Path) -> Result<KeySet, ConfigError> {
    let json = fs::read_to_string(path)
        .map_err(|error| ConfigError::new("the key file cannot be read: check its path and rights").caused_by(error))?;
    KeySet::from_jwks(&json)
}

#[async_trait]
impl KeySource for KeyFile {
    async fn keys(&self, _: &UnverifiedToken<'_>, _: &AuthRequest<'_>) -> Result<Option<Arc<KeySet>>, BoxError> {
        Ok(Some(self.current()))
    }
}
