//! A store of revocations that can be away.
#![allow(dead_code, reason = "shared with other programs of tests, which use a part")]

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use auth_core::{
    BoxError, Evidence, Revocation, RevocationCheck, RevocationEvent, RevocationFeed, RevocationListener, async_trait,
};
use tokio::sync::{broadcast, watch};

#[derive(Clone)]
pub(crate) struct Feed(Arc<Inner>);

struct Inner {
    revoked: Mutex<Vec<Revocation>>,
    news: broadcast::Sender<RevocationEvent>,
    is_away: AtomicBool,
    hangs: AtomicBool,
    panics: AtomicBool,
    holds_answers: watch::Sender<bool>,
    asked: AtomicUsize,
}

impl Feed {
    pub(crate) fn new() -> Self {
        let news = broadcast::Sender::new(4096);
        Self(Arc::new(Inner {
            revoked: Mutex::default(),
            news,
            is_away: false.into(),
            hangs: false.into(),
            panics: false.into(),
            holds_answers: watch::Sender::new(false),
            asked: 0.into(),
        }))
    }

    /// Makes it known, then tells of it.
    pub(crate) fn revoke(&self, revocation: Revocation) {
        self.revoke_silently(revocation.clone());
        let _ = self.0.news.send(RevocationEvent::Revoked(revocation));
    }

    /// As another node does while the bus is away.
    pub(crate) fn revoke_silently(&self, revocation: Revocation) {
        self.0.revoked.lock().unwrap().push(revocation);
    }

    pub(crate) fn miss(&self) {
        let _ = self.0.news.send(RevocationEvent::Missed);
    }

    pub(crate) fn is_away(&self, is_away: bool) {
        self.0.is_away.store(is_away, Ordering::SeqCst);
    }

    pub(crate) fn hangs(&self, hangs: bool) {
        self.0.hangs.store(hangs, Ordering::SeqCst);
    }

    pub(crate) fn panics(&self, panics: bool) {
        self.0.panics.store(panics, Ordering::SeqCst);
    }

    /// Lets nothing that it answers arrive, for as long as this is so.
    pub(crate) fn holds_answers(&self, holds: bool) {
        self.0.holds_answers.send_replace(holds);
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.0.asked.load(Ordering::SeqCst)
    }

    /// Waits until somebody listens.
    pub(crate) async fn is_followed(&self) {
        while self.0.news.receiver_count() == 0 {
            tokio::task::yield_now().await;
        }
    }

    /// Waits until whoever listens has all the news.
    pub(crate) async fn is_heard(&self) {
        while !self.0.news.is_empty() {
            tokio::task::yield_now().await;
        }
    }
}

#[async_trait]
impl RevocationCheck for Feed {
    async fn is_revoked(&self, evidence: &Evidence) -> Result<bool, BoxError> {
        // Once over the executor, as a real store would.
        tokio::task::yield_now().await;
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        if self.0.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        assert!(!self.0.panics.load(Ordering::SeqCst), "the check panics");
        if self.0.is_away.load(Ordering::SeqCst) {
            return Err("the store is away".into());
        }
        let is_revoked = self.0.revoked.lock().unwrap().iter().any(|revocation| revocation.covers(evidence));
        let _ = self.0.holds_answers.subscribe().wait_for(|holds| !holds).await;
        Ok(is_revoked)
    }
}

#[async_trait]
impl RevocationFeed for Feed {
    async fn listen(&self) -> Box<dyn RevocationListener> {
        Box::new(Listener(self.0.news.subscribe()))
    }
}

struct Listener(broadcast::Receiver<RevocationEvent>);

#[async_trait]
impl RevocationListener for Listener {
    async fn next(&mut self) -> Option<RevocationEvent> {
        self.0.recv().await.ok()
    }
}
