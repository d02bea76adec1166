//! Which algorithms and types of tokens are taken.

use auth_core::ConfigError;

use crate::{Algorithm, Jwt, VerifyingKey, policy::TokenType, source::Keys, token::without_application};

impl<C> Jwt<C> {
    /// Allows these algorithms only, of those that the keys allow. Called again, it replaces the list.
    ///
    /// A token of another algorithm is left to the next strategy of the chain, which may have the other kind of key. One of
    /// an algorithm that does not exist here is refused.
    ///
    /// # Errors
    /// If none is left: of the keys', or of those that [trusted issuers](crate::TrustedIssuer::algorithms) allow. Whether
    /// a [`KeySource`](crate::KeySource) will have a key for them is not known yet.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Result<Self, ConfigError> {
        let allowed: Vec<_> = algorithms.into_iter().collect();
        let any_fits = match &self.keys {
            Keys::Fixed(keys) => keys.keys().iter().flat_map(VerifyingKey::algorithms).any(|a| allowed.contains(&a)),
            Keys::Source(_) if self.trusted.is_empty() => !allowed.is_empty(),
            Keys::Source(_) => !self.trusted.iter().all(|issuer| issuer.rule_out(&allowed)),
        };
        if !any_fits {
            return Err(ConfigError::new(
                "none of the allowed algorithms is one of the keys' or issuers': allow another, or change the keys",
            ));
        }
        self.policy.algorithms = Some(allowed);
        Ok(self)
    }

    /// Accepts the type of a profile (RFC 9068 has `at+jwt`) beside `JWT` and none at all, in any case, with or without
    /// `application/`.
    pub fn token_type(self, name: impl AsRef<str>) -> Self {
        self.of_type(name.as_ref(), false)
    }

    /// Accepts the type of a profile alone, so that tokens which the same issuer made for other ends, ID tokens above
    /// all, are refused (RFC 8725, 3.11). For access tokens see [`access_token`](Self::access_token).
    pub fn require_token_type(self, name: impl AsRef<str>) -> Self {
        self.of_type(name.as_ref(), true)
    }

    fn of_type(mut self, name: &str, required: bool) -> Self {
        self.policy.token_type = Some(TokenType { name: without_application(name).to_owned(), required });
        self
    }
}
