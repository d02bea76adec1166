//! Whether signatures are remembered.

use auth_core::ConfigError;

use crate::{Jwt, cache::Cache};

impl<C> Jwt<C> {
    /// Remembers for 60 s that a token's signature was right, of so many tokens at most, so that a client that comes often
    /// pays once for an RSA or ECDSA signature.
    ///
    /// It remembers nothing else: times, issuer, audience, revocation and the verify callback are looked at each time, and
    /// other keys (a rotation, a key that is withdrawn) make all that was remembered worthless. So the answer is at every
    /// instant the one that it would be without. What is kept of a token is an HMAC under a key of this process, 32
    /// bytes; refusals leave nothing.
    ///
    /// Tokens of HMAC keys are not remembered, since their signature costs no more than the memory does.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn cache_signatures(mut self, tokens: usize) -> Result<Self, ConfigError> {
        self.cache = Some(Cache::new(tokens)?);
        Ok(self)
    }
}
