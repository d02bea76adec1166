//! Socket.IO behind the same chain as routes and WebSockets, on [`socketioxide`].
//!
//! ```
//! # use auth_basic::{Basic, BasicLogin};
//! # use auth_core::{BoxError, Chain, Principal, PrincipalId};
//! # use axum::Router;
//! # #[derive(Clone)] struct User { id: String }
//! # let basic = Basic::new("demo").from_socketio_auth().verify(|_: BasicLogin| async { None::<User> });
//! use socketio_adapter::{SocketIoAuth, SocketUser};
//! use socketioxide::extract::{Data, SocketRef};
//! use ws_adapter::AuthLayer;
//!
//! impl Principal for User {
//!     fn principal_id(&self) -> Option<PrincipalId> {
//!         Some(PrincipalId::new("", &self.id))
//!     }
//! }
//!
//! let layer = AuthLayer::new(Chain::new().or(basic));
//! let (socket_io, io) = SocketIoAuth::new(layer.clone()).build();
//! io.ns("/", async |socket: SocketRef| {
//!     socket.on("message", async |socket: SocketRef, user: SocketUser<User>, Data(text): Data<String>| {
//!         let _ = socket.emit("message", &format!("{} says {text}", user.id));
//!     });
//! });
//! let app: Router = Router::new().layer(layer).layer(socket_io);
//! ```
//!
//! A client brings its credential in the headers of its requests, in the `auth` object of its `CONNECT`, or in both. The chain
//! sees both as an [`AuthRequest`](auth_core::AuthRequest). Strategies find what is in `auth` with
//! [`socketio_auth("token")`](auth_core::extract::socketio_auth), and `Basic::from_socketio_auth()` finds a login in either
//! place. Neither reads bodies, so the same chain can protect other routes too. `payload_field("token")` and
//! `Basic::from_payload()` see `auth` as well, but make the layer read every JSON and form body.
//!
//! # Versions
//!
//! The version of this crate follows that of socketioxide, whose types are part of its API: [`socketioxide`] is re-exported, and
//! a new minor version of it means a new minor version of this crate. That is why it is not part of `ws-adapter`. It also needs a
//! newer Rust than the other crates: 1.94, as socketioxide does.
//!
//! # The order of decisions
//!
//! Every request to engine.io (to open a transport, to poll, to post, to upgrade), before engine.io sees it:
//!
//! 1. A request from a page of a foreign origin is refused: 403 `origin_not_allowed`. This holds for polling too. A browser sends
//!    no `Origin` with a `GET` to its own server; `Sec-Fetch-Site: same-origin` counts instead.
//! 2. A credential that the chain refuses gets the same response as on any route: 401 with challenges, for example. An ambient credential
//!    (a cookie) without an origin: 403 `origin_required`. A request without a credential goes on.
//! 3. A request that a client of version 4 does not send: 400 `bad_request`.
//! 4. An unknown `sid`: 400 `unknown_session`. A transport that was opened with a credential takes requests of the same
//!    principal only (403 `forbidden`; 401 without a credential, unless it is [bound to its `sid`](SocketIoAuth::bind_to_sid)).
//!    One that was opened without a credential, or by a guest, takes requests without one, and those of the principal that has
//!    connected over it.
//! 5. A transport that is opened with a credential enters the registry of [`Connections`](ws_adapter::Connections). Then the
//!    layer asks once more whether the credential was revoked: 401 `revoked`. If its user has too many: 429
//!    `too_many_connections`. A transport without a credential counts as pending: 429 if its address has too many of them, or if
//!    all places are taken and no other client has more of them.
//!
//! Every `CONNECT`, for each namespace:
//!
//! 1. A good `auth` is let in. So is a `CONNECT` without `auth` over a transport that was opened with a credential. If both are
//!    there, and among all namespaces of a transport, the principals must be the same.
//! 2. The first good credential enters the transport into the registry, as one connection of its user. Further credentials are
//!    entered beside it. Each is looked up there as above.
//! 3. Every other client reads one of these in the `message` of `connect_error`, and no handler runs:
//!
//! | Message | Means |
//! |---|---|
//! | `unauthorized:missing_credentials` | there was no credential |
//! | `unauthorized:invalid_credentials` | it is wrong or another user's, or `auth` is not a JSON object of at most 16 KiB |
//! | `unauthorized:token_expired` | it has expired |
//! | `unauthorized:revoked` | it was revoked |
//! | `unauthorized:<code>` | the verify callback rejected it with a code of its own |
//! | `forbidden` | it is right, but not for this namespace, or it names no principal |
//! | `too_many_connections` | the user has too many connections |
//! | `too_many_attempts` | too many wrong credentials came over all connections of this user or address; see [`attempt_limiter`](ws_adapter::Connections::attempt_limiter) |
//! | `unavailable` | a system failed; worth another try |
//! | `Invalid namespace` | there is no such namespace; socketioxide says so, and no chain is asked |
//!
//! Wrong credentials in `auth` and in refreshes count together: the third closes the transport, and one is forgiven every five
//! minutes. A credential is wrong if it is invalid, expired, revoked, malformed, or another user's. Right ones never count, and
//! neither does a missing one, one that is right but not enough, one too many, or an outage. On each transport, one credential is
//! judged at a time.
//!
//! # Another credential over an open transport
//!
//! A client sends [`auth_refresh`](REFRESH_EVENT) in a namespace, with what its `auth` object would hold. The answer is
//! `{"ok": true, "ttl": 900}` or `{"ok": false, "code": "invalid_credentials"}`. The chain of the namespace decides, as at
//! `CONNECT`, with the transport [`InBand`](auth_core::Transport::InBand), and [renews](auth_core::Chain::renew) the namespace's
//! evidence: another user's credential is a wrong one. A guest has nothing to refresh (`forbidden`).
//!
//! An accepted credential replaces the namespace's evidence. If the chain is that of the transport, it also replaces what the
//! transport was opened with, and the evidence of every namespace that depends on it. A refused one changes nothing. The third
//! wrong one closes the transport; one is forgiven every five minutes, and a success gives nothing back. A credential that comes
//! while another is being judged in the same namespace is wrong too (`in_progress`). After the end, no refresh is accepted (`ended`): either the refresh or the expiry comes first.
//!
//! A minute before the end, or halfway through a short life, every namespace gets the event
//! [`auth_expiring`](EXPIRING_EVENT) with `{"ttl": 60}`; see [`expiry_notice`](ws_adapter::Sockets::expiry_notice).
//!
//! # Guests, and clients that send a header once
//!
//! [`allow_guests`](SocketIoAuth::allow_guests) lets in clients whose evidence names no principal, and, behind an optional layer,
//! clients without evidence. [`bind_to_sid`](SocketIoAuth::bind_to_sid) takes requests without a credential to a transport that a
//! header has opened. Both are off by default, and their documentation says what they cost.
//!
//! # The end of a connection
//!
//! The transport ends with the first of the credentials that it depends on: that of the transport, and those of the namespaces that
//! its client is in. Its client gets the event [`auth_closed`](CLOSED_EVENT) with `{"reason": "token_expired"}` and is
//! disconnected. Then the transport is closed, a WebSocket with the codes of [`Close`](ws_adapter::Close), or those of
//! [`CloseCodes::Iana`](ws_adapter::CloseCodes::Iana):
//!
//! | Close | Why |
//! |---|---|
//! | 4401 `token_expired` | the first of its credentials has ended |
//! | 4401 `invalid_credentials` | three wrong ones were presented, at `CONNECT` or in a refresh |
//! | 4403 `revoked` | one of its credentials was revoked |
//! | 4408 `auth_timeout` | no good `CONNECT` in 10 s, or in no namespace for as long |
//! | 4408 `ping_timeout` | its client has sent nothing for `ping_interval` + `ping_timeout` of engine.io and a second |
//! | 4409 `superseded` | its user opened one too many, and this was the oldest |
//! | 4503 `displaced` | before a good `CONNECT`: all places are taken, and this was the oldest of the client with the most |
//! | 1012 `restarting` | the server goes down: at once, or spread over the time of [`begin_over`](ws_adapter::Shutdown::begin_over) |
//!
//! Nothing that the client has sent is handled after the end, even if it came before: the stream is read frame by frame. A
//! `POST` that is being read is dropped. If one is being handled at that moment, the rest of it may still be handled; that is one
//! message at most. Every namespace and room is left at once, however slowly the client reads.
//!
//! # The owner of a WebSocket
//!
//! Every WebSocket, over HTTP/1.1 or over HTTP/2 (RFC 8441), has one owner from its handshake to the end of its stream.
//! engine.io reads and writes through it.
//!
//! | What the owner limits | The limit |
//! |---|---|
//! | what is read while a write waits for the client | 16 KiB; each byte that the client takes allows one more |
//! | a write that makes no progress | 20 s; then the stream is dropped without a close |
//! | a client that sends nothing | `ping_interval` + `ping_timeout` of engine.io and a second; then 4408 `ping_timeout` |
//! | output after the end of the session | 2 s, which nothing extends; at most 1 MiB of it waits |
//!
//! The owner sends the close frame itself, after everything that engine.io has written. If engine.io ends its session while a
//! write waits, the owner notices within a second. The transport stays in the registry, and counts for every limit, until its
//! stream is gone. The operating system may still deliver what it has taken by then.
//!
//! A transport that polls has no stream. It leaves the registry when its session ends: after the poll that tells the client
//! why, after a second without such a poll, or at once if the client's buffer is full. If engine.io drops it and no request shows
//! that, it leaves after `ping_interval` + `ping_timeout` and a second at the latest.
//!
//! # Limits
//!
//! [`SocketIoAuth`] allows 10 s to a good `CONNECT`, three wrong credentials, 16 KiB of `auth` (also in a refresh), and 64 KiB a
//! message. [`Connections`](ws_adapter::Connections) allows 1000 transports that wait for a `CONNECT`, 50 of one address, twice
//! that of an IPv6 /56 and four times of a /48, and a number for each user.
//!
//! # Security
//!
//! - **The `sid` is a secret.** `socket.id` is the session id of engine.io: anyone who knows it can speak for a client that was
//!   not let in by header. Never log it or send it to another client; [`Connection`] is for that.
//! - **The `tracing` feature of socketioxide** logs every `sid` and every `auth` object. Do not enable it, or filter its
//!   target out.
//! - **Namespaces** that are added to a [`SocketIo`](socketioxide::SocketIo), which handlers can ask for, are open to
//!   everybody. Add them to [`AuthSocketIo`].
//! - **`auth_refresh`, `auth_closed` and `auth_expiring`** are reserved. A handler that the application registers for the first
//!   replaces ours.
//! - **A handler goes on after the end of its connection**, because socketioxide runs it in a task of its own. Give one that runs
//!   for long a [`CancelToken`].
//! - **The opening request does not change.** A handler that reads `Authenticated<U>` from the extensions of `req_parts` sees
//!   what the transport was opened with; [`SocketUser`] is what holds now.
//! - **Over HTTP/2, `req_parts` has the method `GET`**, because engine.io takes no `CONNECT`. Chains see the method that was
//!   sent.
//! - **Polling asks the chain on every request.** A login is then checked, and its password hashed, on every request too:
//!   prefer tokens, or let clients upgrade.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod answer;
mod builder;
mod cancel;
mod connection;
mod driver;
mod engine;
mod engine_stream;
mod events;
mod farewell;
mod forged;
mod frames;
mod gate;
mod guarded;
mod io;
mod layer;
mod not_authenticated;
mod options;
mod polling;
mod refresh;
mod refusal;
mod request;
mod rooms;
mod senders;
mod server;
mod service;
mod session;
mod sid;
mod stream_owner;
mod upgrade;
mod user;

pub use self::{
    builder::SocketIoAuth,
    cancel::CancelToken,
    connection::Connection,
    events::{CLOSED_EVENT, EXPIRING_EVENT, REFRESH_EVENT},
    io::AuthSocketIo,
    layer::SocketIoAuthLayer,
    not_authenticated::NotAuthenticated,
    rooms::user_room,
    service::{ResponseFuture, SocketIoAuthService},
    user::{MaybeSocketUser, SocketUser},
};
pub use socketioxide;
