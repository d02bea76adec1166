//! Any text in a challenge: the result is one header value, and parsing it returns the text.
#![no_main]

use auth_core::Challenge;
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 5] = ["realm", "scope", "error_description", "REALM", "resource_metadata"];

/// Parses a challenge (RFC 9110, 11.2): a scheme, then names with quoted strings.
fn read(value: &str) -> (String, Vec<(String, String)>) {
    let (scheme, mut rest) = value.split_once(' ').unwrap_or((value, ""));
    let mut params = Vec::new();
    while !rest.is_empty() {
        let (name, quoted) = rest.split_once("=\"").expect("a name, and a quoted string");
        let mut text = String::new();
        let mut chars = quoted.char_indices();
        let end = loop {
            match chars.next().expect("the quoted string ends") {
                (at, '"') => break at,
                (_, '\\') => text.push(chars.next().expect("something is escaped").1),
                (_, c) => text.push(c),
            }
        };
        params.push((name.to_owned(), text));
        rest = &quoted[end + 1..];
        rest = rest.strip_prefix(", ").unwrap_or(rest);
    }
    (scheme.to_owned(), params)
}

fuzz_target!(|texts: Vec<(u8, String)>| {
    let mut challenge = Challenge::new("Bearer");
    let mut expected: Vec<(String, String)> = Vec::new();
    for (name, text) in texts {
        let name = NAMES[usize::from(name) % NAMES.len()];
        let kept: String = text.chars().filter(|c| !c.is_control()).collect();
        match expected.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some(known) => known.1 = kept,
            None => expected.push((name.to_owned(), kept)),
        }
        challenge = challenge.with(name, &text);
    }
    let value = challenge.to_header_value();
    let text = std::str::from_utf8(value.as_bytes()).unwrap();
    assert_eq!(text, challenge.to_string());
    assert_eq!(read(text), ("Bearer".to_owned(), expected));
});
