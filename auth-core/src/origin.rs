use std::{fmt, net::Ipv6Addr};

use http::{
    header::{HOST, HeaderName, ORIGIN},
    request::Parts,
    uri::Authority,
};

use crate::ConfigError;

/// `https://`, the longest name of a host, and a port.
const MAX_LEN: usize = 8 + 253 + 6;

/// A web origin: scheme (`http` or `https`), host and port (RFC 6454, 4).
///
/// Two are equal if all three are: scheme and host in any case, and a port that is left out is the default one of the
/// scheme. A subdomain is another origin. `Display` writes it as browsers do: in lower case, without a default port.
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
    port: u16,
}

/// What a request says of its origin is not one origin: it is `null`, or there are several, or it is something else.
///
/// It is no [`Error`](std::error::Error) on purpose, as [`Malformed`](crate::extract::Malformed): a page's doing is no
/// failure of the system.
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

    /// The origins that a configuration allows.
    ///
    /// # Errors
    /// If one is none, as in [`parse`](Self::parse), or if the list is empty.
    pub fn list<'o>(texts: impl IntoIterator<Item = &'o str>) -> Result<Vec<Self>, ConfigError> {
        let origins: Vec<_> = texts.into_iter().map(Self::new).collect::<Result<_, _>>()?;
        if origins.is_empty() {
            return Err(ConfigError::new("the list of allowed origins is empty: name one, or leave the list out"));
        }
        Ok(origins)
    }

    /// Reads the text of one `Origin` (RFC 6454, 7): `http` or `https`, `://`, a host, and perhaps a colon and a port.
    ///
    /// A host is an IPv6 address in brackets, or letters, digits, `-`, `.`, `_` and `~`.
    ///
    /// `None` for anything else: `null`, a list, another scheme, a path, a user, a wildcard, a port that is empty or no
    /// number from 0 to 65535, and for more than 267 bytes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_LEN {
            return None;
        }
        let (scheme, authority) = text.split_once("://")?;
        let scheme = match scheme {
            s if s.eq_ignore_ascii_case("https") => Scheme::Https,
            s if s.eq_ignore_ascii_case("http") => Scheme::Http,
            _ => return None,
        };
        let place = Place::parse(authority)?;
        let port = place.port.unwrap_or(scheme.default_port());
        Some(Self { scheme, host: place.host().to_ascii_lowercase(), port })
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
    /// Not if `Host` is absent or repeated, or has anything beside a name and a port that is a number.
    ///
    /// # Security
    /// The scheme is not compared, since a server behind a TLS proxy does not know its own: a page under `http` is taken for
    /// one under `https`. Compare with an origin out of the configuration where that matters.
    #[must_use]
    pub fn is_own(&self, request: &Parts) -> bool {
        Place::asked(request).is_some_and(|place| {
            place.host().eq_ignore_ascii_case(&self.host)
                && place.port.unwrap_or(self.scheme.default_port()) == self.port
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, host, port } = self;
        write!(f, "{}://{host}", scheme.name())?;
        if *port != scheme.default_port() {
            write!(f, ":{port}")?;
        }
        Ok(())
    }
}

impl fmt::Display for UnreadableOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the origin is none, or more than one")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Scheme {
    Http,
    Https,
}

impl Scheme {
    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
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
