//! Discovery: an issuer names the location of its keys.

use auth_core::ConfigError;
use http::Uri;

use super::{
    found,
    location::{self, PlainHttp},
};
use crate::token::{
    json::{self, Value},
    log_text::quoted,
};

/// An issuer whose keys are found by discovery.
#[derive(Debug)]
pub(super) struct Discovery {
    issuer: String,
    document: Uri,
}

/// The location of an issuer's discovery document.
#[derive(Clone, Copy, Debug)]
pub(super) enum WellKnown {
    /// OpenID Connect Discovery 1.0, 4: after the path of the issuer.
    OpenId,
    /// RFC 8414, 3.1: between the host and the path of the issuer.
    OAuth,
}

impl Discovery {
    pub(super) fn new(issuer: String, place: WellKnown) -> Result<Self, ConfigError> {
        let uri = location::parse(&issuer)?;
        if uri.query().is_some() {
            return Err(ConfigError::new("the issuer has a query, which discovery does not allow: correct the issuer"));
        }
        let path = uri.path().strip_suffix('/').unwrap_or(uri.path());
        let path = match place {
            WellKnown::OpenId => format!("{path}/.well-known/openid-configuration"),
            WellKnown::OAuth => format!("/.well-known/oauth-authorization-server{path}"),
        };
        let mut parts = uri.into_parts();
        parts.path_and_query = path.try_into().ok();
        let document = Uri::from_parts(parts).map_err(|_| ConfigError::new("the issuer is not a URL: correct it"))?;
        Ok(Self { issuer, document })
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(super) fn document(&self) -> &Uri {
        &self.document
    }

    /// The location of the keys in the document, or what is wrong with the document.
    ///
    /// It must name exactly this issuer (OpenID Connect Discovery 1.0, 4.3; RFC 8414, 3.3).
    pub(super) fn jwks_uri(&self, document: &[u8], plain: &PlainHttp) -> Result<Uri, String> {
        let (mut issuer, mut location) = (None, None);
        json::members(document, |name, value| {
            match name {
                "issuer" => issuer = Some(value),
                "jwks_uri" => location = Some(value),
                _ => {}
            }
            Ok(())
        })
        .map_err(|why| format!("the discovery document is not JSON that can be read: {why}"))?;
        self.check_issuer(issuer)?;
        let location = match location {
            Some(Value::Text(location)) => location,
            Some(_) => return Err("the discovery document has a `jwks_uri` that is not a string".to_owned()),
            None => return Err("the discovery document has no `jwks_uri`".to_owned()),
        };
        let refuse = |why: &str| format!("the `jwks_uri` {} is not allowed: {why}", found::untrusted_url(&location));
        let uri = location::parse(&location)
            .map_err(|_| refuse("it is not an absolute https URL without user name and fragment"))?;
        plain.check_named(&uri, &self.document).map_err(|why| refuse(&why))?;
        Ok(uri)
    }

    fn check_issuer(&self, found: Option<Value<'_>>) -> Result<(), String> {
        let own = &*self.issuer;
        let found = match found {
            Some(Value::Text(found)) if found == own => return Ok(()),
            Some(Value::Text(found))
                if found.strip_suffix('/') == Some(own) || own.strip_suffix('/') == Some(&found) =>
            {
                format!(
                    "{}; they differ only in the trailing slash, a common mistake: configure the issuer as the \
                     document writes it",
                    quoted(&found)
                )
            }
            Some(Value::Text(found)) => quoted(&found),
            Some(_) => "a value that is not a string".to_owned(),
            None => "no issuer".to_owned(),
        };
        Err(format!("the discovery document is another issuer's: expected {}, found {found}", quoted(own)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(issuer: &str, place: WellKnown) -> String {
        Discovery::new(issuer.to_owned(), place).unwrap().document().to_string()
    }

    #[test]
    fn openid_document_is_behind_the_path_of_the_issuer() {
        let at = |issuer| place(issuer, WellKnown::OpenId);
        assert_eq!(at("https://id.example"), "https://id.example/.well-known/openid-configuration");
        assert_eq!(at("https://id.example/"), "https://id.example/.well-known/openid-configuration");
        assert_eq!(at("https://id.example/a/b"), "https://id.example/a/b/.well-known/openid-configuration");
        assert_eq!(at("https://id.example/a/"), "https://id.example/a/.well-known/openid-configuration");
    }

    #[test]
    fn oauth_document_is_before_the_path_of_the_issuer() {
        let at = |issuer| place(issuer, WellKnown::OAuth);
        assert_eq!(at("https://id.example"), "https://id.example/.well-known/oauth-authorization-server");
        assert_eq!(at("https://id.example/"), "https://id.example/.well-known/oauth-authorization-server");
        assert_eq!(at("https://id.example/a/b"), "https://id.example/.well-known/oauth-authorization-server/a/b");
    }

    #[test]
    fn issuer_with_a_query_does_not_build() {
        assert!(Discovery::new("https://id.example/?a".to_owned(), WellKnown::OpenId).is_err());
    }

    #[test]
    fn document_must_name_exactly_the_configured_issuer() {
        let discovery = Discovery::new("https://id.example".to_owned(), WellKnown::OpenId).unwrap();
        let of = |issuer: &str| {
            let document = format!(r#"{{"issuer":{issuer},"jwks_uri":"https://keys.example/jwks"}}"#);
            discovery.jwks_uri(document.as_bytes(), &PlainHttp::default()).map(|uri| uri.to_string())
        };
        assert_eq!(of(r#""https://id.example""#).unwrap(), "https://keys.example/jwks");
        assert!(of(r#""https:\/\/id.example""#).is_ok());
        for other in [
            r#""https://id.example/""#,
            r#""https://ID.example""#,
            r#""https://other.example""#,
            r#"["https://id.example"]"#,
            r#""https://id.example","issuer":"https://id.example""#,
            "null",
        ] {
            assert!(of(other).is_err(), "{other}");
        }
        assert!(discovery.jwks_uri(br#"{"jwks_uri":"https://keys.example/jwks"}"#, &PlainHttp::default()).is_err());
    }

    #[test]
    fn location_in_the_document_is_held_to_the_same_rule() {
        let of = |issuer: &str, location: &str| {
            let discovery = Discovery::new(issuer.to_owned(), WellKnown::OpenId).unwrap();
            let document = format!(r#"{{"issuer":"{issuer}","jwks_uri":{location}}}"#);
            discovery.jwks_uri(document.as_bytes(), &PlainHttp::default()).is_ok()
        };
        assert!(of("https://id.example", r#""https://keys.example/jwks""#));
        assert!(!of("https://id.example", r#""http://id.example/jwks""#));
        assert!(!of("https://id.example", r#""http://127.0.0.1/jwks""#));
        assert!(!of("https://id.example", r#""/jwks""#));
        assert!(!of("https://id.example", "1"));
        assert!(!of("https://id.example", r#""https://keys.example:65536/jwks""#));
        assert!(of("http://127.0.0.1:1", r#""http://127.0.0.1:2/jwks""#));
        assert!(of("http://127.0.0.1:1", r#""https://keys.example/jwks""#));
    }

    #[test]
    fn allowed_plain_http_is_only_for_plain_documents() {
        let mut plain = PlainHttp::default();
        plain.allow("keycloak:8080").unwrap();
        for (issuer, location, why) in [
            ("http://keycloak:8080", "http://keycloak:8080/certs", None),
            ("http://keycloak:8080", "https://keys.example/certs", None),
            ("http://localhost:8080", "http://keycloak:8080/certs", None),
            ("http://keycloak:8080", "http://other:8080/certs", Some("dangerous_allow_http(\"other:8080\")")),
            ("http://keycloak:8080", "http://keycloak/certs", Some("dangerous_allow_http(\"keycloak:80\")")),
            ("http://keycloak:8080", "http://127.0.0.1:8080/certs", Some("on this machine")),
            ("https://id.example", "http://keycloak:8080/certs", Some("the issuer is https")),
            ("https://id.example", "http://other:8080/certs", Some("the issuer is https")),
            ("https://id.example", "http://localhost:8080/certs", Some("on this machine")),
        ] {
            let discovery = Discovery::new(issuer.to_owned(), WellKnown::OpenId).unwrap();
            let document = format!(r#"{{"issuer":"{issuer}","jwks_uri":"{location}"}}"#);
            match (discovery.jwks_uri(document.as_bytes(), &plain), why) {
                (Ok(_), None) => {}
                (Err(text), Some(why)) => assert!(text.contains(location) && text.contains(why), "{text}"),
                (other, _) => panic!("{issuer} {location}: {other:?}"),
            }
        }
    }
}
