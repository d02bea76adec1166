//! Settings that together accept no token, or none of one issuer.
//!
//! Most of them come in any order, so they can be held against each other only when the strategy is built. That cannot
//! fail any more: a line at ERROR names both sides.

use std::time::Duration;

use crate::{
    Algorithm, Jwt,
    kind::{is_id_token_use, is_other_type},
    profile::Profile,
    source::{Keys, TrustedIssuer},
    token::refused::{algorithms, many, one},
};

/// The length of `{"alg":"HS256"}` and `{}` in base64url, with the shortest signature and two dots.
const SHORTEST_TOKEN: usize = 20 + 3 + 43 + 2;

/// What one of the trusted issuers demands.
pub(crate) struct IssuerDemands {
    issuer: String,
    audiences: Vec<String>,
    algorithms: Option<Vec<Algorithm>>,
}

/// Two settings of which one rules out what the other wants.
pub(crate) struct Contradiction {
    pub(crate) why: &'static str,
    pub(crate) one: String,
    pub(crate) other: String,
}

impl<C> Jwt<C> {
    /// Tells in the log what can be known to be wrong.
    pub(crate) fn log_contradictions(&self) {
        for Contradiction { why, one, other } in self.contradictions() {
            tracing::error!(
                strategy = self.name,
                why,
                %one,
                %other,
                "two settings contradict each other: no token passes, or none of one issuer"
            );
        }
    }

    fn contradictions(&self) -> Vec<Contradiction> {
        let policy = &self.policy;
        let recipients = &policy.recipients;
        let mut all = Vec::new();
        let mut note = |why, one: String, other: String| all.push(Contradiction { why, one, other });

        if policy.max_len < SHORTEST_TOKEN {
            note("every token is too long", policy.max_len.to_string(), format!("{SHORTEST_TOKEN} bytes at least"));
        }
        if policy.max_age == Some(Duration::ZERO) && policy.leeway == Duration::ZERO {
            note("every token is too old", "`max_age` of 0 s".to_owned(), "`leeway` of 0 s".to_owned());
        }
        for disputed in policy.issuers.disputed() {
            note("two issuers claim one spelling", one(&disputed), policy.issuers.shown());
        }
        if let Keys::Source(source) = &self.keys
            && let Some(own) = source.issuer()
            && !policy.issuers.may_be(own)
        {
            note("the keys are for another issuer", one(own), policy.issuers.shown());
        }
        for IssuerDemands { issuer, audiences, algorithms: own } in &self.trusted {
            if let Profile::IdToken { client_id } = &policy.profile
                && !audiences.is_empty()
                && !audiences.contains(client_id)
            {
                let audiences = many(audiences.iter().map(String::as_str));
                note("the client of ID tokens is not an audience of the issuer", one(client_id), audiences);
            }
            if let (Some(own), Some(allowed)) = (own, &policy.algorithms)
                && are_disjoint(own, allowed)
            {
                let own = format!("{} of {issuer}", algorithms(own.iter().copied()));
                note("the algorithms of the issuer are not allowed", own, algorithms(allowed.iter().copied()));
            }
        }
        let has_audience =
            !recipients.audiences.is_empty() || recipients.ignore_audience || policy.profile.has_audience();
        if recipients.client_id_as_audience && !has_audience && self.trusted.iter().all(|own| own.audiences.is_empty())
        {
            note("no audience is configured", "`client_id_as_audience`".to_owned(), "`audience` is missing".to_owned());
        }
        if let Profile::IdToken { .. } = &policy.profile {
            let ruled_out = |name: &str| match (name, policy.required.values(name)) {
                ("token_use", Some(values)) => !values.iter().any(|value| is_id_token_use(value)),
                ("typ", Some(values)) => values.iter().all(|value| is_other_type(value)),
                (_, values) => values.is_some(),
            };
            for name in ["events", "token_use", "typ"] {
                if ruled_out(name) {
                    note("what is required is not an ID token", "`id_token`".to_owned(), format!("`{name}`"));
                }
            }
        }
        all
    }
}

impl IssuerDemands {
    pub(crate) fn of(issuer: &TrustedIssuer) -> Self {
        Self { issuer: issuer.shown(), audiences: issuer.audiences.clone(), algorithms: issuer.algorithms.clone() }
    }

    /// Whether no algorithm that is allowed is one of the issuer's.
    pub(crate) fn rule_out(&self, allowed: &[Algorithm]) -> bool {
        self.algorithms.as_ref().is_some_and(|own| are_disjoint(own, allowed))
    }
}

fn are_disjoint(some: &[Algorithm], others: &[Algorithm]) -> bool {
    !some.iter().any(|algorithm| others.contains(algorithm))
}
