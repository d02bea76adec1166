use std::sync::Arc;

use auth_core::Principal;

use crate::http::{Door, Gate, OnHandshake};

/// What a layer is told, before it is first applied.
pub(super) struct Settings<U> {
    pub(super) gate: Gate<U>,
    #[cfg(feature = "connections")]
    pub(super) sockets: crate::Sockets,
    /// Whether they were set.
    #[cfg(feature = "connections")]
    pub(super) has_sockets: bool,
}

impl<U> Settings<U> {
    pub(super) fn new(gate: Gate<U>) -> Self {
        Self {
            gate,
            #[cfg(feature = "connections")]
            sockets: crate::Sockets::new(),
            #[cfg(feature = "connections")]
            has_sockets: false,
        }
    }
}

impl<U: Principal> Settings<U> {
    /// What decides about each request.
    pub(super) fn door<M>(&self) -> Arc<Door<U, M>> {
        let gate = Arc::new(self.gate.clone());
        #[cfg(feature = "axum")]
        let handshakes: Option<Arc<dyn OnHandshake<U>>> =
            Some(Arc::new(crate::websocket::WebSockets::new(&gate, &self.sockets)));
        #[cfg(not(feature = "axum"))]
        let handshakes: Option<Arc<dyn OnHandshake<U>>> = None;
        Arc::new(Door::new(gate, handshakes))
    }
}

impl<U> Clone for Settings<U> {
    fn clone(&self) -> Self {
        Self {
            gate: self.gate.clone(),
            #[cfg(feature = "connections")]
            sockets: self.sockets.clone(),
            #[cfg(feature = "connections")]
            has_sockets: self.has_sockets,
        }
    }
}
