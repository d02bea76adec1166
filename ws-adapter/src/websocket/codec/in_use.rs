use std::{ops::Deref, sync::Arc};

use auth_core::ConfigError;
use http::HeaderValue;

use super::{auth_v1::AuthV1, form::FirstMessageCodec};
use crate::{Close, CloseCodes, http::subprotocol_name};

/// A codec in use.
pub(crate) struct Codec {
    codec: Box<dyn FirstMessageCodec>,
    subprotocols: Vec<HeaderValue>,
}

impl Codec {
    /// # Errors
    /// If it names a subprotocol that is not a token.
    pub(crate) fn new(codec: impl FirstMessageCodec) -> Result<Arc<Self>, ConfigError> {
        let subprotocols = codec.subprotocols().iter().map(|name| subprotocol_name(name)).collect::<Result<_, _>>()?;
        Ok(Arc::new(Self { codec: Box::new(codec), subprotocols }))
    }

    /// Our own form, which names no subprotocol.
    pub(crate) fn auth_v1() -> Arc<Self> {
        Arc::new(Self { codec: Box::new(AuthV1::default()), subprotocols: Vec::new() })
    }

    /// The first of its subprotocols that a client offers.
    pub(crate) fn choose(&self, is_offered: impl Fn(&HeaderValue) -> bool) -> Option<HeaderValue> {
        self.subprotocols.iter().find(|name| is_offered(name)).cloned()
    }

    /// Whether a socket with this subprotocol speaks its protocol. A codec without subprotocols is spoken on every socket.
    pub(crate) fn accepts(&self, agreed_on: Option<&HeaderValue>) -> bool {
        self.subprotocols.is_empty() || agreed_on.is_some_and(|name| self.names(name))
    }

    /// Whether a subprotocol is its own.
    pub(crate) fn names(&self, subprotocol: &HeaderValue) -> bool {
        self.subprotocols.contains(subprotocol)
    }
}

impl Deref for Codec {
    type Target = dyn FirstMessageCodec;

    fn deref(&self) -> &Self::Target {
        &*self.codec
    }
}

/// What a client is told of a close.
pub(crate) fn told(close: Close, codec: Option<&Codec>, codes: CloseCodes) -> Close {
    let close = match codec {
        Some(codec) if close.is_ours() && close != Close::ABNORMAL => codec.close(&close),
        _ => close,
    };
    close.in_codes(codes)
}
