//! The compact form, its base64url and its JSON.

use auth_core::RefusalKind;
use auth_jwt::{Algorithm, Jwt};
use serde_json::json;

use crate::support::*;

const HEADER: &str = r#"{"alg":"HS256"}"#;

fn payload(json: &str) -> &'static str {
    verdict(jwt().dangerous_allow_missing_exp(), &raw_token(HEADER, json))
}

fn header(json: &str) -> &'static str {
    verdict(jwt(), &raw_token(json, claims(json!({})).to_string()))
}

#[test]
fn token_of_8_kib_is_the_longest() {
    let overhead = token(&claims(json!({ "pad": "" }))).len();
    // Three bytes of payload are four characters of the token.
    let of_len = |len: usize| {
        let mut pad = (len - overhead) * 3 / 4;
        loop {
            let token = token(&claims(json!({ "pad": "x".repeat(pad) })));
            if token.len() >= len {
                return token;
            }
            pad += 1;
        }
    };
    let longest = of_len(8 * 1024);
    assert_eq!(longest.len(), 8 * 1024);
    assert_eq!(verdict(jwt(), &longest), ACCEPTED);
    let too_long = of_len(8 * 1024 + 1);
    assert_eq!(too_long.len(), 8 * 1024 + 1);
    assert_eq!(verdict(jwt(), &too_long), INVALID);
    assert_eq!(verdict(jwt().max_len(too_long.len()), &too_long), ACCEPTED);
    assert_eq!(verdict(jwt().max_len(too_long.len() - 1), &too_long), INVALID);
}

#[test]
fn megabyte_is_refused_unread() {
    assert_eq!(verdict(jwt(), &format!("{}{}", encode(HEADER), "a".repeat(1 << 20))), INVALID);
    assert_eq!(verdict(jwt(), &format!("{}{}", encode(HEADER), ".".repeat(1 << 20))), INVALID);
    assert_eq!(verdict(jwt(), &"a".repeat(1 << 20)), UNRECOGNIZED);
    assert_eq!(verdict(jwt(), &".".repeat(1 << 20)), UNRECOGNIZED);
}

#[test]
fn malformed_header_over_the_limit_is_a_token_that_is_too_long() {
    let bearer = |token: &str| {
        let parts = request("authorization", &format!("Bearer {token}"));
        let refusal = ask(Jwt::hs256(SECRET).unwrap().max_len(100).verify(accept), &parts).unwrap_err();
        (refusal.kind(), refusal.status().as_u16(), refusal.code())
    };
    let malformed = (RefusalKind::Rejected, 400, "invalid_request");
    let of_len = |start: &str, len: usize| format!("{start}{} a", "a".repeat(len - start.len() - 2));
    assert_eq!(bearer(&of_len("eyJh", 100)), malformed);
    assert_eq!(bearer(&of_len("eyJh", 101)), (RefusalKind::Rejected, 401, INVALID));
    assert_eq!(bearer(&of_len("opaque", 100)), malformed);
    assert_eq!(bearer(&of_len("opaque", 101)), (RefusalKind::Unrecognized, 401, INVALID));
}

#[test]
fn jwt_has_three_parts() {
    let token = token(&claims(json!({})));
    for other in ["opaque", "a.b", ".", "a.b.c.d", "a.b.c.d.e", &format!("{token}."), &format!(".{token}")] {
        assert_eq!(verdict(jwt(), other), UNRECOGNIZED, "{other}");
    }
}

#[test]
fn jwt_begins_with_a_header() {
    for other in [
        "..",
        "a.b.c",
        "!.!.!",
        // PASETO, without and with a footer.
        "v4.public.eyJzdWIiOiIxMDAxIn0",
        "v4.local.eyJzdWIiOiIxMDAxIn0.eyJraWQiOiJhIn0",
        // API keys with dots, including one that is longer than a token may be.
        "sk.live.4f7d",
        "SG.c2VuZA.Z3JpZA",
        &format!("key.{}.{}", "a".repeat(5000), "b".repeat(5000)),
        // JSON, but not an object.
        &format!("{}.e30.", encode("[\"HS256\"]")),
        &format!("{}.e30.", encode("\"HS256\"")),
        // An empty object.
        "e30.e30.",
    ] {
        assert_eq!(verdict(jwt(), other), UNRECOGNIZED, "{other}");
    }
}

#[test]
fn what_begins_with_a_header_is_a_jwt_however_broken() {
    let header = encode(HEADER);
    for broken in [
        format!("{header}.."),
        format!("{header}.b.c"),
        format!("{header}.!.c"),
        format!("{header}!.e30."),
        format!("{}.e30.", encode("{\"alg\"")),
        format!("{}.e30.", encode(" \t\r\n{\"alg\":1}")),
        format!("{}.e30.", encode(r#"{"alg":"HS256","alg":"none"}"#)),
    ] {
        assert_eq!(verdict(jwt(), &broken), INVALID, "{broken}");
    }
}

#[test]
fn padding_is_refused_in_every_part() {
    let (input, signature) = (format!("{}.{}", encode(HEADER), encode(r#"{"exp":2e9}"#)), "=");
    assert_eq!(verdict(jwt(), &sign(&input, SECRET)), ACCEPTED);
    assert_eq!(verdict(jwt(), &(sign(&input, SECRET) + signature)), INVALID);
    assert_eq!(verdict(jwt(), &sign(&(input + "="), SECRET)), INVALID);
    let padded = format!("{}==.{}", encode(r#"{"alg":"HS256"} "#), encode(r#"{"exp":2e9}"#));
    assert_eq!(verdict(jwt(), &sign(&padded, SECRET)), INVALID);
}

#[test]
fn alphabet_of_plain_base64_is_refused() {
    // `?>` encodes to the two characters in which the alphabets differ.
    let payload = r#"{"exp":2e9,"a":"???>>>~~~"}"#;
    let url = encode(payload);
    let plain = url.replace('-', "+").replace('_', "/");
    assert_ne!(url, plain);
    assert_eq!(verdict(jwt(), &sign(&format!("{}.{url}", encode(HEADER)), SECRET)), ACCEPTED);
    assert_eq!(verdict(jwt(), &sign(&format!("{}.{plain}", encode(HEADER)), SECRET)), INVALID);
}

#[test]
fn bits_after_the_last_byte_are_refused() {
    // Four unused bits in the last character of the header, two in those of payload and signature.
    let (header, payload) = (encode(format!("{HEADER} ")), encode(r#"{"exp":2e9}"#));
    let token = sign(&format!("{header}.{payload}"), SECRET);
    assert_eq!(verdict(jwt(), &token), ACCEPTED);
    for header in twins(&header, 16) {
        assert_eq!(verdict(jwt(), &sign(&format!("{header}.{payload}"), SECRET)), INVALID, "{header}");
    }
    for payload in twins(&payload, 4) {
        assert_eq!(verdict(jwt(), &sign(&format!("{header}.{payload}"), SECRET)), INVALID, "{payload}");
    }
    for token in twins(&token, 4) {
        assert_eq!(verdict(jwt(), &token), INVALID, "{token}");
    }
}

/// The texts that differ from this one only in the unused bits of the last character; there are `count` such characters.
fn twins(text: &str, count: usize) -> impl Iterator<Item = String> {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = text.split_at(text.len() - 1);
    let at = alphabet.find(last).unwrap();
    assert_eq!(at % count, 0);
    (at + 1..at + count).map(move |at| format!("{rest}{}", &alphabet[at..=at]))
}

#[test]
fn blanks_within_base64url_are_refused() {
    let token = token(&claims(json!({})));
    assert_eq!(verdict(jwt(), &token.replacen('.', "~.", 1)), INVALID);
}

#[test]
fn claims_must_be_an_object() {
    for other in ["", "null", "1", "\"a\"", "[]", "[{}]", "true"] {
        assert_eq!(payload(other), INVALID, "{other}");
    }
    assert_eq!(payload("{}"), ACCEPTED);
}

#[test]
fn header_must_be_an_object() {
    for other in ["", "null", "1", "\"HS256\"", "[\"HS256\"]"] {
        assert_eq!(header(other), UNRECOGNIZED, "{other}");
    }
}

#[test]
fn blanks_of_json_are_allowed() {
    assert_eq!(payload(" \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : { } } \n"), ACCEPTED);
    assert_eq!(header("{\n \"alg\": \"HS256\"\n}"), ACCEPTED);
    assert_eq!(header(" \t\r\n { \"alg\": \"HS256\"}"), ACCEPTED);
}

#[test]
fn every_value_of_json_is_read() {
    for value in ["true", "false", "null", "[]", "{}", "-0", "12", "1.5", "1e5", "1e+5", "1E-5", "0.5e-12"] {
        assert_eq!(payload(&format!(r#"{{"a":{value}}}"#)), ACCEPTED, "{value}");
        assert_eq!(payload(&format!(r#"{{"a":[{value},{value}]}}"#)), ACCEPTED, "{value}");
    }
    assert_eq!(payload(r#"{"a":"\" \\ \/ \b \f \n \r \t \u00e9 \ud83d\ude00"}"#), ACCEPTED);
}

/// A member name counts after unescaping; otherwise a duplicate could be hidden.
#[test]
fn escaped_member_names_are_unescaped() {
    for (escaped, raw) in
        [(r"\u0061", "a"), (r"\/", "/"), (r"\n", "\u{a}"), (r"\f", "\u{c}"), (r"\b", "\u{8}"), (r"\t", "\u{9}")]
    {
        let written = serde_json::to_string(raw).unwrap();
        assert_eq!(payload(&format!(r#"{{"{escaped}":1,{written}:2}}"#)), INVALID, "{escaped}");
        assert_eq!(payload(&format!(r#"{{"{escaped}":1,"{escaped}b":2}}"#)), ACCEPTED, "{escaped}");
    }
}

#[test]
fn text_around_the_object_is_refused() {
    for wrong in ["{}{}", "{} x", "x{}", "{},", "\u{feff}{}", "{}\0", "{}\u{a0}"] {
        assert_eq!(payload(wrong), INVALID, "{wrong:?}");
    }
}

#[test]
fn broken_json_is_refused() {
    let broken = [
        "{",
        "}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":[1,]}",
        "{\"a\":[1 2]}",
        "{\"a\":tru}",
        "{\"a\":nulll}",
        "{\"a\":NaN}",
        "{\"a\":Infinity}",
        "{\"a\":01}",
        "{\"a\":+1}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":1e}",
        "{\"a\":-}",
        "{\"a\":0x1}",
        "{\"a\":\"}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\\u+123\"}",
        "{\"a\":1}/**/",
        "{\"a\":[}",
        "{\"a\":]}",
    ];
    for broken in broken {
        assert_eq!(payload(broken), INVALID, "{broken}");
        // Only our own reader reads the header.
        assert_eq!(header(&format!(r#"{{"alg":"HS256","x":{broken}}}"#)), INVALID, "{broken}");
    }
}

#[test]
fn halves_of_surrogate_pairs_are_refused() {
    for wrong in [r"\ud800", r"\udc00", r"\ud800x", r"\ud800\n", r"\ud800A", r"\udc00\ud800"] {
        assert_eq!(payload(&format!(r#"{{"a":"{wrong}"}}"#)), INVALID, "{wrong}");
        assert_eq!(header(&format!(r#"{{"alg":"HS256","x":"{wrong}"}}"#)), INVALID, "{wrong}");
    }
    assert_eq!(payload(r#"{"a":"\ud83d\ude00"}"#), ACCEPTED);
}

#[test]
fn what_is_not_utf8_is_refused() {
    assert_eq!(verdict(jwt(), &raw_token(HEADER, b"{\"exp\":2e9,\"a\":\"\xff\"}")), INVALID);
    assert_eq!(verdict(jwt(), &raw_token(b"{\"alg\":\"HS256\",\"a\":\"\xc0\xaf\"}", "{\"exp\":2e9}")), INVALID);
}

#[test]
fn members_that_occur_twice_are_refused() {
    let twice = [
        r#"{"sub":"a","sub":"b"}"#,
        r#"{"sub":"a","sub":"a"}"#,
        r#"{"x":1,"y":2,"x":3}"#,
        r#"{"x":{"y":1,"y":2}}"#,
        r#"{"x":[[{"y":1,"y":2}]]}"#,
        // Equal only after unescaping.
        r#"{"sub":"a","s\u0075b":"b"}"#,
        r#"{"x":{"é":1,"\u00e9":2}}"#,
        r#"{"/":1,"\/":2}"#,
        r#"{"":1,"":2}"#,
    ];
    for twice in twice {
        assert_eq!(payload(twice), INVALID, "{twice}");
    }
}

#[test]
fn header_members_that_occur_twice_are_refused() {
    assert_eq!(header(r#"{"alg":"HS256","alg":"HS256"}"#), INVALID);
    assert_eq!(header(r#"{"alg":"none","\u0061lg":"HS256"}"#), INVALID);
    assert_eq!(header(r#"{"alg":"HS256","x":{"y":1,"y":1}}"#), INVALID);
}

#[test]
fn one_name_in_two_objects_is_fine() {
    assert_eq!(payload(r#"{"x":{"x":{"x":1}},"y":[{"x":1},{"x":2}]}"#), ACCEPTED);
}

#[test]
fn thousands_of_names_are_checked_in_time() {
    let names: Vec<_> = (0..500).map(|i| format!(r#""{i:03}":0"#)).collect();
    assert_eq!(payload(&format!("{{{}}}", names.join(","))), ACCEPTED);
    assert_eq!(payload(&format!("{{{},\"250\":0}}", names.join(","))), INVALID);
}

#[test]
fn json_of_64_levels_is_the_deepest() {
    // The object of claims itself is the first level.
    let nested = |levels: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(levels - 1), "]".repeat(levels - 1));
    assert_eq!(payload(&nested(64)), ACCEPTED);
    assert_eq!(payload(&nested(65)), INVALID);
    let objects = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    assert_eq!(payload(&objects(64)), ACCEPTED);
    assert_eq!(payload(&objects(65)), INVALID);
    assert_eq!(header(&format!(r#"{{"alg":"HS256","a":{}{}}}"#, "[".repeat(64), "]".repeat(64))), INVALID);
}

#[test]
fn unknown_header_parameters_of_any_type_are_ignored() {
    for value in ["1", "\"a\"", "null", "true", "[1]", "{\"b\":[]}"] {
        assert_eq!(header(&format!(r#"{{"alg":"HS256","x":{value},"cty":{value}}}"#)), ACCEPTED, "{value}");
    }
}

#[test]
fn critical_parameters_are_refused() {
    for crit in [r#"["exp"]"#, r#"["b64"]"#, r#"["x"]"#, "[]", "null", "1", "\"exp\"", "{}"] {
        assert_eq!(header(&format!(r#"{{"alg":"HS256","crit":{crit}}}"#)), INVALID, "{crit}");
        assert_eq!(header(&format!(r#"{{"alg":"HS256","crit":{crit},"exp":1,"b64":true,"x":1}}"#)), INVALID, "{crit}");
    }
}

#[test]
fn unencoded_payload_is_refused() {
    for b64 in ["false", "null", "0", "\"false\""] {
        assert_eq!(header(&format!(r#"{{"alg":"HS256","b64":{b64}}}"#)), INVALID, "{b64}");
    }
    assert_eq!(header(r#"{"alg":"HS256","b64":true}"#), ACCEPTED);
}

#[test]
fn compressed_payload_is_refused() {
    assert_eq!(header(r#"{"alg":"HS256","zip":"DEF"}"#), INVALID);
    assert_eq!(header(r#"{"alg":"HS256","zip":null}"#), INVALID);
}

#[test]
fn header_parameters_that_are_used_must_be_texts() {
    for name in ["alg", "kid", "typ"] {
        for value in ["1", "[\"HS256\"]", "{}", "true"] {
            let rest = if name == "alg" { "" } else { r#","alg":"HS256""# };
            assert_eq!(header(&format!(r#"{{"{name}":{value}{rest}}}"#)), INVALID, "{name} {value}");
        }
    }
}

#[test]
fn kid_and_typ_that_are_null_or_a_kid_that_is_empty_say_nothing() {
    for more in [r#""kid":null"#, r#""typ":null"#, r#""kid":"""#] {
        assert_eq!(header(&format!(r#"{{"alg":"HS256",{more}}}"#)), ACCEPTED, "{more}");
    }
    assert_eq!(header(r#"{"alg":null}"#), INVALID);
}

#[test]
fn typ_may_be_absent_or_jwt_in_any_form() {
    for typ in ["JWT", "jwt", "application/jwt", "APPLICATION/JWT"] {
        assert_eq!(header(&format!(r#"{{"alg":"HS256","typ":"{typ}"}}"#)), ACCEPTED, "{typ}");
    }
    for typ in
        ["", "at+jwt", "JWS", "application/", "text/jwt", "JWT ", "application/application/jwt", "application-jwt"]
    {
        assert_eq!(header(&format!(r#"{{"alg":"HS256","typ":"{typ}"}}"#)), INVALID, "{typ}");
    }
}

#[test]
fn typ_of_a_profile_is_accepted_beside_jwt() {
    for configured in ["at+jwt", "application/at+jwt"] {
        let accepts = |more| verdict(jwt().token_type(configured), &token_with(more, &claims(json!({}))));
        assert_eq!(accepts(json!({ "typ": "at+jwt" })), ACCEPTED);
        assert_eq!(accepts(json!({ "typ": "Application/AT+JWT" })), ACCEPTED);
        assert_eq!(accepts(json!({ "typ": "JWT" })), ACCEPTED);
        assert_eq!(accepts(json!({})), ACCEPTED);
        assert_eq!(accepts(json!({ "typ": "dpop+jwt" })), INVALID);
    }
}

#[test]
fn typ_of_a_profile_may_be_required() {
    let accepts = |more| verdict(jwt().require_token_type("at+jwt"), &token_with(more, &claims(json!({}))));
    assert_eq!(accepts(json!({ "typ": "at+jwt" })), ACCEPTED);
    assert_eq!(accepts(json!({ "typ": "JWT" })), INVALID);
    assert_eq!(accepts(json!({})), INVALID);
}

#[test]
fn algorithms_can_be_restricted() {
    let jwk = json!({ "kty": "oct", "k": encode([7; 64]) }).to_string();
    let all = || key(auth_jwt::VerifyingKey::from_jwk(&jwk).unwrap());
    let token = auth_jwt::Signer::new(auth_jwt::SigningKey::hmac(Algorithm::HS512, [7; 64]).unwrap())
        .sign(&claims(json!({})))
        .unwrap();
    assert_eq!(verdict(all(), token.expose()), ACCEPTED);
    assert_eq!(verdict(all().algorithms([Algorithm::HS512]).unwrap(), token.expose()), ACCEPTED);
    assert_eq!(verdict(all().algorithms([Algorithm::HS256]).unwrap(), token.expose()), UNRECOGNIZED);
}

#[test]
fn algorithms_that_no_key_allows_do_not_build() {
    assert!(jwt().algorithms([Algorithm::RS256]).is_err());
    assert!(jwt().algorithms([]).is_err());
}
