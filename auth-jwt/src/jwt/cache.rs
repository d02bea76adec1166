//! The cache of verified signatures.

use auth_core::ConfigError;

use crate::{Jwt, cache::Cache};

impl<C> Jwt<C> {
    /// Remembers for 60 s that a token's signature was valid, for this many tokens at most. A client that sends one token
    /// often then pays once for an RSA or ECDSA signature.
    ///
    /// It remembers nothing else. Times, issuer, audience and revocation are checked each time, the verify callback is
    /// called each time. Entries match only the set of keys that they were made with: after a rotation or a withdrawal, all
    /// signatures are checked again. So the answer is always the same as without the cache. An entry holds a SHA-256 hash
    /// of the token: about 60 bytes. Refused signatures are not stored.
    ///
    /// Tokens signed with HMAC are not cached, since checking them costs no more than the lookup.
    ///
    /// # Errors
    /// None at present.
    pub fn cache_signatures(mut self, tokens: usize) -> Result<Self, ConfigError> {
        self.cache = Some(Cache::new(tokens));
        Ok(self)
    }
}
