//! The claims that hold a token's scopes.

use crate::Jwt;

impl<C> Jwt<C> {
    /// Reads the [`Scopes`](auth_core::Scopes) of a token from this claim; by default, from `scope`.
    ///
    /// A path leads to the claim. It is a list, because a name may contain dots and slashes:
    ///
    /// | Issuer | Path |
    /// |---|---|
    /// | Okta, Entra | `["scp"]` |
    /// | Auth0 | `["permissions"]`, `["https://example.com/roles"]` |
    /// | Keycloak | `["realm_access", "roles"]`, `["resource_access", "chat", "roles"]` |
    ///
    /// Called again, it adds another claim, and the scopes are joined. `scope` is then read only if you name it too.
    ///
    /// The claim is a string with spaces between scopes, or a list of strings. A claim that is absent or of another type has
    /// no scopes. List elements that cannot be a scope (RFC 6749, 3.3) are ignored: empty ones, those with a space, a quote,
    /// a backslash or anything beyond visible ASCII, and those that are not strings. An empty path names no claim.
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

    /// Accepts a list of strings as `scope` in an [access token](Self::access_token). RFC 9068, 2.2.3 allows one string
    /// only.
    ///
    /// Without a profile, a list is always accepted.
    pub fn allow_scope_list(mut self) -> Self {
        self.policy.scopes.list_allowed = true;
        self
    }
}
