use std::sync::Arc;

use auth_core::Evidence;
use http::HeaderValue;

use super::{codec::Codec, signals::Signals};
use crate::{
    ConnectionId, Connections, Shutdown, Timer,
    connections::{Counts, Registration, SocketSettings},
    lifetime::CredentialEnd,
};

/// What the layers around a route leave in the request for the handler that opens the socket.
#[derive(Clone)]
pub(crate) struct SocketContext {
    pub(super) id: ConnectionId,
    pub(super) signals: Arc<Signals>,
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
    pub(super) registration: Option<Registration>,
    /// When its credential ends.
    pub(super) end: CredentialEnd,
}

impl SocketContext {
    /// The context of a socket that no layer knows yet.
    pub(crate) fn new(
        id: ConnectionId,
        timer: Arc<dyn Timer>,
        settings: Arc<SocketSettings>,
        subprotocol: HeaderValue,
    ) -> Self {
        let (signals, layers, shutdowns) = (Arc::default(), Vec::new(), Vec::new());
        Self { id, signals, timer, settings, subprotocol, codec: None, layers, shutdowns }
    }

    pub(crate) fn with_codec(self, codec: Option<Arc<Codec>>) -> Self {
        Self { codec, ..self }
    }

    /// Keeps the identity of the socket from an outer layer. The first credential to end closes the socket, and so does
    /// each revocation and each shutdown.
    pub(crate) fn within(self, outer: Option<Self>) -> Self {
        match outer {
            Some(Self { id, signals, layers, shutdowns, codec, .. }) => {
                let codec = self.codec.or(codec);
                Self { id, signals, layers, shutdowns, codec, ..self }
            }
            None => self,
        }
    }

    pub(crate) fn id(&self) -> ConnectionId {
        self.id
    }

    pub(crate) fn signals(&self) -> Arc<Signals> {
        Arc::clone(&self.signals)
    }

    /// What an entry in this registry counts for. An outer layer may have registered the socket before.
    pub(crate) fn counts(&self, connections: &Connections, evidence: &Evidence) -> Counts {
        let known = self.layers.iter().filter_map(|layer| layer.registration.as_ref());
        let mut known = known.filter(|registration| registration.connections().is_same(connections)).peekable();
        let is_first = known.peek().is_none();
        Counts { as_connection: is_first, of_user: !known.any(|registration| registration.is_of_same_user(evidence)) }
    }

    /// Adds the entry of this layer. Returns the slot of its credential.
    pub(crate) fn add(&mut self, registration: Option<Registration>, evidence: Option<&Evidence>) -> u32 {
        let end = evidence.map_or(CredentialEnd::from(None), CredentialEnd::from);
        self.layers.push(LayerEntry { registration, end });
        // OK because no route has so many layers.
        u32::try_from(self.layers.len() - 1).unwrap_or(u32::MAX)
    }

    pub(crate) fn end_with(&mut self, shutdown: &Shutdown) {
        if !self.shutdowns.iter().any(|known| known.is_same(shutdown)) {
            self.shutdowns.push(shutdown.clone());
        }
    }
}
