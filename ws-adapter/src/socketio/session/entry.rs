use std::sync::Arc;

use super::Session;
use crate::connections::Credential;

/// A credential in the registry; it leaves when this is dropped, unless the session holds it by then.
pub(in crate::socketio) struct Entry {
    session: Arc<Session>,
    credential: Credential,
    is_held: bool,
}

impl Entry {
    pub(super) fn new(session: &Arc<Session>, credential: Credential) -> Self {
        Self { session: Arc::clone(session), credential, is_held: false }
    }

    /// The session holds it from now on.
    pub(super) fn hold(mut self) -> Credential {
        self.is_held = true;
        self.credential.clone()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !self.is_held {
            self.session.change(|life| life.withdraw(&self.credential));
        }
    }
}
