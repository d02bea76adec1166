//! No secret in what is printed.

use auth_jwt::{Algorithm, HmacSecret, Jwt, KeySet, Signer, SigningKey, SigningKeys, VerifyingKey};
use serde_json::{Value, json};

use crate::support::*;

const MARKER: &str = "MARKER-MARKER-MARKER-MARKER-MARKER";

#[test]
fn debug_shows_no_secret() {
    let signing = SigningKey::hmac(Algorithm::HS256, MARKER).unwrap();
    let verifying = VerifyingKey::hmac(Algorithm::HS256, MARKER).unwrap();
    let shown = [
        format!("{:?}", HmacSecret::from(MARKER)),
        format!("{signing:?}"),
        format!("{:?}", Signer::new(signing.clone())),
        format!("{:?}", SigningKeys::new(signing.clone().with_kid("a")).unwrap()),
        format!("{verifying:?}"),
        format!("{:?}", KeySet::from(verifying.clone())),
        format!("{:?}", Jwt::<Value>::key(verifying.clone())),
        format!("{:?}", Jwt::<Value>::key(verifying).verify(accept)),
        format!("{:?}", Signer::new(signing).sign(&json!({ "sub": MARKER })).unwrap()),
    ];
    for shown in shown {
        assert!(!shown.contains("MARKER") && !shown.contains("77, 65, 82"), "{shown}");
        assert!(!shown.contains(&encode("MARKER")), "{shown}");
    }
}

#[test]
fn errors_show_neither_secrets_nor_what_they_read() {
    let jwk =
        |name: &str| json!({ "kty": MARKER, "alg": MARKER, "k": MARKER, name: MARKER, "use": MARKER }).to_string();
    let errors = [
        VerifyingKey::hmac(Algorithm::HS512, MARKER).unwrap_err(),
        VerifyingKey::from_pem(Algorithm::RS256, MARKER.as_bytes()).unwrap_err(),
        VerifyingKey::from_pem(Algorithm::RS256, format!("-----BEGIN {MARKER}-----").as_bytes()).unwrap_err(),
        VerifyingKey::from_pem(Algorithm::RS256, format!("-----BEGIN PUBLIC KEY-----{MARKER}").as_bytes()).unwrap_err(),
        VerifyingKey::from_jwk(&jwk("d")).unwrap_err(),
        VerifyingKey::from_jwk(MARKER).unwrap_err(),
        KeySet::from_jwks(&format!("{{\"keys\":[{}]}}", jwk("d"))).unwrap_err(),
    ];
    for error in errors {
        assert!(!format!("{error} {error:?}").contains("MARKER"), "{error:?}");
    }
}

#[test]
fn refusals_show_no_claim() {
    for more in [json!({ "sub": 1, "x": MARKER }), json!({ "aud": MARKER }), json!({ "jti": [MARKER] })] {
        let refusal = present(jwt(), &token(&claims(more))).unwrap_err();
        assert!(!format!("{refusal:?} {:?}", refusal.to_response()).contains("MARKER"));
    }
}
