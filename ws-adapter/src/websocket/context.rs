use std::{
    future::poll_fn,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::SystemTime,
};

use auth_core::Evidence;
use futures_util::task::AtomicWaker;
use http::HeaderValue;

use super::codec::Codec;
use crate::{
    Close, ConnectionId, Connections, Shutdown, Timer,
    connections::{Counts, End, Registration, SocketSettings},
};

/// What the layers around a route leave in the request for the handler that opens the socket.
#[derive(Clone)]
pub(crate) struct SocketContext {
    pub(super) id: ConnectionId,
    pub(super) end_signal: Arc<EndSignal>,
    pub(super) timer: Arc<dyn Timer>,
    pub(super) settings: Arc<SocketSettings>,
    pub(super) subprotocol: HeaderValue,
    /// The form of first messages. It also translates close codes.
    pub(super) codec: Option<Arc<Codec>>,
    /// One for each layer, from the outside in.
    pub(super) layers: Vec<LayerEntry>,
    pub(super) shutdowns: Vec<Shutdown>,
}

/// What one layer knows about the socket.
#[derive(Clone)]
pub(super) struct LayerEntry {
    /// Its entry in the registry.
    pub(super) registration: Option<Arc<Registration>>,
    /// When its credential ends.
    pub(super) ends_at: Option<SystemTime>,
}

impl SocketContext {
    /// The context of a socket that no layer knows yet.
    pub(crate) fn new(
        id: ConnectionId,
        timer: Arc<dyn Timer>,
        settings: Arc<SocketSettings>,
        subprotocol: HeaderValue,
    ) -> Self {
        let (end_signal, layers, shutdowns) = (Arc::default(), Vec::new(), Vec::new());
        Self { id, end_signal, timer, settings, subprotocol, codec: None, layers, shutdowns }
    }

    pub(crate) fn with_codec(self, codec: Option<Arc<Codec>>) -> Self {
        Self { codec, ..self }
    }

    /// Keeps the identity of the socket from an outer layer. The first credential to end closes the socket, and so does
    /// each revocation and each shutdown.
    pub(crate) fn within(self, outer: Option<Self>) -> Self {
        match outer {
            Some(Self { id, end_signal, layers, shutdowns, codec, .. }) => {
                let codec = self.codec.or(codec);
                Self { id, end_signal, layers, shutdowns, codec, ..self }
            }
            None => self,
        }
    }

    pub(crate) fn id(&self) -> ConnectionId {
        self.id
    }

    pub(crate) fn end_signal(&self) -> Arc<EndSignal> {
        Arc::clone(&self.end_signal)
    }

    /// What an entry in this registry counts for. An outer layer may have registered the socket before.
    pub(crate) fn counts(&self, connections: &Connections, evidence: &Evidence) -> Counts {
        let known = self.layers.iter().filter_map(|layer| layer.registration.as_ref());
        let mut known = known.filter(|registration| registration.connections().is_same(connections)).peekable();
        let is_first = known.peek().is_none();
        Counts { as_connection: is_first, of_user: !known.any(|registration| registration.is_of_same_user(evidence)) }
    }

    /// Adds the entry of this layer. Returns the slot of its credential.
    pub(crate) fn add(&mut self, registration: Option<Arc<Registration>>, evidence: Option<&Evidence>) -> u64 {
        let ends_at = evidence.and_then(Evidence::expires_at);
        self.layers.push(LayerEntry { registration, ends_at });
        (self.layers.len() as u64).saturating_sub(1)
    }

    pub(crate) fn end_with(&mut self, shutdown: &Shutdown) {
        if !self.shutdowns.iter().any(|known| known.is_same(shutdown)) {
            self.shutdowns.push(shutdown.clone());
        }
    }
}

/// Lets the registry close a socket. Two tasks may wait for it: the driver, and before that the task that opens the socket.
#[derive(Default)]
pub(crate) struct EndSignal {
    close: OnceLock<Close>,
    driver: AtomicWaker,
    opener: AtomicWaker,
}

impl EndSignal {
    /// Completes when the socket has to end. For a task that opens a socket; only one waits at a time.
    pub(super) async fn ended(&self) -> Close {
        let waiting = Waiting(&self.opener);
        poll_fn(|cx| self.poll(waiting.0, cx)).await
    }

    /// The same for the driver.
    pub(super) fn poll_ended(&self, cx: &Context<'_>) -> Poll<Close> {
        self.poll(&self.driver, cx)
    }

    fn poll(&self, waker: &AtomicWaker, cx: &Context<'_>) -> Poll<Close> {
        // Register before reading, so that no end is missed in between.
        waker.register(cx.waker());
        self.close.get().cloned().map_or(Poll::Pending, Poll::Ready)
    }
}

impl End for EndSignal {
    fn end(&self, close: Close) {
        let _ = self.close.set(close);
        self.driver.wake();
        self.opener.wake();
    }
}

/// A waker keeps the memory of its task, so it is removed when the task no longer waits.
struct Waiting<'w>(&'w AtomicWaker);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.take();
    }
}
