use std::sync::Arc;

use super::Session;

/// The stream of a WebSocket, which keeps its session and the place of that in the registry until it is gone.
pub(crate) struct Stream(Arc<Session>);

impl Session {
    /// There is, or will be, one more.
    pub(crate) fn stream(self: &Arc<Self>) -> Stream {
        self.streams.send_modify(|streams| *streams += 1);
        Stream(Arc::clone(self))
    }

    /// The same, unless there is one already.
    pub(crate) fn only_stream(self: &Arc<Self>) -> Option<Stream> {
        let is_only = self.streams.send_if_modified(|streams| {
            let is_only = *streams == 0;
            *streams += usize::from(is_only);
            is_only
        });
        is_only.then(|| Stream(Arc::clone(self)))
    }

    /// Waits until the last one is gone.
    pub(crate) async fn streams_gone(&self) {
        let mut streams = self.streams.subscribe();
        // OK because the sender is here.
        let _ = streams.wait_for(|streams| *streams == 0).await;
    }
}

impl Stream {
    pub(crate) fn session(&self) -> &Session {
        &self.0
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.streams.send_modify(|streams| *streams = streams.saturating_sub(1));
        self.0.upgrades();
        // It was not forgotten when it ended, because of this stream.
        if self.0.is_ended() {
            self.0.forget();
        }
    }
}
