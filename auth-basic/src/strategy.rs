use std::{borrow::Cow, fmt, marker::PhantomData, sync::Arc};

use auth_core::{
    AuthRequest, BoxError, Carrier, Challenge, ConfigError, Evidence, Needs, Outcome, Principal, PrincipalId, Start,
    Strategy, Verify, async_trait,
    extract::{AuthScheme, Extractor as _, Malformed, auth_scheme},
};

#[cfg(feature = "throttle")]
use crate::guard::{self, Account, Guard};
use crate::{
    BasicLogin, credentials,
    opened_by::OpenedBy,
    payload_fields::{PayloadFields, Place},
};

/// The longest credentials in bytes: 4 KiB.
const DEFAULT_MAX_LEN: usize = 4 * 1024;

/// The scheme of the challenge without a browser prompt. Browsers don't know it, so they show no dialog.
const SCHEME_WITHOUT_PROMPT: &str = "xBasic";

/// HTTP Basic (RFC 7617), before its verify callback is known.
///
/// ```
/// use auth_basic::{Basic, BasicLogin};
/// # #[derive(Debug)] struct StoreError;
/// # impl std::fmt::Display for StoreError { fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { Ok(()) } }
/// # impl std::error::Error for StoreError {}
/// # async fn check_password(_: BasicLogin) -> Result<Option<String>, StoreError> { Ok(None) }
///
/// let basic = Basic::new("demo").verify(|login: BasicLogin| async move { check_password(login).await });
/// # let _ = basic;
/// ```
#[derive(Clone, Debug)]
#[must_use = "a strategy does nothing until it is in a chain"]
pub struct Basic {
    /// The issuer in each name, so it is shared.
    realm: Arc<str>,
    name: String,
    browser_prompt: bool,
    max_len: usize,
    payload: Option<PayloadFields>,
    #[cfg(feature = "throttle")]
    pub(crate) guard: Option<Guard>,
    #[cfg(feature = "throttle")]
    pub(crate) account: Account,
}

impl Basic {
    /// A strategy for logins to `realm`. Browsers show the realm to users, and remember the login for it.
    ///
    /// Any text will do. Quotes and backslashes are escaped; control characters are left out.
    ///
    /// # Security
    /// The realm is the issuer of the user names in the evidence. If you change it, the names change too, and stored
    /// revocations of users no longer match. Don't use the name of your tokens' issuer.
    pub fn new(realm: impl Into<String>) -> Self {
        Self {
            realm: realm.into().into(),
            name: "basic".into(),
            browser_prompt: true,
            max_len: DEFAULT_MAX_LEN,
            payload: None,
            #[cfg(feature = "throttle")]
            guard: None,
            #[cfg(feature = "throttle")]
            account: Account::default(),
        }
    }

    /// Sets the strategy's name in evidence and logs. The default is `basic`.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the longest credentials in bytes, inclusive, as encoded in the header. The default is 4 KiB.
    ///
    /// In a payload, the limit applies to user name and password together, unencoded.
    pub fn max_len(mut self, bytes: usize) -> Self {
        self.max_len = bytes;
        self
    }

    /// Challenges with `xBasic` instead of `Basic`. Browsers don't know this scheme, so they show no dialog: a page whose script
    /// gets a 401 can show its own form.
    ///
    /// Nothing else changes. Clients still send `Authorization: Basic …`, and must do so without being asked, since they don't
    /// understand the challenge.
    pub fn without_browser_prompt(mut self) -> Self {
        self.browser_prompt = false;
        self
    }

    /// Also takes the login from the fields `username` and `password` of a payload: a JSON or form body, or the Socket.IO
    /// `auth` object. For Socket.IO alone, use [`from_socketio_auth`](Self::from_socketio_auth), which reads no bodies. If both
    /// are called, the last call counts.
    ///
    /// | Payload | Header | |
    /// |---|---|---|
    /// | neither field | any | only the header counts |
    /// | both fields | none, or another scheme | the payload counts |
    /// | both fields | the same login | the header counts |
    /// | both fields | another login | malformed: the request contradicts itself |
    /// | both fields | malformed | malformed |
    /// | only one field, a field twice, or not a text (`null` included) | any | malformed |
    ///
    /// Empty texts are valid, as in the header. A user name with a colon is malformed, since the header could not carry it. So
    /// are control characters.
    ///
    /// # Security
    /// Use it only on routes where people log in: the middleware must read every body, and refuses those that are too long or
    /// do not parse. It also refuses a form whose field `username` means something else. The layer does not look at which page
    /// sent the form, since its fields are explicit: the route that makes a session of them judges that, with
    /// [`OriginPolicy::judge_write`](auth_core::OriginPolicy::judge_write).
    pub fn from_payload(self) -> Self {
        self.from_payload_fields("username", "password")
    }

    /// As [`from_payload`](Self::from_payload), with other field names.
    ///
    /// # Panics
    /// If both names are the same. Where they come from a configuration, use
    /// [`try_from_payload_fields`](Self::try_from_payload_fields).
    #[track_caller]
    pub fn from_payload_fields(
        self,
        username: impl Into<Cow<'static, str>>,
        password: impl Into<Cow<'static, str>>,
    ) -> Self {
        built(self.try_from_payload_fields(username, password))
    }

    /// As [`from_payload_fields`](Self::from_payload_fields), for names that come from a configuration.
    ///
    /// # Errors
    /// If both names are the same.
    pub fn try_from_payload_fields(
        self,
        username: impl Into<Cow<'static, str>>,
        password: impl Into<Cow<'static, str>>,
    ) -> Result<Self, ConfigError> {
        self.look_in(Place::AnyPayload, username.into(), password.into())
    }

    /// Also takes the login from the fields `username` and `password` of Socket.IO's `auth` object, or of the object that comes
    /// with `auth_refresh`.
    ///
    /// It looks nowhere else and asks for no body. So the chain may also guard HTTP routes: their bodies stay untouched.
    ///
    /// A field that is `null` counts as absent. Otherwise the table of [`from_payload`](Self::from_payload) applies. An empty
    /// text is a value, since a password may be empty.
    ///
    /// `from_payload` reads `auth` as well. If both are called, the last call counts.
    ///
    /// ```
    /// use auth_basic::{Basic, BasicLogin};
    ///
    /// let basic = Basic::new("demo").from_socketio_auth().verify(|_: BasicLogin| async { None::<String> });
    /// # let _ = basic;
    /// ```
    pub fn from_socketio_auth(self) -> Self {
        self.from_socketio_auth_fields("username", "password")
    }

    /// As [`from_socketio_auth`](Self::from_socketio_auth), with other field names.
    ///
    /// # Panics
    /// If both names are the same. Where they come from a configuration, use
    /// [`try_from_socketio_auth_fields`](Self::try_from_socketio_auth_fields).
    #[track_caller]
    pub fn from_socketio_auth_fields(
        self,
        username: impl Into<Cow<'static, str>>,
        password: impl Into<Cow<'static, str>>,
    ) -> Self {
        built(self.try_from_socketio_auth_fields(username, password))
    }

    /// As [`from_socketio_auth_fields`](Self::from_socketio_auth_fields), for names that come from a configuration.
    ///
    /// # Errors
    /// If both names are the same.
    pub fn try_from_socketio_auth_fields(
        self,
        username: impl Into<Cow<'static, str>>,
        password: impl Into<Cow<'static, str>>,
    ) -> Result<Self, ConfigError> {
        self.look_in(Place::SocketIoAuth, username.into(), password.into())
    }

    fn look_in(
        mut self,
        place: Place,
        username: Cow<'static, str>,
        password: Cow<'static, str>,
    ) -> Result<Self, ConfigError> {
        self.payload = Some(PayloadFields::new(place, username, password)?);
        Ok(self)
    }

    /// Sets the callback that decides about a login. See [`Verify`] for what it may return.
    ///
    /// # Security
    /// A callback that returns sooner for an unknown user reveals who exists. Do the same work for both; the feature `argon2`
    /// has a helper for that.
    pub fn verify<V, M>(self, verify: V) -> BasicStrategy<V, M>
    where
        V: Verify<BasicLogin, M, User: Principal>,
    {
        BasicStrategy { basic: self, scheme: auth_scheme("Basic"), verify, closure: PhantomData }
    }

    fn challenge(&self) -> Challenge {
        let scheme = if self.browser_prompt { "Basic" } else { SCHEME_WITHOUT_PROMPT };
        Challenge::new(scheme).with("realm", &self.realm).with("charset", "UTF-8")
    }
}

#[expect(clippy::panic, reason = "documented: a wrong constant shows at the first start")]
#[track_caller]
fn built(basic: Result<Basic, ConfigError>) -> Basic {
    basic.unwrap_or_else(|error| panic!("{error}"))
}

/// HTTP Basic with its verify callback, ready for a chain; made by [`Basic::verify`].
///
/// The evidence holds the user name as sent, with the realm as its issuer: `PrincipalId::new("demo", "ann")`. An empty user
/// name gives no name. If several spellings log in one user, or many users share one user name (keys sent as the password),
/// let the user type give its own identity: see [`Principal`]. A login has no id and no time of issue: it counts as issued
/// when it is checked.
///
/// # Renewals
/// If a login of this realm has opened a connection, a login may renew it only with exactly the same user name. Another user
/// name is refused like a wrong password, without a call of the verify callback. If another credential has opened the
/// connection (a token, a cookie, a ticket), the callback is called and the chain compares the users. See
/// [`Chain::renew`](auth_core::Chain::renew).
#[must_use = "a strategy does nothing until it is in a chain"]
pub struct BasicStrategy<V, M = ()> {
    basic: Basic,
    scheme: AuthScheme,
    verify: V,
    /// Which kind of closure `verify` is.
    closure: PhantomData<fn() -> M>,
}

impl<V, M> BasicStrategy<V, M> {
    fn find(&self, request: &AuthRequest<'_>) -> Result<Option<(BasicLogin, Carrier)>, Malformed> {
        let header = self.in_header(request)?;
        let fields = self.basic.payload.as_ref();
        let payload = fields.map(|fields| fields.find(request, self.basic.max_len)).transpose()?.flatten();
        Ok(match (header, payload) {
            (Some(header), Some(payload)) if !header.is_same_as(&payload) => {
                return Err(Malformed::new(Carrier::Payload, "header and payload hold different logins"));
            }
            (Some(header), _) => Some((header, Carrier::Header)),
            (None, payload) => payload.map(|login| (login, Carrier::Payload)),
        })
    }

    fn in_header(&self, request: &AuthRequest<'_>) -> Result<Option<BasicLogin>, Malformed> {
        let Some(found) = self.scheme.extract_within(request, self.basic.max_len)? else {
            return Ok(None);
        };
        credentials::decode(&found, self.basic.max_len).map(Some).map_err(|what| Malformed::new(found.carrier(), what))
    }
}

#[async_trait]
impl<V, M> Strategy for BasicStrategy<V, M>
where
    V: Verify<BasicLogin, M, User: Principal>,
    M: 'static,
{
    type User = V::User;

    fn name(&self) -> &str {
        &self.basic.name
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.push(self.basic.challenge());
    }

    fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        if self.basic.payload.as_ref().is_some_and(PayloadFields::are_in_bodies) {
            needs.set_payload();
        }
        #[cfg(feature = "throttle")]
        if self.basic.guard.is_some() {
            guard::DEVICE_COOKIES.into_iter().for_each(|name| needs.add_kept_cookie(name));
        }
        needs
    }

    fn may_renew(&self, request: &AuthRequest<'_>, open: &Evidence) -> bool {
        let mut opened = Vec::new();
        OpenedBy::find(open, &self.basic.realm, &mut opened);
        if opened.is_empty() {
            return true;
        }
        // `authenticate` decodes the login again, which is cheap compared with a password hash.
        match self.find(request) {
            Ok(Some((login, _))) => opened.contains(&login.username()),
            Ok(None) | Err(_) => true,
        }
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<Self::User>, BoxError> {
        self.start(request).finish().await
    }

    /// Only the callback has to be waited for.
    fn start<'a>(&'a self, request: &'a AuthRequest<'_>) -> Start<'a, V::User> {
        match self.find(request) {
            Ok(Some((login, carrier))) => {
                // A future of its own, since that of a guess is larger.
                #[cfg(feature = "throttle")]
                if let Some(guard) = &self.basic.guard {
                    return Start::Waits(Box::pin(self.decide_guarded(guard, login, carrier, request)));
                }
                Start::Waits(Box::pin(self.decide(login, carrier, request)))
            }
            Ok(None) => Start::Done(Ok(Outcome::Absent)),
            Err(malformed) => Start::Done(Ok(malformed.into())),
        }
    }
}

impl<V, M> BasicStrategy<V, M>
where
    V: Verify<BasicLogin, M, User: Principal>,
{
    async fn decide(
        &self,
        login: BasicLogin,
        carrier: Carrier,
        request: &AuthRequest<'_>,
    ) -> Result<Outcome<V::User>, BoxError> {
        let username = login.shared_username();
        let verdict = self.verify.verify(login, request).await?;
        Ok(match verdict.into_accept(carrier) {
            Ok(accept) => {
                let name = PrincipalId::new(Arc::clone(&self.basic.realm), username);
                let accept = accept.extra(OpenedBy(name.clone()));
                // An empty user name is not a name: all keys that are sent as the password share it.
                Outcome::Accept(if name.subject().is_empty() { accept } else { accept.add_name(name) })
            }
            Err(rejection) => Outcome::Reject(rejection),
        })
    }

    #[cfg(feature = "throttle")]
    async fn decide_guarded(
        &self,
        guard: &Guard,
        login: BasicLogin,
        carrier: Carrier,
        request: &AuthRequest<'_>,
    ) -> Result<Outcome<V::User>, BoxError> {
        let permit = match guard.take(&self.basic.account.of(login.username()), request).await? {
            Ok(permit) => permit,
            Err(rejection) => return Ok(Outcome::Reject(rejection)),
        };
        let outcome = self.decide(login, carrier, request).await;
        let rejection = match &outcome {
            Ok(Outcome::Reject(rejection)) => Some(rejection),
            _ => None,
        };
        guard::settle(permit, rejection).await;
        outcome
    }
}

impl<V, M> fmt::Debug for BasicStrategy<V, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BasicStrategy").field("basic", &self.basic).finish_non_exhaustive()
    }
}
