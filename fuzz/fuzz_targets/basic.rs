//! Basic logins, encoded as after the scheme, and not encoded.
#![no_main]

use std::{
    convert::Infallible,
    sync::{Arc, LazyLock, Mutex},
};

use auth_basic::{Basic, BasicLogin};
use auth_core::Chain;
use auth_fuzz::{ask, head};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderValue, header::AUTHORIZATION};
use libfuzzer_sys::fuzz_target;

type Login = (String, String);

static SEEN: LazyLock<Arc<Mutex<Vec<Login>>>> = LazyLock::new(Arc::default);

/// Accepts everyone, and records the logins.
static CHAIN: LazyLock<Chain<&'static str>> = LazyLock::new(|| {
    Chain::new().or(Basic::new("fuzz").verify(|login: BasicLogin| {
        SEEN.lock().unwrap().push((login.username().to_owned(), login.password().expose().to_owned()));
        async { Ok::<_, Infallible>(Some("somebody")) }
    }))
});

/// The logins that the callback receives.
fn present(word: &[u8]) -> Option<Login> {
    let line = HeaderValue::from_bytes(&[b"Basic ", word].concat()).ok()?;
    let accepted = ask(&CHAIN, &head(AUTHORIZATION, &[line])).is_ok();
    let mut seen = std::mem::take(&mut *SEEN.lock().unwrap());
    assert_eq!(seen.len(), usize::from(accepted), "the callback only gets whole logins");
    seen.pop()
}

/// A second parser for decoded bytes (RFC 7617, 2).
fn grammar(user_pass: &[u8]) -> Option<Login> {
    let text = std::str::from_utf8(user_pass).ok().filter(|text| !text.chars().any(char::is_control))?;
    let colon = text.find(':')?;
    Some((text[..colon].to_owned(), text[colon + 1..].to_owned()))
}

fuzz_target!(|data: &[u8]| {
    let encoded = STANDARD.encode(data);
    let expected = grammar(data).filter(|_| encoded.len() <= 4096);
    assert_eq!(present(encoded.as_bytes()), expected);

    if let Some((username, password)) = present(data) {
        let again = STANDARD.encode(format!("{username}:{password}"));
        // Spaces around it belong to the header.
        assert_eq!(again.as_bytes(), data.trim_ascii(), "each login has one form");
    }
});
