//! What a client sends to log in.

use std::time::Duration;

use auth_basic::Password;
use auth_core::Refusal;
use axum::body::Body;
use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use crate::return_to::ReturnTo;

const MAX_LEN: usize = 16 * 1024;
const TIMEOUT: Duration = Duration::from_secs(10);

/// The form of a body, which is also the form of the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Form,
    Json,
}

impl Kind {
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            Ok(Self::Form)
        } else if essence.eq_ignore_ascii_case("application/json") {
            Ok(Self::Json)
        } else {
            Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"))
        }
    }
}

/// What was typed.
pub(super) struct Typed {
    pub(super) username: String,
    pub(super) password: Password,
    pub(super) remember: bool,
    /// `None` if there is none, or if it is not local.
    pub(super) return_to: Option<ReturnTo>,
}

/// Reads a body of at most 16 KiB, within ten seconds.
pub(super) async fn read(body: Body) -> Result<Vec<u8>, Refusal> {
    let read = tokio::time::timeout(TIMEOUT, axum::body::to_bytes(body, MAX_LEN)).await;
    match read {
        Ok(Ok(bytes)) => Ok(bytes.into()),
        // Too long, or the client has gone.
        Ok(Err(_)) => Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large")),
        Err(_) => Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "request_timeout")),
    }
}

/// `None` if it is malformed, or if a name or password is missing or repeated.
pub(super) fn parse(kind: Kind, body: &[u8]) -> Option<Typed> {
    match kind {
        Kind::Form => form(str::from_utf8(body).ok()?),
        Kind::Json => json(body),
    }
}

fn json(body: &[u8]) -> Option<Typed> {
    #[derive(Deserialize)]
    struct Fields {
        username: String,
        password: String,
        #[serde(default)]
        remember: bool,
    }
    let Fields { username, password, remember } = serde_json::from_slice(body).ok()?;
    Some(Typed { username, password: Password::new(password), remember, return_to: None })
}

fn form(body: &str) -> Option<Typed> {
    let (mut username, mut password, mut remember, mut return_to) = (None, None, false, None);
    for pair in body.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "username" if username.is_none() => username = Some(decoded(value)?),
            "password" if password.is_none() => password = Some(Password::new(decoded(value)?)),
            "username" | "password" => return None,
            "remember" => remember = matches!(value, "on" | "true" | "1"),
            "returnTo" => return_to = decoded(value).and_then(|target| ReturnTo::parse(&target)),
            _ => {}
        }
    }
    Some(Typed { username: username?, password: password?, remember, return_to })
}

/// `None` if it is not UTF-8: one text must not mean two.
fn decoded(value: &str) -> Option<String> {
    let spaced = value.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(|text| text.into_owned())
}
