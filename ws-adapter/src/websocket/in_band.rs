//! The messages of the subprotocol `auth.v1`: text messages that hold a JSON object.

use std::time::SystemTime;

use auth_core::Secret;
use axum::extract::ws::{Message, Utf8Bytes};
use http::{HeaderName, HeaderValue};
use serde::Serialize;

use crate::{http::payload, lifetime::ttl};

/// The longest message that may hold a credential, in bytes.
pub(super) const MAX_AUTH: usize = 16 * 1024;

/// A credential that a client sends over an open socket, as the value of an `Authorization` header.
pub(super) struct Credentials(HeaderValue);

impl Credentials {
    /// `None` if a header can't hold them, if they are empty or too long, or if the scheme is not a token.
    pub(super) fn new(scheme: &str, credentials: &str) -> Option<Self> {
        // Header names and schemes are both tokens (RFC 9110, 5.6.2).
        HeaderName::from_bytes(scheme.as_bytes()).ok()?;
        let text = zeroize::Zeroizing::new(format!("{scheme} {credentials}"));
        let mut value =
            HeaderValue::from_str(&text).ok().filter(|_| text.len() <= MAX_AUTH && !credentials.is_empty())?;
        value.set_sensitive(true);
        Some(Self(value))
    }

    pub(super) fn into_header(self) -> HeaderValue {
        self.0
    }
}

/// Reads an `auth` message: a JSON object whose `type` is `auth`. `None` if it is a message of the application.
///
/// # Errors
/// If the message lacks a field or is too long.
pub(super) fn read_auth(text: &Utf8Bytes) -> Option<Result<Credentials, MalformedAuth>> {
    let credentials = match auth_fields(text)? {
        Some((scheme, credentials)) if text.len() <= MAX_AUTH => Credentials::new(&scheme, credentials.expose()),
        _ => None,
    };
    Some(credentials.ok_or(MalformedAuth))
}

/// The scheme and the credentials of an `auth` message. `None` if it is a message of the application; `Some(None)` if one
/// of the fields is missing.
pub(super) fn auth_fields(text: &str) -> Option<Option<(String, Secret)>> {
    // Few messages are `auth` messages, and a search costs less than parsing. JSON may escape the letters.
    if !text.contains("\"auth\"") && !text.contains("\\u00") {
        return None;
    }
    // A message of the application may be long and have many members.
    let payload = payload::object_with(text, &["type", "scheme", "credentials"])?;
    if payload.text("type").ok().flatten() != Some("auth") {
        return None;
    }
    let field = |name| payload.text(name).ok().flatten();
    let scheme = field("scheme").map(str::to_owned);
    Some(scheme.zip(field("credentials").map(Secret::new)))
}

/// An `auth` message without a usable credential.
pub(super) struct MalformedAuth;

/// A message from the server. Each `ttl` is in seconds.
#[derive(Serialize)]
#[serde(tag = "type")]
pub(super) enum ServerMessage {
    /// The credential is good. Without a `ttl` it does not end.
    #[serde(rename = "auth_ok")]
    Ok {
        #[serde(skip_serializing_if = "Option::is_none")]
        ttl: Option<u64>,
    },
    /// The credential is refused. The old one stays.
    #[serde(rename = "auth_error")]
    Error { code: &'static str },
    /// The credential ends soon.
    #[serde(rename = "auth_expiring")]
    Expiring { ttl: u64 },
}

impl ServerMessage {
    pub(super) fn ok(end: Option<SystemTime>, now: SystemTime) -> Self {
        Self::Ok { ttl: end.map(|end| ttl(end, now)) }
    }

    pub(super) fn expiring(end: SystemTime, now: SystemTime) -> Self {
        Self::Expiring { ttl: ttl(end, now) }
    }

    pub(super) fn into_message(self) -> Message {
        // OK because strings and numbers always serialize.
        Message::Text(serde_json::to_string(&self).unwrap_or_default().into())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(text: &str) -> Option<Result<HeaderValue, ()>> {
        read_auth(&text.into()).map(|read| read.map(Credentials::into_header).map_err(|_| ()))
    }

    #[test]
    fn credential_becomes_a_sensitive_authorization_value() {
        let value = read(r#" {"type":"auth","scheme":"bearer","credentials":"a.b.c","more":1}"#).unwrap().unwrap();
        assert_eq!(value, "bearer a.b.c");
        assert!(value.is_sensitive());
    }

    #[test]
    fn escaped_letters_in_the_type_are_recognized() {
        let value = read(r#"{"type":"\u0061uth","scheme":"bearer","credentials":"a.b.c"}"#).unwrap().unwrap();
        assert_eq!(value, "bearer a.b.c");
        assert!(read(r#"{"type":"aut\u0068"}"#).is_some_and(|read| read.is_err()));
    }

    #[test]
    fn messages_of_the_application_are_left_alone() {
        for text in [
            "hello",
            r#""auth""#,
            r#"["auth"]"#,
            r#"{"type":"chat","text":"auth"}"#,
            r#"{"kind":"auth"}"#,
            r#"{"type":"auth""#,
            r#"{"type":"auth","type":"auth"}"#,
        ] {
            assert!(read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn auth_message_without_a_credential_is_malformed() {
        let long = format!(r#"{{"type":"auth","scheme":"bearer","credentials":"{}"}}"#, "a".repeat(MAX_AUTH));
        let padded = format!(r#"{{"type":"auth","scheme":"bearer","credentials":"a","p":"{}"}}"#, "p".repeat(MAX_AUTH));
        for text in [
            r#"{"type":"auth"}"#,
            r#"{"type":"auth","scheme":"bearer"}"#,
            r#"{"type":"auth","scheme":"bearer","credentials":""}"#,
            r#"{"type":"auth","scheme":"","credentials":"a"}"#,
            r#"{"type":"auth","scheme":"two words","credentials":"a"}"#,
            r#"{"type":"auth","scheme":"bearer","credentials":7}"#,
            r#"{"type":"auth","scheme":"bearer","credentials":"a","credentials":"b"}"#,
            r#"{"type":"auth","scheme":"bearer","credentials":"a\r\nb"}"#,
            &long,
            &padded,
        ] {
            assert!(read(text).is_some_and(|read| read.is_err()), "{text}");
        }
    }

    #[test]
    fn server_messages_have_a_type_and_whole_seconds() {
        let now = SystemTime::UNIX_EPOCH;
        let text = |message: ServerMessage| serde_json::to_string(&message).unwrap();
        let end = now + Duration::from_millis(1999);
        assert_eq!(text(ServerMessage::ok(Some(end), now)), r#"{"type":"auth_ok","ttl":1}"#);
        assert_eq!(text(ServerMessage::ok(None, now)), r#"{"type":"auth_ok"}"#);
        assert_eq!(text(ServerMessage::expiring(now, end)), r#"{"type":"auth_expiring","ttl":0}"#);
        assert_eq!(text(ServerMessage::Error { code: "revoked" }), r#"{"type":"auth_error","code":"revoked"}"#);
    }
}
