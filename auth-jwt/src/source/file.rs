use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use auth_core::{AuthRequest, BoxError, ConfigError, async_trait};

use super::{KeySource, ReloadableKeys, UnverifiedToken};
use crate::KeySet;

/// The keys in a file, which is read again when it is told to be.
///
/// The file is a JWK set as [`KeySet::from_jwks`] takes it. Nothing watches it: call [`reload`](Self::reload) on a
/// signal, from an administrator's route or from time to time. Clones share the keys.
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
    /// If it cannot be read, or is no set that [`KeySet::from_jwks`] takes.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, ConfigError> {
        let path: Arc<Path> = path.into().into();
        Ok(Self { keys: ReloadableKeys::new(read(&path)?), path })
    }

    /// Reads the file again and puts its keys in the place of the others, all at once.
    ///
    /// It waits for the disk; from async code, call it where that is allowed. Whoever writes the file should write
    /// another beside it and rename that, so that it is never read half.
    ///
    /// # Errors
    /// As for [`open`](Self::open). The keys then stay as they were.
    pub fn reload(&self) -> Result<(), ConfigError> {
        read(&self.path).map(|keys| self.keys.replace(keys))
    }

    /// The keys that count now.
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
