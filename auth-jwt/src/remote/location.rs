//! Where keys may be fetched from.

use std::net::IpAddr;

use auth_core::ConfigError;
use http::{Uri, uri::Scheme};

use crate::{port, token::json};

/// The location in this text: an absolute `https` URL, or an `http` one of this very machine. It has no user name,
/// which would be a secret, no port that cannot be, and no fragment, which means nothing to a server; what is not ASCII
/// has to be encoded.
pub(super) fn parse(text: &str) -> Result<Uri, ConfigError> {
    let is_plain = text.is_ascii() && !text.contains('#');
    let uri = text.parse().ok().filter(|_| is_plain);
    let uri = uri.filter(|uri: &Uri| {
        uri.authority().is_some_and(|authority| !authority.as_str().contains('@') && port::of(authority).is_ok())
    });
    match uri {
        Some(uri) if is_allowed(&uri) => Ok(uri),
        _ => Err(ConfigError::new(
            "keys are fetched from an https URL without user name and fragment (http: from a loopback address only): \
             correct the URL",
        )),
    }
}

fn is_allowed(uri: &Uri) -> bool {
    uri.scheme() == Some(&Scheme::HTTPS) || is_plain_loopback(uri)
}

fn is_plain_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let is_loopback = host.eq_ignore_ascii_case("localhost") || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    uri.scheme() == Some(&Scheme::HTTP) && is_loopback
}

/// An issuer whose keys are found by discovery.
#[derive(Debug)]
pub(super) struct Discovery {
    issuer: String,
    document: Uri,
}

/// Where an issuer keeps its document.
#[derive(Clone, Copy, Debug)]
pub(super) enum WellKnown {
    /// OpenID Connect Discovery 1.0, 4: behind the path of the issuer.
    OpenId,
    /// RFC 8414, 3.1: between the host and the path of the issuer.
    OAuth,
}

impl Discovery {
    pub(super) fn new(issuer: String, place: WellKnown) -> Result<Self, ConfigError> {
        let uri = parse(&issuer)?;
        if uri.query().is_some() {
            return Err(ConfigError::new("the issuer has a query, and discovery allows none: correct the issuer"));
        }
        let path = uri.path().strip_suffix('/').unwrap_or(uri.path());
        let path = match place {
            WellKnown::OpenId => format!("{path}/.well-known/openid-configuration"),
            WellKnown::OAuth => format!("/.well-known/oauth-authorization-server{path}"),
        };
        let mut parts = uri.into_parts();
        parts.path_and_query = path.try_into().ok();
        let document = Uri::from_parts(parts).map_err(|_| ConfigError::new("the issuer is no URL: correct it"))?;
        Ok(Self { issuer, document })
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(super) fn document(&self) -> &Uri {
        &self.document
    }

    /// Where the document says that the keys are; it must be this issuer's own, to the letter (OpenID Connect
    /// Discovery 1.0, 4.3; RFC 8414, 3.3). Only an issuer on this machine may keep its keys on it.
    pub(super) fn jwks_uri(&self, document: &[u8]) -> Result<Uri, &'static str> {
        let (mut issuer, mut location) = (None, None);
        json::members(document, |name, value| {
            match name {
                "issuer" => issuer = Some(value.into_text()?),
                "jwks_uri" => location = Some(value.into_text()?),
                _ => {}
            }
            Ok(())
        })?;
        if issuer.as_deref() != Some(&*self.issuer) {
            return Err("the discovery document is another issuer's");
        }
        let location = location.ok_or("the discovery document names no `jwks_uri`")?;
        let uri = parse(&location).map_err(|_| "the `jwks_uri` is not allowed")?;
        if is_plain_loopback(&uri) && !is_plain_loopback(&self.document) {
            return Err("the `jwks_uri` of an issuer elsewhere is on this machine");
        }
        Ok(uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_or_http_on_loopback() {
        for good in [
            "https://id.example/jwks",
            "HTTPS://id.example",
            "http://127.0.0.1:8080/jwks?a=b",
            "http://127.9.9.9/",
            "http://[::1]:80/",
            "http://LocalHost/",
            "https://192.0.2.1/",
            "https://id.example:65535/",
            // An empty port is the default one (RFC 3986, 6.2.3).
            "https://id.example:/",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/jwks",
            "id.example/jwks",
            "id.example",
            "http://id.example/jwks",
            "http://192.0.2.1/",
            "http://127.0.0.1.example/",
            "http://localhost.example/",
            "http://[::2]/",
            "ftp://127.0.0.1/",
            "file:///etc/keys",
            "https://user:pass@id.example/",
            "http://127.0.0.1@id.example/",
            "https://id.example/#keys",
            "https://id.example/ä",
            "https:///jwks",
            "https://id.example:65536/",
            "http://127.0.0.1:65536/",
            "https://id.example:+443/",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

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
            discovery.jwks_uri(document.as_bytes()).map(|uri| uri.to_string())
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
        assert!(discovery.jwks_uri(br#"{"jwks_uri":"https://keys.example/jwks"}"#).is_err());
    }

    #[test]
    fn location_in_the_document_is_held_to_the_same_rule() {
        let of = |issuer: &str, location: &str| {
            let discovery = Discovery::new(issuer.to_owned(), WellKnown::OpenId).unwrap();
            let document = format!(r#"{{"issuer":"{issuer}","jwks_uri":{location}}}"#);
            discovery.jwks_uri(document.as_bytes()).is_ok()
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
}
