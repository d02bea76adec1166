use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use auth_core::{Clock, ConfigError, OriginPolicy, Principal, SystemClock};
use auth_store::{Records, Revocations, Store};

use crate::{
    core::Core,
    handle::Shared,
    limit::{LoginLimit, LoginOverflow},
    sessions::Sessions,
    settings::{Lifetime, Settings},
    users::SessionUsers,
};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// The settings of [`Sessions`].
///
/// # The cookie
///
/// | Public origin | Name | `Secure` |
/// |---|---|---|
/// | `https://…` | `__Host-session` | yes |
/// | `http://` on `localhost`, `*.localhost`, `127.0.0.0/8` or `[::1]` | `session` | no |
/// | anything else | an error | |
///
/// It is `HttpOnly`, `SameSite=Lax` and `Path=/`. Only a login that is remembered has `Max-Age`: up to its absolute end, and 400
/// days at most, as browsers allow (RFC 6265bis, 5.5). Browsers accept the prefix `__Host-` only from the host itself, so no
/// neighbouring host can plant such a cookie.
pub struct SessionsBuilder<U> {
    records: Arc<dyn Records>,
    /// Made when the clock is known, unless they were given.
    revocations: Box<dyn FnOnce(Arc<dyn Clock>) -> Revocations + Send>,
    users: Arc<dyn SessionUsers<User = U>>,
    public_origin: String,
    ours: OriginPolicy,
    cookie_name: Cow<'static, str>,
    lifetime: Lifetime,
    remembered: Lifetime,
    sockets_count_as_use: bool,
    token_issuers: Vec<String>,
    max_logins: Option<LoginLimit>,
    clock: Arc<dyn Clock>,
}

impl<U: Principal> Sessions<U> {
    /// Logins in this store, with the default settings. `public_origin` is where browsers find the service:
    /// `https://app.example`, or `http://localhost:3000`. The cookie follows from it: see [`SessionsBuilder`].
    ///
    /// # Errors
    /// If the public origin is neither `https://…` nor `http://` on a loopback.
    pub fn new<S>(store: S, users: impl SessionUsers<User = U>, public_origin: &str) -> Result<Self, ConfigError>
    where
        S: Store + Records + Clone,
    {
        Self::builder(store, users, public_origin).build()
    }

    /// Logins in this store, with other settings than the default.
    pub fn builder<S>(store: S, users: impl SessionUsers<User = U>, public_origin: &str) -> SessionsBuilder<U>
    where
        S: Store + Records + Clone,
    {
        SessionsBuilder::new(store, users, public_origin)
    }
}

impl<U: Principal> SessionsBuilder<U> {
    pub(crate) fn new<S>(store: S, users: impl SessionUsers<User = U>, public_origin: &str) -> Self
    where
        S: Store + Records + Clone,
    {
        let marks = store.clone();
        Self::of(store, |clock| Revocations::new(marks).clock(clock), users, public_origin)
    }

    /// Logins in one store, with revocations that may be in another one or have settings of their own. Both keep their own clock:
    /// give them the one that you give to [`clock`](Self::clock).
    pub fn from_parts(
        records: impl Records,
        revocations: Revocations,
        users: impl SessionUsers<User = U>,
        public_origin: &str,
    ) -> Self {
        Self::of(records, |_| revocations, users, public_origin)
    }

    fn of(
        records: impl Records,
        revocations: impl FnOnce(Arc<dyn Clock>) -> Revocations + Send + 'static,
        users: impl SessionUsers<User = U>,
        public_origin: &str,
    ) -> Self {
        Self {
            records: Arc::new(records),
            revocations: Box::new(revocations),
            users: Arc::new(users),
            public_origin: public_origin.to_owned(),
            ours: OriginPolicy::default(),
            cookie_name: "session".into(),
            lifetime: Lifetime { idle: HOUR, absolute: DAY },
            remembered: Lifetime { idle: 14 * DAY, absolute: 30 * DAY },
            sockets_count_as_use: false,
            token_issuers: Vec::new(),
            max_logins: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// Sets how long a login lives without being used. The default is one hour, the limit of NIST SP 800-63B-4 for AAL2
    /// (ASVS 5, 7.3.1). A use is noted at most once a minute, so it may end up to a minute early.
    #[must_use]
    pub fn idle(mut self, idle: Duration) -> Self {
        self.lifetime.idle = idle;
        self
    }

    /// Sets how long a login lives in any case. The default is 24 hours, the limit of NIST SP 800-63B-4 for AAL2 (ASVS 5,
    /// 7.3.2). The user then logs in again, even if the login is used all the time.
    #[must_use]
    pub fn absolute(mut self, absolute: Duration) -> Self {
        self.lifetime.absolute = absolute;
        self
    }

    /// Sets the same as [`idle`](Self::idle) for a login that is remembered. The default is 14 days: who comes back every
    /// other week stays logged in.
    #[must_use]
    pub fn remember_idle(mut self, idle: Duration) -> Self {
        self.remembered.idle = idle;
        self
    }

    /// Sets the same as [`absolute`](Self::absolute) for a login that is remembered. The default is 30 days, the limit of NIST
    /// SP 800-63B-4 for AAL1.
    #[must_use]
    pub fn remember_absolute(mut self, absolute: Duration) -> Self {
        self.remembered.absolute = absolute;
        self
    }

    /// Sets the clock. The default is the system's. The revocations get it too, but not those of [`from_parts`](Self::from_parts).
    /// Use the same one for the store and for the layers that authenticate.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the name of the cookie, without a prefix. The default is `session`. Two services on one host, such as two ports of
    /// `localhost`, share their cookies and need different names.
    #[must_use]
    pub fn cookie_name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.cookie_name = name.into();
        self
    }

    /// Whether a message over an open socket counts as a use of the login. The default is no. Otherwise, a page that is
    /// forgotten in a tab and polls would stay logged in forever.
    #[must_use]
    pub fn sockets_count_as_use(mut self, count: bool) -> Self {
        self.sockets_count_as_use = count;
        self
    }

    /// Names an issuer in whose tokens the id of a login stands as `sid`: the `iss` of the access tokens of this service. A
    /// logout then revokes them too. Each call adds one. Let no such token live longer than the absolute end of its login: the
    /// revocation is kept until ten minutes after that.
    #[must_use]
    pub fn token_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.token_issuers.push(issuer.into());
        self
    }

    /// Limits how many logins a user has at once, on all nodes together (ASVS 5, 7.1.2). The default is no limit. A second login
    /// in the same browser replaces the first, and doesn't count. What `overflow` says counts for the logins from now on:
    ///
    /// - [`EndOldest`](LoginOverflow::EndOldest) ends the one that was **used** least recently, not the one that began first: users
    ///   expect to keep the device that they use every day, and to lose the one that they have forgotten.
    /// - [`RefuseNew`](LoginOverflow::RefuseNew) fails the login with [`TooManyLogins`](crate::SessionErrorKind::TooManyLogins),
    ///   409 `too_many_logins`. Nothing has changed then. A user who has lost the devices can't log in until their logins end.
    ///
    /// # Logins at the same moment
    /// A login is stored, and then compared with the others of its user, in the order in which they began by the clocks of the
    /// nodes, which must be synchronized. So there may be too many for that moment. When all of
    /// them have been answered, there are at most `max`: those that began last, or with `RefuseNew` first, stay. The
    /// others are refused, or end at once. If one of the old logins is used at that moment, `EndOldest` may end one more than
    /// needed. If the store fails between both steps, there may be one too many; with `EndOldest` the next login ends it.
    ///
    /// # Security
    /// It does not protect against somebody who knows the password: with `EndOldest` that login ends the user's own ones, and
    /// with `RefuseNew` it keeps the user out. A change of the password ends all others.
    #[must_use]
    pub fn max_logins(mut self, max: usize, overflow: LoginOverflow) -> Self {
        self.max_logins = Some(LoginLimit { max, overflow });
        self
    }

    /// Lets pages of these origins change sessions too, beside those of the public origin: `https://admin.example`. See
    /// [`Session`](crate::Session#security), and [`AllowedOrigin`](auth_core::AllowedOrigin) for what an entry may be. It replaces an
    /// earlier list. Routes behind an `AuthLayer` need the same list there.
    ///
    /// # Errors
    /// If the list is empty, or if an entry is not an [`AllowedOrigin`](auth_core::AllowedOrigin).
    pub fn allow_origins<'o>(mut self, origins: impl IntoIterator<Item = &'o str>) -> Result<Self, ConfigError> {
        self.ours = self.ours.allow(origins)?;
        Ok(self)
    }

    /// Lets foreign pages change the session by requests to these paths. For a provider that posts the answer to a login through
    /// the browser (`response_mode=form_post`). Call it again for more paths. See
    /// [`OriginPolicy::csrf_exempt`](auth_core::OriginPolicy::csrf_exempt) for how a path is written.
    ///
    /// # Errors
    /// If a path is not written so.
    ///
    /// # Security
    /// The handler has to find out by itself who caused the request: by a `state` that it has bound to the browser, by a
    /// signature, or by a token of the form.
    pub fn csrf_exempt<'p>(mut self, paths: impl IntoIterator<Item = &'p str>) -> Result<Self, ConfigError> {
        self.ours = self.ours.csrf_exempt(paths)?;
        Ok(self)
    }

    /// Turns off the protection of sessions against cross-site request forgery: every page on the web may log a visitor in and
    /// out, and change the session's data. Only for a server that has another protection in front.
    #[must_use]
    pub fn dangerous_allow_cross_site(mut self) -> Self {
        self.ours = self.ours.dangerous_allow_any_write();
        self
    }

    /// The sessions with these settings.
    ///
    /// # Errors
    /// If the public origin is neither `https://…` nor `http://` on a loopback, if the name of the cookie is not a token or has
    /// a prefix, if an idle end is shorter than a second, if an absolute end is before it or after 400 days, or if no login at all
    /// is allowed.
    pub fn build(self) -> Result<Sessions<U>, ConfigError> {
        let Self { public_origin, ours, cookie_name, lifetime, remembered, .. } = self;
        let mut settings = Settings::new(&public_origin, ours, &cookie_name, lifetime, remembered)?;
        settings.sockets_count_as_use = self.sockets_count_as_use;
        settings.token_issuers = self.token_issuers;
        if self.max_logins.is_some_and(|limit| limit.max == 0) {
            return Err(ConfigError::new("a user must be allowed at least one login"));
        }
        settings.max_logins = self.max_logins;
        let revocations = (self.revocations)(Arc::clone(&self.clock));
        let core = Core { records: self.records, revocations, clock: self.clock, settings };
        Ok(Sessions::of(Shared::new(Arc::new(core), self.users)))
    }
}

impl<U> fmt::Debug for SessionsBuilder<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionsBuilder")
            .field("public_origin", &self.public_origin)
            .field("lifetime", &self.lifetime)
            .field("remembered", &self.remembered)
            .finish_non_exhaustive()
    }
}
