use auth_core::{AllowedOrigin, ConfigError, Origin, Refusal};
use http::{HeaderMap, HeaderName, request::Parts};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Which pages may open a socket.
///
/// Without a public origin and a list, these are pages with the host and port of the request's `Host`. Schemes are not
/// compared: behind a TLS proxy, the server does not know its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct OriginPolicy {
    public: Option<Origin>,
    list: Option<Vec<AllowedOrigin>>,
    any: bool,
}

/// Whether the page that sent a request may open a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OriginVerdict {
    Allowed,
    /// The request names no page: the client is an old browser, or not a browser.
    Absent,
    Foreign,
}

impl OriginPolicy {
    /// Allows the server's own origin as browsers see it.
    pub(crate) fn set_public(&mut self, origin: &str) -> Result<(), ConfigError> {
        let public = Origin::new(origin)?;
        if !public.is_http() {
            return Err(ConfigError::new(format!(
                "`{origin}` is the origin of an app, not of a server: list it with `allow_origins`"
            )));
        }
        self.public = Some(public);
        Ok(())
    }

    /// Allows these origins, and the public origin if there is one.
    pub(crate) fn set_list<'o>(&mut self, origins: impl IntoIterator<Item = &'o str>) -> Result<(), ConfigError> {
        self.list = Some(AllowedOrigin::list(origins)?);
        Ok(())
    }

    pub(crate) fn allow_any(&mut self) {
        self.any = true;
    }

    pub(crate) fn judge(&self, parts: &Parts) -> OriginVerdict {
        if self.any {
            return OriginVerdict::Allowed;
        }
        match Origin::of(parts) {
            // Browsers omit `Origin` from a same-origin GET. They say so in a header that pages can't set.
            Ok(None) if says_same_origin(&parts.headers) && self.allows_own(parts) => OriginVerdict::Allowed,
            Ok(None) => OriginVerdict::Absent,
            Ok(Some(origin)) if self.allows(&origin, parts) => OriginVerdict::Allowed,
            Ok(Some(_)) | Err(_) => OriginVerdict::Foreign,
        }
    }

    /// The refusal for a foreign page. The log also gets the allowed origins.
    pub(crate) fn refusal(&self, parts: &Parts) -> Refusal {
        let public = self.public.clone().map(AllowedOrigin::from);
        Refusal::origin_not_allowed(parts, public.iter().chain(self.list.iter().flatten()))
    }

    fn allows(&self, origin: &Origin, parts: &Parts) -> bool {
        match (&self.public, &self.list) {
            (None, None) => origin.is_own(parts),
            (public, list) => {
                public.as_ref() == Some(origin) || list.iter().flatten().any(|allowed| allowed.allows(origin))
            }
        }
    }

    /// Whether pages of this server are allowed.
    fn allows_own(&self, parts: &Parts) -> bool {
        match (&self.public, &self.list) {
            (Some(_), _) | (None, None) => true,
            (None, Some(list)) => list.iter().any(|allowed| allowed.allows_own(parts)),
        }
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
    fn anything_but_a_single_origin_is_foreign() {
        for origin in ["null", "", "app.example", "https://app.example/", "file://app.example"] {
            assert_eq!(same_host("app.example", origin), Foreign, "{origin}");
        }
    }

    #[test]
    fn invalid_port_is_foreign_on_either_side() {
        for port in ["", "+443", "65536", "99999999999"] {
            let (host, origin) = (format!("app.example:{port}"), format!("https://app.example:{port}"));
            assert_eq!(same_host(&host, "https://app.example"), Foreign, "{host}");
            assert_eq!(same_host("app.example", &origin), Foreign, "{origin}");
            assert_eq!(same_host(&host, &origin), Foreign, "{host}");
        }
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
    fn authority_of_the_target_takes_precedence_over_host() {
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
    fn same_origin_header_counts_only_if_the_own_origin_is_allowed() {
        let request = [("host", "app.example"), ("sec-fetch-site", "same-origin")];
        assert_eq!(judge(&list(&["https://app.example"]).unwrap(), &request), Allowed);
        assert_eq!(judge(&list(&["https://other.example"]).unwrap(), &request), Absent);
    }

    #[test]
    fn allow_any_accepts_every_origin_and_a_missing_one() {
        let mut any = list(&["https://app.example"]).unwrap();
        any.allow_any();
        for headers in [&[("origin", "https://evil.example")][..], &[("origin", "null")], &[("origin", "")], &[]] {
            assert_eq!(judge(&any, headers), Allowed, "{headers:?}");
        }
    }

    #[test]
    fn public_origin_is_exact_and_combines_with_a_list() {
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
