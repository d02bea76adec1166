//! Tokens that are bound to a client's key.

use crate::{Dpop, Jwt, possession::Possession};

impl<C> Jwt<C> {
    /// Accepts tokens that are bound to a client's key by DPoP (RFC 9449), and requires a proof of possession.
    ///
    /// The client sends such a token as `Authorization: DPoP <token>`, with the proof in a header `DPoP`. The extractor still
    /// finds other tokens, `Bearer` by default. [`Dpop`] lists the checks.
    pub fn dpop(mut self, dpop: Dpop) -> Self {
        self.possession = Possession::proven_by(dpop);
        self
    }
}
