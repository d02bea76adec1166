//! The stored form of an instant: nanoseconds since 1970.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Clamps an instant before 1970 or after 2554 to the nearest one that fits.
pub(crate) fn to_nanos(instant: SystemTime) -> u64 {
    let since = instant.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// `None` for an instant that the system cannot represent.
pub(crate) fn from_nanos(nanos: u64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_nanos(nanos))
}
