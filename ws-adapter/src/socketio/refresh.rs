use std::{
    sync::{Arc, Weak},
    time::SystemTime,
};

use auth_core::{Payload, Principal, Transport};
use http::StatusCode;
use serde::{Serialize, de::IgnoredAny};
use socketioxide::{
    adapter::LocalAdapter,
    extract::AckSender,
    handler::{FromMessageParts, MessageHandler},
    socket::Socket,
};
use socketioxide_core::Value;

use super::{
    gate::Gate,
    refused::Refused,
    session::{NotNow, Session, is_guest},
};
use crate::{http::payload, lifetime::ttl, telemetry};

/// The event by which a client presents another credential, with what its `auth` object would hold:
/// `socket.emitWithAck("auth_refresh", { token })`. It is answered with `{"ok": true, "ttl": 900}`, in seconds and without
/// `ttl` where nothing ends, or with `{"ok": false, "code": "invalid_credentials"}`.
///
/// The name is reserved. A handler of the application for it takes the place of ours, and nothing is refreshed.
pub const REFRESH_EVENT: &str = "auth_refresh";

/// The handler of that event, in one namespace of one transport. It goes with the namespace.
pub(super) struct Refresher<U> {
    gate: Arc<Gate<U>>,
    session: Weak<Session>,
    /// The admission that it belongs to.
    number: u64,
}

impl<U> Refresher<U> {
    pub(super) fn new(gate: &Arc<Gate<U>>, session: &Arc<Session>, number: u64) -> Self {
        Self { gate: Arc::clone(gate), session: Arc::downgrade(session), number }
    }
}

impl<U> Drop for Refresher<U> {
    fn drop(&mut self) {
        if let Some(session) = self.session.upgrade() {
            session.left();
        }
    }
}

/// Tells our handler from those that are functions.
pub(super) struct Ours;

impl<U: Principal> MessageHandler<LocalAdapter, Ours> for Refresher<U> {
    fn call(&self, socket: Arc<Socket<LocalAdapter>>, mut event: Value, ack_id: Option<i64>) {
        let Ok(ack) = AckSender::from_message_parts(&socket, &mut event, &ack_id);
        let Some(session) = self.session.upgrade() else {
            return;
        };
        let attempt = Attempt { session, socket, number: self.number };
        // Nothing is looked at, so nothing is counted either.
        if attempt.is_guests() {
            return attempt.answer(ack, &Err(NotTaken::Guest.own()));
        }
        // Before anything runs, so that a client which does not wait for the answer cannot have many looked at.
        if let Err(not_now) = attempt.begin() {
            return attempt.answer(ack, &Err(NotTaken::from(not_now).own()));
        }
        let gate = Arc::clone(&self.gate);
        tokio::spawn(async move {
            let turn = attempt.session.turn().await;
            let result = attempt.refresh(&gate, &event).await;
            // What is wrong counts before the next has its turn.
            attempt.answer(ack, &result);
            drop(turn);
        });
    }
}

/// One credential that is presented.
struct Attempt {
    session: Arc<Session>,
    socket: Arc<Socket<LocalAdapter>>,
    number: u64,
}

impl Attempt {
    fn begin(&self) -> Result<(), NotNow> {
        self.session.begin_refresh(self.number)
    }

    /// Whether it would make a guest a user.
    fn is_guests(&self) -> bool {
        !self.session.is_ended() && self.session.evidence(self.socket.ns()).is_none_or(|open| is_guest(&open))
    }

    async fn refresh<U: Principal>(&self, gate: &Gate<U>, event: &Value) -> Result<Option<SystemTime>, NotTaken> {
        // Wherever it ends, the next one may be looked at.
        let _begun = Begun(self);
        if self.session.is_ended() {
            return Err(NotTaken::NotNow(NotNow::Ended).own());
        }
        let payload = payload_of(event, gate.max_auth).ok_or_else(|| NotTaken::Malformed.own())?;
        let open = self.session.evidence(self.socket.ns()).ok_or_else(|| NotTaken::NotNow(NotNow::Ended).own())?;
        let (user, entry) = gate.renew(&self.session, self.socket.req_parts(), &payload, &open).await?;
        let end = self.session.swap((self.socket.ns(), self.number), &user, entry, gate.is_of_transport);
        let end = end.map_err(|not_now| NotTaken::from(not_now).own())?;
        telemetry::accepted(Transport::InBand, user.evidence());
        Ok(end)
    }

    fn answer(&self, ack: AckSender, result: &Result<Option<SystemTime>, NotTaken>) {
        let code = result.as_ref().map_or_else(NotTaken::code, |_| "accepted");
        telemetry::refreshed(self.session.id(), code);
        let is_wrong = result.as_ref().is_err_and(NotTaken::is_wrong);
        let _ = ack.send(&match result {
            Ok(end) => Answer { ok: true, ttl: end.map(|end| ttl(end, self.session.now())), code: None },
            Err(_) => Answer { ok: false, ttl: None, code: Some(code) },
        });
        if is_wrong {
            self.session.wrong();
        }
    }
}

struct Begun<'a>(&'a Attempt);

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.0.session.end_refresh(self.0.number);
    }
}

#[derive(Serialize)]
struct Answer {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
}

/// Why a credential has not taken the place of the one so far, which goes on to hold.
#[derive(Debug, PartialEq, Eq)]
enum NotTaken {
    Refused(Refused),
    Malformed,
    /// A guest has presented it.
    Guest,
    NotNow(NotNow),
}

impl NotTaken {
    fn code(&self) -> &'static str {
        match self {
            Self::Refused(refused) => refused.code(),
            Self::Malformed => "invalid_request",
            Self::Guest => "forbidden",
            Self::NotNow(NotNow::InProgress) => "in_progress",
            Self::NotNow(NotNow::Ended | NotNow::TooMany(_)) => "ended",
        }
    }

    /// Logs what was refused without the gate, which logs for itself.
    fn own(self) -> Self {
        let (status, detail) = match &self {
            Self::Refused(_) => return self,
            Self::Malformed => {
                (StatusCode::BAD_REQUEST, "what came with auth_refresh is too long, or is not one object".to_owned())
            }
            Self::Guest => (StatusCode::FORBIDDEN, "a refresh makes no guest a user".to_owned()),
            Self::NotNow(not_now) => (StatusCode::CONFLICT, not_now.to_string()),
        };
        telemetry::log_own(Transport::InBand, status, self.code(), &detail);
        self
    }

    /// Whether it counts as a wrong credential.
    fn is_wrong(&self) -> bool {
        match self {
            Self::Refused(refused) => refused.is_wrong(),
            Self::Malformed => true,
            // Whoever does not wait has been counted.
            Self::Guest | Self::NotNow(_) => false,
        }
    }
}

impl From<Refused> for NotTaken {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<NotNow> for NotTaken {
    fn from(not_now: NotNow) -> Self {
        Self::NotNow(not_now)
    }
}

/// The fields of what came with the event: `["auth_refresh",{…}]`. `None` if that is no single object of at most `max`
/// bytes.
fn payload_of(event: &Value, max: usize) -> Option<Payload> {
    let Value::Str(event, None) = event else {
        return None;
    };
    let inside = event.trim().strip_prefix('[')?.strip_suffix(']')?;
    let mut values = serde_json::Deserializer::from_str(inside).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    let object = inside.get(values.byte_offset()..)?.trim_start().strip_prefix(',')?.trim();
    if object.len() > max {
        return None;
    }
    payload::object(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(event: &str) -> Option<String> {
        let payload = payload_of(&Value::Str(event.to_owned().into(), None), 64)?;
        payload.text("token").ok().flatten().map(str::to_owned)
    }

    #[test]
    fn credential_is_in_the_object_that_comes_with_the_event() {
        assert_eq!(token(r#"["auth_refresh",{"token":"a.b.c"}]"#).as_deref(), Some("a.b.c"));
        assert_eq!(token(r#" [ "auth\u005frefresh" , {"token":"a,]b"} ] "#).as_deref(), Some("a,]b"));
    }

    #[test]
    fn anything_else_holds_none() {
        let long = format!(r#"["auth_refresh",{{"token":"{}"}}]"#, "a".repeat(64));
        for event in [
            r#"["auth_refresh"]"#,
            r#"["auth_refresh",null]"#,
            r#"["auth_refresh","a.b.c"]"#,
            r#"["auth_refresh",[{"token":"a"}]]"#,
            r#"["auth_refresh",{"token":"a"},1]"#,
            r#"["auth_refresh",{"token":"a","token":"b"}]"#,
            "[",
            "",
            &long,
        ] {
            assert_eq!(token(event), None, "{event}");
        }
        assert!(payload_of(&Value::Bytes(bytes::Bytes::new()), 64).is_none());
    }
}
