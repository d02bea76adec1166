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
    /// If the codec names a subprotocol that is not a token.
    pub(crate) fn new(codec: impl FirstMessageCodec) -> Result<Arc<Self>, ConfigError> {
        let subprotocols = codec.subprotocols().iter().map(|name| subprotocol_name(name)).collect::<Result<_, _>>()?;
        Ok(Arc::new(Self { codec: Box::new(codec), subprotocols }))
    }

    /// The default codec. It has no subprotocols, so this can't fail.
    pub(crate) fn auth_v1() -> Arc<Self> {
        Arc::new(Self { codec: Box::new(AuthV1::default()), subprotocols: Vec::new() })
    }

    /// The first of the codec's subprotocols that the client offers.
    pub(crate) fn choose(&self, is_offered: impl Fn(&HeaderValue) -> bool) -> Option<HeaderValue> {
        self.subprotocols.iter().find(|name| is_offered(name)).cloned()
    }

    /// Whether the codec serves a socket with this negotiated subprotocol. A codec without subprotocols serves every socket.
    pub(crate) fn accepts(&self, negotiated: Option<&HeaderValue>) -> bool {
        self.subprotocols.is_empty() || negotiated.is_some_and(|name| self.names(name))
    }

    /// Whether this is one of the codec's subprotocols.
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

/// The close as the client sees it.
pub(crate) fn translate_close(close: Close, codec: Option<&Codec>, codes: CloseCodes) -> Close {
    let close = match codec {
        Some(codec) if close.is_ours() && close != Close::ABNORMAL => codec.close(&close),
        _ => close,
    };
    close.in_codes(codes)
}
