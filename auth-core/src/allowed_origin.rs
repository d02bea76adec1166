use std::fmt;

use http::request::Parts;

use crate::{ConfigError, Origin};

/// Written in the place of one label.
const STAR: &str = "*.";

/// An entry of a list of allowed origins: one origin, or all whose host has exactly one label more.
///
/// | Entry | Allows |
/// |---|---|
/// | `https://app.example`, `http://localhost:3000` | that origin |
/// | `capacitor://localhost`, `tauri://localhost`, `ionic://localhost`, `app://bundle` | the app: its origin, which has no port |
/// | `chrome-extension://<id>`, `moz-extension://<uuid>` | the extension |
/// | `https://*.preview.example` | `https://pr-7.preview.example`; neither `https://preview.example` nor `https://a.b.preview.example` |
/// | `https://*.preview.example:8443` | the same with this port, and no other |
///
/// The star stands for the whole first label, under `http` and `https` alone. At least two labels follow it, and they
/// are not an IP address. `null` cannot be listed.
///
/// # Security
/// Every page with a name below the wildcard is allowed. Do not write one for a domain below which strangers get names, such
/// as that of a hosting service. This crate has no list of public suffixes, so `https://*.co.uk` builds.
/// `capacitor://localhost` and others of its kind are the origin of *every* app of that framework: they say that an app
/// asks, and not that it is yours.
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
    /// The entry of a configuration.
    ///
    /// # Errors
    /// If it is neither an origin, as in [`Origin::parse`], nor a wildcard of one label; the error names it.
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

    /// The entries of a configuration.
    ///
    /// # Errors
    /// If one of them is not an entry, as in [`new`](Self::new), or if there are none.
    pub fn list<'o>(texts: impl IntoIterator<Item = &'o str>) -> Result<Vec<Self>, ConfigError> {
        let list: Vec<_> = texts.into_iter().map(Self::new).collect::<Result<_, _>>()?;
        if list.is_empty() {
            return Err(ConfigError::new("the list of allowed origins is empty: name one, or leave the list out"));
        }
        Ok(list)
    }

    /// Whether pages of this origin are allowed.
    #[must_use]
    pub fn allows(&self, origin: &Origin) -> bool {
        if !self.wildcard {
            return *origin == self.origin;
        }
        let label = origin.host().strip_suffix(self.origin.host()).and_then(|label| label.strip_suffix('.'));
        label.is_some_and(|label| !label.is_empty() && !label.contains('.'))
            && origin.with_host(self.origin.host()) == self.origin
    }

    /// Whether the pages of the server itself are allowed, as far as the request tells; see [`Origin::is_own`].
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

/// As it stands in a configuration.
impl fmt::Display for AllowedOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.wildcard {
            self.origin.with_host(&format!("{STAR}{}", self.origin.host())).fmt(f)
        } else {
            self.origin.fmt(f)
        }
    }
}

/// Whether it is a name of two labels at least. The last label of a name is not a number, that of an IPv4 address is.
fn has_two_labels(host: &str) -> bool {
    let is_label = |label: &str| !label.is_empty();
    let is_number = |label: &str| label.bytes().all(|b| b.is_ascii_digit()) || label.starts_with("0x");
    let last = host.rsplit('.').next().unwrap_or_default();
    !host.starts_with('[') && host.contains('.') && host.split('.').all(is_label) && !is_number(last)
}
