//! Certificates under their names, and sets with `x5c`: a key that is used was published, has its name and has an end.
#![no_main]

use auth_jwt::remote::read_certificates;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|text: &str| {
    let Some(keys) = read_certificates(text.as_bytes()) else { return };
    let json: Value = match serde_json::from_str(text) {
        Ok(json) => json,
        // The crate ignores members that hold a number too large for `f64`. This oracle reads everything.
        Err(error) => {
            assert!(error.to_string().starts_with("number out of range"), "what is read is JSON");
            return;
        }
    };
    assert!((1..=100).contains(&keys.keys().len()));
    for key in keys.keys() {
        assert!(key.algorithms().count() > 0);
        assert!(
            key.algorithms().all(|algorithm| !algorithm.to_string().starts_with("HS")),
            "a certificate has no secret"
        );
        let Some(kid) = key.kid() else { continue };
        let is_published = match json.get("keys").and_then(Value::as_array) {
            Some(list) => list.iter().any(|jwk| jwk["kid"] == kid && jwk["x5c"].is_array()),
            None => json.get(kid).is_some_and(Value::is_string),
        };
        assert!(is_published, "{kid}");
    }
});
