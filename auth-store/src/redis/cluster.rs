//! The servers of a cluster.
//!
//! The cluster client of the `redis` crate doesn't fit: it sends a command again on its own, also one that takes a value, and it
//! makes its TLS connections itself.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::select_ok;
use redis::{Cmd, FromRedisValue, Value, cmd};
use tokio::time::{Instant, timeout};

use super::{
    Failure,
    address::{Address, Place},
    link::{Link, Repeat},
    slots::{Map, slot},
};

/// How often a command may be sent on: once because the map is old, and some more while a slot moves.
const REDIRECTS: usize = 5;

/// How long to wait before the map is read again.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) struct Cluster {
    /// All servers have its user, password and encryption.
    first: Address,
    seeds: Vec<Address>,
    timeout: Duration,
    links: Mutex<HashMap<Place, Arc<Link>>>,
    map: Mutex<Option<Arc<Map>>>,
    /// Whether a server has said or shown that the map is old.
    is_stale: AtomicBool,
    /// Held while the map is read. When the last reading ended.
    reading: tokio::sync::Mutex<Option<Instant>>,
    next: AtomicUsize,
}

impl Cluster {
    pub(super) fn new(first: Address, others: Vec<Address>, timeout: Duration) -> Self {
        // Nodes begin with different servers.
        let next = AtomicUsize::new(usize::try_from(RandomState::new().hash_one(())).unwrap_or(0) / 2);
        let (links, map, reading) = (Mutex::default(), Mutex::default(), tokio::sync::Mutex::default());
        let seeds = [first.clone()].into_iter().chain(others).collect();
        Self { first, seeds, timeout, links, map, is_stale: AtomicBool::new(false), reading, next }
    }

    pub(super) async fn call<T: FromRedisValue>(&self, key: &str, cmd: &Cmd, repeat: Repeat) -> Result<T, Failure> {
        self.within(self.follow(slot(key), cmd, repeat)).await
    }

    pub(super) async fn call_any<T: FromRedisValue>(&self, cmd: &Cmd) -> Result<T, Failure> {
        self.within(self.try_any(cmd)).await
    }

    /// One of the servers, each time another.
    pub(super) fn next(&self) -> Arc<Link> {
        let servers = self.servers();
        let next = self.next.fetch_add(1, Ordering::Relaxed) % servers.len().max(1);
        servers.into_iter().nth(next).unwrap_or_else(|| Arc::new(Link::new(self.first.clone(), self.timeout)))
    }

    pub(super) async fn check_in_touch(&self, server: &Link) -> Result<(), Failure> {
        let mut info = cmd("CLUSTER");
        info.arg("INFO");
        match server.call::<String>(&info, Repeat::Harmless).await {
            Ok(info) if !info.contains("cluster_state:ok") => {
                Err(Failure::new("a server of Redis has lost touch with its cluster"))
            }
            // This Redis user may lack the permission.
            Err(failure) if !failure.is_answer() => Err(failure),
            _ => Ok(()),
        }
    }

    /// Twice as long as one server may take: so the link to a server that does not answer notices it first, and is replaced.
    async fn within<T>(&self, call: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        timeout(self.timeout * 2, call).await.unwrap_or_else(|_| {
            self.is_stale.store(true, Ordering::Relaxed);
            Err(Failure::timeout())
        })
    }

    /// Sends a command to the server of its slot, and on to where that points. A server that points elsewhere has not processed
    /// the command.
    async fn follow<T: FromRedisValue>(&self, slot: u16, cmd: &Cmd, repeat: Repeat) -> Result<T, Failure> {
        let map = self.map().await?;
        let (host, port) = map.find(slot).ok_or_else(|| {
            self.is_stale.store(true, Ordering::Relaxed);
            Failure::new("no server of the cluster has the slot of the key")
        })?;
        let (mut link, mut is_asking) = (self.link(host, port), false);
        for _ in 0..REDIRECTS {
            let answer = match is_asking {
                true => link.call_asking(cmd, repeat).await,
                false => link.call(cmd, repeat).await,
            };
            let failure = match answer {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            if failure.suggests_a_change() {
                self.is_stale.store(true, Ordering::Relaxed);
            }
            let Some(redirect) = &failure.redirect else { return Err(failure) };
            let host = if redirect.host.is_empty() { link.address().host().unwrap_or("") } else { &redirect.host };
            is_asking = redirect.is_asking;
            link = self.link(host, redirect.port);
        }
        Err(Failure::new("the servers of the cluster disagree about who has the key"))
    }

    async fn try_any<T: FromRedisValue>(&self, cmd: &Cmd) -> Result<T, Failure> {
        // It fails if the cluster does.
        self.map().await?;
        let servers = self.servers();
        let first = self.next.load(Ordering::Relaxed);
        let mut last = Failure::new("the cluster has no server");
        for step in 0..servers.len() {
            let Some(link) = servers.get(first.wrapping_add(step) % servers.len()) else { break };
            match link.call(cmd, Repeat::Harmless).await {
                Err(failure) if !failure.is_answer() => {
                    self.is_stale.store(true, Ordering::Relaxed);
                    self.next.fetch_add(1, Ordering::Relaxed);
                    last = failure;
                }
                result => return result,
            }
        }
        Err(last)
    }

    /// The map. If it is old, one call reads it again, and the others go on with the old one meanwhile.
    async fn map(&self) -> Result<Arc<Map>, Failure> {
        let Some(known) = self.known() else {
            let reading = self.reading.lock().await;
            return match self.known() {
                Some(map) => Ok(map),
                None => self.read(reading).await,
            };
        };
        if self.is_stale.load(Ordering::Relaxed)
            && let Ok(reading) = self.reading.try_lock()
            && let Ok(map) = self.read(reading).await
        {
            return Ok(map);
        }
        Ok(known)
    }

    /// Asks all servers for the map, and takes the first that comes from one in touch with the cluster.
    async fn read(&self, mut last: tokio::sync::MutexGuard<'_, Option<Instant>>) -> Result<Arc<Map>, Failure> {
        if last.is_some_and(|last| last.elapsed() < PAUSE) {
            return Err(Failure::new("the cluster was unreachable a moment ago"));
        }
        let servers = self.servers();
        let read = select_ok(servers.iter().map(|server| Box::pin(self.ask_for_map(server)))).await;
        *last = Some(Instant::now());
        let (map, _) = read?;
        let map = Arc::new(map);
        self.is_stale.store(false, Ordering::Relaxed);
        *self.map.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&map));
        let servers = self.servers();
        self.links().retain(|_, link| servers.iter().any(|server| Arc::ptr_eq(server, link)));
        Ok(map)
    }

    async fn ask_for_map(&self, server: &Link) -> Result<Map, Failure> {
        self.check_in_touch(server).await?;
        let mut slots = cmd("CLUSTER");
        slots.arg("SLOTS");
        let answer = server.call::<Value>(&slots, Repeat::Harmless).await.map_err(|failure| match failure.code() {
            Some("ERR") => Failure::new("the server is not part of a cluster"),
            _ => failure,
        })?;
        let map = Map::read(answer, server.address().host().unwrap_or(""));
        map.ok_or_else(|| Failure::new("the map of the cluster cannot be read"))
    }

    fn known(&self) -> Option<Arc<Map>> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The servers of the map, and then those of the URLs, each once.
    fn servers(&self) -> Vec<Arc<Link>> {
        let map = self.known().unwrap_or_default();
        let mut servers: Vec<Arc<Link>> = Vec::new();
        let known = map.servers().map(|(host, port)| self.link(host, port));
        for link in known.chain(self.seeds.iter().map(|seed| self.link_to(seed))) {
            if !servers.iter().any(|other| Arc::ptr_eq(other, &link)) {
                servers.push(link);
            }
        }
        servers
    }

    fn link(&self, host: &str, port: u16) -> Arc<Link> {
        self.link_to(&self.first.at(host, port))
    }

    fn link_to(&self, address: &Address) -> Arc<Link> {
        let new = || Arc::new(Link::new(address.clone(), self.timeout));
        Arc::clone(self.links().entry(address.place().clone()).or_insert_with(new))
    }

    fn links(&self) -> MutexGuard<'_, HashMap<Place, Arc<Link>>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
