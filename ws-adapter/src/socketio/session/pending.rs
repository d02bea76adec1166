use std::sync::{Arc, Weak};

use super::Session;
use crate::{Close, connections::End};

impl Session {
    /// Ends the session while it is pending, when another client takes its place.
    pub(in crate::socketio) fn displaced(self: &Arc<Self>) -> Arc<dyn End> {
        Arc::new(ByNewcomer(Arc::downgrade(self)))
    }
}

struct ByNewcomer(Weak<Session>);

impl End for ByNewcomer {
    fn end(&self, close: Close) {
        let Some(session) = self.0.upgrade() else {
            return;
        };
        session.change_and_tell(|life| {
            // A client that has just entered a namespace no longer needs the place.
            let waits = !life.begun || life.pending.is_some();
            if waits {
                life.time.end(close);
            }
        });
    }
}
