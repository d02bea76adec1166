//! The algorithms and types of tokens that are accepted.

use auth_core::ConfigError;

use crate::{Algorithm, Jwt, VerifyingKey, policy::TokenType, source::Keys, token::without_application};

impl<C> Jwt<C> {
    /// Allows only these algorithms, out of those that the keys allow. Called again, it replaces the list.
    ///
    /// A token with another algorithm is left to the next strategy of the chain, which may have the other kind of key. A
    /// token with an algorithm that this crate doesn't know is refused.
    ///
    /// # Errors
    /// If the keys allow none of them, or if [trusted issuers](crate::TrustedIssuer::algorithms) allow none. Whether a
    /// [`KeySource`](crate::KeySource) has a key for them is not known yet.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Result<Self, ConfigError> {
        let allowed: Vec<_> = algorithms.into_iter().collect();
        let any_fits = match &self.keys {
            Keys::Fixed(keys) => keys.keys().iter().flat_map(VerifyingKey::algorithms).any(|a| allowed.contains(&a)),
            Keys::Source(_) if self.trusted.is_empty() => !allowed.is_empty(),
            Keys::Source(_) => !self.trusted.iter().all(|issuer| issuer.rule_out(&allowed)),
        };
        if !any_fits {
            return Err(ConfigError::new(
                "the keys or issuers allow none of these algorithms: allow another, or change the keys",
            ));
        }
        self.policy.algorithms = Some(allowed);
        Ok(self)
    }

    /// Also accepts this `typ`, such as `at+jwt` of RFC 9068. `JWT` and an absent `typ` are still accepted. Case is ignored,
    /// and so is the prefix `application/`.
    pub fn token_type(self, name: impl AsRef<str>) -> Self {
        self.of_type(name.as_ref(), false)
    }

    /// Accepts only this `typ`. Tokens that the same issuer made for other purposes, such as ID tokens, are then refused
    /// (RFC 8725, 3.11). Case and the prefix `application/` are ignored. For access tokens see [`access_token`](Self::access_token).
    pub fn require_token_type(self, name: impl AsRef<str>) -> Self {
        self.of_type(name.as_ref(), true)
    }

    fn of_type(mut self, name: &str, required: bool) -> Self {
        self.policy.token_type = Some(TokenType { name: without_application(name).to_owned(), required });
        self
    }
}
