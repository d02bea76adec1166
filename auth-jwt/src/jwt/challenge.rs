//! The parameters of the challenge (RFC 6750, 3).

use auth_core::{ConfigError, is_nqchar};

use crate::Jwt;

impl<C> Jwt<C> {
    /// The realm of the challenge; the default is `api`. Quotes and backslashes are escaped.
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = realm.into();
        self
    }

    /// Tells clients in the challenge which scopes a token needs (RFC 6750, 3). By default the challenge has no `scope`.
    /// Called again, it replaces the earlier list.
    ///
    /// If the callback rejects with [`Rejection::insufficient_scope`](auth_core::Rejection::insufficient_scope), the scopes
    /// of that rejection are sent instead.
    ///
    /// # Security
    /// This only informs the client and checks nothing: a token with other scopes, or without scopes, is accepted. Use a
    /// [`Requirement`](auth_core::Requirement) to check them.
    ///
    /// # Errors
    /// If a scope is empty, or has a space, a quote, a backslash or anything beyond visible ASCII (RFC 6749, 3.3).
    pub fn challenge_scope(mut self, scopes: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, ConfigError> {
        let mut joined = String::new();
        for scope in scopes {
            let scope = scope.as_ref();
            if !is_nqchar(scope) {
                return Err(ConfigError::new(
                    "a scope is empty, or has a quote, a backslash or a character that is not visible ASCII: \
                     pass each scope separately",
                ));
            }
            if !joined.is_empty() {
                joined.push(' ');
            }
            joined.push_str(scope);
        }
        self.scope = joined;
        Ok(self)
    }

    /// The URI of a page that explains the error to people (RFC 6750, 3). It is sent only together with an `error`.
    ///
    /// # Errors
    /// If it is empty, or has a space, a quote, a backslash or anything beyond visible ASCII.
    pub fn error_uri(mut self, uri: impl Into<String>) -> Result<Self, ConfigError> {
        let uri = uri.into();
        if !is_nqchar(&uri) {
            return Err(ConfigError::new(
                "the error URI is empty, or has a quote, a backslash or a character that is not visible ASCII: \
                 percent-encode it",
            ));
        }
        self.error_uri = Some(uri);
        Ok(self)
    }

    /// Tells clients in the challenge where the metadata of this resource is (RFC 9728, 5.1). From there they learn which
    /// issuer to ask for a token.
    ///
    /// # Errors
    /// If it is not an `https` or `http` URL, or has a space, a quote, a backslash or anything beyond visible ASCII.
    pub fn resource_metadata(mut self, url: impl Into<String>) -> Result<Self, ConfigError> {
        let url = url.into();
        if !is_nqchar(&url) || !(url.starts_with("https://") || url.starts_with("http://")) {
            return Err(ConfigError::new(
                "the location of the resource metadata is not a URL: write it as `https://…/.well-known/oauth-protected-resource`",
            ));
        }
        self.resource_metadata = Some(url);
        Ok(self)
    }
}
