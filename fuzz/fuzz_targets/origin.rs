//! `Host` in the first line, `Origin` in the others. Only an exact origin (RFC 6454) opens a socket.
#![no_main]

use std::sync::LazyLock;

use auth_core::{Chain, Origin, extract::bearer};
use auth_fuzz::{KEY, Key, User, handshake, header_lines, through};
use http::{
    HeaderValue, StatusCode,
    header::{AUTHORIZATION, HOST, ORIGIN},
};
use libfuzzer_sys::fuzz_target;
use ws_adapter::AuthLayer;

const LISTED: [&str; 4] =
    ["https://app.example", "http://app.example:8080", "https://[2001:db8::1]:8443", "tauri://localhost"];
/// Allows one label before the rest of it.
const WILDCARD: &str = "https://*.preview.example";
const PUBLIC: &str = "https://chat.example";

fn layer() -> AuthLayer<User> {
    AuthLayer::new(Chain::new().or(Key(bearer())))
}

static OWN: LazyLock<AuthLayer<User>> = LazyLock::new(layer);
static LIST: LazyLock<AuthLayer<User>> = LazyLock::new(|| layer().allow_origins(listed()).unwrap());
static BOTH: LazyLock<AuthLayer<User>> =
    LazyLock::new(|| layer().allow_origins(listed()).unwrap().public_origin(PUBLIC).unwrap());

fn listed() -> impl Iterator<Item = &'static str> {
    LISTED.into_iter().chain([WILDCARD])
}

/// Scheme, host and port. An app has no port.
type Triple = (String, String, Option<u16>);

/// `None` if the text has anything else.
fn origin(text: &str) -> Option<Triple> {
    let text = text.to_ascii_lowercase();
    let (scheme, authority) = text.split_once("://")?;
    let default = match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    };
    let (host, port) = authority_of(authority)?;
    Some((scheme.to_owned(), host, port.or(default)))
}

/// A host with an optional port, and nothing else.
fn authority_of(text: &str) -> Option<(String, Option<u16>)> {
    let text = text.to_ascii_lowercase();
    let end = if text.starts_with('[') { text.find(']')? + 1 } else { text.find(':').unwrap_or(text.len()) };
    let (host, port) = text.split_at(end);
    let port = match port {
        "" => None,
        port => Some(port.strip_prefix(':').filter(|p| p.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()?),
    };
    let is_host = !host.is_empty() && !host.contains(['@', '/', '?', '#', '*', ',', ' ', '\\']);
    is_host.then(|| (host.to_owned(), port))
}

fuzz_target!(|data: &[u8]| {
    let lines = header_lines(data);
    let [host, origins @ ..] = lines.as_slice() else { return };
    let mut parts = handshake(ORIGIN, origins);
    parts.headers.insert(HOST, host.clone());
    parts.headers.insert(AUTHORIZATION, HeaderValue::try_from(format!("Bearer {KEY}")).unwrap());

    for text in lines.iter().filter_map(|line| line.to_str().ok()) {
        let Some(read) = Origin::parse(text) else { continue };
        let written = read.to_string();
        assert_eq!(origin(text), origin(&written), "what is read equals what is written");
        assert!(origin(text).is_some() && Origin::parse(&written) == Some(read));
    }

    // A program that is not a page sends no origin.
    let allowed = |is_allowed: &dyn Fn(&Triple) -> bool| match origins {
        [] => true,
        [one] => one.to_str().ok().and_then(origin).is_some_and(|named| is_allowed(&named)),
        _ => false,
    };
    let own = host.to_str().ok().and_then(authority_of);
    let is_own = |(scheme, host, port): &Triple| {
        let default = if scheme == "http" { 80 } else { 443 };
        let is_http = ["http", "https"].contains(&scheme.as_str());
        is_http && own.as_ref().is_some_and(|(own, own_port)| own == host && own_port.or(Some(default)) == *port)
    };
    let is_preview = |(scheme, host, port): &Triple| {
        let label = host.strip_suffix(".preview.example").unwrap_or_default();
        scheme == "https" && *port == Some(443) && !label.is_empty() && !label.contains('.')
    };
    let is_listed =
        |named: &Triple| is_preview(named) || LISTED.iter().any(|listed| origin(listed).as_ref() == Some(named));
    let is_public = |named: &Triple| origin(PUBLIC).as_ref() == Some(named);

    for (layer, is_allowed) in [
        (&OWN, allowed(&is_own)),
        (&LIST, allowed(&is_listed)),
        (&BOTH, allowed(&|named| is_listed(named) || is_public(named))),
    ] {
        match through(layer, parts.clone()) {
            Ok(_) => assert!(is_allowed, "a foreign page opens a socket"),
            Err(status) => {
                assert_eq!(status, StatusCode::FORBIDDEN);
                assert!(!origins.is_empty(), "a program is accepted by its key");
            }
        }
    }
});
