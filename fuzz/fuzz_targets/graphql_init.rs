//! The first message of a GraphQL client. Only the key is accepted, and the handler receives the messages unchanged.
#![no_main]

use std::{collections::HashMap, sync::LazyLock};

use auth_core::{Chain, extract::bearer};
use auth_fuzz::{KEY, Key, converse, listen, run};
use axum::{Router, routing::any};
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;
use ws_adapter::{AuthLayer, GraphqlTransportWs};

static APP: LazyLock<Router> = LazyLock::new(|| {
    let layer = AuthLayer::new(Chain::new().or(Key(bearer()))).first_message();
    Router::new().route("/", any(listen)).layer(layer.codec(GraphqlTransportWs::new().forward()))
});

type Object = HashMap<String, Box<RawValue>>;

/// Whether the message contains the key, by another parser. It reads only one of two members with the same name.
fn brings_key(text: &str) -> bool {
    let object = |text: &str| serde_json::from_str::<Object>(text).ok();
    let string = |raw: &RawValue| serde_json::from_str::<String>(raw.get()).ok();
    let Some(message) = object(text) else { return false };
    let is_init = message.get("type").and_then(|raw| string(raw)).is_some_and(|kind| kind == "connection_init");
    let payload = message.get("payload").and_then(|raw| object(raw.get())).unwrap_or_default();
    let found = payload.iter().filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    is_init
        && found.filter_map(|(_, raw)| string(raw)).any(|text| {
            let words: Vec<_> = text.split(' ').filter(|word| !word.is_empty()).collect();
            matches!(words.as_slice(), [scheme, key] if scheme.eq_ignore_ascii_case("bearer") && *key == KEY)
        })
}

fuzz_target!(|text: &str| {
    let (said, heard) = run(converse(&APP, "graphql-transport-ws", None, text));
    let texts: Vec<_> =
        said.iter().filter(|message| message.is_text()).map(|message| message.to_text().unwrap()).collect();
    if heard.is_empty() {
        assert!(texts.iter().all(|text| *text == r#"{"type":"pong"}"#), "a client without the key receives {texts:?}");
    } else {
        assert!(brings_key(text), "a client without the key is accepted");
        assert_eq!(heard, [text, "end"]);
        assert!(texts.is_empty(), "only the handler may answer");
    }
});
