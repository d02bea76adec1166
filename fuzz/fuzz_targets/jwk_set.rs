//! Sets of keys and single keys: what is read is what is written, a secret is never published nor shown.
#![no_main]

use auth_jwt::{KeySet, SigningKey, VerifyingKey, remote::read_published};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const PRIVATE: [&str; 6] = ["d", "p", "q", "dp", "dq", "qi"];

/// A key that was taken is what its text says.
fn check_key(key: &VerifyingKey, json: &Value) {
    assert_eq!(key.kid(), json.get("kid").map(|kid| kid.as_str().expect("a name is a text")));
    assert!(PRIVATE.iter().all(|name| json.get(name).is_none()), "what verifies has no private key");
    assert!(json.get("use").is_none_or(|usage| usage == "sig"));
    let ops = json.get("key_ops").map(|ops| ops.as_array().expect("a list"));
    assert!(ops.is_none_or(|ops| ops.iter().any(|op| op == "verify")));
    let algorithms: Vec<_> = key.algorithms().map(|algorithm| algorithm.to_string()).collect();
    assert!(!algorithms.is_empty());
    if let Some(alg) = json.get("alg") {
        assert_eq!(algorithms, [alg.as_str().expect("a text")]);
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

/// Nothing that is printed repeats a secret.
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
        // A number that no `f64` holds may stand where nobody reads it, but this oracle reads everything.
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
            assert_eq!(key.kid(), json.get("kid").and_then(Value::as_str));
            let public = key.verifying_key().expect("what signs can be verified");
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

    // An issuer publishes what others need as well: keys are left out one by one, and no others come in.
    if let Some(published) = read_published(text.as_bytes()) {
        let written = written.expect("a set is an object with a list");
        assert!(!published.keys().is_empty() && published.keys().len() <= written.len().min(100));
        let mut from = written.iter();
        for key in published.keys() {
            let kid = |json: &&Value| json.get("kid").and_then(Value::as_str) == key.kid();
            assert!(from.any(|json| kid(&json) && json["kty"] != "oct" && json.get("k").is_none()));
        }
        let mut names: Vec<_> = published.keys().iter().filter_map(VerifyingKey::kid).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "keys of one name are nobody's");
    } else if let Ok(own) = set {
        // But for a key with the member of a secret beside its own: who publishes that is trusted no more.
        let is_odd = |json: &Value| json["kty"] == "oct" || json.get("k").is_some();
        let is_refused = own.keys().len() > 100 || written.into_iter().flatten().any(is_odd);
        assert!(is_refused, "what is good for a file is good here");
    }
});
