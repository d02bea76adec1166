use std::{env, fmt, sync::Arc, time::Duration};

use auth_core::{BoxError, ConfigError, Secret, SystemClock, Timer};
use tokio::runtime::Handle;

use super::{
    FetchError, RemoteJwks,
    client::Client,
    discovery::{Discovery, WellKnown},
    fetch::{Fetcher, JwksLocation},
    flight::Coordinator,
    format::Format,
    headers::Headers,
    lifetime,
    location::{self, PlainHttp},
    proxy::{Proxy, ProxyChoice},
    state::State,
    trust::Trust,
};

impl RemoteJwks {
    /// The set at this URL, which must be `https`, or `http` on a loopback address.
    ///
    /// Other plain `http` URLs must be allowed by [`RemoteJwksBuilder::dangerous_allow_http`]; the last step checks this. A
    /// query is sent, but never logged or shown in an error or `Debug`.
    ///
    /// # Errors
    /// If it is not an absolute `https` or `http` URL, or has a user name or a fragment.
    pub fn at(url: impl AsRef<str>) -> Result<RemoteJwksBuilder, ConfigError> {
        Ok(RemoteJwksBuilder::new(JwksLocation::Known(location::parse(url.as_ref())?)))
    }

    /// The X.509 certificates at this URL (feature `x509`): a JSON object of names with certificates in PEM, as Firebase
    /// publishes them, or a JWK set whose keys are in `x5c` (RFC 7517, 4.7).
    ///
    /// The name is the `kid` of tokens. In `x5c`, the first certificate has the key, and the other members of the JWK must
    /// agree with it. The validity period of a certificate is checked with each fetch; both ends are inclusive. Unusable
    /// certificates are left out, and the log names each with the reason.
    ///
    /// A private key that is published among them disables its name and its key pair. If its pair is unknown, the fetch fails
    /// with [`FetchErrorKind::PrivateKey`](super::FetchErrorKind::PrivateKey), and the last good set stays.
    ///
    /// # Errors
    /// As for [`at`](Self::at).
    ///
    /// # Security
    /// Neither the signature of a certificate nor its revocation is checked. As with a JWK, the URL is what you trust.
    #[cfg(feature = "x509")]
    pub fn certificates(url: impl AsRef<str>) -> Result<RemoteJwksBuilder, ConfigError> {
        Ok(RemoteJwksBuilder { format: Format::Certificates, ..Self::at(url)? })
    }

    /// The set that this issuer names in its `/.well-known/openid-configuration` (OpenID Connect Discovery 1.0).
    ///
    /// The document must name exactly this issuer, and its `jwks_uri` must follow the rule of [`at`](Self::at). It is read
    /// again once a day, and after a failed fetch. An issuer under `https` must not name a `jwks_uri` under plain `http`, even
    /// if that host is allowed. Only an issuer on the loopback may name a `jwks_uri` there. Tokens of other issuers, or
    /// without issuer, are [unrecognized](auth_core::Outcome::Unrecognized). Set [`Jwt::issuer`](crate::Jwt::issuer) as well.
    ///
    /// # Errors
    /// If the issuer is not a URL that [`at`](Self::at) accepts, or if it has a query.
    pub fn discover(issuer: impl Into<String>) -> Result<RemoteJwksBuilder, ConfigError> {
        discovered(issuer.into(), WellKnown::OpenId)
    }

    /// As [`discover`](Self::discover), for an issuer with a `/.well-known/oauth-authorization-server` (RFC 8414). That path
    /// comes before the path of the issuer.
    ///
    /// # Errors
    /// As for [`discover`](Self::discover).
    pub fn discover_oauth(issuer: impl Into<String>) -> Result<RemoteJwksBuilder, ConfigError> {
        discovered(issuer.into(), WellKnown::OAuth)
    }
}

fn discovered(issuer: String, place: WellKnown) -> Result<RemoteJwksBuilder, ConfigError> {
    Ok(RemoteJwksBuilder::new(JwksLocation::Discovered(Discovery::new(issuer, place)?)))
}

/// Configures a [`RemoteJwks`].
///
/// The last step is one of three:
///
/// | Step | The first fetch | If it fails |
/// |---|---|---|
/// | [`lazy`](Self::lazy) | with the first token | 503, and again as for any fetch |
/// | [`background`](Self::background) | at once, without waiting | the same; see [`Status::is_ready`](super::Status::is_ready) |
/// | [`fail_fast`](Self::fail_fast) | at once, and the caller waits | an error |
///
/// An invalid setting is an error at once. The last step finds settings that do not fit together.
#[must_use = "a builder does nothing until its last step is called"]
pub struct RemoteJwksBuilder {
    place: JwksLocation,
    format: Format,
    lifetime: Duration,
    timer: Arc<dyn Timer>,
    plain: PlainHttp,
    trust: Trust,
    proxy: ProxyChoice,
    headers: Headers,
}

impl RemoteJwksBuilder {
    fn new(place: JwksLocation) -> Self {
        Self {
            place,
            format: Format::Jwks,
            lifetime: lifetime::DEFAULT,
            timer: Arc::new(SystemClock),
            plain: PlainHttp::default(),
            trust: Trust::default(),
            proxy: ProxyChoice::default(),
            headers: Headers::default(),
        }
    }

    /// The lifetime of a set that comes without `max-age`; the default is 10 min.
    ///
    /// # Errors
    /// If it is shorter than a minute or longer than 24 h.
    pub fn lifetime(mut self, lifetime: Duration) -> Result<Self, ConfigError> {
        if !lifetime::ALLOWED.contains(&lifetime) {
            return Err(ConfigError::new("the lifetime of remote keys must be from 1 min to 24 h: change it"));
        }
        self.lifetime = lifetime;
        Ok(self)
    }

    /// Sends this header with each request, for an endpoint that requires a credential. It replaces a header of the same name
    /// that was set before.
    ///
    /// It is sent only to the scheme, host and port of the configured URL or issuer. If a discovery document names a
    /// `jwks_uri` elsewhere, the header is not sent there, and a `WARN` line names both origins. For a value that changes,
    /// use [`header_from`](Self::header_from).
    ///
    /// # Errors
    /// If the name is not a valid header name (RFC 9110, 5.1), or if the fetch itself sets it: `host`, `content-length`,
    /// `connection`, `if-none-match` and others. If the value is empty, begins or ends with white space, or has characters
    /// other than visible ASCII, spaces and tabs. Its length is not limited.
    ///
    /// # Security
    /// The value never appears in logs, errors or `Debug` output. Over plain `http`, the network can read it.
    pub fn header(mut self, name: impl AsRef<str>, value: Secret) -> Result<Self, ConfigError> {
        self.headers.set(name.as_ref(), value)?;
        Ok(self)
    }

    /// As [`header`](Self::header), but `value` is called for each request. For a token in a file that changes, for example.
    ///
    /// A discovery is a separate request. `value` runs on a thread of the runtime: it may read a small file, but must not wait
    /// for the network. If it fails, or returns a value that [`header`](Self::header) refuses, the fetch fails with
    /// [`FetchErrorKind::Header`](super::FetchErrorKind::Header) before anything is sent, and is retried.
    ///
    /// ```no_run
    /// use std::fs;
    ///
    /// use auth_core::Secret;
    /// use auth_jwt::remote::RemoteJwks;
    ///
    /// # fn build() -> Result<(), auth_core::ConfigError> {
    /// let keys = RemoteJwks::at("https://kubernetes.default.svc/openid/v1/jwks")?.header_from("authorization", || {
    ///     let token = fs::read_to_string("/var/run/secrets/kubernetes.io/serviceaccount/token")?;
    ///     Ok(Secret::new(format!("Bearer {}", token.trim())))
    /// })?;
    /// # let _ = keys; Ok(()) }
    /// ```
    ///
    /// # Errors
    /// If [`header`](Self::header) refuses the name.
    ///
    /// # Security
    /// The error of `value` is logged: keep the secret out of it.
    pub fn header_from<F>(mut self, name: impl AsRef<str>, value: F) -> Result<Self, ConfigError>
    where
        F: Fn() -> Result<Secret, BoxError> + Send + Sync + 'static,
    {
        self.headers.set_asked(name.as_ref(), Box::new(value))?;
        Ok(self)
    }

    /// Allows plain `http` for this host and port, such as `keycloak:8080`. Called again, it allows another one as well.
    ///
    /// It applies to the configured URL, to a discovery document, and to the `jwks_uri` of a document that itself came over
    /// plain `http`. An issuer under `https` still must not name a `jwks_uri` under `http`. The host is compared without case,
    /// and the default port is 80. The loopback is always allowed.
    ///
    /// # Errors
    /// If it is not a host with an optional port: if it is empty, or has a scheme, a user, a path, a wildcard, or a port
    /// above 65535.
    ///
    /// # Security
    /// Anyone on the network path to that host can replace the keys, and so sign any token. Use it only inside a network that
    /// you trust, such as that of a compose file, and never across the internet.
    pub fn dangerous_allow_http(mut self, host: impl AsRef<str>) -> Result<Self, ConfigError> {
        self.plain.allow(host.as_ref())?;
        Ok(self)
    }

    /// Reaches `https` URLs through this HTTP proxy and ignores the environment. The last call counts.
    ///
    /// By default, `HTTPS_PROXY`, or else `https_proxy`, names the proxy, and hosts in `NO_PROXY`, or else `no_proxy`, are
    /// reached directly. That list has hosts (with their subdomains), addresses and networks such as `10.0.0.0/8`, separated
    /// by commas, or is `*`. The last step reads the variables. An empty one counts as not set.
    ///
    /// The URL has the scheme `http` (the default) or `https`, an optional user and password, percent-encoded, a host, and an
    /// optional port, by default 80 or 443. Plain `http` URLs never go through a proxy. This proxy is used for all `https`
    /// hosts, including the loopback.
    ///
    /// # Errors
    /// If it is another kind of proxy, such as `socks5`, or a URL with a path. For the environment, the last step returns this
    /// error.
    ///
    /// # Security
    /// The proxy learns only host and port: it opens a tunnel (`CONNECT`, RFC 9110, 9.3.6), and the issuer's certificate is
    /// checked as without a proxy. User and password never appear in logs, errors or `Debug` output.
    pub fn proxy(mut self, url: impl AsRef<str>) -> Result<Self, ConfigError> {
        self.proxy = ProxyChoice::This(Box::new(Proxy::new(url.as_ref())?));
        Ok(self)
    }

    /// Uses no proxy and ignores the environment.
    pub fn no_proxy(mut self) -> Self {
        self.proxy = ProxyChoice::None;
        self
    }

    /// Trusts these certificates, in PEM, in addition to those that the machine trusts. For your own certificate authority.
    /// Called again, it adds others.
    ///
    /// The last step returns an error if they cannot be read.
    pub fn trust(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.trust.add(pem.into());
        self
    }

    /// Trusts these certificates, in PEM, instead of those that the machine trusts. Certificates from other calls of this or
    /// of [`trust`](Self::trust) are trusted as well.
    ///
    /// It applies to the issuer, to its `jwks_uri`, and to a proxy under `https`. The last step returns an error if the
    /// certificates cannot be read, or if the location is plain `http`, which has no certificate.
    pub fn trust_only(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.trust.only(pem.into());
        self
    }

    /// Requires that the server's public key has this SHA-256, in addition to all usual checks of its certificate. Called
    /// again, it adds another pin: one of them must match, so that the server can replace its key.
    ///
    /// The pin is over the `SubjectPublicKeyInfo` of the server's own certificate (RFC 7469, 2.4), in base64 with padding, or
    /// as 64 hex digits. This prints it:
    ///
    /// ```text
    /// openssl x509 -in server.pem -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64
    /// ```
    ///
    /// It applies to each server: if the `jwks_uri` is on another host, pin the key of that host as well. The key of a proxy is
    /// not checked. The last step returns an error if the location is plain `http`, which has no key.
    ///
    /// # Errors
    /// If it is not 32 bytes in base64 or hex.
    ///
    /// # Security
    /// When the server changes to a key without a pin, fetches fail. Tokens are then answered with 503 once the lifetime of
    /// the last set and another hour are over. Pin the next key before the server uses it.
    pub fn pin_sha256(mut self, pin: impl AsRef<str>) -> Result<Self, ConfigError> {
        self.trust.pin(pin.as_ref())?;
        Ok(self)
    }

    /// The clock for lifetimes, retries and timeouts; the default is the system's.
    pub fn clock(mut self, clock: impl Timer) -> Self {
        self.timer = Arc::new(clock);
        self
    }

    /// Fetches when the first token needs a key.
    ///
    /// # Errors
    /// If the location is plain `http` that is not [allowed](Self::dangerous_allow_http). If the trusted certificates cannot
    /// be read or the list is empty. If exclusive certificates or pins are set for plain `http`. If the environment names an
    /// unusable [proxy](Self::proxy).
    pub fn lazy(self) -> Result<RemoteJwks, ConfigError> {
        let first = self.place.first();
        self.plain.check(first)?;
        let proxy = self.proxy.proxy(|name| env::var(name))?;
        let client = Client::new(&self.trust, proxy, self.headers, first)?;
        let fetcher = Fetcher::new(client, self.place, self.format, self.plain, Arc::clone(&self.timer));
        Ok(RemoteJwks::new(Coordinator::new(fetcher, self.timer, State::new(self.lifetime))))
    }

    /// Starts fetching in the background.
    ///
    /// # Errors
    /// As for [`lazy`](Self::lazy), and if it is called outside a tokio runtime.
    pub fn background(self) -> Result<RemoteJwks, ConfigError> {
        if Handle::try_current().is_err() {
            return Err(ConfigError::new("keys are fetched in the background of a tokio runtime: call it within one"));
        }
        let keys = self.lazy()?;
        keys.keep_fresh();
        Ok(keys)
    }

    /// Fetches and waits for the result, 5 s at most. A program without keys then fails at its start.
    ///
    /// # Errors
    /// As for [`background`](Self::background), and if the fetch fails. The [`FetchError`] is then the source of the
    /// [`ConfigError`].
    pub async fn fail_fast(self) -> Result<RemoteJwks, ConfigError> {
        let keys = self.background()?;
        keys.first_fetch().await.map_err(|error: FetchError| {
            ConfigError::new("the keys cannot be fetched: check the URL, the network and the issuer").caused_by(error)
        })?;
        Ok(keys)
    }
}

impl fmt::Debug for RemoteJwksBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteJwksBuilder").field("place", &self.place).finish_non_exhaustive()
    }
}
