use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use aws_lc_rs::digest;

/// Used proofs, for as long as they would be accepted (RFC 9449, 11.1).
pub(super) struct Replays {
    total: usize,
    per_key: usize,
    used: Mutex<Used>,
}

/// Why a proof cannot be spent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotSpent {
    Replayed,
    Full,
}

/// Only hashes are stored, since the ids that clients choose may be long or private.
type Hash = [u8; 32];

#[derive(Default)]
struct Used {
    proofs: HashSet<Hash>,
    /// The number of proofs of each key.
    keys: HashMap<Hash, usize>,
    /// The next to be forgotten comes first.
    ends: BinaryHeap<Reverse<(SystemTime, Hash, Hash)>>,
    /// The latest end of a proof that was forgotten. A request with an older instant, after a wait or a change of the clock,
    /// must not spend such a proof again.
    forgotten: Option<SystemTime>,
}

impl Replays {
    pub(super) fn new(total: usize, per_key: usize) -> Self {
        Self { total, per_key, used: Mutex::default() }
    }

    /// Spends the proof `jti` of the key `jkt`, which is accepted until the instant `until`, inclusive.
    pub(super) fn spend(&self, jkt: &str, jti: &str, until: SystemTime, now: SystemTime) -> Result<(), NotSpent> {
        let key = hash(&[jkt]);
        // A thumbprint contains no NUL, so two pairs never look the same.
        let proof = hash(&[jkt, "\0", jti]);
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.forget(now);
        if used.proofs.contains(&proof) || used.forgotten.is_some_and(|forgotten| until <= forgotten) {
            return Err(NotSpent::Replayed);
        }
        let of_this_key = used.keys.get(&key).copied().unwrap_or_default();
        if used.proofs.len() >= self.total || of_this_key >= self.per_key {
            return Err(NotSpent::Full);
        }
        used.proofs.insert(proof);
        used.keys.insert(key, of_this_key + 1);
        used.ends.push(Reverse((until, proof, key)));
        Ok(())
    }
}

impl Used {
    fn forget(&mut self, now: SystemTime) {
        while self.ends.peek().is_some_and(|Reverse((until, ..))| *until < now) {
            let Some(Reverse((until, proof, key))) = self.ends.pop() else { return };
            self.forgotten = self.forgotten.max(Some(until));
            self.proofs.remove(&proof);
            match self.keys.get_mut(&key) {
                Some(count) if *count > 1 => *count -= 1,
                _ => _ = self.keys.remove(&key),
            }
        }
    }
}

fn hash(parts: &[&str]) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    parts.iter().for_each(|part| context.update(part.as_bytes()));
    // OK because the digest of this hash has 32 bytes.
    context.finish().as_ref().try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(secs: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(secs)
    }

    #[test]
    fn forgotten_proof_is_not_spent_again_by_an_older_request() {
        let replays = Replays::new(10, 10);
        assert_eq!(replays.spend("k", "a", at(60), at(0)), Ok(()));
        // Another client's request is at a later instant, and gets there first.
        assert_eq!(replays.spend("x", "b", at(121), at(61)), Ok(()));
        assert_eq!(replays.spend("k", "a", at(60), at(60)), Err(NotSpent::Replayed));
        assert_eq!(replays.spend("k", "c", at(121), at(61)), Ok(()), "a fresh one goes on");
    }

    #[test]
    fn spent_proof_is_remembered_until_it_expires() {
        let replays = Replays::new(10, 10);
        assert_eq!(replays.spend("key", "a", at(60), at(0)), Ok(()));
        assert_eq!(replays.spend("key", "a", at(60), at(60)), Err(NotSpent::Replayed));
        assert_eq!(replays.spend("other", "a", at(60), at(0)), Ok(()));
        assert_eq!(replays.spend("key", "b", at(60), at(0)), Ok(()));
        assert_eq!(replays.spend("key", "a", at(120), at(61)), Ok(()));
    }

    #[test]
    fn full_memory_refuses_and_forgets_no_valid_proof() {
        let replays = Replays::new(2, 10);
        assert_eq!(replays.spend("a", "1", at(60), at(0)), Ok(()));
        assert_eq!(replays.spend("b", "1", at(30), at(0)), Ok(()));
        assert_eq!(replays.spend("c", "1", at(60), at(0)), Err(NotSpent::Full));
        assert_eq!(replays.spend("a", "1", at(60), at(0)), Err(NotSpent::Replayed));
        assert_eq!(replays.spend("c", "1", at(60), at(31)), Ok(()), "the second has made room");
    }

    #[test]
    fn one_key_does_not_spend_the_room_of_all() {
        let replays = Replays::new(10, 2);
        for jti in ["1", "2"] {
            assert_eq!(replays.spend("a", jti, at(60), at(0)), Ok(()));
        }
        assert_eq!(replays.spend("a", "3", at(60), at(0)), Err(NotSpent::Full));
        assert_eq!(replays.spend("b", "3", at(60), at(0)), Ok(()));
        assert_eq!(replays.spend("a", "3", at(120), at(61)), Ok(()));
    }

    #[test]
    fn room_of_a_key_is_made_by_each_proof_that_ends() {
        let replays = Replays::new(10, 2);
        assert_eq!(replays.spend("a", "1", at(30), at(0)), Ok(()));
        assert_eq!(replays.spend("a", "2", at(60), at(0)), Ok(()));
        assert_eq!(replays.spend("a", "3", at(60), at(31)), Ok(()));
        assert_eq!(replays.spend("a", "4", at(60), at(31)), Err(NotSpent::Full));
    }

    #[test]
    fn memory_is_bounded_under_churn() {
        let replays = Replays::new(100, 100);
        for i in 0..10_000 {
            assert_eq!(replays.spend(&i.to_string(), "a", at(i + 50), at(i)), Ok(()));
        }
        let used = replays.used.lock().unwrap();
        assert_eq!([used.proofs.len(), used.keys.len(), used.ends.len()], [51; 3]);
    }
}
