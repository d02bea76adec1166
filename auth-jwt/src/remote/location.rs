//! The locations that keys may be fetched from.

use std::net::IpAddr;

use auth_core::{ConfigError, Origin};
use http::{Uri, uri::Scheme};

use super::found;
use crate::port;

/// Parses an absolute `https` or `http` URL in ASCII. A user name (which would be secret), a fragment (which is not sent) and
/// an invalid port are errors.
///
/// [`PlainHttp`] decides whether plain `http` is allowed there.
pub(super) fn parse(text: &str) -> Result<Uri, ConfigError> {
    let is_plain = text.is_ascii() && !text.contains('#');
    let uri = text.parse().ok().filter(|_| is_plain);
    let uri = uri.filter(|uri: &Uri| {
        uri.authority().is_some_and(|authority| port::of(authority).is_ok()) && origin(uri).is_some()
    });
    uri.ok_or_else(|| {
        let found = found::untrusted_url(text);
        ConfigError::new(format!(
            "keys are fetched from an absolute https URL without user name and fragment, not from {found}: correct the URL"
        ))
    })
}

/// Scheme, host and port of a location. Every location from [`parse`] has them.
pub(super) fn origin(uri: &Uri) -> Option<Origin> {
    let authority = uri.authority()?.as_str();
    // An empty port is the default one (RFC 3986, 6.2.3), which an origin does not write.
    let authority = authority.strip_suffix(':').unwrap_or(authority);
    Origin::parse(&format!("{}://{authority}", uri.scheme_str()?))
}

pub(super) fn is_https(uri: &Uri) -> bool {
    uri.scheme() == Some(&Scheme::HTTPS)
}

/// The hosts that are allowed over plain `http`, in addition to the loopback.
#[derive(Debug, Default)]
pub(super) struct PlainHttp(Vec<Origin>);

impl PlainHttp {
    /// Allows this host and port.
    pub(super) fn allow(&mut self, host: &str) -> Result<(), ConfigError> {
        let origin = Origin::parse(&format!("http://{host}")).ok_or_else(|| {
            ConfigError::new(format!(
                "{} does not name one host for plain http: write a host and, if it is not 80, a port, as in \
                 `keycloak:8080`",
                found::untrusted_url(host)
            ))
        })?;
        self.0.push(origin);
        Ok(())
    }

    /// Checks a configured location.
    pub(super) fn check(&self, location: &Uri) -> Result<(), ConfigError> {
        if is_https(location) || is_plain_loopback(location) || self.allows(location) {
            return Ok(());
        }
        Err(ConfigError::new(format!("{}: use https, {}", refusal(location), advice(location))))
    }

    /// Checks a location that this document names.
    ///
    /// A document over https must not lead to plain http, where no certificate proves who answers. Only an issuer on this
    /// machine may have its keys on it.
    pub(super) fn check_named(&self, location: &Uri, document: &Uri) -> Result<(), String> {
        if is_https(location) {
            Ok(())
        } else if is_plain_loopback(location) {
            if is_plain_loopback(document) {
                Ok(())
            } else {
                Err("it is on this machine, and the issuer is not".to_owned())
            }
        } else if is_https(document) {
            Err("it is plain http, and the issuer is https".to_owned())
        } else if self.allows(location) {
            Ok(())
        } else {
            Err(format!("{}: {}", refusal(location), advice(location)))
        }
    }

    fn allows(&self, location: &Uri) -> bool {
        origin(location).is_some_and(|origin| self.0.contains(&origin))
    }
}

fn refusal(location: &Uri) -> String {
    format!("plain http to `{}` is not allowed", location.host().unwrap_or_default())
}

fn advice(location: &Uri) -> String {
    let host = location.host().unwrap_or_default();
    let port = location.port_u16().unwrap_or(80);
    format!("or allow this one host inside your network with `dangerous_allow_http(\"{host}:{port}\")`")
}

fn is_plain_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let is_loopback = host.eq_ignore_ascii_case("localhost") || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    uri.scheme() == Some(&Scheme::HTTP) && is_loopback
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A location that the configuration may name without allowing plain `http` anywhere.
    fn is_good(url: &str) -> bool {
        parse(url).is_ok_and(|uri| PlainHttp::default().check(&uri).is_ok())
    }

    fn allowing(host: &str) -> PlainHttp {
        let mut plain = PlainHttp::default();
        plain.allow(host).unwrap();
        plain
    }

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
            assert!(is_good(good), "{good}");
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
            assert!(!is_good(bad), "{bad}");
        }
    }

    #[test]
    fn only_web_urls_parse() {
        for bad in
            ["", "/jwks", "id.example", "ftp://id.example/", "file:///keys", "https://a!b/", "http://a:b@id.example/"]
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse("http://keycloak:8080/certs").is_ok());
        let error = parse("https://user:SECRET@id.example/?SECRET").unwrap_err().to_string();
        assert!(error.contains("\"...@id.example/\"") && !error.contains("SECRET"), "{error}");
    }

    #[test]
    fn plain_http_is_allowed_for_one_host_and_port() {
        for (allowed, url, good) in [
            ("keycloak:8080", "http://keycloak:8080/certs", true),
            ("KeyCloak:8080", "http://KEYCLOAK:8080/certs", true),
            ("keycloak:8080", "http://keycloak:8081/certs", false),
            ("keycloak:8080", "http://keycloak/certs", false),
            ("keycloak:8080", "http://a.keycloak:8080/certs", false),
            ("keycloak:8080", "http://keycloak.:8080/certs", false),
            ("keycloak:8080", "http://id.example/certs", false),
            ("keycloak:8080", "https://id.example/certs", true),
            ("keycloak", "http://keycloak/certs", true),
            ("keycloak", "http://keycloak:/certs", true),
            ("keycloak", "http://keycloak:80/certs", true),
            ("keycloak:80", "http://keycloak/certs", true),
            ("keycloak", "http://keycloak:443/certs", false),
            ("key_cloak:8080", "http://key_cloak:8080/certs", true),
            ("[fd00::1]:8080", "http://[fd00::1]:8080/certs", true),
            ("10.0.0.7:8080", "http://10.0.0.7:8080/certs", true),
        ] {
            let verdict = allowing(allowed).check(&parse(url).unwrap());
            assert_eq!(verdict.is_ok(), good, "{allowed} {url}");
        }
    }

    #[test]
    fn only_one_host_and_port_can_be_allowed() {
        for bad in [
            "",
            " ",
            ":8080",
            "keycloak:",
            "keycloak:x",
            "keycloak:65536",
            "keycloak:+80",
            "http://keycloak",
            "keycloak/",
            "keycloak:8080/certs",
            "user@keycloak",
            "*",
            "*.internal",
            "keycloak:8080,other:8080",
            "keycloak 8080",
            "k?a",
            "k#a",
            "fd00::1",
            "[fd00::1",
            "keyclöak",
        ] {
            assert!(PlainHttp::default().allow(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn refusal_of_plain_http_names_the_host_and_the_way_to_allow_it() {
        let error =
            allowing("other:8080").check(&parse("http://keycloak/certs?secret").unwrap()).unwrap_err().to_string();
        assert!(error.contains("plain http to `keycloak`"), "{error}");
        assert!(error.contains("dangerous_allow_http(\"keycloak:80\")"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}
