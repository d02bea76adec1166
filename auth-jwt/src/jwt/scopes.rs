//! Where the scopes of a token stand.

use crate::Jwt;

impl<C> Jwt<C> {
    /// Reads the [`Scopes`](auth_core::Scopes) of a token from this claim; by default, from `scope`.
    ///
    /// The claim is named by the path to it. A name may have dots and slashes in it, so a path is a list:
    ///
    /// | Issuer | Path |
    /// |---|---|
    /// | Okta, Entra | `["scp"]` |
    /// | Auth0 | `["permissions"]`, `["https://example.com/roles"]` |
    /// | Keycloak | `["realm_access", "roles"]`, `["resource_access", "chat", "roles"]` |
    ///
    /// Called again, it adds another claim, and the scopes are joined. `scope` then counts only if it is named too.
    ///
    /// The claim is a text with a space between scopes, or a list of texts. A claim that is absent, or of another type,
    /// gives no scopes. What cannot be a scope (RFC 6749, 3.3) is left out: an element of a list that is empty, has a
    /// space, a quote, a backslash or anything beyond visible ASCII, or is not a text. An empty path names no claim.
    ///
    /// ```
    /// # use auth_jwt::{Jwt, VerifyingKey};
    /// # fn build(key: VerifyingKey) {
    /// let jwt = Jwt::<serde_json::Value>::key(key)
    ///     .scopes_from(["scope"])
    ///     .scopes_from(["realm_access", "roles"]);
    /// # let _ = jwt; }
    /// ```
    ///
    /// # Security
    /// `require_scope` cannot tell a role from a scope of the same name. Join two claims only if a name means the same
    /// in both.
    pub fn scopes_from(mut self, path: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.policy.scopes.paths.push(path.into_iter().map(Into::into).collect());
        self
    }

    /// Accepts a list of texts as `scope` in an [access token](Self::access_token), where RFC 9068, 2.2.3 has one text.
    ///
    /// Without a profile, a list is accepted anyway.
    pub fn allow_scope_list(mut self) -> Self {
        self.policy.scopes.list_allowed = true;
        self
    }
}
