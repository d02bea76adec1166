use std::time::SystemTime;

use auth_core::Authenticated;

use super::{Entry, NotNow, Session};
use crate::socketio::life::Life;

/// How many wrong credentials in a row may be presented in order to take the place of another.
const MAX_FAILURES: u8 = 3;

/// A credential in the place of another.
impl Session {
    /// Begins to look at one for a namespace, until [`end_refresh`](Self::end_refresh). One at a time is.
    pub(in crate::socketio) fn begin_refresh(&self, namespace: &str, number: u64) -> Result<(), NotNow> {
        let now = self.now();
        self.change(|life| {
            if life.is_over(now) {
                return Err(NotNow::Ended);
            }
            let held = life.users.get_mut(namespace).filter(|held| held.number == number).ok_or(NotNow::Ended)?;
            if std::mem::replace(&mut held.refreshing, true) { Err(NotNow::InProgress) } else { Ok(()) }
        })
    }

    /// The evidence of the namespace is another one from now on, unless the session has ended meanwhile. Where the chain
    /// is that of the transport, so is the transport's own, and that of every namespace which lives by it. Gives the end
    /// of the session.
    pub(in crate::socketio) fn swap<U: Send + Sync + 'static>(
        &self,
        (namespace, number): (&str, u64),
        user: &Authenticated<U>,
        entry: Entry,
        is_chain_of_transport: bool,
    ) -> Result<Option<SystemTime>, NotNow> {
        let now = self.now();
        // What is not taken leaves the registry outside of the lock.
        let mut entry = Some(entry);
        self.change_and_tell(|life| {
            if life.is_over(now) {
                return Err(NotNow::Ended);
            }
            let Life { opened_by, users, .. } = life;
            let held = users.get_mut(namespace).filter(|held| held.number == number).ok_or(NotNow::Ended)?;
            let credential = entry.take().map(Entry::hold).ok_or(NotNow::Ended)?;
            let opened_by = opened_by.as_mut().filter(|_| is_chain_of_transport);
            let of_transport = opened_by.is_some();
            let mut old = vec![held.renew(user, &credential, of_transport)];
            if let Some(opened_by) = opened_by {
                old.push(opened_by.renew(user, &credential, false));
                let others = users.values_mut().filter(|held| held.of_transport && held.number != number);
                others.for_each(|held| drop(held.renew(user, &credential, true)));
            }
            old.iter().for_each(|old| life.drop_credential(old));
            life.failures = 0;
            life.plan_notice(self.notice, now);
            Ok(life.ends_at())
        })
    }

    /// Whoever has begun to look at one has done so, and the next may be looked at.
    pub(in crate::socketio) fn end_refresh(&self, namespace: &str, number: u64) {
        self.change(|life| {
            if let Some(held) = life.users.get_mut(namespace).filter(|held| held.number == number) {
                held.refreshing = false;
            }
        });
    }

    /// A credential was wrong; tells whether that was one too many.
    pub(in crate::socketio) fn count_failure(&self) -> bool {
        self.change(|life| {
            life.failures = life.failures.saturating_add(1);
            life.failures >= MAX_FAILURES
        })
    }
}
