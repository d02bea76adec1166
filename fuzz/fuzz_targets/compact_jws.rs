//! Tokens: as text, and as a header and claims signed with the right key, so that the input gets past the signature check.
#![no_main]

use std::{collections::BTreeMap, sync::LazyLock};

use auth_core::{Authenticated, Chain, Principal, PrincipalId, Refusal};
use auth_fuzz::{ask, head};
use auth_jwt::Jwt;
use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderValue, StatusCode, header::AUTHORIZATION};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, value::RawValue};

const SECRET: &str = "thirty-two bytes that nobody knows";

/// The user is the signed claims.
struct Claims(Value);

impl Principal for Claims {
    fn principal_id(&self) -> Option<PrincipalId> {
        None
    }
}

/// The claims as they are written.
struct AsWritten(Members);

type Members = BTreeMap<String, Box<RawValue>>;

impl Principal for AsWritten {
    fn principal_id(&self) -> Option<PrincipalId> {
        None
    }
}

fn jwt<C>() -> Jwt<C> {
    Jwt::hs256(SECRET).unwrap().issuer("https://id.example").audience("chat")
}

fn chain(jwt: Jwt<Value>) -> Chain<Claims> {
    Chain::new().or(jwt.verify(|claims: Value| async move { Some(Claims(claims)) }))
}

static PLAIN: LazyLock<Chain<Claims>> = LazyLock::new(|| chain(jwt()));
static CACHED: LazyLock<Chain<Claims>> = LazyLock::new(|| chain(jwt().cache_signatures(100).unwrap()));
static ACCESS: LazyLock<Chain<Claims>> = LazyLock::new(|| chain(jwt().access_token("chat")));
static ID: LazyLock<Chain<Claims>> = LazyLock::new(|| chain(jwt().id_token("chat")));

static AS_WRITTEN: LazyLock<Chain<AsWritten>> =
    LazyLock::new(|| Chain::new().or(jwt().verify(|claims: Members| async move { Some(AsWritten(claims)) })));

fn present<U: Principal>(chain: &Chain<U>, token: &str) -> Option<Result<Authenticated<U>, Refusal>> {
    let line = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
    Some(ask(chain, &head(AUTHORIZATION, &[line])))
}

fn sign(header: &[u8], claims: &[u8]) -> String {
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// Checks an accepted token with another parser.
fn check_accepted(header: &[u8], claims: &[u8], user: &Authenticated<Claims>) {
    let header: Value = serde_json::from_slice(header).expect("the header is JSON");
    assert_eq!(header["alg"], "HS256");
    for never in ["crit", "zip"] {
        assert!(header.get(never).is_none());
    }
    assert!(header.get("b64").is_none_or(|b64| *b64 == true));
    let claims: Value = serde_json::from_slice(claims).expect("the claims are JSON");
    assert_eq!(user.user().0, claims, "the callback gets the signed claims");
    assert_eq!(claims["iss"], "https://id.example");
    let aud = &claims["aud"];
    assert!(*aud == "chat" || aud.as_array().is_some_and(|list| list.iter().any(|one| one == "chat")));
    let (now, leeway) = (1_800_000_000.0, 60.0);
    assert!(claims["exp"].as_f64().is_some_and(|exp| exp + leeway > now - 1.0));
    for begins in ["nbf", "iat"] {
        assert!(claims.get(begins).is_none_or(|at| at.as_f64().is_some_and(|at| at <= now + leeway + 1.0)));
    }
    assert!(claims.get("cnf").is_none());
}

/// Compares the members with those that another parser finds.
fn check_written(claims: &[u8], ours: &Members) {
    let theirs: Members = serde_json::from_slice(claims).expect("the claims are an object");
    let written = |members: &Members| -> Vec<_> {
        members.iter().map(|(name, value)| (name.clone(), value.get().to_owned())).collect()
    };
    assert_eq!(written(ours), written(&theirs));
}

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data)
        && let Some(Err(refusal)) = present(&PLAIN, text)
    {
        assert!(matches!(refusal.status(), StatusCode::UNAUTHORIZED | StatusCode::BAD_REQUEST));
    }

    let (header, claims) = data.split_at(data.iter().position(|&b| b == b'\n').unwrap_or(data.len()));
    let claims = claims.strip_prefix(b"\n").unwrap_or(claims);
    let token = sign(header, claims);
    let plain = present(&PLAIN, &token).unwrap();
    let code = |answer: &Result<Authenticated<Claims>, Refusal>| answer.as_ref().err().map(Refusal::code);
    for _ in 0..2 {
        assert_eq!(code(&present(&CACHED, &token).unwrap()), code(&plain), "the cache changes no result");
    }
    match present(&AS_WRITTEN, &token).unwrap() {
        Ok(user) => check_written(claims, &user.user().0),
        Err(refusal) => assert_eq!(Some(refusal.code()), code(&plain), "the type of the claims changes no result"),
    }
    let (access, id) = (present(&ACCESS, &token).unwrap().is_ok(), present(&ID, &token).unwrap().is_ok());
    assert!(!(access && id), "no token is both");
    match &plain {
        Ok(user) => {
            check_accepted(header, claims, user);
            // A whole token: every other signature is wrong.
            let mut forged = token.into_bytes();
            let last = forged.len() - 2;
            forged[last] = if forged[last] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert_eq!(code(&present(&PLAIN, &forged).unwrap()), Some("invalid_credentials"));
        }
        // A profile is stricter, except for its own `typ`.
        Err(_) => assert!(!id && (!access || is_access_token(header))),
    }
});

fn is_access_token(header: &[u8]) -> bool {
    let header: Value = serde_json::from_slice(header).unwrap_or_default();
    let typ = header["typ"].as_str().unwrap_or_default().to_ascii_lowercase();
    typ == "at+jwt" || typ == "application/at+jwt"
}
