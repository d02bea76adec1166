//! Where a credential may be found in a request.
//!
//! An [`Extractor`] looks in one place. Join extractors with [`or`](Extractor::or). The first that finds something explicit
//! wins; a cookie counts only if nothing explicit is found. A second, *different* explicit credential is an error. The
//! recommended order is header, subprotocol, ticket, query, cookie.
//!
//! | Function | Looks at |
//! |---|---|
//! | [`bearer`] | `Authorization: Bearer …` |
//! | [`auth_scheme`] | `Authorization: <scheme> …` |
//! | [`header`] | a header of your own |
//! | [`subprotocol`], [`raw_subprotocol`], [`subprotocol_after`], [`jupyter_subprotocol`] | `Sec-WebSocket-Protocol` of a handshake |
//! | [`query`] | a query parameter (RFC 6750, 2.3 advises against it) |
//! | [`payload_field`] | a field of a JSON or form body, of the Socket.IO `auth` object, or of an in-band message; the middleware reads bodies |
//! | [`socketio_auth`] | a field of the Socket.IO `auth` object, or of `auth_refresh`; the middleware reads no body |
//! | [`cookie`] | a cookie: ambient |
//! | [`from_fn`] | anything, with a closure |
//!
//! Names are constants or come from a configuration. A function for constants panics at startup if the name is invalid;
//! its `try_…` twin returns a [`ConfigError`](crate::ConfigError) instead.
//!
//! # Challenges
//!
//! A 401 says how a client may send its credential (RFC 9110, 15.5.2).
//!
//! | Place | Challenge |
//! |---|---|
//! | [`bearer`] | `Bearer` |
//! | [`auth_scheme`] | its scheme |
//! | [`header`] | `ApiKey in="header", name="x-api-key"` |
//! | [`query`], [`payload_field`] named `access_token` | `Bearer` (RFC 6750, 2.2 and 2.3) |
//! | other [`query`] | `ApiKey in="query", name="token"` |
//! | other [`payload_field`] | `ApiKey in="body", name="token"` |
//! | [`subprotocol`], [`raw_subprotocol`] | `ApiKey in="subprotocol", name="auth.bearer."`: the prefix |
//! | [`subprotocol_after`] | `ApiKey in="subprotocol", name="bearer"`: the word |
//! | [`jupyter_subprotocol`] | `ApiKey in="subprotocol", name="v1.token.websocket.jupyter.org."` |
//! | [`socketio_auth`] | `ApiKey in="auth", name="token"` |
//! | [`cookie`] | none |
//! | [`from_fn`] | the one set with [`FromFn::challenge`], or else `ApiKey in="…"` with the kind of place; none for an ambient carrier |
//!
//! `ApiKey` is not a registered scheme. It is the usual name, with OpenAPI's parameters. Joined extractors name a place
//! other than a header only if none of them has an authentication scheme or a header: clients that can set a header should.

mod cookie;
mod credential;
mod extractor;
mod field;
mod from_fn;
mod header;
mod malformed;
mod query;
mod socketio_auth;
mod subprotocol;
mod subprotocol_after;

pub use self::{
    cookie::{Cookie, cookie, try_cookie},
    credential::Credential,
    extractor::{AnyOf, Extractor},
    field::{PayloadField, payload_field, try_payload_field},
    from_fn::{FromFn, from_fn},
    header::{AuthScheme, Header, auth_scheme, bearer, header, try_auth_scheme, try_header},
    malformed::Malformed,
    query::{Query, query, try_query},
    socketio_auth::{SocketIoAuthField, socketio_auth, try_socketio_auth},
    subprotocol::{
        Subprotocol, jupyter_subprotocol, raw_subprotocol, subprotocol, try_raw_subprotocol, try_subprotocol,
    },
    subprotocol_after::{SubprotocolAfter, subprotocol_after, try_subprotocol_after},
};
