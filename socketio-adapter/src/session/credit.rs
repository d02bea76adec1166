use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// How much the client of a transport that polls may post. Handlers answer into a buffer of engine.io, which counts packets
/// and not bytes, so the client has to take what it is sent.
#[derive(Default)]
pub(super) struct Credit {
    account: Mutex<Account>,
    changed: Notify,
}

/// What there is room for.
pub(super) struct Room {
    /// How many bytes the client may post that it has not paid for.
    pub(super) unpaid: u64,
    /// Whether a poll that waits is answered with what comes.
    pub(super) polls_count: bool,
}

#[derive(Default)]
struct Account {
    /// How many polls wait for an answer.
    polls: usize,
    /// How many bytes the `POST`s have that are being handled.
    running: u64,
    /// How many bytes were posted, less what the client has taken.
    posted: u64,
}

impl Credit {
    /// Waits until there is room for this many bytes more. While a poll waits, only the `POST`s that are being handled count; without
    /// a poll, everything that the client has not paid for. A single `POST` always has room.
    pub(super) async fn post(&self, bytes: u64, room: impl Fn() -> Room) -> RunningPost<'_> {
        loop {
            let changed = self.changed.notified();
            {
                let Room { unpaid, polls_count } = room();
                let fits = |used: u64| used == 0 || used.saturating_add(bytes) <= unpaid;
                let mut account = self.account();
                if fits(account.posted) || (polls_count && account.polls > 0 && fits(account.running)) {
                    account.running = account.running.saturating_add(bytes);
                    account.posted = account.posted.saturating_add(bytes);
                    return RunningPost { credit: self, bytes };
                }
            }
            changed.await;
        }
    }

    pub(super) fn poll(&self) -> WaitingPoll<'_> {
        self.change(|account| account.polls += 1);
        WaitingPoll(self)
    }

    pub(super) fn took(&self, bytes: u64) {
        self.change(|account| account.posted = account.posted.saturating_sub(bytes));
    }

    /// Something else has changed that [`Room`] depends on.
    pub(super) fn look_again(&self) {
        self.changed.notify_waiters();
    }

    fn change(&self, change: impl FnOnce(&mut Account)) {
        change(&mut self.account());
        self.changed.notify_waiters();
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A `POST` that is being handled, until this is dropped.
pub(crate) struct RunningPost<'c> {
    credit: &'c Credit,
    bytes: u64,
}

impl Drop for RunningPost<'_> {
    fn drop(&mut self) {
        self.credit.change(|account| account.running = account.running.saturating_sub(self.bytes));
    }
}

/// A poll that waits for an answer until this is dropped.
pub(crate) struct WaitingPoll<'c>(&'c Credit);

impl Drop for WaitingPoll<'_> {
    fn drop(&mut self) {
        self.0.change(|account| account.polls = account.polls.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, pin::pin};

    use futures_util::FutureExt as _;

    use super::*;

    fn hundred() -> Room {
        Room { unpaid: 100, polls_count: true }
    }

    /// Whether so much may be posted, of a hundred.
    fn posts(credit: &Credit, bytes: u64) -> bool {
        credit.post(bytes, hundred).now_or_never().is_some()
    }

    #[test]
    fn no_more_is_posted_without_a_poll_than_the_limit() {
        let credit = Credit::default();
        assert!(posts(&credit, 60) && posts(&credit, 40));
        assert!(!posts(&credit, 1));
        credit.took(100);
        assert!(posts(&credit, 101), "a single one");
        assert!(!posts(&credit, 1));
    }

    #[test]
    fn each_byte_that_the_client_takes_allows_another() {
        let credit = Credit::default();
        assert!(posts(&credit, 100));
        for (taken, bytes, expected) in [(0, 1, false), (1, 1, true), (1, 2, false), (9, 10, true)] {
            drop(credit.poll());
            credit.took(taken);
            assert_eq!(posts(&credit, bytes), expected, "{taken} {bytes}");
        }
    }

    #[tokio::test]
    async fn post_that_waits_goes_on_with_the_next_poll() {
        let credit = Credit::default();
        assert!(posts(&credit, 100));
        let mut post = pin!(credit.post(100, hundred));
        assert!((&mut post).now_or_never().is_none());
        let poll = credit.poll();
        drop(post.await);
        assert!(posts(&credit, 100), "while a poll waits, everything that comes is answered with it");
        drop(poll);
        assert!(!posts(&credit, 1));
        credit.took(300);
        assert!(posts(&credit, 100));
    }

    #[tokio::test]
    async fn no_more_is_handled_at_a_time_than_the_limit_even_while_a_poll_waits() {
        let credit = Credit::default();
        let _poll = credit.poll();
        let first = credit.post(60, hundred).await;
        assert!(posts(&credit, 40) && posts(&credit, 40));
        assert!(!posts(&credit, 41));
        drop(first);
        assert!(posts(&credit, 41));
    }

    #[tokio::test]
    async fn poll_that_waits_counts_once_an_upgrade_is_over() {
        let (credit, is_upgrading) = (Credit::default(), Cell::new(true));
        assert!(posts(&credit, 100));
        let _poll = credit.poll();
        let mut post = pin!(credit.post(1, || Room { unpaid: 100, polls_count: !is_upgrading.get() }));
        assert!((&mut post).now_or_never().is_none());
        is_upgrading.set(false);
        credit.changed.notify_waiters();
        drop(post.await);
    }
}
