//! The store in Postgres.

mod address;
mod budgets;
mod clock;
mod failure;
mod link;
mod migrations;
mod news;
mod records;
mod store;
mod sweep;
mod turns;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, SystemTime},
};

use auth_core::{BoxError, Clock, ConfigError, SystemClock};
use sqlx::postgres::PgConnectOptions;
use tokio::time::{Instant, timeout_at};

use self::{link::Link, news::News, turns::Turns};
use crate::{SetupError, times::LONGEST_TIMEOUT};

/// How long a call may take.
const TIMEOUT: Duration = Duration::from_secs(1);

/// How long the tables may take to be set up.
const SETUP_TIMEOUT: Duration = Duration::from_secs(40);

/// The most connections, beside the one for listeners.
const MAX_CONNECTIONS: u32 = 10;

/// After how many additions the store removes what has ended, and how much of each table it removes then. So more can go than comes.
const ADDITIONS_BETWEEN_SWEEPS: u32 = 64;
const SWEPT_AT_ONCE: u32 = 256;

/// A store for a service with several nodes, in Postgres of version 12 or later. Over TLS with the feature `postgres-tls`.
///
/// Clones share the connections: up to ten for calls, and one for listeners. They are opened when they are needed, and again when
/// they are lost. So a service starts without Postgres and finds it later; use [`ping`](Self::ping) in a readiness check. Call
/// [`migrate`](Self::migrate) once before, at the start of the service or when it is installed. It needs a tokio runtime.
///
/// | When Postgres | Then |
/// |---|---|
/// | refuses the connection, or a command; has no connection left | a call fails at once |
/// | is read-only | a change fails at once; reads go on |
/// | does not answer | a call fails after the [timeout](Self::timeout), 1 s, and its connection is closed |
/// | is back | the next call finds it; listeners find it within 2 s, and learn that they may have [missed](auth_store::SubscriptionEvent::Missed) something |
/// | has closed an idle connection | calls do not notice if it was idle for a second; otherwise one call fails |
/// | stops answering on the listening connection | it is noticed after at most four timeouts |
///
/// A call that fails has changed nothing, or everything: if the answer is lost, nobody knows. It is not sent again. So a log-out that
/// fails may have worked, and a ticket whose answer is lost is used up.
///
/// # Announcements
/// Revocations reach other nodes by `NOTIFY`. A pooler that lends a connection for one transaction (PgBouncer, `pool_mode =
/// transaction`) cannot carry `LISTEN`: give the store an address behind it. A listener whose connection breaks goes back by
/// itself; announcements of that time are lost, and it learns that it may have missed some. What was written is not lost: a request,
/// a handshake and a new look-up find it.
///
/// # Time
/// Tickets and revocations end by the clock of the server, and failures count by it, and so alike for all nodes. Records end by the
/// [clock](Self::clock) of the node, and are kept ten minutes longer, as the contract allows.
///
/// # What has ended
/// counts as absent, except for those ten minutes. After every 64 additions of a node, a task removes up to 256 such rows of each
/// table. Several nodes do that at once without waiting for each other. In a service that adds little, call [`sweep`](Self::sweep)
/// from time to time.
///
/// # Limits
/// A value, and a message, has at most 64 KiB. The size of the tables has no limit but the disk.
///
/// # Security
/// Whoever can write the tables can make logins and undo revocations; whoever can read them sees the values of records. Keys are
/// hashes; they hide only names that an attacker cannot guess. Leave `synchronous_commit` on: without it, a crash undoes the last
/// changes, and an ended login is good again. After a failover to a replica that lags, the same is true. An old backup brings ended
/// logins and revoked tokens back: see the repository's `docs/stores.md`.
///
/// The URL must say whether to encrypt, unless Postgres is on this machine. `sslmode=verify-full` encrypts and checks certificate
/// and name. `require` and `verify-ca` check less: somebody in between could read and change everything.
#[derive(Clone)]
pub struct PostgresStore {
    address: PgConnectOptions,
    schema: Option<String>,
    timeout: Duration,
    max_connections: u32,
    clock: Arc<dyn Clock>,
    budget_clock: Option<Arc<dyn Clock>>,
    link: Arc<Link>,
    news: Arc<News>,
    turns: Arc<Turns>,
    additions: Arc<AtomicU32>,
}

impl PostgresStore {
    /// The database at this URL: `postgres://user:password@host:5432/database?sslmode=verify-full`. Further parameters are those of
    /// libpq: `sslrootcert`, `sslcert` and `sslkey` name files, `host` may be the folder of a Unix socket. What is missing comes from
    /// libpq's variables (`PGPASSWORD`, …) or from its password file. It does not connect yet.
    ///
    /// # Errors
    /// If the URL is invalid, if it does not say whether to encrypt the way to another machine, or if it asks for TLS without the
    /// feature `postgres-tls`. The error does not repeat the URL, since it may hold a password.
    pub fn connect(url: &str) -> Result<Self, ConfigError> {
        let address = address::read(url)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let link = Link::new(address::limited(address.clone(), TIMEOUT, None), MAX_CONNECTIONS, TIMEOUT);
        let news = News::new(Arc::clone(&link));
        Ok(Self {
            address,
            schema: None,
            timeout: TIMEOUT,
            max_connections: MAX_CONNECTIONS,
            clock,
            budget_clock: None,
            link,
            news,
            turns: Arc::new(Turns::new()),
            additions: Arc::default(),
        })
    }

    /// Sets the schema of the tables. It must exist. The default is the first one of the user's search path, `public` as a rule.
    /// Services that share a database but not their users need different schemas.
    ///
    /// # Errors
    /// If the name is not 1 to 50 small letters, digits and underscores.
    pub fn schema(self, name: &str) -> Result<Self, ConfigError> {
        let is_plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !is_plain || !(1..=50).contains(&name.len()) {
            return Err(ConfigError::new("the name of a schema must be 1 to 50 small letters, digits and underscores"));
        }
        Ok(Self { schema: Some(name.to_owned()), ..self }.connected())
    }

    /// Sets how long a call may take, including the time to connect and to wait for a connection. The default is 1 s; more
    /// than an hour counts as an hour. Postgres gets the same limit for each statement.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout: timeout.min(LONGEST_TIMEOUT), ..self }.connected()
    }

    /// Sets the most connections for calls of this node. The default is 10; at least 1. Listeners have one more. All nodes together
    /// must stay below Postgres's `max_connections`.
    #[must_use]
    pub fn max_connections(self, count: u32) -> Self {
        Self { max_connections: count.max(1), ..self }.connected()
    }

    /// Sets the clock for the lifetimes of [records](auth_store::Records) and for [counters](auth_store::Budgets) of failures. The
    /// default is the system's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// For tests: counts [failures](auth_store::Budgets) by this clock. The default is the time of Postgres, so that nodes whose clocks
    /// differ count alike.
    #[must_use]
    pub fn budget_clock(mut self, clock: impl Clock) -> Self {
        self.budget_clock = Some(Arc::new(clock));
        self
    }

    /// Sets up the tables, or brings them up to date, in one transaction. It does nothing if they are, so every node may call it when
    /// it starts; of several at once one does the work. The user must be allowed to make tables, unless there is nothing to do.
    /// Which versions are there is in the table `portcullis_migrations`.
    ///
    /// # Errors
    /// If the database is down, or if a newer version of this crate has changed the tables. Nothing has changed then.
    pub async fn migrate(&self) -> Result<(), SetupError> {
        let mut lent = self.link.lend_by(Instant::now() + SETUP_TIMEOUT).await?;
        let (connection, until) = lent.parts()?;
        let done = timeout_at(until, migrations::run(connection)).await;
        lent.settle(done)?.then_some(()).ok_or_else(SetupError::newer)
    }

    /// Checks that Postgres answers and has the tables.
    ///
    /// # Errors
    /// If it does not answer within the timeout, or has no tables.
    pub async fn ping(&self) -> Result<(), BoxError> {
        let mut lent = self.link.lend().await?;
        let (connection, until) = lent.parts()?;
        let ask = sqlx::query("SELECT version FROM portcullis_migrations LIMIT 1");
        let answer = timeout_at(until, ask.execute(connection)).await;
        lent.settle(answer)?;
        Ok(())
    }

    /// Removes up to `limit` rows of each table that have ended. Returns how many it has removed. It needs no call as long as the
    /// service adds tickets, records or revocations.
    ///
    /// # Errors
    /// If the store is down. Some rows may be gone.
    pub async fn sweep(&self, limit: u32) -> Result<u64, BoxError> {
        Ok(sweep::run(&self.link, self.clock.now(), self.budget_now(), limit).await?)
    }

    /// With connections of its own.
    fn connected(self) -> Self {
        let options = address::limited(self.address.clone(), self.timeout, self.schema.as_deref());
        let link = Link::new(options, self.max_connections, self.timeout);
        let news = News::new(Arc::clone(&link));
        Self { link, news, ..self }
    }

    fn budget_now(&self) -> Option<SystemTime> {
        self.budget_clock.as_ref().map(|clock| clock.now())
    }

    /// Counts an addition, and removes what has ended once in a while, beside the caller.
    fn count_addition(&self) {
        if self.additions.fetch_add(1, Ordering::Relaxed) % ADDITIONS_BETWEEN_SWEEPS == ADDITIONS_BETWEEN_SWEEPS - 1 {
            let (link, now, budgets) = (Arc::clone(&self.link), self.clock.now(), self.budget_now());
            tokio::spawn(async move {
                if let Err(failure) = sweep::run(&link, now, budgets, SWEPT_AT_ONCE).await {
                    tracing::debug!(%failure, "what has ended is not removed from the store yet");
                }
            });
        }
    }
}

impl fmt::Debug for PostgresStore {
    /// Omits the address, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("schema", &self.schema)
            .field("timeout", &self.timeout)
            .field("max_connections", &self.max_connections)
            .finish_non_exhaustive()
    }
}
