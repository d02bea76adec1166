use socketioxide::{SocketIo, extract::SocketRef, socket::Sid};

use super::Session;

/// How many times as long as without a namespace to wait until the next look at a transport with one. Leaving a namespace is
/// noticed at once, unless a handler keeps its socket.
const RARELY: u32 = 30;

/// In which namespaces the client is.
impl Session {
    /// The client has come into a namespace: the transport lives until the first of its credentials ends. That of a guest stays
    /// pending.
    pub(crate) fn connected(&self, namespace: &str, sid: Sid) {
        self.set_sid(sid);
        let now = self.moment();
        self.change_and_notify(|state| {
            state.time.look_again_in(self.patience.saturating_mul(RARELY), now);
            (state.connected, state.has_connected) = (true, true);
            if let Some(held) = state.users.get_mut(namespace) {
                held.arrived = true;
            }
            if !state.is_ended() {
                self.place.free();
            }
            self.settle(state);
        });
        self.opened();
    }

    /// Whether its client has come into a namespace. It may have left it.
    pub(crate) fn has_arrived(&self, namespace: &str) -> bool {
        self.state().users.get(namespace).is_some_and(|held| held.arrived)
    }

    /// A namespace may have been left.
    pub(crate) fn left(&self) {
        let now = self.moment();
        self.change_and_notify(|state| {
            if std::mem::take(&mut state.connected) {
                state.time.look_in(self.patience, now);
            }
        });
    }

    /// Looks whether the client is in a namespace, and returns whether the transport may go on.
    pub(crate) fn look(&self, io: &SocketIo) -> bool {
        // A client on its way into a namespace is not in it yet, and has not left it.
        let all: Vec<_> = self.state().arrived().map(|(name, held)| (name.clone(), held.number)).collect();
        let is_in = |name: &str| self.socket(io, name).is_some_and(|socket| socket.connected());
        let (there, left): (Vec<_>, Vec<_>) = all.into_iter().partition(|(name, _)| is_in(name));
        let now = self.moment();
        self.change_and_notify(|state| {
            let is_in = !there.is_empty();
            let goes_on = is_in || state.connected;
            state.connected = is_in;
            let wait = if is_in { self.patience.saturating_mul(RARELY) } else { self.patience };
            state.time.look_again_in(wait, now);
            // Keep everything while the client is in no namespace.
            for (name, number) in left.into_iter().filter(|_| is_in) {
                state.take_back(&name, number, now);
            }
            if is_in {
                self.settle(state);
            }
            goes_on
        })
    }

    /// The Socket.IO connections over this transport.
    pub(crate) fn sockets(&self, io: &SocketIo) -> Vec<SocketRef> {
        let namespaces: Vec<_> = self.state().users.keys().cloned().collect();
        namespaces.iter().filter_map(|namespace| self.socket(io, namespace)).collect()
    }

    fn socket(&self, io: &SocketIo, namespace: &str) -> Option<SocketRef> {
        io.of(namespace)?.get_socket(self.sid()?)
    }
}
