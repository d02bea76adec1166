//! Text messages on a socket: as the first message, and from an authenticated user. A credential never reaches the application,
//! and all other messages reach it unchanged.
#![no_main]

use std::{collections::HashMap, sync::LazyLock};

use auth_core::{Chain, extract::bearer};
use auth_fuzz::{KEY, Key, converse, listen, run};
use axum::{Router, routing::any};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, value::RawValue};
use tokio_tungstenite::tungstenite::Message as Said;
use ws_adapter::AuthLayer;

static APP: LazyLock<Router> = LazyLock::new(|| {
    let layer = AuthLayer::new(Chain::new().or(Key(bearer()))).first_message();
    Router::new().route("/", any(listen)).layer(layer)
});

/// Whether the message contains a credential, and whether it is the right one, by another parser.
fn presents(text: &str) -> Option<bool> {
    // Only read strings: a number may be too large for a `Value`, and a list too deep.
    let json: HashMap<String, Box<RawValue>> = serde_json::from_str(text).ok()?;
    let field = |name: &str| json.get(name).and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
    (field("type").as_deref() == Some("auth")).then(|| {
        let (scheme, credentials) = (field("scheme").unwrap_or_default(), field("credentials").unwrap_or_default());
        scheme.eq_ignore_ascii_case("bearer") && credentials.trim_matches(' ') == KEY
    })
}

fn types(said: &[Said]) -> Vec<String> {
    let texts = said.iter().filter_map(|message| message.to_text().ok().filter(|_| message.is_text()));
    let jsons = texts.map(|text| serde_json::from_str::<Value>(text).expect("the server speaks JSON"));
    jsons.map(|json| json["type"].as_str().expect("with a type").to_owned()).collect()
}

fuzz_target!(|text: &str| {
    let presented = presents(text);

    let (said, heard) = run(converse(&APP, "auth.v1", None, text));
    match types(&said).as_slice() {
        // Only the key is accepted, and the application does not receive earlier messages.
        [] => assert_eq!(heard, [] as [&str; 0]),
        [ok] => {
            assert_eq!((ok.as_str(), presented), ("auth_ok", Some(true)));
            assert_eq!(heard, ["end"]);
        }
        more => panic!("a client without the key receives {more:?}"),
    }

    let (said, heard) = run(converse(&APP, "auth.v1", Some(&format!("Bearer {KEY}")), text));
    let types = types(&said);
    match heard.as_slice() {
        [first, end] => {
            assert_eq!((first.as_str(), end.as_str()), (text, "end"));
            assert!(types.is_empty());
            assert!(presented.is_none() || has_two_types(text), "a credential reaches the application");
        }
        [end] => {
            assert_eq!((end.as_str(), presented.is_some()), ("end", true));
            assert!(types.iter().all(|kind| kind == "auth_error") || presented == Some(true));
        }
        other => panic!("the application receives {other:?}"),
    }
});

/// Whether `type` may occur twice. Such a message is not an `auth` message.
fn has_two_types(text: &str) -> bool {
    text.contains("auth") && (text.matches("\"type\"").count() > 1 || text.contains("\\u"))
}
