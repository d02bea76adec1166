//! Keys that are published as X.509 certificates.

use std::time::{Duration, SystemTime};

use auth_core::{Clock as _, ManualClock};
use auth_jwt::{
    Algorithm, Signer, SigningKey, SigningKeys,
    remote::{FetchErrorKind, RemoteJwks},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{log::logged, support::*};

/// Each algorithm with its private key and certificate, which is valid from 2026.
const KINDS: [(Algorithm, &[u8], &str); 3] = [
    (Algorithm::RS256, include_bytes!("../keys/rsa2048.pem"), include_str!("../keys/rsa2048.cert.pem")),
    (Algorithm::ES256, include_bytes!("../keys/p256.pem"), include_str!("../keys/p256.cert.pem")),
    (Algorithm::EdDSA, include_bytes!("../keys/ed25519.pem"), include_str!("../keys/ed25519.cert.pem")),
];

/// When the RSA certificate begins and ends: 24 November 2026, and ten years later.
const RSA_FROM: u64 = 1_795_502_386;
const RSA_TO: u64 = 2_110_862_386;

/// An issuer of certificates, in January 2027.
struct World {
    clock: ManualClock,
    issuer: Issuer,
}

impl World {
    async fn new(document: &Value) -> Self {
        let clock = ManualClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        let issuer = Issuer::new(&clock).await;
        issuer.publish(document);
        Self { clock, issuer }
    }

    async fn source(&self) -> RemoteJwks {
        let builder = RemoteJwks::certificates(self.issuer.url("/x509")).unwrap().clock(self.clock.clone());
        builder.background().unwrap()
    }

    async fn ask(&self, source: &RemoteJwks, algorithm: Algorithm, kid: Option<&str>) -> &'static str {
        let (_, private, _) = KINDS.into_iter().find(|(own, ..)| *own == algorithm).unwrap();
        let key = SigningKey::from_pem(algorithm, private).unwrap();
        let signer = Signer::new(if let Some(kid) = kid { key.with_kid(kid) } else { key });
        let exp = self.clock.now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() + 60;
        let token = signer.sign(&json!({ "sub": "1001", "exp": exp })).unwrap();
        verdict(source, token.expose(), &self.clock).await
    }
}

/// A certificate in the form of `x5c`.
fn x5c(pem: &str) -> Value {
    json!([STANDARD.encode(der_of(pem.as_bytes())), "the one that signed it is not looked at"])
}

/// The members of the public key, as an issuer writes them.
fn members(algorithm: Algorithm) -> Value {
    let (_, private, _) = KINDS.into_iter().find(|(own, ..)| *own == algorithm).unwrap();
    let keys = SigningKeys::new(SigningKey::from_pem(algorithm, private).unwrap().with_kid("a")).unwrap();
    serde_json::from_str::<Value>(&keys.jwks()).unwrap()["keys"][0].take()
}

fn with(mut jwk: Value, name: &str, value: Value) -> Value {
    jwk[name] = value;
    jwk
}

#[test]
fn map_of_names_and_certificates_has_keys_of_every_kind() {
    run(async {
        let document = json!({ "r": KINDS[0].2, "p": KINDS[1].2, "e": KINDS[2].2 });
        let world = World::new(&document).await;
        let source = world.source().await;
        for ((algorithm, ..), name) in KINDS.into_iter().zip(["r", "p", "e"]) {
            assert_eq!(world.ask(&source, algorithm, Some(name)).await, ACCEPTED, "{algorithm}");
            assert_eq!(world.ask(&source, algorithm, Some("x")).await, UNRECOGNIZED, "{algorithm}");
        }
        assert_eq!(world.ask(&source, Algorithm::ES256, Some("r")).await, UNRECOGNIZED);
        assert_eq!(source.status().keys(), 3);
    });
}

#[test]
fn set_with_x5c_has_the_key_of_the_first_certificate() {
    run(async {
        for (algorithm, _, pem) in KINDS {
            let bare = json!({ "kid": "a", "use": "sig", "x5c": x5c(pem) });
            let kind = with(bare.clone(), "kty", members(algorithm)["kty"].clone());
            let whole = with(members(algorithm), "x5c", x5c(pem));
            for jwk in [bare, whole, if algorithm == Algorithm::RS256 { kind } else { json!({ "x5c": x5c(pem) }) }] {
                let world = World::new(&jwks([jwk.clone()])).await;
                assert_eq!(world.ask(&world.source().await, algorithm, Some("a")).await, ACCEPTED, "{jwk}");
            }
        }
    });
}

#[test]
fn ambiguous_entry_is_left_out_and_logged_with_the_reason() {
    let (rsa, p256) = (KINDS[0].2, KINDS[1].2);
    let map = |value: Value| json!({ "b": value, "good": p256 });
    let set = |jwk: Value| jwks([with(jwk, "kid", json!("b")), json!({ "kid": "good", "x5c": x5c(p256) })]);
    let (missing, broken) = ("the X.509 certificate is missing", "this is not an X.509 certificate");
    for (document, why) in [
        (map(json!(5)), missing),
        (map(json!(null)), missing),
        (map(json!("")), broken),
        (map(json!(str::from_utf8(KINDS[0].1).unwrap())), "a private key or a secret"),
        (map(json!(format!("{rsa}{}", str::from_utf8(KINDS[0].1).unwrap()))), "a private key or a secret"),
        (map(json!(rsa.replace("CERTIFICATE", "CERTIFICATE REQUEST"))), broken),
        (map(json!(rsa.replace("END", "KEY"))), broken),
        (set(json!({ "x5c": [] })), missing),
        (set(json!({ "x5c": "text" })), missing),
        (set(json!({ "x5c": [5] })), missing),
        (set(json!({ "x5c": ["****"] })), missing),
        (set(members(Algorithm::RS256)), missing),
        (set(with(members(Algorithm::RS256), "x5c", x5c(p256))), "has another key"),
        (set(with(members(Algorithm::ES256), "x5c", x5c(rsa))), "has another key"),
        (set(with(with(members(Algorithm::RS256), "x5c", x5c(rsa)), "e", json!("Aw"))), "has another key"),
        (set(with(with(members(Algorithm::RS256), "x5c", x5c(rsa)), "n", json!("!"))), "has another key"),
        (set(json!({ "kty": "AKP", "x5c": x5c(rsa) })), "has another key"),
        (set(json!({ "alg": "ES256", "x5c": x5c(rsa) })), "contradicts"),
        (set(json!({ "use": "enc", "x5c": x5c(rsa) })), "not for signatures"),
        (set(json!({ "d": 5, "x5c": x5c(rsa) })), "a private key or a secret"),
    ] {
        let log = logged(|| {
            run(async {
                let world = World::new(&document).await;
                let source = world.source().await;
                assert_eq!(world.ask(&source, Algorithm::ES256, Some("good")).await, ACCEPTED);
                assert_eq!(source.status().keys(), 1, "{document}");
            });
        });
        let line = log.lines().find(|line| line.contains("a published key is left out")).expect(&log);
        assert!(line.contains(r#"kid="b""#) && line.contains(why), "{document}: {line}");
    }
}

/// A private key instead of a certificate, after one, or in an unsupported form.
#[test]
fn published_private_key_taints_the_certificate_of_its_pair() {
    run(async {
        for (algorithm, private, pem) in KINDS {
            let private = str::from_utf8(private).unwrap();
            let (_, _, other) = KINDS.into_iter().find(|(own, ..)| *own != algorithm).unwrap();
            for secret in [private.to_owned(), format!("{pem}{private}"), format!("{private}{pem}")] {
                let world = World::new(&json!({ "a": pem, "b": secret, "c": other })).await;
                let source = world.source().await;
                assert_eq!(world.ask(&source, algorithm, Some("a")).await, UNRECOGNIZED, "{algorithm}");
                assert_eq!(source.status().keys(), 1, "{algorithm}");
            }
        }
        let broken = "-----BEGIN EC PRIVATE KEY-----\nAAAA";
        let world = World::new(&json!({ "a": format!("{}{broken}", KINDS[1].2), "c": KINDS[0].2 })).await;
        let source = world.source().await;
        assert_eq!(world.ask(&source, Algorithm::ES256, Some("a")).await, UNRECOGNIZED);
    });
}

#[test]
fn certificate_counts_from_its_first_second_to_its_last() {
    // The other certificate begins later, and ends later.
    let cases = [(RSA_FROM - 1, UNAVAILABLE), (RSA_FROM, ACCEPTED), (RSA_TO, ACCEPTED), (RSA_TO + 1, UNRECOGNIZED)];
    for (at, expected) in cases {
        let log = logged(|| {
            run(async {
                let world = World::new(&json!({ "a": KINDS[0].2, "b": KINDS[2].2 })).await;
                let clock = ManualClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(at));
                let world = World { clock, ..world };
                let said = world.ask(&world.source().await, Algorithm::RS256, Some("a")).await;
                assert_eq!(said, expected, "{at}");
            });
        });
        let is_told = log.contains("valid only from 2026-11-24T06:39:46Z to 2036-11-21T06:39:46Z");
        assert_eq!(is_told, expected != ACCEPTED, "{log}");
    }
}

/// The document has not changed, and no validator is sent for it.
#[test]
fn expired_certificate_is_dropped_at_the_next_unchanged_fetch() {
    run(async {
        let world = World::new(&json!({})).await;
        let clock = ManualClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(RSA_TO - 60));
        let world = World { clock, ..world };
        let document = json!({ "a": KINDS[0].2, "b": KINDS[1].2 }).to_string();
        world.issuer.say(move |asked| {
            let is_conditional = asked.head.to_ascii_lowercase().contains("if-none-match");
            Say::All(if is_conditional {
                reply("304 Not Modified", "", "")
            } else {
                reply("200 OK", "etag: \"1\"\r\n", document.clone())
            })
        });
        let source = world.source().await;
        assert_eq!(world.ask(&source, Algorithm::RS256, Some("a")).await, ACCEPTED);
        world.clock.advance(10 * MINUTE);
        until(&source, |status| status.generation() == 2).await;
        assert_eq!(world.ask(&source, Algorithm::RS256, Some("a")).await, UNRECOGNIZED);
        assert_eq!(world.ask(&source, Algorithm::ES256, Some("b")).await, ACCEPTED);
    });
}

#[test]
fn jwk_sets_and_certificates_are_not_confused() {
    run(async {
        let map = json!({ "a": KINDS[0].2 });
        let world = World::new(&map).await;
        let keys = RemoteJwks::at(world.issuer.url("/x509")).unwrap().clock(world.clock.clone()).lazy().unwrap();
        assert_eq!(world.ask(&keys, Algorithm::RS256, Some("a")).await, UNAVAILABLE);
        assert_eq!(keys.status().last_error(), Some(FetchErrorKind::Malformed));
        for (document, kind) in [
            (json!([map]), FetchErrorKind::Malformed),
            (json!({}), FetchErrorKind::NoUsableKey),
            (json!({ "error": "not found" }), FetchErrorKind::NoUsableKey),
            (jwks([members(Algorithm::RS256)]), FetchErrorKind::NoUsableKey),
            (Value::Object((0..101).map(|n| (n.to_string(), json!(""))).collect()), FetchErrorKind::TooLarge),
        ] {
            world.issuer.publish(&document);
            let source = world.source().await;
            assert_eq!(world.ask(&source, Algorithm::RS256, Some("a")).await, UNAVAILABLE, "{document}");
            assert_eq!(source.status().last_error(), Some(kind), "{document}");
        }
    });
}

#[test]
fn private_key_beside_certificates_taints_its_name_and_its_key_pair() {
    run(async {
        for (algorithm, private, pem) in KINDS {
            let private = str::from_utf8(private).unwrap();
            for secret in [
                private.to_owned(),
                format!("{pem}{private}"),
                format!("{private}{pem}"),
                format!("{pem}-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"),
                format!("text before\n{pem}\n\n{}", private.replace('\n', "\r\n")),
            ] {
                let other = KINDS.into_iter().find(|(own, ..)| *own != algorithm).unwrap();
                let world = World::new(&json!({ "a": pem, "b": secret, "good": other.2 })).await;
                let source = world.source().await;
                assert_eq!(world.ask(&source, other.0, Some("good")).await, ACCEPTED, "{algorithm}");
                for name in ["a", "b"] {
                    let said = world.ask(&source, algorithm, Some(name)).await;
                    assert_eq!(said, UNRECOGNIZED, "{algorithm} {name} {}", secret.len());
                }
            }
        }
    });
}

/// The private key in a text that is not quite PEM.
#[test]
fn private_key_in_odd_pem_taints_the_certificate_of_its_pair() {
    run(async {
        for (algorithm, private, pem) in KINDS {
            let private = str::from_utf8(private).unwrap();
            let (begin, rest) = private.split_once('\n').unwrap();
            let (body, end) = rest.split_once("-----END").unwrap();
            let (head, tail) = body.split_at(20);
            let other = KINDS.into_iter().find(|(own, ..)| *own != algorithm).unwrap();
            for odd in [
                format!("{begin}\nComment: x\n\n{rest}"),
                format!("{begin}\nProc-Type: 4\nComment: x\n\n{rest}").replace('\n', "\r\n"),
                format!("{begin}\n{head}\u{a0}{tail}-----END{end}"),
                format!("{begin}\n{head}\0*{tail}-----END{end}"),
                format!("{begin}\n{body}"),
                private.replace('=', "").replace('+', "-").replace('/', "_"),
                private.replace("-----END PRIVATE", "-----END PUBLIC"),
            ] {
                let world = World::new(&json!({ "a": pem, "b": odd, "good": other.2 })).await;
                let source = world.source().await;
                assert_eq!(world.ask(&source, algorithm, Some("a")).await, UNRECOGNIZED, "{algorithm} {odd}");
                assert_eq!(world.ask(&source, other.0, Some("good")).await, ACCEPTED, "{algorithm} {odd}");
            }
        }
    });
}

/// It may belong to any of the certificates.
#[test]
fn document_with_an_unreadable_private_key_is_refused() {
    run(async {
        let good = json!({ "a": KINDS[1].2 });
        let world = World::new(&good).await;
        let source = world.source().await;
        assert_eq!(world.ask(&source, Algorithm::ES256, Some("a")).await, ACCEPTED);
        let many = format!("{}{}", KINDS[0].2.repeat(8), str::from_utf8(KINDS[1].1).unwrap());
        for unreadable in [
            json!("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
            json!("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"),
            json!("-----BEGIN PRIVATE KEY-----\nComment: x"),
            json!("BEGIN PRIVATE KEY-----"),
            json!(format!("{}-----BEGIN PRIVATE KEY-----\nAAAA", str::from_utf8(KINDS[0].1).unwrap())),
            json!(str::from_utf8(KINDS[1].1).unwrap().replace('\n', "\\n")),
            json!({ "pem": str::from_utf8(KINDS[1].1).unwrap() }),
            json!([str::from_utf8(KINDS[1].1).unwrap()]),
            json!(many),
        ] {
            world.issuer.publish(&with(good.clone(), "b", unreadable.clone()));
            let fresh = world.source().await;
            assert_eq!(world.ask(&fresh, Algorithm::ES256, Some("a")).await, UNAVAILABLE, "{unreadable}");
            assert_eq!(format!("{:?}", fresh.status().last_error()), "Some(PrivateKey)", "{unreadable}");
        }
        // The last good set stays.
        world.clock.advance(10 * MINUTE);
        assert_eq!(world.ask(&source, Algorithm::ES256, Some("a")).await, ACCEPTED);
        until(&source, |status| status.last_error().is_some()).await;
        assert_eq!(world.ask(&source, Algorithm::ES256, Some("a")).await, ACCEPTED);
    });
}
