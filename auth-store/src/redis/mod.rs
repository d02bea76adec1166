//! The store in Redis.

mod failure;
mod link;
mod news;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use auth_core::{BoxError, ConfigError};
use redis::{Client, Cmd, cmd};

use self::{
    failure::Failure,
    link::{Link, Repeat},
    news::News,
};
use crate::{Store, Subscription, Unavailable};

/// How long a call may take.
const TIMEOUT: Duration = Duration::from_secs(1);

/// What keeps our keys apart from those of others.
const PREFIX: &str = "auth:";

/// A lifetime that Redis would take for too long, and that is as good as for ever: a hundred years.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Raises a mark, in one step. Marks are 20 digits each, so that they compare as texts: a number of Lua has no 64 bits.
/// Of two lifetimes the longer one counts; 0 ms is for ever.
const RAISE: &str = "
local old, left = redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])
local value, ttl = ARGV[1], tonumber(ARGV[2])
if old and old > value then value = old end
if ttl == 0 or left == -1 then return redis.call('SET', KEYS[1], value) end
return redis.call('SET', KEYS[1], value, 'PX', math.max(ttl, left))
";

/// The store of a service that runs on several nodes, in one Redis of version 6.2 or later, or in Valkey.
///
/// Clones share the connections: one for all calls, and one to listen. Each is made when it is first needed and made anew
/// when it is lost, so that a service starts without Redis and finds it when it comes; [`ping`](Self::ping) tells a
/// readiness check. It has to be used within a tokio runtime.
///
/// | When Redis | then |
/// |---|---|
/// | refuses the connection, or a command | a call is an error at once |
/// | does not answer | a call is an error after the [timeout](Self::timeout), 1 s |
/// | is back | the next call finds it; who listens does within 2 s, and hears that it has [missed](crate::SubscriptionEvent::Missed) something |
/// | has closed the idle connection (`timeout`, `CLIENT KILL`, a proxy) | no call notices it |
/// | closes the connection before it has answered | see below |
/// | does not answer to who listens | it is noticed after four timeouts at the latest |
///
/// # A lost answer
/// When the connection is lost between a command and its answer, nobody knows whether Redis has processed the command. The
/// same command is then sent once more, on a new connection and within the same timeout, if processing it twice is
/// harmless.
///
/// | Call | Command | Sent again? | Because |
/// |---|---|---|---|
/// | [`put`](Store::put) | `SET` | yes | same key, same value, and nobody gets the ticket before the answer |
/// | [`take`](Store::take) | `GETDEL` | no, it is an error | the first may have taken the value; the second would call a good ticket unknown |
/// | [`raise`](Store::raise) | `EVAL` | yes | a mark only rises, and its lifetime only grows |
/// | [`marks`](Store::marks) | `MGET` | yes | it only reads |
/// | [`publish`](Store::publish) | `PUBLISH` | yes | listeners may hear the same revocation twice |
/// | [`ping`](Self::ping) | `PING` | yes | it changes nothing |
///
/// A `PING` goes before each `GETDEL`. It finds a connection that was closed while it was idle, so that `GETDEL` is sent on
/// a connection that has just answered. It costs one round trip for each ticket that is taken.
///
/// # Security
/// Redis has to keep what it is told. A revocation that it forgets lets a revoked token in again: turn persistence on
/// (`appendonly yes`), set `maxmemory-policy noeviction`, and know that a replica which takes over may lack what was
/// written last. Whoever may write to it may close sockets and make tickets; whoever may read it sees who was given a
/// ticket in the last seconds. Keys are hashes, which hide names only from those who cannot guess them.
#[derive(Clone)]
pub struct RedisStore {
    client: Client,
    prefix: String,
    timeout: Duration,
    link: Arc<Link>,
    news: Arc<News>,
}

impl RedisStore {
    /// The Redis at this URL: `redis://[user[:password]@]host[:port][/database]`. Nothing is connected yet.
    ///
    /// # Errors
    /// If the URL cannot be read. What is wrong is not repeated, since it may hold a password.
    pub fn new(url: &str) -> Result<Self, ConfigError> {
        let client = Client::open(url).map_err(|_| {
            ConfigError::new(
                "the URL of Redis cannot be used: write `redis://host:6379/0`, with `user:password@` before the host if \
                 it wants them; TLS (`rediss:`) is not built in",
            )
        })?;
        Ok(Self::build(client, PREFIX.to_owned(), TIMEOUT))
    }

    /// What keys and the channel begin with; the default is `auth:`. Services that share a Redis and not their users need
    /// one each.
    #[must_use]
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        Self::build(self.client, prefix.into(), self.timeout)
    }

    /// How long a call may take, connecting included; the default is 1 s. A request waits at most as long for each call.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self::build(self.client, self.prefix, timeout)
    }

    /// Whether Redis answers.
    ///
    /// # Errors
    /// If it does not, within the timeout.
    pub async fn ping(&self) -> Result<(), Unavailable> {
        let pong: Result<String, _> = self.link.call(&cmd("PING"), Repeat::Harmless).await;
        pong.map(drop).map_err(|failure| Unavailable::because(failure.into()))
    }

    fn build(client: Client, prefix: String, timeout: Duration) -> Self {
        let link = Arc::new(Link::new(client.clone(), timeout));
        let news = Arc::new(News::new(client.clone(), channel(&prefix), timeout));
        Self { client, prefix, timeout, link, news }
    }

    /// A command about a key.
    fn about(&self, command: &'static str, key: &str) -> Cmd {
        let mut cmd = cmd(command);
        cmd.arg(self.full(key));
        cmd
    }

    fn full(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }
}

fn channel(prefix: &str) -> String {
    format!("{prefix}news")
}

/// Whole milliseconds, and at least one.
fn millis(ttl: Duration) -> u64 {
    let millis = ttl.min(LONGEST).as_nanos().div_ceil(1_000_000);
    u64::try_from(millis).unwrap_or(u64::MAX).max(1)
}

#[async_trait]
impl Store for RedisStore {
    async fn put(&self, key: &str, value: &[u8], ttl: Duration) -> Result<(), BoxError> {
        let mut set = self.about("SET", key);
        set.arg(value).arg("PX").arg(millis(ttl));
        Ok(self.link.call(&set, Repeat::Harmless).await?)
    }

    async fn take(&self, key: &str) -> Result<Option<Vec<u8>>, BoxError> {
        // The first may have taken the value, and the second would say of a good ticket that there is none.
        Ok(self.link.call(&self.about("GETDEL", key), Repeat::Never).await?)
    }

    async fn raise(&self, key: &str, value: u64, ttl: Option<Duration>) -> Result<(), BoxError> {
        let ttl = ttl.filter(|ttl| *ttl < LONGEST).map_or(0, millis);
        let mut eval = cmd("EVAL");
        eval.arg(RAISE).arg(1).arg(self.full(key)).arg(format!("{value:020}")).arg(ttl);
        Ok(self.link.call(&eval, Repeat::Harmless).await?)
    }

    async fn marks(&self, keys: &[String]) -> Result<Vec<Option<u64>>, BoxError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut mget = cmd("MGET");
        mget.arg(keys.iter().map(|key| self.full(key)).collect::<Vec<_>>());
        let marks: Vec<Option<String>> = self.link.call(&mget, Repeat::Harmless).await?;
        let number = |mark: String| mark.parse().map_err(|_| "what Redis has under the key is no mark".into());
        marks.into_iter().map(|mark| mark.map(number).transpose()).collect()
    }

    async fn publish(&self, message: &[u8]) -> Result<(), BoxError> {
        let mut publish = cmd("PUBLISH");
        publish.arg(channel(&self.prefix)).arg(message);
        Ok(self.link.call(&publish, Repeat::Harmless).await?)
    }

    async fn subscribe(&self) -> Box<dyn Subscription> {
        News::subscribe(&self.news).await
    }
}

impl fmt::Debug for RedisStore {
    /// Leaves the URL out, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
