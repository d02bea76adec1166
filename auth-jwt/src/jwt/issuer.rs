//! Whose tokens are good.

use crate::{IssuerTemplate, Jwt};

impl<C> Jwt<C> {
    /// Demands the issuer (`iss`), compared exactly. Called again, it adds another that will do as well.
    ///
    /// Names and ids in the evidence carry the token's `iss`, which is what revocations compare.
    ///
    /// A token of another issuer is left to the next strategy of the chain; a token without one is refused.
    ///
    /// # Security
    /// Without it, a holder of the key can write any issuer, and a log-out then revokes ids of that issuer. Demand one
    /// wherever several chains share a list of revocations. With several issuers, each of them can sign for the others.
    /// Where their keys differ, use [`trusted_issuers`](Self::trusted_issuers), or make a strategy for each.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.policy.issuers.add(issuer.into());
        self
    }

    /// Accepts another spelling of an issuer, compared exactly. The issuer itself is accepted as by
    /// [`issuer`](Self::issuer). Called again, it adds another spelling.
    ///
    /// The claims, the evidence, and a [`KeySource`](crate::KeySource) that is asked for keys, have the issuer and not the
    /// alias. So users, ids and revocations are the same under both.
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
    /// A spelling that two issuers claim is refused, and the log says so at ERROR when the strategy is built. An alias
    /// is one, too, that is an issuer of its own, or fits a [template](Self::issuer_template).
    pub fn issuer_alias(mut self, issuer: impl Into<String>, alias: impl Into<String>) -> Self {
        let issuer = issuer.into();
        self.policy.issuers.add(issuer.clone());
        self.policy.issuers.add_alias(issuer, alias.into());
        self
    }

    /// Accepts the issuers of this template: one for each tenant. Called again, it adds another template.
    ///
    /// The evidence has the whole issuer of the token, tenant included. A token whose `tid` (Entra) is another tenant is
    /// refused. Keys may come from one place for all tenants; for keys of their own, use
    /// [`TrustedIssuer::template`](crate::TrustedIssuer::template).
    ///
    /// # Security
    /// An issuer that fits two rules, templates or names, is refused.
    pub fn issuer_template(mut self, template: IssuerTemplate) -> Self {
        self.policy.issuers.add_template(template);
        self
    }
}
