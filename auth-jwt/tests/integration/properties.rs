//! Random input never panics and is never accepted.

use proptest::prelude::*;
use serde_json::json;

use crate::support::*;

/// Whether the result is a refusal with 401, and never a 5xx.
fn is_refused(token: &str) -> bool {
    matches!(verdict(jwt(), token), INVALID | UNRECOGNIZED | EXPIRED)
}

fn visible() -> impl Strategy<Value = String> {
    "[!-~]{1,200}"
}

proptest! {
    #[test]
    fn any_text_is_refused(text in visible()) {
        prop_assert!(is_refused(&text));
    }

    #[test]
    fn any_three_parts_are_refused(header: Vec<u8>, payload: Vec<u8>, signature: Vec<u8>) {
        let token = [header, payload, signature].map(encode).join(".");
        prop_assert!(is_refused(&token));
    }

    #[test]
    fn a_changed_token_is_refused(at in 0_usize..150, replacement in "[A-Za-z0-9_.-]") {
        let token = token(&claims(json!({ "name": "somebody with a long name" })));
        prop_assume!(at < token.len() && token[at..=at] != replacement);
        let changed = format!("{}{replacement}{}", &token[..at], &token[at + 1..]);
        prop_assert!(is_refused(&changed), "{changed}");
    }

    /// JSON that our reader accepts as claims is also accepted by the library that reads the typed claims.
    #[test]
    fn signed_json_of_any_shape_is_judged(json in "[{}\\[\\],:\"\\\\a-c0-9.eE+\\- u]{0,40}") {
        let token = raw_token(r#"{"alg":"HS256"}"#, &json);
        let accepted = verdict(jwt().dangerous_allow_missing_exp(), &token) == ACCEPTED;
        if accepted {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&json).unwrap().is_object());
        }
    }

    #[test]
    fn signed_header_of_any_shape_is_judged(json in "[{}\\[\\],:\"\\\\a-c0-9.eE+\\- u]{0,40}") {
        let header = format!(r#"{{"alg":"HS256","x":{json}}}"#);
        if verdict(jwt(), &raw_token(&header, claims(json!({})).to_string())) == ACCEPTED {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&header).is_ok());
        }
    }

    #[test]
    fn claims_survive_the_way_through_signer_and_verifier(name in ".*", number: i64) {
        let claims = claims(json!({ "name": name, "number": number }));
        let user = present(jwt(), &token(&claims)).unwrap();
        prop_assert_eq!(user.user(), &Said(claims));
    }
}
