use std::{
    pin::pin,
    sync::{Arc, OnceLock},
    time::SystemTime,
};

use auth_core::Evidence;
use http::HeaderValue;
use tokio::sync::Notify;

use super::codec::Codec;
use crate::{
    Close, ConnectionId, Connections, Shutdown, Timer,
    connections::{Counts, End, Registration, SocketSettings},
};

/// What the layers leave for the sockets behind them.
#[derive(Clone)]
pub(crate) struct SocketContext {
    pub(super) id: ConnectionId,
    pub(super) kill: Arc<Kill>,
    pub(super) timer: Arc<dyn Timer>,
    pub(super) settings: SocketSettings,
    pub(super) subprotocol: HeaderValue,
    /// The form of first messages; it says how clients are told of closes.
    pub(super) codec: Option<Arc<Codec>>,
    /// One for each layer, from the outside in: its place in the registry, and when its credential ends.
    pub(super) layers: Vec<LayerPart>,
    pub(super) shutdowns: Vec<Shutdown>,
}

#[derive(Clone)]
pub(super) struct LayerPart {
    pub(super) registration: Option<Arc<Registration>>,
    pub(super) ends_at: Option<SystemTime>,
}

impl SocketContext {
    /// A socket that no layer knows yet. `None` if there are no random bits for its name.
    pub(crate) fn new(timer: Arc<dyn Timer>, settings: SocketSettings, subprotocol: HeaderValue) -> Option<Self> {
        let (id, kill) = (ConnectionId::new()?, Arc::default());
        Some(Self { id, kill, timer, settings, subprotocol, codec: None, layers: Vec::new(), shutdowns: Vec::new() })
    }

    pub(crate) fn with_codec(self, codec: Option<Arc<Codec>>) -> Self {
        Self { codec, ..self }
    }

    /// Takes over who the socket is from a layer further out: the credential that ends first ends the socket, and so does
    /// any revocation and any shutdown.
    pub(crate) fn within(self, outer: Option<Self>) -> Self {
        match outer {
            Some(Self { id, kill, layers, shutdowns, codec, .. }) => {
                let codec = self.codec.or(codec);
                Self { id, kill, layers, shutdowns, codec, ..self }
            }
            None => self,
        }
    }

    pub(crate) fn id(&self) -> ConnectionId {
        self.id
    }

    pub(crate) fn kill(&self) -> Arc<Kill> {
        Arc::clone(&self.kill)
    }

    /// What an entry into this registry counts for, where layers further out may have entered the socket before.
    pub(crate) fn counts(&self, connections: &Connections, evidence: &Evidence) -> Counts {
        let entered = self.layers.iter().filter_map(|layer| layer.registration.as_ref());
        let mut entered = entered.filter(|registration| registration.connections().is_same(connections)).peekable();
        let is_first = entered.peek().is_none();
        Counts { as_connection: is_first, of_user: !entered.any(|registration| registration.is_of_same_user(evidence)) }
    }

    /// Adds what this layer has to say, and tells in which slot its credential is.
    pub(crate) fn add(&mut self, registration: Option<Arc<Registration>>, evidence: Option<&Evidence>) -> u64 {
        let ends_at = evidence.and_then(Evidence::expires_at);
        self.layers.push(LayerPart { registration, ends_at });
        (self.layers.len() as u64).saturating_sub(1)
    }

    pub(crate) fn end_with(&mut self, shutdown: &Shutdown) {
        if !self.shutdowns.iter().any(|known| known.is_same(shutdown)) {
            self.shutdowns.push(shutdown.clone());
        }
    }
}

/// By which a registry ends a socket.
#[derive(Default)]
pub(crate) struct Kill {
    close: OnceLock<Close>,
    told: Notify,
}

impl Kill {
    /// Completes when the socket has to end.
    pub(super) async fn ended(&self) -> Close {
        let mut told = pin!(self.told.notified());
        loop {
            // It waits before it looks, so that nothing is told in between.
            told.as_mut().enable();
            if let Some(close) = self.close.get() {
                return close.clone();
            }
            told.as_mut().await;
            told.set(self.told.notified());
        }
    }
}

impl End for Kill {
    fn end(&self, close: Close) {
        let _ = self.close.set(close);
        self.told.notify_waiters();
    }
}
