//! Lines of `Authorization`. The extractors follow the grammar, and only the key is accepted.
#![no_main]

use std::sync::LazyLock;

use auth_core::{
    Chain, Transport,
    extract::{auth_scheme, bearer, header},
};
use auth_fuzz::{KEY, Key, User, ask, found, head, header_lines, through};
use http::{HeaderName, HeaderValue, header::AUTHORIZATION};
use libfuzzer_sys::fuzz_target;
use ws_adapter::AuthLayer;

static CHAIN: LazyLock<Chain<User>> = LazyLock::new(|| Chain::new().or(Key(bearer())).or(Key(auth_scheme("Token"))));
static LAYER: LazyLock<AuthLayer<User>> = LazyLock::new(|| AuthLayer::new(CHAIN.clone()));

/// A second parser for one line (RFC 9110, 11.4): the credentials, another scheme, or malformed.
fn grammar(scheme: &str, line: &[u8]) -> Result<Option<String>, ()> {
    let line: Vec<char> = line.iter().map(|&b| char::from(b)).collect();
    let word: String = line.iter().take_while(|c| !matches!(c, ' ' | '\t')).collect();
    if !word.eq_ignore_ascii_case(scheme) {
        return Ok(None);
    }
    let rest: String = line.iter().skip(word.chars().count()).collect();
    let token = rest.trim_matches(' ');
    let body = token.trim_end_matches('=');
    let is_token68 = !body.is_empty() && body.chars().all(|c| c.is_ascii_alphanumeric() || "-._~+/".contains(c));
    if is_token68 { Ok(Some(token.to_owned())) } else { Err(()) }
}

fuzz_target!(|data: &[u8]| {
    let lines = header_lines(data);
    let parts = head(AUTHORIZATION, &lines);
    let expected = |scheme| match lines.as_slice() {
        [] => Ok(None),
        [line] => grammar(scheme, line.as_bytes()),
        _ => Err(()),
    };
    let mut lets_in = false;
    for scheme in ["Bearer", "Token"] {
        let read = found(&auth_scheme(scheme), &parts, Transport::Http).map_err(|_| ());
        assert_eq!(read, expected(scheme));
        if let Ok(Some(token)) = read {
            lets_in |= token == KEY;
            let again = HeaderValue::try_from(format!("{scheme} {token}")).unwrap();
            let again = found(&auth_scheme(scheme), &head(AUTHORIZATION, &[again]), Transport::Http);
            assert_eq!(again.unwrap().unwrap(), token, "a token that was read can be read again");
        }
    }

    let own = HeaderName::from_static("x-api-key");
    if let Ok(Some(key)) = found(&header("x-api-key"), &head(own, &lines), Transport::Http) {
        assert!(lines.len() == 1 && lines[0] == key && key.bytes().all(|b| b.is_ascii_graphic()));
    }

    assert_eq!(ask(&CHAIN, &parts).is_ok(), lets_in);
    let seen = through(&LAYER, parts);
    assert_eq!(seen.is_ok(), lets_in);
    if let Ok(seen) = seen {
        assert!(seen.headers.get_all(AUTHORIZATION).iter().all(HeaderValue::is_sensitive));
    }
});
