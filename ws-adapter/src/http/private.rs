use auth_core::{Authenticated, Carrier, Evidence, Principal, RequestRecord};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode,
    header::{AsHeaderName, CACHE_CONTROL},
    request::Parts,
};

const SURROGATE_CONTROL: HeaderName = HeaderName::from_static("surrogate-control");

/// Keeps a response out of shared caches if the request had a credential in its query (RFC 6750, 2.3). The URI is the key of
/// a cache, and URIs get into other people's hands.
pub(super) struct Private {
    /// The status that accepts a handshake. Such a response has no content to cache.
    accepted: Option<StatusCode>,
}

impl Private {
    /// `None` if the query held no credential.
    pub(super) fn of<U: Principal>(
        user: Option<&Authenticated<U>>,
        record: Option<&RequestRecord>,
        parts: &Parts,
        is_handshake: bool,
    ) -> Option<Self> {
        let is_by_query = record.is_some_and(RequestRecord::has_query_credential)
            || user.is_some_and(|user| is_by_query(user.evidence()));
        is_by_query.then(|| Self { accepted: is_handshake.then(|| accepted(&parts.method)) })
    }

    pub(super) fn mark<R>(&self, response: &mut Response<R>) {
        if self.accepted != Some(response.status()) {
            keep_private(response.headers_mut());
        }
    }
}

/// The status that accepts a handshake: HTTP/1.1 switches protocols, an extended `CONNECT` of HTTP/2 succeeds
/// (RFC 8441, 5).
pub(super) fn accepted(method: &Method) -> StatusCode {
    if *method == Method::CONNECT { StatusCode::OK } else { StatusCode::SWITCHING_PROTOCOLS }
}

/// Whether a credential of this evidence or of its parts came in the query.
fn is_by_query(evidence: &Evidence) -> bool {
    evidence.carrier() == Carrier::Query || evidence.parts().iter().any(is_by_query)
}

/// Removes directives that let shared caches keep a response. Adds `private` unless it says `no-store` or `private`.
fn keep_private(headers: &mut HeaderMap) {
    // A header for specific caches overrides `Cache-Control` there (RFC 9213, 2.2).
    let targeted = |name: &HeaderName| *name == SURROGATE_CONTROL || name.as_str().ends_with("-cache-control");
    for name in headers.keys().filter(|name| targeted(name)).cloned().collect::<Vec<_>>() {
        headers.remove(name);
    }
    let said: Vec<String> = directives(headers, CACHE_CONTROL);
    let is = |directive: &str, name: &str| directive.eq_ignore_ascii_case(name);
    let argument_of = |directive: &str, name: &str| {
        directive.split_once('=').is_some_and(|(other, _)| other.trim().eq_ignore_ascii_case(name))
    };
    let is_shared = |directive: &String| {
        // `private` with an argument covers the named fields only (RFC 9111, 5.2.2.7).
        is(directive, "public") || argument_of(directive, "s-maxage") || argument_of(directive, "private")
    };
    let mut kept: Vec<_> = said.iter().filter(|directive| !is_shared(directive)).map(String::as_str).collect();
    // Next to `must-understand`, a cache that understands the status ignores `no-store` (RFC 9111, 5.2.2.3).
    let has = |name: &str| kept.iter().any(|directive| is(directive, name));
    let is_private = has("private") || has("no-store") && !has("must-understand");
    if is_private && kept.len() == said.len() {
        return;
    }
    if !is_private {
        kept.insert(0, "private");
    }
    // OK because every part comes from headers. If it ever fails, the response must not be cached at all.
    let value = HeaderValue::from_str(&kept.join(", ")).unwrap_or(HeaderValue::from_static("no-store"));
    headers.insert(CACHE_CONTROL, value);
}

/// The elements of a list, over all lines. A comma in quotes does not separate elements. Lines that are not text are
/// skipped.
fn directives(headers: &HeaderMap, name: impl AsHeaderName) -> Vec<String> {
    let mut directives = Vec::new();
    for line in headers.get_all(name).iter().filter_map(|line| line.to_str().ok()) {
        let mut is_quoted = false;
        let elements = line.split(|c: char| {
            is_quoted ^= c == '"';
            c == ',' && !is_quoted
        });
        directives.extend(elements.map(str::trim).filter(|element| !element.is_empty()).map(str::to_owned));
    }
    directives
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_never_enters_shared_caches_whatever_the_handler_sets() {
        for (said, sent) in [
            (&[][..], "private"),
            (&["no-store"], "no-store"),
            (&["No-Store"], "No-Store"),
            (&["private"], "private"),
            (&["PRIVATE, max-age=60"], "PRIVATE, max-age=60"),
            (&["max-age=60"], "private, max-age=60"),
            (&["no-cache"], "private, no-cache"),
            (&["public"], "private"),
            (&["public, max-age=60"], "private, max-age=60"),
            (&["Public", "max-age=60"], "private, max-age=60"),
            (&["s-maxage=600"], "private"),
            (&["max-age=60, S-MaxAge=600, immutable"], "private, max-age=60, immutable"),
            (&["public, private"], "private"),
            (&["private, s-maxage=600"], "private"),
            (&["public, no-store"], "no-store"),
            (&["private=\"set-cookie, x-a\", max-age=60"], "private, max-age=60"),
            (&["no-cache=\"a, public\""], "private, no-cache=\"a, public\""),
            (&["must-understand, no-store"], "private, must-understand, no-store"),
            (&["must-understand, no-store, private"], "must-understand, no-store, private"),
            (&["", " , "], "private"),
        ] {
            let mut headers = HeaderMap::new();
            for line in said {
                headers.append(CACHE_CONTROL, line.parse().unwrap());
            }
            keep_private(&mut headers);
            // Twice, because layers can be nested.
            keep_private(&mut headers);
            let lines: Vec<_> = headers.get_all(CACHE_CONTROL).iter().collect();
            let one = lines.len() == 1 || sent == said.join(", ");
            assert!(one && lines[0] == sent, "{said:?}: {lines:?}");
        }
    }

    #[test]
    fn cache_headers_for_specific_caches_are_removed() {
        let mut headers = HeaderMap::new();
        for name in ["cdn-cache-control", "Cloudflare-CDN-Cache-Control", "surrogate-control", "cache-control", "age"] {
            headers.insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), "max-age=60".parse().unwrap());
        }
        keep_private(&mut headers);
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["age", "cache-control"]);
        assert_eq!(headers[CACHE_CONTROL], "private, max-age=60");
    }

    #[test]
    fn cache_control_line_that_is_not_text_is_replaced() {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, HeaderValue::from_bytes(b"public, \xff").unwrap());
        keep_private(&mut headers);
        assert_eq!(headers[CACHE_CONTROL], "private");
    }
}
