//! Authentication as a set of small strategies behind one chain, for HTTP routes, WebSocket handshakes and Socket.IO.
//!
//! This crate puts the crates of Portcullis under one roof. It has no code of its own.
//!
//! # A whole program
//!
//! It greets the user of a JSON Web Token, and answers 401 to everybody else.
//!
#![cfg_attr(all(feature = "axum", feature = "jwt"), doc = "```no_run")]
#![cfg_attr(not(all(feature = "axum", feature = "jwt")), doc = "```ignore")]
#![doc = include_str!("docs/hello.rs")]
//! ```
//!
//! The manifest needs `portcullis`, `serde` with `derive`, and `tokio` with `macros`, `net` and `rt-multi-thread`.
//! `SECRET` is at least 32 bytes long. This program prints a token for it:
//!
#![cfg_attr(feature = "jwt", doc = "```no_run")]
#![cfg_attr(not(feature = "jwt"), doc = "```ignore")]
#![doc = include_str!("docs/token.rs")]
//! ```
//!
//! # Where things are
//!
//! | Module | Crate | Has |
//! |---|---|---|
//! | the root, [`extract`] | `auth-core` | [`Strategy`], [`Chain`], [`Authenticated`], [`Refusal`], and where credentials are read |
//! | `web` | `ws-adapter` | the layer for tower, the default-deny router `Protected`, scopes, open connections |
//! | `websocket` | `ws-adapter` | sockets that end with their credential |
//! | `socketio` | `socketio-adapter` | the chain in front of a Socket.IO server |
//! | `jwt` | `auth-jwt` | tokens, keys and the signer |
//! | `basic` | `auth-basic` | HTTP Basic, and hashed passwords |
//! | `store` | `auth-store` | tickets, revocations, records and counters of failures, in memory or in Redis |
//! | `session` | `auth-session` | log-in, log-out, and the session cookie as a strategy |
//! | [`prelude`] | | what most programs use |
//!
//! `axum`, [`http`] and `socketioxide` are re-exported in the versions whose types are in the public API.
//!
//! # Features
//!
//! | Feature | Adds |
//! |---|---|
//! | `axum` (default) | `axum`, the module `web` with the router and the extractors |
//! | `jwt` (default) | the module `jwt` |
//! | `tower` | the module `web` with the layer alone, for servers without axum |
//! | `websocket` | the module `websocket` |
//! | `socketio` | the module `socketio`, and `socketioxide`; needs Rust 1.94 |
//! | `basic` | the module `basic` |
//! | `argon2` | `basic`, and passwords that are hashed with argon2 |
//! | `store` | the module `store` |
//! | `session` | `store`, and the module `session` |
//! | `password` | `session`, and a login form that checks passwords itself |
//! | `throttle` | `basic` and `store`, and `Basic::throttle`, which limits guesses |
//! | `tokens` | `jwt` and `session`, and logins of apps and pages that keep tokens: refresh tokens that rotate |
//! | `redis` | `store`, shared by several nodes through Redis |
//! | `redis-tls` | `redis` over TLS |
//! | `remote` | `jwt`, and keys that an identity provider publishes |
//! | `dpop` | `jwt`, and tokens that are bound to a key of the client (RFC 9449) |
//! | `es256k` | `jwt`, and ECDSA on secp256k1 (RFC 8812) |
//! | `x509` | `remote`, and keys that are published as X.509 certificates |
//! | `jsonwebtoken` | `jwt`, conversions to and from types of the crate `jsonwebtoken`, and the crate as `jwt::jsonwebtoken` |
//! | `metrics` | counters and gauges through the `metrics` facade |
//! | `tokio` | [`SystemClock`] is a [`Timer`] without a server too |
//! | `test-util` | `Authenticated::dangerous_unchecked`, for tests of handlers |

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod prelude;

pub use auth_core::*;
#[cfg(feature = "axum")]
pub use axum;
pub use http;
#[cfg(feature = "socketio")]
pub use socketioxide;

/// The chain as tower middleware, the default-deny router, scopes, and open connections: the crate `ws-adapter`.
#[cfg(feature = "tower")]
pub mod web {
    pub use ws_adapter::*;
}

/// WebSockets that are refreshed, revoked, counted, and closed with their credential.
#[cfg(feature = "websocket")]
pub mod websocket {
    pub use ws_adapter::{
        AuthSocket, AuthV1, AuthWebSocketUpgrade, ClientAddress, Close, CloseCodes, ConnectionId, Connections, Decoded,
        FirstMessage, FirstMessageCodec, FirstMessageLayer, GraphqlTransportWs, Overflow, RefreshError,
        RefreshErrorKind, Shutdown, Sockets, UpgradeRejection,
    };
}

/// The chain in front of a Socket.IO server on [`socketioxide`]: the crate `socketio-adapter`.
#[cfg(feature = "socketio")]
pub mod socketio {
    pub use socketio_adapter::*;
}

/// JSON Web Tokens: the crate `auth-jwt`.
#[cfg(feature = "jwt")]
pub mod jwt {
    pub use auth_jwt::*;
}

/// HTTP Basic: the crate `auth-basic`.
#[cfg(feature = "basic")]
pub mod basic {
    pub use auth_basic::*;
}

/// Log-in, log-out, and the session cookie as a strategy: the crate `auth-session`.
#[cfg(feature = "session")]
pub mod session {
    pub use auth_session::*;
}

/// Tickets, revocations, records and throttling: the crate `auth-store`.
#[cfg(feature = "store")]
pub mod store {
    pub use auth_store::*;
}
