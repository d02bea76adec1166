use std::time::Duration;

use axum::extract::ws::Message;

use super::{Decoded, FirstMessageCodec};
use crate::websocket::in_band::{ServerMessage, auth_fields};

/// The first message as text: `{"type":"auth","scheme":"bearer","credentials":"…"}`. The answer is
/// `{"type":"auth_ok","ttl":900}`. This is the default of [`AuthLayer::first_message`](crate::AuthLayer::first_message).
///
/// It has no subprotocol of its own: the layer answers its own, `auth.v1` by default, if the client offers it. Any other
/// message closes the socket with 4401 `invalid_credentials`.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct AuthV1;

impl FirstMessageCodec for AuthV1 {
    fn decode(&self, message: &Message) -> Decoded {
        let Message::Text(text) = message else { return Decoded::NoCredential };
        match auth_fields(text).flatten() {
            Some((scheme, credentials)) => Decoded::Credentials { scheme: scheme.into(), credentials },
            None => Decoded::NoCredential,
        }
    }

    fn accepted(&self, _: &Message, ttl: Option<Duration>) -> Option<Message> {
        Some(ServerMessage::Ok { ttl: ttl.map(|ttl| ttl.as_secs()) }.into_message())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_auth_text_message_holds_a_credential() {
        let good = r#"{"type":"auth","scheme":"bearer","credentials":"a.b.c"}"#;
        for (message, is_credential) in [
            (Message::Text(good.into()), true),
            (Message::Binary(good.into()), false),
            (Message::Text(r#"{"type":"auth","scheme":"bearer"}"#.into()), false),
            (Message::Text(r#"{"type":"auth","type":"auth","scheme":"bearer","credentials":"a"}"#.into()), false),
            (Message::Text(r#"{"type":"connection_init","payload":{"Authorization":"Bearer a"}}"#.into()), false),
            (Message::Text("hello".into()), false),
            (Message::Text("".into()), false),
        ] {
            match AuthV1.decode(&message) {
                Decoded::Credentials { scheme, credentials } => {
                    assert!(is_credential && scheme == "bearer" && credentials.ct_eq("a.b.c"), "{message:?}");
                }
                decoded => assert!(!is_credential && matches!(decoded, Decoded::NoCredential), "{message:?}"),
            }
        }
    }

    #[test]
    fn answer_has_whole_seconds_if_the_credential_ends() {
        let first = Message::Text("".into());
        let answer = |ttl| AuthV1.accepted(&first, ttl).unwrap().into_text().unwrap().to_string();
        assert_eq!(answer(Some(Duration::from_millis(1999))), r#"{"type":"auth_ok","ttl":1}"#);
        assert_eq!(answer(None), r#"{"type":"auth_ok"}"#);
    }
}
