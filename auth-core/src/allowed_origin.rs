use std::fmt;

use http::request::Parts;

use crate::{ConfigError, Origin};

/// Written instead of one label.
const STAR: &str = "*.";

/// An entry in a list of allowed origins: one origin, or all origins one label below a domain.
///
/// | Entry | Allows |
/// |---|---|
/// | `https://app.example`, `http://localhost:3000` | this origin |
/// | `capacitor://localhost`, `tauri://localhost`, `ionic://localhost`, `app://bundle` | the app; its origin has no port |
/// | `chrome-extension://<id>`, `moz-extension://<uuid>` | the extension |
/// | `https://*.preview.example` | `https://pr-7.preview.example`, but not `https://preview.example` or `https://a.b.preview.example` |
/// | `https://*.preview.example:8443` | the same, with this port only |
///
/// The star replaces the whole first label, and only under `http` and `https`. At least two labels must follow, and they
/// must not be an IP address. `null` cannot be listed.
///
/// # Security
/// The wildcard allows every page with a name below it. Don't use one for a domain where strangers can get names, such as
/// a hosting service. This crate has no list of public suffixes, so it accepts `https://*.co.uk`.
/// `capacitor://localhost` and its like are the origin of *every* app of that framework. They show that an app sends the
/// request, not that the app is yours.
///
/// ```
/// use auth_core::{AllowedOrigin, Origin};
///
/// let previews = AllowedOrigin::new("https://*.preview.example")?;
/// assert!(previews.allows(&Origin::new("https://pr-7.preview.example")?));
/// assert!(!previews.allows(&Origin::new("https://preview.example")?));
/// # Ok::<(), auth_core::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AllowedOrigin {
    /// Without the star.
    origin: Origin,
    wildcard: bool,
}

impl AllowedOrigin {
    /// Reads one entry of a configuration.
    ///
    /// # Errors
    /// If it is neither an origin, see [`Origin::parse`], nor a wildcard of one label. The error names it.
    pub fn new(text: &str) -> Result<Self, ConfigError> {
        let Some((scheme, rest)) = text.split_once("://").filter(|(_, rest)| rest.contains('*')) else {
            return Origin::new(text).map(|origin| Self { origin, wildcard: false });
        };
        let origin = rest.strip_prefix(STAR).and_then(|rest| Origin::parse(&format!("{scheme}://{rest}")));
        match origin.filter(|origin| origin.is_http() && has_two_labels(origin.host())) {
            Some(origin) => Ok(Self { origin, wildcard: true }),
            None => Err(ConfigError::new(format!(
                "`{text}` is not a wildcard of one label: write `http` or `https`, a star for the whole first label, and at \
                 least two labels after it, as in `https://*.preview.example`"
            ))),
        }
    }

    /// Reads the entries of a configuration.
    ///
    /// # Errors
    /// If one of them is not an entry, see [`new`](Self::new), or if there are none.
    pub fn list<'o>(texts: impl IntoIterator<Item = &'o str>) -> Result<Vec<Self>, ConfigError> {
        let list: Vec<_> = texts.into_iter().map(Self::new).collect::<Result<_, _>>()?;
        if list.is_empty() {
            return Err(ConfigError::new("the list of allowed origins is empty: name one, or leave the list out"));
        }
        Ok(list)
    }

    /// Whether this entry allows the origin.
    #[must_use]
    pub fn allows(&self, origin: &Origin) -> bool {
        if !self.wildcard {
            return *origin == self.origin;
        }
        let label = origin.host().strip_suffix(self.origin.host()).and_then(|label| label.strip_suffix('.'));
        label.is_some_and(|label| !label.is_empty() && !label.contains('.'))
            && origin.with_host(self.origin.host()) == self.origin
    }

    /// Whether this entry allows the server's own pages, as far as the request shows; see [`Origin::is_own`].
    #[must_use]
    pub fn allows_own(&self, request: &Parts) -> bool {
        self.origin.asked_under(request).is_some_and(|own| self.allows(&own))
    }
}

impl From<Origin> for AllowedOrigin {
    fn from(origin: Origin) -> Self {
        Self { origin, wildcard: false }
    }
}

/// As written in a configuration.
impl fmt::Display for AllowedOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.wildcard {
            self.origin.with_host(&format!("{STAR}{}", self.origin.host())).fmt(f)
        } else {
            self.origin.fmt(f)
        }
    }
}

/// Whether it is a name with at least two labels. Only an IPv4 address ends in a number.
fn has_two_labels(host: &str) -> bool {
    let is_label = |label: &str| !label.is_empty();
    let is_number = |label: &str| label.bytes().all(|b| b.is_ascii_digit()) || label.starts_with("0x");
    let last = host.rsplit('.').next().unwrap_or_default();
    !host.starts_with('[') && host.contains('.') && host.split('.').all(is_label) && !is_number(last)
}
