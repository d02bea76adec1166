use std::{collections::HashMap, fmt, sync::Arc};

use auth_core::{AuthRequest, BoxError, ConfigError, async_trait};

use super::{Demands, KeySource, UnverifiedToken};
use crate::{Algorithm, IssuerTemplate, KeySet, issuer::Issuers, token::log_text::quoted_list};

/// One of several issuers, with its own keys, algorithms and audience.
#[must_use = "an issuer is trusted once it is in `TrustedIssuers`"]
pub struct TrustedIssuer {
    name: IssuerName,
    aliases: Vec<String>,
    keys: Box<dyn KeySource>,
    pub(crate) audiences: Vec<String>,
    pub(crate) algorithms: Option<Vec<Algorithm>>,
}

enum IssuerName {
    Exact(String),
    Template(IssuerTemplate),
}

impl TrustedIssuer {
    /// The issuer with exactly this `iss`. Its keys may be fixed (`Arc<KeySet>`), or come from any source.
    pub fn new(name: impl Into<String>, keys: impl KeySource) -> Self {
        Self::named(IssuerName::Exact(name.into()), keys)
    }

    /// The issuers of a template, one for each tenant, whose keys all come from one source. It has no
    /// [aliases](Self::alias).
    ///
    /// The source receives the token's whole issuer. [`Jwt::issuer_template`](crate::Jwt::issuer_template) has the other
    /// rules.
    pub fn template(template: IssuerTemplate, keys: impl KeySource) -> Self {
        Self::named(IssuerName::Template(template), keys)
    }

    fn named(name: IssuerName, keys: impl KeySource) -> Self {
        Self { name, aliases: Vec::new(), keys: Box::new(keys), audiences: Vec::new(), algorithms: None }
    }

    /// Accepts another spelling of the issuer, as [`Jwt::issuer_alias`](crate::Jwt::issuer_alias) does. Called again, it
    /// adds another.
    pub fn alias(mut self, spelling: impl Into<String>) -> Self {
        self.aliases.push(spelling.into());
        self
    }

    /// Requires this audience in the issuer's tokens, instead of [`Jwt::audience`](crate::Jwt::audience). Called again, it
    /// accepts another one as well.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Allows only these algorithms, out of those that the issuer's keys and [`Jwt::algorithms`](crate::Jwt::algorithms)
    /// allow. A token with another algorithm is left to the next strategy of the chain.
    ///
    /// # Errors
    /// If the list is empty.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Result<Self, ConfigError> {
        let allowed: Vec<_> = algorithms.into_iter().collect();
        if allowed.is_empty() {
            return Err(ConfigError::new(
                "the issuer has an empty list of algorithms: allow one, or leave the choice to its keys",
            ));
        }
        self.algorithms = Some(allowed);
        Ok(self)
    }

    pub(crate) fn shown(&self) -> String {
        match &self.name {
            IssuerName::Exact(name) => quoted_list([name.as_str()]),
            IssuerName::Template(template) => template.shown(),
        }
    }
}

impl fmt::Debug for TrustedIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustedIssuer")
            .field("name", &format_args!("{}", self.shown()))
            .field("aliases", &self.aliases)
            .field("audiences", &self.audiences)
            .field("algorithms", &self.algorithms)
            .finish_non_exhaustive()
    }
}

/// Several issuers behind one verify callback; for [`Jwt::trusted_issuers`](crate::Jwt::trusted_issuers).
///
/// The token's `iss` chooses one of them, compared exactly. Only its keys are used, so issuers cannot sign for each other.
/// Aliases and templates work only with `trusted_issuers`. If this is used as a plain
/// [key source](crate::Jwt::key_source), their tokens are left to the next strategy.
///
/// ```
/// use std::sync::Arc;
/// use auth_jwt::{Algorithm, IssuerTemplate, Jwt, KeySet, TrustedIssuer, TrustedIssuers};
/// # #[derive(serde::Deserialize)] struct Claims { iss: String, sub: String }
/// # fn build(ours: Arc<KeySet>, theirs: Arc<KeySet>, google: Arc<KeySet>) -> Result<(), auth_core::ConfigError> {
///
/// let issuers = TrustedIssuers::new([
///     TrustedIssuer::new("https://id.example", ours).audience("chat"),
///     TrustedIssuer::template(IssuerTemplate::new("https://partner.example/{realm}", ["east", "west"])?, theirs)
///         .audience("https://chat.example")
///         .algorithms([Algorithm::ES256])?,
///     TrustedIssuer::new("https://accounts.google.com", google).alias("accounts.google.com").audience("chat"),
/// ])?;
/// let jwt = Jwt::<Claims>::trusted_issuers(issuers)
///     // Two issuers may give one `sub` to different users.
///     .verify(|claims: Claims| async move { Some((claims.iss, claims.sub)) });
/// # let _ = auth_core::Chain::new().or(jwt); Ok(()) }
/// ```
#[derive(Debug)]
pub struct TrustedIssuers {
    named: HashMap<String, TrustedIssuer>,
    templates: Vec<(IssuerTemplate, TrustedIssuer)>,
}

impl TrustedIssuers {
    /// These issuers.
    ///
    /// # Errors
    /// If the list is empty, or if two issuers share a spelling as name, alias or listed tenant. If an issuer's source says
    /// that its keys are for another issuer, or if a template has an alias.
    pub fn new(issuers: impl IntoIterator<Item = TrustedIssuer>) -> Result<Self, ConfigError> {
        let mut all = Self { named: HashMap::new(), templates: Vec::new() };
        for issuer in issuers {
            all.add(issuer)?;
        }
        if all.named.is_empty() && all.templates.is_empty() {
            return Err(ConfigError::new("the list of trusted issuers is empty: add one"));
        }
        let disputed = all.issuers().disputed();
        if !disputed.is_empty() {
            let disputed = quoted_list(disputed.iter().map(String::as_str));
            return Err(ConfigError::new(format!("two issuers claim {disputed}: remove it from one of them")));
        }
        Ok(all)
    }

    fn add(&mut self, issuer: TrustedIssuer) -> Result<(), ConfigError> {
        match &issuer.name {
            IssuerName::Exact(name) => {
                if let Some(own) = issuer.keys.issuer().filter(|own| own != name) {
                    let (name, own) = (issuer.shown(), quoted_list([own]));
                    return Err(ConfigError::new(format!(
                        "the keys of the issuer {name} are for {own}, so none of its tokens would be accepted: \
                         write both alike"
                    )));
                }
                if self.named.insert(name.clone(), issuer).is_some() {
                    return Err(ConfigError::new("two issuers have the same name: merge them"));
                }
            }
            IssuerName::Template(_) if !issuer.aliases.is_empty() => {
                return Err(ConfigError::new(
                    "an alias is for one issuer, and a template is for several: leave it out",
                ));
            }
            IssuerName::Template(template) => self.templates.push((template.clone(), issuer)),
        }
        Ok(())
    }

    /// Their names, for the strategy.
    pub(crate) fn issuers(&self) -> Issuers {
        let mut issuers = Issuers::default();
        for (name, issuer) in &self.named {
            issuers.add(name.clone());
            issuer.aliases.iter().for_each(|alias| issuers.add_alias(name.clone(), alias.clone()));
        }
        self.templates.iter().for_each(|(template, _)| issuers.add_template(template.clone()));
        issuers
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &TrustedIssuer> {
        self.named.values().chain(self.templates.iter().map(|(_, issuer)| issuer))
    }

    /// The issuer of a token whose `iss` the strategy has resolved. Tenant rules are not called again, since their answer
    /// may have changed.
    fn of(&self, token: &UnverifiedToken<'_>) -> Option<&TrustedIssuer> {
        let iss = token.issuer()?;
        match token.template {
            None => self.named.get(iss),
            Some(fits) => self.templates.iter().find(|(template, _)| template.is(fits)).map(|(_, own)| own),
        }
    }
}

#[async_trait]
impl KeySource for TrustedIssuers {
    async fn keys(
        &self,
        token: &UnverifiedToken<'_>,
        request: &AuthRequest<'_>,
    ) -> Result<Option<Arc<KeySet>>, BoxError> {
        match self.of(token) {
            Some(issuer) => issuer.keys.keys(token, request).await,
            None => Ok(None),
        }
    }

    fn demands(&self, token: &UnverifiedToken<'_>) -> Demands<'_> {
        let Some(issuer) = self.of(token) else { return Demands::default() };
        let mut demands = issuer.keys.demands(token);
        if !issuer.audiences.is_empty() {
            demands = demands.audiences(&issuer.audiences);
        }
        match &issuer.algorithms {
            Some(allowed) => demands.algorithms(allowed),
            None => demands,
        }
    }
}
