//! The stored form of an instant: nanoseconds since 1970.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

/// An instant before 1970 or after 2554 becomes the nearest one that fits.
pub(crate) fn serialize<S: Serializer>(instant: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let since = instant.duration_since(UNIX_EPOCH).unwrap_or_default();
    serializer.serialize_u64(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
    let nanos = u64::deserialize(deserializer)?;
    UNIX_EPOCH.checked_add(Duration::from_nanos(nanos)).ok_or_else(|| D::Error::custom("the instant is too late"))
}
