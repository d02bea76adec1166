use std::{fmt, time::Duration};

use auth_core::{BoxError, Payload, Refusal};
use bytes::Bytes;
use http::{
    HeaderMap, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use http_body::Body;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// How much of a body is read for a strategy, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PayloadLimits {
    pub(crate) max_len: usize,
    pub(crate) timeout: Duration,
}

impl Default for PayloadLimits {
    fn default() -> Self {
        Self { max_len: 16 * 1024, timeout: Duration::from_secs(2) }
    }
}

/// The kinds of body in which a strategy may look for a field. Others go on to the handler unread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Form,
}

impl Format {
    /// The format that a single `Content-Type` names.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let essence = headers.get(CONTENT_TYPE)?.to_str().ok()?.split(';').next()?.trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/json" => Some(Self::Json),
            "application/x-www-form-urlencoded" => Some(Self::Form),
            json if json.starts_with("application/") && json.ends_with("+json") => Some(Self::Json),
            _ => None,
        }
    }
}

/// Reads the whole body, so that it can be looked at and then handed on.
pub(crate) async fn read<B>(headers: &HeaderMap, body: B, limits: PayloadLimits) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let too_large = || Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large");
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|len: u64| len > limits.max_len as u64) {
        return Err(too_large());
    }
    match tokio::time::timeout(limits.timeout, Limited::new(body, limits.max_len).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Refusal::new(StatusCode::BAD_REQUEST, "invalid_body")),
        Err(_) => Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "request_timeout")),
    }
}

/// The top-level fields; `None` if the body is not what its type says, which is for the handler to complain about.
pub(crate) fn parse(format: Format, body: &[u8]) -> Option<Payload> {
    match format {
        Format::Json => serde_json::from_slice::<JsonFields>(body).ok().map(|fields| fields.0),
        Format::Form => {
            let mut payload = Payload::new();
            for (name, value) in form_urlencoded::parse(body) {
                payload.push_text(name, value);
            }
            Some(payload)
        }
    }
}

struct JsonFields(Payload);

impl<'de> Deserialize<'de> for JsonFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = JsonFields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsonFields, A::Error> {
                let mut payload = Payload::new();
                // A repeated name is kept twice, so that the extractor refuses it.
                while let Some((name, value)) = map.next_entry::<String, JsonField>()? {
                    match value.0 {
                        Some(text) => payload.push_text(name, text),
                        None => payload.push_other(name),
                    }
                }
                Ok(JsonFields(payload))
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

/// A text, or `None` for any other value.
struct JsonField(Option<String>);

impl<'de> Deserialize<'de> for JsonField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Field;

        impl<'de> Visitor<'de> for Field {
            type Value = JsonField;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_str<E>(self, text: &str) -> Result<JsonField, E> {
                Ok(JsonField(Some(text.to_owned())))
            }

            fn visit_string<E>(self, text: String) -> Result<JsonField, E> {
                Ok(JsonField(Some(text)))
            }

            fn visit_bool<E>(self, _: bool) -> Result<JsonField, E> {
                Ok(JsonField(None))
            }

            fn visit_i64<E>(self, _: i64) -> Result<JsonField, E> {
                Ok(JsonField(None))
            }

            fn visit_u64<E>(self, _: u64) -> Result<JsonField, E> {
                Ok(JsonField(None))
            }

            fn visit_f64<E>(self, _: f64) -> Result<JsonField, E> {
                Ok(JsonField(None))
            }

            fn visit_unit<E>(self) -> Result<JsonField, E> {
                Ok(JsonField(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<JsonField, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(JsonField(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsonField, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(JsonField(None))
            }
        }

        deserializer.deserialize_any(Field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(content_type: &str) -> Option<Format> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
        Format::of(&headers)
    }

    #[test]
    fn json_and_form_are_read_in_any_case_and_with_parameters() {
        assert_eq!(format("application/json"), Some(Format::Json));
        assert_eq!(format("Application/JSON; charset=utf-8"), Some(Format::Json));
        assert_eq!(format("application/ld+json"), Some(Format::Json));
        assert_eq!(format("application/x-www-form-urlencoded"), Some(Format::Form));
    }

    #[test]
    fn other_types_are_left_alone() {
        for other in ["text/plain", "text/x+json", "application/xml", "application/json+x"] {
            assert_eq!(format(other), None, "{other}");
        }
        assert_eq!(format("multipart/form-data; boundary=x"), None);
        assert_eq!(Format::of(&HeaderMap::new()), None);
    }

    #[test]
    fn json_gives_its_top_level_texts() {
        let payload =
            parse(Format::Json, br#"{"token":"abc","n":1,"deep":{"token":"no"},"list":[1],"x":null}"#).unwrap();
        assert_eq!(payload.text("token").unwrap(), Some("abc"));
        assert_eq!(payload.text("absent").unwrap(), None);
        for other in ["n", "deep", "list", "x"] {
            assert!(payload.text(other).is_err(), "{other}");
        }
    }

    #[test]
    fn repeated_json_member_is_refused_and_not_overlooked() {
        let payload = parse(Format::Json, br#"{"token":"a","tok\u0065n":"b"}"#).unwrap();
        assert!(payload.text("token").is_err());
    }

    #[test]
    fn what_is_no_json_object_gives_no_payload() {
        for body in ["", "[]", "\"token\"", "{", "{}x", "\u{feff}{}"] {
            assert!(parse(Format::Json, body.as_bytes()).is_none(), "{body}");
        }
    }

    #[test]
    fn form_is_percent_decoded() {
        let payload = parse(Format::Form, b"a=1&token=a%2Bb+c").unwrap();
        assert_eq!(payload.text("token").unwrap(), Some("a+b c"));
    }
}
