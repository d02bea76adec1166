mod origins;
mod settings;

use std::{
    borrow::Cow,
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use auth_core::{Chain, ConfigError, Principal, Timer};
use tower_layer::Layer;

use self::settings::Settings;
use crate::http::{Auth, Door, Gate, OnRefusal, Read, Untouched, subprotocol_name};

/// Puts a chain in front of a service: an axum router, route or method, or any other tower service.
///
/// It handles a request in this order:
///
/// 1. A WebSocket handshake from a page of a foreign origin is refused: 403 `origin_not_allowed`.
/// 2. [`AuthLayer::reading_bodies`] reads a JSON or form body: at most 16 KiB (413 `payload_too_large`) within 2 s (408
///    `request_timeout`). A body that does not parse is refused: 400 `invalid_body`. The handler gets the body whole, without
///    its trailers. Other bodies hold no credential and are not touched; the section "Bodies" of the repository's
///    `docs/chain.md` has a table. Bodies must not be compressed: put a layer that decompresses them around this one.
/// 3. The chain decides, within 10 s (503 `unavailable`). The [`OnRefusal`] hook makes the response to a refusal. A refused
///    handshake gets the same HTTP response, before the upgrade.
/// 4. A handshake with an ambient credential (a cookie) that does not name an origin is refused: 403 `origin_required`. One
///    with a credential past its end is refused: 401 `token_expired`. Leeway does not extend the life of a connection.
/// 5. A plain request that changes something is refused if a foreign page may have sent it with the user's credentials: 403
///    `cross_site`; see "Cross-site request forgery" below.
/// 6. Tokens are taken out of subprotocols and query, and `Authorization` and `Cookie` are marked sensitive, whatever the
///    decision.
/// 7. A handshake is entered into the registry of connections, if its user may open one more (429 `too_many_connections`).
///    Then its credential is checked for revocation again: 401 `revoked`.
/// 8. The request goes on with [`Authenticated<U>`](auth_core::Authenticated) in its extensions.
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
/// On a plain router, `layer` also covers paths that do not exist; with `route_layer` they stay a 404, even after the router
/// is merged into another.
///
/// If two layers have the same user type, the handler sees the evidence of the inner one.
///
/// # Request bodies
/// `M` says what happens to request bodies. [`Untouched`] is the default and accepts bodies of any type, so the layer works
/// with hyper, tonic and the body layers of tower-http. [`Read`] accepts bodies that are made of [`Bytes`](bytes::Bytes), such
/// as axum's.
///
/// # Cross-site request forgery
/// A browser attaches some credentials by itself, for any page. So where the chain has accepted one, a request with a method
/// other than `GET`, `HEAD`, `OPTIONS` and `TRACE` must come from one of our pages: one of the same host and port, or of
/// [`public_origin`](Self::public_origin) and [`allow_origins`](Self::allow_origins). [`OriginPolicy::judge_write`](auth_core::OriginPolicy::judge_write) has the table.
///
/// | The chain has accepted | Our page | A foreign page | The request doesn't say |
/// |---|---|---|---|
/// | a cookie or client certificate, also as half of an `and` | passes | 403 `cross_site` | 403 `cross_site` |
/// | a header, beside `Authorization` with `Basic`, `Digest`, `Negotiate` or `NTLM` | passes | 403 `cross_site` | passes |
/// | anything else: a bearer token, a ticket, a field of the body | passes | passes | passes |
///
/// The rule comes after the chain and before the handler. So a wrong or expired credential stays a 401, and an
/// [optional](Self::optional) layer lets a foreign page's request pass without a user if it has no credential. A program that uses a
/// cookie or client certificate sends the `Origin` of the server. [`csrf_exempt`](Self::csrf_exempt) names exceptions. The
/// repository's `docs/csrf.md` has the reasons.
///
/// # Security
/// On a plain router of axum, the layer covers what was added before it. These stay **open**, without any warning:
///
/// - a route or a fallback that is added after `.layer(…)`;
/// - `post(b)` in `get(a).layer(…).post(b)`;
/// - a fallback, even of a nested router, under `.route_layer(…)`.
///
/// Routes that answer `GET` must not change anything: the rule against forgery does not look at them, nor at headers and fields
/// that override the method. Routes without the layer, such as a login form, are not covered. Put layers that log headers or URIs
/// inside this one, or redact what they log.
pub struct AuthLayer<U, M = Untouched>(Arc<Shared<U, M>>);

/// What all clones of a layer share. A router of axum without a state clones and applies its layers for each request, so both
/// must be cheap.
struct Shared<U, M> {
    settings: Settings<U>,
    /// Made when the layer is first applied.
    door: OnceLock<Arc<Door<U, M>>>,
}

impl<U: Principal> AuthLayer<U> {
    /// Requires that the chain accepts.
    ///
    /// # Panics
    /// If [`try_new`](Self::try_new) fails.
    #[must_use]
    #[track_caller]
    pub fn new(chain: Chain<U>) -> Self {
        built(Self::try_new(chain))
    }

    /// Requires that the chain accepts.
    ///
    /// # Errors
    /// If no strategy of the chain has a challenge and no fallback is set (see [`Chain::validate`]). If a strategy looks into
    /// request bodies: that requires [`reading_bodies`](AuthLayer::reading_bodies).
    pub fn try_new(chain: Chain<U>) -> Result<Self, ConfigError> {
        let gate = Gate::new(chain)?;
        if gate.needs.payload() {
            return Err(ConfigError::new(
                "a strategy of the chain looks into request bodies: build the layer with `AuthLayer::reading_bodies`",
            ));
        }
        Ok(Self::with(gate))
    }

    /// Lets a request without any credential pass without a user; see [`allow_anonymous`](Self::allow_anonymous).
    ///
    /// # Panics
    /// If [`try_new`](Self::try_new) fails.
    #[must_use]
    #[track_caller]
    pub fn optional(chain: Chain<U>) -> Self {
        built(Self::try_optional(chain))
    }

    /// As [`optional`](Self::optional).
    ///
    /// # Errors
    /// As for [`try_new`](Self::try_new).
    pub fn try_optional(chain: Chain<U>) -> Result<Self, ConfigError> {
        Ok(Self::try_new(chain)?.allow_anonymous())
    }
}

impl<U: Principal> AuthLayer<U, Read> {
    /// Requires that the chain accepts, and reads request bodies for strategies that look into them: `payload_field` and
    /// `Basic::from_payload`. (`socketio_auth` and `Basic::from_socketio_auth` do not.)
    ///
    /// # Panics
    /// If [`try_reading_bodies`](Self::try_reading_bodies) fails.
    #[must_use]
    #[track_caller]
    pub fn reading_bodies(chain: Chain<U>) -> Self {
        built(Self::try_reading_bodies(chain))
    }

    /// As [`reading_bodies`](Self::reading_bodies).
    ///
    /// # Errors
    /// If no strategy of the chain has a challenge and no fallback is set; see [`Chain::validate`].
    pub fn try_reading_bodies(chain: Chain<U>) -> Result<Self, ConfigError> {
        Ok(Self::with(Gate::new(chain)?))
    }

    /// The longest body that is read for a strategy, in bytes; 16 KiB by default.
    #[must_use]
    pub fn max_payload(self, bytes: usize) -> Self {
        self.set(|settings| settings.gate.payload.max_len = bytes)
    }

    /// How long a body may take to arrive if a strategy looks into it; 2 s by default.
    #[must_use]
    pub fn payload_timeout(self, timeout: Duration) -> Self {
        self.set(|settings| settings.gate.payload.timeout = timeout)
    }
}

impl<U, M> AuthLayer<U, M> {
    fn with(gate: Gate<U>) -> Self {
        Self::of(Settings::new(gate))
    }

    fn of(settings: Settings<U>) -> Self {
        Self(Arc::new(Shared { settings, door: OnceLock::new() }))
    }

    fn into_settings(self) -> Settings<U> {
        match Arc::try_unwrap(self.0) {
            Ok(shared) => shared.settings,
            Err(shared) => shared.settings.clone(),
        }
    }

    fn set(self, change: impl FnOnce(&mut Settings<U>)) -> Self {
        let mut settings = self.into_settings();
        change(&mut settings);
        Self::of(settings)
    }

    /// Lets a request without any credential pass without a user. A request with a wrong credential, or with one that no
    /// strategy recognizes, is refused.
    #[must_use]
    pub fn allow_anonymous(self) -> Self {
        self.set(|settings| settings.gate.optional = true)
    }

    /// Sets the hook that makes the responses to refusals.
    #[must_use]
    pub fn on_refusal(self, hook: impl OnRefusal) -> Self {
        self.set(|settings| settings.gate.on_refusal = Arc::new(hook))
    }

    /// How long the chain may take to decide; 10 s by default. After that the response is 503 `unavailable`, so that a store
    /// that hangs does not hold up every request. The check for revocation, after a connection is registered, may take the
    /// same time again.
    #[must_use]
    pub fn decision_timeout(self, timeout: Duration) -> Self {
        self.set(|settings| settings.gate.decision_timeout = timeout)
    }

    /// Sets the clock that decides when credentials expire and connections end.
    #[must_use]
    pub fn timer(self, timer: impl Timer) -> Self {
        self.set(|settings| settings.gate.timer = Arc::new(timer))
    }

    /// Sets the subprotocol to answer if a client offers it and the handler has not chosen one; `auth.v1` by default. A browser
    /// drops the connection if it has offered subprotocols and the server answers none of them.
    ///
    /// # Panics
    /// If `name` is not a token (RFC 6455, 4.1). If it comes from a configuration, use
    /// [`try_subprotocol`](Self::try_subprotocol).
    #[must_use]
    #[track_caller]
    pub fn subprotocol(self, name: impl Into<Cow<'static, str>>) -> Self {
        built(self.try_subprotocol(name))
    }

    /// As [`subprotocol`](Self::subprotocol), for a name that comes from a configuration.
    ///
    /// # Errors
    /// If `name` is not a token (RFC 6455, 4.1).
    pub fn try_subprotocol(self, name: impl Into<Cow<'static, str>>) -> Result<Self, ConfigError> {
        let name = subprotocol_name(&name.into())?;
        Ok(self.set(|settings| settings.gate.subprotocol = name))
    }

    /// Configures connections that stay open: their registry and limits, pings, close codes, shutdown. Without it, they have the
    /// defaults of [`Sockets`](crate::Sockets), with a registry of their own.
    ///
    /// # Panics
    /// If it was called before. A second value would drop the registry of the first, so nobody could close the connections.
    #[cfg(feature = "connections")]
    #[must_use]
    #[track_caller]
    pub fn sockets(self, sockets: crate::Sockets) -> Self {
        assert!(!self.0.settings.has_sockets, "`sockets` was called before: put all settings into one `Sockets`");
        self.set(|settings| (settings.sockets, settings.has_sockets) = (sockets, true))
    }

    /// What an adapter of another protocol asks about credentials; see [`adapter`](crate::adapter).
    #[cfg(feature = "connections")]
    #[must_use]
    pub fn into_checkpoint(self) -> crate::adapter::Checkpoint<U> {
        let Settings { gate, sockets, .. } = self.into_settings();
        crate::adapter::Checkpoint { gate: Arc::new(gate), sockets }
    }
}

#[cfg(feature = "axum")]
impl<U: Principal, M> AuthLayer<U, M> {
    /// Accepts handshakes without a credential, even behind an optional layer, and waits for a first message with one.
    #[must_use]
    pub fn first_message(self) -> crate::FirstMessageLayer<U, M> {
        let Settings { gate, sockets, .. } = self.into_settings();
        crate::FirstMessageLayer::new(gate, &sockets)
    }
}

#[expect(clippy::panic, reason = "documented: a layer that cannot be built shows at the first start")]
#[track_caller]
fn built<T>(layer: Result<T, ConfigError>) -> T {
    layer.unwrap_or_else(|error| panic!("{error}"))
}

impl<U, M> Clone for AuthLayer<U, M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<U, M> fmt::Debug for AuthLayer<U, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthLayer")
            .field("chain", &self.0.settings.gate.chain)
            .field("optional", &self.0.settings.gate.optional)
            .finish_non_exhaustive()
    }
}

impl<S, U: Principal, M> Layer<S> for AuthLayer<U, M> {
    type Service = Auth<S, U, M>;

    fn layer(&self, inner: S) -> Auth<S, U, M> {
        Auth::new(inner, self.0.door.get_or_init(|| self.0.settings.door()))
    }
}
