//! Argon2 hashes of passwords, checked with the same work for a user who does not exist.

mod error;
mod phc;

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, thread, time::Duration};

use argon2::password_hash::{
    self,
    phc::{Output, Salt},
    try_generate_salt,
};
use auth_core::ConfigError;
use tokio::{runtime::Handle, sync::Semaphore, time::timeout};

pub use self::error::{PasswordError, PasswordErrorKind};
use self::phc::{Recipe, StoredHash};
use crate::Password;

/// How long a login waits for its turn. Short, since the work itself comes on top of it.
const DEFAULT_MAX_WAIT: Duration = Duration::from_secs(1);

/// How many times the memory and the work of the reference a stored hash may ask for.
const MAX_COST_FACTOR: u64 = 8;

/// The most memory that a reference may ask for: 4 GiB in KiB, twice the largest choice of RFC 9106, 4.
const MAX_REFERENCE_MEMORY: u64 = 4 * 1024 * 1024;

/// The most work that a reference may ask for: hundred times that memory. A check then takes minutes.
const MAX_REFERENCE_WORK: u64 = 100 * MAX_REFERENCE_MEMORY;

/// Makes and checks argon2 hashes (RFC 9106) in the PHC form, `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>`.
///
/// ```
/// use auth_basic::{Argon2Passwords, Basic, BasicLogin};
/// use auth_core::BoxError;
/// # #[derive(Clone)] struct Users;
/// # struct User { password_hash: String }
/// # impl auth_core::Principal for User { fn principal_id(&self) -> Option<auth_core::PrincipalId> { None } }
/// # impl Users { async fn find(&self, _: &str) -> Result<Option<User>, std::io::Error> { Ok(None) } }
/// # let users = Users;
///
/// let passwords = Argon2Passwords::new();
/// let basic = Basic::new("demo").verify(move |login: BasicLogin| {
///     let (users, passwords) = (users.clone(), passwords.clone());
///     async move {
///         let user = users.find(login.username()).await?;
///         // Asked for a user who does not exist too: it takes as long.
///         let stored = user.as_ref().map(|user| user.password_hash.as_str());
///         let is_right = passwords.verify(stored, login.password()).await?;
///         Ok::<_, BoxError>(user.filter(|_| is_right))
///     }
/// });
/// # let _ = basic;
/// ```
///
/// The work is done on tokio's blocking threads, on as many at once as there are cores
/// ([`max_parallel`](Self::max_parallel)). Who has not got a turn after one second ([`max_wait`](Self::max_wait)) gets
/// an error, so that a flood of logins is answered with 503 and the rest of the server goes on. A caller who goes away
/// frees its turn only when its work is done. Clones share the turns.
///
/// # The reference
/// One set of parameters is the *reference*: that of [`new`](Self::new), or that of the hash given to
/// [`with_params_of`](Self::with_params_of). Hashes are made with it, and it sets the work that is done for users who do not exist.
///
/// # Security
/// - Stored hashes with *other* parameters than the reference take another time, and so tell that the user exists.
///   Make the reference that of your stored hashes, and where they differ, renew them at the next login: see
///   [`needs_rehash`](Self::needs_rehash).
/// - A stored hash that asks for more than eight times the memory, or the memory times passes, of the reference is not
///   computed: whoever can write one hash could otherwise stop the server.
/// - The copy of the password that the work needs is zeroed when the work is done. The working memory of argon2 is not.
#[derive(Clone)]
pub struct Argon2Passwords {
    reference: Arc<Reference>,
    permits: Arc<Semaphore>,
    max_wait: Duration,
    compute: Arc<Compute>,
}

/// What is computed for a user who does not exist: everything but the result to compare with.
#[derive(Debug)]
struct Reference {
    recipe: Recipe,
    salt: Vec<u8>,
}

/// The one place where the work is done: recipe, password, salt. Tests count it here.
type Compute = dyn Fn(&Recipe, &[u8], &[u8]) -> Result<Output, password_hash::Error> + Send + Sync;

impl Argon2Passwords {
    /// Argon2id with 19 MiB, two passes and one lane, which OWASP recommends.
    #[must_use]
    pub fn new() -> Self {
        // Any salt will do: what is computed with it is thrown away.
        Self::of(Reference { recipe: Recipe::default(), salt: b"nobody has this.".to_vec() })
    }

    /// The algorithm, version and parameters of a stored hash, most often of any hash of the application.
    ///
    /// # Errors
    /// If `reference` is no argon2 hash in PHC form with `m`, `t`, `p`, salt and hash, or asks for more than 4 GiB of
    /// memory or hundred times 4 GiB of work.
    pub fn with_params_of(reference: &str) -> Result<Self, ConfigError> {
        let StoredHash { recipe, salt, .. } = StoredHash::parse(reference).ok_or(ConfigError::new(
            "the reference is no argon2 hash: give one of the form `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>`",
        ))?;
        if recipe.memory() > MAX_REFERENCE_MEMORY || recipe.work() > MAX_REFERENCE_WORK {
            return Err(ConfigError::new("the reference asks for more than 4 GiB of memory or for minutes of work"));
        }
        Ok(Self::of(Reference { recipe, salt: salt.to_vec() }))
    }

    /// How many passwords are worked on at once; the default is the number of cores. Zero counts as one.
    ///
    /// Each takes the memory that its parameters name.
    #[must_use]
    pub fn max_parallel(mut self, passwords: usize) -> Self {
        self.permits = Arc::new(Semaphore::new(passwords.clamp(1, Semaphore::MAX_PERMITS)));
        self
    }

    /// How long a password waits for its turn before it is an error; the default is one second. The work itself, which
    /// comes after, is not part of it.
    #[must_use]
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.max_wait = wait;
        self
    }

    /// Hashes a password with a fresh random salt, with the parameters of the reference, for storing it.
    ///
    /// It needs a tokio runtime with time enabled.
    ///
    /// # Errors
    /// [`Busy`](PasswordErrorKind::Busy) if it got no turn in time, [`Failed`](PasswordErrorKind::Failed) if the work
    /// could not be done.
    pub async fn hash(&self, password: &Password) -> Result<String, PasswordError> {
        let (reference, compute) = (Arc::clone(&self.reference), Arc::clone(&self.compute));
        let password = password.clone();
        self.in_turn(move || {
            let salt = try_generate_salt().map_err(|error| argon2_failed(error.into()))?;
            let output = compute(&reference.recipe, password.expose().as_bytes(), &salt).map_err(argon2_failed)?;
            let hash = Salt::new(&salt)
                .ok()
                .and_then(|salt| StoredHash { recipe: reference.recipe.clone(), salt, output }.to_phc());
            hash.ok_or(failed("the parameters have no PHC form"))
        })
        .await
    }

    /// Whether the password is the one that was hashed. `stored` is `None` for a user who does not exist: the same work
    /// is done, and the answer is no.
    ///
    /// It needs a tokio runtime with time enabled.
    ///
    /// # Errors
    /// [`UnusableHash`](PasswordErrorKind::UnusableHash) if `stored` is no argon2 hash in PHC form or costs too much;
    /// the work of the reference is done nevertheless. [`Busy`](PasswordErrorKind::Busy) if it got no turn in time,
    /// [`Failed`](PasswordErrorKind::Failed) if the work could not be done. None of them says anything about the
    /// password: give them back from the verify callback, and never take them for a no.
    pub async fn verify(&self, stored: Option<&str>, password: &Password) -> Result<bool, PasswordError> {
        let stored = stored.map(|text| self.usable(text)).transpose();
        let (reference, compute) = (Arc::clone(&self.reference), Arc::clone(&self.compute));
        let password = password.clone();
        self.in_turn(move || {
            let password = password.expose().as_bytes();
            if let Ok(Some(stored)) = &stored {
                let output = compute(&stored.recipe, password, &stored.salt).map_err(argon2_failed)?;
                // Compares in constant time.
                return Ok(output == stored.output);
            }
            compute(&reference.recipe, password, &reference.salt).map_err(argon2_failed)?;
            stored.map(|_| false)
        })
        .await
    }

    /// Whether a stored hash was made with other parameters than the reference, or is no hash at all.
    ///
    /// Ask after a successful login, while the password is at hand, and store what [`hash`](Self::hash) makes of it.
    #[must_use]
    pub fn needs_rehash(&self, stored: &str) -> bool {
        StoredHash::parse(stored).is_none_or(|stored| !stored.recipe.is_like(&self.reference.recipe))
    }

    fn of(reference: Reference) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self {
            reference: Arc::new(reference),
            permits: Arc::new(Semaphore::new(cores)),
            max_wait: DEFAULT_MAX_WAIT,
            compute: Arc::new(Recipe::compute),
        }
    }

    fn usable(&self, stored: &str) -> Result<StoredHash, PasswordError> {
        let unusable = |what| PasswordError::new(PasswordErrorKind::UnusableHash, what);
        let stored = StoredHash::parse(stored).ok_or(unusable("the stored password hash is no argon2 hash"))?;
        let reference = &self.reference.recipe;
        if stored.recipe.memory() > reference.memory().saturating_mul(MAX_COST_FACTOR)
            || stored.recipe.work() > reference.work().saturating_mul(MAX_COST_FACTOR)
        {
            return Err(unusable("the stored password hash asks for far more work than the reference"));
        }
        Ok(stored)
    }

    /// Does the work on a blocking thread, when it is its turn.
    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let runtime = Handle::try_current().map_err(|error| failed("there is no tokio runtime").caused_by(error))?;
        let permit = timeout(self.max_wait, Arc::clone(&self.permits).acquire_owned())
            .await
            .map_err(|_| PasswordError::new(PasswordErrorKind::Busy, "too many passwords are being checked"))?
            .map_err(|error| failed("the queue is closed").caused_by(error))?;
        let task = runtime.spawn_blocking(move || {
            // The turn ends with the work, and not with the caller, who may be gone by then.
            let _permit = permit;
            work()
        });
        task.await.map_err(|error| failed("the password work panicked or was cancelled").caused_by(error))?
    }
}

impl Default for Argon2Passwords {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Argon2Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Argon2Passwords")
            .field("recipe", &self.reference.recipe)
            .field("free", &self.permits.available_permits())
            .field("max_wait", &self.max_wait)
            .finish_non_exhaustive()
    }
}

fn failed(what: &'static str) -> PasswordError {
    PasswordError::new(PasswordErrorKind::Failed, what)
}

fn argon2_failed(error: password_hash::Error) -> PasswordError {
    failed("argon2 failed").caused_by(error)
}
