use std::time::SystemTime;

use ws_adapter::adapter::{Entered, NotNow};

use super::{
    Session,
    state::{HeldEvidence, OPENED_BY, SessionState},
};

/// A credential in the place of another.
impl Session {
    /// Begins a refresh in a namespace, until [`end_refresh`](Self::end_refresh). Only one runs at a time.
    pub(crate) fn begin_refresh(&self, number: u64) -> Result<(), NotNow> {
        let now = self.moment();
        self.change_and_notify(|state| state.time.begin_refresh(number, now))
    }

    /// Replaces the evidence of the namespace, unless the session has ended meanwhile. If the chain is that of the transport,
    /// the credential also replaces that of the transport, and of every namespace that lives by it. Returns the end of the
    /// session.
    pub(crate) fn swap(
        &self,
        (namespace, number): (&str, u64),
        entered: &Entered,
        is_chain_of_transport: bool,
    ) -> Result<Option<SystemTime>, NotNow> {
        let now = self.moment();
        self.change_and_notify(|state| {
            if state.is_over(now) {
                return Err(NotNow::Ended);
            }
            let SessionState { time, opened_by, users, .. } = state;
            let held = users.get_mut(namespace).filter(|held| held.number == number).ok_or(NotNow::Ended)?;
            // A guest's stays a guest's.
            let is_same = |old: &HeldEvidence| old.evidence().is_some_and(|old| old.is_same_user(entered.evidence()));
            let opened_by = opened_by.as_mut().filter(|old| is_chain_of_transport && is_same(old));
            held.renew(entered, opened_by.is_some());
            let Some(opened_by) = opened_by else {
                return time.swap([number], entered.evidence(), now);
            };
            opened_by.renew(entered, false);
            for held in users.values_mut().filter(|held| held.of_transport && held.number != number) {
                held.renew(entered, true);
            }
            // From now on the namespace ends with the transport's.
            time.hold(number, None, now);
            time.swap([OPENED_BY], entered.evidence(), now)
        })
    }

    /// Ends a refresh; the next may begin.
    pub(crate) fn end_refresh(&self, number: u64) {
        self.change(|state| state.time.end_refresh(number));
    }

    /// A credential was wrong.
    pub(crate) fn wrong(&self) {
        let now = self.moment();
        self.change_and_notify(|state| state.time.wrong(now));
    }
}
