//! Encodings of tokens and keys, for tests that write them by hand.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

/// base64url without padding.
pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What base64url without padding encodes.
pub fn from_base64url(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// What a JWT with these two texts signs (RFC 7515, 5.1).
pub fn signing_input(header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
    format!("{}.{}", base64url(header), base64url(payload))
}

/// The bytes of a PEM file with one section.
pub fn der_of(pem: &[u8]) -> Vec<u8> {
    let body: String = str::from_utf8(pem).unwrap().lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(body).unwrap()
}
