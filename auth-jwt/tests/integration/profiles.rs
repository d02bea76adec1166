//! Access tokens (RFC 9068), ID tokens (OpenID Connect Core), and claims about the log-in.

use std::sync::Arc;

use auth_core::{UserAuthentication, extract};
use auth_jwt::{Algorithm, Jwt, KeySet, TrustedIssuer, TrustedIssuers, VerifyingKey};
use serde_json::{Value, json};

use crate::support::*;

const CLIENT: &str = "s6BhdRkqt3";

fn access() -> Jwt<Value> {
    jwt().access_token("chat").issuer(ISSUER)
}

fn id() -> Jwt<Value> {
    jwt().id_token(CLIENT).issuer(ISSUER)
}

/// The claims of RFC 9068, 2.2, with these instead of others; `null` removes a claim.
fn access_claims(more: Value) -> Value {
    let own = json!({ "iss": ISSUER, "aud": "chat", "client_id": CLIENT, "iat": NOW, "jti": "dbe39bf3" });
    without_null(merged(claims(own), more))
}

/// The claims of OpenID Connect Core, 2.
fn id_claims(more: Value) -> Value {
    without_null(merged(claims(json!({ "iss": ISSUER, "aud": CLIENT, "iat": NOW })), more))
}

fn merged(mut claims: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("claims are an object") };
    claims.as_object_mut().unwrap().extend(more);
    claims
}

fn without_null(mut claims: Value) -> Value {
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

fn access_token(more: Value) -> String {
    token_with(json!({ "typ": "at+jwt" }), &access_claims(more))
}

fn id_token(more: Value) -> String {
    token(&id_claims(more))
}

#[test]
fn access_token_of_the_profile_is_accepted_in_every_spelling_of_its_type() {
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
        let token = token_with(json!({ "typ": typ }), &access_claims(json!({})));
        assert_eq!(verdict(access(), &token), ACCEPTED, "{typ}");
    }
}

#[test]
fn token_of_another_type_is_not_an_access_token() {
    for header in [json!({}), json!({ "typ": "JWT" }), json!({ "typ": "logout+jwt" }), json!({ "typ": "dpop+jwt" })] {
        assert_eq!(verdict(access(), &token_with(header.clone(), &access_claims(json!({})))), INVALID, "{header}");
    }
}

#[test]
fn id_token_is_refused_as_an_access_token() {
    // It also names the API as its audience and has each claim of an access token. Only the type differs.
    let both = access_claims(json!({ "aud": [CLIENT, "chat"], "azp": CLIENT }));
    assert_eq!(verdict(access(), &token(&both)), INVALID);
    assert_eq!(verdict(access(), &id_token(json!({}))), INVALID);
}

#[test]
fn access_token_is_refused_as_an_id_token() {
    assert_eq!(verdict(id(), &access_token(json!({ "aud": CLIENT }))), INVALID);
}

#[test]
fn each_claim_of_the_access_token_is_required() {
    assert_eq!(verdict(access(), &access_token(json!({}))), ACCEPTED);
    for name in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] {
        let lenient = access().dangerous_allow_missing_exp();
        assert_eq!(verdict(lenient, &access_token(json!({ name: null }))), INVALID, "{name}");
    }
}

#[test]
fn profile_requires_an_issuer_even_if_none_is_configured() {
    let access = || jwt().access_token("chat");
    assert_eq!(verdict(access(), &access_token(json!({}))), ACCEPTED);
    assert_eq!(verdict(access(), &access_token(json!({ "iss": null }))), INVALID);
    assert_eq!(verdict(jwt().id_token(CLIENT), &id_token(json!({ "iss": null }))), INVALID);
}

#[test]
fn claims_of_the_access_token_have_their_types() {
    let wrong = [
        json!({ "client_id": 1 }),
        json!({ "scope": ["a"] }),
        json!({ "acr": 1 }),
        json!({ "auth_time": "now" }),
        json!({ "auth_time": -1e300 }),
    ];
    for more in wrong {
        assert_eq!(verdict(access(), &access_token(more.clone())), INVALID, "{more}");
    }
}

#[test]
fn access_token_for_another_audience_is_refused() {
    assert_eq!(verdict(access(), &access_token(json!({ "aud": "mail" }))), INVALID);
    assert_eq!(verdict(access().dangerous_ignore_audience(), &access_token(json!({ "aud": "mail" }))), INVALID);
    assert_eq!(verdict(access().audience("mail"), &access_token(json!({ "aud": "mail" }))), ACCEPTED);
    assert_eq!(verdict(access().audience("mail"), &access_token(json!({ "aud": "chat" }))), ACCEPTED);
}

#[test]
fn audiences_of_an_issuer_replace_that_of_the_access_token() {
    let with = |issuer: TrustedIssuer, aud: &str| {
        let jwt = Jwt::trusted_issuers(TrustedIssuers::new([issuer]).unwrap()).extract(extract::header("x-token"));
        verdict(jwt.access_token("chat"), &access_token(json!({ "aud": aud })))
    };
    let issuer = || {
        let key = VerifyingKey::hmac(Algorithm::HS256, SECRET).unwrap();
        TrustedIssuer::new(ISSUER, Arc::new(KeySet::from(key)))
    };
    assert_eq!([with(issuer(), "chat"), with(issuer(), "mail")], [ACCEPTED, INVALID]);
    let named = || issuer().audience("mail");
    assert_eq!([with(named(), "chat"), with(named(), "mail")], [INVALID, ACCEPTED]);
}

#[test]
fn last_profile_replaces_the_earlier_one() {
    let of = |jwt: Jwt<Value>, token: &str| verdict(jwt.issuer(ISSUER), token);
    let to_client = access_token(json!({ "aud": CLIENT }));
    assert_eq!(of(jwt().id_token(CLIENT).access_token("chat"), &to_client), INVALID);
    assert_eq!(of(jwt().id_token(CLIENT).access_token("chat").audience(CLIENT), &to_client), ACCEPTED);
    assert_eq!(of(jwt().access_token(CLIENT).access_token("chat"), &to_client), INVALID);

    let to_both = id_token(json!({ "aud": [CLIENT, "first"], "azp": CLIENT }));
    assert_eq!(of(jwt().id_token("first").id_token(CLIENT), &to_both), INVALID);
    assert_eq!(of(jwt().id_token("first").id_token(CLIENT), &id_token(json!({ "aud": "first" }))), INVALID);
    assert_eq!(of(jwt().access_token("chat").id_token(CLIENT), &id_token(json!({}))), ACCEPTED);
    assert_eq!(of(jwt().access_token("first").id_token(CLIENT), &to_both), INVALID);
}

#[test]
fn access_token_of_another_issuer_is_unrecognized() {
    assert_eq!(verdict(access(), &access_token(json!({ "iss": "https://other.example" }))), UNRECOGNIZED);
}

#[test]
fn each_claim_of_the_id_token_is_required() {
    assert_eq!(verdict(id(), &id_token(json!({}))), ACCEPTED);
    for name in ["iss", "sub", "aud", "exp", "iat"] {
        assert_eq!(verdict(id().dangerous_allow_missing_exp(), &id_token(json!({ name: null }))), INVALID, "{name}");
    }
}

#[test]
fn id_token_must_name_the_client_and_only_trusted_audiences() {
    let with = |jwt: Jwt<Value>, aud: Value| verdict(jwt, &id_token(json!({ "aud": aud, "azp": CLIENT })));
    assert_eq!(with(id(), json!([CLIENT])), ACCEPTED);
    assert_eq!(with(id(), json!("other")), INVALID);
    assert_eq!(with(id(), json!([CLIENT, "other"])), INVALID);
    assert_eq!(with(id(), json!([])), INVALID);
    assert_eq!(with(id().audience("other"), json!([CLIENT, "other"])), ACCEPTED);
    // The other one is trusted, and is still not the client.
    assert_eq!(with(id().audience("other"), json!(["other"])), INVALID);
}

#[test]
fn client_of_an_id_token_must_be_an_audience_of_its_issuer() {
    let with = |audiences: &[&str]| {
        let key = VerifyingKey::hmac(Algorithm::HS256, SECRET).unwrap();
        let issuer = TrustedIssuer::new(ISSUER, Arc::new(KeySet::from(key)));
        let issuer = audiences.iter().fold(issuer, |issuer, &audience| issuer.audience(audience));
        let jwt = Jwt::trusted_issuers(TrustedIssuers::new([issuer]).unwrap()).extract(extract::header("x-token"));
        verdict(jwt.id_token(CLIENT), &id_token(json!({})))
    };
    assert_eq!(with(&[]), ACCEPTED);
    assert_eq!(with(&["other", CLIENT]), ACCEPTED);
    assert_eq!(with(&["other"]), INVALID);
}

#[test]
fn authorized_party_of_an_id_token_must_be_the_client() {
    assert_eq!(verdict(id(), &id_token(json!({ "azp": CLIENT }))), ACCEPTED);
    for azp in [json!("other"), json!(1), json!([CLIENT])] {
        assert_eq!(verdict(id(), &id_token(json!({ "azp": azp }))), INVALID, "{azp}");
    }
    let several = json!({ "aud": [CLIENT, "other"] });
    assert_eq!(verdict(id().audience("other"), &id_token(several)), INVALID, "of several audiences, nobody is it");
}

#[test]
fn authorized_party_of_an_id_token_may_be_another_client_that_is_trusted() {
    let id = || id().authorized_party("android").authorized_party("ios");
    for azp in [json!("android"), json!("ios"), json!(CLIENT), json!(null)] {
        assert_eq!(verdict(id(), &id_token(json!({ "azp": azp }))), ACCEPTED, "{azp}");
    }
    for azp in [json!("other"), json!("Android"), json!(1), json!(["ios"])] {
        assert_eq!(verdict(id(), &id_token(json!({ "azp": azp }))), INVALID, "{azp}");
    }
    // It may receive tokens for the client, but is not an audience.
    assert_eq!(verdict(id(), &id_token(json!({ "aud": "android", "azp": "android" }))), INVALID);
    assert_eq!(verdict(id(), &id_token(json!({ "aud": [CLIENT, "android"], "azp": "android" }))), INVALID);
}

/// Tokens of real issuers that have each claim of an ID token, and the claim that distinguishes them.
#[test]
fn token_of_another_kind_is_refused_as_an_id_token() {
    let logout = "http://schemas.openid.net/event/backchannel-logout";
    let others = [
        // A logout token, in the shape of the standard and in broken ones.
        json!({ "events": { logout: {} } }),
        json!({ "events": {} }),
        json!({ "events": [logout] }),
        json!({ "events": 1 }),
        // Cognito.
        json!({ "token_use": "access", "client_id": CLIENT }),
        json!({ "token_use": "ID" }),
        json!({ "token_use": "" }),
        json!({ "token_use": ["id"] }),
        json!({ "token_use": 1 }),
        // Keycloak.
        json!({ "typ": "Bearer" }),
        json!({ "typ": "bearer" }),
        json!({ "typ": "DPoP" }),
        json!({ "typ": "Refresh" }),
        json!({ "typ": "Offline" }),
        json!({ "typ": "Logout" }),
        // Entra, Okta, Hydra and others.
        json!({ "scp": "access_as_user" }),
        json!({ "scp": ["openid", "chat.read"] }),
        json!({ "scope": "openid chat:read" }),
        json!({ "scope": ["chat:read"] }),
        json!({ "scope": "OPENID" }),
        json!({ "scope": "openid\tchat" }),
        json!({ "scope": "\u{e4}" }),
        json!({ "scope": [["openid"]] }),
        json!({ "scope": { "openid": true } }),
        json!({ "scp": 1 }),
    ];
    for more in others {
        assert_eq!(verdict(id(), &id_token(more.clone())), INVALID, "{more}");
        assert_eq!(verdict(jwt().audience(CLIENT), &id_token(more.clone())), ACCEPTED, "without the profile: {more}");
    }
    // `null` removes a claim in this file, so these tokens are written by hand.
    let with_null = |name: &str| token(&merged(id_claims(json!({})), json!({ name: null })));
    assert_eq!(["events", "token_use"].map(|name| verdict(id(), &with_null(name))), [INVALID; 2]);
}

#[test]
fn id_token_with_what_real_issuers_add_is_accepted() {
    let real = [
        json!({ "token_use": "id", "cognito:username": "ann", "event_id": "e" }),
        json!({ "typ": "ID", "session_state": "s", "acr": "1" }),
        json!({ "typ": "JWT" }),
        json!({ "scope": ["openid"], "client_id": CLIENT, "grant_type": "authorization_code", "zid": "uaa" }),
        json!({ "scope": "openid profile email address phone offline_access" }),
        json!({ "scope": "", "scp": [] }),
        json!({ "tid": "t", "oid": "o", "ver": "2.0", "roles": ["admin"], "groups": [] }),
        json!({ "amr": ["pwd"], "idp": "i", "at_hash": "h", "c_hash": "h", "sid": "s" }),
    ];
    for more in real {
        assert_eq!(verdict(id(), &id_token(more.clone())), ACCEPTED, "{more}");
    }
}

#[test]
fn logout_token_is_refused_as_an_access_token() {
    let events = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
    let claims = access_claims(json!({ "events": events }));
    for typ in [json!("logout+jwt"), json!("JWT"), json!("secevent+jwt")] {
        assert_eq!(verdict(access(), &token_with(json!({ "typ": typ }), &claims)), INVALID, "{typ}");
    }
}

#[test]
fn log_in_of_another_type_counts_as_absent_in_an_id_token() {
    // Cloud Foundry's UAA writes `acr` as an object.
    for more in [json!({ "acr": { "values": ["a"] } }), json!({ "auth_time": "now" }), json!({ "acr": 1 })] {
        let user = present(id(), &id_token(more.clone())).unwrap();
        assert!(user.evidence().extra::<UserAuthentication>().is_none(), "{more}");
    }
}

#[test]
fn required_nonce_is_compared_exactly() {
    let with = |nonce: Value| verdict(id().nonce("n-0S6_WzA2Mj"), &id_token(json!({ "nonce": nonce })));
    assert_eq!(with(json!("n-0S6_WzA2Mj")), ACCEPTED);
    for nonce in [json!(null), json!("N-0S6_WzA2Mj"), json!(""), json!(1)] {
        assert_eq!(with(nonce.clone()), INVALID, "{nonce}");
    }
    assert_eq!(verdict(id(), &id_token(json!({ "nonce": "any" }))), ACCEPTED, "and is left alone where none is");
}

#[test]
fn log_in_further_ahead_than_the_leeway_is_refused() {
    assert_eq!(verdict(id(), &id_token(json!({ "auth_time": NOW + 60 }))), ACCEPTED);
    assert_eq!(verdict(id(), &id_token(json!({ "auth_time": NOW + 61 }))), INVALID);
}

#[test]
fn log_in_is_in_the_evidence() {
    let login = |more: Value| {
        let user = present(jwt(), &token(&claims(more))).unwrap();
        user.evidence().extra::<UserAuthentication>().cloned()
    };
    let full = login(json!({ "auth_time": NOW - 5, "acr": "phr" })).unwrap();
    assert_eq!((full.time(), full.acr()), (Some(at(NOW - 5)), Some("phr")));
    let timed = login(json!({ "auth_time": NOW - 5 })).unwrap();
    assert_eq!((timed.time(), timed.acr()), (Some(at(NOW - 5)), None));
    let methods = login(json!({ "amr": ["pwd", "otp"] })).unwrap();
    assert_eq!((methods.amr(), methods.time()), (&["pwd".to_owned(), "otp".to_owned()][..], None));
    // Methods in another form count as absent, and the rest counts.
    for other in [json!("pwd"), json!(null), json!(["pwd", 1]), json!({ "pwd": true })] {
        let login = login(json!({ "amr": other, "acr": "phr" })).unwrap();
        assert_eq!((login.amr().len(), login.acr()), (0, Some("phr")), "{other}");
    }
    for nothing in
        [json!({}), json!({ "auth_time": "now" }), json!({ "acr": 1, "auth_time": NOW }), json!({ "amr": [] })]
    {
        assert_eq!(login(nothing.clone()), None, "{nothing}");
    }
}

#[test]
fn place_of_the_resource_metadata_must_be_a_url() {
    for bad in ["", "api.example", "ftp://api.example", "https://api.example/ x", "https://api.example/\""] {
        assert!(jwt().resource_metadata(bad).is_err(), "{bad:?}");
    }
}
