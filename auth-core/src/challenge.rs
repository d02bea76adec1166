use std::{
    borrow::Cow,
    fmt::{self, Write as _},
    sync::{Arc, OnceLock},
};

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};

use crate::config::{self, ConfigError};

/// The scheme for a place without a scheme in any RFC.
const API_KEY: &str = "ApiKey";

/// One `WWW-Authenticate` value: a scheme and its parameters (RFC 9110, 11.3 and 11.6.1).
///
/// Parameters are quoted strings, in the order in which they were added. Quotes and backslashes are escaped. Control
/// characters are left out, since there is no escape for them. Text beyond ASCII is sent as UTF-8.
///
/// ```
/// use auth_core::Challenge;
///
/// let challenge = Challenge::bearer("the \"inner\" area").with("scope", "chat:read");
/// assert_eq!(challenge.to_string(), r#"Bearer realm="the \"inner\" area", scope="chat:read""#);
/// ```
///
/// It is cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Challenge(Arc<Content>);

struct Content {
    scheme: Cow<'static, str>,
    params: Vec<(Cow<'static, str>, Value)>,
    reports_errors: bool,
    error_uri: Option<Arc<str>>,
    /// Made when the challenge is first sent, since most are sent with many refusals.
    header: OnceLock<HeaderValue>,
    /// The same challenge with each error, made when it is first needed: a copy takes three allocations.
    marked: [OnceLock<Challenge>; ErrorKind::COUNT],
}

/// What an `error` parameter says (RFC 6750, 3.1; RFC 9470, 3).
#[derive(Clone, Copy)]
pub(crate) enum ErrorKind {
    Malformed,
    Invalid,
    Expired,
    TooLittleScope,
    WeakLogin,
}

impl ErrorKind {
    const COUNT: usize = Self::WeakLogin as usize + 1;

    /// `error` and `error_description`.
    pub(crate) fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::Malformed => ("invalid_request", "The credentials are malformed"),
            Self::Invalid => ("invalid_token", "The credentials are invalid"),
            Self::Expired => ("invalid_token", "The token expired"),
            Self::TooLittleScope => ("insufficient_scope", "More scope is required"),
            Self::WeakLogin => ("insufficient_user_authentication", "A more recent or a stronger log-in is required"),
        }
    }
}

/// The value of a parameter. It has no control characters.
#[derive(Clone, Debug, Eq)]
enum Value {
    Constant(&'static str),
    Shared(Arc<str>),
}

impl Challenge {
    /// A challenge with this scheme, without parameters.
    ///
    /// # Panics
    /// If `scheme` is not a token (RFC 9110, 5.6.2). Where it comes from a configuration, use [`try_new`](Self::try_new).
    #[must_use]
    #[track_caller]
    pub fn new(scheme: impl Into<Cow<'static, str>>) -> Self {
        config::built(Self::try_new(scheme))
    }

    /// As [`new`](Self::new), for a scheme that comes from a configuration.
    ///
    /// # Errors
    /// If `scheme` is not a token (RFC 9110, 5.6.2).
    pub fn try_new(scheme: impl Into<Cow<'static, str>>) -> Result<Self, ConfigError> {
        config::token("an authentication scheme", scheme).map(Self::of)
    }

    /// `ApiKey in="…", name="…"`, for a place without a scheme in any RFC. The parameters are those of OpenAPI's `apiKey`.
    pub(crate) fn api_key(place: &str, name: &str) -> Self {
        let challenge = Self::of(Cow::Borrowed(API_KEY)).set("in", place);
        if name.is_empty() { challenge } else { challenge.set("name", name) }
    }

    /// `scheme` must be a token.
    fn of(scheme: Cow<'static, str>) -> Self {
        let (params, header, marked) = (Vec::new(), OnceLock::new(), Default::default());
        Self(Arc::new(Content { scheme, params, reports_errors: false, error_uri: None, header, marked }))
    }

    fn change(&mut self) -> &mut Content {
        let content = Arc::make_mut(&mut self.0);
        content.header = OnceLock::new();
        content.marked = Default::default();
        content
    }

    /// Whether it names a place that a client should use only if nothing else is offered: any place but a header.
    pub(crate) fn is_last_resort(&self) -> bool {
        let first = self.0.params.first();
        self.0.scheme == API_KEY && first.is_some_and(|(name, place)| name == "in" && place.text() != "header")
    }

    /// `Bearer realm="…"`, which reports errors (RFC 6750, 3).
    #[must_use]
    pub fn bearer(realm: &str) -> Self {
        Self::new("Bearer").with("realm", realm).reporting_errors()
    }

    /// Adds a parameter, or replaces the one with this name.
    ///
    /// # Panics
    /// If `name` is not a token. Where it comes from a configuration, use [`try_with`](Self::try_with).
    #[must_use]
    #[track_caller]
    pub fn with(self, name: impl Into<Cow<'static, str>>, value: &str) -> Self {
        config::built(self.try_with(name, value))
    }

    /// As [`with`](Self::with), for a parameter whose name comes from a configuration.
    ///
    /// # Errors
    /// If `name` is not a token (RFC 9110, 5.6.2).
    pub fn try_with(self, name: impl Into<Cow<'static, str>>, value: &str) -> Result<Self, ConfigError> {
        Ok(self.set(config::token("a challenge parameter", name)?, value))
    }

    /// `name` must be a token.
    fn set(self, name: impl Into<Cow<'static, str>>, value: &str) -> Self {
        let value: String = value.chars().filter(|c| !c.is_control()).collect();
        self.set_value(name.into(), Value::Shared(value.into()))
    }

    fn set_value(mut self, name: Cow<'static, str>, value: Value) -> Self {
        let params = &mut self.change().params;
        // A parameter must not occur twice (RFC 9110, 11.2). The last value counts, at the position of the first.
        match params.iter_mut().find(|(n, _)| n.eq_ignore_ascii_case(&name)) {
            Some(param) => param.1 = value,
            None => params.push((name, value)),
        }
        self
    }

    /// Lets the chain add `error` and `error_description` if this scheme was presented and refused, as the Bearer scheme and
    /// its relatives define. Other schemes, such as Basic, don't have these parameters.
    #[must_use]
    pub fn reporting_errors(mut self) -> Self {
        self.change().reports_errors = true;
        self
    }

    /// Sets a page for people about what went wrong. It is sent only with an `error` (RFC 6750, 3).
    #[must_use]
    pub fn with_error_uri(mut self, uri: impl Into<String>) -> Self {
        self.change().error_uri = Some(uri.into().into());
        self
    }

    /// The scheme, as given.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.0.scheme
    }

    /// The header value.
    #[must_use]
    pub fn to_header_value(&self) -> HeaderValue {
        let make = || {
            // OK because values have no control characters. If this ever fails, the bare scheme is still true, and it is a
            // token.
            HeaderValue::from_bytes(self.to_string().as_bytes())
                .or_else(|_| HeaderValue::from_str(&self.0.scheme))
                .unwrap_or_else(|_| HeaderValue::from_static(API_KEY))
        };
        self.0.header.get_or_init(make).clone()
    }

    /// The same challenge with the parameters of an error, without scopes. It is made once.
    pub(crate) fn with_known_error(&self, error: ErrorKind) -> Self {
        let (name, description) = error.texts();
        let make = || self.clone().with_error(&[], name, description);
        self.0.marked.get(error as usize).map_or_else(make, |marked| marked.get_or_init(make).clone())
    }

    /// The same challenge with the parameters of an error, in the order of RFC 6750, 3: scope, error, description, page.
    pub(crate) fn with_error(
        mut self,
        scopes: &[Cow<'static, str>],
        error: &'static str,
        description: &'static str,
    ) -> Self {
        if !scopes.is_empty() {
            self = self.set("scope", &scopes.join(" "));
        }
        self = self.set_constant("error", error).set_constant("error_description", description);
        match self.change().error_uri.take() {
            Some(uri) => self.set("error_uri", &uri),
            None => self,
        }
    }

    fn set_constant(self, name: &'static str, value: &'static str) -> Self {
        if value.chars().any(char::is_control) {
            return self.set(name, value);
        }
        self.set_value(name.into(), Value::Constant(value))
    }

    pub(crate) fn reports_errors(&self) -> bool {
        self.0.reports_errors
    }
}

impl Value {
    fn text(&self) -> &str {
        match self {
            Self::Constant(text) => text,
            Self::Shared(text) => text,
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Clone for Content {
    /// A copy is made to be changed, so it leaves out what is made from the rest.
    fn clone(&self) -> Self {
        let Self { scheme, params, reports_errors, error_uri, .. } = self;
        Self {
            scheme: scheme.clone(),
            params: params.clone(),
            reports_errors: *reports_errors,
            error_uri: error_uri.clone(),
            header: OnceLock::new(),
            marked: Default::default(),
        }
    }
}

impl PartialEq for Content {
    /// Whether both say the same. The header follows from the rest.
    fn eq(&self, other: &Self) -> bool {
        self.scheme == other.scheme
            && self.params == other.params
            && self.reports_errors == other.reports_errors
            && self.error_uri == other.error_uri
    }
}

impl Eq for Content {}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Content { scheme, params, reports_errors, error_uri, .. } = &*self.0;
        f.debug_struct("Challenge")
            .field("scheme", scheme)
            .field("params", params)
            .field("reports_errors", reports_errors)
            .field("error_uri", error_uri)
            .finish()
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.scheme)?;
        for (i, (name, value)) in self.0.params.iter().enumerate() {
            f.write_str(if i == 0 { " " } else { ", " })?;
            write!(f, "{name}=\"")?;
            for c in value.text().chars() {
                if matches!(c, '"' | '\\') {
                    f.write_char('\\')?;
                }
                f.write_char(c)?;
            }
            f.write_char('"')?;
        }
        Ok(())
    }
}

/// The candidates with the scheme of the `Authorization` header. All candidates, if none has it.
pub(crate) fn presented_among(candidates: &Arc<[Challenge]>, headers: &HeaderMap) -> Arc<[Challenge]> {
    if let [] | [_] = **candidates {
        return Arc::clone(candidates);
    }
    let scheme = presented_scheme(headers);
    let named: Arc<[_]> = candidates.iter().filter(|challenge| is_of(challenge, scheme)).cloned().collect();
    if named.is_empty() { Arc::clone(candidates) } else { named }
}

/// The scheme of the `Authorization` header; empty if there is none.
fn presented_scheme(headers: &HeaderMap) -> &[u8] {
    let value = headers.get(AUTHORIZATION).map(|value| value.as_bytes()).unwrap_or_default();
    value.split(|b| matches!(b, b' ' | b'\t')).next().unwrap_or_default()
}

fn is_of(challenge: &Challenge, scheme: &[u8]) -> bool {
    challenge.scheme().as_bytes().eq_ignore_ascii_case(scheme)
}
