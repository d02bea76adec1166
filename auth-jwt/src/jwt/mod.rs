//! The builder of the strategy. Each other file in this folder has settings of one kind.

mod audience;
mod cache;
mod challenge;
mod claims;
#[cfg(feature = "dpop")]
mod dpop;
mod header;
mod issuer;
mod profile;
mod scopes;
mod times;

use std::{fmt, marker::PhantomData};

use auth_core::{
    ConfigError,
    extract::{Extractor, bearer},
};

use crate::{
    Algorithm, HmacSecret, KeySet, KeySource, TrustedIssuers, VerifyingKey,
    cache::Cache,
    known_headers::KnownHeaders,
    policy::Policy,
    possession::Possession,
    source::{IssuerDemands, Keys},
};

/// Builds a strategy for JSON Web Tokens (RFC 7519). [`verify`](Self::verify) adds the callback and completes it.
///
/// `C` is the type of the claims: any type that can be deserialized. It doesn't need fields for the registered claims,
/// which are checked separately. The [crate] lists all checks in their order.
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
#[must_use = "a strategy does nothing until it is in a chain"]
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
    pub(crate) known_headers: KnownHeaders,
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

    /// Tokens signed with one of these keys. [`KeySet`] says how a key is chosen.
    pub fn keys(keys: KeySet) -> Self {
        Self::new(Keys::Fixed(keys))
    }

    /// Tokens whose keys this source supplies for each request.
    pub fn key_source(source: impl KeySource) -> Self {
        Self::new(Keys::Source(Box::new(source)))
    }

    /// Tokens of these issuers. Each has its own keys, algorithms and audience.
    ///
    /// It accepts all of them, as [`issuer`](Self::issuer) does for one: a token of another issuer is left to the next
    /// strategy of the chain, and one without `iss` is refused.
    pub fn trusted_issuers(issuers: TrustedIssuers) -> Self {
        let known = issuers.issuers();
        let demands = issuers.iter().map(IssuerDemands::of).collect();
        let mut jwt = Self::key_source(issuers);
        jwt.policy.issuers = known;
        jwt.trusted = demands;
        jwt
    }

    fn new(keys: Keys) -> Self {
        Self {
            name: "jwt".into(),
            realm: "api".into(),
            scope: String::new(),
            error_uri: None,
            resource_metadata: None,
            extractor: Box::new(bearer()),
            keys,
            policy: Policy::default(),
            trusted: Vec::new(),
            cache: None,
            possession: Possession::default(),
            known_headers: KnownHeaders::default(),
            claims: PhantomData,
        }
    }

    /// The name of the strategy in evidence and logs; the default is `jwt`.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Where tokens are looked for; the default is [`bearer`].
    ///
    /// The extractor also decides which schemes the challenges name. An extractor for cookies alone names none, and then
    /// the chain needs a fallback challenge or a fallback redirect.
    pub fn extract(mut self, extractor: impl Extractor) -> Self {
        self.extractor = Box::new(extractor);
        self
    }

    /// The longest token in bytes, inclusive; the default is 8 KiB. Of a longer token, only the first bytes are read: in
    /// `Authorization` or a header of your own, it is too long even if it is malformed. The shortest possible token has 68 bytes: a
    /// lower limit is logged at ERROR when the strategy is built.
    pub fn max_len(mut self, bytes: usize) -> Self {
        self.policy.max_len = bytes;
        self
    }
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
