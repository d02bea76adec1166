//! Key sets and single keys: what is read equals what is written, and a secret is never published or shown.
#![no_main]

use auth_jwt::{KeySet, SigningKey, VerifyingKey, remote::read_published};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

/// A member. `null` counts as absent.
fn member<'j>(json: &'j Value, name: &str) -> Option<&'j Value> {
    json.get(name).filter(|value| !value.is_null())
}

/// The name of a key. An empty name counts as none.
fn name_of(json: &Value) -> Option<&str> {
    member(json, "kid").map(|kid| kid.as_str().expect("a name is a text")).filter(|kid| !kid.is_empty())
}

/// An accepted key matches its text.
fn check_key(key: &VerifyingKey, json: &Value) {
    assert_eq!(key.kid(), name_of(json));
    assert!(PRIVATE.iter().all(|name| member(json, name).is_none()), "a verifying key has no private part");
    assert!(member(json, "use").is_none_or(|usage| usage == "sig"));
    let ops = member(json, "key_ops").map(|ops| ops.as_array().expect("a list"));
    assert!(ops.is_none_or(|ops| ops.is_empty() || ops.iter().any(|op| op == "verify")));
    let algorithms: Vec<_> = key.algorithms().map(|algorithm| algorithm.to_string()).collect();
    assert!(!algorithms.is_empty());
    if let Some(alg) = member(json, "alg") {
        let alg = alg.as_str().expect("a text");
        assert_eq!(algorithms, [if alg == "Ed25519" { "EdDSA" } else { alg }]);
    }
    let start = match json["kty"].as_str() {
        Some("oct") => "HS",
        Some("RSA") => "RS PS",
        Some("EC") => "ES",
        Some("OKP") => "Ed",
        other => panic!("a key of an unknown kind: {other:?}"),
    };
    assert!(algorithms.iter().all(|name| start.split(' ').any(|start| name.starts_with(start))));
}

/// Whether this key exposes a secret.
fn is_exposed(json: &Value) -> bool {
    json["kty"] == "oct" || member(json, "k").is_some() || PRIVATE.iter().any(|name| member(json, name).is_some())
}

/// Whether two keys belong to one pair, or have the same name.
fn is_related(one: &Value, other: &Value) -> bool {
    let is_same = |name: &str| one[name].is_string() && one[name] == other[name];
    is_same("n") || is_same("x") || one["kid"].as_str().is_some_and(|kid| !kid.is_empty() && other["kid"] == kid)
}

/// Checks that printing shows no secret.
fn check_shown(shown: &str, json: &Value) {
    for name in ["k"].iter().chain(&PRIVATE) {
        if let Some(secret) = json.get(name).and_then(Value::as_str).filter(|secret| secret.len() >= 16) {
            assert!(!shown.contains(secret));
        }
    }
}

fuzz_target!(|text: &str| {
    let json: Value = match serde_json::from_str(text) {
        Ok(json) => json,
        // The crate ignores members that hold a number too large for `f64`. This oracle reads everything.
        Err(error) if error.to_string().starts_with("number out of range") => return,
        Err(_) => Value::Null,
    };
    match VerifyingKey::from_jwk(text) {
        Ok(key) => {
            check_key(&key, &json);
            check_shown(&format!("{key:?}"), &json);
        }
        Err(error) => check_shown(&format!("{error} {error:?}"), &json),
    }
    match SigningKey::from_jwk(text) {
        Ok(key) => {
            assert_eq!(key.kid(), name_of(&json));
            let public = key.verifying_key().expect("a signing key has a verifying key");
            assert!(public.algorithms().any(|algorithm| algorithm == key.algorithm()));
            check_shown(&format!("{key:?} {public:?}"), &json);
        }
        Err(error) => check_shown(&format!("{error} {error:?}"), &json),
    }

    let set = KeySet::from_jwks(text);
    let written = json.get("keys").and_then(Value::as_array);
    match &set {
        Ok(set) => {
            let written = written.expect("a set is an object with a list");
            assert!(!written.is_empty() && set.keys().len() == written.len());
            set.keys().iter().zip(written).for_each(|(key, json)| check_key(key, json));
            let is_secret = |json: &&Value| json["kty"] == "oct";
            let secrets = written.iter().filter(is_secret).count();
            assert!(secrets == 0 || secrets == written.len(), "secrets and public keys do not mix");
        }
        Err(error) => {
            for json in written.into_iter().flatten() {
                check_shown(&format!("{error} {error:?}"), json);
            }
        }
    }

    // A published set may hold foreign keys. The reader skips single keys, and adds none.
    if let Some(published) = read_published(text.as_bytes()) {
        let written = written.expect("a set is an object with a list");
        assert!(!published.keys().is_empty() && published.keys().len() <= written.len().min(100));
        let exposed: Vec<_> = written.iter().filter(|json| is_exposed(json)).collect();
        let clean = |json: &&Value| !is_exposed(json) && !exposed.iter().any(|other| is_related(json, other));
        let mut from = written.iter().filter(clean);
        for key in published.keys() {
            let is_it =
                |json: &Value| json.get("kid").and_then(Value::as_str).filter(|kid| !kid.is_empty()) == key.kid();
            assert!(from.any(is_it), "a key that is used was published, without a secret");
        }
        for key in published.keys() {
            for algorithm in key.algorithms() {
                let beside =
                    |other: &&VerifyingKey| other.kid() == key.kid() && other.algorithms().any(|own| own == algorithm);
                assert!(published.keys().iter().filter(beside).count() <= 4, "each key can be tried");
            }
        }
    } else if let Ok(own) = set {
        // Except for a key that also has a secret member: a publisher of such a key is not trusted.
        let is_refused = own.keys().len() > 100 || written.into_iter().flatten().any(is_exposed);
        assert!(is_refused, "a set that is valid in a file is valid here");
    }
});
