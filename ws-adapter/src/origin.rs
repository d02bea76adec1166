use auth_core::ConfigError;
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{HOST, ORIGIN},
    request::Parts,
    uri::Authority,
};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Which pages may open a socket.
///
/// With neither a public origin nor a list, those that this server has served, as far as `Host` tells: the scheme is
/// unknown behind a TLS proxy.
#[derive(Clone, Debug, Default)]
pub(crate) struct OriginPolicy {
    public: Option<Origin>,
    list: Option<Vec<Origin>>,
    any: bool,
}

/// What a request says of the page that it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OriginVerdict {
    Allowed,
    /// It says nothing: no browser, or an old one.
    Absent,
    Foreign,
}

impl OriginPolicy {
    /// Allows the server's own origin, by the name under which browsers know it.
    pub(crate) fn set_public(&mut self, origin: &str) -> Result<(), ConfigError> {
        self.public = Some(Origin::from_config(origin)?);
        Ok(())
    }

    /// Allows these, and the public origin if there is one.
    pub(crate) fn set_list<'o>(&mut self, origins: impl IntoIterator<Item = &'o str>) -> Result<(), ConfigError> {
        let origins: Vec<_> = origins.into_iter().map(Origin::from_config).collect::<Result<_, _>>()?;
        if origins.is_empty() {
            return Err(ConfigError::new("the list of allowed origins is empty: name one, or leave the default"));
        }
        self.list = Some(origins);
        Ok(())
    }

    pub(crate) fn allow_any(&mut self) {
        self.any = true;
    }

    pub(crate) fn judge(&self, parts: &Parts) -> OriginVerdict {
        if self.any {
            return OriginVerdict::Allowed;
        }
        let mut origins = parts.headers.get_all(ORIGIN).iter();
        match (origins.next(), origins.next()) {
            // A browser leaves `Origin` out of a same-origin GET, and says so in a header that no page can set.
            (None, _) if says_same_origin(&parts.headers) && self.allows_own(parts) => OriginVerdict::Allowed,
            (None, _) => OriginVerdict::Absent,
            (Some(origin), None) if self.allows(origin, parts) => OriginVerdict::Allowed,
            _ => OriginVerdict::Foreign,
        }
    }

    fn allows(&self, origin: &HeaderValue, parts: &Parts) -> bool {
        let Some(origin) = origin.to_str().ok().and_then(Origin::parse) else {
            return false;
        };
        match (&self.public, &self.list) {
            (None, None) => own_place(parts).is_some_and(|own| origin.is_at(&own)),
            (public, list) => public.iter().chain(list.iter().flatten()).any(|allowed| *allowed == origin),
        }
    }

    /// Whether pages of this server itself are allowed.
    fn allows_own(&self, parts: &Parts) -> bool {
        match (&self.public, &self.list) {
            (Some(_), _) | (None, None) => true,
            (None, Some(list)) => own_place(parts).is_some_and(|own| list.iter().any(|allowed| allowed.is_at(&own))),
        }
    }
}

/// A web origin: scheme, host in lower case, and port (RFC 6454, 4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    scheme: Scheme,
    host: String,
    port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

impl Scheme {
    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl Origin {
    /// Whether host and port are those of `place`, under either scheme.
    fn is_at(&self, place: &Place) -> bool {
        // Without a port in `Host`, it is the default one of the page's scheme.
        self.host == place.host && self.port == place.port.unwrap_or(self.scheme.default_port())
    }

    fn from_config(text: &str) -> Result<Self, ConfigError> {
        Self::parse(text).ok_or_else(|| {
            ConfigError::new(format!(
                "`{text}` is no origin: write the scheme, the host and, if it is not the default, the port, \
                 as in `https://app.example:8443`, with nothing after it"
            ))
        })
    }

    /// `None` for `null`, for a list, and for anything that is not exactly scheme, host and port.
    fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let scheme = match scheme {
            s if s.eq_ignore_ascii_case("https") => Scheme::Https,
            s if s.eq_ignore_ascii_case("http") => Scheme::Http,
            _ => return None,
        };
        let Place { host, port } = Place::parse(authority)?;
        let port = port.unwrap_or(scheme.default_port());
        (!host.contains('*')).then_some(Self { scheme, host, port })
    }
}

/// A host in lower case, and its port where one is named.
struct Place {
    host: String,
    port: Option<u16>,
}

impl Place {
    /// `None` for anything that is not exactly host and port: user information, a port that is no number.
    fn parse(text: &str) -> Option<Self> {
        let authority: Authority = text.parse().ok()?;
        let host = authority.host();
        let port = match text.strip_prefix(host)? {
            "" => None,
            port => {
                // A sign would pass as part of a number.
                let digits = port.strip_prefix(':').filter(|port| port.bytes().all(|b| b.is_ascii_digit()))?;
                Some(digits.parse().ok()?)
            }
        };
        (!host.is_empty()).then(|| Self { host: host.to_ascii_lowercase(), port })
    }
}

/// The host that the client asked for: of the target URI where it names one (HTTP/2, absolute form), else of `Host`.
fn own_place(parts: &Parts) -> Option<Place> {
    if let Some(authority) = parts.uri.authority() {
        return Place::parse(authority.as_str());
    }
    let mut hosts = parts.headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok().and_then(Place::parse),
        _ => None,
    }
}

fn says_same_origin(headers: &HeaderMap) -> bool {
    headers.get(SEC_FETCH_SITE).is_some_and(|site| site == "same-origin")
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::{OriginVerdict::*, *};

    fn judge(policy: &OriginPolicy, headers: &[(&str, &str)]) -> OriginVerdict {
        let mut builder = Request::get("/ws");
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        policy.judge(&builder.body(()).unwrap().into_parts().0)
    }

    fn list(origins: &[&str]) -> Result<OriginPolicy, ConfigError> {
        let mut policy = OriginPolicy::default();
        policy.set_list(origins.iter().copied()).map(|()| policy)
    }

    fn same_host(host: &str, origin: &str) -> OriginVerdict {
        judge(&OriginPolicy::default(), &[("host", host), ("origin", origin)])
    }

    #[test]
    fn same_host_and_port_is_allowed_under_either_scheme() {
        assert_eq!(same_host("app.example:3000", "http://app.example:3000"), Allowed);
        assert_eq!(same_host("app.example:3000", "https://app.example:3000"), Allowed);
        assert_eq!(same_host("App.Example", "https://app.example"), Allowed);
        assert_eq!(same_host("app.example:443", "https://app.example"), Allowed);
        assert_eq!(same_host("[::1]:3000", "http://[::1]:3000"), Allowed);
    }

    #[test]
    fn another_host_or_port_is_foreign() {
        assert_eq!(same_host("app.example", "https://evil.example"), Foreign);
        assert_eq!(same_host("app.example", "https://app.example.evil.example"), Foreign);
        assert_eq!(same_host("app.example", "https://sub.app.example"), Foreign);
        assert_eq!(same_host("app.example:3000", "http://app.example:3001"), Foreign);
        assert_eq!(same_host("app.example", "http://app.example:443"), Foreign);
    }

    #[test]
    fn what_is_no_single_origin_is_foreign() {
        for origin in [
            "null",
            "",
            "app.example",
            "https://",
            "https://app.example/",
            "https://app.example https://app.example",
            "https://user@app.example",
            "https://app.example:port",
            "https://app.example:",
            "file://app.example",
            "chrome-extension://app.example",
        ] {
            assert_eq!(same_host("app.example", origin), Foreign, "{origin}");
        }
    }

    #[test]
    fn host_with_anything_beside_name_and_port_is_nobodys_own() {
        for host in ["user@app.example", "app.example:+443", "app.example:", "app.example:port", "app.example/", ""] {
            assert_eq!(same_host(host, "https://app.example"), Foreign, "{host}");
        }
        assert_eq!(same_host("[::1];80", "http://[::1]"), Foreign);
        assert_eq!(same_host("app.example", "https://app.example:+443"), Foreign);
    }

    #[test]
    fn repeated_origin_or_host_is_foreign() {
        let origin = ("origin", "https://app.example");
        let host = ("host", "app.example");
        assert_eq!(judge(&OriginPolicy::default(), &[host, origin, origin]), Foreign);
        assert_eq!(judge(&OriginPolicy::default(), &[host, host, origin]), Foreign);
        assert_eq!(judge(&OriginPolicy::default(), &[origin]), Foreign);
    }

    #[test]
    fn authority_of_the_target_counts_before_host() {
        let request = Request::get("http://app.example/ws").header("host", "evil.example");
        let parts = request.header("origin", "http://evil.example").body(()).unwrap().into_parts().0;
        assert_eq!(OriginPolicy::default().judge(&parts), Foreign);
    }

    #[test]
    fn missing_origin_is_absent_unless_the_browser_vouches_for_same_origin() {
        let host = ("host", "app.example");
        assert_eq!(judge(&OriginPolicy::default(), &[host]), Absent);
        assert_eq!(judge(&OriginPolicy::default(), &[host, ("sec-fetch-site", "same-origin")]), Allowed);
        assert_eq!(judge(&OriginPolicy::default(), &[host, ("sec-fetch-site", "same-site")]), Absent);
    }

    #[test]
    fn list_is_exact_in_scheme_host_and_port() {
        let list = list(&["https://app.example", "http://localhost:3000"]).unwrap();
        let judge = |origin| judge(&list, &[("host", "api.example"), ("origin", origin)]);
        assert_eq!(judge("https://app.example"), Allowed);
        assert_eq!(judge("https://app.example:443"), Allowed);
        assert_eq!(judge("http://localhost:3000"), Allowed);
        assert_eq!(judge("http://app.example"), Foreign);
        assert_eq!(judge("https://app.example:8443"), Foreign);
        assert_eq!(judge("https://api.example"), Foreign);
    }

    #[test]
    fn list_with_what_is_no_origin_does_not_build_and_says_why() {
        for origin in ["app.example", "https://app.example/", "*", "https://*.example", "null", "ws://app.example"] {
            let error = list(&[origin]).unwrap_err().to_string();
            assert!(error.contains(origin) && error.contains("https://app.example:8443"), "{error}");
        }
        assert!(list(&[]).is_err());
    }

    #[test]
    fn browser_that_vouches_for_same_origin_counts_only_where_the_own_origin_is_allowed() {
        let request = [("host", "app.example"), ("sec-fetch-site", "same-origin")];
        assert_eq!(judge(&list(&["https://app.example"]).unwrap(), &request), Allowed);
        assert_eq!(judge(&list(&["https://other.example"]).unwrap(), &request), Absent);
    }

    #[test]
    fn public_origin_is_exact_and_stands_beside_a_list_in_either_order() {
        let mut public = OriginPolicy::default();
        public.set_public("https://app.example").unwrap();
        let judge = |policy: &OriginPolicy, origin| judge(policy, &[("host", "inner:8080"), ("origin", origin)]);
        assert_eq!(judge(&public, "https://app.example"), Allowed);
        assert_eq!(judge(&public, "http://app.example"), Foreign);
        assert_eq!(judge(&public, "http://inner:8080"), Foreign);
        public.set_list(["https://partner.example"]).unwrap();
        let mut listed = list(&["https://partner.example"]).unwrap();
        listed.set_public("https://app.example").unwrap();
        for policy in [public, listed] {
            assert_eq!(judge(&policy, "https://app.example"), Allowed);
            assert_eq!(judge(&policy, "https://partner.example"), Allowed);
        }
    }
}
