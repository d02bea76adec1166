use std::fmt;

use auth_core::Payload;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The top-level fields of JSON (RFC 8259): `Some(None)` if it is not an object, and `None` if it is not JSON.
pub(super) fn fields(text: &str) -> Option<Option<Payload>> {
    if is_object(text) {
        return object(text).map(Some);
    }
    serde_json::from_str::<IgnoredAny>(text).ok().map(|_| None)
}

/// The top-level fields of a JSON object; `None` if the text is anything else.
#[must_use]
pub fn object(text: &str) -> Option<Payload> {
    Some(payload_of(members(text)?))
}

/// As [`object`], with only these fields. The rest of the object uses no memory.
#[cfg(feature = "axum")]
pub(crate) fn object_with(text: &str, wanted: &[&str]) -> Option<Payload> {
    Some(payload_of(read(text, Some(wanted))?))
}

/// The members of a JSON object with their values as JSON, including repeated members; `None` if the text is anything else.
pub(crate) fn members(text: &str) -> Option<Vec<(String, &RawValue)>> {
    read(text, None)
}

fn payload_of(members: Vec<(String, &RawValue)>) -> Payload {
    let mut payload = Payload::new();
    // Keep a repeated name twice, so that the extractor refuses it.
    for (name, value) in members {
        push(&mut payload, name, value.get());
    }
    payload
}

fn read<'t>(text: &'t str, wanted: Option<&[&str]>) -> Option<Vec<(String, &'t RawValue)>> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let members = deserializer.deserialize_map(Members { wanted }).ok()?;
    deserializer.end().ok()?;
    Some(members)
}

fn is_object(text: &str) -> bool {
    text.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('{')
}

struct Members<'w> {
    /// `None` means all.
    wanted: Option<&'w [&'w str]>,
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members: Self::Value = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            // Two are enough to show that it repeats.
            let is_news = || members.iter().filter(|(known, _)| *known == name).count() < 2;
            if self.wanted.is_none_or(|wanted| wanted.contains(&&*name) && is_news()) {
                members.push((name, map.next_value()?));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(members)
    }
}

/// Adds a field whose value is valid JSON. Only strings are interpreted: a number may be too large for any type.
fn push(payload: &mut Payload, name: String, value: &str) {
    if value == "null" {
        return payload.push_null(name);
    }
    let text = value.starts_with('"').then(|| serde_json::from_str::<String>(value));
    match text {
        Some(Ok(text)) => payload.push_text(name, text),
        // `\ud800` alone is valid JSON, but not a Rust string.
        Some(Err(_)) | None => payload.push_other(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_top_level_strings_are_read() {
        let json = r#"{"token":"a\u0062c","n":1,"deep":{"token":"no"},"list":[1],"x":null,"half":"\ud800"}"#;
        let payload = object(json).unwrap();
        assert_eq!(payload.text("token").unwrap(), Some("abc"));
        assert_eq!(payload.text("absent").unwrap(), None);
        for other in ["n", "deep", "list", "x", "half"] {
            assert!(payload.text(other).is_err(), "{other}");
        }
    }

    #[test]
    fn null_differs_from_other_values() {
        let payload = object(r#"{"x": null ,"n":0,"s":"null"}"#).unwrap();
        assert_eq!(payload.optional_text("x").unwrap(), None);
        assert_eq!(payload.optional_text("s").unwrap(), Some("null"));
        assert!(payload.optional_text("n").is_err());
    }

    #[test]
    fn values_other_than_strings_are_not_interpreted() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        for value in ["1e999", "-1e-999", "123456789012345678901234567890", "[1e999]", &deep] {
            let payload = object(&format!(r#"{{"n":{value},"token":"t"}}"#)).unwrap();
            assert_eq!(payload.text("token").unwrap(), Some("t"));
            assert!(payload.text("n").is_err());
        }
        assert!(fields("1e999").is_some_and(|fields| fields.is_none()) && fields(&deep).is_some());
    }

    #[test]
    fn repeated_json_member_is_refused() {
        let payload = object(r#"{"token":"a","tok\u0065n":"b"}"#).unwrap();
        assert!(payload.text("token").is_err());
    }

    #[cfg(feature = "axum")]
    #[test]
    fn only_wanted_members_are_kept_and_each_at_most_twice() {
        let json = format!(r#"{{"a":"x"{}}}"#, r#","b":"y","c":"z""#.repeat(1000));
        let kept = read(&json, Some(&["a", "b"])).unwrap();
        let names: Vec<_> = kept.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["a", "b", "b"]);
        let payload = object_with(&json, &["a", "b"]).unwrap();
        assert!(payload.text("a").unwrap() == Some("x") && payload.text("b").is_err());
        for broken in ["[]", "{", r#"{"a":"x","c":01}"#, r#"{"a":"x"}x"#, r#"{"a":"x","c":}"#] {
            assert!(object_with(broken, &["a"]).is_none(), "{broken}");
        }
    }

    #[test]
    fn json_that_is_not_an_object_has_no_fields() {
        for json in ["[]", "[{\"token\":\"t\"}]", " \"token\"", "1", "null"] {
            assert!(fields(json).is_some_and(|fields| fields.is_none()) && object(json).is_none(), "{json}");
        }
    }

    #[test]
    fn text_that_is_not_json_returns_none() {
        for text in [
            "",
            " ",
            "{",
            "{}x",
            "[1,",
            "{\"a\":01}",
            "{\"a\":+1}",
            "{\"a\":1,}",
            "{a:1}",
            "\u{feff}{}",
            "\u{a0}{}",
            "'a'",
        ] {
            assert!(fields(text).is_none() && object(text).is_none(), "{text}");
        }
    }
}
