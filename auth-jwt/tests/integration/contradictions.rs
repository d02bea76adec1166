//! Settings that accept no token: an error, or a line at ERROR that names both sides.

use std::{sync::Arc, time::Duration};

use auth_core::{AuthRequest, BoxError, async_trait};
use auth_jwt::{Algorithm, Jwt, KeySet, KeySource, TrustedIssuer, TrustedIssuers, UnverifiedToken, VerifyingKey};
use serde_json::Value;

use crate::{
    log::{keep_events, logged},
    support::*,
};

/// Keys that are known to be for one issuer, as after discovery.
#[derive(Clone)]
struct KeysOf(&'static str);

#[async_trait]
impl KeySource for KeysOf {
    async fn keys(&self, _: &UnverifiedToken<'_>, _: &AuthRequest<'_>) -> Result<Option<Arc<KeySet>>, BoxError> {
        Ok(None)
    }

    fn issuer(&self) -> Option<&str> {
        Some(self.0)
    }
}

fn issuer() -> TrustedIssuer {
    TrustedIssuer::new(ISSUER, Arc::new(KeySet::from(VerifyingKey::hmac(Algorithm::HS256, SECRET).unwrap())))
}

fn trusting(issuers: impl IntoIterator<Item = TrustedIssuer>) -> Jwt<Value> {
    Jwt::trusted_issuers(TrustedIssuers::new(issuers).unwrap())
}

/// The log while the strategy is built.
fn log(jwt: Jwt<Value>) -> String {
    keep_events();
    logged(|| drop(jwt.verify(accept)))
}

#[test]
fn settings_that_accept_no_token_are_logged_with_both_sides() {
    let only = |algorithm| issuer().algorithms([algorithm]).unwrap();
    let other = || TrustedIssuer::new("https://other.example", KeysOf("https://other.example"));
    let cases = [
        (
            Jwt::key_source(KeysOf(ISSUER)).issuer("https://id.example/"),
            r#"one="https://id.example""#,
            r#"other="https://id.example/""#,
        ),
        (Jwt::key_source(KeysOf("b")).issuer_alias("a", "b"), r#"one="b""#, r#"other=["a", "b"]"#),
        (trusting([issuer().audience("chat")]).id_token("client"), r#"one="client""#, r#"other="chat""#),
        (
            trusting([only(Algorithm::ES256), other()]).algorithms([Algorithm::RS256]).unwrap(),
            r#"one="ES256" of "https://id.example""#,
            r#"other="RS256""#,
        ),
        (jwt().issuer("a").issuer_alias("b", "a"), r#"one="a""#, r#"other=["a", "b"]"#),
        (jwt().max_len(67), "one=67", "other=68 bytes at least"),
        (jwt().max_age(Duration::ZERO).leeway(Duration::ZERO).unwrap(), "`max_age` of 0 s", "`leeway` of 0 s"),
        (jwt().client_id_as_audience(), "one=`client_id_as_audience`", "other=`audience` is missing"),
        (jwt().id_token("c").require_claim("token_use", "access"), "one=`id_token`", "other=`token_use`"),
        (jwt().require_claim("typ", "Bearer").id_token("c"), "one=`id_token`", "other=`typ`"),
        (jwt().id_token("c").require_claim("events", "x"), "one=`id_token`", "other=`events`"),
    ];
    for (jwt, one, other) in cases {
        let log = log(jwt.named("partner"));
        assert!(log.contains("ERROR") && log.contains(r#"strategy="partner""#), "{one}: {log}");
        assert!(log.contains(one) && log.contains(other) && log.lines().count() == 1, "{one}, {other}: {log}");
    }
}

#[test]
fn settings_that_accept_a_token_are_not_logged() {
    let cases = [
        jwt(),
        Jwt::key_source(KeysOf(ISSUER)),
        Jwt::key_source(KeysOf(ISSUER)).issuer("https://other.example").issuer(ISSUER),
        Jwt::key_source(KeysOf("a")).issuer_alias("a", "b"),
        trusting([issuer().audience("chat").audience("client")]).id_token("client"),
        trusting([issuer()]).id_token("client"),
        trusting([issuer().audience("chat")]).access_token("mail"),
        trusting([issuer().algorithms([Algorithm::HS256]).unwrap()]).algorithms([Algorithm::HS256]).unwrap(),
        jwt().max_len(68),
        jwt().max_age(Duration::ZERO),
        jwt().client_id_as_audience().audience("app"),
        jwt().client_id_as_audience().dangerous_ignore_audience(),
        trusting([issuer().audience("app")]).client_id_as_audience(),
        jwt().id_token("c").require_claim("token_use", "id"),
        jwt().id_token("c").require_claim("typ", "ID").require_claim("typ", "Bearer"),
        jwt().access_token("chat").require_claim("typ", "Bearer"),
    ];
    for (at, jwt) in cases.into_iter().enumerate() {
        assert_eq!(log(jwt), "", "case {at}");
    }
}

#[test]
fn shortest_token_has_68_bytes() {
    let token = raw_token(r#"{"alg":"HS256"}"#, "{}");
    assert_eq!(token.len(), 68);
    assert_eq!(verdict(jwt().dangerous_allow_missing_exp().max_len(68), &token), ACCEPTED);
}

#[test]
fn algorithms_that_rule_out_every_trusted_issuer_do_not_build() {
    let only = |name: &str, algorithm| TrustedIssuer::new(name, KeysOf("a")).algorithms([algorithm]).unwrap();
    let both = || trusting([only("a", Algorithm::ES256), issuer().algorithms([Algorithm::HS256]).unwrap()]);
    assert!(both().algorithms([Algorithm::RS256]).is_err());
    assert!(both().algorithms([Algorithm::ES256]).is_ok());
    assert!(trusting([issuer()]).algorithms([Algorithm::RS256]).is_ok(), "its keys are not known yet");
}

#[test]
fn issuer_whose_keys_are_for_another_does_not_build() {
    let error = TrustedIssuers::new([TrustedIssuer::new(ISSUER, KeysOf("https://id.example/"))]).unwrap_err();
    assert!(error.to_string().contains(r#""https://id.example" are for "https://id.example/""#), "{error}");
    assert!(TrustedIssuers::new([TrustedIssuer::new(ISSUER, KeysOf(ISSUER)).alias("id.example")]).is_ok());
}
