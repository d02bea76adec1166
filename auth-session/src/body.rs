//! Bodies of the routes for a login and for tokens: JSON, or a form.

use std::time::Duration;

use auth_core::Refusal;
use axum::body::Body;
use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use percent_encoding::percent_decode_str;

const TIMEOUT: Duration = Duration::from_secs(10);

/// The form of a body, which may also be the form of the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Form,
    Json,
}

impl Kind {
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
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

/// Reads a body of at most so many bytes, within ten seconds.
pub(crate) async fn read(body: Body, max_len: usize) -> Result<Vec<u8>, Refusal> {
    let read = tokio::time::timeout(TIMEOUT, axum::body::to_bytes(body, max_len)).await;
    match read {
        Ok(Ok(bytes)) => Ok(bytes.into()),
        // Too long, or the client has gone.
        Ok(Err(_)) => Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large")),
        Err(_) => Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "request_timeout")),
    }
}

/// The value of a field of a form. `None` if it is not UTF-8: one text must not mean two.
pub(crate) fn decoded(value: &str) -> Option<String> {
    let spaced = value.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(|text| text.into_owned())
}
