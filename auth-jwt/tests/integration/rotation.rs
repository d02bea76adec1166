//! Keys that change while their tokens are still valid.

use auth_core::{AuthRequest, Chain, Transport, extract};
use auth_jwt::{Algorithm, Jwt, KeySet, Signer, SigningKey, SigningKeys};
use serde_json::{Value, json};

use crate::support::*;

fn pem(algorithm: Algorithm) -> SigningKey {
    let pem: &[u8] = match algorithm {
        Algorithm::ES256 => include_bytes!("../keys/p256.pem"),
        Algorithm::ES384 => include_bytes!("../keys/p384.pem"),
        Algorithm::EdDSA => include_bytes!("../keys/ed25519.pem"),
        _ => include_bytes!("../keys/rsa2048.pem"),
    };
    SigningKey::from_pem(algorithm, pem).unwrap()
}

fn signed(keys: &SigningKeys) -> String {
    Signer::rotating(keys).sign(&claims(json!({}))).unwrap().expose().to_owned()
}

/// The result of a verifier that has just fetched the published document.
fn elsewhere(keys: &SigningKeys, token: &str) -> &'static str {
    let keys = KeySet::from_jwks(&keys.jwks()).unwrap();
    verdict(Jwt::keys(keys).extract(extract::header("x-token")), token)
}

/// The result at the issuer itself, with one strategy for the whole test.
fn here(chain: &Chain<Said>, token: &str) -> &'static str {
    let parts = request("x-token", token);
    let answer = ready(chain.authenticate(&AuthRequest::new(&parts, Transport::Http, now())));
    answer.map_or_else(|refusal| refusal.code(), |_| ACCEPTED)
}

#[test]
fn tokens_of_both_keys_are_valid_during_a_rotation() {
    let keys = SigningKeys::new(pem(Algorithm::ES256)).unwrap();
    let own = Jwt::key_source(keys.clone()).extract(extract::header("x-token")).cache_signatures(10).unwrap();
    let own = Chain::new().or(own.verify(accept));
    let old = keys.kids().remove(0);
    let first = signed(&keys);

    let new = keys.add(pem(Algorithm::EdDSA)).unwrap();
    assert_eq!(keys.kids(), [old.as_str(), &new], "the old one signs still");
    let second = signed(&keys);
    for token in [&first, &second] {
        assert_eq!([elsewhere(&keys, token), here(&own, token)], [ACCEPTED; 2]);
    }

    keys.activate(&new).unwrap();
    assert_eq!(keys.kids(), [new.as_str(), &old]);
    let third = signed(&keys);
    for token in [&first, &second, &third] {
        assert_eq!([elsewhere(&keys, token), here(&own, token)], [ACCEPTED; 2]);
    }

    keys.retire(&old).unwrap();
    assert_eq!(keys.kids(), [new]);
    assert_eq!([elsewhere(&keys, &first), here(&own, &first)], [UNRECOGNIZED, INVALID], "nobody has its key any more");
    assert_eq!([elsewhere(&keys, &third), here(&own, &third)], [ACCEPTED; 2]);
}

#[test]
fn document_has_the_public_halves_of_every_kind_and_nothing_else() {
    let keys = SigningKeys::new(pem(Algorithm::RS256)).unwrap();
    for algorithm in [Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA] {
        keys.add(pem(algorithm)).unwrap();
    }
    let document: Value = serde_json::from_str(&keys.jwks()).unwrap();
    let members = document["keys"].as_array().unwrap().iter().map(|key| {
        let mut names: Vec<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        names.join(" ")
    });
    assert_eq!(
        members.collect::<Vec<_>>(),
        ["alg e kid kty n use", "alg crv kid kty use x y", "alg crv kid kty use x y", "alg crv kid kty use x"]
    );
    for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA] {
        let kid = pem(algorithm).thumbprint().unwrap();
        keys.activate(&kid).unwrap();
        assert_eq!(elsewhere(&keys, &signed(&keys)), ACCEPTED, "{algorithm}");
    }
}

#[test]
fn signing_key_is_first_and_the_others_keep_their_order() {
    let keys = SigningKeys::new(pem(Algorithm::ES256).with_kid("a")).unwrap();
    keys.add(pem(Algorithm::ES384).with_kid("b")).unwrap();
    keys.add(pem(Algorithm::EdDSA).with_kid("c")).unwrap();
    keys.activate("c").unwrap();
    assert_eq!(keys.kids(), ["c", "a", "b"]);
    keys.activate("c").unwrap();
    assert_eq!(keys.kids(), ["c", "a", "b"], "again changes nothing");
}

#[test]
fn document_may_be_kept_for_five_minutes() {
    let response = SigningKeys::new(pem(Algorithm::ES256)).unwrap().to_response();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/jwk-set+json");
    assert_eq!(response.headers()["cache-control"], "public, max-age=300");
    assert!(response.body().starts_with(r#"{"keys":[{"#));
}

#[test]
fn nameless_key_is_named_by_its_thumbprint_and_a_name_is_kept() {
    // RFC 8037, A.3.
    let jwk = json!({
        "kty": "OKP", "crv": "Ed25519",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    });
    let key = SigningKey::from_jwk(&jwk.to_string()).unwrap();
    assert_eq!(key.thumbprint().as_deref(), Some("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"));
    let keys = SigningKeys::new(key).unwrap();
    assert_eq!(keys.kids(), ["kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"]);
    assert_eq!(keys.add(pem(Algorithm::ES256).with_kid("2026")).unwrap(), "2026");
}

#[test]
fn hmac_keys_rotate_and_are_never_published() {
    let secret = |byte: u8| SigningKey::hmac(Algorithm::HS256, [byte; 32]).unwrap();
    assert!(SigningKeys::new(secret(1)).unwrap_err().to_string().contains("with_kid"));
    assert_eq!(secret(1).thumbprint(), None);
    let keys = SigningKeys::new(secret(1).with_kid("a")).unwrap();
    let own = Chain::new().or(Jwt::key_source(keys.clone()).extract(extract::header("x-token")).verify(accept));
    let first = signed(&keys);
    keys.add(secret(2).with_kid("b")).unwrap();
    keys.activate("b").unwrap();
    assert_eq!([here(&own, &first), here(&own, &signed(&keys))], [ACCEPTED; 2]);
    assert_eq!(keys.jwks(), r#"{"keys":[]}"#);
    assert!(keys.add(pem(Algorithm::ES256)).unwrap_err().to_string().contains("mixes"));
}

#[test]
fn mistakes_change_nothing() {
    let keys = SigningKeys::new(pem(Algorithm::ES256)).unwrap();
    let (kids, document) = (keys.kids(), keys.jwks());
    assert!(keys.add(pem(Algorithm::ES256)).unwrap_err().to_string().contains("the same `kid`"));
    assert!(keys.activate("other").unwrap_err().to_string().contains("no key has this name"));
    assert!(keys.retire("other").unwrap_err().to_string().contains("no key has this name"));
    assert!(keys.retire(&kids[0]).unwrap_err().to_string().contains("the key that signs"));
    assert_eq!((keys.kids(), keys.jwks()), (kids, document));
}

#[test]
fn clones_share_the_keys() {
    let keys = SigningKeys::new(pem(Algorithm::ES256)).unwrap();
    let new = keys.clone().add(pem(Algorithm::EdDSA)).unwrap();
    assert_eq!(keys.kids()[1], new);
}
