use auth_core::{Carrier, Evidence, OriginPolicy, Refusal, SiteVerdict};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION, request::Parts};

/// Schemes of `Authorization` whose credentials browsers remember, and attach by themselves for any page.
const REMEMBERED: [&str; 4] = ["Basic", "Digest", "Negotiate", "NTLM"];

/// The rule against cross-site request forgery, for plain requests that a chain has accepted: refuses a request that changes
/// something if the credential may have been attached by the browser for a foreign page.
pub(crate) fn check(ours: &OriginPolicy, evidence: &Evidence, parts: &Parts) -> Result<(), Refusal> {
    let is_ambient = evidence.carrier().is_ambient();
    let is_attached = is_ambient || is_remembered(&parts.headers) && has_header(evidence);
    if !is_attached {
        return Ok(());
    }
    match ours.judge_write(parts) {
        SiteVerdict::Ours => Ok(()),
        // A program that sends a password says nothing. So does an old browser, but all of them send `Origin` with a form.
        SiteVerdict::Unsaid if !is_ambient => Ok(()),
        SiteVerdict::CrossSite | SiteVerdict::Unsaid => Err(ours.refuse_write(parts)),
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
