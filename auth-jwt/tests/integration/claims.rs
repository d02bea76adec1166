//! Each rule about claims: what it accepts, what it refuses, and the boundary.

use std::time::Duration;

use auth_jwt::Jwt;
use serde_json::{Value, json};

use crate::support::*;

/// The result for a token with these additional claims.
fn with(jwt: Jwt<Value>, more: Value) -> &'static str {
    verdict(jwt, &token(&claims(more)))
}

fn without_exp(more: Value) -> String {
    let mut claims = claims(more);
    claims.as_object_mut().unwrap().remove("exp");
    token(&claims)
}

#[test]
fn plain_token_is_accepted() {
    assert_eq!(with(jwt(), json!({})), ACCEPTED);
}

#[test]
fn exp_is_required() {
    assert_eq!(verdict(jwt(), &without_exp(json!({}))), INVALID);
}

#[test]
fn exp_may_be_missing_if_allowed() {
    assert_eq!(verdict(jwt().dangerous_allow_missing_exp(), &without_exp(json!({}))), ACCEPTED);
}

#[test]
fn optional_exp_is_checked_if_present() {
    assert_eq!(with(jwt().dangerous_allow_missing_exp(), json!({ "exp": NOW - 60 })), EXPIRED);
}

#[test]
fn exp_is_honoured_to_the_second_of_the_leeway() {
    assert_eq!(with(jwt(), json!({ "exp": NOW - 59 })), ACCEPTED);
    assert_eq!(with(jwt(), json!({ "exp": NOW - 60 })), EXPIRED);
}

#[test]
fn exp_itself_is_too_late_without_leeway() {
    let jwt = || jwt().leeway(Duration::ZERO).unwrap();
    assert_eq!(with(jwt(), json!({ "exp": NOW + 1 })), ACCEPTED);
    assert_eq!(with(jwt(), json!({ "exp": NOW })), EXPIRED);
}

#[test]
fn leeway_does_not_extend_the_evidence() {
    let user = present(jwt(), &token(&claims(json!({ "exp": NOW - 30 })))).unwrap();
    assert_eq!(user.evidence().expires_at(), Some(at(NOW - 30)));
}

#[test]
fn leeway_of_300_seconds_is_the_longest() {
    assert!(jwt().leeway(Duration::from_secs(300)).is_ok());
    assert!(jwt().leeway(Duration::from_millis(300_001)).is_err());
}

#[test]
fn nbf_is_checked() {
    assert_eq!(with(jwt(), json!({ "nbf": NOW + 60 })), ACCEPTED);
    assert_eq!(with(jwt(), json!({ "nbf": NOW + 61 })), INVALID);
}

#[test]
fn iat_in_the_future_is_refused() {
    assert_eq!(with(jwt(), json!({ "iat": NOW + 60 })), ACCEPTED);
    assert_eq!(with(jwt(), json!({ "iat": NOW + 61 })), INVALID);
}

#[test]
fn fractions_of_a_second_are_times() {
    let user = present(jwt(), &token(&claims(json!({ "exp": NOW as f64 + 0.5, "iat": NOW as f64 - 0.5 })))).unwrap();
    assert_eq!(user.evidence().expires_at(), Some(now() + Duration::from_millis(500)));
}

#[test]
fn exponents_are_times() {
    let token = raw_token(r#"{"alg":"HS256"}"#, r#"{"exp":17e8,"iat":1.6E+9,"nbf":-1e0}"#);
    assert_eq!(verdict(jwt(), &token), ACCEPTED);
}

#[test]
fn times_of_other_types_are_refused() {
    for name in ["exp", "nbf", "iat"] {
        for wrong in [json!("1700000600"), json!(null), json!(true), json!([NOW]), json!({})] {
            assert_eq!(with(jwt(), json!({ name: wrong })), INVALID, "{name} {wrong}");
        }
    }
}

#[test]
fn null_exp_is_not_a_missing_exp() {
    assert_eq!(with(jwt().dangerous_allow_missing_exp(), json!({ "exp": null })), INVALID);
    assert_eq!(with(jwt().dangerous_ignore_exp(), json!({ "exp": null })), INVALID);
}

#[test]
fn times_out_of_range_are_refused() {
    let huge = [
        "253402300800", // one second beyond the year 9999
        "9223372036854775807",
        "18446744073709551615",
        "18446744073709551616",
        "1e19",
        "1e400",
        "-1e400",
        "99999999999999999999999999999999999999999",
        "1700000600000", // milliseconds
    ];
    for time in huge {
        for name in ["exp", "nbf", "iat"] {
            let payload = format!(r#"{{"{name}":{time}}}"#);
            let token = raw_token(r#"{"alg":"HS256"}"#, payload);
            assert_eq!(verdict(jwt().dangerous_allow_missing_exp(), &token), INVALID, "{name} {time}");
        }
    }
}

#[test]
fn time_must_be_a_number() {
    for word in ["NaN", "Infinity", "-Infinity", "inf"] {
        for time in [word.to_owned(), format!("\"{word}\"")] {
            for name in ["exp", "nbf", "iat"] {
                let token = raw_token(r#"{"alg":"HS256"}"#, format!(r#"{{"{name}":{time}}}"#));
                assert_eq!(verdict(jwt().dangerous_allow_missing_exp(), &token), INVALID, "{name} {time}");
            }
        }
    }
}

#[test]
fn the_last_second_of_the_year_9999_is_a_time() {
    assert_eq!(with(jwt(), json!({ "exp": 253_402_300_799_u64 })), ACCEPTED);
}

#[test]
fn max_age_counts_from_iat() {
    let jwt = || jwt().max_age(Duration::from_secs(100));
    assert_eq!(with(jwt(), json!({ "iat": NOW - 159 })), ACCEPTED);
    assert_eq!(with(jwt(), json!({ "iat": NOW - 160 })), EXPIRED);
}

#[test]
fn max_age_needs_iat() {
    assert_eq!(with(jwt().max_age(Duration::from_secs(100)), json!({})), INVALID);
}

#[test]
fn max_age_ends_the_evidence() {
    let jwt = jwt().max_age(Duration::from_secs(100));
    let user = present(jwt, &token(&claims(json!({ "iat": NOW - 10 })))).unwrap();
    assert_eq!(user.evidence().expires_at(), Some(at(NOW + 90)));
}

#[test]
fn max_age_without_end_does_not_overflow() {
    assert_eq!(with(jwt().max_age(Duration::MAX), json!({ "iat": NOW })), ACCEPTED);
}

#[test]
fn issuer_is_compared_exactly() {
    assert_eq!(with(jwt().issuer(ISSUER), json!({ "iss": ISSUER })), ACCEPTED);
    for other in ["https://id.example/", "https://ID.example", "", "https://id.exampl"] {
        assert_eq!(with(jwt().issuer(ISSUER), json!({ "iss": other })), UNRECOGNIZED, "{other}");
    }
}

#[test]
fn missing_issuer_is_refused() {
    assert_eq!(with(jwt().issuer(ISSUER), json!({})), INVALID);
}

#[test]
fn any_of_several_issuers_will_do() {
    let jwt = || jwt().issuer("a").issuer("b");
    assert_eq!(with(jwt(), json!({ "iss": "b" })), ACCEPTED);
    assert_eq!(with(jwt(), json!({ "iss": "c" })), UNRECOGNIZED);
}

#[test]
fn issuer_of_another_type_is_refused() {
    for wrong in [json!(null), json!(1), json!([ISSUER]), json!({})] {
        assert_eq!(with(jwt().issuer(ISSUER), json!({ "iss": wrong })), INVALID, "{wrong}");
        assert_eq!(with(jwt(), json!({ "iss": wrong })), INVALID, "{wrong}");
    }
}

#[test]
fn subject_is_compared_exactly() {
    assert_eq!(with(jwt().subject("1001"), json!({})), ACCEPTED);
    assert_eq!(with(jwt().subject("1001"), json!({ "sub": "1002" })), INVALID);
}

#[test]
fn jwt_id_is_compared_exactly() {
    assert_eq!(with(jwt().jwt_id("a"), json!({ "jti": "a" })), ACCEPTED);
    assert_eq!(with(jwt().jwt_id("a"), json!({ "jti": "A" })), INVALID);
    assert_eq!(with(jwt().jwt_id("a"), json!({})), INVALID);
}

#[test]
fn ids_of_other_types_are_refused() {
    for name in ["sub", "jti"] {
        for wrong in [json!(null), json!(1001), json!(["a"]), json!({})] {
            assert_eq!(with(jwt(), json!({ name: wrong })), INVALID, "{name} {wrong}");
        }
    }
}

/// Claims that RFC 7519 does not define, and that this crate reads only if a setting needs them.
const BEYOND_RFC_7519: [&str; 16] = [
    "sid",
    "scope",
    "scp",
    "acr",
    "amr",
    "auth_time",
    "azp",
    "client_id",
    "nonce",
    "tid",
    "events",
    "token_use",
    "typ",
    "roles",
    "permissions",
    "realm_access",
];

#[test]
fn unused_claims_outside_rfc_7519_may_have_any_type() {
    for name in BEYOND_RFC_7519 {
        for any in [json!(null), json!(7), json!(-1.5), json!(true), json!("x"), json!(["a", 1]), json!({ "a": [] })] {
            assert_eq!(with(jwt(), json!({ name: any })), ACCEPTED, "{name} {any}");
        }
    }
}

#[test]
fn registered_claims_and_the_confirmation_stay_strict() {
    for name in ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "cnf"] {
        for wrong in [json!(null), json!(true), json!({ "a": [] }), json!(["a", 1])] {
            assert_eq!(with(jwt(), json!({ name: wrong })), INVALID, "{name} {wrong}");
        }
    }
}

#[test]
fn numeric_sid_is_its_decimal_text_and_other_types_are_absent() {
    let session = |sid: Value| {
        let user = present(jwt(), &token(&claims(json!({ "sid": sid })))).unwrap();
        user.evidence().ids().iter().map(|id| id.id().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(session(json!("s1")), ["s1"]);
    assert_eq!(session(json!(42)), ["42"]);
    assert_eq!(session(json!(0)), ["0"]);
    assert_eq!(session(json!(u64::MAX)), [u64::MAX.to_string()]);
    for none in [json!(null), json!(-1), json!(1.5), json!(1e30), json!(["s1"]), json!({}), json!(""), json!(true)] {
        assert_eq!(session(none.clone()), [""; 0], "{none}");
    }
}

#[test]
fn allowed_numeric_subject_is_its_decimal_text() {
    let jwt = || jwt().allow_numeric_subject();
    let say = |jwt: Jwt<Value>, sub: &str| {
        let payload = format!(r#"{{"sub":{sub},"exp":{}}}"#, NOW + 600);
        present(jwt, &raw_token(r#"{"alg":"HS256"}"#, payload))
            .map(|user| user.evidence().names().iter().map(|name| name.subject().to_owned()).collect::<Vec<_>>())
            .map_err(|refusal| refusal.code().to_owned())
    };
    for (number, text) in [("1001", "1001"), ("0", "0"), ("9007199254740993", "9007199254740993")] {
        assert_eq!(say(jwt(), number).unwrap(), [text]);
    }
    assert_eq!(say(jwt(), "18446744073709551615").unwrap(), ["18446744073709551615"]);
    assert_eq!(say(jwt(), "\"1001\"").unwrap(), ["1001"]);
    assert_eq!(say(jwt().subject("1001"), "1001").unwrap(), ["1001"]);
    assert_eq!(say(jwt().subject("1002"), "1001").unwrap_err(), INVALID);
    for wrong in ["-1", "-0", "1.0", "1e3", "1E3", "0.5", "18446744073709551616", "null", "true", "[1]", "{}"] {
        assert_eq!(say(jwt(), wrong).unwrap_err(), INVALID, "{wrong}");
    }
    assert_eq!(say(crate::support::jwt(), "1001").unwrap_err(), INVALID);
}

#[test]
fn application_sees_a_numeric_subject_as_text_like_the_evidence() {
    for sub in [json!(1001), json!("1001"), json!(u64::MAX)] {
        let token = token(&claims(json!({ "sub": sub, "n": 1 })));
        let user = present(jwt().allow_numeric_subject(), &token).unwrap();
        let text = sub.as_str().map_or_else(|| sub.to_string(), str::to_owned);
        assert_eq!(user.user().0, claims(json!({ "sub": text, "n": 1 })), "{sub}");
    }
}

#[test]
fn a_token_bound_to_a_key_is_refused() {
    for cnf in [json!({ "jkt": "abc" }), json!({ "x5t#S256": "abc" }), json!(null)] {
        assert_eq!(with(jwt(), json!({ "cnf": cnf })), INVALID, "{cnf}");
    }
}

#[test]
fn ignored_exp_leaves_the_evidence_without_end() {
    let user = present(jwt().dangerous_ignore_exp(), &token(&claims(json!({ "exp": 1 })))).unwrap();
    assert_eq!(user.evidence().expires_at(), None);
}

#[test]
fn private_claims_of_any_type_are_left_to_the_application() {
    let more = json!({ "a": null, "b": [1, {"c": 2.5}], "d": { "exp": "x" }, "é": "\u{1f600}" });
    let user = present(jwt(), &token(&claims(more.clone()))).unwrap();
    assert_eq!(user.user(), &Said(claims(more)));
}

#[test]
fn claims_that_do_not_fit_their_type_are_refused() {
    #[derive(serde::Deserialize)]
    #[expect(dead_code, reason = "only its shape is asked for")]
    struct Typed {
        sub: u32,
    }
    let jwt = Jwt::<Typed>::hs256(SECRET).unwrap();
    let strategy = jwt.verify(|_: Typed| async { Some("user") });
    let refusal =
        ask(strategy, &request("authorization", &format!("Bearer {}", token(&claims(json!({})))))).unwrap_err();
    assert_eq!((refusal.status().as_u16(), refusal.code()), (401, INVALID));
}
