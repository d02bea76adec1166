use std::{net::IpAddr, sync::Arc};

use super::opening::Opening;
use crate::{adapter::Checkpoint, connections::Registration};

/// What a layer needs to refresh the credential of an open socket.
pub(crate) struct RefreshContext<U> {
    pub(crate) checkpoint: Arc<Checkpoint<U>>,
    /// The request that opened the socket, without its credentials.
    pub(crate) opening: Opening,
    pub(crate) registration: Registration,
    /// The slot of this layer's credential.
    pub(crate) slot: u32,
    /// The address of the client.
    pub(crate) address: Option<IpAddr>,
}

impl<U> RefreshContext<U> {
    pub(crate) fn slot(&self) -> u64 {
        self.slot.into()
    }
}
