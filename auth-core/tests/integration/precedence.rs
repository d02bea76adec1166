//! Extractors joined with `or`: which one wins, and when the request contradicts itself. Then strategies that look in
//! different places: the order of the chain decides.

use auth_core::{
    Accept, AuthRequest, Authenticated, BoxError, Carrier, Chain, Challenge, Outcome, Refusal, Rejection, Strategy,
    Transport, async_trait,
    extract::{Extractor, bearer, cookie, from_fn, header, query},
};

use crate::{
    extract::{Look, look},
    support::{Name, answer, head, now},
};

fn found(text: &str, carrier: Carrier) -> Look {
    Look::Found(text.to_owned(), carrier)
}

const BEARER_A: (&str, &[u8]) = ("authorization", b"Bearer a");
const BROKEN_BEARER: (&str, &[u8]) = ("authorization", b"Bearer");
const COOKIE_B: (&str, &[u8]) = ("cookie", b"jwt=b");
const BROKEN_COOKIE: (&str, &[u8]) = ("cookie", b"jwt=b; jwt=c");

#[test]
fn nothing_anywhere_is_nothing() {
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
fn first_place_as_written_wins() {
    assert_eq!(look(&bearer().or(cookie("jwt")), "/", &[BEARER_A, COOKIE_B]), found("a", Carrier::Header));
    assert_eq!(look(&cookie("jwt").or(bearer()), "/", &[BEARER_A, COOKIE_B]), found("b", Carrier::Cookie));
    assert_eq!(look(&query("token").or(bearer()), "/?token=a", &[BEARER_A]), found("a", Carrier::Query));
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
fn two_different_explicit_credentials_are_malformed_also_behind_a_cookie() {
    let any = cookie("jwt").or(bearer()).or(query("token"));
    assert!(matches!(look(&any, "/?token=c", &[COOKIE_B, BEARER_A]), Look::Malformed(_)));
}

#[test]
fn one_explicit_credential_in_two_places_is_one_credential() {
    assert_eq!(look(&bearer().or(query("token")), "/?token=a", &[BEARER_A]), found("a", Carrier::Header));
}

#[test]
fn explicit_credential_and_a_different_cookie_do_not_contradict_each_other() {
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
fn broken_explicit_place_is_malformed_also_beside_a_good_one() {
    let any = bearer().or(query("token"));
    assert_eq!(look(&any, "/?token=", &[BEARER_A]), Look::Malformed(Carrier::Query));
}

#[test]
fn broken_cookie_is_malformed_where_it_stands_alone() {
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
fn of_two_cookies_the_first_as_written_wins() {
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

/// Takes `good`, knows `expired`, and refuses the rest.
struct Tokens<E>(E);

#[async_trait]
impl<E: Extractor> Strategy for Tokens<E> {
    type User = Name;

    fn name(&self) -> &str {
        "tokens"
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.push(Challenge::bearer("api"));
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<Name>, BoxError> {
        Ok(match self.0.extract(request) {
            Ok(None) => Outcome::Absent,
            Ok(Some(found)) => match found.expose() {
                "good" => Outcome::Accept(Accept::new("user", found.carrier())),
                "expired" => Outcome::Reject(Rejection::token_expired()),
                _ => Outcome::Reject(Rejection::invalid_credentials()),
            },
            Err(malformed) => malformed.into(),
        })
    }
}

async fn ask_both(chain: Chain<Name>, explicit: &str, ambient: &str) -> Result<Authenticated<Name>, Refusal> {
    let (explicit, ambient) = (format!("Bearer {explicit}"), format!("jwt={ambient}"));
    let head = head("/", &[("authorization", explicit.as_bytes()), ("cookie", ambient.as_bytes())]);
    chain.authenticate(&AuthRequest::new(&head, Transport::Http, now())).await
}

fn cookie_strategy_first() -> Chain<Name> {
    Chain::new().or(Tokens(cookie("jwt"))).or(Tokens(bearer()))
}

fn cookie_strategy_last() -> Chain<Name> {
    Chain::new().or(Tokens(bearer())).or(Tokens(cookie("jwt")))
}

#[tokio::test]
async fn good_cookie_of_an_earlier_strategy_does_not_outweigh_a_wrong_header_of_a_later_one() {
    let refusal = ask_both(cookie_strategy_first(), "wrong", "good").await.unwrap_err();
    assert_eq!(answer(&refusal), (401, "invalid_credentials"));
}

#[tokio::test]
async fn good_cookie_of_an_earlier_strategy_stands_beside_a_good_header_of_a_later_one() {
    let user = ask_both(cookie_strategy_first(), "good", "good").await.unwrap();
    assert_eq!(user.evidence().carrier(), Carrier::Cookie);
}

#[tokio::test]
async fn good_cookie_stands_beside_a_header_that_no_strategy_owns() {
    let (parts, ()) = http::Request::builder()
        .header("authorization", "Digest of-a-proxy-in-front")
        .header("cookie", "jwt=good")
        .body(())
        .unwrap()
        .into_parts();
    let request = AuthRequest::new(&parts, Transport::Http, now());
    let user = cookie_strategy_first().authenticate(&request).await.unwrap();
    assert_eq!(user.evidence().carrier(), Carrier::Cookie);
}

#[tokio::test]
async fn good_cookie_stands_beside_a_wrong_header_where_the_chain_tries_the_next_on_reject() {
    let user = ask_both(cookie_strategy_first().try_next_on_reject(), "wrong", "good").await.unwrap();
    assert_eq!(user.evidence().carrier(), Carrier::Cookie);
}

#[tokio::test]
async fn expired_cookie_of_an_earlier_strategy_refuses_before_a_good_header_is_looked_at() {
    let refusal = ask_both(cookie_strategy_first(), "good", "expired").await.unwrap_err();
    assert_eq!(answer(&refusal), (401, "token_expired"));
}

#[tokio::test]
async fn wrong_header_refuses_before_a_good_cookie_of_a_later_strategy_is_looked_at() {
    let refusal = ask_both(cookie_strategy_last(), "wrong", "good").await.unwrap_err();
    assert_eq!(answer(&refusal), (401, "invalid_credentials"));
}

#[tokio::test]
async fn good_header_decides_before_an_expired_cookie_of_a_later_strategy_is_looked_at() {
    let user = ask_both(cookie_strategy_last(), "good", "expired").await.unwrap();
    assert_eq!(user.evidence().carrier(), Carrier::Header);
}

#[tokio::test]
async fn wrong_explicit_credential_never_falls_through_to_a_good_cookie_behind_it_in_one_strategy() {
    let one = Chain::new().or(Tokens(bearer().or(cookie("jwt"))));
    assert_eq!(answer(&ask_both(one, "wrong", "good").await.unwrap_err()), (401, "invalid_credentials"));
}
