use std::sync::Arc;

use auth_core::{AuthRequest, Carrier, ConfigError, Evidence, OriginPolicy, Refusal, SiteVerdict};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};

/// Schemes of `Authorization` whose credentials browsers remember, and attach by themselves for any page.
const REMEMBERED: [&str; 4] = ["Basic", "Digest", "Negotiate", "NTLM"];

/// The rule against cross-site request forgery, for plain requests that a chain has accepted.
#[derive(Clone, Debug, Default)]
pub(crate) struct CrossSite {
    pub(crate) is_allowed: bool,
    /// Paths as they are sent.
    exempt: Arc<[Box<str>]>,
}

impl CrossSite {
    /// Exempts these paths, in addition to those before.
    ///
    /// # Errors
    /// If one does not begin with a slash, has a query or fragment, or can't be sent as it is written.
    pub(crate) fn exempt<'p>(&mut self, paths: impl IntoIterator<Item = &'p str>) -> Result<(), ConfigError> {
        let mut exempt = self.exempt.to_vec();
        for path in paths {
            if !path.starts_with('/') || path.contains(['?', '#', ' ']) || !path.is_ascii() {
                return Err(ConfigError::new(format!(
                    "the path {path:?} can't be exempt: write it as clients send it, percent-encoded and without query, \
                     like `/callback`"
                )));
            }
            exempt.push(path.into());
        }
        self.exempt = exempt.into();
        Ok(())
    }

    /// Refuses a request that changes something if the credential may have been attached by the browser for a foreign page.
    pub(crate) fn check(
        &self,
        ours: &OriginPolicy,
        evidence: &Evidence,
        request: &AuthRequest<'_>,
    ) -> Result<(), Refusal> {
        let parts = request.parts();
        let is_ambient = evidence.carrier().is_ambient();
        let is_attached = is_ambient || is_remembered(&parts.headers) && has_header(evidence);
        if self.is_allowed || !is_attached {
            return Ok(());
        }
        match ours.judge_write(parts) {
            SiteVerdict::Ours => Ok(()),
            // A program that sends a password says nothing. So does an old browser, but all of them send `Origin` with a form.
            SiteVerdict::Unsaid if !is_ambient => Ok(()),
            SiteVerdict::CrossSite | SiteVerdict::Unsaid if self.exempts(request) => Ok(()),
            SiteVerdict::CrossSite | SiteVerdict::Unsaid => Err(ours.refuse_write(parts)),
        }
    }

    fn exempts(&self, request: &AuthRequest<'_>) -> bool {
        !self.exempt.is_empty() && self.exempt.iter().any(|path| **path == *request.target().path())
    }
}

/// Whether an `Authorization` header has a scheme whose credentials browsers attach by themselves.
fn is_remembered(headers: &HeaderMap) -> bool {
    let scheme = |value: &HeaderValue| {
        let scheme = value.as_bytes().split(|b| b.is_ascii_whitespace()).find(|word| !word.is_empty());
        scheme.is_some_and(|scheme| REMEMBERED.iter().any(|name| scheme.eq_ignore_ascii_case(name.as_bytes())))
    };
    headers.get_all(AUTHORIZATION).iter().any(scheme)
}

/// Whether a header brought a credential of this evidence.
fn has_header(evidence: &Evidence) -> bool {
    match evidence.parts() {
        [] => evidence.carrier() == Carrier::Header,
        parts => parts.iter().any(has_header),
    }
}
