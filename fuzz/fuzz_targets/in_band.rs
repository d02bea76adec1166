//! Text messages on a socket: as the first one of a stranger, and as one of a user who is in already. A credential never
//! reaches the application, and whatever else is said reaches it as it was said.
#![no_main]

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex},
};

use auth_core::{Chain, extract::bearer};
use auth_fuzz::{KEY, Key, User, converse, run};
use axum::{Router, extract::ws::Message, response::Response, routing::any};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, value::RawValue};
use tokio_tungstenite::tungstenite::Message as Said;
use ws_adapter::{AuthLayer, AuthWebSocketUpgrade};

type Heard = Arc<Mutex<Vec<String>>>;

/// Texts that reached the application.
static HEARD: LazyLock<Heard> = LazyLock::new(Heard::default);

static APP: LazyLock<Router> = LazyLock::new(|| {
    let layer = AuthLayer::new(Chain::new().or(Key(bearer()))).first_message();
    Router::new().route("/", any(listen)).layer(layer)
});

async fn listen(ws: AuthWebSocketUpgrade<User>) -> Response {
    ws.on_upgrade(|mut socket| async move {
        while let Some(message) = socket.recv().await {
            if let Message::Text(text) = message {
                HEARD.lock().unwrap().push(text.to_string());
            }
        }
    })
}

/// Says `text` and then `end`, and gives what the server has said and what the application has heard.
async fn exchange(authorization: Option<&str>, text: &str) -> (Vec<Said>, Vec<String>) {
    let said = converse(&APP, "auth.v1", authorization, text).await;
    (said, std::mem::take(&mut *HEARD.lock().unwrap()))
}

/// Whether the message presents a credential, and whether it is the right one, by another parser.
fn presents(text: &str) -> Option<bool> {
    // Only texts are read: a number may be too large for a `Value`, and a list too deep.
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

    let (said, heard) = run(exchange(None, text));
    match types(&said).as_slice() {
        // Nobody comes in without the key, and what was said before is not the application's.
        [] => assert_eq!(heard, [] as [&str; 0]),
        [ok] => {
            assert_eq!((ok.as_str(), presented), ("auth_ok", Some(true)));
            assert_eq!(heard, ["end"]);
        }
        more => panic!("a stranger is told {more:?}"),
    }

    let (said, heard) = run(exchange(Some(&format!("Bearer {KEY}")), text));
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
        other => panic!("the application hears {other:?}"),
    }
});

/// A name that is there twice says nothing.
fn has_two_types(text: &str) -> bool {
    text.contains("auth") && (text.matches("\"type\"").count() > 1 || text.contains("\\u"))
}
