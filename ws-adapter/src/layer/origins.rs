//! Which pages may open sockets, and may send requests that change something.

use std::mem;

use auth_core::{ConfigError, OriginPolicy};

use super::AuthLayer;

impl<U, M> AuthLayer<U, M> {
    /// Sets which pages are ours, instead of pages of the same host and port: which may open sockets, and which may send requests
    /// that change something with a credential that browsers attach by themselves. An origin is a scheme, a host and, unless it is
    /// the default, a port: `https://app.example:8443`. It may also be the origin of an app or extension, such as
    /// `tauri://localhost`, or have a wildcard for one label: `https://*.preview.example`. See
    /// [`AllowedOrigin`](auth_core::AllowedOrigin), and [`OriginPolicy`] for the rules.
    ///
    /// # Errors
    /// If the list is empty, or if an entry is anything else: a path, another wildcard, `null`.
    pub fn allow_origins<'o>(self, origins: impl IntoIterator<Item = &'o str>) -> Result<Self, ConfigError> {
        self.try_set_origins(|policy| policy.allow(origins))
    }

    /// Sets the origin under which browsers know this server. It is allowed instead of the same host and port, and in addition
    /// to [`allow_origins`](Self::allow_origins). Set it behind a proxy that ends TLS or changes `Host`, where the server
    /// can't find out by itself.
    ///
    /// # Errors
    /// If it is not an `http` or `https` origin.
    pub fn public_origin(self, origin: &str) -> Result<Self, ConfigError> {
        self.try_set_origins(|policy| policy.public(origin))
    }

    /// Lets every page on the web open sockets, with all cookies and remembered logins that the browser has for this host. Plain
    /// requests are judged as before.
    #[must_use]
    pub fn dangerous_allow_any_origin(self) -> Self {
        self.set(|settings| {
            settings.gate.origins = mem::take(&mut settings.gate.origins).dangerous_allow_any_handshake()
        })
    }

    /// Lets foreign pages send requests with cookies to these paths: 403 `cross_site` is never answered there. For a provider that
    /// posts to you through the browser (`response_mode=form_post`), or calls you without one. Call it again for more paths.
    ///
    /// A path is written as axum writes that of a route, such as `/callback/{provider}`; see
    /// [`OriginPolicy::csrf_exempt`](auth_core::OriginPolicy::csrf_exempt). For a nested router, it includes the prefix that the
    /// router removes. An outer layer judges by its own paths.
    ///
    /// # Errors
    /// If a path is not written so.
    ///
    /// # Security
    /// The handler has to find out by itself who caused the request: by a `state` that it has bound to the browser, by a
    /// signature, or by a token of the form.
    pub fn csrf_exempt<'p>(self, paths: impl IntoIterator<Item = &'p str>) -> Result<Self, ConfigError> {
        self.try_set_origins(|policy| policy.csrf_exempt(paths))
    }

    /// Turns off the protection against cross-site request forgery: every page on the web may send requests that change something,
    /// with all cookies and remembered logins that the browser has for this host. Only for a server that has another protection in
    /// front. Handshakes are judged as before.
    #[must_use]
    pub fn dangerous_allow_cross_site(self) -> Self {
        self.set(|settings| settings.gate.origins = mem::take(&mut settings.gate.origins).dangerous_allow_any_write())
    }

    fn try_set_origins(
        self,
        change: impl FnOnce(OriginPolicy) -> Result<OriginPolicy, ConfigError>,
    ) -> Result<Self, ConfigError> {
        let origins = change(self.0.settings.gate.origins.clone())?;
        Ok(self.set(|settings| settings.gate.origins = origins))
    }
}
