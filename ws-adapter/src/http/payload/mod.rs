//! Request bodies for strategies that look into them. The section "Bodies" of the repository's `docs/chain.md` has a table.

mod form;
mod format;
mod json;

use std::time::Duration;

use auth_core::{BoxError, Payload, Refusal};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header::CONTENT_LENGTH};
use http_body::Body;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

pub(crate) use self::format::Format;
use self::format::invalid;
#[cfg(feature = "connections")]
pub use self::json::object;
#[cfg(feature = "axum")]
pub(crate) use self::json::{members, object_with};

/// How much of a body is read for a strategy, and for how long.
#[derive(Clone, Copy, Debug)]
#[expect(unnameable_types, reason = "an argument of a sealed trait")]
pub struct PayloadLimits {
    pub(crate) max_len: usize,
    pub(crate) timeout: Duration,
}

impl Default for PayloadLimits {
    fn default() -> Self {
        Self { max_len: 16 * 1024, timeout: Duration::from_secs(2) }
    }
}

/// Reads the whole body.
pub(crate) async fn read<B>(headers: &HeaderMap, body: B, limits: PayloadLimits) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let too_large = |found: String| {
        let detail = format!("the limit for a body is {} bytes, but {found}", limits.max_len);
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large").with_detail(detail)
    };
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if let Some(len) = announced.filter(|len: &u64| *len > limits.max_len as u64) {
        return Err(too_large(format!("`Content-Length` says {len}")));
    }
    match tokio::time::timeout(limits.timeout, Limited::new(body, limits.max_len).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large("more came".to_owned())),
        Ok(Err(_)) => Err(invalid()),
        Err(_) => {
            let detail = format!("the body was not complete after {} s", limits.timeout.as_secs_f32());
            Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "request_timeout").with_detail(detail))
        }
    }
}

/// The top-level fields of a body; `None` if it is empty, or holds no fields.
///
/// # Errors
/// 400 `invalid_body` if it is not what its type says.
pub(crate) fn parse(format: Format, body: &[u8]) -> Result<Option<Payload>, Refusal> {
    if body.is_empty() {
        return Ok(None);
    }
    let payload = match format {
        // Parsers of JSON may skip a BOM (RFC 8259, 8.1).
        Format::Json => {
            let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
            str::from_utf8(body).ok().and_then(json::fields)
        }
        Format::Form => form::fields(body).map(Some),
    };
    payload.ok_or_else(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_order_mark_before_json_is_skipped() {
        let payload = parse(Format::Json, "\u{feff}{\"token\":\"t\"}".as_bytes()).unwrap().unwrap();
        assert_eq!(payload.text("token").unwrap(), Some("t"));
        // In a form it is part of the first name. The handler sees it the same way.
        let payload = parse(Format::Form, "\u{feff}token=t".as_bytes()).unwrap().unwrap();
        assert_eq!(payload.text("token").unwrap(), None);
        assert!(parse(Format::Json, "\u{feff}\u{feff}{}".as_bytes()).is_err());
    }

    #[test]
    fn empty_body_has_no_fields_and_one_that_does_not_parse_is_a_400() {
        assert!(parse(Format::Json, b"").unwrap().is_none() && parse(Format::Form, b"").unwrap().is_none());
        for (format, body) in [(Format::Json, &b"{"[..]), (Format::Json, b"\"\xff\""), (Format::Form, b"a=%FF")] {
            let refusal = parse(format, body).unwrap_err();
            assert_eq!((refusal.status(), refusal.code()), (StatusCode::BAD_REQUEST, "invalid_body"));
        }
    }
}
