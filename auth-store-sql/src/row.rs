//! A record as the columns of a row.

use auth_store::{Record, RecordKey};

use crate::times::from_nanos;

/// Key, owner, indexes, since, last use, end, version, value. Each database has its own type of indexes.
pub(crate) type Row<I> = (String, Option<String>, I, i64, i64, i64, i64, Vec<u8>);

/// `None` if it is not a record: one must not lose its owner.
pub(crate) fn read<I: IntoIterator<Item = String>>(row: Row<I>) -> Option<Record> {
    let (key, owner, indexes, since, used_at, ends_at, version, value) = row;
    Some(Record {
        key: RecordKey::from_stored(&key)?,
        owner: owner.map(|owner| RecordKey::from_stored(&owner).ok_or(())).transpose().ok()?,
        indexes: indexes.into_iter().map(|index| RecordKey::from_stored(&index)).collect::<Option<_>>()?,
        since: from_nanos(since),
        used_at: from_nanos(used_at),
        ends_at: from_nanos(ends_at),
        version: u64::try_from(version).ok()?,
        value: value.into(),
    })
}

pub(crate) fn owner(record: &Record) -> Option<&str> {
    record.owner.as_ref().map(RecordKey::as_str)
}
