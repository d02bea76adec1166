use std::{borrow::Cow, time::Duration};

use auth_core::Secret;
use axum::extract::ws::Message;
use serde_json::value::RawValue;

use super::{Decoded, FirstMessageCodec};
use crate::{Close, http::payload};

/// GraphQL over WebSocket: the subprotocol `graphql-transport-ws`, as npm's `graphql-ws` and most GraphQL clients speak it.
///
/// The credential stands in the payload of `connection_init`, as it would in a header:
/// `{"type":"connection_init","payload":{"Authorization":"Bearer …"}}`. The name may be in upper or lower case.
/// [`field`](Self::field) reads a bare token from another field. A good credential is answered `{"type":"connection_ack"}`, and
/// then the service behind is called; what it receives begins with the next message. [`forward`](Self::forward) hands it
/// `connection_init` too.
///
/// | The client sends first | Answer |
/// |---|---|
/// | `ping`; `pong` | `pong`; nothing. 16 of them and of WebSocket's pings in all, which do not extend the deadline |
/// | `connection_init` without the field, with `null` or an empty text in it, or no payload | 4401 `invalid_credentials` |
/// | `subscribe` or `complete` | 4401 `invalid_credentials` |
/// | what is no JSON object, has no or another `type`, or a member twice; a payload that is no object; a field that is no text | 4400 `invalid_message` |
///
/// A second `connection_init` is for the service behind, like every message after the first one.
///
/// # Close codes
/// They are those of the protocol, for the whole life of the socket, and so chosen that the client of `graphql-ws` does what it
/// should: 4401 stops it, while after 4403 it asks for its `connectionParams` again and comes back. The reasons stay ours.
///
/// | Ours | Code |
/// |---|---|
/// | [`TOKEN_EXPIRED`](Close::TOKEN_EXPIRED), [`FORBIDDEN`](Close::FORBIDDEN) | 4403 |
/// | [`INVALID_CREDENTIALS`](Close::INVALID_CREDENTIALS), [`REVOKED`](Close::REVOKED), [`SUPERSEDED`](Close::SUPERSEDED) | 4401 |
/// | [`AUTH_TIMEOUT`](Close::AUTH_TIMEOUT), [`PING_TIMEOUT`](Close::PING_TIMEOUT), [`IDLE_TIMEOUT`](Close::IDLE_TIMEOUT) | 4408 |
/// | [`INVALID_MESSAGE`](Close::INVALID_MESSAGE) | 4400 |
/// | [`SUBPROTOCOL_NOT_ACCEPTABLE`](Close::SUBPROTOCOL_NOT_ACCEPTABLE) | 4406 |
/// | [`TOO_MANY_CONNECTIONS`](Close::TOO_MANY_CONNECTIONS), [`TOO_MANY_ATTEMPTS`](Close::TOO_MANY_ATTEMPTS), [`DISPLACED`](Close::DISPLACED); 4429 means something else here | 1013 |
/// | [`INTERNAL_ERROR`](Close::INTERNAL_ERROR) | 4500 |
/// | any other | the same |
///
/// [`CloseCodes`](crate::CloseCodes) does not change them.
///
/// # Security
/// A handshake that brings a credential (a header, a cookie) is judged by itself. Its `connection_init` goes to the handler, and
/// no credential in there is looked at.
#[derive(Clone, Debug, Default)]
pub struct GraphqlTransportWs {
    /// `None` is `Authorization`.
    field: Option<Cow<'static, str>>,
    forwards: bool,
}

impl GraphqlTransportWs {
    /// Reads `Authorization` from the payload, and acknowledges by itself.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a bearer token from this field of the payload, such as `token`, and not `Authorization`. The case of its name
    /// counts, and its value is the token alone, without a scheme.
    #[must_use]
    pub fn field(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.field = Some(name.into());
        self
    }

    /// Hands `connection_init` on to the handler, which has to answer it: for servers such as async-graphql that acknowledge by
    /// themselves.
    ///
    /// # Security
    /// The handler then sees the credential. It must not log or store the payload. Who the user is says
    /// [`AuthSocket::user`](crate::AuthSocket::user), not the payload.
    #[must_use]
    pub fn forward(mut self) -> Self {
        self.forwards = true;
        self
    }

    /// What `connection_init` brings.
    fn credentials(&self, payload: Option<&RawValue>) -> Decoded {
        let Some(payload) = payload.filter(|payload| payload.get() != "null") else {
            return Decoded::NoCredential;
        };
        let Some(members) = payload::members(payload.get()) else {
            return Decoded::Malformed;
        };
        let found = match &self.field {
            Some(field) => single(&members, |name| name == field),
            None => single(&members, |name| name.eq_ignore_ascii_case("authorization")),
        };
        let text = match found.map(|value| value.filter(|value| value.get() != "null")) {
            Ok(Some(value)) => match serde_json::from_str::<String>(value.get()) {
                Ok(text) => Secret::new(text),
                Err(_) => return Decoded::Malformed,
            },
            Ok(None) => return Decoded::NoCredential,
            Err(Repeated) => return Decoded::Malformed,
        };
        if text.expose().is_empty() {
            return Decoded::NoCredential;
        }
        if self.field.is_some() {
            return Decoded::Credentials { scheme: "Bearer".into(), credentials: text };
        }
        match text.expose().trim().split_once(' ') {
            Some((scheme, credentials)) => Decoded::Credentials {
                scheme: scheme.to_owned().into(),
                credentials: Secret::new(credentials.trim_start()),
            },
            None => Decoded::NoCredential,
        }
    }
}

impl FirstMessageCodec for GraphqlTransportWs {
    fn subprotocols(&self) -> Vec<Cow<'static, str>> {
        vec!["graphql-transport-ws".into()]
    }

    fn decode(&self, message: &Message) -> Decoded {
        let Message::Text(text) = message else { return Decoded::Malformed };
        let Some(members) = payload::members(text) else { return Decoded::Malformed };
        let (Ok(Some(kind)), Ok(payload)) =
            (single(&members, |name| name == "type"), single(&members, |name| name == "payload"))
        else {
            return Decoded::Malformed;
        };
        match serde_json::from_str::<String>(kind.get()).as_deref() {
            Ok("connection_init") => self.credentials(payload),
            Ok("ping") => Decoded::Wait(Some(Message::Text(r#"{"type":"pong"}"#.into()))),
            Ok("pong") => Decoded::Wait(None),
            Ok("subscribe" | "complete") => Decoded::NoCredential,
            _ => Decoded::Malformed,
        }
    }

    fn accepted(&self, _: &Message, _: Option<Duration>) -> Option<Message> {
        (!self.forwards).then(|| Message::Text(r#"{"type":"connection_ack"}"#.into()))
    }

    fn forwards(&self) -> bool {
        self.forwards
    }

    fn close(&self, close: &Close) -> Close {
        let found = CODES.iter().find(|(ours, _)| ours == close);
        found.map_or_else(|| close.clone(), |(_, code)| close.with_code(*code))
    }
}

/// Codes of the protocol; those of the other closes stay.
static CODES: [(Close, u16); 14] = [
    (Close::TOKEN_EXPIRED, 4403),
    (Close::FORBIDDEN, 4403),
    (Close::INVALID_CREDENTIALS, 4401),
    (Close::REVOKED, 4401),
    (Close::SUPERSEDED, 4401),
    (Close::AUTH_TIMEOUT, 4408),
    (Close::PING_TIMEOUT, 4408),
    (Close::IDLE_TIMEOUT, 4408),
    (Close::INVALID_MESSAGE, 4400),
    (Close::SUBPROTOCOL_NOT_ACCEPTABLE, 4406),
    (Close::TOO_MANY_CONNECTIONS, 1013),
    (Close::TOO_MANY_ATTEMPTS, 1013),
    (Close::DISPLACED, 1013),
    (Close::INTERNAL_ERROR, 4500),
];

/// A name that is there twice.
struct Repeated;

/// The one member whose name is wanted.
fn single<'a>(
    members: &[(String, &'a RawValue)],
    is_wanted: impl Fn(&str) -> bool,
) -> Result<Option<&'a RawValue>, Repeated> {
    let mut values = members.iter().filter(|(name, _)| is_wanted(name)).map(|(_, value)| *value);
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(Repeated),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a message says, in short.
    fn decoded(codec: &GraphqlTransportWs, text: &str) -> String {
        match codec.decode(&Message::Text(text.into())) {
            Decoded::Credentials { scheme, credentials } => format!("{scheme}|{}", credentials.expose()),
            Decoded::Wait(answer) => answer.map_or("wait".into(), |answer| answer.into_text().unwrap().to_string()),
            Decoded::NoCredential => "no credential".into(),
            Decoded::Malformed => "malformed".into(),
        }
    }

    fn init(payload: &str) -> String {
        format!(r#"{{"type":"connection_init","payload":{payload}}}"#)
    }

    #[test]
    fn credential_is_what_would_stand_in_the_header() {
        for (payload, says) in [
            (r#"{"Authorization":"Bearer a.b.c"}"#, "Bearer|a.b.c"),
            (r#"{"authorization":"bearer a.b.c","more":{"deep":[1e999]}}"#, "bearer|a.b.c"),
            (r#"{"AUTHORIZATION":" Basic  YTpi "}"#, "Basic|YTpi"),
            (r#"{"Auth\u006frization":"Bearer a\u0062c"}"#, "Bearer|abc"),
            (r#"{"Authorization":"a.b.c"}"#, "no credential"),
            (r#"{"Authorization":"Bearer "}"#, "no credential"),
            (r#"{"Authorization":""}"#, "no credential"),
            (r#"{"Authorization":null}"#, "no credential"),
            (r#"{"token":"a.b.c"}"#, "no credential"),
            ("{}", "no credential"),
            ("null", "no credential"),
            (r#"{"Authorization":"Bearer a","authorization":"Bearer b"}"#, "malformed"),
            (r#"{"Authorization":7}"#, "malformed"),
            (r#"{"Authorization":["Bearer a"]}"#, "malformed"),
            (r#"{"Authorization":"\ud800"}"#, "malformed"),
            ("[]", "malformed"),
            (r#""Bearer a""#, "malformed"),
        ] {
            assert_eq!(decoded(&GraphqlTransportWs::new(), &init(payload)), says, "{payload}");
        }
    }

    #[test]
    fn field_holds_a_bare_token_and_no_other_is_read() {
        let codec = GraphqlTransportWs::new().field("token");
        for (payload, says) in [
            (r#"{"token":"a.b.c"}"#, "Bearer|a.b.c"),
            (r#"{"token":"a.b.c","Authorization":"Bearer x"}"#, "Bearer|a.b.c"),
            (r#"{"Token":"a.b.c"}"#, "no credential"),
            (r#"{"Authorization":"Bearer x"}"#, "no credential"),
            (r#"{"token":""}"#, "no credential"),
            (r#"{"token":null}"#, "no credential"),
            (r#"{"token":"a","token":"b"}"#, "malformed"),
            (r#"{"token":{}}"#, "malformed"),
        ] {
            assert_eq!(decoded(&codec, &init(payload)), says, "{payload}");
        }
    }

    #[test]
    fn every_type_of_message_has_its_answer() {
        for (text, says) in [
            (r#"{"type":"connection_init"}"#, "no credential"),
            (r#"{"type":"ping"}"#, r#"{"type":"pong"}"#),
            (r#"{"type":"ping","payload":{"big":"…"}}"#, r#"{"type":"pong"}"#),
            (r#"{"type":"pong"}"#, "wait"),
            (r#"{"type":"subscribe","id":"1","payload":{"query":"{me}"}}"#, "no credential"),
            (r#"{"type":"complete","id":"1"}"#, "no credential"),
            (r#"{"type":"connection_ack"}"#, "malformed"),
            (r#"{"type":"next","id":"1"}"#, "malformed"),
            (r#"{"type":"error","id":"1"}"#, "malformed"),
            (r#"{"type":"auth","scheme":"bearer","credentials":"a"}"#, "malformed"),
            (r#"{"type":"ping","type":"connection_init"}"#, "malformed"),
            (r#"{"type":"connection_init","payload":{"Authorization":"Bearer a"},"payload":null}"#, "malformed"),
            (r#"{"type":["ping"]}"#, "malformed"),
            (r#"{"type":null}"#, "malformed"),
            ("{}", "malformed"),
            ("[]", "malformed"),
            ("hello", "malformed"),
            ("", "malformed"),
        ] {
            assert_eq!(decoded(&GraphqlTransportWs::new(), text), says, "{text}");
        }
        let binary = Message::Binary(init(r#"{"Authorization":"Bearer a"}"#).into());
        assert!(matches!(GraphqlTransportWs::new().decode(&binary), Decoded::Malformed));
    }

    #[test]
    fn init_is_acknowledged_here_or_by_the_handler_and_never_by_both() {
        let first = Message::Text(init("{}").into());
        let acknowledges = |codec: &GraphqlTransportWs| codec.accepted(&first, None).is_some();
        let (consumes, forwards) = (GraphqlTransportWs::new(), GraphqlTransportWs::new().forward());
        assert!(acknowledges(&consumes) && !consumes.forwards());
        assert!(!acknowledges(&forwards) && forwards.forwards());
    }

    #[test]
    fn every_close_has_its_code_and_keeps_its_reason() {
        let table = [
            (Close::NORMAL, 1000),
            (Close::PROTOCOL_ERROR, 1002),
            (Close::INVALID_TEXT, 1007),
            (Close::TOO_BIG, 1009),
            (Close::RESTARTING, 1012),
            (Close::UNAVAILABLE, 1013),
            (Close::TOO_MANY_CONNECTIONS, 1013),
            (Close::TOO_MANY_ATTEMPTS, 1013),
            (Close::DISPLACED, 1013),
            (Close::INVALID_MESSAGE, 4400),
            (Close::INVALID_CREDENTIALS, 4401),
            (Close::REVOKED, 4401),
            (Close::SUPERSEDED, 4401),
            (Close::FORBIDDEN, 4403),
            (Close::TOKEN_EXPIRED, 4403),
            (Close::SUBPROTOCOL_NOT_ACCEPTABLE, 4406),
            (Close::AUTH_TIMEOUT, 4408),
            (Close::PING_TIMEOUT, 4408),
            (Close::IDLE_TIMEOUT, 4408),
            (Close::INTERNAL_ERROR, 4500),
        ];
        let constants = include_str!("../../close.rs").matches("\n    pub const ").count();
        assert_eq!(table.len(), constants, "a close without a row");
        for (ours, code) in table {
            for codes in [crate::CloseCodes::Private, crate::CloseCodes::Iana] {
                let codec = super::super::Codec::new(GraphqlTransportWs::new()).unwrap();
                let told = super::super::told(ours.clone(), Some(&codec), codes);
                let kept = if CODES.iter().any(|(mapped, _)| *mapped == ours) { code } else { ours.code() };
                assert_eq!((told.code(), told.reason()), (kept, ours.reason()), "{ours:?}");
            }
            assert_eq!(GraphqlTransportWs::new().close(&ours).code(), code, "{ours:?}");
        }
        let own = Close::new(4401, "invalid_credentials");
        assert_eq!(GraphqlTransportWs::new().close(&own), own);
    }
}
