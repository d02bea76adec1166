//! Records for the laws, and short ways to read them.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use auth_core::PrincipalId;
use auth_store::{Record, RecordKey, Records};

/// Something that happened only once.
pub(super) fn unique() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    format!("{}-{now}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

pub(super) fn key(kind: &'static str) -> RecordKey {
    RecordKey::new(kind, &[&unique()])
}

pub(super) fn owner() -> RecordKey {
    RecordKey::owner(&PrincipalId::new("issuer", unique()))
}

/// `secs` seconds before or after now.
pub(super) fn at(now: SystemTime, secs: i64) -> SystemTime {
    let span = Duration::from_secs(secs.unsigned_abs());
    if secs < 0 { now - span } else { now + span }
}

/// A record without an owner that ends in an hour.
pub(super) fn record(now: SystemTime) -> Record {
    Record {
        key: key("login"),
        owner: None,
        indexes: Vec::new(),
        since: now,
        used_at: now,
        ends_at: at(now, 3600),
        version: 1,
        value: b"value".to_vec().into(),
    }
}

pub(super) fn owned_by(now: SystemTime, owner: &RecordKey) -> Record {
    Record { owner: Some(owner.clone()), ..record(now) }
}

pub(super) async fn created(store: &impl Records, record: Record) -> Record {
    assert!(store.create(&record).await.unwrap());
    record
}

/// What the store has under this key. If it also answers at once, it must say the same, so each law checks that too.
pub(super) async fn load(store: &impl Records, key: &RecordKey) -> Option<Record> {
    let asked = store.load(key).await.unwrap();
    if let Some(at_once) = store.load_at_once(key) {
        assert!(at_once.as_deref() == asked.as_ref(), "{at_once:?} at once, {asked:?} if asked");
    }
    asked
}

pub(super) async fn loaded(store: &impl Records, record: &Record) -> Record {
    load(store, &record.key).await.unwrap()
}

pub(super) async fn is_gone(store: &impl Records, record: &Record) -> bool {
    load(store, &record.key).await.is_none()
}

pub(super) async fn keys_owned(store: &impl Records, owner: &RecordKey) -> Vec<RecordKey> {
    sorted(store.owned(owner).await.unwrap().into_iter().map(|record| record.key))
}

pub(super) async fn keys_indexed(store: &impl Records, index: &RecordKey) -> Vec<RecordKey> {
    sorted(store.indexed(index).await.unwrap().into_iter().map(|record| record.key))
}

pub(super) fn sorted(keys: impl IntoIterator<Item = RecordKey>) -> Vec<RecordKey> {
    let mut keys = keys.into_iter().collect::<Vec<_>>();
    keys.sort();
    keys
}
