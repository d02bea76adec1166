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
        TokenError,
        log_text::{algorithms, quoted_or_absent},
    },
};

/// Supplies keys that are not known when the strategy is built: fetched, rotated, or chosen by tenant.
///
/// It is asked once for each token that is well-formed, has an allowed algorithm, and has a known issuer if issuers are
/// configured. The signature is not checked yet, so anyone can trigger this call: answer it without much work.
///
/// ```
/// use std::{collections::HashMap, sync::Arc};
/// use auth_core::{AuthRequest, BoxError, async_trait};
/// use auth_jwt::{KeySet, KeySource, UnverifiedToken};
///
/// /// Several issuers, each with its own keys.
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
    /// The keys for this token. `Ok(None)` if its issuer is unknown here; the chain then asks the next strategy.
    ///
    /// # Errors
    /// If the keys are unavailable now. The answer is 503, which says nothing about the token.
    async fn keys(
        &self,
        token: &UnverifiedToken<'_>,
        request: &AuthRequest<'_>,
    ) -> Result<Option<Arc<KeySet>>, BoxError>;

    /// The issuer of all these keys; `None` if there are several or if the source doesn't know it.
    ///
    /// A strategy uses it to detect that it accepts other issuers only, and therefore no token.
    fn issuer(&self) -> Option<&str> {
        None
    }

    /// What this token must satisfy in addition to the strategy's own settings; by default nothing.
    ///
    /// It is called before [`keys`](Self::keys).
    fn demands(&self, token: &UnverifiedToken<'_>) -> Demands<'_> {
        let _ = token;
        Demands::default()
    }
}

/// Fixed keys as a source.
#[async_trait]
impl KeySource for Arc<KeySet> {
    async fn keys(&self, _: &UnverifiedToken<'_>, _: &AuthRequest<'_>) -> Result<Option<Self>, BoxError> {
        Ok(Some(Self::clone(self)))
    }
}

/// What a [`KeySource`] requires of the tokens of one issuer; by default nothing.
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "demands do nothing until a source returns them"]
pub struct Demands<'a> {
    pub(crate) audiences: Option<&'a [String]>,
    algorithms: Option<&'a [Algorithm]>,
}

impl<'a> Demands<'a> {
    /// Requires one of these audiences, instead of those of the strategy. If the list is empty, tokens that name an
    /// audience are refused.
    pub fn audiences(mut self, audiences: &'a [String]) -> Self {
        self.audiences = Some(audiences);
        self
    }

    /// Requires one of these algorithms, which the strategy must allow as well.
    pub fn algorithms(mut self, algorithms: &'a [Algorithm]) -> Self {
        self.algorithms = Some(algorithms);
        self
    }

    pub(crate) fn refuse(&self, found: Algorithm) -> TokenError {
        let allowed = self.algorithms.unwrap_or_default().iter().copied();
        TokenError::unrecognized("the algorithm is not allowed to the issuer")
            .because(|| (algorithms(allowed), algorithms([found])))
    }

    pub(crate) fn allow(&self, algorithm: Algorithm) -> bool {
        self.algorithms.is_none_or(|allowed| allowed.contains(&algorithm))
    }
}

/// What a token claims before its signature is checked. Use it to choose keys, and for nothing else.
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
    /// The token as the client sent it. Never log it.
    #[must_use]
    pub fn expose(&self) -> &'a str {
        self.token
    }

    /// The algorithm.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The name of the key (`kid`).
    #[must_use]
    pub fn kid(&self) -> Option<&'a str> {
        self.kid
    }

    /// The issuer (`iss`). If the token has an [alias](crate::Jwt::issuer_alias), the issuer that the alias stands for.
    #[must_use]
    pub fn issuer(&self) -> Option<&'a str> {
        self.issuer
    }

    pub(crate) fn without_keys(&self) -> TokenError {
        TokenError::unrecognized("no keys are known for the issuer of the token")
            .because(|| ("an issuer of the key source".to_owned(), quoted_or_absent(self.issuer)))
    }
}

impl fmt::Debug for UnverifiedToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedToken").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// Fixed keys are separate from a source, so they need no boxed future.
pub(crate) enum Keys {
    Fixed(KeySet),
    Source(Box<dyn KeySource>),
}
