use std::sync::Arc;

use http::{
    HeaderName, Method,
    header::{GetAll, ORIGIN, REFERER},
    request::Parts,
};

use crate::{AllowedOrigin, ConfigError, Origin, Refusal, RequestRecord, exempt_path::ExemptPath};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Which pages are ours: which may open sockets, and which may send requests that change something.
///
/// Without a public origin and a list, these are the server's own pages: those with the host and port of the request's `Host`;
/// see [`Origin::is_own`]. Clones share the list.
///
/// ```
/// use auth_core::{OriginPolicy, SiteVerdict};
///
/// let ours = OriginPolicy::default().public("https://app.example")?.allow(["https://*.preview.example"])?;
/// let post = |origin| http::Request::post("/transfer").header("origin", origin).body(()).unwrap().into_parts().0;
/// assert_eq!(ours.judge_write(&post("https://pr-7.preview.example")), SiteVerdict::Ours);
/// assert_eq!(ours.judge_write(&post("https://evil.example")), SiteVerdict::CrossSite);
/// # Ok::<(), auth_core::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct OriginPolicy {
    public: Option<Origin>,
    list: Option<Arc<[AllowedOrigin]>>,
    any_handshake: bool,
    any_write: bool,
    exempt: Option<Arc<[ExemptPath]>>,
}

/// Whether the page that sent a handshake may open a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "who judges must handle every case")]
pub enum OriginVerdict {
    /// One of our pages sent it.
    Allowed,
    /// The request names no page: the client is an old browser, or not a browser.
    Absent,
    /// A foreign page sent it, or one that can't be identified.
    Foreign,
}

/// Whether one of our pages sent a plain request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "who judges must handle every case")]
pub enum SiteVerdict {
    /// One of our pages, or the user by hand; or the method is safe, or the path [exempt](OriginPolicy::csrf_exempt).
    Ours,
    /// The request says that a foreign page sent it, or contradicts itself.
    CrossSite,
    /// The request says nothing: the client is an old browser, or not a browser.
    Unsaid,
}

impl OriginPolicy {
    /// Sets the origin under which browsers know this server. Its pages are ours, instead of those with the same host and port,
    /// and in addition to [`allow`](Self::allow).
    ///
    /// # Errors
    /// If it is not an `http` or `https` origin.
    pub fn public(mut self, origin: &str) -> Result<Self, ConfigError> {
        let public = Origin::new(origin)?;
        if !public.is_http() {
            return Err(ConfigError::new(format!(
                "`{origin}` is the origin of an app, not of a server: list it with `allow_origins`"
            )));
        }
        self.public = Some(public);
        Ok(self)
    }

    /// Sets the list of origins whose pages are ours, instead of those with the same host and port, and in addition to
    /// [`public`](Self::public). It replaces an earlier list.
    ///
    /// # Errors
    /// If the list is empty, or if an entry is not an [`AllowedOrigin`].
    pub fn allow<'o>(mut self, origins: impl IntoIterator<Item = &'o str>) -> Result<Self, ConfigError> {
        self.list = Some(AllowedOrigin::list(origins)?.into());
        Ok(self)
    }

    /// Lets every page on the web open sockets. It does not change [`judge_write`](Self::judge_write).
    #[must_use]
    pub fn dangerous_allow_any_handshake(mut self) -> Self {
        self.any_handshake = true;
        self
    }

    /// Lets every page send plain requests to these paths: [`judge_write`](Self::judge_write) says that they are ours. For a provider
    /// that posts to you through the browser (`response_mode=form_post`), or calls you without one. Call it again for more paths.
    ///
    /// A path is written as axum writes that of a route: `/callback`; `/callback/{provider}`, where one segment may be anything; or
    /// `/hooks/{*rest}`, for everything below. Everything outside of braces is compared exactly, percent-encoded and without query,
    /// with the path that the client sent. A name in braces covers every segment, also one that has a route of its own. For a nested
    /// router, the path includes the prefix that the router removes: see [`AuthRequest::target`](crate::AuthRequest::target).
    ///
    /// # Errors
    /// If a path does not begin with a slash, has a query or fragment, is not ASCII without spaces, or has braces in another place.
    pub fn csrf_exempt<'p>(mut self, paths: impl IntoIterator<Item = &'p str>) -> Result<Self, ConfigError> {
        let mut exempt = self.exempt.as_deref().unwrap_or_default().to_vec();
        for path in paths {
            exempt.push(ExemptPath::new(path)?);
        }
        self.exempt = (!exempt.is_empty()).then(|| exempt.into());
        Ok(self)
    }

    /// Lets every page on the web send plain requests: [`judge_write`](Self::judge_write) says that all are ours. It does not change
    /// [`judge_handshake`](Self::judge_handshake).
    #[must_use]
    pub fn dangerous_allow_any_write(mut self) -> Self {
        self.any_write = true;
        self
    }

    /// Whether pages of this origin are ours. `request` shows the server's own host.
    #[must_use]
    pub fn allows(&self, origin: &Origin, request: &Parts) -> bool {
        match self.is_configured() {
            true => self.names(origin),
            false => origin.is_own(request),
        }
    }

    /// Judges a handshake by its `Origin`. Browsers send one with every WebSocket handshake.
    ///
    /// | `Origin` | `Sec-Fetch-Site` | Verdict |
    /// |---|---|---|
    /// | exactly one, [allowed](Self::allows) | any | `Allowed` |
    /// | any other, `null`, repeated | any | `Foreign` |
    /// | absent | `same-origin`, and the server's own pages are ours | `Allowed` |
    /// | absent | anything else | `Absent` |
    #[must_use]
    pub fn judge_handshake(&self, request: &Parts) -> OriginVerdict {
        if self.any_handshake {
            return OriginVerdict::Allowed;
        }
        match Origin::of(request) {
            // Browsers omit `Origin` from a same-origin GET. They say so in a header that pages can't set.
            Ok(None) if says_same_origin(request) && self.allows_own(request) => OriginVerdict::Allowed,
            Ok(None) => OriginVerdict::Absent,
            Ok(Some(origin)) if self.allows(&origin, request) => OriginVerdict::Allowed,
            Ok(Some(_)) | Err(_) => OriginVerdict::Foreign,
        }
    }

    /// Judges a plain request, against cross-site request forgery. The first line that applies decides:
    ///
    /// | The request | Verdict |
    /// |---|---|
    /// | `GET`, `HEAD`, `OPTIONS` or `TRACE` | `Ours`: it must not change anything (RFC 9110, 9.2.1) |
    /// | its path is [exempt](Self::csrf_exempt) | `Ours` |
    /// | `Sec-Fetch-Site: same-origin` | `Ours`: the browser compares what it sees, so neither `Host` nor a public origin has to match |
    /// | `Sec-Fetch-Site: none` | `Ours`: the user sent it by hand, no page did |
    /// | `Sec-Fetch-Site: same-site` or `cross-site`; one `Origin`, which is the public one or in the list | `Ours` |
    /// | `Sec-Fetch-Site` otherwise: without such an `Origin`, with another value, empty, or repeated | `CrossSite` |
    /// | one `Origin`, [allowed](Self::allows) | `Ours` |
    /// | `Origin` otherwise: foreign, `null`, not an origin, empty, or repeated | `CrossSite` |
    /// | one `Referer`, with an allowed origin | `Ours` |
    /// | `Referer` otherwise: foreign, not a URL with an origin, empty, or repeated | `CrossSite` |
    /// | none of the three headers | `Unsaid` |
    ///
    /// A page cannot set any of the three. Browsers send `Sec-Fetch-Site` since 2023 at the latest, to `https` and to loopback
    /// only; since 2020 they send `Origin` with every `POST`.
    ///
    /// Methods are compared as sent. A method that a header or field overrides is not looked at: an application that lets a `GET`
    /// delete something must not do so for cookies.
    ///
    /// # Security
    /// Beside `same-site` and `cross-site`, the host of the request proves nothing: the page may be the one under `http`, which an
    /// attacker in the network can forge, or that of another port. So there, only what you have named counts. Without
    /// `Sec-Fetch-Site` and without a public origin, a page under `http` counts as one under `https`; see [`Origin::is_own`].
    #[must_use]
    pub fn judge_write(&self, request: &Parts) -> SiteVerdict {
        if is_safe(&request.method) || self.any_write {
            return SiteVerdict::Ours;
        }
        match self.judge_page(request) {
            SiteVerdict::CrossSite | SiteVerdict::Unsaid if self.exempts(request) => SiteVerdict::Ours,
            verdict => verdict,
        }
    }

    fn judge_page(&self, request: &Parts) -> SiteVerdict {
        let ours_if = |is_ours: bool| if is_ours { SiteVerdict::Ours } else { SiteVerdict::CrossSite };
        let headers = &request.headers;
        match sole(&headers.get_all(SEC_FETCH_SITE)) {
            Some(Some("same-origin" | "none")) => return SiteVerdict::Ours,
            Some(Some("same-site" | "cross-site")) => {
                return ours_if(
                    Origin::of(request).is_ok_and(|origin| origin.is_some_and(|origin| self.names(&origin))),
                );
            }
            Some(_) => return SiteVerdict::CrossSite,
            None => {}
        }
        let page = match sole(&headers.get_all(ORIGIN)) {
            Some(origin) => origin.and_then(Origin::parse),
            None => match sole(&headers.get_all(REFERER)) {
                Some(referer) => referer.and_then(origin_of_url),
                None => return SiteVerdict::Unsaid,
            },
        };
        ours_if(page.is_some_and(|page| self.allows(&page, request)))
    }

    /// The refusal of a handshake from a foreign page: 403 `origin_not_allowed`. The log also gets the allowed origins.
    #[must_use]
    pub fn refuse_handshake(&self, request: &Parts) -> Refusal {
        Refusal::origin_not_allowed(request, self.allowed().iter())
    }

    /// The refusal of a plain request that is not [ours](SiteVerdict::Ours): 403 `cross_site`. The log also gets what the request
    /// says, and the allowed origins.
    #[must_use]
    pub fn refuse_write(&self, request: &Parts) -> Refusal {
        Refusal::cross_site(request, self.allowed().iter())
    }

    /// The public origin, then the list.
    fn allowed(&self) -> Vec<AllowedOrigin> {
        let public = self.public.clone().map(AllowedOrigin::from);
        public.into_iter().chain(self.list.iter().flat_map(|list| list.iter().cloned())).collect()
    }

    fn exempts(&self, request: &Parts) -> bool {
        let Some(exempt) = &self.exempt else { return false };
        let record = RequestRecord::find(request);
        exempt.iter().any(|path| path.covers(record.sent_path()))
    }

    /// Whether a public origin or a list replaces the server's own host.
    fn is_configured(&self) -> bool {
        self.public.is_some() || self.list.is_some()
    }

    /// Whether it is the public origin or in the list.
    fn names(&self, origin: &Origin) -> bool {
        self.public.as_ref() == Some(origin)
            || self.list.iter().flat_map(|list| &**list).any(|allowed| allowed.allows(origin))
    }

    /// Whether pages of this server are ours.
    fn allows_own(&self, request: &Parts) -> bool {
        match (&self.public, &self.list) {
            (Some(_), _) | (None, None) => true,
            (None, Some(list)) => list.iter().any(|allowed| allowed.allows_own(request)),
        }
    }
}

/// Not `Method::is_safe`, so that a version of `http` with more safe methods changes nothing here.
fn is_safe(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE].contains(method)
}

fn says_same_origin(request: &Parts) -> bool {
    request.headers.get(SEC_FETCH_SITE).is_some_and(|site| site == "same-origin")
}

/// The value of a header: `None` if it is absent, `Some(None)` if it repeats or is not text.
fn sole<'r>(values: &GetAll<'r, http::HeaderValue>) -> Option<Option<&'r str>> {
    let mut values = values.iter();
    let first = values.next()?;
    Some(values.next().is_none().then(|| first.to_str().ok()).flatten())
}

/// The origin of an absolute URL.
fn origin_of_url(url: &str) -> Option<Origin> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    Origin::parse(&format!("{scheme}://{authority}"))
}
