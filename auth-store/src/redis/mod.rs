//! The store in Redis.

mod address;
mod budgets;
mod cluster;
mod failure;
mod fields;
mod link;
mod news;
mod records;
mod scripts;
mod servers;
mod slots;
mod stream;
#[cfg(feature = "redis-tls")]
mod tls;
#[cfg(not(feature = "redis-tls"))]
#[path = "no_tls.rs"]
mod tls;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use auth_core::{BoxError, Clock, ConfigError, SystemClock};
use futures_util::future::try_join_all;
use redis::cmd;

#[cfg(feature = "redis-tls")]
pub use self::tls::RedisTls;
use self::{
    address::{Addresses, Parsed},
    failure::Failure,
    link::Repeat,
    news::News,
    servers::Servers,
    tls::Encryption,
};
use crate::{Store, Subscription, Unavailable};

/// How long a call may take.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The default prefix of keys and channel.
const PREFIX: &str = "auth:";

/// A hundred years. Redis rejects lifetimes that are too long, so longer ones count as forever.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// A store for a service with several nodes, in Redis of version 6.2 or later or in Valkey: one server, or a
/// [cluster](Self::cluster). Over TLS with the feature `redis-tls`.
///
/// Clones share the connections: for each server one for all calls, and one in all for listeners. Each is opened when it is first
/// needed, and again when it is lost. So a service starts without Redis and finds it later; use [`ping`](Self::ping) in a
/// readiness check. It needs a tokio runtime.
///
/// | When Redis | Then |
/// |---|---|
/// | refuses the connection, or a command | a call fails at once |
/// | does not answer | a call fails after the [timeout](Self::timeout), 1 s; in a cluster after twice that at most |
/// | is back | the next call finds it; listeners find it within 2 s, and learn that they may have [missed](crate::SubscriptionEvent::Missed) something |
/// | has closed the idle connection (`timeout`, `CLIENT KILL`, a proxy) | calls do not notice |
/// | closes the connection before it has answered | see below |
/// | stops answering on the listening connection | it is noticed after at most four timeouts |
///
/// # In a cluster
/// Every command has one key. It goes to the server that has the key, and follows it when its slot moves. While a server is down,
/// calls about its keys fail until a replica has taken over; the others work. Messages may be published and heard at any server. A
/// listener whose server loses touch with the cluster goes to another one, and learns that it may have missed something. Redis
/// notices that after `cluster-node-timeout`. Announcements over a shorter break between servers are lost. What was written is
/// not: a request, a handshake and a new look-up find the revocation.
///
/// # A lost answer
/// If the connection is lost between a command and its answer, it is unknown whether Redis has processed the command. If
/// processing it twice is harmless, it is sent once more, on a new connection and within the same timeout.
///
/// | Call | Command | Sent again? | Because |
/// |---|---|---|---|
/// | [`put`](Store::put) | `SET` | yes | same key, same value; the client gets the ticket only after the answer |
/// | [`take`](Store::take) | `GETDEL` | no, it fails | the first may have taken the value; the second would report a good ticket as unknown |
/// | [`raise`](Store::raise), [`end_owned`](crate::Records::end_owned) | `EVAL` | yes | a mark only rises, and its lifetime only grows |
/// | [`marks`](Store::marks) | `MGET`; in a cluster `GET` | yes | it only reads |
/// | [`publish`](Store::publish) | `PUBLISH` | yes | listeners may receive the same revocation twice |
/// | [`ping`](Self::ping) | `PING` | yes | it changes nothing |
/// | [`create`](crate::Records::create) | `EVAL` | yes | the record names the call that created it, so the second try recognizes its own |
/// | [`load`](crate::Records::load), [`owned`](crate::Records::owned), [`indexed`](crate::Records::indexed) | `HMGET`, `GET`, `EVAL` | yes | they only read, and remove what has ended |
/// | [`touch`](crate::Records::touch) | `EVAL` | yes | use and end move only to later |
/// | [`save`](crate::Records::save) | `EVAL` | yes | the record names the call that saved it last, so the second try reports the same version. If somebody else has saved in between, it reports a conflict: the record that is loaded then may hold the change already |
/// | [`end`](crate::Records::end) | `EVAL` | yes | the record is gone in any case. The second try may report that there was none |
/// | [`Budgets::take`](crate::Budgets::take) | `EVAL` | yes | at worst it costs a second place, which becomes a failure; nobody gets one more guess |
/// | [`settle`](crate::Budgets::settle) | `EVAL` | no, it fails | twice, it would give back the place of another attempt |
///
/// A `PING` precedes each `GETDEL` and each `settle`. It replaces a connection that was closed while idle, so that they are sent on a
/// connection that has just answered. It costs one round trip.
///
/// # Records
/// A record is a hash; each owner and each index has a list of its own, and each owner a mark. To load costs two round trips if
/// there is an owner, to create two, to touch two or three, to save three to five. A record is kept ten minutes longer than until
/// its end, by the clock of the node that writes it.
///
/// # Budgets
/// Each [counter of failures](crate::Budgets) is one key, which ends by itself when all has come back. Time is that of Redis, so the
/// clocks of nodes don't matter. After a failover it is that of the replica: keep the clocks of the servers within some seconds. The
/// number of counters is bounded by time alone: somebody with many addresses can fill a Redis, which then refuses with 503.
///
/// # Security
/// Redis must not lose data. If it forgets a revocation, a revoked token is good again. Turn on persistence
/// (`appendonly yes`) and set `maxmemory-policy noeviction`. After a failover, the replica may lack the last writes: a
/// revocation, or the end of a login. Anyone who may write to this Redis can close sockets, make tickets and make logins. Anyone
/// who may read it sees who got a ticket in the last seconds, and the values of records. Keys are hashes; they hide only names
/// that an attacker cannot guess. Without TLS, everybody on the way can read and change all that, and read the password.
#[derive(Clone)]
pub struct RedisStore {
    addresses: Addresses,
    prefix: String,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    budget_clock: Option<Arc<dyn Clock>>,
    servers: Arc<Servers>,
    news: Arc<News>,
}

impl RedisStore {
    /// The Redis at this URL: `redis://[user[:password]@]host[:port][/database]`, or the same with `rediss` for TLS (feature
    /// `redis-tls`). It does not connect yet.
    ///
    /// # Errors
    /// If the URL is invalid, or if it asks for TLS and the machine trusts no certificates. The error does not repeat the URL,
    /// since it may hold a password.
    pub fn new(url: &str) -> Result<Self, ConfigError> {
        Self::one(Parsed::url(url)?, Encryption::usual)
    }

    /// The cluster that these servers belong to. One is enough if it is up when the service starts; name three. It finds the
    /// others, and follows keys that move.
    ///
    /// All servers have the user, the password and the encryption of the first URL. It does not connect yet. The address that
    /// each server announces must be reachable from here.
    ///
    /// # Errors
    /// As of [`new`](Self::new), and if there is no URL, if a URL is that of a Unix socket, if one names a database other than 0,
    /// or if only some ask for TLS.
    pub fn cluster<'a>(urls: impl IntoIterator<Item = &'a str>) -> Result<Self, ConfigError> {
        Self::several(urls, Encryption::usual)
    }

    /// As [`new`](Self::new), with your own certificates. The URL begins with `rediss`.
    ///
    /// # Errors
    /// If the URL is invalid, or does not ask for TLS.
    #[cfg(feature = "redis-tls")]
    pub fn with_tls(url: &str, tls: &RedisTls) -> Result<Self, ConfigError> {
        let parsed = Parsed::url(url)?.must_be_encrypted()?;
        Self::one(parsed, || Ok(Encryption::from(tls)))
    }

    /// As [`cluster`](Self::cluster), with your own certificates. The URLs begin with `rediss`.
    ///
    /// # Errors
    /// As of [`cluster`](Self::cluster), and if a URL does not ask for TLS.
    #[cfg(feature = "redis-tls")]
    pub fn cluster_with_tls<'a>(urls: impl IntoIterator<Item = &'a str>, tls: &RedisTls) -> Result<Self, ConfigError> {
        let urls = urls.into_iter().collect::<Vec<_>>();
        for url in &urls {
            Parsed::url(url)?.must_be_encrypted()?;
        }
        Self::several(urls, || Ok(Encryption::from(tls)))
    }

    /// Sets the prefix of keys and channel. The default is `auth:`. Services that share a Redis but not their users need
    /// different prefixes.
    #[must_use]
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), ..self }.connected()
    }

    /// Sets how long a command may take, including the time to connect. The default is 1 s. A call is one command, or a few about
    /// a record. It ends with the first that fails.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }.connected()
    }

    /// Sets the clock for the lifetimes of [records](crate::Records). The default is the system's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// For tests: counts [failures](crate::Budgets) by this clock. The default is the time of Redis, so that nodes whose clocks differ
    /// count alike.
    #[must_use]
    pub fn budget_clock(mut self, clock: impl Clock) -> Self {
        self.budget_clock = Some(Arc::new(clock));
        self
    }

    /// Checks that Redis answers. In a cluster: that it works, and that a server of it answers.
    ///
    /// # Errors
    /// If it does not answer within the timeout.
    pub async fn ping(&self) -> Result<(), Unavailable> {
        let pong: Result<String, _> = self.servers.call_any(&cmd("PING")).await;
        pong.map(drop).map_err(|failure| Unavailable::because(failure.into()))
    }

    fn one(parsed: Parsed, encryption: impl FnOnce() -> Result<Encryption, ConfigError>) -> Result<Self, ConfigError> {
        let address = if parsed.is_encrypted { parsed.encrypted(encryption()?)? } else { parsed.plain() };
        Ok(Self::build(Addresses::One(address)))
    }

    fn several<'a>(
        urls: impl IntoIterator<Item = &'a str>,
        encryption: impl FnOnce() -> Result<Encryption, ConfigError>,
    ) -> Result<Self, ConfigError> {
        let servers = urls.into_iter().map(Parsed::url).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::build(Addresses::of_cluster(servers, encryption)?))
    }

    fn build(addresses: Addresses) -> Self {
        let (clock, timeout, prefix) = (Arc::new(SystemClock), TIMEOUT, PREFIX.to_owned());
        let servers = Arc::new(Servers::new(&addresses, timeout));
        let news = Arc::new(News::new(Arc::clone(&servers), channel(&prefix), timeout));
        Self { addresses, prefix, timeout, clock, budget_clock: None, servers, news }
    }

    /// With connections of its own.
    fn connected(self) -> Self {
        let servers = Arc::new(Servers::new(&self.addresses, self.timeout));
        let news = Arc::new(News::new(Arc::clone(&servers), channel(&self.prefix), self.timeout));
        Self { servers, news, ..self }
    }

    /// Raises the mark under the full name of a key.
    async fn raise_to(&self, name: &str, value: u64, ttl: Option<Duration>) -> Result<(), Failure> {
        let ttl = ttl.filter(|ttl| *ttl < LONGEST).map_or(0, millis);
        let mut eval = cmd("EVAL");
        eval.arg(scripts::RAISE).arg(1).arg(name).arg(format!("{value:020}")).arg(ttl);
        self.servers.call(name, &eval, Repeat::Harmless).await
    }

    async fn read_mark(&self, name: &str) -> Result<Option<u64>, BoxError> {
        let mut get = cmd("GET");
        get.arg(name);
        read_mark(self.servers.call(name, &get, Repeat::Harmless).await?)
    }

    fn full(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }
}

fn read_mark(mark: Option<String>) -> Result<Option<u64>, BoxError> {
    let number = |mark: String| mark.parse().map_err(|_| "the value under the key in Redis is not a mark".into());
    mark.map(number).transpose()
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
        let (name, mut set) = (self.full(key), cmd("SET"));
        set.arg(&name).arg(value).arg("PX").arg(millis(ttl));
        Ok(self.servers.call(&name, &set, Repeat::Harmless).await?)
    }

    async fn take(&self, key: &str) -> Result<Option<Vec<u8>>, BoxError> {
        let (name, mut take) = (self.full(key), cmd("GETDEL"));
        take.arg(&name);
        // The first may have taken the value; the second would report a good ticket as unknown.
        Ok(self.servers.call(&name, &take, Repeat::Never).await?)
    }

    async fn raise(&self, key: &str, value: u64, ttl: Option<Duration>) -> Result<(), BoxError> {
        Ok(self.raise_to(&self.full(key), value, ttl).await?)
    }

    async fn marks(&self, keys: &[String]) -> Result<Vec<Option<u64>>, BoxError> {
        let names = keys.iter().map(|key| self.full(key)).collect::<Vec<_>>();
        let Some(first) = names.first() else { return Ok(Vec::new()) };
        if self.addresses.are_a_cluster() {
            // The keys are on several servers.
            return try_join_all(names.iter().map(|name| self.read_mark(name))).await;
        }
        let mut mget = cmd("MGET");
        mget.arg(&names);
        let marks: Vec<Option<String>> = self.servers.call(first, &mget, Repeat::Harmless).await?;
        marks.into_iter().map(read_mark).collect()
    }

    async fn publish(&self, message: &[u8]) -> Result<(), BoxError> {
        let mut publish = cmd("PUBLISH");
        publish.arg(channel(&self.prefix)).arg(message);
        Ok(self.servers.call_any(&publish).await?)
    }

    async fn subscribe(&self) -> Box<dyn Subscription> {
        News::subscribe(&self.news).await
    }
}

impl fmt::Debug for RedisStore {
    /// Omits the URL, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("is_cluster", &self.addresses.are_a_cluster())
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
