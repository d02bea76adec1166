//! Finds settings that together accept no token, or no token of one issuer.
//!
//! Settings come in any order, so they can only be compared when the strategy is built. Building cannot fail any more, so a
//! line at ERROR names both sides.

use std::time::Duration;

use crate::{
    Jwt,
    policy::{Profile, is_id_token_use, is_other_type},
    source::Keys,
    token::log_text::{algorithms, quoted, quoted_list},
};

/// The length of `{"alg":"HS256"}` and `{}` in base64url, with the shortest signature and two dots.
const SHORTEST_TOKEN: usize = 20 + 3 + 43 + 2;

/// Two settings that exclude each other.
struct Contradiction {
    why: &'static str,
    one: String,
    other: String,
}

impl<C> Jwt<C> {
    /// Logs contradictions that are known without a token.
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
            note("two issuers claim one spelling", quoted(&disputed), policy.issuers.shown());
        }
        if let Keys::Source(source) = &self.keys
            && let Some(own) = source.issuer()
            && !policy.issuers.may_be(own)
        {
            note("the keys are for another issuer", quoted(own), policy.issuers.shown());
        }
        for demands in &self.trusted {
            let audiences = &demands.audiences;
            if let Profile::IdToken { client_id } = &policy.profile
                && !audiences.is_empty()
                && !audiences.contains(client_id)
            {
                let audiences = quoted_list(audiences.iter().map(String::as_str));
                note("the client of ID tokens is not an audience of the issuer", quoted(client_id), audiences);
            }
            if let (Some(own), Some(allowed)) = (&demands.algorithms, &policy.algorithms)
                && demands.rule_out(allowed)
            {
                let own = format!("{} of {}", algorithms(own.iter().copied()), demands.issuer);
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
