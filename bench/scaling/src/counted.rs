//! A feed of revocations that counts what passes through it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use async_trait::async_trait;
use auth_core::{BoxError, Evidence, RevocationCheck, RevocationEvent, RevocationFeed, RevocationListener};
use auth_store::Revocations;

use crate::order::{Tally, unix_nanos};

#[derive(Clone)]
pub struct Counted {
    inner: Revocations,
    counts: Arc<Counts>,
}

#[derive(Default)]
pub struct Counts {
    heard: AtomicU64,
    missed: AtomicU64,
    last_missed: AtomicU64,
    looked_up: AtomicU64,
    last_look_up: AtomicU64,
}

impl Counted {
    pub fn new(inner: Revocations) -> Self {
        Self { inner, counts: Arc::default() }
    }

    pub fn tally(&self) -> Tally {
        let counts = &self.counts;
        Tally {
            heard: counts.heard.load(Relaxed),
            missed: counts.missed.load(Relaxed),
            last_missed_unix_nanos: counts.last_missed.load(Relaxed),
            looked_up: counts.looked_up.load(Relaxed),
            last_look_up_unix_nanos: counts.last_look_up.load(Relaxed),
            closed: 0,
        }
    }
}

#[async_trait]
impl RevocationCheck for Counted {
    async fn is_revoked(&self, evidence: &Evidence) -> Result<bool, BoxError> {
        self.is_any_revoked(evidence).await
    }

    async fn is_any_revoked(&self, evidence: &Evidence) -> Result<bool, BoxError> {
        let answer = self.inner.is_any_revoked(evidence).await;
        if answer.is_ok() {
            self.counts.looked_up.fetch_add(1, Relaxed);
            self.counts.last_look_up.store(unix_nanos(), Relaxed);
        }
        answer
    }
}

#[async_trait]
impl RevocationFeed for Counted {
    async fn listen(&self) -> Box<dyn RevocationListener> {
        Box::new(Listener { inner: self.inner.listen().await, counts: Arc::clone(&self.counts) })
    }
}

struct Listener {
    inner: Box<dyn RevocationListener>,
    counts: Arc<Counts>,
}

#[async_trait]
impl RevocationListener for Listener {
    async fn next(&mut self) -> Option<RevocationEvent> {
        let event = self.inner.next().await?;
        match event {
            RevocationEvent::Revoked(_) => drop(self.counts.heard.fetch_add(1, Relaxed)),
            // News of an unknown kind mean the same.
            _ => {
                self.counts.missed.fetch_add(1, Relaxed);
                self.counts.last_missed.store(unix_nanos(), Relaxed);
            }
        }
        Some(event)
    }
}
