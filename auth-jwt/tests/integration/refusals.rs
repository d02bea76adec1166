//! Log lines for refusals that configuration can cause: the reason, what was expected, and what was found.

use std::{path::Path, sync::Arc, time::Duration};

use auth_core::extract;
use auth_jwt::{Algorithm, IssuerTemplate, Jwt, KeySet, SigningKey, TrustedIssuer, TrustedIssuers, VerifyingKey};
use serde_json::{Value, json};
use test_support::code::sources;

use crate::{
    log::{logged, only},
    support::*,
};

/// The value of each claim that the log must not show.
const SECRET_CLAIM: &str = "MARKER-of-a-person";

struct Case {
    jwt: Jwt<Value>,
    header: Value,
    claims: Value,
    why: &'static str,
    expected: &'static str,
    found: &'static str,
}

fn case(
    jwt: Jwt<Value>,
    [header, claims]: [Value; 2],
    why: &'static str,
    [expected, found]: [&'static str; 2],
) -> Case {
    Case { jwt, header, claims, why, expected, found }
}

fn of_issuers(issuer: TrustedIssuer) -> Jwt<Value> {
    Jwt::trusted_issuers(TrustedIssuers::new([issuer]).unwrap()).extract(extract::header("x-token"))
}

fn trusted() -> TrustedIssuer {
    TrustedIssuer::new(ISSUER, Arc::new(KeySet::from(named_key())))
}

fn tenants() -> IssuerTemplate {
    IssuerTemplate::new("https://id.example/{tenant}", ["east"]).unwrap()
}

fn named_key() -> VerifyingKey {
    VerifyingKey::hmac(Algorithm::HS256, SECRET).unwrap().with_kid("k1")
}

fn cases() -> Vec<Case> {
    let access = || jwt().access_token("chat").issuer(ISSUER);
    let id = || jwt().id_token("client").issuer(ISSUER);
    let plain = |claims: Value| [json!({}), claims];
    let own = json!({ "iss": ISSUER, "aud": "client", "iat": NOW });
    let with = |more: Value| {
        let mut claims = own.clone();
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        plain(claims)
    };
    vec![
        case(
            jwt().issuer(ISSUER),
            plain(json!({ "iss": "https://id.example/" })),
            "another issuer",
            [r#""https://id.example""#, r#""https://id.example/""#],
        ),
        case(jwt().issuer("a").issuer("b"), plain(json!({})), "names no issuer", [r#"["a", "b"]"#, "absent"]),
        case(
            jwt().issuer_template(tenants()),
            plain(json!({ "iss": "https://id.example/west" })),
            "another issuer",
            [r#""https://id.example/{tenant}" (1 listed)"#, r#""https://id.example/west""#],
        ),
        case(
            jwt().issuer_template(tenants()),
            plain(json!({ "iss": "https://id.example/east", "tid": SECRET_CLAIM })),
            "another tenant",
            [r#"`tid` as in `iss`, "east""#, "another `tid`"],
        ),
        case(
            jwt().issuer("a").issuer_alias("b", "a"),
            plain(json!({ "iss": "a" })),
            "two configured issuers",
            [r#"["a", "b"]"#, r#""a""#],
        ),
        case(
            jwt().audience("chat"),
            plain(json!({ "aud": ["mail", "news"] })),
            "another audience",
            [r#""chat""#, r#"["mail", "news"]"#],
        ),
        case(jwt().audience("chat"), plain(json!({})), "another audience", [r#""chat""#, "absent"]),
        case(jwt(), plain(json!({ "aud": "chat" })), "another audience", ["none", r#""chat""#]),
        case(
            jwt().algorithms([Algorithm::HS256]).unwrap(),
            [json!({ "alg": "RS256" }), json!({})],
            "algorithm is not allowed",
            [r#""HS256""#, r#""RS256""#],
        ),
        case(
            of_issuers(trusted().algorithms([Algorithm::ES256, Algorithm::ES384]).unwrap()),
            plain(json!({ "iss": ISSUER })),
            "algorithm is not allowed to the issuer",
            [r#"["ES256", "ES384"]"#, r#""HS256""#],
        ),
        case(
            of_issuers(trusted().audience("chat")),
            plain(json!({ "iss": ISSUER, "aud": "mail" })),
            "another audience",
            [r#""chat""#, r#""mail""#],
        ),
        case(
            key(named_key()),
            [json!({ "kid": "k2" }), json!({})],
            "no key fits",
            [r#"kid "k1" for "HS256""#, r#"kid "k2" for "HS256""#],
        ),
        case(jwt(), [json!({ "typ": "at+jwt" }), json!({})], "another type", [r#"["JWT", absent]"#, r#""at+jwt""#]),
        case(jwt().require_token_type("at+jwt"), plain(json!({})), "another type", [r#""at+jwt""#, "absent"]),
        case(
            access(),
            [json!({ "typ": "at+jwt" }), json!({ "iss": ISSUER, "aud": "chat", "iat": NOW, "client_id": "c" })],
            "RFC 9068",
            [r#""jti""#, "absent"],
        ),
        case(
            access(),
            [json!({ "typ": "at+jwt" }), json!({ "iss": ISSUER, "aud": "chat" })],
            "RFC 9068",
            [r#"["iat", "client_id", "jti"]"#, "absent"],
        ),
        case(id(), plain(json!({ "iss": ISSUER, "aud": "client" })), "OpenID Connect", [r#""iat""#, "absent"]),
        case(
            jwt().audience("app").client_id_as_audience(),
            plain(json!({ "aud": "app", "token_use": "id" })),
            "is an ID token",
            ["another `token_use`, or one that is required", "`token_use` `id`"],
        ),
        case(
            jwt().audience("app").client_id_as_audience(),
            plain(json!({ "client_id": "other" })),
            "another audience",
            [r#""app""#, r#""other""#],
        ),
        case(
            jwt().authorized_party("web").authorized_party("app"),
            plain(json!({ "azp": "other" })),
            "not trusted",
            [r#"["web", "app"]"#, r#"azp "other", client_id absent"#],
        ),
        case(
            jwt().require_claim("token_use", "access"),
            plain(json!({ "token_use": SECRET_CLAIM })),
            "a required claim",
            ["`token_use` as configured", "another value"],
        ),
        case(
            jwt().require_claim("token_use", "access"),
            plain(json!({ "token_use": [SECRET_CLAIM] })),
            "a required claim",
            ["`token_use` as configured", "a list"],
        ),
        case(jwt(), plain(json!({ "jti": 7 })), "must be a string", ["a string `jti`", "a number"]),
        case(
            jwt(),
            plain(json!({ "nbf": SECRET_CLAIM })),
            "a time is not a number",
            ["a time `nbf` in seconds since 1970", "a string"],
        ),
        case(
            access(),
            [
                json!({ "typ": "at+jwt" }),
                json!({ "iss": ISSUER, "aud": "chat", "iat": NOW, "client_id": "c", "jti": "j", "scope": [SECRET_CLAIM] }),
            ],
            "the scope of the access token",
            ["a string `scope`", "a list"],
        ),
        case(
            id(),
            with(json!({ "events": { "x": SECRET_CLAIM } })),
            "another kind of token",
            ["`events` absent", "`events`, as in a logout token"],
        ),
        case(
            id(),
            with(json!({ "token_use": SECRET_CLAIM })),
            "another kind of token",
            ["`token_use` `id`", "another `token_use`"],
        ),
        case(
            id(),
            with(json!({ "typ": "Bearer" })),
            "another kind of token",
            ["`typ` of an ID token, or absent", "`typ` of another kind in the claims"],
        ),
        case(
            id(),
            with(json!({ "scp": SECRET_CLAIM })),
            "another kind of token",
            ["`scp` absent, or scopes of OpenID Connect alone", "other scopes, as in an access token"],
        ),
        case(
            access(),
            [json!({ "typ": "at+jwt" }), json!({ "iss": ISSUER, "iat": NOW, "jti": "j" })],
            "RFC 9068",
            [r#"["aud", "client_id"]"#, "absent"],
        ),
        case(id(), with(json!({ "azp": "app" })), "another client", [r#""client""#, r#""app""#]),
        case(
            id().audience("other"),
            with(json!({ "aud": ["client", "other"] })),
            "the client that it was issued to",
            [r#""client""#, "absent"],
        ),
        case(
            id(),
            with(json!({ "aud": ["client", "other"], "azp": "client" })),
            "or for others too",
            [r#""client""#, r#"["client", "other"]"#],
        ),
    ]
}

/// Refusals caused by clocks, leeway and ages.
fn timed() -> Vec<Case> {
    let case = |jwt: Jwt<Value>, claims: Value, why, told| case(jwt, [json!({}), claims], why, told);
    let aged = || jwt().max_age(Duration::from_secs(300));
    vec![
        case(jwt(), json!({ "exp": NOW - 100 }), "has expired", ["an end less than 60 s ago", "100 s ago"]),
        case(
            aged(),
            json!({ "iat": NOW - 1000 }),
            "has expired",
            ["an end less than 60 s ago, which is 300 s after `iat` at the latest", "700 s ago"],
        ),
        case(jwt(), json!({ "nbf": NOW + 90 }), "not valid yet", ["`nbf` at most 60 s ahead", "90 s ahead"]),
        case(jwt(), json!({ "iat": NOW + 90 }), "in the future", ["`iat` at most 60 s ahead", "90 s ahead"]),
        case(
            jwt(),
            json!({ "auth_time": NOW + 90 }),
            "the log-in is",
            ["`auth_time` at most 60 s ahead", "90 s ahead"],
        ),
        case(jwt().require_iat(), json!({}), "does not say when it was issued", ["`iat`", "absent"]),
        case(aged(), json!({}), "does not say when it was issued", ["`iat`", "absent"]),
    ]
}

#[test]
fn refusals_caused_by_configuration_log_expected_and_found() {
    for Case { jwt, header, claims: more, why, expected, found } in cases().into_iter().chain(timed()) {
        let mut claims = claims(json!({ "sub": SECRET_CLAIM, "nonce": SECRET_CLAIM, "email": SECRET_CLAIM }));
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let token = token_with(header, &claims);
        let log = logged(|| drop(present(jwt, &token).unwrap_err()));
        assert!(log.contains("DEBUG") && log.contains(why), "{why}: {log}");
        assert!(log.contains(&format!("expected={expected} found={found}\n")), "{expected}, {found}: {log}");
        assert!(!log.contains("MARKER"), "{log}");
        assert!(!token.split('.').any(|part| log.contains(part)), "{log}");
    }
}

#[test]
fn refusals_about_personal_or_secret_claims_log_only_the_reason() {
    let cases = [
        (jwt().subject("MARKER-other"), "another subject"),
        (jwt().jwt_id("MARKER-other"), "another id"),
        (jwt().nonce("MARKER-other"), "another nonce"),
    ];
    for (jwt, why) in cases {
        let claims = claims(json!({ "sub": SECRET_CLAIM, "jti": SECRET_CLAIM, "nonce": SECRET_CLAIM }));
        let log = logged(|| drop(present(jwt, &token(&claims)).unwrap_err()));
        assert!(log.contains(why) && !log.contains("MARKER") && !log.contains("found"), "{log}");
    }
}

#[test]
fn untrusted_text_is_escaped_and_cut_in_the_log() {
    let hostile = format!("\n\u{1b}[31mfake line\u{202e}{}", "x".repeat(2000));
    for (jwt, header, more) in [
        (jwt().issuer(ISSUER), json!({}), json!({ "iss": hostile })),
        (jwt().audience("chat"), json!({}), json!({ "aud": [hostile, hostile] })),
        (jwt(), json!({ "typ": hostile }), json!({})),
        (key(named_key()), json!({ "kid": hostile }), json!({})),
    ] {
        let log = logged(|| drop(present(jwt, &token_with(header, &claims(more))).unwrap_err()));
        let line = log.lines().find(|line| line.contains("found=")).unwrap();
        assert!(line.contains(r"\n\u{1b}[31mfake line\u{202e}xxx") && line.len() < 1000, "{log}");
    }
}

/// The log for a token.
fn told(jwt: Jwt<Value>, token: &str) -> String {
    logged(|| drop(present(jwt, token).unwrap_err()))
}

/// The refusals that do not fit into the table: the reason, a part of its details, and the log.
fn others() -> Vec<(&'static str, String, String)> {
    let good = claims(json!({ "iss": ISSUER }));
    let long = token(&good);
    let of_name = |name: u8| VerifyingKey::hmac(Algorithm::HS256, [name; 32]).unwrap().with_kid(name.to_string());
    let five = KeySet::new([1, 2, 3, 4, 5].map(of_name)).unwrap();
    let source = || {
        let issuers = TrustedIssuers::new([trusted()]).unwrap();
        Jwt::key_source(issuers).extract(extract::header("x-token"))
    };
    let unknown = token_with(json!({ "alg": "ES256X" }), &good);
    let endless = raw_token(r#"{"alg":"HS256"}"#, "{}");
    let keys = Jwt::keys(five).extract(extract::header("x-token"));
    vec![
        (
            "the token is too long",
            format!("expected=100 bytes at most found={} bytes", long.len()),
            told(jwt().max_len(100), &long),
        ),
        ("the token has no expiry", "expected=`exp` found=absent".into(), told(jwt(), &endless)),
        ("the token has no algorithm, or an unknown one", r#"more] found="ES256X""#.into(), told(jwt(), &unknown)),
        (
            "no keys are known for the issuer of the token",
            r#"expected=an issuer of the key source found="b""#.into(),
            told(source(), &token(&claims(json!({ "iss": "b" })))),
        ),
        (
            "too many keys fit the token: name them",
            r#"kid "5" for "HS256"] found=kid absent for "HS256""#.into(),
            told(keys, &long),
        ),
        ("the signature is wrong", r#"expected=kid "k1" for "HS256""#.into(), {
            let other = auth_jwt::Signer::new(SigningKey::hmac(Algorithm::HS256, "f".repeat(32).as_str()).unwrap());
            told(key(named_key()), other.sign(&good).unwrap().expose())
        }),
        ("the claims do not fit their type", "Typed found=something else, at line 1 and column ".into(), {
            #[derive(serde::Deserialize)]
            struct Typed {
                #[serde(rename = "email")]
                _email: u8,
            }
            let jwt = Jwt::<Typed>::hs256(SECRET).unwrap().extract(extract::header("x-token"));
            let jwt = jwt.verify(|_: Typed| async { Some(String::new()) });
            let parts = request("x-token", &token(&claims(json!({ "email": SECRET_CLAIM }))));
            logged(|| drop(ask(jwt, &parts).unwrap_err()))
        }),
    ]
}

#[test]
fn refusals_by_size_key_and_type_log_expected_and_found() {
    for (why, expected, log) in others() {
        assert!(log.contains(why) && log.contains(&expected), "{why}: {log}");
        assert!(!log.contains("MARKER"), "{log}");
    }
}

/// Filters may name the target, so it stays when modules are renamed.
#[test]
fn log_target_of_a_refused_token_is_constant() {
    let other = VerifyingKey::hmac(Algorithm::HS256, [7; 32]).unwrap().with_kid("k7");
    let (log, _guard) = only("auth_jwt::token::refused=debug");
    drop(present(key(other), &token(&claims(json!({})))));
    assert!(log.text().contains("auth_jwt::token::refused: the token is"), "{}", log.text());
    let (log, _guard) = only("auth_jwt::token::refused=debug");
    drop(present(jwt().issuer(ISSUER), &token(&claims(json!({ "iss": "https://other.example" })))));
    assert!(log.text().contains("auth_jwt::token::refused: the token is"), "{}", log.text());
    assert!(log.text().contains("expected="), "{}", log.text());
}

/// Refusals that log only the reason: those about personal or secret claims, and those that no setting can cause.
const REASON_ALONE: [&str; 11] = [
    "a part of the token is not base64url",
    "not a JWT: it does not begin with a header",
    "not a JWT: more than three parts",
    "not a JWT: one part",
    "not a JWT: two parts",
    "not UTF-8",
    "the confirmation of the token is empty",
    "the confirmation of the token is not an object",
    "the token has another id",
    "the token has another nonce",
    "the token has another subject",
];

#[test]
fn refusal_with_a_new_reason_needs_a_line_in_a_table() {
    let text = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let tables = cases().into_iter().chain(timed()).map(|case| case.why);
    let known: Vec<_> = tables.chain(others().into_iter().map(|(why, ..)| why)).chain(REASON_ALONE).collect();
    let mut reasons = 0;
    for constructor in ["TokenError::invalid(\"", "TokenError::unrecognized(\""] {
        for rest in text.split(constructor).skip(1) {
            let (reason, _) = rest.split_once('"').unwrap();
            assert!(known.iter().any(|why| reason.contains(why)), "no table has: {reason}");
            reasons += 1;
        }
    }
    assert!(reasons > 20, "the reasons are not found any more: {reasons}");
}
