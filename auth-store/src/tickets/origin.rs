use auth_core::{Carrier, Origin, OriginPolicy, Refusal};
use http::request::Parts;

use super::refusal::forbidden;

/// The origin of the request, if it may ask for a ticket. With an ambient credential, the request must name one.
pub(super) fn asks_for_ticket(
    ours: &OriginPolicy,
    request: &Parts,
    carrier: Carrier,
) -> Result<Option<Origin>, Refusal> {
    match Origin::of(request) {
        Ok(Some(origin)) if ours.allows(&origin, request) => Ok(Some(origin)),
        Ok(None) if carrier.is_ambient() => Err(forbidden("origin_required")
            .with_detail("the credential is a cookie or a client certificate, and the request names no origin")),
        Ok(None) => Ok(None),
        Ok(Some(_)) | Err(_) => Err(ours.refuse_handshake(request)),
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
        let request = head(&[("host", host), ("origin", origin)]);
        asks_for_ticket(&OriginPolicy::default(), &request, Carrier::Header).is_ok()
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
