//! Issuers with aliases and templates: which are accepted, and the issuer that they stand for.

use std::sync::{Arc, Mutex};

use auth_core::{AuthRequest, BoxError, async_trait, extract};
use auth_jwt::{
    Algorithm, IssuerTemplate, Jwt, KeySet, KeySource, TrustedIssuer, TrustedIssuers, UnverifiedToken, VerifyingKey,
};
use serde_json::{Value, json};

use crate::{log::logged, support::*};

const GOOGLE: &str = "https://accounts.google.com";
const ALIAS: &str = "accounts.google.com";
const ENTRA: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";
const EAST: &str = "https://login.microsoftonline.com/east/v2.0";
const WEST: &str = "https://login.microsoftonline.com/west/v2.0";

fn keys(secret: &str) -> Arc<KeySet> {
    Arc::new(VerifyingKey::hmac(Algorithm::HS256, secret).unwrap().into())
}

fn other_keys() -> Arc<KeySet> {
    keys(&SECRET.to_uppercase())
}

fn trusting(issuers: impl IntoIterator<Item = TrustedIssuer>) -> Jwt<Value> {
    Jwt::trusted_issuers(TrustedIssuers::new(issuers).unwrap()).extract(extract::header("x-token"))
}

fn template(tenants: &[&str]) -> IssuerTemplate {
    IssuerTemplate::new(ENTRA, tenants.iter().copied()).unwrap()
}

fn of(iss: &str, more: Value) -> String {
    let Value::Object(more) = more else { panic!("claims are an object") };
    let mut claims = claims(json!({ "iss": iss, "jti": "j", "sid": "s" }));
    claims.as_object_mut().unwrap().extend(more);
    token(&claims)
}

fn say(jwt: Jwt<Value>, iss: &str) -> &'static str {
    verdict(jwt, &of(iss, json!({})))
}

/// The issuers of all names and ids in the evidence.
fn evidence(jwt: Jwt<Value>, iss: &str) -> Vec<String> {
    let user = present(jwt, &of(iss, json!({}))).unwrap();
    let names = user.evidence().names().iter().map(|name| name.issuer().to_owned());
    names.chain(user.evidence().ids().iter().map(|id| id.issuer().to_owned())).collect()
}

/// A source that records the issuers that it is asked about.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<String>>>);

#[async_trait]
impl KeySource for Asked {
    async fn keys(&self, token: &UnverifiedToken<'_>, _: &AuthRequest<'_>) -> Result<Option<Arc<KeySet>>, BoxError> {
        self.0.lock().unwrap().push(token.issuer().unwrap().to_owned());
        Ok(Some(keys(SECRET)))
    }
}

#[test]
fn both_spellings_of_an_issuer_have_one_name_in_the_evidence() {
    let ways: [fn() -> Jwt<Value>; 2] =
        [|| jwt().issuer_alias(GOOGLE, ALIAS), || trusting([TrustedIssuer::new(GOOGLE, keys(SECRET)).alias(ALIAS)])];
    for way in ways {
        for iss in [GOOGLE, ALIAS] {
            assert_eq!(evidence(way(), iss), [GOOGLE; 3], "{iss}");
        }
        for other in ["http://accounts.google.com", "Accounts.google.com", "accounts.google.com/", ""] {
            assert_eq!(say(way(), other), UNRECOGNIZED, "{other}");
        }
        assert_eq!(verdict(way(), &token(&claims(json!({})))), INVALID);
    }
}

#[test]
fn key_source_receives_the_name_of_the_issuer() {
    let (single, several) = (Asked::default(), Asked::default());
    let one = || Jwt::key_source(single.clone()).extract(extract::header("x-token")).issuer_alias(GOOGLE, ALIAS);
    let many = || {
        trusting([
            TrustedIssuer::new(GOOGLE, several.clone()).alias(ALIAS),
            TrustedIssuer::template(template(&["east"]), several.clone()),
        ])
    };
    for iss in [GOOGLE, ALIAS] {
        assert_eq!((say(one(), iss), say(many(), iss)), (ACCEPTED, ACCEPTED));
    }
    assert_eq!(say(many(), EAST), ACCEPTED);
    assert_eq!(*single.0.lock().unwrap(), [GOOGLE; 2]);
    assert_eq!(*several.0.lock().unwrap(), [GOOGLE, GOOGLE, EAST]);
}

#[test]
fn claims_have_the_name_of_the_issuer_and_are_otherwise_unchanged() {
    let more = json!({ "big": u64::MAX, "small": -1.5, "deep": { "iss": ALIAS }, "text": "\u{1f600}" });
    let user = |iss: &str| {
        let user = present(jwt().issuer_alias(GOOGLE, ALIAS), &of(iss, more.clone())).unwrap();
        user.user().0.clone()
    };
    assert_eq!(user(ALIAS), user(GOOGLE));
    assert_eq!(user(ALIAS)["iss"], GOOGLE);
    assert_eq!(user(ALIAS)["deep"]["iss"], ALIAS);
}

#[test]
fn listed_tenant_or_tenant_of_the_rule_is_accepted_with_whole_issuer() {
    let ways: [fn() -> Jwt<Value>; 4] = [
        || jwt().issuer_template(template(&["east", "north"])),
        || jwt().issuer_template(IssuerTemplate::with_rule(ENTRA, |tenant| tenant == "east").unwrap()),
        || trusting([TrustedIssuer::template(template(&["east"]), keys(SECRET))]),
        || {
            trusting([TrustedIssuer::template(
                IssuerTemplate::with_rule(ENTRA, |t| t == "east").unwrap(),
                keys(SECRET),
            )])
        },
    ];
    for way in ways {
        assert_eq!(evidence(way(), EAST), [EAST; 3]);
        assert_eq!(say(way(), WEST), UNRECOGNIZED);
        assert_eq!(verdict(way(), &token(&claims(json!({})))), INVALID);
    }
}

#[test]
fn tenant_is_one_plain_segment_of_the_path() {
    let any = || jwt().issuer_template(IssuerTemplate::dangerous_any_tenant(ENTRA).unwrap());
    let at = |tenant: &str| ENTRA.replace("{tenantid}", tenant);
    let longest = "t".repeat(128);
    for good in ["east", "9188040d-6c67-4c5b-b112-36a304b66dad", "a.b_c~d", "...", &longest] {
        assert_eq!(say(any(), &at(good)), ACCEPTED, "{good}");
    }
    let too_long = "t".repeat(129);
    let bad = [
        "",
        ".",
        "..",
        "a/b",
        "/",
        "a b",
        "a?b",
        "a#b",
        "a%2fb",
        "%2e",
        "{tenantid}",
        "a\\b",
        "a\n",
        "é",
        "a@b",
        "a:b",
        "a;b",
        &too_long,
    ];
    for bad in bad {
        assert_eq!(say(any(), &at(bad)), UNRECOGNIZED, "{bad:?}");
    }
    for other in [
        "https://login.microsoftonline.com/east/v2.0/",
        "https://login.microsoftonline.com/east/v1.0",
        "https://login.microsoftonline.com/east",
        "https://login.microsoftonline.com/v2.0",
        "https://login.microsoftonline.com//v2.0",
        "https://login.microsoftonline.com.evil.example/east/v2.0",
        "http://login.microsoftonline.com/east/v2.0",
    ] {
        assert_eq!(say(any(), other), UNRECOGNIZED, "{other}");
    }
}

#[test]
fn tid_must_be_the_tenant_of_the_issuer_if_it_is_there() {
    let ways: [fn() -> Jwt<Value>; 2] = [
        || jwt().issuer_template(template(&["east", "west"])),
        || trusting([TrustedIssuer::template(template(&["east", "west"]), keys(SECRET))]),
    ];
    for way in ways {
        assert_eq!(verdict(way(), &of(EAST, json!({ "tid": "east" }))), ACCEPTED);
        assert_eq!(say(way(), EAST), ACCEPTED);
        for tid in [json!("west"), json!("East"), json!(""), json!(null), json!(["east"]), json!(7)] {
            assert_eq!(verdict(way(), &of(EAST, json!({ "tid": tid }))), INVALID, "{tid}");
        }
    }
    // Without a template, the claim belongs to the application.
    assert_eq!(verdict(jwt().issuer(EAST), &of(EAST, json!({ "tid": "west" }))), ACCEPTED);
}

#[test]
fn template_has_one_placeholder_that_is_a_segment_of_the_path() {
    let bad = [
        "",
        "{tenant}",
        "https://id.example/",
        "https://id.example/tenant/v2.0",
        "https://id.example/{a}/{b}",
        "https://{tenant}/v2.0",
        "https://{tenant}.id.example/v2.0",
        "https://id.example{tenant}/",
        "https://id.example:{tenant}/",
        "https://user@id.example/{tenant}",
        "https:///{tenant}",
        "{tenant}://id.example/",
        "id.example/{tenant}",
        "ftp://id.example/{tenant}",
        "HTTPS://id.example/{tenant}",
        "https://id.example/x-{tenant}",
        "https://id.example/{tenant}-x",
        "https://id.example/{}",
        "https://id.example/{ten ant}",
        "https://id.example/{a/b}",
        "https://id.example/{tenant",
        "https://id.example/tenant}",
        "https://id.example/}{",
        "https://id.example/{{tenant}}",
        "https://id.example/?t={tenant}",
        "https://id.example/?/{tenant}",
        "https://id.example/{tenant}/?a",
        "https://id.example/#/{tenant}",
        "https://id.example/ /{tenant}",
        "https://id.example\\@evil.example/{tenant}",
        "https://id.exämple/{tenant}",
    ];
    for bad in bad {
        assert!(IssuerTemplate::new(bad, ["a"]).is_err(), "{bad}");
        assert!(IssuerTemplate::with_rule(bad, |_| true).is_err(), "{bad}");
        assert!(IssuerTemplate::dangerous_any_tenant(bad).is_err(), "{bad}");
    }
    for good in
        [ENTRA, "https://sts.windows.net/{tenantid}/", "http://kc:8080/realms/{realm}", "https://id.example/{t}"]
    {
        assert!(IssuerTemplate::new(good, ["a"]).is_ok(), "{good}");
    }
}

#[test]
fn tenants_that_are_listed_must_be_some_and_must_be_able_to_occur() {
    assert!(IssuerTemplate::new(ENTRA, [""; 0]).is_err());
    let too_long = "t".repeat(129);
    for bad in ["", "..", "a/b", "a b", "é", "{tenantid}", &too_long] {
        assert!(IssuerTemplate::new(ENTRA, ["good", bad]).is_err(), "{bad}");
    }
}

/// Each pair of rules claims EAST or the alias.
#[test]
fn spelling_claimed_by_two_rules_is_refused() {
    let any = || IssuerTemplate::dangerous_any_tenant(ENTRA).unwrap();
    let cases: [(Jwt<Value>, &str); 7] = [
        (jwt().issuer_alias(GOOGLE, ALIAS).issuer_alias("https://other.example", ALIAS), ALIAS),
        (jwt().issuer_alias(GOOGLE, ALIAS).issuer(ALIAS), ALIAS),
        (jwt().issuer(ALIAS).issuer_alias(GOOGLE, ALIAS), ALIAS),
        (jwt().issuer_alias(GOOGLE, EAST).issuer_template(template(&["east"])), EAST),
        (jwt().issuer(EAST).issuer_template(template(&["east"])), EAST),
        (jwt().issuer_template(template(&["east"])).issuer_template(any()), EAST),
        (trusting([TrustedIssuer::template(any(), keys(SECRET)), TrustedIssuer::template(any(), other_keys())]), EAST),
    ];
    for (at, (jwt, disputed)) in cases.into_iter().enumerate() {
        let log = logged(|| assert_eq!(say(jwt, disputed), INVALID, "case {at}"));
        assert!(log.contains("two configured issuers"), "case {at}: {log}");
    }
    assert_eq!(say(jwt().issuer_alias(GOOGLE, ALIAS).issuer(ALIAS), GOOGLE), ACCEPTED, "nobody else claims it");
    assert_eq!(say(jwt().issuer(GOOGLE).issuer(GOOGLE).issuer_alias(GOOGLE, GOOGLE), GOOGLE), ACCEPTED);
}

#[test]
fn trusted_issuers_that_claim_one_spelling_do_not_build() {
    let exact = |name: &str| TrustedIssuer::new(name, keys(SECRET));
    let listed = |tenants: &[&str]| TrustedIssuer::template(template(tenants), keys(SECRET));
    let any = || TrustedIssuer::template(IssuerTemplate::dangerous_any_tenant(ENTRA).unwrap(), keys(SECRET));
    let cases = [
        vec![exact(GOOGLE), exact(GOOGLE)],
        vec![exact(GOOGLE).alias(ALIAS), exact(ALIAS)],
        vec![exact(GOOGLE).alias(ALIAS), exact(ISSUER).alias(ALIAS)],
        vec![exact(GOOGLE).alias(EAST), listed(&["east"])],
        vec![exact(EAST), listed(&["east"])],
        vec![exact(EAST), any()],
        vec![listed(&["east", "west"]), listed(&["north", "west"])],
        vec![listed(&["east"]), any()],
        vec![listed(&["east"]).alias(ALIAS)],
    ];
    for (at, issuers) in cases.into_iter().enumerate() {
        assert!(TrustedIssuers::new(issuers).is_err(), "case {at}");
    }
    assert!(TrustedIssuers::new([exact(WEST), exact(GOOGLE).alias(ALIAS), listed(&["east"])]).is_ok());
    let error = TrustedIssuers::new([exact(EAST), listed(&["east"])]).unwrap_err();
    assert!(error.to_string().contains(EAST), "{error}");
}

#[test]
fn issuer_of_a_template_has_its_own_keys_and_audience() {
    let both = || {
        trusting([
            TrustedIssuer::template(template(&["east"]), keys(SECRET)).audience("chat"),
            TrustedIssuer::template(template(&["west"]), other_keys()).audience("chat"),
        ])
    };
    assert_eq!(verdict(both(), &of(EAST, json!({ "aud": "chat" }))), ACCEPTED);
    assert_eq!(verdict(both(), &of(EAST, json!({ "aud": "mail" }))), INVALID);
    assert_eq!(say(both(), EAST), INVALID, "no audience");
    assert_eq!(verdict(both(), &of(WEST, json!({ "aud": "chat" }))), INVALID, "signed by the keys of another");
}

#[test]
fn changing_tenant_rule_is_called_once_for_each_token() {
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    let first_only = IssuerTemplate::with_rule(ENTRA, move |_| {
        let mut count = count.lock().unwrap();
        *count += 1;
        *count % 2 == 1
    });
    let jwt = trusting([TrustedIssuer::template(first_only.unwrap(), keys(SECRET)).audience("chat")]);
    assert_eq!(say(jwt, EAST), INVALID, "its audience is demanded");
    assert_eq!(*asked.lock().unwrap(), 1);
}

#[test]
fn aliases_and_templates_of_a_plain_key_source_are_unrecognized() {
    let issuers = || {
        TrustedIssuers::new([
            TrustedIssuer::new(GOOGLE, keys(SECRET)).alias(ALIAS),
            TrustedIssuer::template(template(&["east"]), keys(SECRET)),
        ])
        .unwrap()
    };
    let jwt = || Jwt::key_source(issuers()).extract(extract::header("x-token"));
    assert_eq!([GOOGLE, ALIAS, EAST].map(|iss| say(jwt(), iss)), [ACCEPTED, UNRECOGNIZED, UNRECOGNIZED]);
    // Another template of the strategy does not choose one of the source.
    let any = IssuerTemplate::dangerous_any_tenant(ENTRA).unwrap();
    assert_eq!(say(jwt().issuer_template(any), EAST), UNRECOGNIZED);
}

/// Entra publishes the keys of all tenants in one set, and some of them belong to one tenant. Such a key must not sign for
/// another tenant, or its owner could act for every tenant.
#[test]
fn key_with_an_issuer_signs_only_for_that_issuer() {
    let secret = |more: Value| {
        let mut jwk = json!({ "kty": "oct", "alg": "HS256", "k": encode(SECRET) });
        jwk.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        KeySet::from_jwks(&json!({ "keys": [jwk] }).to_string()).unwrap()
    };
    let v1 = |tenant: &str| format!("https://sts.windows.net/{tenant}/");
    for (issuer, iss, expected) in [
        (EAST, EAST, ACCEPTED),
        (EAST, WEST, UNRECOGNIZED),
        (EAST, &v1("east"), ACCEPTED),
        (EAST, &v1("west"), UNRECOGNIZED),
        (EAST, "https://login.microsoftonline.com", UNRECOGNIZED),
        (EAST, "https://login.microsoftonline.com/v2.0/west", UNRECOGNIZED),
        (EAST, &format!("{EAST}/v2.0"), UNRECOGNIZED),
        (EAST, "east", UNRECOGNIZED),
        ("", EAST, UNRECOGNIZED),
        (ENTRA, EAST, ACCEPTED),
        (ENTRA, WEST, ACCEPTED),
    ] {
        for kid in [json!({}), json!({ "kid": "k" })] {
            let keys = secret(with_member(&kid, "issuer", issuer));
            let jwt = || {
                let jwt = Jwt::keys(keys.clone()).extract(extract::header("x-token"));
                jwt.issuer_template(template(&["east", "west"])).issuer(v1("east")).issuer(v1("west"))
            };
            let unknown = say(jwt(), iss);
            let open = || Jwt::keys(keys.clone()).extract(extract::header("x-token"));
            assert_eq!((say(open(), iss), unknown), (expected, expected), "{issuer} {iss} {kid}");
            // A token without an issuer.
            let expected = if issuer == ENTRA { ACCEPTED } else { UNRECOGNIZED };
            assert_eq!(verdict(open(), &token(&claims(json!({})))), expected, "{issuer}");
        }
    }
    assert!(VerifyingKey::from_jwk(&json!({ "kty": "oct", "k": encode(SECRET), "issuer": 5 }).to_string()).is_err());
}

fn with_member(json: &Value, name: &str, value: &str) -> Value {
    let mut json = json.clone();
    json[name] = value.into();
    json
}
