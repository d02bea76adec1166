//! The accepted issuers, their other spellings and their templates.

mod template;

use std::collections::HashMap;

use auth_core::SharedStr;

pub use self::template::IssuerTemplate;
use crate::token::{
    TokenError,
    log_text::{joined, quoted, quoted_or_absent},
};

/// The issuers of a strategy. If it is empty, every issuer is accepted.
#[derive(Clone, Default)]
pub(crate) struct Issuers {
    /// The accepted values of `iss`, each with the issuer that it stands for.
    spellings: HashMap<String, Meaning>,
    templates: Vec<IssuerTemplate>,
}

#[derive(Clone, PartialEq, Eq)]
enum Meaning {
    Name(SharedStr),
    /// Two issuers claim the spelling.
    Disputed,
}

/// The issuer of a token.
#[derive(Clone, Copy)]
pub(crate) enum Issuer<'a> {
    /// Every issuer is accepted. The token may name none.
    Any(Option<&'a str>),
    /// The configured issuer that `iss` stands for.
    Configured(&'a SharedStr),
    /// The `iss` fits a template.
    Tenant { name: &'a str, template: &'a IssuerTemplate, tenant: &'a str },
}

impl<'a> Issuer<'a> {
    pub(crate) fn name(self) -> Option<&'a str> {
        match self {
            Self::Any(name) => name,
            Self::Configured(name) => Some(name),
            Self::Tenant { name, .. } => Some(name),
        }
    }

    /// The name for the evidence, empty if there is none. All tokens share the name of a configured issuer.
    pub(crate) fn shared_name(self) -> SharedStr {
        match self {
            Self::Configured(name) => name.clone(),
            _ => self.name().unwrap_or_default().into(),
        }
    }

    pub(crate) fn template(self) -> Option<&'a IssuerTemplate> {
        match self {
            Self::Tenant { template, .. } => Some(template),
            _ => None,
        }
    }

    pub(crate) fn tenant(self) -> Option<&'a str> {
        match self {
            Self::Tenant { tenant, .. } => Some(tenant),
            _ => None,
        }
    }
}

impl Issuers {
    pub(crate) fn add(&mut self, name: String) {
        self.add_alias(name.clone(), name);
    }

    pub(crate) fn add_alias(&mut self, name: String, spelling: String) {
        let meaning = Meaning::Name(name.into());
        let known = self.spellings.entry(spelling).or_insert_with(|| meaning.clone());
        if *known != meaning {
            *known = Meaning::Disputed;
        }
    }

    pub(crate) fn add_template(&mut self, template: IssuerTemplate) {
        self.templates.push(template);
    }

    /// The issuer of a token with this `iss`.
    ///
    /// # Errors
    /// Unrecognized if the issuer is unknown. Invalid if there is no `iss`, or if two rules claim it, since they may have
    /// different requirements.
    pub(crate) fn resolve<'a>(&'a self, found: Option<&'a str>) -> Result<Issuer<'a>, TokenError> {
        if self.is_empty() {
            return Ok(Issuer::Any(found));
        }
        let refuse = |refused: TokenError| Err(refused.because(|| (self.shown(), quoted_or_absent(found))));
        let Some(iss) = found else { return refuse(TokenError::invalid("the token names no issuer")) };
        let mut tenants = self.templates.iter().filter_map(|template| Some((template, template.tenant(iss)?)));
        // A comparison with the only one takes a third of the time of a hash.
        let spelling = match self.spellings.len() {
            1 => self.spellings.iter().find(|(spelling, _)| *spelling == iss).map(|(_, meaning)| meaning),
            _ => self.spellings.get(iss),
        };
        match (spelling, tenants.next(), tenants.next()) {
            (None, None, _) => refuse(TokenError::unrecognized("the token is of another issuer")),
            (Some(Meaning::Name(name)), None, _) => Ok(Issuer::Configured(name)),
            (None, Some((template, tenant)), None) => Ok(Issuer::Tenant { name: iss, template, tenant }),
            _ => refuse(TokenError::invalid("two configured issuers claim the issuer of the token")),
        }
    }

    /// The spellings that two rules claim, as far as that is known before a token arrives.
    pub(crate) fn disputed(&self) -> Vec<String> {
        let is_disputed = |spelling: &str, meaning: &Meaning| {
            *meaning == Meaning::Disputed || self.templates.iter().any(|template| template.tenant(spelling).is_some())
        };
        let spelt = self.spellings.iter().filter(|(spelling, meaning)| is_disputed(spelling, meaning));
        let listed = self.templates.iter().flat_map(IssuerTemplate::listed);
        let twice = |issuer: &String| self.templates.iter().filter(|t| t.tenant(issuer).is_some()).count() > 1;
        let mut disputed: Vec<_> = spelt.map(|(spelling, _)| spelling.clone()).chain(listed.filter(twice)).collect();
        disputed.sort_unstable();
        disputed.dedup();
        disputed
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.spellings.is_empty() && self.templates.is_empty()
    }

    /// Whether a token can have this issuer.
    pub(crate) fn may_be(&self, name: &str) -> bool {
        let is_name = |meaning: &Meaning| matches!(meaning, Meaning::Name(known) if **known == *name);
        self.is_empty()
            || self.spellings.values().any(is_name)
            || self.templates.iter().any(|template| template.tenant(name).is_some())
    }

    pub(crate) fn shown(&self) -> String {
        let mut spellings: Vec<_> = self.spellings.keys().map(|spelling| quoted(spelling)).collect();
        spellings.sort_unstable();
        joined(spellings.into_iter().chain(self.templates.iter().map(IssuerTemplate::shown)))
    }
}
