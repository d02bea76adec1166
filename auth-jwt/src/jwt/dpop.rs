//! Tokens that are bound to a key of the client.

use crate::{Dpop, Jwt, possession::Possession};

impl<C> Jwt<C> {
    /// Takes tokens that are bound to a key of the client by DPoP, and asks for the proof of it.
    ///
    /// Such a token comes as `Authorization: DPoP <token>`, beside a header `DPoP` with the proof. The extractor goes on to
    /// find others, `Bearer` by default. What is checked is told at [`Dpop`].
    pub fn dpop(mut self, dpop: Dpop) -> Self {
        self.possession = Possession::proven_by(dpop);
        self
    }
}
