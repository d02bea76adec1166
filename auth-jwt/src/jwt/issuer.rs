//! The issuers whose tokens are accepted.

use crate::{IssuerTemplate, Jwt};

impl<C> Jwt<C> {
    /// Requires this issuer (`iss`), compared exactly. Called again, it accepts another one as well.
    ///
    /// Names and ids in the evidence contain the token's `iss`, and revocations compare it.
    ///
    /// A token of another issuer is left to the next strategy of the chain. A token without `iss` is refused.
    ///
    /// # Security
    /// Without this setting, anyone with the key can write any issuer, and a logout then revokes ids of that issuer. Set an
    /// issuer wherever several chains share a list of revocations. If you accept several issuers here, each of them can sign
    /// for the others. If their keys differ, use [`trusted_issuers`](Self::trusted_issuers) or one strategy for each.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.policy.issuers.add(issuer.into());
        self
    }

    /// Accepts another spelling of an issuer, compared exactly. The issuer itself is accepted as by
    /// [`issuer`](Self::issuer). Called again, it adds another spelling.
    ///
    /// The claims, the evidence and the [`KeySource`](crate::KeySource) receive the issuer and not the alias. So users, ids
    /// and revocations are the same under both spellings.
    ///
    /// ```
    /// # use auth_jwt::{Jwt, VerifyingKey};
    /// # fn build(key: VerifyingKey) {
    /// let jwt = Jwt::<serde_json::Value>::key(key)
    ///     .issuer_alias("https://accounts.google.com", "accounts.google.com")
    ///     .id_token("server.apps.googleusercontent.com");
    /// # let _ = jwt; }
    /// ```
    ///
    /// # Security
    /// A spelling that two issuers claim is refused, and logged at ERROR when the strategy is built. This includes an alias
    /// that is also an issuer of its own, or that fits a [template](Self::issuer_template).
    pub fn issuer_alias(mut self, issuer: impl Into<String>, alias: impl Into<String>) -> Self {
        let issuer = issuer.into();
        self.policy.issuers.add(issuer.clone());
        self.policy.issuers.add_alias(issuer, alias.into());
        self
    }

    /// Accepts the issuers of this template: one for each tenant. Called again, it adds another template.
    ///
    /// The evidence has the token's whole issuer, including the tenant. A token whose `tid` (Entra) names another tenant is
    /// refused. All tenants share the keys of this strategy; to use separate keys, see
    /// [`TrustedIssuer::template`](crate::TrustedIssuer::template).
    ///
    /// # Security
    /// An issuer that fits two templates, or a template and a name, is refused.
    pub fn issuer_template(mut self, template: IssuerTemplate) -> Self {
        self.policy.issuers.add_template(template);
        self
    }
}
