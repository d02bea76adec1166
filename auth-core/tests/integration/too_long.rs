//! Credentials that are longer than a strategy allows.

use auth_core::{
    AuthRequest, Carrier, Transport,
    extract::{Credential, Extractor, Malformed, auth_scheme, bearer, header, query},
};

use crate::support::{head, now};

const MAX: usize = 100;

/// What an extractor with a limit finds: text, length and start.
type Found = Option<(String, usize, String)>;

fn within(extractor: &impl Extractor, uri: &str, headers: &[(&str, &[u8])]) -> Result<Found, Malformed> {
    let head = head(uri, headers);
    let request = AuthRequest::new(&head, Transport::Http, now());
    let found = extractor.extract_within(&request, MAX)?;
    Ok(found.map(|found| (found.expose().to_owned(), found.byte_len(), found.start().to_owned())))
}

fn authorization(value: &[u8]) -> Result<Found, Malformed> {
    within(&bearer(), "/", &[("authorization", value)])
}

fn value(scheme: &str, credential: &str) -> Vec<u8> {
    format!("{scheme}{credential}").into_bytes()
}

#[test]
fn credential_at_the_limit_is_checked_and_a_longer_one_is_not() {
    let (at, over) = ("a".repeat(MAX), "a".repeat(MAX + 1));
    assert_eq!(authorization(&value("Bearer ", &at)).unwrap(), Some((at.clone(), MAX, "a".repeat(64))));
    assert_eq!(authorization(&value("Bearer ", &over)).unwrap(), Some((String::new(), MAX + 1, "a".repeat(64))));
    let key = header("x-key");
    assert_eq!(within(&key, "/", &[("x-key", at.as_bytes())]).unwrap().unwrap().0, at);
    assert_eq!(within(&key, "/", &[("x-key", over.as_bytes())]).unwrap().unwrap().0, "");
}

#[test]
fn broken_credential_is_malformed_only_within_the_limit() {
    for broken in [" b", ",", "\u{e9}"] {
        let short = value("Bearer a", broken);
        assert!(authorization(&short).is_err());
        let long = value("Bearer ", &format!("{}{broken}", "a".repeat(MAX)));
        assert_eq!(authorization(&long).unwrap().unwrap().1, MAX + broken.len());
    }
}

#[test]
fn blanks_around_a_credential_do_not_count() {
    let at = "a".repeat(MAX);
    assert_eq!(authorization(&value("Bearer    ", &format!("{at}   "))).unwrap().unwrap().1, MAX);
    assert!(authorization(&value("Bearer", &" ".repeat(MAX + 1))).is_err());
}

#[test]
fn long_credential_of_another_scheme_is_not_found() {
    assert_eq!(authorization(&value("Basic ", &"a".repeat(MAX + 1))).unwrap(), None);
}

#[test]
fn start_of_what_is_too_long_is_text() {
    let mut bytes = b"Bearer ab".to_vec();
    bytes.extend([0xff; MAX]);
    assert_eq!(authorization(&bytes).unwrap().unwrap().2, "ab");
    // A character that the 64th byte splits is left out.
    let long = format!("a{}", "\u{e9}".repeat(MAX));
    assert_eq!(authorization(&value("Bearer ", &long)).unwrap().unwrap().2, format!("a{}", "\u{e9}".repeat(31)));
}

#[test]
fn two_credentials_that_are_too_long_must_be_equal_too() {
    let any = bearer().or(header("x-key")).or(query("key"));
    let (long, other) = ("a".repeat(MAX + 1), format!("{}b", "a".repeat(MAX)));
    let by = |bearer: &str, key: &str| {
        let bearer = value("Bearer ", bearer);
        within(&any, "/", &[("authorization", &bearer), ("x-key", key.as_bytes())]).map(|found| found.unwrap().1)
    };
    assert_eq!(by(&long, &long).unwrap(), MAX + 1);
    for (one, two) in [(&*long, &*other), (&long, "a"), ("a", &long)] {
        assert!(by(one, two).is_err());
    }
    // An extractor without a look of its own at the limit finds the text.
    let bearer = value("Bearer ", &long);
    let uri = |key: &str| format!("/?key={key}");
    assert!(within(&any, &uri(&long), &[("authorization", &bearer)]).is_ok());
    assert!(within(&any, &uri(&other), &[("authorization", &bearer)]).is_err());
}

#[test]
fn without_a_limit_every_length_is_checked() {
    let long = "a".repeat(100_000);
    let head = head("/", &[("authorization", &value("Token ", &long))]);
    let request = AuthRequest::new(&head, Transport::Http, now());
    let boxed: Box<dyn Extractor> = Box::new(auth_scheme("Token"));
    assert_eq!(boxed.extract(&request).unwrap().unwrap().expose(), long);
    assert_eq!(boxed.extract_within(&request, MAX).unwrap().unwrap().expose(), "");
}

#[test]
fn extractor_of_your_own_says_that_a_credential_is_too_long() {
    let credential = Credential::too_long(&[0xff; 65], Carrier::Query);
    assert_eq!((credential.expose(), credential.start(), credential.byte_len()), ("", "", 65));
    assert_eq!(credential.carrier(), Carrier::Query);
}
