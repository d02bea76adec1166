//! The lifetime of a set, and the times of the next fetches.

use std::{ops::RangeInclusive, time::Duration};

use http::{HeaderMap, header};

pub(super) const DEFAULT: Duration = Duration::from_secs(10 * 60);
/// The lifetimes that an issuer may ask for and that may be configured.
pub(super) const ALLOWED: RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(24 * 60 * 60);

/// The lifetime that the issuer asks for: `max-age` minus `Age` (RFC 9111, 4.2), limited to the allowed range.
///
/// `None` if there is no `max-age` or it cannot be understood. `no-cache` and `no-store` alone are ignored: many frameworks
/// always send them.
pub(super) fn asked_for(headers: &HeaderMap) -> Option<Duration> {
    let lines = headers.get_all(header::CACHE_CONTROL);
    let directives = lines.iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
    let mut ages = directives.filter_map(|directive| {
        let (name, value) = directive.trim().split_once('=')?;
        name.eq_ignore_ascii_case("max-age").then_some(value)
    });
    let max_age = seconds(ages.next()?)?;
    if ages.next().is_some() {
        return None;
    }
    let age = headers.get(header::AGE).and_then(|age| age.to_str().ok()).and_then(seconds).unwrap_or(0);
    Some(Duration::from_secs(max_age.saturating_sub(age)).clamp(*ALLOWED.start(), *ALLOWED.end()))
}

/// `delta-seconds` (RFC 9111, 1.2.2). A number that is too big becomes the maximum.
fn seconds(text: &str) -> Option<u64> {
    // A sender must not quote the number, but a recipient should accept that (RFC 9111, 5.2).
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text).trim();
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

/// When a set of this lifetime is fetched again: at 72 to 88 % of it. So servers that started together do not fetch
/// together.
pub(super) fn refresh_after(lifetime: Duration, dice: u32) -> Duration {
    between(lifetime * 72 / 100, lifetime * 88 / 100, dice)
}

const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(60);

/// The wait after this many failures in a row: 1 s, doubled each time, 60 s at most. The actual wait is a
/// random 50 to 100 % of that.
pub(super) fn retry_after(failures: u32, dice: u32) -> Duration {
    let doubled = FIRST_RETRY.saturating_mul(1 << failures.saturating_sub(1).min(16));
    let longest = doubled.min(LAST_RETRY);
    between(longest / 2, longest, dice)
}

/// A duration from `low` to `high`, chosen by a uniformly random number.
fn between(low: Duration, high: Duration, dice: u32) -> Duration {
    low + high.saturating_sub(low).mul_f64(f64::from(dice) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const MAX: u32 = u32::MAX;

    fn asked(lines: &[(&'static str, &'static str)]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        asked_for(&headers).map(|lifetime| lifetime.as_secs())
    }

    #[test]
    fn max_age_is_honoured_between_a_minute_and_a_day() {
        let max_age = |value| asked(&[("cache-control", value)]);
        assert_eq!(max_age("max-age=59"), Some(60));
        assert_eq!(max_age("max-age=60"), Some(60));
        assert_eq!(max_age("max-age=61"), Some(61));
        assert_eq!(max_age("max-age=86400"), Some(86400));
        assert_eq!(max_age("max-age=86401"), Some(86400));
        assert_eq!(max_age("max-age=99999999999999999999999"), Some(86400));
        assert_eq!(max_age("public, MAX-AGE=\"300\" , must-revalidate"), Some(300));
    }

    #[test]
    fn header_without_max_age_sets_no_lifetime() {
        for value in ["", "no-store", "no-cache", "max-age", "max-age=", "max-age=-1", "max-age=1.5", "s-maxage=300"] {
            assert_eq!(asked(&[("cache-control", value)]), None, "{value}");
        }
        assert_eq!(asked(&[]), None);
        assert_eq!(asked(&[("cache-control", "max-age=90, max-age=900")]), None);
        assert_eq!(asked(&[("cache-control", "max-age=90"), ("cache-control", "max-age=90")]), None);
    }

    #[test]
    fn age_header_shortens_the_lifetime() {
        let aged = |age| asked(&[("cache-control", "max-age=600"), ("age", age)]);
        assert_eq!(aged("100"), Some(500));
        assert_eq!(aged("600"), Some(60));
        assert_eq!(aged("9999"), Some(60));
        assert_eq!(aged("old"), Some(600));
    }

    #[test]
    fn refresh_is_due_at_eighty_percent_give_or_take_a_tenth() {
        let lifetime = Duration::from_secs(1000);
        assert_eq!(refresh_after(lifetime, 0).as_secs(), 720);
        assert_eq!(refresh_after(lifetime, MAX / 2).as_secs(), 799);
        assert_eq!(refresh_after(lifetime, MAX).as_secs(), 880);
    }

    #[test]
    fn retries_double_from_a_second_to_a_minute() {
        let longest = [1, 2, 4, 8, 16, 32, 60, 60, 60];
        for (failures, secs) in (1..).zip(longest) {
            assert_eq!(retry_after(failures, MAX), Duration::from_secs(secs));
            assert_eq!(retry_after(failures, 0), Duration::from_secs(secs) / 2);
        }
        assert_eq!(retry_after(MAX, MAX), LAST_RETRY);
    }
}
