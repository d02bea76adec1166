use std::sync::Arc;

use bytes::Bytes;

use super::Session;

/// The answer to a poll, until it is on its way to the client or is dropped.
struct Untaken {
    session: Arc<Session>,
    packets: Bytes,
}

impl Session {
    /// The answer to a poll. The client has taken it when these bytes are dropped. Until then they cost memory, and the session
    /// counts.
    pub(crate) fn answer(self: &Arc<Self>, packets: Bytes) -> Bytes {
        if packets.is_empty() {
            return packets;
        }
        self.change(|state| state.untaken += 1);
        Bytes::from_owner(Untaken { session: Arc::clone(self), packets })
    }
}

impl AsRef<[u8]> for Untaken {
    fn as_ref(&self) -> &[u8] {
        &self.packets
    }
}

impl Drop for Untaken {
    fn drop(&mut self) {
        self.session.took(self.packets.len() as u64);
        self.session.change(|state| {
            state.untaken -= 1;
            if state.untaken == 0 && state.has_connected {
                // Under the lock, so that no later answer is freed in place of this one.
                self.session.place.free();
            }
        });
    }
}
