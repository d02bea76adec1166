//! Public test vectors for signatures. Most of their payloads are not claims, so they are tested below the strategy.
//!
//! They are not in the repository: `AUTH_VECTORS` names their folder, which by default is `shared/vectors` beside the
//! workspace. Without the folder the tests pass, except under `CI=true`; `scripts/check.sh` says so once, at its end.

use std::{env, fs, path::PathBuf};

use auth_core::{AuthRequest, Challenge, Transport, extract::Extractor as _};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::{
    KeySet, SigningKey, VerifyingKey,
    key::Jwk,
    token::{Compact, Header},
};

/// Cases whose label is wrong, or requires something that this crate does not support. They run like all others, and their
/// outcome must be the opposite of the label.
const SIGNATURE_DEVIATIONS: [(u64, &str); 8] = [
    (346, "valid, but the key is for PS256 and the token is signed with PS384"),
    (350, "as 346"),
    (347, "valid, but with ES512, which does not exist here, and a key whose `alg` is misspelled"),
    (351, "as 347"),
    (367, "invalid, but byte for byte the token of 357, which is valid: the padding is missing that it speaks of"),
    (370, "as 367"),
    (372, "valid, but with a `?` within base64url, which RFC 7515, 5.2 wants refused"),
    (373, "as 372"),
];

const KEY_DEVIATIONS: [(u64, &str); 1] =
    [(7, "invalid for the weakness ROCA of one vendor's key generator, for which keys are not tested here")];

#[test]
fn wycheproof_signatures() {
    let Some(file) = vectors("wycheproof/json_web_signature_test.json") else { return };
    let accepts =
        |key: &Value, jws: &str| VerifyingKey::from_jwk(&key.to_string()).is_ok_and(|key| is_signed(&key.into(), jws));
    assert_eq!(run_wycheproof(&file, &SIGNATURE_DEVIATIONS, accepts), 401);
}

#[test]
fn wycheproof_keys() {
    let Some(file) = vectors("wycheproof/json_web_key_test.json") else { return };
    let accepts =
        |keys: &Value, jws: &str| KeySet::from_jwks(&keys.to_string()).is_ok_and(|keys| is_signed(&keys, jws));
    assert_eq!(run_wycheproof(&file, &KEY_DEVIATIONS, accepts), 26);
}

#[test]
fn wycheproof_ed25519() {
    let Some(file) = vectors("wycheproof/ed25519_test.json") else { return };
    let mut cases = 0;
    for group in list(&file["testGroups"]) {
        let mut jwk = group["publicKeyJwk"].clone();
        jwk["alg"] = "EdDSA".into();
        let key = VerifyingKey::from_jwk(&jwk.to_string()).unwrap();
        let verifier = key.verifier(crate::Algorithm::EdDSA).unwrap();
        for test in list(&group["tests"]) {
            let accepted = verifier.verify(&hex(&test["msg"]), &hex(&test["sig"]));
            assert_eq!(accepted, test["result"] == "valid", "{test}");
            cases += 1;
        }
    }
    assert_eq!(cases, 151);
}

#[test]
fn jose_cookbook_signatures() {
    let cases = [
        ("jws/4_1.rsa_v15_signature.json", true),
        ("jws/4_2.rsa-pss_signature.json", true),
        ("jws/4_3.ecdsa_signature.json", true),
        ("jws/4_4.hmac-sha2_integrity_protection.json", true),
        // The payload is not in the token.
        ("jws/4_5.signature_with_detached_content.json", false),
        ("curve25519/jws.json", true),
        // Unencoded payloads are not supported (RFC 7797).
        ("rfc7797/hmac-sha2_b64_false.json", false),
    ];
    for (name, expected) in cases {
        let Some(file) = vectors(&format!("jose-cookbook/{name}")) else { return };
        let jwk = without_private_parts(&file["input"]["key"]);
        let jws = file["output"]["compact"].as_str().unwrap();
        let accepted = VerifyingKey::from_jwk(&jwk).is_ok_and(|key| is_signed(&key.into(), jws));
        assert_eq!(accepted, expected, "{name}");
    }
}

/// Those algorithms sign that give the same signature each time.
#[test]
fn jose_cookbook_signatures_are_made_alike() {
    let names =
        ["jws/4_1.rsa_v15_signature.json", "jws/4_4.hmac-sha2_integrity_protection.json", "curve25519/jws.json"];
    for name in names {
        let Some(file) = vectors(&format!("jose-cookbook/{name}")) else { return };
        let (input, signature) = file["output"]["compact"].as_str().unwrap().rsplit_once('.').unwrap();
        let mut jwk = file["input"]["key"].clone();
        jwk["alg"] = file["input"]["alg"].clone();
        let key = SigningKey::from_jwk(&jwk.to_string()).unwrap();
        assert_eq!(URL_SAFE_NO_PAD.encode(key.sign(input.as_bytes()).unwrap()), signature, "{name}");
    }
}

/// The rest of the folder has no compact form, and nothing else is a token here.
#[test]
fn jose_cookbook_examples_left_out_have_no_compact_form() {
    let names = [
        "jws/4_6.protecting_specific_header_fields.json",
        "jws/4_7.protecting_content_only.json",
        "jws/4_8.multiple_signatures.json",
        "rfc7797/4.2.hmac-sha2_b64_false.json",
    ];
    for name in names {
        let Some(file) = vectors(&format!("jose-cookbook/{name}")) else { return };
        assert_eq!(file["output"].get("compact"), None, "{name}");
    }
}

#[test]
fn jose_cookbook_keys() {
    // For verification, and for signing once the algorithm is named.
    let cases = [
        ("3_1.ec_public_key.json", true, None),
        ("3_2.ec_private_key.json", false, Some("ES512")),
        ("3_3.rsa_public_key.json", true, None),
        ("3_4.rsa_private_key.json", false, Some("PS384")),
        ("3_5.symmetric_key_mac_computation.json", true, Some("HS256")),
        ("3_6.symmetric_key_encryption.json", false, None),
    ];
    for (name, verifies, signs) in cases {
        let Some(mut jwk) = vectors(&format!("jose-cookbook/jwk/{name}")) else { return };
        assert_eq!(VerifyingKey::from_jwk(&jwk.to_string()).is_ok(), verifies, "{name}");
        jwk["alg"] = signs.unwrap_or("ES512").into();
        assert_eq!(SigningKey::from_jwk(&jwk.to_string()).is_ok(), signs.is_some(), "{name}");
    }
}

#[test]
fn rfc_signatures() {
    let Some(file) = vectors("rfc/examples.json") else { return };
    let examples = list(&file["jws"]);
    for example in examples {
        // `none` does not exist here.
        let expected = example["signature"] == "valid";
        let key = VerifyingKey::from_jwk(&example["key"].to_string());
        let accepted = key.is_ok_and(|key| is_signed(&key.into(), example["token"].as_str().unwrap()));
        assert_eq!(accepted, expected, "{}", example["id"]);
    }
    assert_eq!(examples.len(), 6);
}

/// RFC 7638, 3.1, RFC 8037, A.3.
#[test]
fn rfc_thumbprints() {
    let Some(file) = vectors("rfc/examples.json") else { return };
    let examples = list(&file["jwk_thumbprint_sha256"]);
    for example in examples {
        let jwk = example["key"].to_string();
        assert_eq!(example["thumbprint"], thumbprint(&jwk), "{example}");
    }
    assert!(!examples.is_empty());
}

fn thumbprint(jwk: &str) -> String {
    Jwk::parse(jwk).unwrap().public_members().unwrap().thumbprint()
}

/// RFC 6750, 2.1.
#[test]
fn rfc_bearer_credentials() {
    let Some(file) = vectors("rfc/examples.json") else { return };
    let examples = list(&file["bearer"]);
    for example in examples {
        let authorization = example["authorization"].as_str().unwrap();
        let request = http::Request::builder().header("authorization", authorization);
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let request = AuthRequest::new(&parts, Transport::Http, std::time::SystemTime::UNIX_EPOCH);
        let found = auth_core::extract::bearer().extract(&request).unwrap().unwrap();
        assert_eq!(example["token"], found.expose());
    }
    assert_eq!(examples.len(), 1);
}

/// RFC 6750, 3: the form is that of the RFC. The description is an example there, and a text of our own here.
#[test]
fn rfc_bearer_challenges() {
    let Some(file) = vectors("rfc/examples.json") else { return };
    let of = |id: &str| {
        let example = list(&file["challenges"]).iter().find(|example| example["id"] == id).unwrap();
        example["value"].as_str().unwrap().to_owned()
    };
    let plain = Challenge::bearer("example");
    assert_eq!(plain.to_string(), of("rfc6750-3-no-credentials"));
    let expired = plain.with("error", "invalid_token").with("error_description", "The access token expired");
    assert_eq!(expired.to_string(), of("rfc6750-3-expired"));
}

/// Runs all cases and gives their number.
fn run_wycheproof(file: &Value, deviations: &[(u64, &str)], accepts: impl Fn(&Value, &str) -> bool) -> usize {
    let (mut cases, mut deviating) = (0, 0);
    for group in list(&file["testGroups"]) {
        let key = group.get("public").unwrap_or(&group["private"]);
        for test in list(&group["tests"]) {
            let id = test["tcId"].as_u64().unwrap();
            let deviates = deviations.iter().any(|(deviation, _)| *deviation == id);
            let expected = (test["result"] == "valid") != deviates;
            assert_eq!(accepts(key, test["jws"].as_str().unwrap()), expected, "case {id}: {}", test["comment"]);
            cases += 1;
            deviating += usize::from(deviates);
        }
    }
    assert_eq!(deviating, deviations.len());
    cases
}

fn is_signed(keys: &KeySet, jws: &str) -> bool {
    let verify = || {
        let compact = Compact::parse(jws, usize::MAX)?;
        let header = compact.header()?;
        let header = Header::parse(&header)?;
        compact.verify(keys, header.algorithm()?, header.kid.as_deref(), None)
    };
    verify().is_ok()
}

fn without_private_parts(jwk: &Value) -> String {
    let mut jwk = jwk.as_object().unwrap().clone();
    jwk.retain(|name, _| !["d", "p", "q", "dp", "dq", "qi"].contains(&name.as_str()));
    Value::Object(jwk).to_string()
}

fn vectors(path: &str) -> Option<Value> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors"));
    let folder = env::var_os("AUTH_VECTORS").map_or_else(beside, PathBuf::from);
    if !folder.exists() && env::var("CI").as_deref() != Ok("true") {
        return None;
    }
    match fs::read_to_string(folder.join(path)) {
        Ok(text) => Some(serde_json::from_str(&text).unwrap()),
        Err(error) => panic!("the test vectors {path} are needed: {error}"),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn hex(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap().as_bytes();
    digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}
