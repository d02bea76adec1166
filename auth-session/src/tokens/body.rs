//! What a client sends to refresh, or to log out.

use auth_core::Secret;
use serde::Deserialize;

use crate::body::{Kind, decoded};

/// The longest body that is read.
pub(super) const MAX_LEN: usize = 4 * 1024;

/// The grant that the token is (RFC 6749, 6).
const GRANT: &str = "refresh_token";

pub(super) struct Fields {
    grant: Option<String>,
    pub(super) token: Secret,
    kind: Kind,
}

impl Fields {
    /// Whether this is the request for a refresh. `None` if a form does not say what it asks for.
    pub(super) fn is_refresh(&self) -> Option<bool> {
        match &self.grant {
            Some(grant) => Some(grant == GRANT),
            None => (self.kind == Kind::Json).then_some(true),
        }
    }
}

/// `None` if it is malformed, or if the token is missing, empty or repeated.
pub(super) fn parse(kind: Kind, body: &[u8]) -> Option<Fields> {
    let (grant, token) = match kind {
        Kind::Form => form(str::from_utf8(body).ok()?)?,
        Kind::Json => json(body)?,
    };
    (!token.expose().is_empty()).then_some(Fields { grant, token, kind })
}

fn json(body: &[u8]) -> Option<(Option<String>, Secret)> {
    #[derive(Deserialize)]
    struct Json {
        grant_type: Option<String>,
        refresh_token: String,
    }
    let Json { grant_type, refresh_token } = serde_json::from_slice(body).ok()?;
    Some((grant_type, Secret::new(refresh_token)))
}

fn form(body: &str) -> Option<(Option<String>, Secret)> {
    let (mut grant, mut token) = (None, None);
    for pair in body.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "grant_type" if grant.is_none() => grant = Some(decoded(value)?),
            "refresh_token" if token.is_none() => token = Some(Secret::new(decoded(value)?)),
            "grant_type" | "refresh_token" => return None,
            _ => {}
        }
    }
    // Without a value, a parameter is as absent (RFC 6749, 3.2).
    Some((grant.filter(|grant| !grant.is_empty()), token?))
}
