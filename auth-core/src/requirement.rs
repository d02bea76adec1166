//! What a part of an application demands of a credential that is good in itself.

use std::{borrow::Cow, time::Duration};

use crate::{ConfigError, Evidence, Refusal, Rejection, Scopes, UserAuthentication, nqchar::is_nqchar, refusal::cut};

/// What a route or handler demands beyond a good credential: scopes, a recent log-in, a strong one.
///
/// ```
/// use std::time::Duration;
/// use auth_core::{Authenticated, Refusal, Requirement};
///
/// # struct User;
/// fn pay(user: &Authenticated<User>) -> Result<(), Refusal> {
///     user.evidence().require_scope("chat:write")?;
///     user.evidence().require(&Requirement::new().acr("phr").max_age(Duration::from_secs(300)))
/// }
/// ```
///
/// | Demanded | Otherwise |
/// |---|---|
/// | every [`scope`](Self::scope) | 403 `insufficient_scope`, with all of them in the challenge (RFC 6750, 3.1) |
/// | one of the classes of [`acr`](Self::acr) | 401 `insufficient_user_authentication`, with `acr_values` and `max_age` (RFC 9470, 3) |
/// | a log-in within [`max_age`](Self::max_age) | the same |
///
/// The challenge is that of the strategy which accepted the credential. Evidence without [`Scopes`] has none of them,
/// and without [`UserAuthentication`] neither age nor class: it is refused. Of an `and`, the first part that tells them
/// counts.
///
/// Scopes and classes are constants or come from a configuration, and have the form of RFC 6749, 3.3: visible ASCII without
/// quote or backslash. One that has not is found while the configuration is read, with [`try_scope`](Self::try_scope),
/// [`try_acr`](Self::try_acr) or [`validate`](Self::validate); `RequireLayer` asks `validate` when it is made. A requirement
/// that is used all the same lets nobody in: [`check`](Self::check) gives 403 `forbidden`, and an error is logged that names
/// the text.
#[derive(Clone, Debug, Default)]
#[must_use = "a requirement has to be checked"]
pub struct Requirement {
    scopes: Vec<Cow<'static, str>>,
    acr_values: Vec<Cow<'static, str>>,
    max_age: Option<Duration>,
    /// What is wrong with the first scope or class that is malformed. It lets nobody in.
    mistake: Option<String>,
}

impl Requirement {
    /// Demands nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Demands a scope; called again, another one beside it. With a malformed one nobody is let in: see
    /// [the type](Self).
    pub fn scope(mut self, scope: impl Into<Cow<'static, str>>) -> Self {
        let scope = scope.into();
        self.note_mistake("a scope", &scope);
        self.scopes.push(scope);
        self
    }

    /// As [`scope`](Self::scope), for one that comes from a configuration.
    ///
    /// # Errors
    /// If it is empty, or has a blank, a quote, a backslash or anything beyond visible ASCII (RFC 6749, 3.3).
    pub fn try_scope(self, scope: impl Into<Cow<'static, str>>) -> Result<Self, ConfigError> {
        self.scope(scope).validated()
    }

    /// Demands an authentication context class; called again, it adds another that will do as well. The client is told
    /// them in this order, the preferred one first. With a malformed one nobody is let in: see [the type](Self).
    pub fn acr(mut self, class: impl Into<Cow<'static, str>>) -> Self {
        let class = class.into();
        self.note_mistake("an authentication context class", &class);
        self.acr_values.push(class);
        self
    }

    /// As [`acr`](Self::acr), for one that comes from a configuration.
    ///
    /// # Errors
    /// If it is empty, or has a blank, a quote, a backslash or anything beyond visible ASCII.
    pub fn try_acr(self, class: impl Into<Cow<'static, str>>) -> Result<Self, ConfigError> {
        self.acr(class).validated()
    }

    /// Whether every scope and class has its form. The middleware asks when it is built.
    ///
    /// # Errors
    /// If one is malformed; the error names it.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.mistake.as_ref().map_or(Ok(()), |mistake| Err(ConfigError::new(mistake.clone())))
    }

    /// Demands that the user has logged in at most so long ago, inclusive; the client is told whole seconds. A log-in that
    /// lies ahead, by a clock that is off, has no age.
    ///
    /// # Security
    /// The age is that at the instant at which the credential was checked. On an open socket it does not grow: ask the
    /// evidence of a refresh, or compare with the clock.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Whether the evidence has what is demanded, at the instant at which the credential was checked.
    ///
    /// # Errors
    /// The refusal, ready to be answered. Missing scopes come first: a new log-in would not help. A malformed scope or class
    /// is a 403 `forbidden`, and not a 5xx: it may be made of what a client has sent.
    pub fn check(&self, evidence: &Evidence) -> Result<(), Refusal> {
        let rejection = if let Some(mistake) = &self.mistake {
            tracing::error!(mistake, "a requirement is malformed and lets nobody in");
            Rejection::forbidden()
        } else if !self.has_scopes(evidence.extra()) {
            tracing::debug!("the credential has not all the scopes that are required");
            Rejection::insufficient_scope(&self.scopes)
        } else if !self.is_strong(evidence) {
            tracing::debug!("the user has to log in again, or more strongly");
            Rejection::insufficient_user_authentication(&self.acr_values, self.max_age)
        } else {
            return Ok(());
        };
        Err(evidence.refuse(&rejection))
    }

    fn note_mistake(&mut self, what: &str, text: &str) {
        if !is_nqchar(text) {
            let shown = cut(text);
            let mistake = || {
                format!("{what} must be visible ASCII without quote or backslash, each by itself, and `{shown}` is not")
            };
            self.mistake.get_or_insert_with(mistake);
        }
    }

    fn validated(self) -> Result<Self, ConfigError> {
        self.validate().map(|()| self)
    }

    fn has_scopes(&self, own: Option<&Scopes>) -> bool {
        self.scopes.iter().all(|scope| own.is_some_and(|own| own.contains(scope)))
    }

    fn is_strong(&self, evidence: &Evidence) -> bool {
        let login = evidence.extra::<UserAuthentication>();
        let is_recent = |max_age: Duration| {
            let at = login.and_then(UserAuthentication::time);
            at.is_some_and(|at| evidence.authenticated_at().duration_since(at).unwrap_or_default() <= max_age)
        };
        let acr = login.and_then(UserAuthentication::acr);
        (self.acr_values.is_empty() || acr.is_some_and(|acr| self.acr_values.iter().any(|class| class == acr)))
            && self.max_age.is_none_or(is_recent)
    }
}

impl Evidence {
    /// Whether the credential has what is demanded.
    ///
    /// # Errors
    /// The refusal, ready to be answered.
    pub fn require(&self, requirement: &Requirement) -> Result<(), Refusal> {
        requirement.check(self)
    }

    /// Whether the credential has this scope. For several at once take a [`Requirement`], so that the client is told all
    /// of them.
    ///
    /// # Errors
    /// 403 `insufficient_scope`, ready to be answered; 403 `forbidden` if the scope is malformed, see [`Requirement`].
    pub fn require_scope(&self, scope: impl Into<Cow<'static, str>>) -> Result<(), Refusal> {
        self.require(&Requirement::new().scope(scope))
    }
}
