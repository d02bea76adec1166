use super::{
    Session,
    credit::{Room, RunningPost, WaitingPoll},
};

/// How many bytes a client may post that it has not paid for, beside one of the longest `POST`s: not everything is answered.
const UNPAID: u64 = 16 * 1024;
/// How many of the longest `POST`s a client may send during an upgrade, once it has been in a namespace. engine.io answers polls
/// with nothing then, and the client sends what it has before it goes on with the upgrade.
const DURING_UPGRADE: u64 = 8;

/// What the client of a transport that polls may post; see [`Credit`](super::credit::Credit).
impl Session {
    /// Waits until a `POST` of this many bytes may be handled. `longest` is the longest that is allowed.
    pub(crate) async fn post(&self, bytes: u64, longest: u64) -> RunningPost<'_> {
        let has_connected = self.state().has_connected;
        let room = || {
            let is_upgrading = *self.streams.borrow() > 0;
            let posts = if is_upgrading && has_connected { DURING_UPGRADE } else { 1 };
            Room { unpaid: longest.saturating_mul(posts).saturating_add(UNPAID), polls_count: !is_upgrading }
        };
        // No more is read of one that is longer.
        self.credit.post(bytes.min(longest), room).await
    }

    /// A poll waits until this is dropped.
    pub(crate) fn poll(&self) -> WaitingPoll<'_> {
        self.credit.poll()
    }

    /// An upgrade has begun, or is over.
    pub(super) fn upgrades(&self) {
        self.credit.look_again();
    }

    /// A poll was answered with this many bytes.
    pub(crate) fn took(&self, bytes: u64) {
        self.credit.took(bytes);
    }
}
