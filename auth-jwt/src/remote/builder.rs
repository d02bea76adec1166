use std::{env, fmt, sync::Arc, time::Duration};

use auth_core::{BoxError, ConfigError, Secret, SystemClock, Timer};
use tokio::runtime::Handle;

use super::{
    FetchError, RemoteJwks,
    client::Client,
    discovery::{Discovery, WellKnown},
    fetch::{Fetcher, Place},
    flight::Shared,
    format::Format,
    headers::Headers,
    lifetime,
    location::{self, PlainHttp},
    proxy::{self, Proxy},
    state::State,
    trust::Trust,
};

impl RemoteJwks {
    /// The set at this URL, which must be `https`, or `http` on a loopback address.
    ///
    /// Plain `http` elsewhere has to be allowed by [`RemoteJwksBuilder::dangerous_allow_http`], which the last step looks
    /// at. A query is sent, but never shown.
    ///
    /// # Errors
    /// If it is not an absolute `https` or `http` URL, or has a user name or a fragment.
    pub fn at(url: impl AsRef<str>) -> Result<RemoteJwksBuilder, ConfigError> {
        Ok(RemoteJwksBuilder::new(Place::Known(location::parse(url.as_ref())?)))
    }

    /// The X.509 certificates at this URL (feature `x509`): a JSON object of names with certificates in PEM, as Firebase
    /// publishes them, or a JWK set whose keys are in `x5c` (RFC 7517, 4.7).
    ///
    /// The name is the `kid` of tokens. Of `x5c`, the first certificate counts; what other members say of the key must be true
    /// of it. A certificate counts from its first second to its last, which is looked at with each fetch. What does not count
    /// is left out, and the log names it and says why.
    ///
    /// # Errors
    /// As for [`at`](Self::at).
    ///
    /// # Security
    /// Who has signed a certificate is not looked at, and neither is whether it was revoked: it is as good as the URL that it
    /// comes from, as a JWK is.
    #[cfg(feature = "x509")]
    pub fn certificates(url: impl AsRef<str>) -> Result<RemoteJwksBuilder, ConfigError> {
        Ok(RemoteJwksBuilder { format: Format::Certificates, ..Self::at(url)? })
    }

    /// The set that this issuer names in its `/.well-known/openid-configuration` (OpenID Connect Discovery 1.0).
    ///
    /// The document must name the very same issuer, and its `jwks_uri` is held to the rule of [`at`](Self::at). It is
    /// read again once a day, and after a fetch that failed. An issuer under `https` may not name a `jwks_uri` under plain
    /// `http`, whatever is allowed, and one elsewhere may name none on the loopback. Tokens of other issuers, or of none, are
    /// [foreign](auth_core::Outcome::Unrecognized); tell [`Jwt::issuer`](crate::Jwt::issuer) as well.
    ///
    /// # Errors
    /// If the issuer is no URL as [`at`](Self::at) wants it, or has a query.
    pub fn discover(issuer: impl Into<String>) -> Result<RemoteJwksBuilder, ConfigError> {
        discovered(issuer.into(), WellKnown::OpenId)
    }

    /// The same for an issuer with a `/.well-known/oauth-authorization-server` (RFC 8414). It stands before the path
    /// of the issuer, if that has one.
    ///
    /// # Errors
    /// As for [`discover`](Self::discover).
    pub fn discover_oauth(issuer: impl Into<String>) -> Result<RemoteJwksBuilder, ConfigError> {
        discovered(issuer.into(), WellKnown::OAuth)
    }
}

fn discovered(issuer: String, place: WellKnown) -> Result<RemoteJwksBuilder, ConfigError> {
    Ok(RemoteJwksBuilder::new(Place::Discovered(Discovery::new(issuer, place)?)))
}

/// A [`RemoteJwks`] before it is known how it starts.
///
/// The last step is one of three:
///
/// | Step | The first fetch | If it fails |
/// |---|---|---|
/// | [`lazy`](Self::lazy) | with the first token | 503, and again as for any fetch |
/// | [`background`](Self::background) | at once, and nobody waits for it | the same; [`Status::is_ready`](super::Status::is_ready) tells |
/// | [`fail_fast`](Self::fail_fast) | at once, and the caller waits | an error |
///
/// A setting that is wrong by itself is an error at once; the last step finds what does not fit together.
#[must_use = "a builder does nothing before it is told how to start"]
pub struct RemoteJwksBuilder {
    place: Place,
    format: Format,
    lifetime: Duration,
    timer: Arc<dyn Timer>,
    plain: PlainHttp,
    trust: Trust,
    proxy: proxy::Choice,
    headers: Headers,
}

impl RemoteJwksBuilder {
    fn new(place: Place) -> Self {
        Self {
            place,
            format: Format::Jwks,
            lifetime: lifetime::DEFAULT,
            timer: Arc::new(SystemClock),
            plain: PlainHttp::default(),
            trust: Trust::default(),
            proxy: proxy::Choice::default(),
            headers: Headers::default(),
        }
    }

    /// The lifetime of a set whose issuer sends no `max-age`; the default is 10 min.
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

    /// Sends this header with each request, for an endpoint that wants a credential. A header of the same name that was
    /// set before is replaced; others are kept.
    ///
    /// It is sent to the scheme, host and port of the URL or issuer that was configured. If a discovery document names a
    /// `jwks_uri` elsewhere, it is not sent there, and the log says so at `WARN` with both origins. For a value that
    /// changes, use [`header_from`](Self::header_from).
    ///
    /// # Errors
    /// If the name is not the name of a header (RFC 9110, 5.1), or one that the fetch itself depends on, such as `host`,
    /// `content-length`, `connection` or `if-none-match`. If the value is empty, has white space at its beginning or end,
    /// or other characters than visible ASCII, blanks and tabs. There is no limit for its length.
    ///
    /// # Security
    /// The value is in no log line, error or `Debug` text. Over plain `http`, it is readable on the way.
    pub fn header(mut self, name: impl AsRef<str>, value: Secret) -> Result<Self, ConfigError> {
        self.headers.set(name.as_ref(), value)?;
        Ok(self)
    }

    /// The same with a value that is asked anew for each request, such as a token in a file that is replaced.
    ///
    /// A discovery is a request of its own. `value` runs on a thread of the runtime: a small file may be read there, but it
    /// must not wait for a network. If it fails, or gives what [`header`](Self::header) does not take, the fetch has
    /// failed with [`FetchErrorKind::Header`](super::FetchErrorKind::Header) before anything is sent, and is tried again.
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
    /// If the name is one that [`header`](Self::header) does not take.
    ///
    /// # Security
    /// The error that `value` gives is logged: keep the secret out of it.
    pub fn header_from<F>(mut self, name: impl AsRef<str>, value: F) -> Result<Self, ConfigError>
    where
        F: Fn() -> Result<Secret, BoxError> + Send + Sync + 'static,
    {
        self.headers.set_asked(name.as_ref(), Box::new(value))?;
        Ok(self)
    }

    /// Allows plain `http` for this one host and port, such as `keycloak:8080`; called again, for another as well.
    ///
    /// It holds for the URL that was configured, for a discovery document, and for the `jwks_uri` of a document that came
    /// over plain `http` itself. An issuer under `https` still may not name a `jwks_uri` under `http`. The host is compared
    /// without case, and a port that is left out is 80. The loopback needs no permission, and naming it here changes
    /// nothing.
    ///
    /// # Errors
    /// If it is not a host and perhaps a port: if it is empty, or has a scheme, a user, a path, a wildcard, or a port
    /// beyond 65535.
    ///
    /// # Security
    /// Anyone on the way to that host can replace the keys, and so sign any token. Use it inside one network that you
    /// trust, such as that of a compose file, and never across the internet.
    pub fn dangerous_allow_http(mut self, host: impl AsRef<str>) -> Result<Self, ConfigError> {
        self.plain.allow(host.as_ref())?;
        Ok(self)
    }

    /// Reaches `https` URLs through this HTTP proxy, whatever the environment says. The last call counts.
    ///
    /// Without this, the proxy is the one in `HTTPS_PROXY`, else in `https_proxy`; hosts in `NO_PROXY`, else `no_proxy`, are
    /// asked directly. That is a list with commas of hosts (their subdomains included), addresses and networks such as
    /// `10.0.0.0/8`, or `*`. The variables are read in the last step, and an empty one counts as not set.
    ///
    /// The URL is `http://` or `https://`, perhaps user and password, percent-encoded, and host and port, which is 80 or 443
    /// if left out. Without a scheme it is `http`. Plain `http` URLs never go through a proxy, and this proxy is used for all
    /// `https` hosts, the loopback included.
    ///
    /// # Errors
    /// If it is something else: another kind of proxy, such as `socks5`, or a URL with a path. For the environment, the
    /// last step gives this error.
    ///
    /// # Security
    /// A proxy learns host and port alone: it opens a tunnel (`CONNECT`, RFC 9110, 9.3.6), and the certificate of the issuer
    /// is checked as without it. User and password are in no log line, error or `Debug` text.
    pub fn proxy(mut self, url: impl AsRef<str>) -> Result<Self, ConfigError> {
        self.proxy = proxy::Choice::This(Box::new(Proxy::new(url.as_ref())?));
        Ok(self)
    }

    /// Uses no proxy, whatever the environment says.
    pub fn no_proxy(mut self) -> Self {
        self.proxy = proxy::Choice::None;
        self
    }

    /// Trusts these certificates, in PEM, beside those that the machine trusts: for an authority of one's own. Called again,
    /// it adds others.
    ///
    /// Whether they can be read is found out in the last step.
    pub fn trust(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.trust.add(pem.into());
        self
    }

    /// Trusts these certificates, in PEM, and not those that the machine trusts. What else is given to this or to
    /// [`trust`](Self::trust) counts as well.
    ///
    /// It holds for the issuer, for its `jwks_uri`, and for a proxy under `https`. The last step gives an error if the
    /// certificates cannot be read, or if the location is plain `http`, where no certificate is shown.
    pub fn trust_only(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.trust.only(pem.into());
        self
    }

    /// Demands that the server's public key has this SHA-256, beside all usual checks of its certificate. Called again, it
    /// names another: one of them has to match, so that a key can be replaced.
    ///
    /// The pin is over the `SubjectPublicKeyInfo` of the server's own certificate (RFC 7469, 2.4), in base64 with padding, or
    /// as 64 hex digits. This prints it:
    ///
    /// ```text
    /// openssl x509 -in server.pem -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64
    /// ```
    ///
    /// It holds for each server that is asked: if the `jwks_uri` is on another host, pin the key of that as well. A proxy is
    /// not asked for it. The last step gives an error if the location is plain `http`, where no key is shown.
    ///
    /// # Errors
    /// If it is not 32 bytes in base64 or hex.
    ///
    /// # Security
    /// A server that gets a new key is not believed until its pin is here, and after the lifetime of the last set and an
    /// hour, tokens are a 503. Pin the next key as well before it is used.
    pub fn pin_sha256(mut self, pin: impl AsRef<str>) -> Result<Self, ConfigError> {
        self.trust.pin(pin.as_ref())?;
        Ok(self)
    }

    /// The clock for lifetimes, retries and limits; the default is that of the system.
    pub fn clock(mut self, clock: impl Timer) -> Self {
        self.timer = Arc::new(clock);
        self
    }

    /// Fetches with the first token that needs a key.
    ///
    /// # Errors
    /// If the location is plain `http` that is not [allowed](Self::dangerous_allow_http); if the certificates to trust
    /// cannot be read, or if there are none; if they or pins are to hold for plain `http`; or if the environment names a
    /// [proxy](Self::proxy) that cannot be used.
    pub fn lazy(self) -> Result<RemoteJwks, ConfigError> {
        let first = self.place.first();
        self.plain.check(first)?;
        let proxy = self.proxy.proxy(|name| env::var(name))?;
        let client = Client::new(&self.trust, proxy, self.headers, first)?;
        let fetcher = Fetcher::new(client, self.place, self.format, self.plain, Arc::clone(&self.timer));
        Ok(RemoteJwks::new(Shared::new(fetcher, self.timer, State::new(self.lifetime))))
    }

    /// Fetches from now on, in the background.
    ///
    /// # Errors
    /// As for [`lazy`](Self::lazy); and if there is no tokio runtime.
    pub fn background(self) -> Result<RemoteJwks, ConfigError> {
        if Handle::try_current().is_err() {
            return Err(ConfigError::new("keys are fetched in the background of a tokio runtime: call it within one"));
        }
        let keys = self.lazy()?;
        keys.keep_fresh();
        Ok(keys)
    }

    /// Fetches once before anything else, and waits for it: 5 s at most. So a program that cannot judge tokens does
    /// not start.
    ///
    /// # Errors
    /// A [`FetchError`] if the fetch fails, and a [`ConfigError`] as for [`background`](Self::background); it is the
    /// source of the error that is given.
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
