use std::time::SystemTime;

use auth_core::Authenticated;

use super::{Entry, NotNow, Session};
use crate::socketio::life::{Held, Life, OPENED_BY};

/// A credential in the place of another.
impl Session {
    /// Begins to look at one for a namespace, until [`end_refresh`](Self::end_refresh). One at a time is.
    pub(in crate::socketio) fn begin_refresh(&self, number: u64) -> Result<(), NotNow> {
        let now = self.moment();
        Ok(self.change_and_tell(|life| life.time.begin_refresh(number, now))?)
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
        let now = self.moment();
        // What is not taken leaves the registry outside of the lock.
        let mut entry = Some(entry);
        self.change_and_tell(|life| {
            if life.is_over(now) {
                return Err(NotNow::Ended);
            }
            let Life { opened_by, users, .. } = life;
            let held = users.get_mut(namespace).filter(|held| held.number == number).ok_or(NotNow::Ended)?;
            let credential = entry.take().map(Entry::hold).ok_or(NotNow::Ended)?;
            // A guest's stays a guest's.
            let is_same = |old: &Held| old.evidence().is_some_and(|old| old.is_same_user(user.evidence()));
            let opened_by = opened_by.as_mut().filter(|old| is_chain_of_transport && is_same(old));
            let of_transport = opened_by.is_some();
            let mut slots = vec![number];
            let mut old = vec![held.renew(user, &credential, of_transport)];
            if let Some(opened_by) = opened_by {
                slots.push(OPENED_BY);
                old.push(opened_by.renew(user, &credential, false));
                for held in users.values_mut().filter(|held| held.of_transport && held.number != number) {
                    slots.push(held.number);
                    drop(held.renew(user, &credential, true));
                }
            }
            old.iter().for_each(|old| life.drop_credential(old));
            Ok(life.time.swap(slots, user.evidence().expires_at(), now)?)
        })
    }

    /// Whoever has begun to look at one has done so, and the next may be looked at.
    pub(in crate::socketio) fn end_refresh(&self, number: u64) {
        self.change(|life| life.time.end_refresh(number));
    }

    /// A credential was wrong.
    pub(in crate::socketio) fn wrong(&self) {
        let now = self.moment();
        self.change_and_tell(|life| life.time.wrong(now));
    }
}
