use std::{fmt, marker::PhantomData, time::Duration};

use auth_core::{
    ConfigError, Principal, Verify,
    extract::{Extractor, bearer},
};
use serde::de::DeserializeOwned;

use crate::{
    Algorithm, HmacSecret, JwtStrategy, KeySet, KeySource, TrustedIssuers, VerifyingKey,
    audience::Recipients,
    cache::Cache,
    contradiction::IssuerDemands,
    issuer::Issuers,
    policy::{Expiry, Policy, TokenType, without_application},
    possession::Possession,
    profile::Profile,
    required::RequiredClaims,
    scopes::ScopeClaims,
    source::Keys,
    token::Subject,
};

/// The longest token in bytes: 8 KiB, since servers take header lines of about that size.
const DEFAULT_MAX_LEN: usize = 8 * 1024;

/// How far clocks may differ.
const DEFAULT_LEEWAY: Duration = Duration::from_secs(60);
const MAX_LEEWAY: Duration = Duration::from_secs(300);

/// JSON Web Tokens (RFC 7519) as a strategy, before its verify callback is known.
///
/// `C` is the type of the claims, any that can be deserialized; it need not name the registered claims, which are
/// checked apart from it. What is checked, and in which order, is told at the [crate].
///
/// ```
/// use auth_core::extract::{Extractor as _, bearer, cookie, subprotocol};
/// use auth_jwt::Jwt;
///
/// #[derive(serde::Deserialize)]
/// struct Claims {
///     sub: String,
/// }
/// # #[derive(Clone)] struct Users;
/// # impl Users { async fn find_by_id(&self, id: &str) -> Result<Option<String>, std::io::Error> { Ok(Some(id.to_owned())) } }
/// # fn build(users: Users, secret: &str) -> Result<(), auth_core::ConfigError> {
///
/// let jwt = Jwt::<Claims>::hs256(secret)?
///     .extract(bearer().or(subprotocol("auth.bearer.")).or(cookie("jwt")))
///     .issuer("https://id.example")
///     .audience("chat")
///     .verify(move |claims: Claims| {
///         let users = users.clone();
///         async move { users.find_by_id(&claims.sub).await }
///     });
/// # let _ = auth_core::Chain::new().or(jwt);
/// # Ok(()) }
/// # build(Users, "0123456789abcdef0123456789abcdef").unwrap();
/// ```
#[must_use = "a strategy does nothing before it stands in a chain"]
pub struct Jwt<C> {
    pub(crate) name: String,
    pub(crate) realm: String,
    pub(crate) scope: String,
    pub(crate) error_uri: Option<String>,
    pub(crate) resource_metadata: Option<String>,
    pub(crate) extractor: Box<dyn Extractor>,
    pub(crate) keys: Keys,
    pub(crate) policy: Policy,
    pub(crate) trusted: Vec<IssuerDemands>,
    pub(crate) cache: Option<Cache>,
    pub(crate) possession: Possession,
    claims: PhantomData<fn() -> C>,
}

impl<C> Jwt<C> {
    /// Tokens signed with HS256 and this secret.
    ///
    /// # Errors
    /// If the secret is shorter than 32 bytes. See [`HmacSecret`].
    pub fn hs256(secret: impl Into<HmacSecret>) -> Result<Self, ConfigError> {
        VerifyingKey::hmac(Algorithm::HS256, secret).map(Self::key)
    }

    /// Tokens signed with HS384 and this secret.
    ///
    /// # Errors
    /// If the secret is shorter than 48 bytes. See [`HmacSecret`].
    pub fn hs384(secret: impl Into<HmacSecret>) -> Result<Self, ConfigError> {
        VerifyingKey::hmac(Algorithm::HS384, secret).map(Self::key)
    }

    /// Tokens signed with HS512 and this secret.
    ///
    /// # Errors
    /// If the secret is shorter than 64 bytes. See [`HmacSecret`].
    pub fn hs512(secret: impl Into<HmacSecret>) -> Result<Self, ConfigError> {
        VerifyingKey::hmac(Algorithm::HS512, secret).map(Self::key)
    }

    /// Tokens signed with this key, by any of its algorithms.
    pub fn key(key: VerifyingKey) -> Self {
        Self::keys(key.into())
    }

    /// Tokens signed with one of these keys. [`KeySet`] tells which one is chosen.
    pub fn keys(keys: KeySet) -> Self {
        Self::new(Keys::Fixed(keys))
    }

    /// Tokens whose keys are not known yet.
    pub fn key_source(source: impl KeySource) -> Self {
        Self::new(Keys::Source(Box::new(source)))
    }

    /// Tokens of these issuers, each with keys, algorithms and audience of its own.
    ///
    /// It names them all as [`issuer`](Self::issuer) does: a token of another is left to the next strategy of the
    /// chain, and one without `iss` is refused.
    pub fn trusted_issuers(issuers: TrustedIssuers) -> Self {
        let known = issuers.issuers();
        let demands = issuers.iter().map(IssuerDemands::of).collect();
        let mut jwt = Self::key_source(issuers);
        jwt.policy.issuers = known;
        jwt.trusted = demands;
        jwt
    }

    fn new(keys: Keys) -> Self {
        let policy = Policy {
            max_len: DEFAULT_MAX_LEN,
            algorithms: None,
            token_type: None,
            issuers: Issuers::default(),
            recipients: Recipients::default(),
            subject: None,
            subject_type: Subject::Text,
            jwt_id: None,
            nonce: None,
            profile: Profile::Plain,
            scopes: ScopeClaims::default(),
            required: RequiredClaims::default(),
            leeway: DEFAULT_LEEWAY,
            max_age: None,
            require_iat: false,
            expiry: Expiry::Required,
        };
        Self {
            name: "jwt".into(),
            realm: "api".into(),
            scope: String::new(),
            error_uri: None,
            resource_metadata: None,
            extractor: Box::new(bearer()),
            keys,
            policy,
            trusted: Vec::new(),
            cache: None,
            possession: Possession::default(),
            claims: PhantomData,
        }
    }

    /// Names the strategy in evidence and logs; the default is `jwt`.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

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
            if !is_plain(scope) {
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
        if !is_plain(&uri) {
            return Err(ConfigError::new(
                "the error URI is empty or has other than visible ASCII characters, or a quote or backslash: \
                 percent-encode them",
            ));
        }
        self.error_uri = Some(uri);
        Ok(self)
    }

    /// Where tokens are looked for; the default is [`bearer`].
    ///
    /// The extractor also says which schemes clients are challenged to use. One that knows cookies alone has none, and
    /// then the chain needs a fallback.
    pub fn extract(mut self, extractor: impl Extractor) -> Self {
        self.extractor = Box::new(extractor);
        self
    }

    /// The longest token in bytes, inclusive; the default is 8 KiB. Longer ones are refused unread. Below 68 bytes no
    /// token fits, and the log says so at ERROR when the strategy is built.
    pub fn max_len(mut self, bytes: usize) -> Self {
        self.policy.max_len = bytes;
        self
    }

    /// Demands the subject (`sub`), compared exactly: for tokens of one known machine.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.policy.subject = Some(subject.into());
        self
    }

    /// Takes a `sub` that is an integer, and reads it as its decimal text. The default is to refuse it: RFC 7519, 4.1.2
    /// has a text.
    ///
    /// The integer is one from 0 to 2^64 - 1, written without fraction and exponent. A negative one, `1.0` and `1e3` are
    /// refused. The claims `C` have the text, too, so `sub: String` takes both.
    ///
    /// # Security
    /// The integer `7` and the text `"7"` then name the same user. Do not use it for an issuer that writes both, unless
    /// they mean one user. Integers beyond 2^53 - 1 are changed by some JSON libraries: such an issuer may give two
    /// users one number.
    pub fn allow_numeric_subject(mut self) -> Self {
        self.policy.subject_type = Subject::TextOrInteger;
        self
    }

    /// Demands the token's id (`jti`), compared exactly: for the one token that was agreed on.
    pub fn jwt_id(mut self, id: impl Into<String>) -> Self {
        self.policy.jwt_id = Some(id.into());
        self
    }

    /// Allows these algorithms only, of those that the keys allow. Called again, it replaces the list.
    ///
    /// A token of another algorithm is left to the next strategy of the chain, which may have the other kind of key. One of
    /// an algorithm that does not exist here is refused.
    ///
    /// # Errors
    /// If none is left: of the keys', or of those that [trusted issuers](crate::TrustedIssuer::algorithms) allow. Whether
    /// a [`KeySource`] will have a key for them is not known yet.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Result<Self, ConfigError> {
        let allowed: Vec<_> = algorithms.into_iter().collect();
        let any_fits = match &self.keys {
            Keys::Fixed(keys) => keys.keys().iter().flat_map(VerifyingKey::algorithms).any(|a| allowed.contains(&a)),
            Keys::Source(_) if self.trusted.is_empty() => !allowed.is_empty(),
            Keys::Source(_) => !self.trusted.iter().all(|issuer| issuer.rule_out(&allowed)),
        };
        if !any_fits {
            return Err(ConfigError::new(
                "none of the allowed algorithms is one of the keys' or issuers': allow another, or change the keys",
            ));
        }
        self.policy.algorithms = Some(allowed);
        Ok(self)
    }

    /// Accepts the type of a profile (RFC 9068 has `at+jwt`) beside `JWT` and none at all, in any case, with or without
    /// `application/`.
    pub fn token_type(self, name: impl AsRef<str>) -> Self {
        self.of_type(name.as_ref(), false)
    }

    /// Accepts the type of a profile alone, so that tokens which the same issuer made for other ends, ID tokens above
    /// all, are refused (RFC 8725, 3.11). For access tokens see [`access_token`](Self::access_token).
    pub fn require_token_type(self, name: impl AsRef<str>) -> Self {
        self.of_type(name.as_ref(), true)
    }

    fn of_type(mut self, name: &str, required: bool) -> Self {
        self.policy.token_type = Some(TokenType { name: without_application(name).to_owned(), required });
        self
    }

    /// How far the clocks of issuer and verifier may differ; the default is 60 s.
    ///
    /// A request is let in until `exp` + leeway, exclusive, and from `nbf` and `iat` - leeway, inclusive. It does not
    /// lengthen what the evidence says: a socket ends at `exp` itself.
    ///
    /// # Errors
    /// If it is longer than 300 s. A clock that is further off has to be set right.
    pub fn leeway(mut self, leeway: Duration) -> Result<Self, ConfigError> {
        if leeway > MAX_LEEWAY {
            return Err(ConfigError::new("the leeway is longer than 300 s: shorten it, and set the clocks right"));
        }
        self.policy.leeway = leeway;
        Ok(self)
    }

    /// Demands `iat`. A token without it counts as issued before any revocation of its user: after the user logs out
    /// everywhere, new tokens without `iat` are refused for as long as the revocation is kept.
    pub fn require_iat(mut self) -> Self {
        self.policy.require_iat = true;
        self
    }

    /// Lets tokens end this long after they were issued, if that is before their `exp`. Tokens without `iat` are
    /// refused.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.policy.max_age = Some(age);
        self
    }

    /// Lets tokens without `exp` in. Where there is one, it counts.
    ///
    /// # Security
    /// Such a token is good for ever: until its key is withdrawn, if nothing else revokes it.
    pub fn dangerous_allow_missing_exp(mut self) -> Self {
        self.policy.expiry = Expiry::Optional;
        self
    }

    /// Does not look at `exp`, except that it must be a time if it is there; and the evidence has no expiry.
    ///
    /// # Security
    /// Tokens are then good for ever. For the tool that reads expired tokens, never for what protects something.
    pub fn dangerous_ignore_exp(mut self) -> Self {
        self.policy.expiry = Expiry::Ignored;
        self
    }

    /// Names who decides about the user. See [`Verify`] for what the callback may give.
    ///
    /// It is asked only about tokens that are right in every other respect.
    pub fn verify<V, M>(self, verify: V) -> JwtStrategy<C, V, M>
    where
        C: DeserializeOwned + Send,
        V: Verify<C, M, User: Principal>,
    {
        JwtStrategy::new(self, verify)
    }
}

/// What a scope and an error URI may be made of: `%x21 / %x23-5B / %x5D-7E` (RFC 6750, 3).
pub(crate) fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\'))
}

impl<C> fmt::Debug for Jwt<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = match &self.keys {
            Keys::Fixed(keys) => Some(keys),
            Keys::Source(_) => None,
        };
        f.debug_struct("Jwt").field("name", &self.name).field("keys", &keys).finish_non_exhaustive()
    }
}
