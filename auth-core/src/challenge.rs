use std::fmt::{self, Write as _};

use http::HeaderValue;

/// One `WWW-Authenticate` value: a scheme and its parameters (RFC 9110, 11.3 and 11.6.1).
///
/// Parameters are written as quoted strings in the order in which they were added. Quotes and backslashes are escaped;
/// control characters are left out, since no escape exists for them. Text beyond ASCII goes out as UTF-8.
///
/// ```
/// use auth_core::Challenge;
///
/// let challenge = Challenge::bearer("the \"inner\" area").with("scope", "chat:read");
/// assert_eq!(challenge.to_string(), r#"Bearer realm="the \"inner\" area", scope="chat:read""#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    scheme: &'static str,
    params: Vec<(&'static str, String)>,
    reports_errors: bool,
    error_uri: Option<String>,
}

impl Challenge {
    /// A challenge of the scheme, without parameters.
    ///
    /// # Panics
    /// If `scheme` is no token (RFC 9110, 5.6.2). It is a constant of the program, so that shows at the first start.
    #[must_use]
    pub fn new(scheme: &'static str) -> Self {
        assert!(is_token(scheme), "an authentication scheme must be a token of RFC 9110");
        Self { scheme, params: Vec::new(), reports_errors: false, error_uri: None }
    }

    /// `Bearer realm="…"`, which reports errors (RFC 6750, 3).
    #[must_use]
    pub fn bearer(realm: &str) -> Self {
        Self::new("Bearer").with("realm", realm).reporting_errors()
    }

    /// Adds a parameter, or replaces the one of that name.
    ///
    /// # Panics
    /// If `name` is no token. It is a constant of the program, so that shows at the first start.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        assert!(is_token(name), "a challenge parameter must be a token of RFC 9110");
        // A parameter must not occur twice (RFC 9110, 11.2): the last one counts, in the place of the first.
        let value = value.chars().filter(|c| !c.is_control()).collect();
        match self.params.iter_mut().find(|(n, _)| n.eq_ignore_ascii_case(name)) {
            Some(param) => param.1 = value,
            None => self.params.push((name, value)),
        }
        self
    }

    /// Lets the chain add `error` and `error_description` where this scheme was presented and refused, as the Bearer
    /// scheme and its relatives define it. Schemes such as Basic know no such parameters.
    #[must_use]
    pub fn reporting_errors(mut self) -> Self {
        self.reports_errors = true;
        self
    }

    /// Names a page for people about what went wrong; it is sent beside an `error`, and never without one (RFC 6750, 3).
    #[must_use]
    pub fn with_error_uri(mut self, uri: impl Into<String>) -> Self {
        self.error_uri = Some(uri.into());
        self
    }

    /// The scheme, as it was given.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.scheme
    }

    /// The header value.
    #[must_use]
    pub fn to_header_value(&self) -> HeaderValue {
        // OK because `with` has removed the control characters; should that ever fail, the bare scheme is still true.
        HeaderValue::from_bytes(self.to_string().as_bytes()).unwrap_or_else(|_| HeaderValue::from_static(self.scheme))
    }

    /// The same challenge with what RFC 6750, 3 says of an error, in its order: scope, error, description, page.
    pub(crate) fn with_error(mut self, scopes: &[&str], error: &str, description: &str) -> Self {
        if !scopes.is_empty() {
            self = self.with("scope", &scopes.join(" "));
        }
        self = self.with("error", error).with("error_description", description);
        match self.error_uri.take() {
            Some(uri) => self.with("error_uri", &uri),
            None => self,
        }
    }

    pub(crate) fn reports_errors(&self) -> bool {
        self.reports_errors
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scheme)?;
        for (i, (name, value)) in self.params.iter().enumerate() {
            f.write_str(if i == 0 { " " } else { ", " })?;
            write!(f, "{name}=\"")?;
            for c in value.chars() {
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

/// `token` of RFC 9110, 5.6.2.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
