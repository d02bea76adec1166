//! Lists of subprotocols, and the query: what holds a token is removed, the rest stays, and an inner layer sees all of it.
#![no_main]

use std::sync::LazyLock;

use auth_core::{
    Chain, Transport,
    extract::{Extractor as _, query, raw_subprotocol, subprotocol},
};
use auth_fuzz::{KEY, Key, User, found, handshake, header_lines, through};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Uri, header::SEC_WEBSOCKET_PROTOCOL, request::Parts};
use libfuzzer_sys::fuzz_target;
use ws_adapter::AuthLayer;

const ENCODED: &str = "auth.bearer.";
const RAW: &str = "jwt.";

fn chain() -> Chain<User> {
    Chain::new().or(Key(subprotocol(ENCODED).or(raw_subprotocol(RAW)).or(query("token"))))
}

static DEMANDING: LazyLock<AuthLayer<User>> = LazyLock::new(|| AuthLayer::new(chain()));
static OPTIONAL: LazyLock<AuthLayer<User>> = LazyLock::new(|| AuthLayer::optional(chain()));

fn entries(parts: &Parts) -> Vec<&[u8]> {
    let lines = parts.headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    lines.flat_map(|line| line.as_bytes().split(|&b| b == b',')).map(<[u8]>::trim_ascii).collect()
}

fn is_secret(entry: &&[u8]) -> bool {
    entry.starts_with(ENCODED.as_bytes()) || entry.starts_with(RAW.as_bytes())
}

/// The names of the query, decoded.
fn names(uri: &Uri) -> Vec<String> {
    let pairs = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| decoded(pair.split('=').next().unwrap_or_default())).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut out = Vec::new();
    while let Some(b) = bytes.next() {
        let mut ahead = bytes.clone();
        let hex = (b == b'%').then(|| [ahead.next(), ahead.next()]).and_then(|pair| match pair {
            [Some(high), Some(low)] => Some(char::from(high).to_digit(16)? * 16 + char::from(low).to_digit(16)?),
            _ => None,
        });
        match (b, hex) {
            (_, Some(byte)) => {
                out.push(byte as u8);
                bytes = ahead;
            }
            (b'+', None) => out.push(b' '),
            (b, None) => out.push(b),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fuzz_target!(|data: &[u8]| {
    let (target, protocols) = data.split_at(data.iter().position(|&b| b == b'\n').unwrap_or(data.len()));
    let Ok(uri) = Uri::try_from([b"/ws?", target].concat()) else { return };
    let mut parts = handshake(SEC_WEBSOCKET_PROTOCOL, &header_lines(protocols));
    parts.uri = uri;

    for (extractor, prefix) in [(subprotocol(ENCODED), ENCODED), (raw_subprotocol(RAW), RAW)] {
        assert_eq!(
            found(&extractor, &parts, Transport::Http).ok(),
            Some(None),
            "subprotocols count only in handshakes"
        );
        let own: Vec<_> = entries(&parts).into_iter().filter(|entry| entry.starts_with(prefix.as_bytes())).collect();
        match found(&extractor, &parts, Transport::WebSocket) {
            Ok(None) => assert!(own.is_empty()),
            Ok(Some(token)) => {
                assert!(!token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic()));
                let written = if prefix == RAW { token.clone() } else { URL_SAFE_NO_PAD.encode(&token) };
                assert_eq!(own, [format!("{prefix}{written}").as_bytes()], "each token has one form");
            }
            Err(_) => assert!(!own.is_empty()),
        }
    }

    // A handler sees the same behind both layers and behind the demanding one alone.
    let optional = through(&OPTIONAL, parts.clone());
    let demanding = through(&DEMANDING, parts.clone());
    if let Ok(seen) = &demanding {
        assert!(optional.is_ok(), "what a demanding layer accepts, an optional layer accepts too");
        let holds_key = |entry: &&[u8]| {
            entry.strip_prefix(RAW.as_bytes()) == Some(KEY.as_bytes())
                || entry.strip_prefix(ENCODED.as_bytes()) == Some(URL_SAFE_NO_PAD.encode(KEY).as_bytes())
        };
        assert!(entries(&parts).iter().any(holds_key) || names(&parts.uri).iter().any(|name| name == "token"));
        assert!(through(&DEMANDING, seen.clone()).is_ok(), "an inner layer sees the request as it came");
    }
    for seen in [optional, demanding].into_iter().flatten() {
        let kept: Vec<_> = entries(&parts).into_iter().filter(|entry| !is_secret(entry)).collect();
        let is_written = |entry: &&[u8]| !entry.is_empty();
        let left: Vec<_> = entries(&seen).into_iter().filter(is_written).collect();
        assert_eq!(left, kept.into_iter().filter(is_written).collect::<Vec<_>>());
        assert_eq!(seen.uri.path(), "/ws");
        let others: Vec<_> = names(&parts.uri).into_iter().filter(|name| name != "token").collect();
        assert_eq!(names(&seen.uri), others);
        if is_a_secret_everywhere(&parts) {
            assert!(!format!("{seen:?}").contains(KEY));
        }
    }
});

/// Whether the key is only in places of credentials, so that nothing of it may be left.
fn is_a_secret_everywhere(parts: &Parts) -> bool {
    let has_key = |bytes: &[u8]| bytes.windows(KEY.len()).any(|part| part == KEY.as_bytes());
    let is_token = |pair: &str| decoded(pair.split('=').next().unwrap_or_default()) == "token";
    let mut pairs = parts.uri.query().unwrap_or_default().split('&');
    let mut protocols = entries(parts).into_iter().filter(|entry| !is_secret(entry));
    !protocols.any(has_key) && !pairs.any(|pair| has_key(pair.as_bytes()) && !is_token(pair))
}
