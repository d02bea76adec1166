use std::{fmt, net::Ipv6Addr};

use http::{
    header::{HOST, HeaderName, ORIGIN},
    request::Parts,
    uri::Authority,
};

use crate::ConfigError;

/// `https://`, the longest name of a host, and a port.
const MAX_LEN: usize = 8 + 253 + 6;

/// URL schemes that browsers never send as an origin: they send the page's origin, or `null`.
const NO_ORIGIN: [&str; 8] = ["ws", "wss", "ftp", "file", "data", "blob", "javascript", "about"];

/// A web origin: scheme, host and port (RFC 6454, 4).
///
/// The scheme is `http`, `https`, or that of an app or extension: `capacitor://localhost`, `tauri://localhost`,
/// `chrome-extension://<id>`. Those schemes have no default port.
///
/// Two origins are equal if all three parts are equal. Scheme and host ignore case, and a missing port is the default port
/// of the scheme, if it has one. A subdomain is another origin. `Display` writes it as browsers do: in lower case, without a
/// default port. For patterns, see [`AllowedOrigin`](crate::AllowedOrigin).
///
/// ```
/// use auth_core::Origin;
///
/// let own = Origin::new("https://app.example")?;
/// assert_eq!(Origin::parse("HTTPS://App.Example:443"), Some(own));
/// assert_eq!(Origin::parse("https://app.example:65536"), None);
/// # Ok::<(), auth_core::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: Scheme,
    /// In lower case; an IPv6 address in its brackets.
    host: String,
    /// `None` only for the scheme of an app.
    port: Option<u16>,
}

/// A request does not name exactly one origin: it names `null`, several, or something else.
///
/// Like [`Malformed`](crate::extract::Malformed), it deliberately does not implement [`Error`](std::error::Error): the
/// client made the mistake, and the system has not failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnreadableOrigin(());

impl Origin {
    /// The origin that a configuration names.
    ///
    /// # Errors
    /// If the text is not an origin, see [`parse`](Self::parse). The error names it.
    pub fn new(text: &str) -> Result<Self, ConfigError> {
        Self::parse(text).ok_or_else(|| {
            ConfigError::new(format!(
                "`{text}` is not an origin: write the scheme, the host and, if it is not the default, the port, \
                 as in `https://app.example:8443`, with nothing after it"
            ))
        })
    }

    /// Reads the text of one `Origin` (RFC 6454, 7): a scheme, `://`, a host, and perhaps a colon and a port.
    ///
    /// A scheme is a letter, then letters, digits, `+`, `-` and `.` (RFC 3986, 3.1). A host is an IPv6 address in brackets,
    /// or letters, digits, `-`, `.`, `_` and `~`.
    ///
    /// `None` for anything else: `null`, a list, a path, a user, a wildcard, a port that is empty or not a number from 0 to
    /// 65535, or more than 267 bytes. Also `None` for the schemes `ws`, `wss`, `ftp`, `file`, `data`, `blob`, `javascript`
    /// and `about`, since browsers never send an origin with one of them.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_LEN {
            return None;
        }
        let (scheme, authority) = text.split_once("://")?;
        let scheme = Scheme::parse(scheme)?;
        let place = Place::parse(authority)?;
        let port = place.port.or(scheme.default_port());
        Some(Self { scheme, host: place.host().to_ascii_lowercase(), port })
    }

    /// Whether the scheme is `http` or `https`, not the scheme of an app or extension.
    #[must_use]
    pub fn is_http(&self) -> bool {
        !matches!(self.scheme, Scheme::App(_))
    }

    /// The origin that a request names in its `Origin`; `Ok(None)` if it has no such header.
    ///
    /// # Errors
    /// If the header repeats, or does not hold exactly one origin, see [`parse`](Self::parse).
    pub fn of(request: &Parts) -> Result<Option<Self>, UnreadableOrigin> {
        match sole(request, &ORIGIN) {
            Sole::Absent => Ok(None),
            Sole::Text(origin) => Self::parse(origin).map(Some).ok_or(UnreadableOrigin(())),
            Sole::Broken => Err(UnreadableOrigin(())),
        }
    }

    /// Whether this is the origin of the server itself: host and port equal those in the request's target (HTTP/2, absolute
    /// form), or else in `Host`. A missing port is the default port of this origin's scheme.
    ///
    /// False if `Host` is absent or repeated, or holds anything but a name and a numeric port. Always false for the scheme of
    /// an app or extension: no server serves those.
    ///
    /// # Security
    /// The scheme is not compared, since a server behind a TLS proxy does not know its own. So a page under `http` counts as
    /// one under `https`. Where that matters, compare with an origin from your configuration.
    #[must_use]
    pub fn is_own(&self, request: &Parts) -> bool {
        self.asked_under(request).is_some_and(|asked| asked == *self)
    }

    /// The host and port that the request names, under the scheme of this origin; `None` for the scheme of an app.
    pub(crate) fn asked_under(&self, request: &Parts) -> Option<Self> {
        let default_port = self.scheme.default_port()?;
        let place = Place::asked(request)?;
        let port = Some(place.port.unwrap_or(default_port));
        Some(Self { scheme: self.scheme.clone(), host: place.host().to_ascii_lowercase(), port })
    }

    /// The host, in lower case.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The same origin with another host.
    pub(crate) fn with_host(&self, host: &str) -> Self {
        Self { host: host.to_owned(), ..self.clone() }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, host, port } = self;
        write!(f, "{}://{host}", scheme.name())?;
        match port {
            Some(number) if *port != scheme.default_port() => write!(f, ":{number}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for UnreadableOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request does not name exactly one origin")
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Scheme {
    Http,
    Https,
    /// The scheme of an app or extension, in lower case.
    App(String),
}

impl Scheme {
    fn parse(text: &str) -> Option<Self> {
        let is_letter = |b: u8| b.is_ascii_alphabetic();
        if !text.bytes().next().is_some_and(is_letter)
            || !text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        {
            return None;
        }
        match text.to_ascii_lowercase() {
            scheme if scheme == "https" => Some(Self::Https),
            scheme if scheme == "http" => Some(Self::Http),
            scheme => (!NO_ORIGIN.contains(&&*scheme)).then_some(Self::App(scheme)),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::App(name) => name,
        }
    }

    fn default_port(&self) -> Option<u16> {
        match self {
            Self::Http => Some(80),
            Self::Https => Some(443),
            Self::App(_) => None,
        }
    }
}

/// A host, and its port if one is named.
struct Place {
    authority: Authority,
    port: Option<u16>,
}

impl Place {
    fn parse(text: &str) -> Option<Self> {
        Self::of(text.parse().ok()?)
    }

    /// `None` for anything but a host and a port. `Authority` accepts users, and any text as a port, which it then ignores.
    fn of(authority: Authority) -> Option<Self> {
        let host = authority.host();
        let port = match authority.as_str().strip_prefix(host)? {
            "" => None,
            port => Some(number(port.strip_prefix(':')?)?),
        };
        is_host(host).then_some(Self { authority, port })
    }

    fn asked(request: &Parts) -> Option<Self> {
        match (request.uri.authority(), sole(request, &HOST)) {
            (Some(authority), _) => Self::of(authority.clone()),
            (None, Sole::Text(host)) => Self::parse(host),
            (None, Sole::Absent | Sole::Broken) => None,
        }
    }

    fn host(&self) -> &str {
        self.authority.host()
    }
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[') {
        Some(address) => address.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()),
        None => !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b)),
    }
}

fn number(port: &str) -> Option<u16> {
    // `parse` alone would accept a sign.
    port.bytes().all(|b| b.is_ascii_digit()).then(|| port.parse().ok())?
}

/// A header that may appear once.
enum Sole<'r> {
    Absent,
    Text(&'r str),
    /// It repeats, or is not text.
    Broken,
}

fn sole<'r>(request: &'r Parts, name: &HeaderName) -> Sole<'r> {
    let mut values = request.headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Sole::Absent,
        (Some(value), None) => value.to_str().map_or(Sole::Broken, Sole::Text),
        (Some(_), Some(_)) => Sole::Broken,
    }
}
