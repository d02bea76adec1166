use std::sync::Arc;

use super::Session;

/// The stream of a WebSocket, which keeps its session and the place of that in the registry until it is gone.
pub(in crate::socketio) struct Stream(Arc<Session>);

impl Session {
    /// There is, or will be, one more. `None` if there is one already, and `is_second` does not say that engine.io turns this one
    /// away at once: all whose upgrade has begun would be taken in turn.
    pub(in crate::socketio) fn stream(self: &Arc<Self>, is_second: bool) -> Option<Stream> {
        let is_taken = self.streams.send_if_modified(|streams| {
            let may = is_second || *streams == 0;
            *streams += usize::from(may);
            may
        });
        is_taken.then(|| Stream(Arc::clone(self)))
    }

    /// Waits until the last one is gone.
    pub(in crate::socketio) async fn streams_gone(&self) {
        let mut streams = self.streams.subscribe();
        // OK because the sender is here.
        let _ = streams.wait_for(|streams| *streams == 0).await;
    }
}

impl Stream {
    pub(in crate::socketio) fn session(&self) -> &Session {
        &self.0
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.streams.send_modify(|streams| *streams = streams.saturating_sub(1));
        self.0.upgrades();
        // Whoever has ended it may have tried to forget it before.
        if self.0.is_ended() {
            self.0.forget();
        }
    }
}
