//! Errors and `Debug` output contain no text from an issuer or a client.

use std::error::Error;

use auth_jwt::TrustedIssuer;
use serde_json::json;

use crate::support::*;

const MARKER: &str = "MARKER";

#[test]
fn errors_repeat_nothing_of_the_answer() {
    run(async {
        let world = World::new().await;
        let secret = json!({ "kty": MARKER, "kid": MARKER, "k": MARKER, "d": MARKER });
        for answer in [
            MARKER.into(),
            reply("302 MARKER", "location: https://MARKER:MARKER@id.example/MARKER?MARKER#MARKER\r\n", MARKER),
            reply("500 MARKER", "x-marker: MARKER\r\n", MARKER),
            format!("HTTP/1.1 MARKER\r\nMARKER: {MARKER}\r\n\r\n").into_bytes(),
            ok(MARKER),
            ok(jwks([secret]).to_string()),
            ok(format!(r#"{{"keys":{{"MARKER":"{MARKER}"}}}}"#)),
        ] {
            let shown = String::from_utf8_lossy(&answer).into_owned();
            world.issuer.say(move |_| Say::All(answer.clone()));
            let error = world.builder().fail_fast().await.unwrap_err();
            let mut cause: Option<&dyn Error> = Some(&error);
            while let Some(error) = cause {
                assert!(!format!("{error} {error:?}").contains(MARKER), "{error:?} of {shown}");
                cause = error.source();
            }
        }
    });
}

#[test]
fn debug_shows_the_location_of_keys_but_no_key() {
    run(async {
        let world = World::new().await;
        world.issuer.publish(&jwks([world.key.jwk_with("kid", json!(MARKER))]));
        let source = world.source().await;
        world.ask(&source, &Key::new(MARKER)).await;
        let shown = format!("{:?} {source:?} {:?}", world.builder(), source.status());
        assert!(shown.contains("/jwks") && !shown.contains(MARKER), "{shown}");
        assert!(format!("{:?}", TrustedIssuer::new("https://id.example", source)).contains("https://id.example"));
        assert!(shown.contains("RemoteJwksBuilder {") && shown.contains("RemoteJwks {"), "{shown}");
    });
}
