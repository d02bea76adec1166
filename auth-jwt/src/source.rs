mod file;
mod issuer_demands;
mod issuers;
mod reloadable;

use std::{fmt, sync::Arc};

use auth_core::{AuthRequest, BoxError, async_trait};

pub(crate) use self::issuer_demands::IssuerDemands;
pub use self::{
    file::KeyFile,
    issuers::{TrustedIssuer, TrustedIssuers},
    reloadable::ReloadableKeys,
};
use crate::{
    Algorithm, IssuerTemplate, KeySet,
    token::{
        Refused,
        refused::{algorithms, optional},
    },
};

/// Where keys come from that are not known when the strategy is built: fetched, rotated, or chosen by tenant.
///
/// It is asked once for each token that is well-formed, of a known issuer where issuers are configured, and of an
/// allowed algorithm; and before the signature is checked. So an answer should be at hand: the work that it costs is
/// work that strangers can order.
///
/// ```
/// use std::{collections::HashMap, sync::Arc};
/// use auth_core::{AuthRequest, BoxError, async_trait};
/// use auth_jwt::{KeySet, KeySource, UnverifiedToken};
///
/// /// Several issuers, each with keys of its own.
/// struct Issuers(HashMap<String, Arc<KeySet>>);
///
/// #[async_trait]
/// impl KeySource for Issuers {
///     async fn keys(
///         &self,
///         token: &UnverifiedToken<'_>,
///         _: &AuthRequest<'_>,
///     ) -> Result<Option<Arc<KeySet>>, BoxError> {
///         Ok(token.issuer().and_then(|issuer| self.0.get(issuer)).cloned())
///     }
/// }
/// ```
#[async_trait]
pub trait KeySource: Send + Sync + 'static {
    /// The keys for this token; `Ok(None)` if it is of an issuer that is not known here, so that the chain asks the
    /// next strategy.
    ///
    /// # Errors
    /// If the keys cannot be had now: 503, and nothing is said about the token.
    async fn keys(
        &self,
        token: &UnverifiedToken<'_>,
        request: &AuthRequest<'_>,
    ) -> Result<Option<Arc<KeySet>>, BoxError>;

    /// The one issuer whose keys these are; `None`, if there are several or the source does not know it.
    ///
    /// It lets a strategy tell that its own issuers are others, so that no token can be accepted.
    fn issuer(&self) -> Option<&str> {
        None
    }

    /// What the token must be like beside what the strategy demands of all; nothing, if it is not told.
    ///
    /// It is asked before [`keys`](Self::keys) is.
    fn demands(&self, token: &UnverifiedToken<'_>) -> Demands<'_> {
        let _ = token;
        Demands::default()
    }
}

/// Fixed keys, where a source is wanted.
#[async_trait]
impl KeySource for Arc<KeySet> {
    async fn keys(&self, _: &UnverifiedToken<'_>, _: &AuthRequest<'_>) -> Result<Option<Self>, BoxError> {
        Ok(Some(Self::clone(self)))
    }
}

/// What a [`KeySource`] demands of the tokens of one issuer; the default demands nothing.
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "demands do nothing before a source gives them"]
pub struct Demands<'a> {
    pub(crate) audiences: Option<&'a [String]>,
    algorithms: Option<&'a [Algorithm]>,
}

impl<'a> Demands<'a> {
    /// One of these audiences, in the place of those that the strategy has. If the list is empty, no token that names
    /// an audience is good.
    pub fn audiences(mut self, audiences: &'a [String]) -> Self {
        self.audiences = Some(audiences);
        self
    }

    /// One of these algorithms; it must be one that the strategy allows as well.
    pub fn algorithms(mut self, algorithms: &'a [Algorithm]) -> Self {
        self.algorithms = Some(algorithms);
        self
    }

    pub(crate) fn refuse(&self, found: Algorithm) -> Refused {
        let allowed = self.algorithms.unwrap_or_default().iter().copied();
        Refused::foreign("the algorithm is not allowed to the issuer")
            .because(|| (algorithms(allowed), algorithms([found])))
    }

    pub(crate) fn allow(&self, algorithm: Algorithm) -> bool {
        self.algorithms.is_none_or(|allowed| allowed.contains(&algorithm))
    }
}

/// What a token says of itself, before anything of it is proven. It may choose keys, and nothing else.
///
/// `Debug` shows the algorithm only.
pub struct UnverifiedToken<'a> {
    pub(crate) token: &'a str,
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: Option<&'a str>,
    pub(crate) issuer: Option<&'a str>,
    /// The template of the strategy that the issuer fits.
    pub(crate) template: Option<&'a IssuerTemplate>,
}

impl<'a> UnverifiedToken<'a> {
    /// The token as it came. Never log it.
    #[must_use]
    pub fn expose(&self) -> &'a str {
        self.token
    }

    /// The algorithm.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The name of the key.
    #[must_use]
    pub fn kid(&self) -> Option<&'a str> {
        self.kid
    }

    /// The issuer. If the strategy knows it by [another spelling](crate::Jwt::issuer_alias), that one.
    #[must_use]
    pub fn issuer(&self) -> Option<&'a str> {
        self.issuer
    }

    pub(crate) fn without_keys(&self) -> Refused {
        Refused::foreign("no keys are known for the issuer of the token")
            .because(|| ("an issuer of the key source".to_owned(), optional(self.issuer)))
    }
}

impl fmt::Debug for UnverifiedToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedToken").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// Fixed keys are apart from a source, so that they cost no boxed future.
pub(crate) enum Keys {
    Fixed(KeySet),
    Source(Box<dyn KeySource>),
}
