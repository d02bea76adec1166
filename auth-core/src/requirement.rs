//! What a part of an application demands beyond a good credential.

use std::{borrow::Cow, time::Duration};

use crate::{ConfigError, Evidence, Refusal, Rejection, Scopes, UserAuthentication, nqchar::is_nqchar, shown::cut};

/// What a route or handler demands beyond a good credential: scopes, a recent login, a strong login.
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
/// | Demanded | If not met |
/// |---|---|
/// | every [`scope`](Self::scope) | 403 `insufficient_scope`, with all of them in the challenge (RFC 6750, 3.1) |
/// | one of the classes of [`acr`](Self::acr) | 401 `insufficient_user_authentication`, with `acr_values` and `max_age` (RFC 9470, 3) |
/// | every method of [`amr`](Self::amr) | the same; the challenge has no place for methods |
/// | a login within [`max_age`](Self::max_age) | the same |
///
/// The challenge is the one of the strategy that accepted the credential. Evidence without [`Scopes`] has no scope, and
/// evidence without [`UserAuthentication`] has neither age nor class nor methods: it is refused. For an `and`, the first part that has
/// them counts.
///
/// Scopes, classes and methods are constants or come from a configuration. They have the form of RFC 6749, 3.3: visible ASCII
/// without quote or backslash. To find a malformed one early, use [`try_scope`](Self::try_scope), [`try_acr`](Self::try_acr),
/// [`try_amr`](Self::try_amr) or [`validate`](Self::validate); `RequireLayer` calls `validate` when it is built. A malformed
/// requirement lets nobody in: [`check`](Self::check) gives 403 `forbidden`, and an error in the log names the text.
#[derive(Clone, Debug, Default)]
#[must_use = "a requirement must be checked"]
pub struct Requirement {
    scopes: Vec<Cow<'static, str>>,
    acr_values: Vec<Cow<'static, str>>,
    methods: Vec<Cow<'static, str>>,
    max_age: Option<Duration>,
    /// Describes the first malformed scope, class or method. If set, nobody is let in.
    mistake: Option<String>,
}

impl Requirement {
    /// A requirement that demands nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Demands a scope. Each call adds one; all of them are demanded. A malformed scope lets nobody in: see
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

    /// Demands an authentication context class. Each call adds one; any of them will do. The client reads them in this order,
    /// so start with the preferred one. A malformed class lets nobody in: see [the type](Self).
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

    /// Demands a method by which the user must have proved who it is (`amr`, RFC 8176): `otp`, `hwk`. Each call adds one; all of
    /// them are demanded, at any time since the login. With [`max_age`](Self::max_age), one of them must be that recent. A malformed
    /// method lets nobody in: see [the type](Self).
    ///
    /// # Security
    /// Issuers differ in the methods that they name. Ask for a class with [`acr`](Self::acr) where the issuer defines one.
    pub fn amr(mut self, method: impl Into<Cow<'static, str>>) -> Self {
        let method = method.into();
        self.note_mistake("an authentication method", &method);
        self.methods.push(method);
        self
    }

    /// As [`amr`](Self::amr), for one that comes from a configuration.
    ///
    /// # Errors
    /// If it is empty, or has a blank, a quote, a backslash or anything beyond visible ASCII.
    pub fn try_amr(self, method: impl Into<Cow<'static, str>>) -> Result<Self, ConfigError> {
        self.amr(method).validated()
    }

    /// Checks the form of every scope, class and method. The middleware calls it when it is built.
    ///
    /// # Errors
    /// If one is malformed. The error names it.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.mistake.as_ref().map_or(Ok(()), |mistake| Err(ConfigError::new(mistake.clone())))
    }

    /// Demands that the login is at most this old, inclusive. The client reads whole seconds. A login in the future, by a
    /// clock that is off, has age zero.
    ///
    /// # Security
    /// The age is the one at the instant when the credential was checked. On an open socket it does not grow: check the
    /// evidence of a refresh, or compare with the clock.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Checks that the evidence meets the requirement, at the instant when the credential was checked.
    ///
    /// # Errors
    /// The refusal, ready to be sent. Missing scopes come first: a new login would not help. A malformed scope or class
    /// gives 403 `forbidden`, not a 5xx: an application may have built it from what a client sent.
    pub fn check(&self, evidence: &Evidence) -> Result<(), Refusal> {
        let rejection = if let Some(mistake) = &self.mistake {
            tracing::error!(mistake, "a requirement is malformed and lets nobody in");
            Rejection::forbidden()
        } else if !self.has_scopes(evidence.extra()) {
            tracing::debug!("the credential lacks a required scope");
            Rejection::insufficient_scope(&self.scopes)
        } else if !self.is_strong(evidence) {
            tracing::debug!("the user must log in again, or with a stronger method");
            Rejection::insufficient_user_authentication(&self.acr_values, self.max_age)
        } else {
            return Ok(());
        };
        Err(evidence.refuse(&rejection))
    }

    fn note_mistake(&mut self, what: &str, text: &str) {
        if !is_nqchar(text) {
            let shown = cut(text);
            let mistake =
                || format!("{what} must be visible ASCII without blank, quote or backslash, and `{shown}` is not");
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
        let methods = login.map(UserAuthentication::amr).unwrap_or_default();
        (self.acr_values.is_empty() || acr.is_some_and(|acr| self.acr_values.iter().any(|class| class == acr)))
            && self.methods.iter().all(|method| methods.iter().any(|own| own == method))
            && self.max_age.is_none_or(is_recent)
    }
}

impl Evidence {
    /// Checks that the credential meets the requirement.
    ///
    /// # Errors
    /// The refusal, ready to be sent.
    pub fn require(&self, requirement: &Requirement) -> Result<(), Refusal> {
        requirement.check(self)
    }

    /// Checks that the credential has this scope. For several scopes use a [`Requirement`], so that the client reads all of
    /// them.
    ///
    /// # Errors
    /// 403 `insufficient_scope`, ready to be sent. 403 `forbidden` if the scope is malformed, see [`Requirement`].
    pub fn require_scope(&self, scope: impl Into<Cow<'static, str>>) -> Result<(), Refusal> {
        self.require(&Requirement::new().scope(scope))
    }
}
