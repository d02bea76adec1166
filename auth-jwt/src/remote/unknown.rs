use std::{
    collections::VecDeque,
    hash::{BuildHasher as _, RandomState},
    time::{Duration, SystemTime},
};

const REMEMBERED: usize = 128;
const FOR: Duration = Duration::from_secs(60);

/// Names of keys that a fetch has just looked for and not found, so that the next is not spent on them again.
///
/// Hashes are kept, under a key of their own, since names are as long as strangers like. Two names of one hash, 1 in
/// 2⁶⁴, cost the second a minute.
#[derive(Default)]
pub(super) struct UnknownIds {
    hasher: RandomState,
    /// The oldest first.
    ids: VecDeque<(u64, SystemTime)>,
}

impl UnknownIds {
    pub(super) fn remember(&mut self, kid: &str, now: SystemTime) {
        let id = self.hasher.hash_one(kid);
        self.ids.retain(|(other, _)| *other != id);
        if self.ids.len() >= REMEMBERED {
            self.ids.pop_front();
        }
        self.ids.push_back((id, now));
    }

    pub(super) fn contains(&self, kid: &str, now: SystemTime) -> bool {
        let id = self.hasher.hash_one(kid);
        // A clock that was set back has forgotten.
        let is_recent = |since: SystemTime| now.duration_since(since).is_ok_and(|age| age < FOR);
        self.ids.iter().any(|&(other, since)| other == id && is_recent(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(secs)
    }

    #[test]
    fn unknown_id_is_remembered_for_sixty_seconds() {
        let mut ids = UnknownIds::default();
        ids.remember("a", at(100));
        assert!(ids.contains("a", at(100)) && ids.contains("a", at(159)));
        assert!(!ids.contains("a", at(160)) && !ids.contains("a", at(99)));
        assert!(!ids.contains("b", at(100)));
    }

    #[test]
    fn at_most_128_unknown_ids_are_remembered() {
        let mut ids = UnknownIds::default();
        for n in 0..=128 {
            ids.remember(&n.to_string(), at(100));
        }
        assert!(!ids.contains("0", at(100)) && ids.contains("1", at(100)) && ids.contains("128", at(100)));
        assert_eq!(ids.ids.len(), 128);
    }

    #[test]
    fn remembering_again_takes_no_second_place() {
        let mut ids = UnknownIds::default();
        ids.remember("a", at(100));
        ids.remember("a", at(150));
        assert_eq!(ids.ids.len(), 1);
        assert!(ids.contains("a", at(200)));
    }
}
