//! Secrets appear neither in `Debug` output and errors nor in the log.

use auth_jwt::{Algorithm, HmacSecret, Jwt, KeySet, Signer, SigningKey, SigningKeys, VerifyingKey};
use serde_json::{Value, json};

use crate::{log::logged, support::*};

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
        assert!(!shown.is_empty() && !shown.contains("MARKER") && !shown.contains("77, 65, 82"), "{shown}");
        assert!(!shown.contains(&encode("MARKER")), "{shown}");
    }
}

#[test]
fn errors_show_neither_secrets_nor_input() {
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

fn assert_clean(log: &str, token: &str) {
    assert!(!log.contains("MARKER") && !log.contains(token), "{log}");
    assert!(!token.split('.').any(|part| part.len() > 8 && log.contains(part)), "{log}");
}

#[test]
fn logs_tell_why_a_token_is_refused_and_nothing_of_it() {
    let access = || jwt().access_token("chat").issuer(ISSUER);
    let cases = [
        (jwt(), json!({ "sub": 1, "x": MARKER }), "must be a string"),
        (jwt(), json!({ "aud": "other", "x": MARKER }), "audience"),
        (jwt(), json!({ "exp": 1, "x": MARKER }), "has expired"),
        (jwt().issuer("other"), json!({ "iss": ISSUER, "jti": MARKER }), "another issuer"),
        (jwt(), json!({ "cnf": { "jkt": MARKER } }), "possession"),
        (jwt().nonce("other"), json!({ "nonce": MARKER }), "nonce"),
        (
            jwt().id_token("other"),
            json!({ "iss": ISSUER, "aud": "other", "iat": NOW, "azp": "app", "nonce": MARKER }),
            "another client",
        ),
        (access(), json!({ "iss": ISSUER, "aud": "chat", "x": MARKER }), "another type"),
    ];
    for (jwt, more, reason) in cases {
        let token = token(&claims(more));
        let log = logged(|| drop(present(jwt, &token).unwrap_err()));
        assert!(log.contains(reason), "{reason}: {log}");
        assert_clean(&log, &token);
    }
}

#[test]
fn logs_say_that_a_scope_is_missing_but_not_which_are_present() {
    let token = token(&claims(json!({ "scope": MARKER, "acr": MARKER, "auth_time": NOW })));
    let user = present(jwt(), &token).unwrap();
    let log = logged(|| drop(user.evidence().require_scope("chat:write").unwrap_err()));
    assert!(log.contains("scopes that are required"), "{log}");
    assert_clean(&log, &token);
    assert!(!format!("{:?}", user.evidence()).contains("MARKER"));
}

#[cfg(feature = "dpop")]
#[test]
fn logs_tell_why_a_proof_is_refused_and_nothing_of_it() {
    use auth_core::ManualClock;
    use auth_jwt::{Dpop, DpopKey};

    let pem = include_bytes!("../keys/p256.pem");
    let key = DpopKey::new(SigningKey::from_pem(Algorithm::ES256, pem).unwrap()).unwrap();
    let key = key.clock(ManualClock::new(now()));
    let token = token(&claims(json!({ "x": MARKER, "cnf": { "jkt": key.thumbprint() } })));
    let asked = |url: &str, room: usize| {
        let jwt = jwt().dpop(Dpop::new("https://api.example").unwrap().max_proofs(room, room));
        let proof = key.proof("GET", url, &token).unwrap();
        let authorization = format!("DPoP {token}");
        let request = http::Request::builder().header("authorization", authorization).header("dpop", proof.expose());
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let log = logged(|| drop(ask(jwt.verify(accept), &parts)));
        assert_clean(&log, proof.expose());
        assert_clean(&log, &token);
        assert!(!log.contains(key.thumbprint()), "{log}");
        log
    };
    assert!(asked(&format!("https://api.example/{MARKER}"), 9).contains("another URL"));
    assert!(asked("https://api.example/", 0).contains("memory for proofs of possession is full"));
    assert!(asked("https://api.example/", 9).contains("accepted"));
}
