use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

use crate::Claims;

#[derive(Deserialize)]
struct Header<'a> {
    alg: &'a str,
}

/// The parsing floor: base64url, the header, and owned claims. No signature and no rule is checked.
#[must_use]
pub fn parse(token: &str) -> Option<Claims> {
    let (input, _signature) = token.rsplit_once('.')?;
    let (header, claims) = input.split_once('.')?;
    let mut buffer = [0; 1024];
    let length = URL_SAFE_NO_PAD.decode_slice(header, &mut buffer).ok()?;
    let header: Header<'_> = serde_json::from_slice(buffer.get(..length)?).ok()?;
    if header.alg.is_empty() {
        return None;
    }
    let length = URL_SAFE_NO_PAD.decode_slice(claims, &mut buffer).ok()?;
    serde_json::from_slice(buffer.get(..length)?).ok()
}

/// The name of a token in a memory of checked signatures.
#[must_use]
pub fn sha256(token: &str) -> digest::Digest {
    digest::digest(&digest::SHA256, token.as_bytes())
}
