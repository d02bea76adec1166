//! Logins of clients that keep tokens: short access tokens, and refresh tokens that rotate.

mod body;
mod cookie;
mod decision;
mod guard;
mod inner;
mod issued;
mod keys;
mod log_in;
mod refresh;
mod routes;

use std::{fmt, sync::Arc, time::Duration};

use auth_core::{ClientAddress, ConfigError, Principal, Refusal, Secret};
use auth_jwt::Signer;
use auth_store::Throttle;
use serde::Serialize;

use self::{guard::Guard, inner::Inner, keys::RefreshKeys};
pub use self::{issued::IssuedTokens, log_in::TokenLogIn};
use crate::{error::SessionError, events, route_path, sessions::Sessions};

/// Where the routes are by default.
const PATH: &str = "/token/refresh";

/// How long an access token may be good.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Logins of clients that keep tokens instead of a cookie: mobile apps, programs, and pages that call an API. Clones share everything.
///
/// A client gets a short **access token**, a JSON Web Token that any service checks by itself, and a **refresh token**, which it
/// exchanges for the next pair. A login with tokens is a login as any other: it is in the list of the user, has the same ends, and
/// its end revokes its access tokens and closes its sockets on all nodes. The repository's `docs/tokens.md` says which token belongs
/// where.
///
/// ```
/// # use auth_core::{ConfigError, Principal, Secret};
/// # use auth_jwt::Signer;
/// # use auth_session::{IssuedTokens, RefreshTokens, SessionError, SessionUsers, Sessions};
/// # use auth_store::MemoryStore;
/// # fn app<U: Principal>(users: impl SessionUsers<User = U>, jwt_key: &str, refresh_key: Secret) -> Result<axum::Router, ConfigError> {
/// let sessions = Sessions::builder(MemoryStore::new(), users, "https://app.example")
///     .token_issuer("https://app.example") // a logout revokes the access tokens too
///     .build()?;
/// let signer = Signer::hs256(jwt_key)?.issuer("https://app.example").audience("https://app.example");
/// let tokens = RefreshTokens::new(&sessions, signer, [refresh_key])?;
/// let app = axum::Router::new().merge(tokens.routes());
/// # Ok(app) }
///
/// // In a handler, after the user has proved who it is:
/// # async fn handler<U: Principal>(tokens: &RefreshTokens<U>, user: &U) -> Result<IssuedTokens, SessionError> {
/// tokens.log_in(user).label("App on Android").amr(["pwd"]).await
/// # }
/// ```
///
/// The chain that accepts the access tokens is one with a `Jwt` of the same issuer, and with
/// [`Sessions::revocations`](crate::Sessions::revocations).
///
/// # Rotation
///
/// Each use of a refresh token makes the next one (RFC 9700, 4.14.2). A token that has been used is answered so:
///
/// | The token | was used first | Answer |
/// |---|---|---|
/// | is the newest one | never | the next one |
/// | is the last one that was used | up to 5 minutes ago | the same next one as before: the answer was lost |
/// | is an older one | up to 10 seconds ago | the newest one: several tabs refresh at once |
/// | any other | | **the login ends**: the token was stolen, or comes very late |
///
/// So a login never has two newest tokens. If two parties use its tokens, it ends for both. The times are inclusive.
///
/// # Security
/// A token is `sid.generation.mac`: an HMAC over the id of the login and a number, which the record of the login counts. The store
/// has no token, and whoever reads the store can't make one. Whoever has a key can: keep it as you keep the key of the signer.
pub struct RefreshTokens<U>(Arc<Inner<U>>);

impl<U: Principal> RefreshTokens<U> {
    /// Tokens for logins of these sessions. `signer` makes access tokens; its clock is not used, since `iat` and `exp` are those of the
    /// sessions' clock. The first of `keys` signs refresh tokens, and all of them verify. All nodes need the same keys. To change the
    /// key, first add the new one as the second on all nodes, then put it first, and remove the old one when its last login has ended.
    ///
    /// # Errors
    /// If there is no key, or if one is shorter than 32 bytes: make it of 32 random bytes. If the signer has an issuer that is not one
    /// of [`SessionsBuilder::token_issuer`](crate::SessionsBuilder::token_issuer): access tokens would be good after a logout.
    pub fn new(
        sessions: &Sessions<U>,
        signer: Signer,
        keys: impl IntoIterator<Item = Secret>,
    ) -> Result<Self, ConfigError> {
        let known = &sessions.core().settings.token_issuers;
        if let Some(issuer) = signer.issuer_name()
            && !known.iter().any(|name| name == issuer)
        {
            let issuer = issuer.escape_debug();
            return Err(ConfigError::new(format!(
                "`{issuer}` is not a token issuer of the sessions, so a logout would not revoke its tokens: name it with \
                 `SessionsBuilder::token_issuer`"
            )));
        }
        Ok(Self(Arc::new(Inner {
            sessions: sessions.clone(),
            signer,
            keys: RefreshKeys::new(keys)?,
            path: PATH.into(),
            in_cookie: false,
            access_ttl: Duration::from_secs(10 * 60),
            claims: None,
            guard: None,
        })))
    }

    /// Sets the path of the routes. The default is `/token/refresh`. With [`in_cookie`](Self::in_cookie) it is the path of the cookie, so
    /// it must be the whole path: don't nest the routes under another one.
    ///
    /// # Errors
    /// As for [`Devices::path`](crate::Devices::path), or if it has a semicolon, which would end it in a cookie.
    pub fn path(self, path: &str) -> Result<Self, ConfigError> {
        route_path::check(path, PATH)?;
        if path.contains(';') {
            return Err(ConfigError::new("the path of a cookie can't have a semicolon"));
        }
        Ok(self.set(|inner| inner.path = path.into()))
    }

    /// Keeps refresh tokens in a cookie, for pages in a browser: `__Secure-refresh`, or `refresh` on a loopback without TLS. It is
    /// `HttpOnly`, `SameSite=Strict`, `Secure`, and for the path of the routes alone. Scripts never see the token. The routes then take
    /// it from nowhere else.
    ///
    /// Foreign pages can't use the cookie: their requests are refused with 403 `cross_site`, as [`Session`](crate::Session#security) says.
    /// For pages and apps at once, use two `RefreshTokens` with two paths; tokens of one are good for the other.
    #[must_use]
    pub fn in_cookie(self) -> Self {
        self.set(|inner| inner.in_cookie = true)
    }

    /// Sets how long an access token is good: from a second to an hour, in whole seconds, rounded down. The default is 10 minutes. It is
    /// shorter if the login ends before.
    ///
    /// # Errors
    /// If it is shorter than a second or longer than an hour.
    pub fn access_ttl(self, ttl: Duration) -> Result<Self, ConfigError> {
        if !(SHORTEST..=LONGEST).contains(&ttl) {
            return Err(ConfigError::new("an access token must be good for a second at least, and an hour at most"));
        }
        Ok(self.set(|inner| inner.access_ttl = Duration::from_secs(ttl.as_secs())))
    }

    /// Adds claims to access tokens, such as roles. They are read at each refresh, so a change of the user is in the next token. They
    /// must be a JSON object; otherwise the client reads 500 `internal_error`.
    ///
    /// An access token always has `sub`, `sid`, `jti`, `iat`, `exp` and `auth_time`, and if they are known `iss`, `aud`, `amr` and `acr`.
    /// `sub` is what [`SessionUsers::id`](crate::SessionUsers::id) says, so that [`find`](crate::SessionUsers::find) finds the user. Of
    /// these only `aud` may come from here. Others of these names, and `nbf`, are dropped.
    #[must_use]
    pub fn claims<C: Serialize>(self, claims: impl Fn(&U) -> C + Send + Sync + 'static) -> Self {
        self.set(|inner| inner.claims = Some(Arc::new(move |user: &U| serde_json::to_value(claims(user)))))
    }

    /// Limits how many wrong tokens somebody may send to the route, by address. `address` says how the address of a client is found.
    ///
    /// A token that one of our keys has made never counts and is never throttled, so nobody locks its owner out. Another one takes a
    /// place of its address: 400 `invalid_grant`, and 429 `too_many_attempts` when none is left. If the store of the throttle is
    /// down, such a token is answered with 503. The counters have the realm `refresh token`, whatever that of the throttle is.
    #[must_use]
    pub fn throttle(self, throttle: Throttle, address: ClientAddress) -> Self {
        self.set(|inner| inner.guard = Some(Guard::new(throttle, address)))
    }

    /// Logs the user in, and issues the first tokens: `tokens.log_in(&user).label("App on Android").await?`. Only call it when the user
    /// has proved who it is. It is always a new login, which no cookie opens.
    ///
    /// It does not look at the page that has sent the request. With [`in_cookie`](Self::in_cookie), your route must refuse foreign pages:
    /// ask [`OriginPolicy::judge_write`](auth_core::OriginPolicy::judge_write).
    ///
    /// # Errors
    /// [`Unavailable`](crate::SessionErrorKind::Unavailable): the store is down, [`SessionUsers::id`](crate::SessionUsers::id) failed, or
    /// the token could not be signed. [`TooManyLogins`](crate::SessionErrorKind::TooManyLogins): see
    /// [`max_logins`](crate::SessionsBuilder::max_logins). [`LoginsEnded`](crate::SessionErrorKind::LoginsEnded): all logins of the user
    /// have just ended. [`NotJson`](crate::SessionErrorKind::NotJson): the [claims](Self::claims) are not a JSON object.
    pub fn log_in<'t>(&'t self, user: &'t U) -> TokenLogIn<'t, U> {
        TokenLogIn::new(&self.0, user)
    }

    /// Exchanges a refresh token for the next pair, in a handler of your own or for another protocol. It counts no failures, and looks at
    /// no page.
    ///
    /// # Errors
    /// 400 `invalid_grant`, 409 `session_conflict`, 500 `internal_error` or 503 `unavailable`: see [`routes`](Self::routes).
    pub async fn refresh(&self, token: &str) -> Result<IssuedTokens, Refusal> {
        let refreshed = match self.0.keys.check(token) {
            Some(token) => self.0.refresh(&token).await,
            None => Err(refresh::invalid_grant("the refresh token is malformed, or none of the keys has made it")),
        };
        refreshed.inspect_err(|refusal| events::refresh_refused(refusal.code()))
    }

    /// Ends the login of a refresh token: the client logs out. False if there is none. An old token will do.
    ///
    /// # Errors
    /// If the store is down. Don't tell the user that it is logged out.
    pub async fn end(&self, token: &str) -> Result<bool, SessionError> {
        match self.0.keys.check(token) {
            Some(token) => self.0.end(&token).await,
            None => Ok(false),
        }
    }

    /// Whether one of the keys has made the token.
    fn is_ours(&self, token: &str) -> bool {
        self.0.keys.check(token).is_some()
    }

    fn inner(&self) -> &Inner<U> {
        &self.0
    }

    /// The same with one setting changed. Clones stay as they are.
    fn set(mut self, set: impl FnOnce(&mut Inner<U>)) -> Self {
        set(Arc::make_mut(&mut self.0));
        self
    }
}

impl<U> Clone for RefreshTokens<U> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<U> fmt::Debug for RefreshTokens<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshTokens")
            .field("path", &self.0.path)
            .field("in_cookie", &self.0.in_cookie)
            .field("access_ttl", &self.0.access_ttl)
            .finish_non_exhaustive()
    }
}
