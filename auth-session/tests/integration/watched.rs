//! A store that fails on demand.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use auth_core::{BoxError, ManualClock};
use auth_session::async_trait;
use auth_store::{MemoryStore, Record, RecordKey, Records, Saved, SavedEnd, Store, Subscription};

/// A memory store that counts its calls, fails where a test says so, and keeps the text of all that it was given.
#[derive(Clone)]
pub(crate) struct Watched {
    inner: MemoryStore,
    clock: ManualClock,
    /// Whether it answers at once, unless it fails or something happens before.
    at_once: bool,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    calls: BTreeMap<&'static str, usize>,
    waited: usize,
    broken: HashSet<&'static str>,
    /// What is done, and fails all the same.
    lost: HashSet<&'static str>,
    told: String,
    /// What happens before the next such call.
    before: HashMap<&'static str, Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// Set while calls take turns.
    random: Option<Random>,
}

/// Numbers that look random, and are the same at each run.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }
}

impl Watched {
    pub(crate) fn new(clock: &ManualClock, at_once: bool) -> Self {
        let inner = MemoryStore::new().clock(clock.clone());
        Self { inner, clock: clock.clone(), at_once, state: Arc::default() }
    }

    /// From now on, these calls fail.
    pub(crate) fn break_calls(&self, calls: &[&'static str]) {
        self.state.lock().unwrap().broken.extend(calls);
    }

    /// From now on, these calls are done, and their answers are lost.
    pub(crate) fn lose_answers(&self, calls: &[&'static str]) {
        self.state.lock().unwrap().lost.extend(calls);
    }

    /// What another request does just before the next call of this name.
    pub(crate) fn before(&self, call: &'static str, other: impl Future<Output = ()> + Send + 'static) {
        self.state.lock().unwrap().before.insert(call, Box::pin(other));
    }

    /// From now on, nothing happens before a call.
    pub(crate) fn stop_meanwhile(&self) {
        self.state.lock().unwrap().before.clear();
    }

    async fn meanwhile(&self, call: &'static str) {
        let other = self.state.lock().unwrap().before.remove(call);
        if let Some(other) = other {
            other.await;
        }
    }

    /// From now on, each call lets others go first a few times, and takes a microsecond.
    pub(crate) fn take_turns(&self, seed: u64) {
        self.state.lock().unwrap().random = Some(Random::new(seed));
    }

    /// From now on, calls take no turns and no time.
    pub(crate) fn take_no_turns(&self) {
        self.state.lock().unwrap().random = None;
    }

    /// Every call works again.
    pub(crate) fn mend(&self) {
        let mut state = self.state.lock().unwrap();
        state.broken.clear();
        state.lost.clear();
    }

    /// The calls since the last time.
    pub(crate) fn calls(&self) -> BTreeMap<&'static str, usize> {
        std::mem::take(&mut self.state.lock().unwrap().calls)
    }

    /// How many calls were futures, since the last time.
    pub(crate) fn waited(&self) -> usize {
        std::mem::take(&mut self.state.lock().unwrap().waited)
    }

    /// Keys and values that it was given.
    pub(crate) fn told(&self) -> String {
        self.state.lock().unwrap().told.clone()
    }

    async fn call(&self, name: &'static str, what: &str) -> Result<(), BoxError> {
        let turns = self.state.lock().unwrap().random.as_mut().map(|random| random.below(6));
        if let Some(turns) = turns {
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
            self.clock.advance(Duration::from_micros(1));
        }
        let mut state = self.state.lock().unwrap();
        *state.calls.entry(name).or_default() += 1;
        state.waited += 1;
        state.told += &format!("{name} {what}\n");
        if state.broken.contains(name) { Err(format!("{name} is broken").into()) } else { Ok(()) }
    }

    /// What the store says at once to this call. While calls take turns, it says nothing to half of them.
    fn answer_at_once<T>(&self, name: &'static str, what: &str, answer: impl FnOnce() -> Option<T>) -> Option<T> {
        let mut state = self.state.lock().unwrap();
        let waits = state.broken.contains(name) || state.before.contains_key(name);
        if !self.at_once || waits || state.random.as_mut().is_some_and(|random| random.below(2) == 0) {
            return None;
        }
        let answer = answer()?;
        *state.calls.entry(name).or_default() += 1;
        state.told += &format!("{name} {what}\n");
        Some(answer)
    }

    async fn call_with(&self, name: &'static str, record: &Record) -> Result<(), BoxError> {
        self.call(name, &format!("{record:?} {:?} {}", record.owner, String::from_utf8_lossy(&record.value))).await
    }
}

#[async_trait]
impl Records for Watched {
    async fn create(&self, record: &Record) -> Result<bool, BoxError> {
        self.call_with("create", record).await?;
        self.inner.create(record).await
    }

    async fn load(&self, key: &RecordKey) -> Result<Option<Record>, BoxError> {
        self.call("load", key.as_str()).await?;
        self.inner.load(key).await
    }

    fn load_at_once(&self, key: &RecordKey) -> Option<Option<Arc<Record>>> {
        self.answer_at_once("load", key.as_str(), || self.inner.load_at_once(key))
    }

    async fn touch(&self, key: &RecordKey, used_at: SystemTime, ends_at: SystemTime) -> Result<bool, BoxError> {
        self.call("touch", key.as_str()).await?;
        self.inner.touch(key, used_at, ends_at).await
    }

    async fn save(&self, record: &Record, end: SavedEnd) -> Result<Saved, BoxError> {
        self.meanwhile("save").await;
        self.call_with("save", record).await?;
        let saved = self.inner.save(record, end).await;
        let is_lost = self.state.lock().unwrap().lost.contains("save");
        if is_lost { Err("the answer was lost".into()) } else { saved }
    }

    async fn end(&self, key: &RecordKey) -> Result<bool, BoxError> {
        self.meanwhile("end").await;
        self.call("end", key.as_str()).await?;
        self.inner.end(key).await
    }

    async fn end_owned(&self, owner: &RecordKey, until: SystemTime, keep_until: SystemTime) -> Result<(), BoxError> {
        self.meanwhile("end_owned").await;
        self.call("end_owned", owner.as_str()).await?;
        self.inner.end_owned(owner, until, keep_until).await
    }

    async fn owned(&self, owner: &RecordKey) -> Result<Vec<Record>, BoxError> {
        self.call("owned", owner.as_str()).await?;
        self.inner.owned(owner).await
    }

    async fn indexed(&self, index: &RecordKey) -> Result<Vec<Record>, BoxError> {
        self.call("indexed", index.as_str()).await?;
        self.inner.indexed(index).await
    }
}

#[async_trait]
impl Store for Watched {
    async fn put(&self, key: &str, value: &[u8], ttl: Duration) -> Result<(), BoxError> {
        self.inner.put(key, value, ttl).await
    }

    async fn take(&self, key: &str) -> Result<Option<Vec<u8>>, BoxError> {
        self.inner.take(key).await
    }

    async fn raise(&self, key: &str, value: u64, ttl: Option<Duration>) -> Result<(), BoxError> {
        self.meanwhile("raise").await;
        self.call("raise", key).await?;
        self.inner.raise(key, value, ttl).await
    }

    async fn marks(&self, keys: &[String]) -> Result<Vec<Option<u64>>, BoxError> {
        self.meanwhile("marks").await;
        self.call("marks", &keys.join(" ")).await?;
        self.inner.marks(keys).await
    }

    fn has_no_marks(&self) -> bool {
        self.answer_at_once("marks", "", || self.inner.has_no_marks().then_some(())).is_some()
    }

    fn reaches_at_once(&self, marks: &[(&str, u64)]) -> Option<bool> {
        let keys = marks.iter().map(|(key, _)| *key).collect::<Vec<_>>().join(" ");
        self.answer_at_once("marks", &keys, || self.inner.reaches_at_once(marks))
    }

    async fn publish(&self, message: &[u8]) -> Result<(), BoxError> {
        self.call("publish", "").await?;
        self.inner.publish(message).await
    }

    async fn subscribe(&self) -> Box<dyn Subscription> {
        self.inner.subscribe().await
    }
}
