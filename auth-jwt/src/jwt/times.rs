//! Lifetimes of tokens, and the leeway for clocks.

use std::time::Duration;

use auth_core::ConfigError;

use crate::{Jwt, policy::Expiry};

const MAX_LEEWAY: Duration = Duration::from_secs(300);

impl<C> Jwt<C> {
    /// How far the clocks of issuer and verifier may differ; the default is 60 s.
    ///
    /// A request is accepted from `nbf` and `iat` - leeway, inclusive, until `exp` + leeway, exclusive. The evidence keeps
    /// `exp` itself, so a socket ends at `exp`.
    ///
    /// # Errors
    /// If it is longer than 300 s. Correct the clock instead.
    pub fn leeway(mut self, leeway: Duration) -> Result<Self, ConfigError> {
        if leeway > MAX_LEEWAY {
            return Err(ConfigError::new("the leeway is longer than 300 s: shorten it, and set the clocks right"));
        }
        self.policy.leeway = leeway;
        Ok(self)
    }

    /// Requires `iat`. A token without it counts as issued before any revocation of its user: after the user logs out
    /// everywhere, new tokens without `iat` are refused for as long as the revocation is kept.
    pub fn require_iat(mut self) -> Self {
        self.policy.require_iat = true;
        self
    }

    /// Ends tokens this long after `iat`, if that is before their `exp`. Tokens without `iat` are refused.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.policy.max_age = Some(age);
        self
    }

    /// Accepts tokens without `exp`. If `exp` is present, it is checked.
    ///
    /// # Security
    /// A token without `exp` is valid until its key is withdrawn, unless something else revokes it.
    pub fn dangerous_allow_missing_exp(mut self) -> Self {
        self.policy.expiry = Expiry::Optional;
        self
    }

    /// Ignores `exp`, except that it must be a time if it is present. The evidence then has no expiry.
    ///
    /// # Security
    /// Tokens never expire. Use it only in a tool that reads expired tokens, never to protect anything.
    pub fn dangerous_ignore_exp(mut self) -> Self {
        self.policy.expiry = Expiry::Ignored;
        self
    }
}
