//! Extractors joined with `or`: which one wins, and when a request contradicts itself.

use auth_core::{
    Carrier,
    extract::{Extractor as _, bearer, cookie, from_fn, header, query},
};

use crate::extract::{Look, look};

fn found(text: &str, carrier: Carrier) -> Look {
    Look::Found(text.to_owned(), carrier)
}

const BEARER_A: (&str, &[u8]) = ("authorization", b"Bearer a");
const BROKEN_BEARER: (&str, &[u8]) = ("authorization", b"Bearer");
const COOKIE_B: (&str, &[u8]) = ("cookie", b"jwt=b");
const BROKEN_COOKIE: (&str, &[u8]) = ("cookie", b"jwt=b; jwt=c");

#[test]
fn empty_request_gives_nothing() {
    assert_eq!(look(&bearer().or(query("token")).or(cookie("jwt")), "/", &[]), Look::Nothing);
}

#[test]
fn each_extractor_finds_its_own_place() {
    let any = bearer().or(query("token")).or(cookie("jwt"));
    assert_eq!(look(&any, "/", &[BEARER_A]), found("a", Carrier::Header));
    assert_eq!(look(&any, "/?token=q", &[]), found("q", Carrier::Query));
    assert_eq!(look(&any, "/", &[COOKIE_B]), found("b", Carrier::Cookie));
}

#[test]
fn first_extractor_wins() {
    assert_eq!(look(&bearer().or(cookie("jwt")), "/", &[BEARER_A, COOKIE_B]), found("a", Carrier::Header));
    assert_eq!(look(&query("token").or(bearer()), "/?token=a", &[BEARER_A]), found("a", Carrier::Query));
}

#[test]
fn explicit_credential_wins_over_a_cookie_in_any_order() {
    for any in [bearer().or(cookie("jwt")), cookie("jwt").or(bearer()), cookie("x").or(cookie("jwt")).or(bearer())] {
        assert_eq!(look(&any, "/", &[BEARER_A, COOKIE_B]), found("a", Carrier::Header));
        assert_eq!(look(&any, "/", &[COOKIE_B]), found("b", Carrier::Cookie));
    }
}

#[test]
fn two_different_explicit_credentials_are_malformed() {
    for any in [bearer().or(query("token")), query("token").or(bearer())] {
        assert!(matches!(look(&any, "/?token=b", &[BEARER_A]), Look::Malformed(_)));
    }
    let three = bearer().or(header("x-token")).or(query("token"));
    assert!(matches!(look(&three, "/?token=b", &[BEARER_A, ("x-token", b"a")]), Look::Malformed(_)));
}

#[test]
fn two_explicit_credentials_are_malformed_even_after_a_cookie() {
    let any = cookie("jwt").or(bearer()).or(query("token"));
    assert!(matches!(look(&any, "/?token=c", &[COOKIE_B, BEARER_A]), Look::Malformed(_)));
}

#[test]
fn one_explicit_credential_in_two_places_is_one_credential() {
    assert_eq!(look(&bearer().or(query("token")), "/?token=a", &[BEARER_A]), found("a", Carrier::Header));
}

#[test]
fn explicit_credential_and_a_different_cookie_do_not_conflict() {
    let any = bearer().or(query("token")).or(cookie("jwt"));
    assert_eq!(look(&any, "/?token=q", &[COOKIE_B]), found("q", Carrier::Query));
}

#[test]
fn broken_explicit_place_never_falls_through_to_a_cookie() {
    for any in [bearer().or(cookie("jwt")), cookie("jwt").or(bearer())] {
        assert_eq!(look(&any, "/", &[BROKEN_BEARER, COOKIE_B]), Look::Malformed(Carrier::Header));
    }
}

#[test]
fn broken_explicit_place_is_malformed_even_beside_a_good_one() {
    let any = bearer().or(query("token"));
    assert_eq!(look(&any, "/?token=", &[BEARER_A]), Look::Malformed(Carrier::Query));
}

#[test]
fn broken_cookie_alone_is_malformed() {
    assert_eq!(look(&bearer().or(cookie("jwt")), "/", &[BROKEN_COOKIE]), Look::Malformed(Carrier::Cookie));
    // Another cookie does not make up for it.
    let two = cookie("jwt").or(cookie("session"));
    let headers = [BROKEN_COOKIE, ("cookie", b"session=s" as &[u8])];
    assert_eq!(look(&two, "/", &headers), Look::Malformed(Carrier::Cookie));
    assert_eq!(look(&cookie("session").or(cookie("jwt")), "/", &headers), Look::Malformed(Carrier::Cookie));
}

#[test]
fn broken_cookie_is_ignored_beside_an_explicit_credential() {
    for any in [
        bearer().or(cookie("jwt")),
        cookie("jwt").or(bearer()),
        cookie("session").or(cookie("jwt")).or(bearer()),
        bearer().or(cookie("session")).or(cookie("jwt")),
    ] {
        let headers = [BEARER_A, BROKEN_COOKIE, ("cookie", b"session=s" as &[u8])];
        assert_eq!(look(&any, "/", &headers), found("a", Carrier::Header));
    }
}

#[test]
fn first_of_two_cookies_wins() {
    let headers: [(&str, &[u8]); 1] = [("cookie", b"b=2; a=1")];
    assert_eq!(look(&cookie("a").or(cookie("b")), "/", &headers), found("1", Carrier::Cookie));
}

#[test]
fn joined_extractors_nest() {
    let any = bearer().or(query("token").or(cookie("jwt")));
    assert_eq!(look(&any, "/", &[COOKIE_B]), found("b", Carrier::Cookie));
    assert!(matches!(look(&any, "/?token=q", &[BEARER_A]), Look::Malformed(_)));
}

#[test]
fn closure_that_finds_a_client_certificate_is_ambient() {
    let any = from_fn(Carrier::ClientCertificate, |_| Some(auth_core::Secret::new("cn=x"))).or(bearer());
    assert_eq!(look(&any, "/", &[]), found("cn=x", Carrier::ClientCertificate));
    assert_eq!(look(&any, "/", &[BROKEN_BEARER]), Look::Malformed(Carrier::Header));
}
