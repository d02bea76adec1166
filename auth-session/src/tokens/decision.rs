//! What happens with a refresh token. This file knows neither a store nor a request.

use std::time::{Duration, SystemTime};

use crate::value::Refresh;

/// How long after its first use a token gets the newest one: two tabs refresh at once.
const AT_ONCE: Duration = Duration::from_secs(10);

/// The same for the last token that was used, as long as nobody has used its successor: the answer was lost.
const LOST: Duration = Duration::from_secs(5 * 60);

/// What to do with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// It is used for the first time: its successor is the newest one.
    Rotate,
    /// It gets the newest one, as the first use has.
    Repeat,
    /// The same, and it is more than a moment ago: an answer was lost, or somebody else has the token too.
    RepeatLate,
    /// It was stolen, or its owner is very late: the login ends.
    End,
}

/// Decides about the token of this generation, which is one of ours. A clock that was set back counts as no time.
pub(super) fn decide(generation: u64, refresh: &Refresh, now: SystemTime) -> Decision {
    // A later generation than the newest is one that the store has lost: nobody else makes tokens.
    if generation >= refresh.generation {
        return Decision::Rotate;
    }
    let Some(used_at) = refresh.first_use(generation) else { return Decision::End };
    let is_last = generation.saturating_add(1) == refresh.generation;
    match now.duration_since(used_at).unwrap_or_default() {
        ago if ago <= AT_ONCE => Decision::Repeat,
        ago if is_last && ago <= LOST => Decision::RepeatLate,
        _ => Decision::End,
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn at(millis: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000) + Duration::from_millis(millis)
    }

    /// Tokens that were used for the first time at these instants, one after the other.
    fn used(uses: &[u64]) -> Refresh {
        uses.iter().fold(Refresh::first(), |refresh, millis| refresh.after_use(refresh.generation, at(*millis)))
    }

    #[test]
    fn newest_token_rotates_whenever_it_comes() {
        for now in [0, 1, 86_400_000] {
            assert_eq!(decide(1, &Refresh::first(), at(now)), Decision::Rotate);
            assert_eq!(decide(3, &used(&[0, 0]), at(now)), Decision::Rotate);
        }
        assert_eq!(used(&[0, 0]).generation, 3);
    }

    #[test]
    fn generation_that_the_store_has_lost_rotates_beyond_it() {
        let refresh = used(&[0, 1]);
        assert_eq!(decide(9, &refresh, at(2)), Decision::Rotate);
        let after = refresh.after_use(9, at(2));
        assert_eq!((after.generation, after.first_use(9)), (10, Some(at(2))));
        // What was between is not known.
        for unknown in [8, 3, 2, 1, 0] {
            assert_eq!((after.first_use(unknown), decide(unknown, &after, at(2))), (None, Decision::End));
        }
    }

    #[test]
    fn predecessor_repeats_in_its_first_ten_seconds() {
        for now in [1_000, 1_001, 10_999, 11_000] {
            assert_eq!(decide(1, &used(&[1_000]), at(now)), Decision::Repeat, "{now}");
        }
    }

    #[test]
    fn predecessor_repeats_for_five_minutes_while_the_successor_is_unused() {
        for now in [11_001, 300_999, 301_000] {
            assert_eq!(decide(1, &used(&[1_000]), at(now)), Decision::RepeatLate, "{now}");
        }
    }

    #[test]
    fn predecessor_ends_the_login_after_five_minutes() {
        for now in [301_001, 3_600_000, 86_400_000] {
            assert_eq!(decide(1, &used(&[1_000]), at(now)), Decision::End, "{now}");
        }
    }

    #[test]
    fn older_token_repeats_in_its_first_ten_seconds() {
        let refresh = used(&[1_000, 2_000, 3_000, 4_000]);
        for (generation, until) in [(1, 11_000), (2, 12_000), (3, 13_000)] {
            assert_eq!(decide(generation, &refresh, at(4_000)), Decision::Repeat, "{generation}");
            assert_eq!(decide(generation, &refresh, at(until)), Decision::Repeat, "{generation}");
        }
    }

    #[test]
    fn older_token_ends_the_login_after_ten_seconds() {
        let refresh = used(&[1_000, 2_000, 3_000, 4_000]);
        for (generation, until) in [(1, 11_000), (2, 12_000), (3, 13_000)] {
            assert_eq!(decide(generation, &refresh, at(until + 1)), Decision::End, "{generation}");
        }
        assert_eq!(decide(4, &refresh, at(14_001)), Decision::RepeatLate, "the last one has five minutes");
    }

    #[test]
    fn token_whose_use_is_not_noted_any_more_ends_the_login() {
        let refresh = used(&[1_000; 33]);
        assert_eq!(decide(2, &refresh, at(1_000)), Decision::Repeat);
        assert_eq!(decide(1, &refresh, at(1_000)), Decision::End);
    }

    #[test]
    fn uses_of_a_minute_are_noted_and_no_more() {
        let refresh = used(&[0, 1_000, 61_000, 62_000]);
        assert_eq!(
            [1, 2, 3, 4].map(|generation| refresh.first_use(generation)),
            [None, None, Some(at(61_000)), Some(at(62_000))]
        );
    }

    #[test]
    fn clock_that_was_set_back_counts_as_no_time() {
        let refresh = used(&[1_000_000, 1_060_000]);
        for generation in [1, 2] {
            assert_eq!(decide(generation, &refresh, at(0)), Decision::Repeat);
        }
    }
}
