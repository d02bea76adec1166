//! Which issuers are known, and the one name under which each of them counts.

mod template;

use std::collections::HashMap;

pub use self::template::IssuerTemplate;
use crate::token::{
    Refused,
    refused::{list, one, optional},
};

/// The issuers of a strategy. Empty: any will do.
#[derive(Clone, Default)]
pub(crate) struct Issuers {
    /// What a token may have in `iss`, and the name that it means.
    spellings: HashMap<String, Meaning>,
    templates: Vec<IssuerTemplate>,
}

#[derive(Clone, PartialEq, Eq)]
enum Meaning {
    Name(String),
    /// Two issuers claim the spelling.
    Disputed,
}

/// The issuer of a token.
#[derive(Clone, Copy, Default)]
pub(crate) struct Issuer<'a> {
    /// The name under which it counts.
    pub(crate) name: Option<&'a str>,
    /// The template that it fits, and the tenant.
    pub(crate) tenant: Option<(&'a IssuerTemplate, &'a str)>,
}

impl Issuers {
    pub(crate) fn add(&mut self, name: String) {
        self.add_alias(name.clone(), name);
    }

    pub(crate) fn add_alias(&mut self, name: String, spelling: String) {
        let meaning = Meaning::Name(name);
        let known = self.spellings.entry(spelling).or_insert_with(|| meaning.clone());
        if *known != meaning {
            *known = Meaning::Disputed;
        }
    }

    pub(crate) fn add_template(&mut self, template: IssuerTemplate) {
        self.templates.push(template);
    }

    /// The issuer of a token that has this `iss`.
    ///
    /// # Errors
    /// Unrecognized if the issuer is not known here. Invalid if there is none, or if two rules claim it: they may differ in
    /// what they demand.
    pub(crate) fn resolve<'a>(&'a self, found: Option<&'a str>) -> Result<Issuer<'a>, Refused> {
        if self.is_empty() {
            return Ok(Issuer { name: found, tenant: None });
        }
        let refuse = |refused: Refused| Err(refused.because(|| (self.shown(), optional(found))));
        let Some(iss) = found else { return refuse(Refused::invalid("the token names no issuer")) };
        let mut tenants = self.templates.iter().filter_map(|template| Some((template, template.tenant(iss)?)));
        match (self.spellings.get(iss), tenants.next(), tenants.next()) {
            (None, None, _) => refuse(Refused::foreign("the token is of another issuer")),
            (Some(Meaning::Name(name)), None, _) => Ok(Issuer { name: Some(name), tenant: None }),
            (None, Some(tenant), None) => Ok(Issuer { name: found, tenant: Some(tenant) }),
            _ => refuse(Refused::invalid("two issuers are configured that claim the issuer of the token")),
        }
    }

    /// The spellings that two rules claim, as far as it can be known before a token comes.
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

    /// Whether an issuer of this name can be resolved.
    pub(crate) fn may_be(&self, name: &str) -> bool {
        let is_name = |meaning: &Meaning| matches!(meaning, Meaning::Name(known) if known == name);
        self.is_empty()
            || self.spellings.values().any(is_name)
            || self.templates.iter().any(|template| template.tenant(name).is_some())
    }

    pub(crate) fn shown(&self) -> String {
        let mut spellings: Vec<_> = self.spellings.keys().map(|spelling| one(spelling)).collect();
        spellings.sort_unstable();
        list(spellings.into_iter().chain(self.templates.iter().map(IssuerTemplate::shown)))
    }
}
