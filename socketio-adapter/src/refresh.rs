use std::{
    sync::{Arc, Weak},
    time::SystemTime,
};

use auth_core::{Payload, Principal, Refusal, Transport};
use http::StatusCode;
use serde::{Serialize, de::IgnoredAny};
use socketioxide::{
    adapter::LocalAdapter,
    extract::AckSender,
    handler::{FromMessageParts, MessageHandler},
    socket::Socket,
};
use socketioxide_core::Value;
use ws_adapter::adapter::{NotNow, json_object, ttl};

use super::{
    gate::Gate,
    refusal::{NotAdmitted, forbidden},
    session::{Session, is_guest},
};

/// The handler of [`REFRESH_EVENT`](super::REFRESH_EVENT) in one namespace of one transport. It goes with the namespace.
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

/// Marks our handler, apart from those that are functions.
pub(super) struct Ours;

impl<U: Principal> MessageHandler<LocalAdapter, Ours> for Refresher<U> {
    fn call(&self, socket: Arc<Socket<LocalAdapter>>, mut event: Value, ack_id: Option<i64>) {
        let Ok(ack) = AckSender::from_message_parts(&socket, &mut event, &ack_id);
        let Some(session) = self.session.upgrade() else {
            return;
        };
        let refresh = Refresh { session, socket, number: self.number };
        // Nothing is judged, so nothing is counted either.
        if refresh.is_of_guest() {
            return refresh.answer(ack, &Err(forbidden("a refresh does not make a guest a user").into()));
        }
        // Before anything runs, so that a client which does not wait for the answer cannot have many judged.
        if let Err(not_now) = refresh.session.begin_refresh(refresh.number) {
            return refresh.answer(ack, &Err(not_now.refusal().into()));
        }
        let gate = Arc::clone(&self.gate);
        tokio::spawn(async move {
            let turn = refresh.session.turn().await;
            let result = refresh.run(&gate, &event).await.map_err(NotAdmitted::from);
            // A wrong one counts before the next has its turn.
            refresh.answer(ack, &result);
            drop(turn);
        });
    }
}

/// One credential that is presented.
struct Refresh {
    session: Arc<Session>,
    socket: Arc<Socket<LocalAdapter>>,
    number: u64,
}

impl Refresh {
    /// Whether it would make a guest a user.
    fn is_of_guest(&self) -> bool {
        !self.session.is_ended() && self.session.evidence(self.socket.ns()).is_none_or(|open| is_guest(&open))
    }

    async fn run<U: Principal>(&self, gate: &Gate<U>, event: &Value) -> Result<Option<SystemTime>, Refusal> {
        // Wherever this ends, the next refresh may begin.
        let _begun = Begun(self);
        let ended = || NotNow::Ended.refusal();
        if self.session.is_ended() {
            return Err(ended());
        }
        let payload = payload_of(event, gate.max_auth).ok_or_else(malformed)?;
        let open = self.session.evidence(self.socket.ns()).ok_or_else(ended)?;
        let entered = gate.renew(&self.session, self.socket.req_parts(), &payload, &open).await?;
        let end = self.session.swap((self.socket.ns(), self.number), &entered, gate.is_of_transport);
        let end = end.map_err(NotNow::refusal)?;
        entered.log_accepted(Transport::InBand);
        Ok(end)
    }

    fn answer(&self, ack: AckSender, result: &Result<Option<SystemTime>, NotAdmitted>) {
        if let Err(NotAdmitted::Refused(refusal)) = result {
            refusal.log_once(Transport::InBand);
        }
        let code = result.as_ref().map_or_else(NotAdmitted::code, |_| "accepted");
        self.session.place().log_refreshed(code);
        let _ = ack.send(&match result {
            Ok(end) => Answer { ok: true, ttl: end.map(|end| ttl(end, self.session.now())), code: None },
            Err(_) => Answer { ok: false, ttl: None, code: Some(code) },
        });
        if result.as_ref().is_err_and(NotAdmitted::is_wrong) {
            self.session.wrong();
        }
    }
}

/// A refresh in progress.
struct Begun<'r>(&'r Refresh);

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

fn malformed() -> Refusal {
    let refusal = Refusal::new(StatusCode::BAD_REQUEST, "invalid_request");
    refusal.with_detail("what came with auth_refresh is too long, or is not one object")
}

/// The fields of what came with the event: `["auth_refresh",{…}]`. `None` if that is not a single object of at most
/// `max` bytes.
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
    json_object(object)
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
