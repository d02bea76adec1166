//! What clients are told when they are challenged (RFC 6750, 3).

use auth_core::{ConfigError, is_nqchar};

use crate::Jwt;

impl<C> Jwt<C> {
    /// Names the realm of the challenge; the default is `api`. Quotes and backslashes are escaped.
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = realm.into();
        self
    }

    /// Tells clients in the challenge which scopes a token needs (RFC 6750, 3); the default says nothing of scopes.
    /// Called again, it replaces what was said before.
    ///
    /// Where the callback refuses with [`Rejection::insufficient_scope`](auth_core::Rejection::insufficient_scope), the
    /// scopes that it names are sent instead.
    ///
    /// # Security
    /// It is text for the client, and nothing is checked: a token with other scopes, or with none, is let in. A
    /// [`Requirement`](auth_core::Requirement) checks them.
    ///
    /// # Errors
    /// If a scope is empty, or has a blank, a quote, a backslash or anything beyond visible ASCII (RFC 6749, 3.3).
    pub fn challenge_scope(mut self, scopes: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, ConfigError> {
        let mut joined = String::new();
        for scope in scopes {
            let scope = scope.as_ref();
            if !is_nqchar(scope) {
                return Err(ConfigError::new(
                    "a scope is empty or has other than visible ASCII characters, or a quote or backslash: \
                     give each scope by itself",
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

    /// Names a page for people about what went wrong (RFC 6750, 3). It is sent beside an `error`, and never without one.
    ///
    /// # Errors
    /// If it is empty, or has a blank, a quote, a backslash or anything beyond visible ASCII.
    pub fn error_uri(mut self, uri: impl Into<String>) -> Result<Self, ConfigError> {
        let uri = uri.into();
        if !is_nqchar(&uri) {
            return Err(ConfigError::new(
                "the error URI is empty or has other than visible ASCII characters, or a quote or backslash: \
                 percent-encode them",
            ));
        }
        self.error_uri = Some(uri);
        Ok(self)
    }

    /// Tells clients in the challenge where the metadata of this resource are (RFC 9728, 5.1), so that they find out by
    /// themselves which issuer to ask for a token.
    ///
    /// # Errors
    /// If it is not an `https` or `http` URL, or has a blank, a quote, a backslash or anything beyond visible ASCII.
    pub fn resource_metadata(mut self, url: impl Into<String>) -> Result<Self, ConfigError> {
        let url = url.into();
        if !is_nqchar(&url) || !(url.starts_with("https://") || url.starts_with("http://")) {
            return Err(ConfigError::new(
                "the place of the resource metadata is no URL: give it as `https://…/.well-known/oauth-protected-resource`",
            ));
        }
        self.resource_metadata = Some(url);
        Ok(self)
    }
}
