//! Which keys are accepted, which key of a set is chosen, and the errors for the others.

use auth_core::{ConfigError, extract};
use auth_jwt::{Algorithm, HmacSecret, Jwt, KeySet, Signer, SigningKey, VerifyingKey};
use serde_json::{Value, json};

use crate::support::*;

macro_rules! pem {
    ($name:literal) => {
        include_bytes!(concat!("../keys/", $name, ".pem")).as_slice()
    };
}

/// One key of each kind: its algorithms, the private and the public file.
fn families() -> Vec<(&'static [Algorithm], &'static [u8], &'static [u8])> {
    use Algorithm::*;
    vec![
        (&[RS256, RS384, RS512, PS256, PS384, PS512], pem!("rsa2048"), pem!("rsa2048.pub")),
        (&[ES256], pem!("p256"), pem!("p256.pub")),
        (&[ES384], pem!("p384"), pem!("p384.pub")),
        (&[ES512], pem!("p521"), pem!("p521.pub")),
        #[cfg(feature = "es256k")]
        (&[ES256K], pem!("secp256k1"), pem!("secp256k1.pub")),
        (&[EdDSA], pem!("ed25519"), pem!("ed25519.pub")),
    ]
}

fn der(pem: &[u8]) -> Vec<u8> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let body: String = str::from_utf8(pem).unwrap().lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(body).unwrap()
}

/// The text of the error. It must say what to change.
fn error<T: std::fmt::Debug>(result: Result<T, ConfigError>) -> String {
    result.unwrap_err().to_string()
}

fn accepts(key: VerifyingKey, signer: SigningKey) -> bool {
    let token = Signer::new(signer).sign(&claims(json!({}))).unwrap();
    verdict(crate::support::key(key), token.expose()) == ACCEPTED
}

#[test]
fn every_algorithm_signs_and_verifies_from_pem() {
    for (algorithms, private, public) in families() {
        for &algorithm in algorithms {
            let signer = SigningKey::from_pem(algorithm, private).unwrap();
            assert!(accepts(VerifyingKey::from_pem(algorithm, public).unwrap(), signer), "{algorithm}");
        }
    }
}

#[test]
fn every_algorithm_signs_and_verifies_from_der() {
    for (algorithms, private, public) in families() {
        for &algorithm in algorithms {
            let signer = SigningKey::from_der(algorithm, &der(private)).unwrap();
            assert!(accepts(VerifyingKey::from_der(algorithm, &der(public)).unwrap(), signer), "{algorithm}");
        }
    }
}

#[test]
fn every_hmac_algorithm_signs_and_verifies() {
    for (algorithm, len) in [(Algorithm::HS256, 32), (Algorithm::HS384, 48), (Algorithm::HS512, 64)] {
        let secret = vec![7; len];
        let signer = SigningKey::hmac(algorithm, secret.clone()).unwrap();
        assert!(accepts(VerifyingKey::hmac(algorithm, secret).unwrap(), signer), "{algorithm}");
    }
}

#[test]
fn verifying_key_of_a_signing_key_fits_it() {
    for (algorithms, private, _) in families() {
        let signer = SigningKey::from_pem(algorithms[0], private).unwrap().with_kid("a");
        let key = signer.verifying_key().unwrap();
        assert_eq!(key.kid(), Some("a"));
        assert!(accepts(key, signer));
    }
}

#[test]
fn pkcs1_files_are_read() {
    let signer = SigningKey::from_pem(Algorithm::RS256, pem!("rsa2048.pkcs1")).unwrap();
    assert!(accepts(VerifyingKey::from_pem(Algorithm::RS256, pem!("rsa2048.pkcs1.pub")).unwrap(), signer));
    let signer = SigningKey::from_der(Algorithm::RS256, &der(pem!("rsa2048.pkcs1"))).unwrap();
    assert!(accepts(VerifyingKey::from_der(Algorithm::RS256, &der(pem!("rsa2048.pkcs1.pub"))).unwrap(), signer));
}

#[test]
fn pem_may_be_on_one_line_with_text_around_it() {
    let one_line = str::from_utf8(pem!("p256.pub")).unwrap().replace('\n', "");
    assert!(VerifyingKey::from_pem(Algorithm::ES256, one_line.as_bytes()).is_ok());
    let text = format!("Key of May:\r\n{}\r\nEnd of file", str::from_utf8(pem!("p256")).unwrap().replace('\n', "\r\n"));
    assert!(SigningKey::from_pem(Algorithm::ES256, text.as_bytes()).is_ok());
}

#[test]
fn first_section_of_a_pem_file_counts() {
    let both = [pem!("p256.pub"), pem!("p256")].concat();
    assert!(VerifyingKey::from_pem(Algorithm::ES256, &both).is_ok());
    assert!(error(SigningKey::from_pem(Algorithm::ES256, &both)).contains("does not hold a private key"));
}

fn labelled(label: &str, der: &[u8]) -> Vec<u8> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der)).into_bytes()
}

#[test]
fn content_of_a_pem_file_must_be_what_its_label_says() {
    let (spki, pkcs1) = (der(pem!("rsa2048.pub")), der(pem!("rsa2048.pkcs1.pub")));
    let public = |algorithm, label, der: &[u8]| VerifyingKey::from_pem(algorithm, &labelled(label, der)).is_ok();
    assert!(public(Algorithm::RS256, "PUBLIC KEY", &spki) && public(Algorithm::RS256, "RSA PUBLIC KEY", &pkcs1));
    assert!(!public(Algorithm::RS256, "PUBLIC KEY", &pkcs1) && !public(Algorithm::RS256, "RSA PUBLIC KEY", &spki));
    for (algorithm, file, len) in
        [(Algorithm::ES256, pem!("p256.pub"), 65), (Algorithm::EdDSA, pem!("ed25519.pub"), 32)]
    {
        let spki = der(file);
        assert!(public(algorithm, "PUBLIC KEY", &spki) && !public(algorithm, "RSA PUBLIC KEY", &spki), "{algorithm}");
        let bare = &spki[spki.len() - len..];
        assert!(VerifyingKey::from_der(algorithm, bare).is_ok(), "{algorithm}");
        assert!(!public(algorithm, "PUBLIC KEY", bare), "{algorithm}");
    }
    let (pkcs8, pkcs1) = (der(pem!("rsa2048")), der(pem!("rsa2048.pkcs1")));
    let private = |label, der: &[u8]| SigningKey::from_pem(Algorithm::RS256, &labelled(label, der)).is_ok();
    assert!(private("PRIVATE KEY", &pkcs8) && private("RSA PRIVATE KEY", &pkcs1));
    assert!(!private("PRIVATE KEY", &pkcs1) && !private("RSA PRIVATE KEY", &pkcs8));
}

#[test]
fn bytes_after_the_key_in_a_pem_file_are_refused() {
    let longer = |file| [&der(file)[..], b"garbage"].concat();
    for (algorithms, private, public) in families() {
        let verifying = VerifyingKey::from_pem(algorithms[0], &labelled("PUBLIC KEY", &longer(public)));
        assert!(error(verifying).contains("not a valid public"), "{}", algorithms[0]);
        let signing = SigningKey::from_pem(algorithms[0], &labelled("PRIVATE KEY", &longer(private)));
        assert!(error(signing).contains("not a valid private"), "{}", algorithms[0]);
    }
    let public = labelled("RSA PUBLIC KEY", &longer(pem!("rsa2048.pkcs1.pub")));
    assert!(VerifyingKey::from_pem(Algorithm::RS256, &public).is_err());
    let private = labelled("RSA PRIVATE KEY", &longer(pem!("rsa2048.pkcs1")));
    assert!(SigningKey::from_pem(Algorithm::RS256, &private).is_err());
}

/// A key that is restricted to PSS (RFC 4055, 1.2), and a curve in explicit parameters (RFC 5480, 2.1.1).
#[test]
fn key_must_name_rsa_encryption_or_a_curve() {
    for (algorithms, file) in [
        (&[Algorithm::RS256, Algorithm::PS256], pem!("rsa2048.pss.pub")),
        (&[Algorithm::ES256, Algorithm::ES384], pem!("p256.explicit.pub")),
    ] {
        for &algorithm in algorithms {
            assert!(error(VerifyingKey::from_pem(algorithm, file)).contains("not a valid public"), "{algorithm}");
            assert!(error(VerifyingKey::from_der(algorithm, &der(file))).contains("not a valid public"), "{algorithm}");
        }
    }
}

#[test]
fn pem_section_must_end_with_its_label() {
    let file = str::from_utf8(pem!("p256.pub")).unwrap();
    for broken in
        [file.replace("END PUBLIC", "END PRIVATE"), file.replace("-----END", "----END"), file.replace('=', "")]
    {
        assert!(error(VerifyingKey::from_pem(Algorithm::ES256, broken.as_bytes())).contains("not a valid public"));
    }
}

#[test]
fn secret_must_be_as_long_as_the_hash() {
    for (algorithm, len) in [(Algorithm::HS256, 32), (Algorithm::HS384, 48), (Algorithm::HS512, 64)] {
        assert!(VerifyingKey::hmac(algorithm, vec![1; len]).is_ok());
        assert!(error(VerifyingKey::hmac(algorithm, vec![1; len - 1])).contains("generate a longer one"));
        assert!(SigningKey::hmac(algorithm, vec![1; len - 1]).is_err());
    }
}

#[test]
fn builder_requires_secrets_of_the_length_of_the_hash() {
    assert!(Jwt::<Value>::hs256([1; 31]).is_err() && Jwt::<Value>::hs256([1; 32]).is_ok());
    assert!(Jwt::<Value>::hs384([1; 47]).is_err() && Jwt::<Value>::hs384([1; 48]).is_ok());
    assert!(Jwt::<Value>::hs512([1; 63]).is_err() && Jwt::<Value>::hs512([1; 64]).is_ok());
}

#[test]
fn short_secret_can_be_allowed() {
    let short = || HmacSecret::from("secret").dangerous_allow_short_secret();
    let signer = SigningKey::hmac(Algorithm::HS256, short()).unwrap();
    assert!(accepts(VerifyingKey::hmac(Algorithm::HS256, short()).unwrap(), signer));
}

#[test]
fn empty_secret_never_builds() {
    let empty = HmacSecret::from("").dangerous_allow_short_secret();
    assert!(error(Jwt::<Value>::hs256(empty)).contains("the HMAC secret is empty: set one"));
}

#[test]
fn secrets_come_in_many_forms() {
    let forms: [HmacSecret; 7] = [
        SECRET.into(),
        SECRET.to_owned().into(),
        (&SECRET.to_owned()).into(),
        SECRET.as_bytes().into(),
        SECRET.as_bytes().to_vec().into(),
        b"0123456789abcdef0123456789abcdef".into(),
        (&auth_core::Secret::new(SECRET)).into(),
    ];
    for secret in forms {
        let jwt = Jwt::hs256(secret).unwrap().extract(extract::header("x-token"));
        assert_eq!(verdict(jwt, &token(&claims(json!({})))), ACCEPTED);
    }
}

#[test]
fn algorithm_and_kind_of_key_must_fit() {
    assert!(error(VerifyingKey::hmac(Algorithm::RS256, SECRET)).contains("takes no secret"));
    assert!(error(VerifyingKey::from_pem(Algorithm::HS256, pem!("rsa2048.pub"))).contains("takes a secret"));
    assert!(error(VerifyingKey::from_der(Algorithm::HS256, b"abc")).contains("takes a secret"));
    assert!(error(SigningKey::from_pem(Algorithm::HS256, pem!("rsa2048"))).contains("takes a secret"));
    assert!(error(SigningKey::from_der(Algorithm::HS256, b"abc")).contains("takes a secret"));
    for (algorithms, private, public) in families() {
        for (others, ..) in families().into_iter().filter(|(others, ..)| *others != algorithms) {
            assert!(error(VerifyingKey::from_pem(others[0], public)).contains("not a valid public"), "{}", others[0]);
            assert!(error(VerifyingKey::from_der(others[0], &der(public))).contains("not a valid public"));
            assert!(error(SigningKey::from_pem(others[0], private)).contains("not a valid private"), "{}", others[0]);
            assert!(error(SigningKey::from_der(others[0], &der(private))).contains("not a valid private"));
        }
    }
}

#[test]
fn algorithm_displays_its_registered_name() {
    assert_eq!([Algorithm::HS256, Algorithm::EdDSA].map(|algorithm| algorithm.to_string()), ["HS256", "EdDSA"]);
}

#[test]
fn private_key_does_not_verify() {
    for (algorithms, private, _) in families() {
        assert!(error(VerifyingKey::from_pem(algorithms[0], private)).contains("openssl pkey -pubout"));
        assert!(VerifyingKey::from_der(algorithms[0], &der(private)).is_err());
    }
    assert!(error(VerifyingKey::from_pem(Algorithm::RS256, pem!("rsa2048.pkcs1"))).contains("private key"));
    assert!(VerifyingKey::from_der(Algorithm::RS256, &der(pem!("rsa2048.pkcs1"))).is_err());
}

#[test]
fn public_key_does_not_sign() {
    for (algorithms, _, public) in families() {
        assert!(error(SigningKey::from_pem(algorithms[0], public)).contains("does not hold a private key"));
        assert!(SigningKey::from_der(algorithms[0], &der(public)).is_err());
    }
}

#[test]
fn error_names_a_certificate() {
    assert!(error(VerifyingKey::from_pem(Algorithm::RS256, pem!("rsa2048.cert"))).contains("openssl x509"));
}

#[test]
fn errors_for_other_file_formats_say_how_to_convert() {
    assert!(error(SigningKey::from_pem(Algorithm::ES256, pem!("p256.sec1"))).contains("openssl pkcs8 -topk8"));
    assert!(error(SigningKey::from_pem(Algorithm::EdDSA, pem!("ed25519.encrypted"))).contains("decrypt it first"));
    for broken in [&b""[..], b"secret", b"\xff", b"-----BEGIN "] {
        assert!(error(VerifyingKey::from_pem(Algorithm::RS256, broken)).contains("not a PEM file"));
    }
    let request = b"-----BEGIN CERTIFICATE REQUEST-----";
    assert!(error(VerifyingKey::from_pem(Algorithm::RS256, request)).contains("not a valid public RSA key"));
    let cut = &pem!("rsa2048.pub")[..200];
    assert!(error(VerifyingKey::from_pem(Algorithm::RS256, cut)).contains("not a valid public RSA key"));
}

#[test]
fn weak_rsa_key_does_not_build() {
    assert!(
        error(VerifyingKey::from_pem(Algorithm::RS256, pem!("rsa1024.pub"))).contains("1024 bits: use one of 2048")
    );
    assert!(VerifyingKey::from_der(Algorithm::PS512, &der(pem!("rsa1024.pub"))).is_err());
    assert!(SigningKey::from_pem(Algorithm::RS256, pem!("rsa1024")).is_err());
}

/// A modulus with this many bits. It is not a product of two primes, but that is not checked.
fn rsa_jwk(bits: usize, e: &[u8]) -> String {
    let mut n = vec![0xff; bits.div_ceil(8)];
    n[0] >>= (8 - bits % 8) % 8;
    json!({ "kty": "RSA", "n": encode(n), "e": encode(e) }).to_string()
}

#[test]
fn rsa_keys_of_2048_to_8192_bits_build() {
    for (bits, builds) in [(2047, false), (2048, true), (4096, true), (8192, true), (8193, false)] {
        assert_eq!(VerifyingKey::from_jwk(&rsa_jwk(bits, &[1, 0, 1])).is_ok(), builds, "{bits}");
    }
}

#[test]
fn rsa_exponent_must_be_odd_and_from_3_to_2_33() {
    let good: [&[u8]; 4] = [&[3], &[17], &[1, 0, 1], &[1, 0xff, 0xff, 0xff, 0xff]];
    let bad: [&[u8]; 6] = [&[], &[0], &[1], &[2], &[1, 0, 0], &[2, 0, 0, 0, 1]];
    for e in good {
        assert!(VerifyingKey::from_jwk(&rsa_jwk(2048, e)).is_ok(), "{e:?}");
    }
    for e in bad {
        assert!(error(VerifyingKey::from_jwk(&rsa_jwk(2048, e))).contains("usual exponent 65537"), "{e:?}");
    }
}

/// The public point of the test key on P-256.
fn p256_jwk() -> Value {
    let der = der(pem!("p256.pub"));
    let (x, y) = der[der.len() - 64..].split_at(32);
    json!({ "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y) })
}

fn ed25519_jwk() -> Value {
    let der = der(pem!("ed25519.pub"));
    json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(&der[der.len() - 32..]) })
}

fn oct_jwk(len: usize) -> Value {
    json!({ "kty": "oct", "k": encode(vec![7; len]) })
}

/// `jwk` with this member added or replaced.
fn jwk_with(mut jwk: Value, name: &str, value: Value) -> String {
    jwk[name] = value;
    jwk.to_string()
}

#[test]
fn jwk_of_each_kind_verifies() {
    let signer = SigningKey::from_pem(Algorithm::ES256, pem!("p256")).unwrap();
    assert!(accepts(VerifyingKey::from_jwk(&p256_jwk().to_string()).unwrap(), signer));
    let signer = SigningKey::from_pem(Algorithm::EdDSA, pem!("ed25519")).unwrap();
    assert!(accepts(VerifyingKey::from_jwk(&ed25519_jwk().to_string()).unwrap(), signer));
    let signer = SigningKey::hmac(Algorithm::HS256, [7; 32]).unwrap();
    assert!(accepts(VerifyingKey::from_jwk(&oct_jwk(32).to_string()).unwrap(), signer));
}

#[test]
fn jwk_without_alg_allows_what_its_kind_allows() {
    use Algorithm::*;
    let allowed = |jwk: &str| VerifyingKey::from_jwk(jwk).unwrap().algorithms().collect::<Vec<_>>();
    assert_eq!(allowed(&oct_jwk(32).to_string()), [HS256]);
    assert_eq!(allowed(&oct_jwk(63).to_string()), [HS256, HS384]);
    assert_eq!(allowed(&oct_jwk(64).to_string()), [HS256, HS384, HS512]);
    assert_eq!(allowed(&rsa_jwk(2048, &[1, 0, 1])), [RS256, RS384, RS512, PS256, PS384, PS512]);
    assert_eq!(allowed(&p256_jwk().to_string()), [ES256]);
    assert_eq!(allowed(&ed25519_jwk().to_string()), [EdDSA]);
}

#[test]
fn jwk_with_alg_allows_only_that_algorithm() {
    let jwk = jwk_with(oct_jwk(64), "alg", json!("HS384"));
    assert_eq!(VerifyingKey::from_jwk(&jwk).unwrap().algorithms().collect::<Vec<_>>(), [Algorithm::HS384]);
}

#[test]
fn jwk_members_must_agree() {
    for alg in ["HS256", "ES384", "RS256", "none", "es256", "ES512", "RSA-OAEP", ""] {
        assert!(
            error(VerifyingKey::from_jwk(&jwk_with(p256_jwk(), "alg", json!(alg)))).contains("correct one"),
            "{alg}"
        );
    }
    for crv in ["P-384", "P-521", "secp256k1", "Ed25519", ""] {
        assert!(VerifyingKey::from_jwk(&jwk_with(p256_jwk(), "crv", json!(crv))).is_err(), "{crv}");
    }
    for kty in ["RSA", "OKP", "oct", "ec", ""] {
        assert!(VerifyingKey::from_jwk(&jwk_with(p256_jwk(), "kty", json!(kty))).is_err(), "{kty}");
    }
    assert!(error(VerifyingKey::from_jwk(&jwk_with(oct_jwk(32), "alg", json!("A256GCM")))).contains("correct one"));
}

#[test]
fn jwk_must_be_for_signatures() {
    for (name, good, bad) in [
        ("use", json!("sig"), json!("enc")),
        ("key_ops", json!(["verify"]), json!(["sign"])),
        ("key_ops", json!(["sign", "verify"]), json!([""])),
    ] {
        assert!(VerifyingKey::from_jwk(&jwk_with(p256_jwk(), name, good)).is_ok());
        assert!(VerifyingKey::from_jwk(&jwk_with(p256_jwk(), name, bad)).is_err());
    }
}

#[test]
fn jwk_with_a_private_part_does_not_verify() {
    for name in ["d", "p", "q", "dp", "dq", "qi"] {
        assert!(error(VerifyingKey::from_jwk(&jwk_with(p256_jwk(), name, json!("AQ")))).contains("take out `d`"));
    }
    assert!(VerifyingKey::from_jwk(&jwk_with(p256_jwk(), "oth", json!([]))).is_err());
}

#[test]
fn jwk_members_must_be_there_with_the_right_type() {
    for name in ["kty", "crv", "x", "y"] {
        let mut jwk = p256_jwk();
        jwk.as_object_mut().unwrap().remove(name);
        assert!(VerifyingKey::from_jwk(&jwk.to_string()).is_err(), "{name}");
        assert!(error(VerifyingKey::from_jwk(&jwk_with(p256_jwk(), name, json!(1)))).contains("RFC 7517"), "{name}");
    }
    assert!(error(VerifyingKey::from_jwk(r#"{"k":"AA"}"#)).contains("no `kty`"));
    for wrong in ["", "[]", "null", "{", r#"{"kty":"oct","kty":"oct","k":"AA"}"#] {
        assert!(error(VerifyingKey::from_jwk(wrong)).contains("RFC 7517"), "{wrong}");
    }
}

/// Whether this JWK is accepted and is still the public test key for P-256 or Ed25519.
fn is_same_key(jwk: &str, algorithm: Algorithm) -> bool {
    let private = if algorithm == Algorithm::EdDSA { pem!("ed25519") } else { pem!("p256") };
    VerifyingKey::from_jwk(jwk).is_ok_and(|key| accepts(key, SigningKey::from_pem(algorithm, private).unwrap()))
}

#[test]
fn empty_jwk_members_count_as_absent() {
    for name in ["alg", "use", "kid", "key_ops", "k", "d", "p", "q", "dp", "dq", "qi", "oth", "n", "e"] {
        assert!(is_same_key(&jwk_with(p256_jwk(), name, Value::Null), Algorithm::ES256), "{name}");
    }
    assert!(is_same_key(&jwk_with(p256_jwk(), "key_ops", json!([])), Algorithm::ES256));
    assert_eq!(VerifyingKey::from_jwk(&jwk_with(p256_jwk(), "kid", json!(""))).unwrap().kid(), None);
    for name in ["kty", "crv", "x", "y"] {
        assert!(VerifyingKey::from_jwk(&jwk_with(p256_jwk(), name, Value::Null)).is_err(), "{name}");
    }
}

#[test]
fn ed25519_is_a_name_of_eddsa_in_keys_and_tokens() {
    assert!(is_same_key(&jwk_with(ed25519_jwk(), "alg", json!("Ed25519")), Algorithm::EdDSA));
    let signer = SigningKey::from_pem(Algorithm::EdDSA, pem!("ed25519")).unwrap();
    let token = Signer::new(signer).sign(&claims(json!({}))).unwrap();
    assert!(token.expose().starts_with(&encode(r#"{"alg":"EdDSA","typ":"JWT"}"#)), "what everybody knows is written");
    let pair = aws_lc_rs::signature::Ed25519KeyPair::from_pkcs8(&der(pem!("ed25519"))).unwrap();
    for (alg, said) in [("Ed25519", ACCEPTED), ("EdDSA", ACCEPTED), ("ed25519", INVALID), ("Ed448", INVALID)] {
        let input = format!("{}.{}", encode(json!({ "alg": alg }).to_string()), encode(claims(json!({})).to_string()));
        let token = format!("{input}.{}", encode(pair.sign(input.as_bytes())));
        for key_alg in ["Ed25519", "EdDSA"] {
            let key = VerifyingKey::from_jwk(&jwk_with(ed25519_jwk(), "alg", json!(key_alg))).unwrap();
            assert_eq!(verdict(crate::support::key(key), &token), said, "{alg} {key_alg}");
        }
    }
}

#[test]
fn jwk_numbers_are_read_in_every_unambiguous_form() {
    use base64::{Engine as _, engine::general_purpose};
    let jwk = p256_jwk();
    let x = jwk["x"].as_str().unwrap();
    let bytes = decode(x);
    let with_zeros = [&[0, 0], bytes.as_slice()].concat();
    for meant in [
        format!("{x}="),
        general_purpose::STANDARD.encode(&bytes),
        general_purpose::STANDARD_NO_PAD.encode(&bytes),
        encode(with_zeros),
    ] {
        assert!(is_same_key(&jwk_with(p256_jwk(), "x", json!(meant)), Algorithm::ES256), "{meant}");
    }
    for wrong in
        [format!("{x} "), format!("{x}==="), format!(" {x}"), "-+".into(), format!("{}.", &x[1..]), String::new()]
    {
        assert!(VerifyingKey::from_jwk(&jwk_with(p256_jwk(), "x", json!(wrong))).is_err(), "{wrong}");
    }
}

/// One key in 256 has a leading zero in a coordinate, so the test generates keys until it finds one.
#[test]
fn coordinate_may_lack_its_leading_zeros() {
    let (short, pair) = (0..)
        .find_map(|_| {
            let pair =
                aws_lc_rs::signature::EcdsaKeyPair::generate(&aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING)
                    .unwrap();
            let point = aws_lc_rs::signature::KeyPair::public_key(&pair).as_ref().to_vec();
            (point[1] == 0).then_some((point, pair))
        })
        .unwrap();
    let (x, y) = short[1..].split_at(32);
    let jwk = json!({ "kty": "EC", "crv": "P-256", "x": encode(&x[1..]), "y": encode(y) });
    let input = format!("{}.{}", encode(r#"{"alg":"ES256"}"#), encode(claims(json!({})).to_string()));
    let signature = pair.sign(&aws_lc_rs::rand::SystemRandom::new(), input.as_bytes()).unwrap();
    let token = format!("{input}.{}", encode(signature));
    assert_eq!(verdict(key(VerifyingKey::from_jwk(&jwk.to_string()).unwrap()), &token), ACCEPTED);
}

#[test]
fn ec_point_must_be_on_the_curve() {
    assert!(VerifyingKey::from_jwk(&jwk_with(p256_jwk(), "y", json!(encode([1; 32])))).is_err());
    assert!(VerifyingKey::from_jwk(&jwk_with(p256_jwk(), "x", json!(encode([0; 32])))).is_err());
}

#[test]
fn coordinates_must_not_be_too_long() {
    for len in [33, 48] {
        let wrong = json!(encode(vec![1; len]));
        assert!(error(VerifyingKey::from_jwk(&jwk_with(p256_jwk(), "x", wrong))).contains("more than 32 bytes"));
    }
    // The bytes of an Ed25519 key are not a number, so zeros cannot be added or removed.
    for len in [31, 33, 48] {
        let wrong = json!(encode(vec![0; len]));
        assert!(error(VerifyingKey::from_jwk(&jwk_with(ed25519_jwk(), "x", wrong))).contains("32 bytes"));
    }
}

#[test]
fn short_secret_in_a_jwk_does_not_build() {
    assert!(error(VerifyingKey::from_jwk(&oct_jwk(31).to_string())).contains("32 random bytes"));
    assert!(error(VerifyingKey::from_jwk(&jwk_with(oct_jwk(32), "alg", json!("HS384")))).contains("48 bytes"));
    assert!(VerifyingKey::from_jwk(&oct_jwk(0).to_string()).is_err());
}

#[test]
fn empty_set_does_not_build() {
    assert!(error(KeySet::new([])).contains("add a key"));
    assert!(error(KeySet::from_jwks(r#"{"keys":[]}"#)).contains("add a key"));
}

#[test]
fn jwks_must_be_an_object_with_a_list_of_keys() {
    for wrong in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#] {
        assert!(error(KeySet::from_jwks(wrong)).contains("not a JWK set"), "{wrong}");
    }
    assert!(error(KeySet::from_jwks(r#"{"keys":[1]}"#)).contains("not a JSON object"));
}

#[test]
fn jwks_error_names_the_wrong_key() {
    let set = json!({ "keys": [p256_jwk(), oct_jwk(3)] }).to_string();
    assert!(error(KeySet::from_jwks(&set)).starts_with("key 1 of the set, counted from 0: "));
}

#[test]
fn jwks_refuses_private_keys() {
    let mut private = p256_jwk();
    private["d"] = json!(encode([1; 32]));
    assert!(error(KeySet::from_jwks(&json!({ "keys": [private] }).to_string())).contains("private key"));
}

#[test]
fn jwks_ignores_members_that_it_does_not_know() {
    let mut jwk = p256_jwk();
    jwk["x5c"] = json!(["abc"]);
    assert!(KeySet::from_jwks(&json!({ "keys": [jwk], "expires": 1 }).to_string()).is_ok());
}
