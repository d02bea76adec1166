//! Argon2 hashes of passwords, with the same work for an unknown user.

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

/// How long a login waits for its turn. Short, since the work itself comes after it.
const DEFAULT_MAX_WAIT: Duration = Duration::from_secs(1);

/// A stored hash may need this many times the memory and the work of the reference.
const MAX_COST_FACTOR: u64 = 8;

/// The most memory that a reference may need, in KiB: 4 GiB, twice the largest choice in RFC 9106, 4.
const MAX_REFERENCE_MEMORY: u64 = 4 * 1024 * 1024;

/// The most work that a reference may need: 100 times that memory. A check then takes minutes.
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
///         // Also called for an unknown user, so that both take the same time.
///         let stored = user.as_ref().map(|user| user.password_hash.as_str());
///         let is_right = passwords.verify(stored, login.password()).await?;
///         Ok::<_, BoxError>(user.filter(|_| is_right))
///     }
/// });
/// # let _ = basic;
/// ```
///
/// The work runs on tokio's blocking threads, on as many at once as there are cores ([`max_parallel`](Self::max_parallel)). A
/// call without a turn after one second ([`max_wait`](Self::max_wait)) gets an error. So a flood of logins is answered with
/// 503, and the rest of the server keeps working. A cancelled call keeps its turn until its work is done. Clones share the
/// turns.
///
/// # The reference
/// One set of parameters is the *reference*: the one of [`new`](Self::new), or of the hash given to
/// [`with_params_of`](Self::with_params_of). New hashes use it, and it sets the work for unknown users.
///
/// # Security
/// - A stored hash with *other* parameters than the reference takes another time, which shows that the user exists. Take the
///   reference from your stored hashes. If they differ, replace them at the next login: see
///   [`needs_rehash`](Self::needs_rehash), and [`has_outgrown`](Self::has_outgrown) for the weaker ones alone.
/// - A stored hash that needs more than eight times the memory of the reference, or eight times its memory times passes, is
///   not computed: a single planted hash could otherwise stop the server.
/// - The copy of the password that the work needs is zeroed after the work. The working memory of argon2 is not.
#[derive(Clone)]
pub struct Argon2Passwords {
    reference: Arc<Reference>,
    permits: Arc<Semaphore>,
    max_wait: Duration,
    compute: Arc<Compute>,
}

/// The parameters and the salt for an unknown user.
#[derive(Debug)]
struct Reference {
    recipe: Recipe,
    salt: Vec<u8>,
}

/// Does the work: recipe, password, salt. Tests count the calls.
type Compute = dyn Fn(&Recipe, &[u8], &[u8]) -> Result<Output, password_hash::Error> + Send + Sync;

impl Argon2Passwords {
    /// Argon2id with 19 MiB, two passes and one lane, as OWASP recommends.
    #[must_use]
    pub fn new() -> Self {
        // Any salt will do: its result is discarded.
        Self::of(Reference { recipe: Recipe::default(), salt: b"nobody has this.".to_vec() })
    }

    /// Takes algorithm, version and parameters from a stored hash, usually any hash of the application.
    ///
    /// # Errors
    /// If `reference` is not an argon2 hash in PHC form with `m`, `t`, `p`, salt and hash, or needs more than 4 GiB of memory
    /// or 100 times 4 GiB of work.
    pub fn with_params_of(reference: &str) -> Result<Self, ConfigError> {
        let StoredHash { recipe, salt, .. } = StoredHash::parse(reference).ok_or(ConfigError::new(
            "the reference is not an argon2 hash of the form `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>`",
        ))?;
        if recipe.memory() > MAX_REFERENCE_MEMORY || recipe.work() > MAX_REFERENCE_WORK {
            return Err(ConfigError::new("the reference needs more than 4 GiB of memory or minutes of work"));
        }
        Ok(Self::of(Reference { recipe, salt: salt.to_vec() }))
    }

    /// Sets how many passwords are hashed at once. The default is the number of cores. Zero counts as one.
    ///
    /// Each needs the memory that its parameters name.
    #[must_use]
    pub fn max_parallel(mut self, passwords: usize) -> Self {
        self.permits = Arc::new(Semaphore::new(passwords.clamp(1, Semaphore::MAX_PERMITS)));
        self
    }

    /// Sets how long a call waits for its turn before it fails. The default is one second. The work itself does not count.
    #[must_use]
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.max_wait = wait;
        self
    }

    /// Hashes a password for storage, with a fresh random salt and the parameters of the reference.
    ///
    /// It needs a tokio runtime with its timer enabled.
    ///
    /// # Errors
    /// [`Busy`](PasswordErrorKind::Busy) if it got no turn in time, [`Failed`](PasswordErrorKind::Failed) if the work failed.
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

    /// Whether the password is the one that was hashed. Pass `None` for an unknown user: the same work is done, and the result
    /// is false.
    ///
    /// It needs a tokio runtime with its timer enabled.
    ///
    /// # Errors
    /// [`UnusableHash`](PasswordErrorKind::UnusableHash) if `stored` is not an argon2 hash in PHC form or needs too much work;
    /// the work of the reference is still done. [`Busy`](PasswordErrorKind::Busy) if it got no turn in time.
    /// [`Failed`](PasswordErrorKind::Failed) if the work failed. An error says nothing about the password. Return it from the
    /// verify callback; never treat it as a wrong password.
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

    /// Whether a stored hash is weaker than new ones, or is not a hash at all. A login should replace it: call this after the
    /// password was right, while you still have it, and store a new [`hash`](Self::hash) of it.
    ///
    /// The first difference in this order decides: argon2id or another algorithm, the version, memory times passes, the memory,
    /// the length of the hash. So `m=65536,t=1` is stronger than `m=19456,t=2`, and of two nodes with different references, one at
    /// most replaces the hashes of the other. Lanes don't count.
    #[must_use]
    pub fn has_outgrown(&self, stored: &str) -> bool {
        StoredHash::parse(stored).is_none_or(|stored| stored.recipe.is_weaker_than(&self.reference.recipe))
    }

    /// Whether a stored hash has other parameters than the reference, weaker or stronger, or is not a hash at all. Replace such
    /// hashes if all of them are to take the same time: see "Security" at [the type](Self).
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
        let stored = StoredHash::parse(stored).ok_or(unusable("the stored password hash is not an argon2 hash"))?;
        let reference = &self.reference.recipe;
        if stored.recipe.memory() > reference.memory().saturating_mul(MAX_COST_FACTOR)
            || stored.recipe.work() > reference.work().saturating_mul(MAX_COST_FACTOR)
        {
            return Err(unusable("the stored password hash needs far more work than the reference"));
        }
        Ok(stored)
    }

    /// Waits for a turn, then does the work on a blocking thread.
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
            // The turn ends with the work, even if the call is cancelled before.
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
