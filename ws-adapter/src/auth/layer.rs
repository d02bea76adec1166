use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use auth_core::{Chain, ConfigError, Needs, Principal, SystemClock};
use http::{HeaderName, HeaderValue};
use tower_layer::Layer;

use super::Auth;
use crate::{DefaultOnReject, OnReject, Timer, origin::OriginPolicy, payload::PayloadLimits};

/// Puts a chain in front of a service: an axum router, route or method, or any tower service.
///
/// What it does with a request, in this order:
///
/// 1. A WebSocket handshake from a page of a foreign origin is refused: 403 `origin_not_allowed`.
/// 2. If a strategy of the chain looks into bodies, a JSON or form body is read: at most 16 KiB (413 `payload_too_large`)
///    within 2 s (408 `request_timeout`). One that does not parse is refused: 400 `invalid_body`. The handler gets it
///    back. Other bodies hold no credential and are not touched; the section "Bodies" of `docs/chain.md` has a table.
///    Bodies must not be compressed: decompression is the task of a layer outside of this one. `payload_field` and
///    `Basic::from_payload` look into bodies; `socketio_auth` and `Basic::from_socketio_auth` do not.
/// 3. The chain decides, within 10 s (503 `unavailable`). A refusal is answered by the [`OnReject`] hook; for a handshake it is the same HTTP answer,
///    before the upgrade.
/// 4. A handshake with an ambient credential (a cookie) that names no origin is refused: 403 `origin_required`. One
///    whose credential is past its end is refused: 401 `token_expired`; leeway is no life for a connection.
/// 5. A handshake is entered into the registry of connections, if its user may have one more (429 `too_many_connections`), and
///    asked about once more: 401 `revoked`.
/// 6. Tokens are taken out of subprotocols and query, `Authorization` and `Cookie` are marked sensitive, and the
///    request goes on with [`Authenticated<U>`](auth_core::Authenticated) in its extensions.
///
/// ```
/// # use auth_basic::{Basic, BasicLogin};
/// # use auth_core::Chain;
/// use axum::{Router, routing::get};
/// use ws_adapter::AuthLayer;
///
/// # let basic = Basic::new("demo").verify(|_: BasicLogin| async { Some("somebody") });
/// let chain = Chain::new().or(basic);
/// let app: Router = Router::new().route("/me", get(|| async { "it is you" })).layer(AuthLayer::new(chain));
/// ```
///
#[cfg_attr(
    feature = "axum",
    doc = "For a whole application, use [`Protected`](crate::Protected): a router that is closed by default."
)]
/// On a plain router, `layer` also stands before paths that do not exist; with `route_layer` those stay a 404, also where the
/// router is merged into another.
///
/// Of two layers for one user type, the handler sees the evidence of the inner one.
///
/// # Security
/// On a plain router of axum, the layer covers what was added before it. These are **open**, and nothing says so:
///
/// - a route or a fallback that is added after `.layer(…)`;
/// - `post(b)` in `get(a).layer(…).post(b)`;
/// - a fallback, of a nested router too, under `.route_layer(…)`.
///
/// The layer does not protect plain requests against forgery by foreign pages: where a chain takes cookies (or Basic,
/// which browsers remember), put a CSRF middleware in front of whatever changes state. Layers that log headers or URIs
/// belong inside of this one, or must redact on their own.
pub struct AuthLayer<U> {
    config: Config<U>,
}

pub(crate) struct Config<U> {
    pub(crate) chain: Chain<U>,
    pub(crate) needs: Needs,
    pub(crate) optional: bool,
    pub(crate) origins: OriginPolicy,
    pub(crate) on_reject: Arc<dyn OnReject>,
    pub(crate) payload: PayloadLimits,
    pub(crate) decision_timeout: Duration,
    pub(crate) timer: Arc<dyn Timer>,
    pub(crate) subprotocol: HeaderValue,
    #[cfg(feature = "axum")]
    pub(crate) shutdown: crate::Shutdown,
    #[cfg(feature = "axum")]
    pub(crate) accept_then_close: bool,
    #[cfg(feature = "axum")]
    /// The form of first messages, where a handshake without a credential is let in to send one.
    pub(crate) first_message: Option<Arc<crate::socket::Codec>>,
    #[cfg(any(feature = "axum", feature = "socketio"))]
    pub(crate) connections: crate::Connections,
    #[cfg(any(feature = "axum", feature = "socketio"))]
    pub(crate) client_address: crate::ClientAddress,
    #[cfg(any(feature = "axum", feature = "socketio"))]
    pub(crate) sockets: crate::connections::SocketSettings,
}

impl<U: Principal> AuthLayer<U> {
    /// Demands that the chain accepts.
    ///
    /// # Panics
    /// If the chain cannot stand alone; [`try_new`](Self::try_new) gives that as an error.
    #[must_use]
    pub fn new(chain: Chain<U>) -> Self {
        built(Self::try_new(chain))
    }

    /// Demands that the chain accepts.
    ///
    /// # Errors
    /// If no strategy of the chain has a challenge, and no fallback is named; see [`Chain::check`].
    pub fn try_new(chain: Chain<U>) -> Result<Self, ConfigError> {
        chain.check()?;
        Ok(Self {
            config: Config {
                needs: chain.needs(),
                chain,
                optional: false,
                origins: OriginPolicy::default(),
                on_reject: Arc::new(DefaultOnReject),
                payload: PayloadLimits::default(),
                decision_timeout: Duration::from_secs(10),
                timer: Arc::new(SystemClock),
                subprotocol: HeaderValue::from_static("auth.v1"),
                #[cfg(feature = "axum")]
                shutdown: crate::Shutdown::new(),
                #[cfg(feature = "axum")]
                accept_then_close: false,
                #[cfg(feature = "axum")]
                first_message: None,
                #[cfg(any(feature = "axum", feature = "socketio"))]
                connections: crate::Connections::new(),
                #[cfg(any(feature = "axum", feature = "socketio"))]
                client_address: crate::ClientAddress::peer(),
                #[cfg(any(feature = "axum", feature = "socketio"))]
                sockets: crate::connections::SocketSettings::default(),
            },
        })
    }

    /// Lets a request on without a user if it brings no credential at all. One that brings a credential which is wrong,
    /// or which nobody vouches for, is refused.
    ///
    /// # Panics
    /// If the chain cannot stand alone; [`try_optional`](Self::try_optional) gives that as an error.
    #[must_use]
    pub fn optional(chain: Chain<U>) -> Self {
        built(Self::try_optional(chain))
    }

    /// As [`optional`](Self::optional).
    ///
    /// # Errors
    /// As for [`try_new`](Self::try_new).
    pub fn try_optional(chain: Chain<U>) -> Result<Self, ConfigError> {
        let mut layer = Self::try_new(chain)?;
        layer.config.optional = true;
        Ok(layer)
    }

    /// Lets pages of exactly these origins open sockets, in place of those of the same host and port. Each is scheme,
    /// host and, unless it is the default, port: `https://app.example:8443`; the origin of an app or extension, as
    /// `tauri://localhost`; or a wildcard of one label, `https://*.preview.example`. [`AllowedOrigin`](auth_core::AllowedOrigin)
    /// says more.
    ///
    /// # Errors
    /// If the list is empty, or if one of them is something else: a path, another wildcard, `null`.
    pub fn allow_origins<'o>(mut self, origins: impl IntoIterator<Item = &'o str>) -> Result<Self, ConfigError> {
        self.config.origins.set_list(origins)?;
        Ok(self)
    }

    /// Names the one origin under which browsers know this server, which is then allowed in place of the same host and
    /// port, and beside those of [`allow_origins`](Self::allow_origins). Behind a proxy that ends TLS or changes
    /// `Host`, the server cannot know it.
    ///
    /// # Errors
    /// If it is not an origin under `http` or `https`.
    pub fn public_origin(mut self, origin: &str) -> Result<Self, ConfigError> {
        self.config.origins.set_public(origin)?;
        Ok(self)
    }

    /// Lets every page on the web open sockets, with whatever cookies and remembered logins the browser holds for this
    /// host.
    #[must_use]
    pub fn dangerous_allow_any_origin(mut self) -> Self {
        self.config.origins.allow_any();
        self
    }

    /// Sets the hook that makes the answer to what is refused.
    #[must_use]
    pub fn on_reject(mut self, hook: impl OnReject) -> Self {
        self.config.on_reject = Arc::new(hook);
        self
    }

    /// The longest body that is read for a strategy, in bytes; 16 KiB by default.
    #[must_use]
    pub fn max_payload(mut self, bytes: usize) -> Self {
        self.config.payload.max_len = bytes;
        self
    }

    /// How long a body may take to arrive where a strategy has to read it; 2 s by default.
    #[must_use]
    pub fn payload_timeout(mut self, timeout: Duration) -> Self {
        self.config.payload.timeout = timeout;
        self
    }

    /// How long the chain may take to decide; 10 s by default. After that the answer is 503 `unavailable`, so that a
    /// store which hangs does not hold every request that comes. The look at revocations, once a connection is in the
    /// registry, may take as long again.
    #[must_use]
    pub fn decision_timeout(mut self, timeout: Duration) -> Self {
        self.config.decision_timeout = timeout;
        self
    }

    /// Sets the clock by which requests are judged and sockets end.
    #[must_use]
    pub fn timer(mut self, timer: impl Timer) -> Self {
        self.config.timer = Arc::new(timer);
        self
    }

    /// Names the subprotocol that is answered where a client offers it and the handler has chosen none; `auth.v1` by
    /// default. A browser gives a connection up if it has offered subprotocols and none is answered.
    ///
    /// # Panics
    /// If `name` is not a token (RFC 6455, 4.1). Where it comes from a configuration, use
    /// [`try_subprotocol`](Self::try_subprotocol).
    #[must_use]
    pub fn subprotocol(self, name: impl Into<Cow<'static, str>>) -> Self {
        built(self.try_subprotocol(name))
    }

    /// As [`subprotocol`](Self::subprotocol), for a name that comes from a configuration.
    ///
    /// # Errors
    /// If `name` is not a token (RFC 6455, 4.1).
    pub fn try_subprotocol(mut self, name: impl Into<Cow<'static, str>>) -> Result<Self, ConfigError> {
        self.config.subprotocol = subprotocol_name(&name.into())?;
        Ok(self)
    }

    /// Tells pages why their sockets are refused. A browser hides the answer to a handshake; with this, a handshake that
    /// comes from a page of an allowed origin is accepted, and closed at once with a code: 4401 `token_expired` or
    /// `invalid_credentials`, 4403 `forbidden` or `revoked`, 1013 `unavailable`, 1011 `internal_error`. The handler never
    /// runs. Everybody else gets the HTTP answer.
    ///
    /// # Security
    /// A refused client then holds a connection for up to two seconds more. It counts as pending until then, within the
    /// limits of [`Connections`](crate::Connections). One too many gets the HTTP answer, and one whose place another client
    /// needs is cut.
    #[cfg(feature = "axum")]
    #[must_use]
    pub fn accept_then_close(mut self) -> Self {
        self.config.accept_then_close = true;
        self
    }

    /// Ends the sockets behind this layer when `shutdown` begins.
    #[cfg(feature = "axum")]
    #[must_use]
    pub fn shutdown(mut self, shutdown: &crate::Shutdown) -> Self {
        self.config.shutdown = shutdown.clone();
        self
    }
}

/// What concerns connections that stay open.
#[cfg(any(feature = "axum", feature = "socketio"))]
impl<U> AuthLayer<U> {
    /// The registry that connections behind this layer are entered into; one of its own by default.
    #[must_use]
    pub fn connections(mut self, connections: &crate::Connections) -> Self {
        self.config.connections = connections.clone();
        self
    }

    /// How the address of a client is found, for the limit on what one address may hold without a credential; the peer of
    /// the connection by default.
    #[must_use]
    pub fn client_address(mut self, address: crate::ClientAddress) -> Self {
        self.config.client_address = address;
        self
    }

    /// Which close codes tell of authentication; private ones by default.
    #[must_use]
    pub fn close_codes(mut self, codes: crate::CloseCodes) -> Self {
        self.config.sockets.codes = codes;
        self
    }

    /// How long before the end of its credential a client is told: with a message on the subprotocol `auth.v1`, with an
    /// event on Socket.IO. A minute by default; where the credential has less than twice as long, half of what is left.
    #[must_use]
    pub fn expiry_notice(mut self, before: Duration) -> Self {
        self.config.sockets.notice = before;
        self
    }
}

#[cfg(feature = "axum")]
impl<U> AuthLayer<U> {
    /// How often a silent peer is pinged, and how long it may take to answer; then the socket is closed with 4408
    /// `ping_timeout`. Every 60 s, and 20 s, by default. While a message waits that the handler does not read, or the peer
    /// has not taken 16 KiB of answers to its own pings, nobody sees an answer, and no peer is given up. Less than a
    /// millisecond counts as one.
    #[must_use]
    pub fn ping(mut self, interval: Duration, timeout: Duration) -> Self {
        self.config.sockets.ping = Some(crate::connections::Ping { interval, timeout });
        self
    }

    /// Pings nobody. A peer that vanishes without a word is then noticed by TCP, by a send, or at the end of its credential.
    #[must_use]
    pub fn without_ping(mut self) -> Self {
        self.config.sockets.ping = None;
        self
    }

    /// Closes a socket with 4408 `idle_timeout` over which no message has come for so long; pings are none. Never by
    /// default. Less than a millisecond counts as one.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.config.sockets.idle = Some(timeout);
        self
    }

    /// Lets a handshake without a credential open a socket, to hear in a first message who it is; behind an optional layer
    /// too.
    #[must_use]
    pub fn first_message(self) -> crate::FirstMessageLayer<U> {
        crate::FirstMessageLayer::new(self)
    }

    pub(crate) fn hears(&mut self, codec: Arc<crate::socket::Codec>) {
        self.config.first_message = Some(codec);
    }
}

/// The name of a subprotocol.
///
/// # Errors
/// If it is not a token (RFC 6455, 4.1).
pub(crate) fn subprotocol_name(name: &str) -> Result<HeaderValue, ConfigError> {
    // The names of headers are tokens, as those of subprotocols are.
    let value = HeaderName::from_bytes(name.as_bytes()).ok().and_then(|_| HeaderValue::from_str(name).ok());
    value.ok_or_else(|| ConfigError::new(format!("a subprotocol must be a token, and {name:?} is not")))
}

#[expect(clippy::panic, reason = "documented: a chain that cannot be built shows at the first start")]
fn built<U>(layer: Result<AuthLayer<U>, ConfigError>) -> AuthLayer<U> {
    layer.unwrap_or_else(|error| panic!("{error}"))
}

#[cfg(any(feature = "axum", feature = "socketio"))]
impl<U> AuthLayer<U> {
    pub(crate) fn into_config(self) -> Config<U> {
        self.config
    }
}

impl<U> Clone for Config<U> {
    fn clone(&self) -> Self {
        Self {
            chain: self.chain.clone(),
            needs: self.needs.clone(),
            optional: self.optional,
            origins: self.origins.clone(),
            on_reject: Arc::clone(&self.on_reject),
            payload: self.payload,
            decision_timeout: self.decision_timeout,
            timer: Arc::clone(&self.timer),
            subprotocol: self.subprotocol.clone(),
            #[cfg(feature = "axum")]
            shutdown: self.shutdown.clone(),
            #[cfg(feature = "axum")]
            accept_then_close: self.accept_then_close,
            #[cfg(feature = "axum")]
            first_message: self.first_message.clone(),
            #[cfg(any(feature = "axum", feature = "socketio"))]
            connections: self.connections.clone(),
            #[cfg(any(feature = "axum", feature = "socketio"))]
            client_address: self.client_address,
            #[cfg(any(feature = "axum", feature = "socketio"))]
            sockets: self.sockets,
        }
    }
}

impl<U> Clone for AuthLayer<U> {
    fn clone(&self) -> Self {
        Self { config: self.config.clone() }
    }
}

impl<U> fmt::Debug for AuthLayer<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthLayer")
            .field("chain", &self.config.chain)
            .field("optional", &self.config.optional)
            .finish_non_exhaustive()
    }
}

impl<S, U> Layer<S> for AuthLayer<U> {
    type Service = Auth<S, U>;

    fn layer(&self, inner: S) -> Auth<S, U> {
        Auth::new(inner, Arc::new(self.config.clone()))
    }
}
