//! The memory store frees what has ended a few at a time. It must behave like a model that frees everything at once.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use auth_store::{MemoryStore, Record, RecordKey, Records as _, Saved, SavedEnd, Store as _};
use proptest::prelude::*;

use crate::support::*;

const KEYS: usize = 6;
const OWNERS: usize = 2;
const MAX_RECORDS: usize = 300;
const MAX_BYTES: usize = 800 * 1024;
const MAX_TICKETS: usize = 200;
const MAX_REVOCATIONS: usize = 250;

/// Times are seconds from now.
#[derive(Clone, Debug)]
enum Step {
    Advance(u64),
    Create(Made),
    /// Creates this many records that nobody has seen before. Most of them are short.
    Fill(usize, Made),
    Save(Made, SavedEnd, bool),
    Touch(usize, u64, u64),
    End(usize),
    EndOwned(usize, u64, u64),
    Put(usize, u64),
    FillTickets(usize, u64),
    Take(usize),
    Raise(usize, u64, Option<u64>),
    FillRevocations(usize, u64),
}

/// What a test says about a record.
#[derive(Clone, Copy, Debug)]
struct Made {
    key: usize,
    owner: Option<usize>,
    is_indexed: bool,
    ends_in: u64,
    len: usize,
}

fn made() -> impl Strategy<Value = Made> {
    let len = prop_oneof![Just(0), Just(1000), Just(60_000)];
    let owner = proptest::option::of(0..OWNERS);
    (0..KEYS, owner, any::<bool>(), 0..40_u64, len).prop_map(|(key, owner, is_indexed, ends_in, len)| Made {
        key,
        owner,
        is_indexed,
        ends_in,
        len,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let end = prop_oneof![Just(SavedEnd::Keep), Just(SavedEnd::Replace)];
    prop_oneof![
        3 => (0..30_u64).prop_map(Step::Advance),
        3 => made().prop_map(Step::Create),
        4 => (1..200_usize, made()).prop_map(|(count, made)| Step::Fill(count, made)),
        2 => (made(), end, any::<bool>()).prop_map(|(made, end, is_late)| Step::Save(made, end, is_late)),
        1 => (0..KEYS, 0..40_u64, 0..40_u64).prop_map(|(key, used, ends)| Step::Touch(key, used, ends)),
        1 => (0..KEYS).prop_map(Step::End),
        // No record ends later than the mark that covers it.
        1 => (0..OWNERS, 0..3_u64, 45..90_u64).prop_map(|(owner, until, keep)| Step::EndOwned(owner, until, keep)),
        1 => (0..KEYS, 0..40_u64).prop_map(|(key, ttl)| Step::Put(key, ttl)),
        2 => (1..200_usize, 1..40_u64).prop_map(|(count, ttl)| Step::FillTickets(count, ttl)),
        1 => (0..KEYS).prop_map(Step::Take),
        1 => (0..KEYS, 0..9_u64, proptest::option::of(0..40_u64)).prop_map(|(key, to, ttl)| Step::Raise(key, to, ttl)),
        2 => (1..200_usize, 1..40_u64).prop_map(|(count, ttl)| Step::FillRevocations(count, ttl)),
    ]
}

fn key(key: impl std::fmt::Display) -> RecordKey {
    RecordKey::new("login", &[&key.to_string()])
}

fn owner(owner: usize) -> RecordKey {
    RecordKey::new("owner", &[&owner.to_string()])
}

fn index() -> RecordKey {
    RecordKey::new("index", &["all"])
}

/// Everything that has not ended.
#[derive(Default)]
struct Model {
    records: Vec<Record>,
    /// Owner, up to when its records have ended, and until when this is known.
    ended: Vec<(RecordKey, SystemTime, SystemTime)>,
    /// Key and end.
    tickets: Vec<(String, SystemTime)>,
    /// Key, mark and end.
    revocations: Vec<(String, u64, Option<SystemTime>)>,
}

/// Count and bytes of all records, and of those of nobody.
type Size = [usize; 4];

impl Model {
    fn free(&mut self, now: SystemTime) {
        self.records.retain(|record| now < record.ends_at);
        self.ended.retain(|(.., keep_until)| now < *keep_until);
        self.tickets.retain(|(_, end)| now < *end);
        self.revocations.retain(|(.., end)| end.is_none_or(|end| now < end));
    }

    fn is_live(&self, record: &Record) -> bool {
        let ended = self.ended.iter().find(|(owner, ..)| record.owner.as_ref() == Some(owner));
        ended.is_none_or(|(_, until, _)| record.since > *until)
    }

    fn live(&self) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(|record| self.is_live(record))
    }

    fn load(&self, key: &RecordKey) -> Option<Record> {
        self.live().find(|record| record.key == *key).cloned()
    }

    fn size<'r>(records: impl Iterator<Item = &'r Record>) -> Size {
        let mut size = Size::default();
        for record in records {
            let bytes = 2560 + 2 * record.value.len() + 256 * record.indexes.len();
            let is_nobodys = usize::from(record.owner.is_none());
            for (size, more) in size.iter_mut().zip([1, bytes, is_nobodys, is_nobodys * bytes]) {
                *size += more;
            }
        }
        size
    }

    /// False if there is no room.
    fn put(&mut self, record: &Record) -> bool {
        let others = self.records.iter().filter(|other| other.key != record.key);
        let (before, after) = (Self::size(self.records.iter()), Self::size(others.chain([record])));
        let limits = [MAX_RECORDS, MAX_BYTES, MAX_RECORDS / 2, MAX_BYTES / 2];
        let is_over = after.iter().zip(limits).any(|(after, limit)| *after > limit);
        if is_over && after.iter().zip(before).any(|(after, before)| *after > before) {
            return false;
        }
        self.records.retain(|other| other.key != record.key);
        self.records.push(record.clone());
        true
    }

    /// `None` if there is no room.
    fn create(&mut self, record: &Record) -> Option<bool> {
        if self.records.iter().any(|other| other.key == record.key) {
            return Some(false);
        }
        self.put(record).then_some(true)
    }

    fn save(&mut self, record: &Record, end: SavedEnd) -> Option<Saved> {
        let Some(stored) = self.load(&record.key) else { return Some(Saved::Ended) };
        if stored.version != record.version {
            return Some(Saved::Conflict);
        }
        let mut new = Record { version: stored.version + 1, ..record.clone() };
        match end {
            SavedEnd::Replace if record.used_at >= stored.ends_at => return Some(Saved::Ended),
            SavedEnd::Replace => {}
            SavedEnd::Keep => (new.used_at, new.ends_at) = (stored.used_at, stored.ends_at),
        }
        self.put(&new).then_some(Saved::As(new.version))
    }

    fn touch(&mut self, key: &RecordKey, used_at: SystemTime, ends_at: SystemTime) -> bool {
        let Some(mut record) = self.load(key).filter(|stored| used_at < stored.ends_at) else { return false };
        record.used_at = record.used_at.max(used_at);
        record.ends_at = record.ends_at.max(ends_at);
        self.put(&record)
    }

    fn end(&mut self, key: &RecordKey) -> bool {
        let was_there = self.load(key).is_some();
        self.records.retain(|record| record.key != *key);
        was_there
    }

    fn end_owned(&mut self, owner: &RecordKey, until: SystemTime, keep_until: SystemTime) -> bool {
        let is_full = self.ended.len() >= MAX_REVOCATIONS;
        match self.ended.iter_mut().find(|(of, ..)| of == owner) {
            Some((_, old, kept)) => (*old, *kept) = (until.max(*old), keep_until.max(*kept)),
            None if is_full => return false,
            None => self.ended.push((owner.clone(), until, keep_until)),
        }
        let live = self.live().cloned().collect::<Vec<_>>();
        self.records.retain(|record| record.owner.as_ref() != Some(owner) || live.contains(record));
        true
    }

    fn put_ticket(&mut self, key: &str, end: SystemTime) -> bool {
        let is_new = self.tickets.iter().all(|(other, _)| other != key);
        if is_new && self.tickets.len() >= MAX_TICKETS {
            return false;
        }
        self.tickets.retain(|(other, _)| other != key);
        self.tickets.push((key.to_owned(), end));
        true
    }

    fn take(&mut self, key: &str) -> bool {
        let found = self.tickets.iter().position(|(other, _)| other == key);
        found.map(|at| self.tickets.remove(at)).is_some()
    }

    fn raise(&mut self, key: &str, mark: u64, end: Option<SystemTime>) -> bool {
        let is_full = self.revocations.len() >= MAX_REVOCATIONS;
        match self.revocations.iter_mut().find(|(other, ..)| other == key) {
            Some((_, old, kept)) => {
                (*old, *kept) = (mark.max(*old), end.zip(*kept).map(|(end, kept)| end.max(kept)));
            }
            None if is_full => return false,
            None => self.revocations.push((key.to_owned(), mark, end)),
        }
        true
    }
}

/// The store beside the model.
struct Both {
    store: MemoryStore,
    model: Model,
    clock: auth_core::ManualClock,
    made: usize,
}

impl Both {
    fn new() -> Self {
        let clock = clock();
        let store = MemoryStore::new().clock(clock.clone()).max_records(MAX_RECORDS).max_record_bytes(MAX_BYTES);
        let store = store.max_tickets(MAX_TICKETS).max_revocations(MAX_REVOCATIONS);
        Self { store, model: Model::default(), clock, made: 0 }
    }

    fn now(&self) -> SystemTime {
        auth_core::Clock::now(&self.clock)
    }

    fn at(&self, secs: u64) -> SystemTime {
        self.now() + Duration::from_secs(secs)
    }

    fn name(&mut self) -> String {
        self.made += 1;
        format!("new-{}", self.made)
    }

    fn record(&self, made: Made, key: RecordKey) -> Record {
        Record {
            key,
            owner: made.owner.map(owner),
            indexes: made.is_indexed.then(index).into_iter().collect(),
            since: self.now(),
            used_at: self.now(),
            ends_at: self.at(made.ends_in),
            version: 1,
            value: vec![7; made.len].into(),
        }
    }

    async fn create(&mut self, record: &Record) {
        self.model.free(self.now());
        assert_eq!(self.store.create(record).await.ok(), self.model.create(record), "{record:?}");
    }

    async fn put_ticket(&mut self, key: &str, ttl: u64) {
        let stored = self.store.put(key, b"", Duration::from_secs(ttl)).await;
        assert_eq!(stored.is_ok(), self.model.put_ticket(key, self.at(ttl)));
    }

    async fn raise(&mut self, key: &str, mark: u64, ttl: Option<u64>) {
        let stored = self.store.raise(key, mark, ttl.map(Duration::from_secs)).await;
        assert_eq!(stored.is_ok(), self.model.raise(key, mark, ttl.map(|ttl| self.at(ttl))));
    }

    async fn take_step(&mut self, step: Step) {
        match step {
            Step::Advance(secs) => self.clock.advance(Duration::from_secs(secs)),
            Step::Create(made) => self.create(&self.record(made, key(made.key))).await,
            Step::Fill(count, mut made) => {
                for _ in 0..count {
                    let name = self.name();
                    self.create(&self.record(made, key(name))).await;
                    made.len = 0;
                }
            }
            Step::Save(made, end, is_late) => {
                let (key, version) = (key(made.key), u64::from(is_late));
                let version = self.model.load(&key).map_or(1, |stored| stored.version) - version;
                let record = Record { version, ..self.record(made, key) };
                assert_eq!(self.store.save(&record, end).await.ok(), self.model.save(&record, end));
            }
            Step::Touch(of, used, ends) => {
                let (key, used, ends) = (key(of), self.at(used), self.at(ends));
                assert_eq!(self.store.touch(&key, used, ends).await.unwrap(), self.model.touch(&key, used, ends));
            }
            Step::End(of) => assert_eq!(self.store.end(&key(of)).await.unwrap(), self.model.end(&key(of))),
            Step::EndOwned(of, until, keep) => {
                let (until, keep) = (self.at(until), self.at(keep));
                let stored = self.store.end_owned(&owner(of), until, keep).await;
                assert_eq!(stored.is_ok(), self.model.end_owned(&owner(of), until, keep));
            }
            Step::Put(key, ttl) => self.put_ticket(&key.to_string(), ttl).await,
            Step::FillTickets(count, ttl) => {
                for _ in 0..count {
                    let name = self.name();
                    self.put_ticket(&name, ttl).await;
                }
            }
            Step::Take(key) => {
                let key = key.to_string();
                assert_eq!(self.store.take(&key).await.unwrap().is_some(), self.model.take(&key));
            }
            Step::Raise(key, mark, ttl) => self.raise(&key.to_string(), mark, ttl).await,
            Step::FillRevocations(count, ttl) => {
                for _ in 0..count {
                    let name = self.name();
                    self.raise(&name, 1, Some(ttl)).await;
                }
            }
        }
    }

    /// Reads everything.
    async fn compare(&self) {
        for key in (0..KEYS).map(key) {
            let expected = self.model.load(&key);
            assert_eq!(self.store.load(&key).await.unwrap(), expected);
            assert_eq!(self.store.load_at_once(&key), Some(expected.map(Arc::new)));
        }
        for owner in (0..OWNERS).map(owner) {
            let expected = self.model.live().filter(|record| record.owner.as_ref() == Some(&owner));
            assert_eq!(sorted(self.store.owned(&owner).await.unwrap()), sorted(expected.cloned()));
        }
        let expected = self.model.live().filter(|record| !record.indexes.is_empty());
        assert_eq!(sorted(self.store.indexed(&index()).await.unwrap()), sorted(expected.cloned()));

        let keys = (0..KEYS).map(|key| key.to_string()).collect::<Vec<_>>();
        let mark_of = |key| self.model.revocations.iter().find(|(other, ..)| other == key).map(|(_, mark, _)| *mark);
        let expected = keys.iter().map(mark_of).collect::<Vec<_>>();
        assert_eq!(self.store.marks(&keys).await.unwrap(), expected);
        for from in 0..9 {
            let asked = keys.iter().map(|key| (key.as_str(), from)).collect::<Vec<_>>();
            let is_reached = expected.iter().flatten().any(|mark| from <= *mark);
            assert_eq!(self.store.reaches_at_once(&asked), Some(is_reached));
        }
    }
}

fn sorted(records: impl IntoIterator<Item = Record>) -> Vec<Record> {
    let mut records = records.into_iter().collect::<Vec<_>>();
    records.sort_by(|one, other| one.key.cmp(&other.key));
    records
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn store_behaves_as_if_it_freed_everything_at_once(steps in proptest::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut both = Both::new();
            for step in steps {
                both.model.free(both.now());
                both.take_step(step).await;
                both.model.free(both.now());
                both.compare().await;
            }
        });
    }
}
