//! The fields of a record in Redis: see `scripts`.

use std::time::SystemTime;

use auth_core::BoxError;
use redis::Cmd;

use crate::{
    Record, RecordKey,
    instant::{from_nanos, to_nanos},
};

/// What [`read`] needs, in this order.
pub(super) const ALL: &[&str] = &["v", "o", "i", "s", "u", "e", "d"];

/// Adds the fields that a save replaces, with their names.
pub(super) fn add_all(cmd: &mut Cmd, record: &Record, version: u64) {
    let indexes = record.indexes.iter().map(RecordKey::as_str).collect::<Vec<_>>().join(" ");
    cmd.arg("v").arg(version).arg("o").arg(record.owner.as_ref().map_or("", RecordKey::as_str)).arg("i").arg(indexes);
    cmd.arg("s").arg(instant(record.since)).arg("d").arg(&*record.value);
}

/// A record from its fields; `None` if there is none.
///
/// # Errors
/// If it is something else.
pub(super) fn read(key: &RecordKey, values: Vec<Option<Vec<u8>>>) -> Result<Option<Record>, BoxError> {
    if values.iter().all(Option::is_none) {
        return Ok(None);
    }
    read_all(key, values).map(Some).ok_or_else(unreadable)
}

/// The keys of the lists that a record with this owner and these indexes is in.
pub(super) fn lists(owner: &str, indexes: &str) -> Vec<RecordKey> {
    owner_key(owner).flatten().into_iter().chain(index_keys(indexes).flatten()).collect()
}

/// 20 digits.
pub(super) fn instant(instant: SystemTime) -> String {
    format!("{:020}", to_nanos(instant))
}

pub(super) fn read_instant(text: &str) -> Result<SystemTime, BoxError> {
    text.parse().ok().and_then(from_nanos).ok_or_else(unreadable)
}

fn read_all(key: &RecordKey, values: Vec<Option<Vec<u8>>>) -> Option<Record> {
    let mut values = values.into_iter().map(|value| value.unwrap_or_default());
    let mut text = || String::from_utf8(values.next()?).ok();
    Some(Record {
        key: key.clone(),
        version: text()?.parse().ok()?,
        owner: owner_key(&text()?)?,
        indexes: index_keys(&text()?).collect::<Option<_>>()?,
        since: read_instant(&text()?).ok()?,
        used_at: read_instant(&text()?).ok()?,
        ends_at: read_instant(&text()?).ok()?,
        value: values.next()?.into(),
    })
}

/// `None` if it is unreadable: a record must not lose its owner.
#[expect(clippy::option_option, reason = "a record may have no owner, which is readable")]
fn owner_key(text: &str) -> Option<Option<RecordKey>> {
    if text.is_empty() { Some(None) } else { RecordKey::from_stored(text).map(Some) }
}

fn index_keys(text: &str) -> impl Iterator<Item = Option<RecordKey>> {
    text.split(' ').filter(|text| !text.is_empty()).map(RecordKey::from_stored)
}

fn unreadable() -> BoxError {
    "the value under the key in Redis is not a record".into()
}
