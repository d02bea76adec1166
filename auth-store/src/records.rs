use std::{fmt, sync::Arc, time::SystemTime};

use async_trait::async_trait;
use auth_core::{BoxError, PrincipalId};

use crate::{
    RecordValue,
    opaque::{self, ShortKey},
};

/// What a store must do to keep records: things that live for hours, change, belong to somebody and can be ended, such as the
/// login of a user.
///
/// [`MemoryStore`](crate::MemoryStore) and `RedisStore` (feature `redis`) implement it. No command needs keys on two servers,
/// so it works where keys are spread over machines. A record, its owner and its indexes have [`RecordKey`]s: hashes or public ids,
/// safe to store and to log.
///
/// # Versions
/// [`save`](Self::save) succeeds only if nobody has saved since the record was loaded. [`touch`](Self::touch) is no change: it
/// leaves the version alone.
///
/// # The end
/// An ended record never comes back: a save or a touch that comes late finds nothing. The end of a record by time is judged by
/// the caller, by [`Record::ends_at`]. The store may keep the record a few minutes longer, since the clocks of nodes differ.
/// A use at or after the end moves no end.
///
/// A record that [`end_owned`](Self::end_owned) covers may still occupy its key: `create`, `touch` and [`end`](Self::end) may
/// find it. `load`, `save`, `owned` and `indexed` never do.
///
/// # Errors
/// An error of any method means that the store is down or full, or that a value is longer than 64 KiB, never that a record is
/// missing. The text goes to the log, never to a client. A method must not hang: give up after about a second.
#[async_trait]
pub trait Records: Send + Sync + 'static {
    /// Keeps a new record with the version 1. Returns false, and changes nothing, if there is a record with this key.
    ///
    /// # Errors
    /// If the store is down or full, or if the value is too long.
    async fn create(&self, record: &Record) -> Result<bool, BoxError>;

    /// The record. `None` if there was none, if it has ended, or if [`end_owned`](Self::end_owned) covers it.
    ///
    /// # Errors
    /// If the store is down, or if what it holds is not a record.
    async fn load(&self, key: &RecordKey) -> Result<Option<Record>, BoxError>;

    /// Answers as [`load`](Self::load) does, without waiting. `Some(None)` means that the store has no such record. `None`, the default,
    /// means that the caller must call `load`, also where that would fail. It must not do I/O. A wrapper that counts, delays or fails
    /// calls need not forward it.
    fn load_at_once(&self, key: &RecordKey) -> Option<Option<Arc<Record>>> {
        let _ = key;
        None
    }

    /// Notes that the record was used, and moves its end. Both only ever move to later: of two calls the later instant counts.
    /// Returns false, and changes nothing, if there is no such record, or if its end was at or before `used_at`.
    ///
    /// # Errors
    /// If the store is down.
    async fn touch(&self, key: &RecordKey, used_at: SystemTime, ends_at: SystemTime) -> Result<bool, BoxError>;

    /// Replaces value, owner, indexes and [`since`](Record::since), if the stored version is still that of `record`. The stored
    /// version then grows by one. `end` says what becomes of the last use and the end. With [`SavedEnd::Replace`], a record
    /// whose end was at or before the new [`used_at`](Record::used_at) has ended.
    ///
    /// # Errors
    /// If the store is down or full, or if the value is too long. Nothing has changed then.
    async fn save(&self, record: &Record, end: SavedEnd) -> Result<Saved, BoxError>;

    /// Ends the record. Returns false if there was none.
    ///
    /// # Errors
    /// If the store is down.
    async fn end(&self, key: &RecordKey) -> Result<bool, BoxError>;

    /// Ends all records of this owner whose [`since`](Record::since) is at or before `until`. It is one mark, which
    /// [`load`](Self::load) compares: it also covers a record that another node creates at this moment. The mark is kept until
    /// `keep_until`: no record of an earlier `since` may end later than that.
    ///
    /// # Errors
    /// If the store is down or full.
    async fn end_owned(&self, owner: &RecordKey, until: SystemTime, keep_until: SystemTime) -> Result<(), BoxError>;

    /// The records of this owner, as [`load`](Self::load) returns them, in no order. A record is listed as long as it lives. One
    /// that is changed at the same moment may be listed as it was or as it is.
    ///
    /// # Errors
    /// If the store is down.
    async fn owned(&self, owner: &RecordKey) -> Result<Vec<Record>, BoxError>;

    /// The records with this index, as [`load`](Self::load) returns them, in no order.
    ///
    /// # Errors
    /// If the store is down.
    async fn indexed(&self, index: &RecordKey) -> Result<Vec<Record>, BoxError>;
}

/// What [`Records::save`] does with the last use and the end of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a save leaves the end alone or replaces it")]
pub enum SavedEnd {
    /// It leaves what the store has: a touch may have moved it since the record was loaded.
    Keep,
    /// It stores those of the record, even if they are earlier.
    Replace,
}

/// What became of a [`Records::save`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a caller must handle each of these")]
pub enum Saved {
    /// It is stored, with this version.
    As(u64),
    /// Somebody has saved since the record was loaded. Load it again.
    Conflict,
    /// The record has ended. Nothing was stored.
    Ended,
}

/// The key of a record, of an owner or of an index: a hash, or a public id. At most 64 visible ASCII characters, which it holds
/// itself: clones need no memory of their own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey(ShortKey);

impl RecordKey {
    /// A key made of a kind, such as `login`, and of parts that may be secret or personal. Equal lists of parts have equal keys.
    /// The kind is a short constant of letters, which is not hashed unless it is longer than 20.
    #[must_use]
    pub fn new(kind: &'static str, parts: &[&str]) -> Self {
        if kind.len() > ShortKey::MAX_KIND_LEN {
            return Self::new("long", &[&[kind], parts].concat());
        }
        let [key] = ShortKey::of([kind], parts);
        Self(key)
    }

    /// A key made of a kind and of an id that is random and not secret, which is not hashed: it may be in the store and in logs. An
    /// id that is not 1 to 42 characters of base64url is hashed after all.
    #[must_use]
    pub fn of_id(kind: &'static str, id: &str) -> Self {
        // Shorter than a hash, so that it is never that of another id.
        let is_plain = kind.len() <= ShortKey::MAX_KIND_LEN && (1..=42).contains(&id.len()) && opaque::is_base64url(id);
        if is_plain { Self(ShortKey::plain(kind, id)) } else { Self::new(kind, &[id]) }
    }

    /// The key of an owner.
    #[must_use]
    pub fn owner(user: &PrincipalId) -> Self {
        Self::new("owner", &[user.issuer(), user.subject()])
    }

    /// The text, for the store.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// A key that a store has kept. `None` if it is longer than 64 characters: no key is.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        ShortKey::from_text(text).map(Self)
    }
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A record as a store keeps it. The store does not read the value.
// In the order of use: a request reads the first fields, which are beside each other in memory.
#[derive(Clone, PartialEq, Eq)]
#[repr(C)]
#[expect(clippy::exhaustive_structs, reason = "a store must keep every field: a new one must break every store")]
pub struct Record {
    /// When it ends by time, exclusive.
    pub ends_at: SystemTime,
    /// When it was last used, as far as the store was told.
    pub used_at: SystemTime,
    /// The instant that [`Records::end_owned`] compares with.
    pub since: SystemTime,
    /// What the caller keeps. At most [64 KiB](Self::MAX_VALUE_LEN).
    pub value: RecordValue,
    /// Its key, which never changes.
    pub key: RecordKey,
    /// Whom it belongs to, if anybody.
    pub owner: Option<RecordKey>,
    /// Other keys under which [`Records::indexed`] finds it.
    pub indexes: Vec<RecordKey>,
    /// Counts the saves, from 1.
    pub version: u64,
}

impl Record {
    /// The longest value, in bytes. A store refuses a longer one.
    pub const MAX_VALUE_LEN: usize = 64 * 1024;

    /// For a store: call it in [`Records::create`] and [`Records::save`].
    ///
    /// # Errors
    /// If the value is longer than [`MAX_VALUE_LEN`](Self::MAX_VALUE_LEN).
    pub fn check_len(&self) -> Result<(), BoxError> {
        if self.value.len() > Self::MAX_VALUE_LEN {
            Err("the value of a record is longer than 64 KiB".into())
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for Record {
    /// Omits the value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("key", &self.key)
            .field("used_at", &self.used_at)
            .field("ends_at", &self.ends_at)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl<R: Records + ?Sized> Records for Arc<R> {
    async fn create(&self, record: &Record) -> Result<bool, BoxError> {
        (**self).create(record).await
    }

    async fn load(&self, key: &RecordKey) -> Result<Option<Record>, BoxError> {
        (**self).load(key).await
    }

    fn load_at_once(&self, key: &RecordKey) -> Option<Option<Arc<Record>>> {
        (**self).load_at_once(key)
    }

    async fn touch(&self, key: &RecordKey, used_at: SystemTime, ends_at: SystemTime) -> Result<bool, BoxError> {
        (**self).touch(key, used_at, ends_at).await
    }

    async fn save(&self, record: &Record, end: SavedEnd) -> Result<Saved, BoxError> {
        (**self).save(record, end).await
    }

    async fn end(&self, key: &RecordKey) -> Result<bool, BoxError> {
        (**self).end(key).await
    }

    async fn end_owned(&self, owner: &RecordKey, until: SystemTime, keep_until: SystemTime) -> Result<(), BoxError> {
        (**self).end_owned(owner, until, keep_until).await
    }

    async fn owned(&self, owner: &RecordKey) -> Result<Vec<Record>, BoxError> {
        (**self).owned(owner).await
    }

    async fn indexed(&self, index: &RecordKey) -> Result<Vec<Record>, BoxError> {
        (**self).indexed(index).await
    }
}
