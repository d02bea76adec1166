//! The store in a file of SQLite.

mod budgets;
mod failure;
mod link;
mod migrations;
mod records;
mod store;
mod sweep;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use auth_core::{BoxError, Clock, SystemClock};
use auth_store::SubscriptionEvent;
use sqlx::{
    ConnectOptions as _, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::broadcast;

use self::link::{Link, within};
use crate::{
    SetupError, backlog,
    times::{LONGEST_TIMEOUT, to_nanos},
};

/// How long a call may take.
const TIMEOUT: Duration = Duration::from_secs(1);

/// How long a connection waits for a lock. Less than a call, so that the error says what it waited for.
const BUSY_TIMEOUT: Duration = Duration::from_millis(900);

/// How long the tables may take to be set up.
const SETUP_TIMEOUT: Duration = Duration::from_secs(30);

/// One writes; the others read.
const MAX_CONNECTIONS: u32 = 4;

/// After how many additions the store removes what has ended, and how much of each table it removes then. So more can go than comes.
const ADDITIONS_BETWEEN_SWEEPS: u32 = 64;
const SWEPT_AT_ONCE: u32 = 256;

/// A store in a file of SQLite, for a service with one node that is restarted without logging everybody out.
///
/// Clones share the connections and the subscribers. It needs a tokio runtime.
///
/// | When the file | Then |
/// |---|---|
/// | is locked by another process | writes fail after the [timeout](Self::timeout), 1 s; reads go on |
/// | is on a full disk, or is read-only | writes fail at once; reads go on |
/// | is broken | every call that meets the damage fails |
///
/// A call that fails changes nothing, unless it has timed out: then it may still be done.
///
/// # One node
/// Subscribers are those of this store and its clones. Another process with the same file finds each revocation when it looks one
/// up, but its open sockets stay open until they are looked up again. For several nodes use `PostgresStore` or `RedisStore`.
///
/// # Durability
/// A call returns when its change is on the disk (`synchronous=FULL`, write-ahead log). That costs one `fsync` for each change.
/// With less, a power cut would undo the last changes: an ended login or a revoked token would be good again.
///
/// # Time
/// All lifetimes follow the [clock](Self::clock), also those of tickets and of counters of failures. If the system's time is set back,
/// tickets live longer by that. Records are kept until ten minutes after their end, as the contract allows.
///
/// # What has ended
/// counts as absent, except for those ten minutes. After every 64 additions, a task removes up to 256 such rows of each table. In a
/// service that adds little, call [`sweep`](Self::sweep) from time to time.
///
/// # Limits
/// A value has at most 64 KiB. The size of the file has no limit but the disk; SQLite keeps it when rows go, and uses the space
/// again.
///
/// # Security
/// Whoever can write the file can make logins and undo revocations; whoever can read it sees the values of records. A new file is
/// readable by its user alone (on Unix). An old backup brings ended logins and revoked tokens back: see the repository's `docs/stores.md`.
#[derive(Clone)]
pub struct SqliteStore {
    link: Link,
    clock: Arc<dyn Clock>,
    news: broadcast::Sender<SubscriptionEvent>,
    additions: Arc<AtomicU32>,
}

impl SqliteStore {
    /// Opens the file, makes it if it does not exist, and sets up the tables. Their names begin with `portcullis_`; the file may
    /// have others.
    ///
    /// # Errors
    /// If the file cannot be opened or written, if it is no database, or if a newer version of this crate has changed the tables.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, SetupError> {
        let path = path.as_ref().to_owned();
        make_private(path.clone()).await;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .disable_statement_logging();
        // Connections are threads: they stay.
        let pool = SqlitePoolOptions::new().max_connections(MAX_CONNECTIONS).acquire_timeout(SETUP_TIMEOUT);
        let pool = pool.test_before_acquire(false).idle_timeout(None).max_lifetime(None);
        let store = Self::of_pool(pool.connect_lazy_with(options));
        store.migrate().await?;
        Ok(store)
    }

    /// Uses the connections of the application. Call [`migrate`](Self::migrate) before the store is used.
    ///
    /// The application decides how durable a change is: see *Durability* above. It should use the write-ahead log and a busy
    /// timeout of less than a second. While it writes, the store waits. Each of its long transactions makes calls fail.
    #[must_use]
    pub fn of_pool(pool: SqlitePool) -> Self {
        let (link, clock) = (Link::new(pool, TIMEOUT), Arc::new(SystemClock));
        Self { link, clock, news: backlog::new(), additions: Arc::default() }
    }

    /// Sets up the tables, or brings them up to date, in one transaction. It does nothing if they are. Which versions are there is in
    /// the table `portcullis_migrations`.
    ///
    /// # Errors
    /// If the database is down, or if a newer version of this crate has changed the tables. Nothing has changed then.
    pub async fn migrate(&self) -> Result<(), SetupError> {
        let mut lent = self.link.clone().with_timeout(SETUP_TIMEOUT).writer().await?;
        let is_done = within(lent.until, migrations::run(lent.connection()?)).await?;
        is_done.then_some(()).ok_or_else(SetupError::newer)
    }

    /// Sets how long a call may take. The default is 1 s; more than an hour counts as an hour.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.link = self.link.with_timeout(timeout.min(LONGEST_TIMEOUT));
        self
    }

    /// Sets the clock. The default is the system's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Checks that the file can be read.
    ///
    /// # Errors
    /// If it cannot be read within the timeout, or if it has no tables.
    pub async fn ping(&self) -> Result<(), BoxError> {
        let mut lent = self.link.reader().await?;
        let ask = sqlx::query("SELECT version FROM portcullis_migrations LIMIT 1");
        within(lent.until, ask.execute(lent.connection()?)).await?;
        Ok(())
    }

    /// Removes up to `limit` rows of each table that have ended. Returns how many it has removed. It needs no call as long as the
    /// service adds tickets, records or revocations.
    ///
    /// # Errors
    /// If the store is down. Some rows may be gone.
    pub async fn sweep(&self, limit: u32) -> Result<u64, BoxError> {
        Ok(sweep::run(&self.link, self.clock.now(), limit).await?)
    }

    fn now(&self) -> i64 {
        to_nanos(self.clock.now())
    }

    /// Counts an addition, and removes what has ended once in a while, beside the caller.
    fn count_addition(&self) {
        if self.additions.fetch_add(1, Ordering::Relaxed) % ADDITIONS_BETWEEN_SWEEPS == ADDITIONS_BETWEEN_SWEEPS - 1 {
            let (link, now) = (self.link.clone(), self.clock.now());
            tokio::spawn(async move {
                if let Err(failure) = sweep::run(&link, now, SWEPT_AT_ONCE).await {
                    tracing::debug!(%failure, "what has ended is not removed from the store yet");
                }
            });
        }
    }
}

/// Makes the file so that only its user can read it. SQLite gives its other files the same permissions.
async fn make_private(path: PathBuf) {
    // Other errors than that it exists are found when it is opened.
    let _ = tokio::task::spawn_blocking(move || {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path)
    })
    .await;
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("timeout", &self.link.timeout).finish_non_exhaustive()
    }
}
