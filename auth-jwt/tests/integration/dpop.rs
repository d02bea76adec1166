//! Tokens that are bound to a client's key (RFC 9449).

use std::time::Duration;

use auth_core::{AuthRequest, Chain, ManualClock, Transport, extract, extract::Extractor as _};
use auth_jwt::{Algorithm, Dpop, DpopKey, Jwt, SigningKey};
use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{Request, request::Parts};
use serde_json::{Value, json};

use crate::{log::logged, support::*};

const ORIGIN: &str = "https://api.example";
const P256: &str = include_str!("../keys/p256.pem");
const PROOF: &str = "invalid_dpop_proof";

fn dpop() -> Dpop {
    Dpop::new(ORIGIN).unwrap()
}

fn chain(dpop: Dpop) -> Chain<Said> {
    let extractor = extract::bearer().or(extract::query("access_token")).or(extract::cookie("jwt"));
    Chain::new().or(Jwt::hs256(SECRET).unwrap().extract(extractor).dpop(dpop).verify(accept))
}

fn key() -> DpopKey {
    let key = SigningKey::from_pem(Algorithm::ES256, P256.as_bytes()).unwrap();
    DpopKey::new(key).unwrap().clock(ManualClock::new(now()))
}

/// A token that is bound to [`key`].
fn bound() -> String {
    token(&claims(json!({ "cnf": { "jkt": key().thumbprint() } })))
}

/// `GET /me` with these headers.
fn get(headers: &[(&str, &str)]) -> Parts {
    request_to("GET", "/me?a=b", headers)
}

fn request_to(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
    let request = Request::builder().method(method).uri(uri);
    let request = headers.iter().fold(request, |request, &(name, value)| request.header(name, value));
    request.body(()).unwrap().into_parts().0
}

/// A valid request: the token, and a proof for it.
fn rightful(token: &str) -> Parts {
    with_proof(token, key().proof("GET", "https://api.example/me", token).unwrap().expose())
}

fn with_proof(token: &str, proof: &str) -> Parts {
    get(&[("authorization", &format!("DPoP {token}")), ("dpop", proof)])
}

fn said(chain: &Chain<Said>, parts: &Parts) -> &'static str {
    said_over(chain, parts, Transport::Http, 0)
}

fn said_over(chain: &Chain<Said>, parts: &Parts, transport: Transport, later: u64) -> &'static str {
    let request = AuthRequest::new(parts, transport, now() + Duration::from_secs(later));
    ready(chain.authenticate(&request)).map_or_else(|refusal| refusal.code(), |_| ACCEPTED)
}

fn challenges(chain: &Chain<Said>, parts: &Parts) -> Vec<String> {
    let refusal = ready(chain.authenticate(&AuthRequest::new(parts, Transport::Http, now()))).unwrap_err();
    refusal.challenges().iter().map(ToString::to_string).collect()
}

fn pair() -> EcdsaKeyPair {
    let body: String = P256.lines().filter(|line| !line.starts_with("-----")).collect();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &STANDARD.decode(body).unwrap()).unwrap()
}

fn jwk() -> Value {
    let pair = pair();
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    json!({ "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y) })
}

/// A proof with a valid signature over any two texts.
fn signed(header: &str, claims: &str) -> String {
    let input = format!("{}.{}", encode(header), encode(claims));
    let signature = pair().sign(&SystemRandom::new(), input.as_bytes()).unwrap();
    format!("{input}.{}", encode(signature))
}

fn proof_header() -> Value {
    json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk() })
}

fn proof_claims() -> Value {
    json!({
        "jti": "a", "htm": "GET", "htu": "https://api.example/me", "iat": NOW,
        "ath": encode(digest(&SHA256, bound().as_bytes())),
    })
}

/// The result for a proof with these claims instead of others; `null` removes a claim.
fn proof_said(header: Value, claims: Value) -> &'static str {
    let changed = |mut value: Value, more: Value| {
        value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        value.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        value.to_string()
    };
    let proof = signed(&changed(proof_header(), header), &changed(proof_claims(), claims));
    said(&chain(dpop()), &with_proof(&bound(), &proof))
}

#[test]
fn bound_token_with_its_proof_is_accepted() {
    assert_eq!(said(&chain(dpop()), &rightful(&bound())), ACCEPTED);
    assert_eq!(proof_said(json!({}), json!({})), ACCEPTED);
}

#[test]
fn keys_of_every_kind_prove() {
    for (algorithm, pem) in [
        (Algorithm::ES384, include_bytes!("../keys/p384.pem").as_slice()),
        (Algorithm::EdDSA, include_bytes!("../keys/ed25519.pem")),
        (Algorithm::RS256, include_bytes!("../keys/rsa2048.pem")),
        (Algorithm::PS512, include_bytes!("../keys/rsa2048.pem")),
    ] {
        let key = DpopKey::new(SigningKey::from_pem(algorithm, pem).unwrap()).unwrap().clock(ManualClock::new(now()));
        let token = token(&claims(json!({ "cnf": { "jkt": key.thumbprint() } })));
        let proof = key.proof("GET", "https://api.example/me", &token).unwrap();
        let parts = with_proof(&token, proof.expose());
        assert_eq!(said(&chain(dpop()), &parts), ACCEPTED, "{algorithm}");
        let only = dpop().algorithms([Algorithm::ES256]).unwrap();
        assert_eq!(said(&chain(only), &parts), PROOF, "{algorithm} is not allowed");
    }
    let secret = SigningKey::hmac(Algorithm::HS256, SECRET).unwrap();
    assert!(DpopKey::new(secret).unwrap_err().to_string().contains("no public half"));
}

#[test]
fn scheme_is_read_in_any_case() {
    let token = bound();
    for scheme in ["DPoP", "dpop", "DPOP"] {
        let proof = key().proof("GET", "https://api.example/me", &token).unwrap();
        let parts = get(&[("authorization", &format!("{scheme} {token}")), ("dpop", proof.expose())]);
        assert_eq!(said(&chain(dpop()), &parts), ACCEPTED, "{scheme}");
    }
}

#[test]
fn bound_token_sent_as_bearer_is_refused_even_with_a_proof() {
    let token = bound();
    let proof = key().proof("GET", "https://api.example/me", &token).unwrap();
    let bearer = format!("Bearer {token}");
    let proof = ("dpop", proof.expose());
    assert_eq!(said(&chain(dpop()), &get(&[("authorization", &bearer), proof])), INVALID);
    assert_eq!(said(&chain(dpop()), &get(&[("cookie", &format!("jwt={token}")), proof])), INVALID);
    let query = request_to("GET", &format!("/me?access_token={token}"), &[proof]);
    assert_eq!(said(&chain(dpop()), &query), INVALID);
}

#[test]
fn bound_token_is_refused_without_a_setting_for_proofs() {
    let chain = Chain::new().or(Jwt::hs256(SECRET).unwrap().extract(extract::auth_scheme("DPoP")).verify(accept));
    assert_eq!(said(&chain, &rightful(&bound())), INVALID);
}

#[test]
fn unbound_token_is_accepted_as_bearer_and_not_as_dpop() {
    let token = token(&claims(json!({})));
    let bearer = get(&[("authorization", &format!("Bearer {token}"))]);
    assert_eq!(said(&chain(dpop()), &bearer), ACCEPTED);
    assert_eq!(said(&chain(dpop().required()), &bearer), INVALID);
    assert_eq!(said(&chain(dpop()), &rightful(&token)), INVALID);
}

#[test]
fn two_tokens_in_two_places_are_400() {
    let (token, other) = (bound(), token(&claims(json!({}))));
    let proof = key().proof("GET", "https://api.example/me", &token).unwrap();
    let headers = [("authorization", &*format!("DPoP {token}")), ("dpop", proof.expose())];
    let parts = request_to("GET", &format!("/me?access_token={other}"), &headers);
    assert_eq!(said(&chain(dpop()), &parts), "invalid_request");
}

#[test]
fn missing_proof_is_401_and_two_are_400() {
    let token = bound();
    let authorization = format!("DPoP {token}");
    let missing = get(&[("authorization", &authorization)]);
    assert_eq!(said(&chain(dpop()), &missing), PROOF);
    let proofs = [(); 2].map(|()| key().proof("GET", "https://api.example/me", &token).unwrap());
    let two = get(&[("authorization", &authorization), ("dpop", proofs[0].expose()), ("dpop", proofs[1].expose())]);
    assert_eq!(said(&chain(dpop()), &two), "invalid_request");
    let refusal = ready(chain(dpop()).authenticate(&AuthRequest::new(&missing, Transport::Http, now()))).unwrap_err();
    assert_eq!(refusal.status(), 401);
}

#[test]
fn error_is_in_the_dpop_challenge() {
    let algs = "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519";
    let plain = format!(r#"DPoP realm="api", algs="{algs}""#);
    let nothing = get(&[]);
    assert_eq!(challenges(&chain(dpop()), &nothing), [plain.as_str(), r#"Bearer realm="api""#]);
    assert_eq!(challenges(&chain(dpop().required()), &nothing), [plain.as_str()]);

    let missing = get(&[("authorization", &format!("DPoP {}", bound()))]);
    let failed =
        format!(r#"{plain}, error="invalid_dpop_proof", error_description="The DPoP proof is missing or invalid""#);
    assert_eq!(challenges(&chain(dpop()), &missing), [failed.as_str(), r#"Bearer realm="api""#]);

    let as_bearer = get(&[("authorization", &format!("Bearer {}", bound()))]);
    let invalid = r#"Bearer realm="api", error="invalid_token", error_description="The credentials are invalid""#;
    assert_eq!(challenges(&chain(dpop()), &as_bearer), [plain.as_str(), invalid]);

    let only = dpop().algorithms([Algorithm::ES256, Algorithm::EdDSA]).unwrap();
    assert_eq!(challenges(&chain(only.required()), &nothing), [r#"DPoP realm="api", algs="ES256 EdDSA Ed25519""#]);
}

#[test]
fn each_claim_of_the_proof_is_required_with_its_type() {
    for name in ["jti", "htm", "htu", "iat", "ath"] {
        for value in [json!(null), json!(true), json!(["a"]), json!({}), json!("")] {
            assert_eq!(proof_said(json!({}), json!({ name: value })), PROOF, "{name} {value}");
        }
    }
    // Above, `null` removes a claim; here it is written.
    let claims = proof_claims().to_string().replace(r#""jti":"a""#, r#""jti":null"#);
    let proof = signed(&proof_header().to_string(), &claims);
    assert_eq!(said(&chain(dpop()), &with_proof(&bound(), &proof)), PROOF);
}

#[test]
fn proof_is_for_one_method_url_and_token() {
    for claims in [
        json!({ "htm": "POST" }),
        json!({ "htm": "get" }),
        json!({ "htu": "https://api.example/other" }),
        json!({ "htu": "https://evil.example/me" }),
        json!({ "htu": "http://api.example/me" }),
        json!({ "htu": "/me" }),
        json!({ "ath": encode(digest(&SHA256, b"another token")) }),
    ] {
        assert_eq!(proof_said(json!({}), claims.clone()), PROOF, "{claims}");
    }
    for htu in ["https://API.example:443/me?x=y#z", "https://api.example/%6de", "https://api.example/a/../me"] {
        assert_eq!(proof_said(json!({}), json!({ "htu": htu })), ACCEPTED, "{htu}");
    }
}

#[test]
fn proof_is_accepted_within_the_window_in_both_directions() {
    for (iat, expected) in [(NOW - 60, ACCEPTED), (NOW + 60, ACCEPTED), (NOW - 61, PROOF), (NOW + 61, PROOF)] {
        assert_eq!(proof_said(json!({}), json!({ "iat": iat })), expected, "{iat}");
    }
    assert_eq!(proof_said(json!({}), json!({ "iat": 1e300 })), PROOF);
    assert_eq!(proof_said(json!({}), json!({ "exp": NOW })), PROOF);
    assert_eq!(proof_said(json!({}), json!({ "exp": NOW + 1, "nbf": NOW })), ACCEPTED);
    assert_eq!(proof_said(json!({}), json!({ "nbf": NOW + 60 })), ACCEPTED);
    assert_eq!(proof_said(json!({}), json!({ "nbf": NOW + 61 })), PROOF);
    assert_eq!(proof_said(json!({}), json!({ "nbf": NOW - 3600 })), ACCEPTED);
    assert!(dpop().window(Duration::from_secs(300)).is_ok() && dpop().window(Duration::from_secs(301)).is_err());
}

#[test]
fn proof_must_be_of_its_own_type() {
    for typ in [json!(null), json!("JWT"), json!("at+jwt"), json!("dpop"), json!(1)] {
        assert_eq!(proof_said(json!({ "typ": typ }), json!({})), PROOF, "{typ}");
    }
    assert_eq!(proof_said(json!({ "typ": "DPoP+JWT" }), json!({})), ACCEPTED);
}

#[test]
fn proof_must_be_signed_as_its_header_says() {
    for alg in ["none", "None", "HS256", "RS256", "ES384", "EdDSA", "ES256 "] {
        assert_eq!(proof_said(json!({ "alg": alg }), json!({})), PROOF, "{alg}");
    }
    assert_eq!(proof_said(json!({ "crit": ["exp"] }), json!({})), PROOF);
    assert_eq!(proof_said(json!({ "b64": false }), json!({})), PROOF);
}

#[test]
fn key_of_the_proof_must_be_public_and_fit() {
    let with = |more: Value| {
        let mut jwk = jwk();
        jwk.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        proof_said(json!({ "jwk": jwk }), json!({}))
    };
    assert_eq!(with(json!({ "use": "sig", "kid": "mine", "alg": "ES256" })), ACCEPTED);
    for more in [
        json!({ "d": "AA" }),
        json!({ "use": "enc" }),
        json!({ "key_ops": ["sign"] }),
        json!({ "alg": "ES384" }),
        json!({ "crv": "P-384" }),
        json!({ "x": encode([1; 32]) }),
    ] {
        assert_eq!(with(more.clone()), PROOF, "{more}");
    }
    let secret = json!({ "kty": "oct", "k": encode(SECRET) });
    for jwk in [json!(null), json!("a"), json!([]), json!({}), secret] {
        assert_eq!(proof_said(json!({ "jwk": jwk }), json!({})), PROOF, "{jwk}");
    }
}

#[test]
fn proof_of_another_key_is_refused() {
    let pem = include_bytes!("../keys/ed25519.pem");
    let thief = DpopKey::new(SigningKey::from_pem(Algorithm::EdDSA, pem).unwrap()).unwrap();
    let token = bound();
    let proof = thief.clock(ManualClock::new(now())).proof("GET", "https://api.example/me", &token).unwrap();
    assert_eq!(said(&chain(dpop()), &with_proof(&token, proof.expose())), PROOF);
}

/// The proof names the token's key, but is signed with another.
#[test]
fn proof_that_is_signed_by_somebody_else_is_refused() {
    let token = bound();
    let proof = key().proof("GET", "https://api.example/me", &token).unwrap();
    let (input, signature) = proof.expose().rsplit_once('.').unwrap();
    for signature in [encode([0; 64]), encode([1; 64]), String::new(), signature[..80].to_owned()] {
        assert_eq!(said(&chain(dpop()), &with_proof(&token, &format!("{input}.{signature}"))), PROOF);
    }
}

#[test]
fn proof_must_be_a_jwt() {
    let token = bound();
    for proof in ["", "a", "a.b", "a.b.c", "a.b.c.d", "..", &"a".repeat(9000), "\u{e9}"] {
        assert_eq!(said(&chain(dpop()), &with_proof(&token, proof)), PROOF, "{proof:.20}");
    }
    let twice = proof_claims().to_string().replace(r#""htm":"#, r#""htm":"POST","htm":"#);
    let proof = signed(&proof_header().to_string(), &twice);
    assert_eq!(said(&chain(dpop()), &with_proof(&token, &proof)), PROOF);
}

#[test]
fn proof_is_accepted_once() {
    let chain = chain(dpop());
    let parts = rightful(&bound());
    assert_eq!(said(&chain, &parts), ACCEPTED);
    assert_eq!(said_over(&chain, &parts, Transport::Http, 60), PROOF, "the last moment of its window");
    assert_eq!(said_over(&chain, &parts, Transport::Http, 61), PROOF, "and after it");
    assert_eq!(said(&chain, &rightful(&bound())), ACCEPTED, "the next request has a proof of its own");
}

#[test]
fn refused_proof_is_not_spent() {
    let chain = chain(dpop());
    let token = bound();
    let early = DpopKey::clock(key(), ManualClock::new(now() + Duration::from_secs(61)));
    let parts = with_proof(&token, early.proof("GET", "https://api.example/me", &token).unwrap().expose());
    assert_eq!(said(&chain, &parts), PROOF);
    assert_eq!(said_over(&chain, &parts, Transport::Http, 61), ACCEPTED);
}

#[test]
fn full_memory_is_429_until_room_is_made() {
    let chain = chain(dpop().max_proofs(1, 1));
    let token = bound();
    assert_eq!(said(&chain, &rightful(&token)), ACCEPTED);
    let parts = rightful(&token);
    let refusal = ready(chain.authenticate(&AuthRequest::new(&parts, Transport::Http, now()))).unwrap_err();
    assert_eq!((refusal.status().as_u16(), refusal.code()), (429, "too_many_requests"));
    assert_eq!(refusal.to_response().headers()["retry-after"], "5");
    let later = key().clock(ManualClock::new(now() + Duration::from_secs(61)));
    let parts = with_proof(&token, later.proof("GET", "https://api.example/me", &token).unwrap().expose());
    assert_eq!(said_over(&chain, &parts, Transport::Http, 61), ACCEPTED);
}

#[test]
fn wrong_token_is_refused_before_its_proof_is_checked() {
    let chain = chain(dpop());
    let expired = token(&claims(json!({ "exp": 1, "cnf": { "jkt": key().thumbprint() } })));
    assert_eq!(said(&chain, &rightful(&expired)), EXPIRED);
    assert_eq!(said(&chain, &rightful("a.b.c")), INVALID);
}

#[test]
fn token_must_be_bound_by_thumbprint_and_by_nothing_else() {
    let jkt = key().thumbprint().to_owned();
    for cnf in [
        json!({}),
        json!(null),
        json!(jkt),
        json!([jkt]),
        json!({ "jkt": null }),
        json!({ "jkt": 1 }),
        json!({ "jkt": jkt, "x5t#S256": "a" }),
        json!({ "jwk": jwk() }),
    ] {
        let token = token(&claims(json!({ "cnf": cnf })));
        assert_eq!(said(&chain(dpop()), &rightful(&token)), INVALID, "{cnf}");
        let bearer = get(&[("authorization", &format!("Bearer {token}"))]);
        assert_eq!(said(&chain(dpop()), &bearer), INVALID, "{cnf}");
    }
    let padded = token(&claims(json!({ "cnf": { "jkt": format!("{jkt}=") } })));
    assert_eq!(said(&chain(dpop()), &rightful(&padded)), PROOF);
}

#[test]
fn handshake_is_proven_as_a_get() {
    let token = bound();
    let proven = |method: &str, htm: &str| {
        let proof = key().proof(htm, "https://api.example/ws", &token).unwrap();
        let headers = [("authorization", &*format!("DPoP {token}")), ("dpop", proof.expose())];
        let parts = request_to(method, "/ws", &headers);
        said_over(&chain(dpop()), &parts, Transport::WebSocket, 0)
    };
    assert_eq!(proven("GET", "GET"), ACCEPTED);
    // Over HTTP/2, where a program may write either.
    assert_eq!(proven("CONNECT", "GET"), ACCEPTED);
    assert_eq!(proven("CONNECT", "CONNECT"), ACCEPTED);
    assert_eq!(proven("GET", "CONNECT"), PROOF);
    let proof = key().proof("GET", "wss://api.example/ws", &token).unwrap();
    let headers = [("authorization", &*format!("DPoP {token}")), ("dpop", proof.expose())];
    assert_eq!(said_over(&chain(dpop()), &request_to("GET", "/ws", &headers), Transport::WebSocket, 0), PROOF);
}

#[test]
fn message_cannot_carry_a_proof() {
    for transport in [Transport::InBand, Transport::SocketIo] {
        assert_eq!(said_over(&chain(dpop()), &rightful(&bound()), transport, 0), PROOF);
    }
}

#[test]
fn public_origin_is_configured_and_not_the_host_header() {
    let token = bound();
    let proof = key().proof("GET", "https://evil.example/me", &token).unwrap();
    let headers = [("authorization", &*format!("DPoP {token}")), ("dpop", proof.expose()), ("host", "evil.example")];
    assert_eq!(said(&chain(dpop()), &get(&headers)), PROOF);
    let two = dpop().origin("https://evil.example").unwrap();
    assert_eq!(said(&chain(two), &get(&headers)), ACCEPTED);
    for bad in ["", "api.example", "wss://api.example", "https://api.example?a"] {
        assert!(Dpop::new(bad).is_err(), "{bad}");
    }
}

#[test]
fn algorithms_of_proofs_must_be_public() {
    assert!(dpop().algorithms([]).is_err());
    assert!(dpop().algorithms([Algorithm::ES256, Algorithm::HS256]).is_err());
}

#[test]
fn header_of_the_proof_is_redacted_in_logs() {
    assert_eq!(chain(dpop()).needs().header_names(), ["dpop"]);
}

#[test]
fn log_says_why_a_proof_is_refused() {
    for (header, claims, why) in [
        (json!({ "typ": "JWT" }), json!({}), "of another type"),
        (json!({}), json!({ "htm": "POST" }), "for another method"),
        (json!({}), json!({ "jti": 1 }), "must be a string"),
    ] {
        let log = logged(|| assert_eq!(proof_said(header, claims), PROOF));
        assert!(log.contains(why), "{why}: {log}");
    }
}

#[test]
fn debug_shows_no_key() {
    let shown = format!("{:?} {:?}", key(), dpop());
    assert!(!shown.contains(&encode(&pair().public_key().as_ref()[1..33])), "{shown}");
    assert!(shown.contains("DpopKey {") && shown.contains("Dpop {"), "{shown}");
}

/// What an operator must see, since the public origin, the algorithms and the window are configured.
#[test]
fn refused_proof_logs_what_was_expected_and_found() {
    let proof = |url: &str| key().proof("GET", url, &bound()).unwrap();
    let ask = |dpop: Dpop, proof: &str, later: u64| {
        let parts = get(&[("authorization", &format!("DPoP {}", bound())), ("dpop", proof)]);
        logged(|| assert_eq!(said_over(&chain(dpop), &parts, Transport::Http, later), PROOF))
    };
    let good = proof("https://api.example/me");
    let es384 = || dpop().algorithms([Algorithm::ES384]).unwrap();
    let post = key().proof("POST", "https://api.example/me", &bound()).unwrap();
    for (log, shown) in [
        (
            ask(dpop(), proof("http://internal:8080/me/MARKER?key=MARKER").expose(), 0),
            r#"expected=the path of the request behind "https://api.example" found=a path behind "http://internal:8080""#,
        ),
        (
            ask(Dpop::new("https://api.example/v1").unwrap().origin("https://b.example").unwrap(), good.expose(), 0),
            r#"behind ["https://api.example/v1", "https://b.example"] found=a path behind "https://api.example""#,
        ),
        (ask(dpop(), post.expose(), 0), r#"expected="GET" found="POST""#),
        (ask(es384(), good.expose(), 0), r#"expected="ES384" found="ES256""#),
        (ask(dpop(), good.expose(), 61), "expected=60 s away at most found=61 s away"),
        (ask(dpop(), &token(&claims(json!({}))), 0), r#"expected="dpop+jwt" found=absent"#),
    ] {
        assert!(log.contains(&format!("{shown}\n")), "{shown}: {log}");
        assert!(!log.contains("MARKER") && !log.contains(good.expose()), "{log}");
    }
}
