//! Calls that change one row, one after the other.

use std::{
    array,
    hash::{BuildHasher as _, RandomState},
};

use tokio::{
    sync::{Mutex, MutexGuard},
    time::{Instant, timeout_at},
};

use super::failure::timeout;
use crate::failure::Failure;

/// More than one row may have a turn in common.
const COUNT: u64 = 64;

/// Whose turn it is to ask for a connection. Otherwise many guesses for one account would have all connections, only to wait for its
/// row, and nobody else had one.
pub(super) struct Turns {
    turns: [Mutex<()>; COUNT as usize],
    /// Nobody outside knows which rows have a turn in common.
    hasher: RandomState,
}

impl Turns {
    pub(super) fn new() -> Self {
        Self { turns: array::from_fn(|_| Mutex::default()), hasher: RandomState::new() }
    }

    /// Waits for the turn of this key, which is over when the guard is dropped.
    pub(super) async fn wait(&self, key: &str, until: Instant) -> Result<Option<MutexGuard<'_, ()>>, Failure> {
        let place = usize::try_from(self.hasher.hash_one(key) % COUNT).unwrap_or_default();
        // OK because there is one for each rest.
        let Some(turn) = self.turns.get(place) else { return Ok(None) };
        Ok(Some(timeout_at(until, turn.lock()).await.map_err(|_| timeout())?))
    }
}
