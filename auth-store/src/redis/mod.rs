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

/// The default prefix of keys and channel.
const PREFIX: &str = "auth:";

/// A hundred years. Redis rejects lifetimes that are too long, so longer ones count as forever.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Raises a mark atomically. Each mark has 20 digits, so that marks compare as texts: Lua's numbers don't hold 64 bits. The
/// longer of two lifetimes counts; 0 ms means forever.
const RAISE: &str = "
local old, left = redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])
local value, ttl = ARGV[1], tonumber(ARGV[2])
if old and old > value then value = old end
if ttl == 0 or left == -1 then return redis.call('SET', KEYS[1], value) end
return redis.call('SET', KEYS[1], value, 'PX', math.max(ttl, left))
";

/// A store for a service with several nodes, in one Redis of version 6.2 or later, or in Valkey.
///
/// Clones share the connections: one for all calls, and one for listeners. Each is opened when it is first needed, and again
/// when it is lost. So a service starts without Redis and finds it later; use [`ping`](Self::ping) in a readiness check. It
/// needs a tokio runtime.
///
/// | When Redis | Then |
/// |---|---|
/// | refuses the connection, or a command | a call fails at once |
/// | does not answer | a call fails after the [timeout](Self::timeout), 1 s |
/// | is back | the next call finds it; listeners find it within 2 s, and learn that they may have [missed](crate::SubscriptionEvent::Missed) something |
/// | has closed the idle connection (`timeout`, `CLIENT KILL`, a proxy) | calls do not notice |
/// | closes the connection before it has answered | see below |
/// | stops answering on the listening connection | it is noticed after at most four timeouts |
///
/// # A lost answer
/// If the connection is lost between a command and its answer, it is unknown whether Redis has processed the command. If
/// processing it twice is harmless, it is sent once more, on a new connection and within the same timeout.
///
/// | Call | Command | Sent again? | Because |
/// |---|---|---|---|
/// | [`put`](Store::put) | `SET` | yes | same key, same value; the client gets the ticket only after the answer |
/// | [`take`](Store::take) | `GETDEL` | no, it fails | the first may have taken the value; the second would report a good ticket as unknown |
/// | [`raise`](Store::raise) | `EVAL` | yes | a mark only rises, and its lifetime only grows |
/// | [`marks`](Store::marks) | `MGET` | yes | it only reads |
/// | [`publish`](Store::publish) | `PUBLISH` | yes | listeners may receive the same revocation twice |
/// | [`ping`](Self::ping) | `PING` | yes | it changes nothing |
///
/// A `PING` precedes each `GETDEL`. It replaces a connection that was closed while idle, so that `GETDEL` is sent on a
/// connection that has just answered. It costs one round trip per ticket.
///
/// # Security
/// Redis must not lose data. If it forgets a revocation, a revoked token is good again. Turn on persistence
/// (`appendonly yes`) and set `maxmemory-policy noeviction`. After a failover, the replica may lack the last writes. Anyone
/// who may write to this Redis can close sockets and make tickets. Anyone who may read it sees who got a ticket in the last
/// seconds. Keys are hashes; they hide only names that an attacker cannot guess.
#[derive(Clone)]
pub struct RedisStore {
    client: Client,
    prefix: String,
    timeout: Duration,
    link: Arc<Link>,
    news: Arc<News>,
}

impl RedisStore {
    /// The Redis at this URL: `redis://[user[:password]@]host[:port][/database]`. It does not connect yet.
    ///
    /// # Errors
    /// If the URL is invalid. The error does not repeat it, since it may hold a password.
    pub fn new(url: &str) -> Result<Self, ConfigError> {
        let client = Client::open(url).map_err(|_| {
            ConfigError::new(
                "the URL of Redis cannot be used: write `redis://host:6379/0`, with `user:password@` before the host if \
                 it wants them; TLS (`rediss:`) is not built in",
            )
        })?;
        Ok(Self::build(client, PREFIX.to_owned(), TIMEOUT))
    }

    /// Sets the prefix of keys and channel. The default is `auth:`. Services that share a Redis but not their users need
    /// different prefixes.
    #[must_use]
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        Self::build(self.client, prefix.into(), self.timeout)
    }

    /// Sets how long a call may take, including the time to connect. The default is 1 s. A request waits at most this long for
    /// each call.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self::build(self.client, self.prefix, timeout)
    }

    /// Checks that Redis answers.
    ///
    /// # Errors
    /// If it does not answer within the timeout.
    pub async fn ping(&self) -> Result<(), Unavailable> {
        let pong: Result<String, _> = self.link.call(&cmd("PING"), Repeat::Harmless).await;
        pong.map(drop).map_err(|failure| Unavailable::because(failure.into()))
    }

    fn build(client: Client, prefix: String, timeout: Duration) -> Self {
        let link = Arc::new(Link::new(client.clone(), timeout));
        let news = Arc::new(News::new(client.clone(), channel(&prefix), timeout));
        Self { client, prefix, timeout, link, news }
    }

    /// A command with a key.
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

/// Whole milliseconds, at least one.
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
        // The first may have taken the value; the second would report a good ticket as unknown.
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
        let number = |mark: String| mark.parse().map_err(|_| "the value under the key in Redis is not a mark".into());
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
    /// Omits the URL, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
