mod keys;
mod listener;
mod message;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use auth_core::{BoxError, Clock, Evidence, Revocation, RevocationCheck, RevocationTarget, SystemClock};
use tokio::{runtime::Handle, sync::broadcast};

use self::keys::Marks;
use crate::{Store, Unavailable, backlog, opaque};

/// How long a revocation outlives what it revokes: the longest leeway that a strategy may grant (300 s), and as much again
/// for nodes whose clocks are apart.
const AFTERLIFE: Duration = Duration::from_secs(600);

/// What was revoked, for all nodes that share a store.
///
/// It is the [`RevocationCheck`] of a chain and the [`RevocationFeed`](auth_core::RevocationFeed) of whoever holds
/// connections open. Clones share everything.
///
/// ```
/// use auth_core::{Evidence, Revocation, SystemClock, Clock as _};
/// use auth_store::{MemoryStore, Revocations, Unavailable};
///
/// let revocations = Revocations::new(MemoryStore::new());
/// # fn chain<S: auth_core::Strategy>(strategy: S, revocations: Revocations) -> auth_core::Chain<S::User> {
/// let chain = auth_core::Chain::new().or(strategy).revocation(revocations.clone());
/// # chain }
///
/// /// Revokes the caller's own credentials; tells whether there was anything to revoke.
/// async fn log_out(evidence: &Evidence, revocations: &Revocations) -> Result<bool, Unavailable> {
///     let all = Revocation::of(evidence, SystemClock.now());
///     revocations.revoke_all(&all).await?;
///     Ok(!all.is_empty()) // a guest without an id cannot be logged out: do not say so
/// }
/// ```
///
/// # Clocks
/// A revocation of everything of a user compares two clocks: whoever revokes says up to which instant, whoever issued the
/// token says when. Where the issuer's clock is ahead by some seconds, what it issued in the last seconds before is not
/// covered; keep clocks together, or revoke up to some seconds later and let new logins wait. Everything else asks the
/// clocks only how long to remember, and forgives five minutes.
#[derive(Clone)]
pub struct Revocations {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    max_credential_age: Option<Duration>,
    /// Tells our own messages from those of others.
    node: Arc<str>,
    here: broadcast::Sender<Revocation>,
}

impl Revocations {
    /// Revocations in this store, on the clock of the system.
    #[must_use]
    pub fn new(store: impl Store) -> Self {
        // Without random numbers nothing is told apart, and what we say ourselves is heard twice.
        let node = opaque::random::<16>().unwrap_or_default().into();
        Self {
            store: Arc::new(store),
            clock: Arc::new(SystemClock),
            max_credential_age: None,
            node,
            here: backlog::new(),
        }
    }

    /// Tells the time by which lifetimes in the store are reckoned; the default is the system's clock.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Lets the store forget a revocation of everything of a user when all that it covers has ended. The default is to keep
    /// it for ever: one mark a user.
    ///
    /// # Security
    /// It is a promise: no credential of yours is good for longer than this after it was issued. A token that is comes back
    /// to life.
    #[must_use]
    pub fn max_credential_age(mut self, age: Duration) -> Self {
        self.max_credential_age = Some(age);
        self
    }

    /// Revokes: writes it down for all nodes, then tells those who listen, here and elsewhere.
    ///
    /// It is kept until ten minutes after [`Revocation::end`], and for ever if that is not known. Of a connection nothing is
    /// kept. To revoke again does no harm.
    ///
    /// # Errors
    /// If the store is away. It may have been written down all the same, and some may have been told: do it again.
    ///
    /// # Cancellation
    /// On a tokio runtime it goes on though nobody waits for it any more: a client that posts its log-out and leaves must not
    /// leave a revocation behind that was written down and that nobody hears of. Elsewhere, wait for it.
    pub async fn revoke(&self, revocation: &Revocation) -> Result<(), Unavailable> {
        self.revoke_all(std::slice::from_ref(revocation)).await
    }

    /// Revokes all of these, as [`revoke`](Self::revoke) does: what [`Revocation::of`] gives for a log-out.
    ///
    /// # Errors
    /// If the store is away. Some of them may be revoked: do it again.
    pub async fn revoke_all(&self, revocations: &[Revocation]) -> Result<(), Unavailable> {
        let (this, revocations) = (self.clone(), revocations.to_vec());
        let work = async move {
            for revocation in &revocations {
                this.write_and_tell(revocation).await?;
            }
            Ok(())
        };
        match Handle::try_current() {
            Ok(runtime) => runtime.spawn(work).await.unwrap_or_else(|lost| Err(Unavailable::because(lost.into()))),
            Err(_) => work.await,
        }
    }

    async fn write_and_tell(&self, revocation: &Revocation) -> Result<(), Unavailable> {
        if let Some((key, mark)) = keys::of(revocation.target()) {
            let ttl = self.lifetime(revocation);
            self.store.raise(&key, mark, ttl).await.map_err(Unavailable::because)?;
        }
        // Who listens here hears it at once, and also if the others cannot be told.
        let _ = self.here.send(revocation.clone());
        let message = message::encode(revocation, &self.node).map_err(Unavailable::because)?;
        self.store.publish(&message).await.map_err(Unavailable::because)?;
        tracing::debug!(?revocation, "revoked");
        Ok(())
    }

    /// How long to remember; `None` for ever.
    fn lifetime(&self, revocation: &Revocation) -> Option<Duration> {
        let end = match revocation.target() {
            // The end says nothing of all the credentials of a user.
            RevocationTarget::User { until, .. } => until.checked_add(self.max_credential_age?),
            _ => revocation.end(),
        };
        let left = end?.duration_since(self.clock.now()).unwrap_or_default();
        left.checked_add(AFTERLIFE)
    }
}

#[async_trait]
impl RevocationCheck for Revocations {
    async fn is_revoked(&self, evidence: &Evidence) -> Result<bool, BoxError> {
        self.is_any_revoked(evidence).await
    }

    /// One question to the store, whatever the evidence holds, its parts included.
    async fn is_any_revoked(&self, evidence: &Evidence) -> Result<bool, BoxError> {
        let marks = Marks::of(evidence);
        if marks.keys().is_empty() {
            return Ok(false);
        }
        let found = self.store.marks(marks.keys()).await?;
        if found.len() != marks.keys().len() {
            return Err("the store has answered something else than what it was asked".into());
        }
        Ok(marks.revoke(&found))
    }
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocations").field("max_credential_age", &self.max_credential_age).finish_non_exhaustive()
    }
}
