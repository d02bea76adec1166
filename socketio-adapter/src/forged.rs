//! Everything that we send to engine.io in a client's name. Each trick is here because engine.io 0.17 has no better way. The named
//! upstream change would remove it:
//!
//! | Trick | Not needed after |
//! |---|---|
//! | [`Engine::close`]: a transport that polls is closed by a packet `1`, as its client would send it | a function of engine.io that closes a session by its id |
//! | [`Engine::standing`]: a packet `6`, which only a server sends, is refused in one way if there is a session and in another if there is none | an event, or a future, for the end of a session that does not wait for the client |
//! | [`Engine::goes_on`]: an upgrade that has failed is followed by the packet `1` | an engine.io that closes the session, or goes back to polling, if the stream of an upgrade breaks |
//! | [`Engine::rest`]: another poll follows the last one of a client | an engine.io that answers a poll with all packets that wait |
//! | [`as_get`]: an extended `CONNECT` is shown to it as a `GET` | an engine.io that takes a `CONNECT` with `:protocol` (RFC 8441, 4) as the handshake that it is |
//!
//! The end of a WebSocket is not forged: its stream ends.

use bytes::Bytes;
use http::{Method, StatusCode, request::Parts};
use serde::Deserialize;
use socketioxide::socket::Sid;
use ws_adapter::adapter::is_extended_connect;

use super::{engine::Engine, session::Session};

/// The packet that closes a client's transport.
const CLOSE: &[u8] = b"1";
/// A packet that only a server sends. It is refused, and has no other effect.
const NOOP: &[u8] = b"6";
/// The code of engine.io for a session that it does not have.
const UNKNOWN: &str = "1";
/// The code of engine.io for a session that is a WebSocket by now.
const MISMATCH: &str = "3";

/// What a transport is to engine.io.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Polls,
    IsSocket,
    Closed,
}

impl Engine {
    /// Closes a session that polls. One that is a WebSocket pays no heed to it.
    pub(super) async fn close(&self, sid: Sid) {
        self.forge(Method::POST, sid, CLOSE).await;
    }

    /// What a session is now.
    pub(super) async fn standing(&self, sid: Sid) -> Standing {
        #[derive(Deserialize)]
        struct Problem<'a> {
            code: &'a str,
        }
        match serde_json::from_slice(self.forge(Method::POST, sid, NOOP).await.body()) {
            Ok(Problem { code: UNKNOWN }) => Standing::Closed,
            Ok(Problem { code: MISMATCH }) => Standing::IsSocket,
            _ => Standing::Polls,
        }
    }

    /// Whether it has closed a session.
    pub(super) async fn has_closed(&self, sid: Sid) -> bool {
        self.standing(sid).await == Standing::Closed
    }

    /// Forgets a transport that engine.io has closed, for whatever reason, and tells what it is. socketioxide holds its session
    /// until the deadline of `CONNECT`, and a handler may hold it for ever.
    pub(super) async fn leave_if_closed(&self, sid: Sid, session: &Session) -> Standing {
        let standing = self.standing(sid).await;
        if standing == Standing::Closed {
            session.leave();
        }
        standing
    }

    /// Whether a session goes on without the stream of an upgrade that engine.io has let go: it has another stream, or polls.
    pub(super) async fn goes_on(&self, sid: Sid) -> bool {
        // Over a stream that has failed it forgets to close, and stops its heartbeat as well.
        self.close(sid).await;
        !self.has_closed(sid).await
    }

    /// What waits for a client that polls, beyond what its last poll was answered with.
    pub(super) async fn rest(&self, sid: Sid) -> Option<Bytes> {
        let response = self.forge(Method::GET, sid, b"").await;
        (response.status() == StatusCode::OK).then(|| response.into_body())
    }
}

/// Left in a request whose method was another one.
#[derive(Clone, Copy)]
struct WasConnect;

/// Makes a `GET` of an extended `CONNECT`; leaves everything else as it is. No more is needed: engine.io looks at path,
/// query and method only, since we answer the handshake.
pub(super) fn as_get(parts: &mut Parts) {
    if is_extended_connect(parts) {
        parts.method = Method::GET;
        parts.extensions.insert(WasConnect);
    }
}

/// A copy of an opening request that engine.io keeps, as its client sent it.
pub(super) fn as_sent(opening: &Parts) -> Parts {
    let mut parts = opening.clone();
    if parts.extensions.remove::<WasConnect>().is_some() {
        parts.method = Method::CONNECT;
    }
    parts
}
