//! Lines of `Cookie`. A name has only one value, and a cookie alone opens no socket.
#![no_main]

use std::sync::LazyLock;

use auth_core::{Chain, Transport, extract::cookie};
use auth_fuzz::{KEY, Key, User, found, handshake, head, header_lines, through};
use http::{
    HeaderValue, StatusCode,
    header::{COOKIE, HOST, ORIGIN},
};
use libfuzzer_sys::fuzz_target;
use ws_adapter::AuthLayer;

static LAYER: LazyLock<AuthLayer<User>> = LazyLock::new(|| AuthLayer::new(Chain::new().or(Key(cookie("jwt")))));

fn read(lines: &[HeaderValue]) -> Result<Option<String>, ()> {
    found(&cookie("jwt"), &head(COOKIE, lines), Transport::Http).map_err(|_| ())
}

fn line(text: &str) -> HeaderValue {
    HeaderValue::try_from(text).unwrap()
}

fuzz_target!(|data: &[u8]| {
    let lines = header_lines(data);
    let value = read(&lines);
    let with = |more: &str| read(&[lines.as_slice(), &[line(more)]].concat());

    assert_eq!(with("jwtx=1; xjwt=2; JWT=3; jwt"), value, "cookies of other names change nothing");
    assert_eq!(read(&[lines.as_slice(), lines.as_slice()].concat()), value, "repeated lines change nothing");
    if let Ok(Some(value)) = &value {
        assert!(!value.is_empty() && value.bytes().all(|b| b.is_ascii_graphic()));
        assert!(lines.iter().any(|line| line.as_bytes().windows(value.len()).any(|part| part == value.as_bytes())));
        assert_eq!(with(&format!("jwt=\"{value}\"")), Ok(Some(value.clone())), "quotes are not part of the value");
        assert_eq!(with("jwt=another").ok(), (value == "another").then(|| Some(value.clone())));
    }

    let lets_in = value == Ok(Some(KEY.to_owned()));
    assert_eq!(through(&LAYER, head(COOKIE, &lines)).is_ok(), lets_in);
    let mut opening = handshake(COOKIE, &lines);
    opening.headers.insert(HOST, line("app.example"));
    let refused = through(&LAYER, opening.clone()).expect_err("a cookie alone opens no socket");
    assert_eq!(refused == StatusCode::FORBIDDEN, lets_in);
    opening.headers.insert(ORIGIN, line("https://app.example"));
    assert_eq!(through(&LAYER, opening.clone()).is_ok(), lets_in);
    opening.headers.insert(ORIGIN, line("https://evil.example"));
    assert_eq!(through(&LAYER, opening).err(), Some(StatusCode::FORBIDDEN));
});
