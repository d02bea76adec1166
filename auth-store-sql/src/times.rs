//! The stored form of instants and marks: signed numbers of 64 bits, since the databases have no others.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How much longer than until its end a record is kept: the clocks of nodes may differ by five minutes.
pub(crate) const SLACK: Duration = Duration::from_secs(600);

/// The longest time of a call. A longer one may not fit into an instant.
pub(crate) const LONGEST_TIMEOUT: Duration = Duration::from_secs(3600);

/// Nanoseconds since 1970. Clamps an instant before 1970 or after 2262 to the nearest one that fits.
pub(crate) fn to_nanos(instant: SystemTime) -> i64 {
    span_nanos(instant.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// The instant of [`to_nanos`]. A negative number counts as 1970.
pub(crate) fn from_nanos(nanos: i64) -> SystemTime {
    // OK because a system's time reaches beyond 2262.
    UNIX_EPOCH.checked_add(Duration::from_nanos(u64::try_from(nanos).unwrap_or_default())).unwrap_or(UNIX_EPOCH)
}

/// At most 292 years.
pub(crate) fn span_nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}

/// What [`to_nanos`] stores for the instant before which an end is long over.
pub(crate) fn cutoff(now: SystemTime) -> i64 {
    to_nanos(now).saturating_sub(span_nanos(SLACK))
}

/// A mark less 2⁶³, so that all of `u64` fits and the order stays.
pub(crate) fn from_mark(mark: u64) -> i64 {
    (mark ^ (1 << 63)).cast_signed()
}

/// The mark of [`from_mark`].
pub(crate) fn to_mark(stored: i64) -> u64 {
    stored.cast_unsigned() ^ (1 << 63)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_64_bits_keep_their_order() {
        let marks = [0, 1, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX - 1, u64::MAX];
        assert!(marks.map(from_mark).is_sorted());
        assert_eq!(marks.map(from_mark).map(to_mark), marks);
    }

    #[test]
    fn instants_keep_their_nanoseconds_from_1970_to_2262() {
        let instant = UNIX_EPOCH + Duration::new(1_800_000_000, 123_456_789);
        assert_eq!(from_nanos(to_nanos(instant)), instant);
        assert_eq!(to_nanos(UNIX_EPOCH - Duration::from_secs(1)), 0);
        assert_eq!(to_nanos(UNIX_EPOCH + Duration::from_secs(10_000_000_000)), i64::MAX);
        assert_eq!(from_nanos(-1), UNIX_EPOCH);
    }
}
