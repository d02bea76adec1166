//! The proxy that https connections go through.

use std::env::VarError;

use auth_core::{ConfigError, Origin};
use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

use super::location;

/// The choice of a proxy.
#[derive(Default)]
pub(super) enum ProxyChoice {
    /// The proxy that the environment names, if any.
    #[default]
    Environment,
    This(Box<Proxy>),
    None,
}

/// An HTTP proxy, and the hosts that are reached without it.
pub(super) struct Proxy {
    matcher: Matcher,
    intercept: Intercept,
}

impl ProxyChoice {
    /// The chosen proxy. `variable` reads the environment; an empty variable counts as not set.
    pub(super) fn proxy(
        self,
        variable: impl Fn(&str) -> Result<String, VarError>,
    ) -> Result<Option<Proxy>, ConfigError> {
        match self {
            Self::This(proxy) => Ok(Some(*proxy)),
            Self::None => Ok(None),
            Self::Environment => {
                let Some((name, url)) = first(&variable, ["HTTPS_PROXY", "https_proxy"])? else { return Ok(None) };
                let except = first(&variable, ["NO_PROXY", "no_proxy"])?.map(|(_, list)| list).unwrap_or_default();
                let proxy = Proxy::parse(&url, &except).ok_or_else(|| {
                    ConfigError::new(format!(
                        "the environment variable `{name}` does not name an HTTP proxy: correct it, or call `no_proxy`"
                    ))
                })?;
                Ok(Some(proxy))
            }
        }
    }
}

impl Proxy {
    pub(super) fn new(url: &str) -> Result<Self, ConfigError> {
        // The text may hold a password, so the error does not repeat it.
        Self::parse(url, "").ok_or_else(|| {
            ConfigError::new("this does not name an HTTP proxy: write a URL such as `http://proxy.example:3128`")
        })
    }

    /// `except` is a list as in `NO_PROXY`.
    fn parse(url: &str, except: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let host = authority.split_once('@').map_or(authority, |(_, host)| host);
        // The matcher accepts too much: other kinds of proxies, paths, and invalid ports.
        let origin = Origin::parse(&format!("{scheme}://{host}")).filter(Origin::is_http)?;
        let everything = Matcher::builder().https(url).build();
        let intercept = everything.intercept(&Uri::from_static("https://issuer.invalid/"))?;
        // A password with `/`, `?` or `#` that is not encoded ends the host early.
        if location::origin(intercept.uri()) != Some(origin) {
            return None;
        }
        let matcher = Matcher::builder().https(url).no(except).build();
        Some(Self { matcher, intercept })
    }

    /// Whether this location is reached through the proxy.
    pub(super) fn takes(&self, location: &Uri) -> bool {
        self.matcher.intercept(location).is_some()
    }

    /// The URL of the proxy, without user name.
    pub(super) fn location(&self) -> &Uri {
        self.intercept.uri()
    }

    /// The credential for the proxy.
    pub(super) fn credential(&self) -> Option<&HeaderValue> {
        self.intercept.basic_auth()
    }
}

/// The first of these variables that is set, with its name.
fn first(
    variable: impl Fn(&str) -> Result<String, VarError>,
    names: [&str; 2],
) -> Result<Option<(&str, String)>, ConfigError> {
    for name in names {
        match variable(name) {
            Ok(value) if value.trim().is_empty() => {}
            Ok(value) => return Ok(Some((name, value.trim().to_owned()))),
            Err(VarError::NotPresent) => {}
            Err(VarError::NotUnicode(_)) => {
                return Err(ConfigError::new(format!(
                    "the environment variable `{name}` is not UTF-8: correct it, or call `no_proxy`"
                )));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(environment: &[(&str, &str)]) -> Result<Option<Proxy>, ConfigError> {
        ProxyChoice::Environment.proxy(|name| {
            let found = environment.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| (*value).to_owned()).ok_or(VarError::NotPresent)
        })
    }

    #[test]
    fn environment_names_the_proxy_for_https() {
        let shown = |environment: &[_]| from(environment).unwrap().map(|proxy| proxy.location().to_string());
        for (environment, proxy) in [
            (&[][..], None),
            (&[("HTTPS_PROXY", "")], None),
            (&[("HTTPS_PROXY", " ")], None),
            (&[("HTTPS_PROXY", "http://a:1")], Some("http://a:1/")),
            (&[("https_proxy", "http://b:2/")], Some("http://b:2/")),
            (&[("HTTPS_PROXY", "http://a:1"), ("https_proxy", "http://b:2")], Some("http://a:1/")),
            (&[("HTTPS_PROXY", ""), ("https_proxy", "http://b:2")], Some("http://b:2/")),
            (&[("HTTPS_PROXY", "a:1")], Some("http://a:1/")),
            (&[("HTTPS_PROXY", "https://a")], Some("https://a/")),
            (&[("HTTPS_PROXY", "http://user:pass@a:1")], Some("http://a:1/")),
            // These are for other traffic.
            (&[("HTTP_PROXY", "http://a:1"), ("http_proxy", "http://a:1"), ("ALL_PROXY", "http://a:1")], None),
        ] {
            assert_eq!(shown(environment).as_deref(), proxy, "{environment:?}");
        }
    }

    #[test]
    fn no_proxy_names_hosts_domains_and_networks() {
        for (list, url, takes) in [
            ("", "https://id.example/", true),
            ("id.example", "https://id.example/", false),
            ("ID.example", "https://id.EXAMPLE:8443/", false),
            ("id.example", "https://login.id.example/", false),
            (".id.example", "https://login.id.example/", false),
            ("id.example", "https://notid.example/", true),
            ("other, id.example", "https://id.example/", false),
            ("*", "https://id.example/", false),
            ("10.0.0.0/8", "https://10.1.2.3/", false),
            ("10.0.0.0/8", "https://11.1.2.3/", true),
            ("::1", "https://[::1]/", false),
            // Plain http never goes through a proxy.
            ("", "http://id.example/", false),
        ] {
            for name in ["NO_PROXY", "no_proxy"] {
                let proxy = from(&[("HTTPS_PROXY", "http://a:1"), (name, list)]).unwrap().unwrap();
                assert_eq!(proxy.takes(&Uri::from_static(url)), takes, "{list} {url}");
            }
        }
    }

    #[test]
    fn invalid_proxy_does_not_build_and_is_not_repeated() {
        for bad in [
            "socks5://user:SECRET@proxy:1080",
            "ftp://user:SECRET@proxy",
            "http://user:SECRET@",
            "http://user:SECRET@:3128",
            "http://user:SECRET@proxy:65536",
            "http://user:SECRET@proxy:3128/path",
            "http://user:SECRET@proxy:3128?query",
            "http://user:SECRET@proxy:3128#fragment",
            "http://user:SE@CRET@proxy:3128",
            "http://user:SE/CRET@proxy:3128",
            "http://user:SE?CRET@proxy:3128",
            "http://user:SE#CRET@proxy:3128",
            "http://user/SECRET@proxy:3128",
            "http://user:SE CRET@proxy:3128",
            "://proxy",
            "http://",
            "SECRET one",
            "",
        ] {
            let error = Proxy::new(bad).err().expect(bad).to_string();
            assert!(!error.contains("SECRET"), "{error}");
            if !bad.is_empty() {
                let error = from(&[("https_proxy", bad)]).err().unwrap().to_string();
                assert!(error.contains("`https_proxy`") && !error.contains("SECRET"), "{error}");
            }
        }
    }

    #[test]
    fn variable_that_is_not_text_does_not_build() {
        for name in ["HTTPS_PROXY", "NO_PROXY"] {
            let variable = |asked: &str| match asked {
                asked if asked == name => Err(VarError::NotUnicode("x".into())),
                "https_proxy" => Ok("http://a:1".to_owned()),
                _ => Err(VarError::NotPresent),
            };
            assert!(ProxyChoice::Environment.proxy(variable).is_err(), "{name}");
            assert!(ProxyChoice::None.proxy(variable).is_ok_and(|proxy| proxy.is_none()));
        }
    }

    #[test]
    fn credentials_of_the_proxy_are_decoded_and_marked_sensitive() {
        let proxy = Proxy::new("http://user:p%40ss@proxy:3128").unwrap();
        let credential = proxy.credential().unwrap();
        assert_eq!(credential, "Basic dXNlcjpwQHNz");
        assert!(credential.is_sensitive());
        assert_eq!(format!("{:?}", proxy.intercept), "Intercept { uri: http://proxy:3128/ }");
    }
}
