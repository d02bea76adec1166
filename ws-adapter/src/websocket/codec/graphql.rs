use std::{borrow::Cow, time::Duration};

use auth_core::Secret;
use axum::extract::ws::Message;
use serde_json::value::RawValue;

use super::{Decoded, FirstMessageCodec};
use crate::{Close, http::payload};

/// GraphQL over WebSocket: the subprotocol `graphql-transport-ws` of npm's `graphql-ws` and most GraphQL clients.
///
/// The credential is in the payload of `connection_init`, in the form of a header:
/// `{"type":"connection_init","payload":{"Authorization":"Bearer …"}}`. The case of the name does not matter.
/// [`field`](Self::field) reads a bare token from another field. The answer to a good credential is
/// `{"type":"connection_ack"}`. Then the inner service is called, and receives the messages that follow.
/// [`forward`](Self::forward) passes `connection_init` to it too.
///
/// | The client sends first | Answer |
/// |---|---|
/// | `ping`; `pong` | `pong`; nothing. Together with WebSocket pings, 16 are allowed; they don't extend the deadline |
/// | `connection_init` without a payload or the field, or with `null` or an empty string in it | 4401 `invalid_credentials` |
/// | `subscribe` or `complete` | 4401 `invalid_credentials` |
/// | anything but a JSON object with a `type` of the protocol and without repeated members; a payload that is not an object; a field that is not a string | 4400 `invalid_message` |
///
/// A second `connection_init` goes to the inner service, like every message after the first one.
///
/// # Close codes
/// For the whole life of the socket, closes have the codes of the protocol. They are chosen to make the `graphql-ws` client
/// react correctly: after 4401 it stops; after 4403 it asks for its `connectionParams` again and reconnects. The reasons stay
/// the same.
///
/// | Ours | Code |
/// |---|---|
/// | [`TOKEN_EXPIRED`](Close::TOKEN_EXPIRED), [`FORBIDDEN`](Close::FORBIDDEN) | 4403 |
/// | [`INVALID_CREDENTIALS`](Close::INVALID_CREDENTIALS), [`REVOKED`](Close::REVOKED), [`SUPERSEDED`](Close::SUPERSEDED) | 4401 |
/// | [`AUTH_TIMEOUT`](Close::AUTH_TIMEOUT), [`PING_TIMEOUT`](Close::PING_TIMEOUT), [`IDLE_TIMEOUT`](Close::IDLE_TIMEOUT) | 4408 |
/// | [`INVALID_MESSAGE`](Close::INVALID_MESSAGE) | 4400 |
/// | [`SUBPROTOCOL_NOT_ACCEPTABLE`](Close::SUBPROTOCOL_NOT_ACCEPTABLE) | 4406 |
/// | [`TOO_MANY_CONNECTIONS`](Close::TOO_MANY_CONNECTIONS), [`TOO_MANY_ATTEMPTS`](Close::TOO_MANY_ATTEMPTS), [`DISPLACED`](Close::DISPLACED); in this protocol, 4429 has another meaning | 1013 |
/// | [`INTERNAL_ERROR`](Close::INTERNAL_ERROR) | 4500 |
/// | any other | unchanged |
///
/// [`CloseCodes`](crate::CloseCodes) does not change them.
///
/// # Security
/// If the handshake itself has a credential (a header, a cookie), the chain decides about that one. Its `connection_init` goes
/// to the handler, and a credential in it is ignored.
#[derive(Clone, Debug, Default)]
pub struct GraphqlTransportWs {
    /// `None` means `Authorization`.
    field: Option<Cow<'static, str>>,
    forwards: bool,
}

impl GraphqlTransportWs {
    /// Reads `Authorization` from the payload, and sends `connection_ack` itself.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a bearer token from this field of the payload, such as `token`, instead of `Authorization`. The name is case
    /// sensitive. The value is the bare token, without a scheme.
    #[must_use]
    pub fn field(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.field = Some(name.into());
        self
    }

    /// Passes `connection_init` to the handler, which has to answer it. Use it for servers that send `connection_ack`
    /// themselves, such as async-graphql.
    ///
    /// # Security
    /// The handler then sees the credential. It must not log or store the payload. Take the user from
    /// [`AuthSocket::user`](crate::AuthSocket::user), not from the payload.
    #[must_use]
    pub fn forward(mut self) -> Self {
        self.forwards = true;
        self
    }

    /// The credential in the payload of `connection_init`.
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

/// The closes that have another code in this protocol.
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

/// A member that occurs twice.
struct Repeated;

/// The only member with a wanted name; `None` if there is none.
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

    /// The result of decoding, in short.
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
    fn credential_has_the_form_of_an_authorization_header() {
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
    fn field_holds_a_bare_token_and_replaces_authorization() {
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
    fn each_message_type_is_decoded_by_its_rule() {
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
    fn init_is_acknowledged_by_the_codec_or_the_handler_not_both() {
        let first = Message::Text(init("{}").into());
        let acknowledges = |codec: &GraphqlTransportWs| codec.accepted(&first, None).is_some();
        let (consumes, forwards) = (GraphqlTransportWs::new(), GraphqlTransportWs::new().forward());
        assert!(acknowledges(&consumes) && !consumes.forwards());
        assert!(!acknowledges(&forwards) && forwards.forwards());
    }

    #[test]
    fn every_close_has_a_code_and_keeps_its_reason() {
        let table = [
            (Close::NORMAL, 1000),
            (Close::PROTOCOL_ERROR, 1002),
            (Close::ABNORMAL, 1006),
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
                let sent = super::super::translate_close(ours.clone(), Some(&codec), codes);
                let expected = if CODES.iter().any(|(mapped, _)| *mapped == ours) { code } else { ours.code() };
                assert_eq!((sent.code(), sent.reason()), (expected, ours.reason()), "{ours:?}");
            }
            assert_eq!(GraphqlTransportWs::new().close(&ours).code(), code, "{ours:?}");
        }
        let own = Close::new(4401, "invalid_credentials");
        assert_eq!(GraphqlTransportWs::new().close(&own), own);
    }
}
