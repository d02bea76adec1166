use std::{fmt, net::Ipv6Addr};

use http::{
    header::{HOST, HeaderName, ORIGIN},
    request::Parts,
    uri::Authority,
};

use crate::ConfigError;

/// `https://`, the longest name of a host, and a port.
const MAX_LEN: usize = 8 + 253 + 6;

/// Schemes of URLs whose origin is never sent in this form: browsers send that of the page, or `null`.
const NO_ORIGIN: [&str; 8] = ["ws", "wss", "ftp", "file", "data", "blob", "javascript", "about"];

/// A web origin: scheme, host and port (RFC 6454, 4).
///
/// The scheme is `http`, `https`, or that of an app or extension: `capacitor://localhost`, `tauri://localhost`,
/// `chrome-extension://<id>`. Those schemes have no default port.
///
/// Two are equal if all three are: scheme and host in any case, and a port that is left out is the default one of the
/// scheme, if it has one. A subdomain is another origin. `Display` writes it as browsers do: in lower case, without a
/// default port. Patterns are [`AllowedOrigin`](crate::AllowedOrigin)s.
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
    /// `None` for the scheme of an app alone.
    port: Option<u16>,
}

/// What a request says of its origin is not one origin: it is `null`, or there are several, or it is something else.
///
/// It does not implement [`Error`](std::error::Error) on purpose, like [`Malformed`](crate::extract::Malformed): the page has
/// made the mistake, and the system has not failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnreadableOrigin(());

impl Origin {
    /// The origin that a configuration names.
    ///
    /// # Errors
    /// If the text is none, as in [`parse`](Self::parse); the error names it.
    pub fn new(text: &str) -> Result<Self, ConfigError> {
        Self::parse(text).ok_or_else(|| {
            ConfigError::new(format!(
                "`{text}` is no origin: write the scheme, the host and, if it is not the default, the port, \
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
    /// 65535, more than 267 bytes, and for the schemes `ws`, `wss`, `ftp`, `file`, `data`, `blob`, `javascript` and
    /// `about`, which are not the scheme of any origin that browsers send.
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

    /// Whether the scheme is `http` or `https`, and not that of an app or extension.
    #[must_use]
    pub fn is_http(&self) -> bool {
        !matches!(self.scheme, Scheme::App(_))
    }

    /// The origin that a request names in its `Origin`; `Ok(None)` if it has no such header.
    ///
    /// # Errors
    /// If the header repeats, or is not one origin, as in [`parse`](Self::parse).
    pub fn of(request: &Parts) -> Result<Option<Self>, UnreadableOrigin> {
        match sole(request, &ORIGIN) {
            Sole::Absent => Ok(None),
            Sole::Text(origin) => Self::parse(origin).map(Some).ok_or(UnreadableOrigin(())),
            Sole::Broken => Err(UnreadableOrigin(())),
        }
    }

    /// Whether host and port are those that the request asks: of its target where that names them (HTTP/2, absolute
    /// form), else of `Host`. Without a port there, it is the default one of this origin's scheme.
    ///
    /// Not if `Host` is absent or repeated, or has anything beside a name and a port that is a number. An app or extension is
    /// never served by this server, so its origin is not its own.
    ///
    /// # Security
    /// The scheme is not compared, since a server behind a TLS proxy does not know its own: a page under `http` is taken for
    /// one under `https`. Compare with an origin out of the configuration where that matters.
    #[must_use]
    pub fn is_own(&self, request: &Parts) -> bool {
        self.asked_under(request).is_some_and(|asked| asked == *self)
    }

    /// What the request asks, if that is under the scheme of this origin; `None` for the scheme of an app.
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
        f.write_str("the origin is none, or more than one")
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Scheme {
    Http,
    Https,
    /// That of an app or extension, in lower case.
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

/// A host, and its port where one is named.
struct Place {
    authority: Authority,
    port: Option<u16>,
}

impl Place {
    fn parse(text: &str) -> Option<Self> {
        Self::of(text.parse().ok()?)
    }

    /// `None` for anything that is not exactly host and port. `Authority` takes users, and any text for a port, which it
    /// then does not see.
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
    // A sign would pass as part of a number.
    port.bytes().all(|b| b.is_ascii_digit()).then(|| port.parse().ok())?
}

/// A header that may be there once.
enum Sole<'r> {
    Absent,
    Text(&'r str),
    /// It repeats, or is no text.
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
