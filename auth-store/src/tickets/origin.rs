use std::sync::Arc;

use auth_core::{AllowedOrigin, Carrier, ConfigError, Origin, Refusal};
use http::request::Parts;

use super::refusal::forbidden;

/// Which pages may ask for a ticket: those of the list, or else the server's own, as far as `Host` shows.
#[derive(Clone, Default)]
pub(super) struct Origins(Option<Arc<[AllowedOrigin]>>);

impl Origins {
    pub(super) fn list<'o>(origins: impl IntoIterator<Item = &'o str>) -> Result<Self, ConfigError> {
        Ok(Self(Some(AllowedOrigin::list(origins)?.into())))
    }

    /// The origin of the request, if it may ask for a ticket. With an ambient credential, the request must name one.
    pub(super) fn judge(&self, request: &Parts, carrier: Carrier) -> Result<Option<Origin>, Refusal> {
        match Origin::of(request) {
            Ok(Some(origin)) if self.allow(&origin, request) => Ok(Some(origin)),
            Ok(None) if carrier.is_ambient() => Err(forbidden("origin_required")
                .with_detail("the credential is a cookie or a client certificate, and the request names no origin")),
            Ok(None) => Ok(None),
            Ok(Some(_)) | Err(_) => Err(Refusal::origin_not_allowed(request, self.0.iter().flat_map(|list| &**list))),
        }
    }

    fn allow(&self, origin: &Origin, request: &Parts) -> bool {
        match &self.0 {
            Some(list) => list.iter().any(|allowed| allowed.allows(origin)),
            None => origin.is_own(request),
        }
    }
}

/// Whether the request names exactly `origin`. If `origin` is `None`, any request will do.
pub(super) fn comes_from(origin: Option<&str>, request: &Parts) -> bool {
    origin.is_none_or(|origin| Origin::parse(origin).is_some_and(|page| Origin::of(request) == Ok(Some(page))))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn head(headers: &[(&str, &str)]) -> Parts {
        let request =
            headers.iter().fold(Request::post("/tickets"), |request, (name, value)| request.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    fn is_allowed(host: &str, origin: &str) -> bool {
        Origins::default().judge(&head(&[("host", host), ("origin", origin)]), Carrier::Header).is_ok()
    }

    #[test]
    fn host_with_more_than_name_and_port_matches_no_origin() {
        assert!(is_allowed("app.example", "https://app.example"));
        for host in ["user@app.example", "app.example:", "app.example:+443", "app.example:65536", "app.example:port"] {
            assert!(!is_allowed(host, "https://app.example"), "{host}");
        }
    }

    #[test]
    fn origin_with_an_invalid_port_gets_no_ticket() {
        for port in ["", "+443", "65536", "99999999999"] {
            assert!(!is_allowed("app.example", &format!("https://app.example:{port}")), "{port}");
        }
    }

    #[test]
    fn ticket_is_for_its_page_in_any_spelling_of_the_origin() {
        let comes = |origin: &str| comes_from(Some("https://app.example"), &head(&[("origin", origin)]));
        assert!(comes("https://app.example") && comes("https://app.example:443"));
        for foreign in ["http://app.example", "https://app.example:8443", "https://app.example:", "null", ""] {
            assert!(!comes(foreign), "{foreign}");
        }
        assert!(!comes_from(Some("null"), &head(&[("origin", "null")])), "not an origin");
    }
}
