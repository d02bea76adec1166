use socketioxide::{SocketIo, extract::SocketRef, socket::Sid};

use super::Session;

/// How many times as long as without a namespace it is until the next look at a transport with one. A namespace that is
/// left tells so, unless a handler keeps what belongs to it.
const RARELY: u32 = 30;
/// In which namespaces the client is.
impl Session {
    /// A `CONNECT` was good: the transport lives until the first of its credentials ends.
    pub(in crate::socketio) fn connected(&self, sid: Sid) {
        let _ = self.sid.set(sid);
        let now = self.now();
        let settled = self.change_and_tell(|life| {
            life.look_at = now.checked_add(self.patience.saturating_mul(RARELY));
            life.connected = true;
            life.pending.take()
        });
        drop(settled);
        self.opened();
    }

    /// A namespace may have been left.
    pub(in crate::socketio) fn left(&self) {
        let soon = self.now().checked_add(self.patience);
        self.change_and_tell(|life| {
            if life.connected {
                life.connected = false;
                life.look_at = life.look_at.into_iter().chain(soon).min();
            }
        });
    }

    /// Looks whether the client is in a namespace, and tells whether the transport may go on.
    pub(in crate::socketio) fn look(&self, io: &SocketIo) -> bool {
        let all: Vec<_> = self.life().users.iter().map(|(name, held)| (name.clone(), held.number)).collect();
        let is_in = |name: &str| self.socket(io, name).is_some_and(|socket| socket.connected());
        let (there, left): (Vec<_>, Vec<_>) = all.into_iter().partition(|(name, _)| is_in(name));
        let now = self.now();
        self.change_and_tell(|life| {
            let is_in = !there.is_empty();
            let goes_on = is_in || life.connected;
            life.connected = is_in;
            let wait = if is_in { self.patience.saturating_mul(RARELY) } else { self.patience };
            life.look_at = now.checked_add(wait);
            // Whoever is in none may be on the way into one.
            for (name, number) in left.into_iter().filter(|_| is_in) {
                if life.users.get(&name).is_some_and(|held| held.number == number)
                    && let Some(held) = life.users.remove(&name)
                {
                    life.drop_credential(&held);
                }
            }
            life.plan_notice(self.notice, now);
            goes_on
        })
    }

    /// The Socket.IO connections over this transport.
    pub(in crate::socketio) fn sockets(&self, io: &SocketIo) -> Vec<SocketRef> {
        let namespaces: Vec<_> = self.life().users.keys().cloned().collect();
        namespaces.iter().filter_map(|namespace| self.socket(io, namespace)).collect()
    }

    fn socket(&self, io: &SocketIo, namespace: &str) -> Option<SocketRef> {
        io.of(namespace)?.get_socket(self.sid()?)
    }
}
