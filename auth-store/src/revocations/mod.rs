mod keys;
mod listener;
mod message;

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use auth_core::{BoxError, Clock, Evidence, PrincipalId, Revocation, RevocationCheck, RevocationTarget, SystemClock};
use tokio::{runtime::Handle, sync::broadcast};

use self::keys::Marks;
use crate::{Store, Unavailable, backlog, instant::to_nanos, opaque};

/// How long a revocation outlives the revoked credential: the longest leeway of a strategy (300 s), and the same again for
/// nodes whose clocks differ.
const AFTERLIFE: Duration = Duration::from_secs(600);

/// The revocations of all nodes that share a store.
///
/// It is the [`RevocationCheck`] of a chain, and the [`RevocationFeed`](auth_core::RevocationFeed) of registries of open
/// connections. Clones share everything.
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
/// /// Revokes the caller's own credentials. Returns whether there was anything to revoke.
/// async fn log_out(evidence: &Evidence, revocations: &Revocations) -> Result<bool, Unavailable> {
///     let all = Revocation::of(evidence, SystemClock.now());
///     revocations.revoke_all(&all).await?;
///     Ok(!all.is_empty()) // a guest without an id cannot be logged out: don't claim it
/// }
/// ```
///
/// # Clocks
/// A revocation of everything of a user compares two clocks: yours sets the instant, and the issuer's dates the token. If the
/// issuer's clock is some seconds ahead, tokens of the last seconds are not covered. Synchronize the clocks, or revoke up to
/// some seconds later and delay new logins. All other revocations need the clocks only to decide how long to keep a mark, and
/// tolerate five minutes.
#[derive(Clone)]
pub struct Revocations {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    max_credential_age: Option<Duration>,
    /// Identifies our own messages.
    node: Arc<str>,
    here: broadcast::Sender<Revocation>,
}

impl Revocations {
    /// Revocations in this store, with the system's clock.
    #[must_use]
    pub fn new(store: impl Store) -> Self {
        // Without random numbers, our own messages are not recognized, and listeners receive them twice.
        let node = opaque::random::<16>().unwrap_or_default().into();
        Self {
            store: Arc::new(store),
            clock: Arc::new(SystemClock),
            max_credential_age: None,
            node,
            here: backlog::new(),
        }
    }

    /// Sets the clock for lifetimes in the store. The default is the system's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Lets the store forget a revocation of everything of a user after all credentials that it covers have ended. The default
    /// is to keep it forever: one mark per user.
    ///
    /// # Security
    /// No credential of yours may be good for longer than this after it was issued. One that is becomes good again.
    #[must_use]
    pub fn max_credential_age(mut self, age: Duration) -> Self {
        self.max_credential_age = Some(age);
        self
    }

    /// Stores a revocation for all nodes, then announces it to all listeners, here and on other nodes.
    ///
    /// It is kept until ten minutes after [`Revocation::end`], or forever if that is unknown. The revocation of a connection is
    /// not kept. Repeating a revocation is harmless.
    ///
    /// # Errors
    /// If the store is down. The revocation may still have been stored or announced: try again.
    ///
    /// # Cancellation
    /// On a tokio runtime it continues even if its future is dropped. Otherwise, a client that disconnects during its logout
    /// could leave a revocation that is stored but not announced. Without tokio, wait for it.
    pub async fn revoke(&self, revocation: &Revocation) -> Result<(), Unavailable> {
        self.revoke_all(std::slice::from_ref(revocation)).await
    }

    /// Revokes all of these, as [`revoke`](Self::revoke) does. For a logout, pass the list of [`Revocation::of`].
    ///
    /// # Errors
    /// If the store is down. Some of them may be revoked: try again.
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

    /// Whether a session or a credential with this id and issuer was revoked. For a strategy that gives the same id out again: the
    /// chain itself asks about whole evidence.
    ///
    /// # Errors
    /// If the store is down.
    pub async fn is_id_revoked(&self, issuer: &str, id: &str) -> Result<bool, Unavailable> {
        let marks = (*self.store).marks(&keys::of_id(issuer, id)).await.map_err(Unavailable::because)?;
        Ok(marks.iter().any(Option::is_some))
    }

    /// Whether everything of this user up to `since`, inclusive, was revoked: a credential that counts from that instant lets nobody
    /// in. For a strategy that issues one: the chain itself asks about whole evidence.
    ///
    /// # Errors
    /// If the store is down.
    pub async fn is_user_revoked(&self, user: &PrincipalId, since: SystemTime) -> Result<bool, Unavailable> {
        let marks = self.store.marks(&[keys::user(user)]).await.map_err(Unavailable::because)?;
        Ok(marks.into_iter().flatten().any(|until| to_nanos(since) <= until))
    }

    async fn write_and_tell(&self, revocation: &Revocation) -> Result<(), Unavailable> {
        if let Some((key, mark)) = keys::of(revocation.target()) {
            let ttl = self.lifetime(revocation);
            (*self.store).raise(&key, mark, ttl).await.map_err(Unavailable::because)?;
        }
        // Listeners of this node receive it at once, even if the store cannot be reached.
        let _ = self.here.send(revocation.clone());
        let message = message::encode(revocation, &self.node).map_err(Unavailable::because)?;
        (*self.store).publish(&message).await.map_err(Unavailable::because)?;
        tracing::debug!(?revocation, "revoked");
        Ok(())
    }

    /// How long to keep it; `None` means forever.
    fn lifetime(&self, revocation: &Revocation) -> Option<Duration> {
        let end = match revocation.target() {
            // An end says nothing about all credentials of a user.
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

    /// One query to the store, for the evidence and all its parts.
    async fn is_any_revoked(&self, evidence: &Evidence) -> Result<bool, BoxError> {
        let marks = Marks::of(evidence);
        if marks.keys().is_empty() {
            return Ok(false);
        }
        let found = (*self.store).marks(marks.keys()).await?;
        if found.len() != marks.keys().len() {
            return Err("the store returned a wrong number of marks".into());
        }
        Ok(marks.revoke(&found))
    }

    fn is_any_revoked_at_once(&self, evidence: &Evidence) -> Option<bool> {
        Marks::revoke_at_once(evidence, &*self.store)
    }
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocations").field("max_credential_age", &self.max_credential_age).finish_non_exhaustive()
    }
}
