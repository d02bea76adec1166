//! How long tokens are good, and how far clocks may differ.

use std::time::Duration;

use auth_core::ConfigError;

use crate::{Jwt, policy::Expiry};

const MAX_LEEWAY: Duration = Duration::from_secs(300);

impl<C> Jwt<C> {
    /// How far the clocks of issuer and verifier may differ; the default is 60 s.
    ///
    /// A request is let in until `exp` + leeway, exclusive, and from `nbf` and `iat` - leeway, inclusive. It does not
    /// lengthen what the evidence says: a socket ends at `exp` itself.
    ///
    /// # Errors
    /// If it is longer than 300 s. A clock that is further off has to be set right.
    pub fn leeway(mut self, leeway: Duration) -> Result<Self, ConfigError> {
        if leeway > MAX_LEEWAY {
            return Err(ConfigError::new("the leeway is longer than 300 s: shorten it, and set the clocks right"));
        }
        self.policy.leeway = leeway;
        Ok(self)
    }

    /// Demands `iat`. A token without it counts as issued before any revocation of its user: after the user logs out
    /// everywhere, new tokens without `iat` are refused for as long as the revocation is kept.
    pub fn require_iat(mut self) -> Self {
        self.policy.require_iat = true;
        self
    }

    /// Lets tokens end this long after they were issued, if that is before their `exp`. Tokens without `iat` are
    /// refused.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.policy.max_age = Some(age);
        self
    }

    /// Lets tokens without `exp` in. Where there is one, it counts.
    ///
    /// # Security
    /// Such a token is good for ever: until its key is withdrawn, if nothing else revokes it.
    pub fn dangerous_allow_missing_exp(mut self) -> Self {
        self.policy.expiry = Expiry::Optional;
        self
    }

    /// Does not look at `exp`, except that it must be a time if it is there; and the evidence has no expiry.
    ///
    /// # Security
    /// Tokens are then good for ever. For the tool that reads expired tokens, never for what protects something.
    pub fn dangerous_ignore_exp(mut self) -> Self {
        self.policy.expiry = Expiry::Ignored;
        self
    }
}
