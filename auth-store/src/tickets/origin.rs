use std::sync::Arc;

use auth_core::{Carrier, ConfigError, Refusal};
use http::{
    header::{HOST, ORIGIN},
    request::Parts,
    uri::Authority,
};

use super::forbidden;

/// Which pages may ask for a ticket: those of the list, or else those that this server has served, as far as `Host` tells.
#[derive(Clone, Default)]
pub(super) struct Origins(Option<Arc<[Origin]>>);

#[derive(PartialEq, Eq)]
struct Origin {
    is_https: bool,
    host: String,
    port: u16,
}

/// `https://`, the longest name of a host, and a port.
const MAX_LEN: usize = 8 + 253 + 6;

impl Origins {
    pub(super) fn list<'o>(origins: impl IntoIterator<Item = &'o str>) -> Result<Self, ConfigError> {
        let no_origin = |text: &str| {
            ConfigError::new(format!(
                "`{text}` is no origin: write it as in `https://app.example`, with nothing after it"
            ))
        };
        let origins: Result<Vec<_>, _> =
            origins.into_iter().map(|text| Origin::parse(text).ok_or_else(|| no_origin(text))).collect();
        let origins = origins?;
        if origins.is_empty() {
            return Err(ConfigError::new("the list of allowed origins is empty: name one, or leave the default"));
        }
        Ok(Self(Some(origins.into())))
    }

    /// The origin that the request names, if it may ask. A page that the browser authenticates by itself must name one.
    pub(super) fn judge(&self, request: &Parts, carrier: Carrier) -> Result<Option<String>, Refusal> {
        match sole(request, &ORIGIN) {
            Ok(Some(origin)) if self.allow(origin, request) => Ok(Some(origin.to_owned())),
            Ok(None) if carrier.is_ambient() => Err(forbidden("origin_required")),
            Ok(None) => Ok(None),
            _ => Err(forbidden("origin_not_allowed")),
        }
    }

    fn allow(&self, origin: &str, request: &Parts) -> bool {
        let Some(origin) = Origin::parse(origin) else {
            return false;
        };
        match &self.0 {
            Some(list) => list.contains(&origin),
            None => own_authority(request).is_some_and(|own| origin.is_at(&own)),
        }
    }
}

/// Whether the request comes from `origin`, and says so once. Without one, any will do.
pub(super) fn comes_from(origin: Option<&str>, request: &Parts) -> bool {
    origin.is_none_or(|origin| sole(request, &ORIGIN) == Ok(Some(origin)))
}

impl Origin {
    /// `None` for `null`, for a list, and for anything that is not exactly scheme, host and port (RFC 6454, 6.2).
    fn parse(text: &str) -> Option<Self> {
        // A ticket keeps it: a port with zeroes before it would be as long as the sender likes.
        if text.len() > MAX_LEN {
            return None;
        }
        let (scheme, authority) = text.split_once("://")?;
        let is_https = scheme.eq_ignore_ascii_case("https");
        if !is_https && !scheme.eq_ignore_ascii_case("http") {
            return None;
        }
        let parsed: Authority = authority.parse().ok()?;
        // What is left beside host and port makes it no origin.
        let port = match authority.strip_prefix(parsed.host())? {
            "" => default_port(is_https),
            port => port.strip_prefix(':')?.parse().ok()?,
        };
        let host = parsed.host().to_ascii_lowercase();
        (!host.is_empty() && !host.contains('*')).then_some(Self { is_https, host, port })
    }

    /// Whether host and port are those of `authority`, under either scheme.
    fn is_at(&self, authority: &Authority) -> bool {
        self.host == authority.host().to_ascii_lowercase()
            && self.port == authority.port_u16().unwrap_or(default_port(self.is_https))
    }
}

fn default_port(is_https: bool) -> u16 {
    if is_https { 443 } else { 80 }
}

/// The host that the client asked for: of the target URI where it names one, else of `Host`.
fn own_authority(request: &Parts) -> Option<Authority> {
    match request.uri.authority() {
        Some(authority) => Some(authority.clone()),
        None => sole(request, &HOST).ok()??.parse().ok(),
    }
}

/// A header repeats, or is no text.
#[derive(PartialEq, Eq)]
struct Broken;

fn sole<'r>(request: &'r Parts, name: &http::HeaderName) -> Result<Option<&'r str>, Broken> {
    let mut values = request.headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| Broken),
        (Some(_), Some(_)) => Err(Broken),
    }
}
