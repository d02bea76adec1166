//! Every type gets the same result, and the same error, as from `serde_json`.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt::{self, Debug},
    marker::PhantomData,
    time::Duration,
};

use proptest::{collection::vec, prelude::*, sample::select};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Map, Number, value::RawValue};

use crate::token::{json, typed};

/// Compares with `serde_json`. What our own reader refuses never gets here.
fn compare<C: DeserializeOwned + Debug>(text: &str) {
    let Ok(members) = json::object(text) else { return };
    let shown = |result: Result<C, serde_json::Error>| result.map(|c| format!("{c:?}")).map_err(|e| e.to_string());
    let (ours, theirs) = (typed::claims::<C>(text, &members), serde_json::from_str(text));
    assert_eq!(shown(ours), shown(theirs), "{text}");
}

/// Compares a type as the whole payload, as a field, and as the value of a map.
fn compare_everywhere<T: DeserializeOwned + Debug>(text: &str) {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only `Debug` reads it")]
    struct Field<T> {
        a: T,
        b: Option<T>,
    }
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, default, bound = "T: DeserializeOwned + Default")]
    struct Strict<T: Default> {
        #[serde(alias = "b")]
        a: T,
        c: String,
    }
    impl<T: Default> Default for Strict<T> {
        fn default() -> Self {
            Self { a: T::default(), c: "default".to_owned() }
        }
    }
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only `Debug` reads it")]
    struct Flat<T> {
        #[serde(flatten)]
        inner: Field<T>,
        #[serde(flatten)]
        rest: BTreeMap<String, serde_json::Value>,
    }
    compare::<T>(text);
    compare::<Field<T>>(text);
    compare::<Strict<Option<T>>>(text);
    compare::<Flat<T>>(text);
    compare::<BTreeMap<String, T>>(text);
    compare::<Option<T>>(text);
    compare::<Fragile<T>>(text);
}

#[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
enum Kind {
    A,
    B(u8),
    C { a: String },
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
#[expect(dead_code, reason = "only `Debug` reads it")]
enum Tagged {
    A { a: String },
    B(Map<String, serde_json::Value>),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
#[expect(dead_code, reason = "only `Debug` reads it")]
enum Untagged {
    Number { a: u64 },
    Text { a: String },
    Other(serde_json::Value),
}

#[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Newtype(String);

#[derive(Debug, Deserialize)]
struct Unit;

/// A string that is lent.
#[derive(Debug)]
#[expect(dead_code, reason = "only `Debug` reads it")]
struct Lent(String);

impl<'de> Deserialize<'de> for Lent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&str>::deserialize(deserializer).map(|text| Self(text.to_owned()))
    }
}

#[derive(Debug)]
#[expect(dead_code, reason = "only `Debug` reads it")]
struct Bytes(Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Bytes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_owned()))
            }
        }
        deserializer.deserialize_bytes(Read)
    }
}

/// Hides an error.
#[derive(Debug)]
struct Lenient<T>(Option<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(T::deserialize(deserializer).ok()))
    }
}

/// Reads nothing.
#[derive(Debug)]
struct Blind;

impl<'de> Deserialize<'de> for Blind {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Ok(Self)
    }
}

/// Reads the members in each wrong way in turn, chosen by their names.
#[derive(Debug)]
#[expect(dead_code, reason = "only `Debug` reads it")]
struct Fragile<T>(Vec<(String, Option<T>)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Fragile<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Read<T> {
            type Value = Fragile<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("members")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fragile<T>, A::Error> {
                let mut read = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    match name.as_str() {
                        "a" => read.push((name, Some(map.next_value()?))),
                        "b" => read.push((name, map.next_value().ok())),
                        "c" => drop(map.next_value::<Blind>()),
                        "x" => drop(map.next_key::<Blind>()),
                        "type" => drop((map.next_value::<IgnoredAny>(), map.next_value::<IgnoredAny>())),
                        "0" => return Ok(Fragile(read)),
                        _ => {}
                    }
                }
                map.next_key::<IgnoredAny>()?;
                Ok(Fragile(read))
            }
        }
        deserializer.deserialize_map(Read(PhantomData))
    }
}

fn compare_all(text: &str) {
    compare_everywhere::<serde_json::Value>(text);
    compare_everywhere::<String>(text);
    compare_everywhere::<Option<String>>(text);
    compare_everywhere::<Option<Option<u8>>>(text);
    compare_everywhere::<Cow<'static, str>>(text);
    compare_everywhere::<Box<str>>(text);
    compare_everywhere::<char>(text);
    compare_everywhere::<bool>(text);
    compare_everywhere::<u8>(text);
    compare_everywhere::<i64>(text);
    compare_everywhere::<u64>(text);
    compare_everywhere::<i128>(text);
    compare_everywhere::<u128>(text);
    compare_everywhere::<f32>(text);
    compare_everywhere::<f64>(text);
    compare_everywhere::<Number>(text);
    compare_everywhere::<()>(text);
    compare_everywhere::<(u8, String)>(text);
    compare_everywhere::<[u8; 2]>(text);
    compare_everywhere::<Vec<serde_json::Value>>(text);
    compare_everywhere::<Duration>(text);
    compare_everywhere::<BTreeMap<String, Lent>>(text);
    compare_everywhere::<BTreeMap<Newtype, u8>>(text);
    compare_everywhere::<Box<RawValue>>(text);
    compare_everywhere::<IgnoredAny>(text);
    compare_everywhere::<Kind>(text);
    compare_everywhere::<Tagged>(text);
    compare_everywhere::<Untagged>(text);
    compare_everywhere::<Newtype>(text);
    compare_everywhere::<Unit>(text);
    compare_everywhere::<Lent>(text);
    compare_everywhere::<Bytes>(text);
    compare_everywhere::<Lenient<u8>>(text);
    compare_everywhere::<Lenient<String>>(text);
    compare_everywhere::<Lenient<Vec<Lenient<u8>>>>(text);
    compare_everywhere::<Blind>(text);
    compare::<BTreeMap<u64, IgnoredAny>>(text);
    // `serde_json` cuts a name for a `bool` after its first byte, and panics if that is within a character.
    if text.is_ascii() {
        compare::<BTreeMap<bool, IgnoredAny>>(text);
    }
    compare::<BTreeMap<char, IgnoredAny>>(text);
    compare::<BTreeMap<Newtype, IgnoredAny>>(text);
    compare::<BTreeMap<Option<String>, IgnoredAny>>(text);
    compare::<BTreeMap<Kind, IgnoredAny>>(text);
    compare::<BTreeMap<(), IgnoredAny>>(text);
    compare::<Vec<(Lent, serde_json::Value)>>(text);
}

const NAMES: [&str; 13] =
    ["a", "b", "c", "x", "type", "0", "7", "true", "é", "\\u0061", "\\n", "$serde_json::private::Number", "secs"];

const VALUES: [&str; 32] = [
    r#""""#,
    r#""a""#,
    r#""b""#,
    r#""7""#,
    r#""é😀""#,
    r#""a\nb""#,
    r#""\u0061""#,
    "null",
    "true",
    "false",
    "0",
    "7",
    "-1",
    "255",
    "256",
    "1.5",
    "-0",
    "-7e0",
    "1e3",
    "1e999",
    "999999999999999999",
    "-999999999999999999",
    "1000000000000000000",
    "18446744073709551616",
    "-170141183460469231731687303715884105728",
    "[]",
    r#"[7,"a"]"#,
    "[ 1 , 2 ]",
    "{}",
    r#"{"a":"b"}"#,
    r#"{ "b" : 7 }"#,
    r#"{"secs":1,"nanos":2}"#,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn claims_are_those_of_serde_json(
        members in vec((select(&NAMES[..]), select(&VALUES[..])), 0..6),
        blank in select(&["", " ", "\n\t"][..]),
    ) {
        let members: Vec<_> =
            members.iter().map(|(name, value)| format!(r#"{blank}"{name}"{blank}:{blank}{value}{blank}"#)).collect();
        compare_all(&format!("{blank}{{{}}}{blank}", members.join(",")));
    }
}

#[test]
fn every_value_has_the_type_that_serde_json_gives_it() {
    for value in VALUES {
        for name in NAMES {
            compare_all(&format!(r#"{{"{name}":{value}}}"#));
            compare_all(&format!(r#"{{"a":{value},"{name}":{value},"c":"x"}}"#));
        }
    }
}

#[test]
fn many_members_have_the_types_that_serde_json_gives_them() {
    for count in [15, 16, 17, 40] {
        let members: Vec<_> = VALUES
            .iter()
            .cycle()
            .take(count)
            .enumerate()
            .map(|(at, value)| format!(r#""\u006d{at}":{value}"#))
            .collect();
        compare_all(&format!(r#"{{{},"a":"b","\u0062":"\u0061"}}"#, members.join(",")));
    }
}
