//! The text of a challenge (RFC 9110, 11.3 and 11.6.1; RFC 6750, 3).

use auth_core::Challenge;

#[test]
fn challenge_without_parameters_is_the_bare_scheme() {
    assert_eq!(Challenge::new("Negotiate").to_header_value(), "Negotiate");
}

#[test]
fn parameters_are_quoted_in_the_order_of_addition() {
    let challenge = Challenge::bearer("api").with("scope", "a b").with("resource_metadata", "https://api.example/");
    assert_eq!(
        challenge.to_header_value(),
        r#"Bearer realm="api", scope="a b", resource_metadata="https://api.example/""#
    );
}

#[test]
fn parameter_of_a_known_name_is_replaced_in_place() {
    let challenge = Challenge::bearer("first").with("scope", "a").with("REALM", "second");
    assert_eq!(challenge.to_string(), r#"Bearer realm="second", scope="a""#);
}

#[test]
fn quotes_and_backslashes_are_escaped() {
    assert_eq!(Challenge::bearer(r#"a"b\c"#).to_string(), r#"Bearer realm="a\"b\\c""#);
}

#[test]
fn control_characters_are_left_out_so_no_header_can_be_injected() {
    let challenge = Challenge::bearer("a\r\nSet-Cookie: x\t\u{7f}\u{85}b\0");
    assert_eq!(challenge.to_header_value(), r#"Bearer realm="aSet-Cookie: xb""#);
}

#[test]
fn text_beyond_ascii_is_sent_as_utf8() {
    let value = Challenge::bearer("Größe").to_header_value();
    assert_eq!(value.as_bytes(), "Bearer realm=\"Größe\"".as_bytes());
}

#[test]
fn empty_value_is_an_empty_quoted_string() {
    assert_eq!(Challenge::bearer("").to_string(), r#"Bearer realm="""#);
}

#[test]
#[should_panic(expected = "must be a token")]
fn scheme_that_is_not_a_token_panics() {
    let _ = Challenge::new("Bea rer");
}

#[test]
#[should_panic(expected = "must be a token")]
fn parameter_name_that_is_not_a_token_panics() {
    let _ = Challenge::new("Bearer").with("re=alm", "api");
}

#[test]
fn configured_names_are_accepted_or_are_errors_that_show_them() {
    let challenge = Challenge::try_new("Token".to_owned()).unwrap().try_with("area".to_owned(), "a").unwrap();
    assert_eq!(challenge.to_string(), r#"Token area="a""#);
    for bad in ["", "Bea rer", "re=alm", "a,b"] {
        for error in [Challenge::try_new(bad), Challenge::new("Token").try_with(bad, "a")].map(Result::unwrap_err) {
            assert!(error.to_string().contains(&format!("{bad:?}")), "{error}");
        }
    }
}
