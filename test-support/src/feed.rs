//! A store of revocations that fails, hangs or answers late.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use auth_core::{
    BoxError, Evidence, Revocation, RevocationCheck, RevocationEvent, RevocationFeed, RevocationListener, async_trait,
};
use tokio::sync::{broadcast, watch};

/// Knows which credentials are revoked, and tells its listeners. Clones share one state.
#[derive(Clone)]
pub struct Feed(Arc<Inner>);

struct Inner {
    revoked: Mutex<Vec<Revocation>>,
    news: broadcast::Sender<RevocationEvent>,
    is_away: AtomicBool,
    hangs: AtomicBool,
    panics: AtomicBool,
    holds_answers: watch::Sender<bool>,
    asked: AtomicUsize,
}

impl Default for Feed {
    fn default() -> Self {
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
}

impl Feed {
    /// A store that answers at once, and knows no revocation.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stores a revocation, then tells the listeners.
    pub fn revoke(&self, revocation: Revocation) {
        self.revoke_silently(revocation.clone());
        let _ = self.0.news.send(RevocationEvent::Revoked(revocation));
    }

    /// Stores a revocation without telling the listeners, as another node does while the bus is down.
    pub fn revoke_silently(&self, revocation: Revocation) {
        self.0.revoked.lock().unwrap().push(revocation);
    }

    /// Tells the listeners that they missed some news.
    pub fn miss(&self) {
        let _ = self.0.news.send(RevocationEvent::Missed);
    }

    /// Whether each question fails.
    pub fn is_away(&self, is_away: bool) {
        self.0.is_away.store(is_away, Ordering::SeqCst);
    }

    /// Whether a question never gets an answer.
    pub fn hangs(&self, hangs: bool) {
        self.0.hangs.store(hangs, Ordering::SeqCst);
    }

    /// Whether each question panics.
    pub fn panics(&self, panics: bool) {
        self.0.panics.store(panics, Ordering::SeqCst);
    }

    /// Whether answers wait until this is false again.
    pub fn holds_answers(&self, holds: bool) {
        self.0.holds_answers.send_replace(holds);
    }

    /// How many questions came.
    pub fn asked(&self) -> usize {
        self.0.asked.load(Ordering::SeqCst)
    }

    /// Waits until somebody listens.
    pub async fn is_followed(&self) {
        while self.0.news.receiver_count() == 0 {
            tokio::task::yield_now().await;
        }
    }

    /// Waits until every listener has all the news.
    pub async fn is_heard(&self) {
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
