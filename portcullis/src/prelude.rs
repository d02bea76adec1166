//! What most programs use: `use portcullis::prelude::*`.

#[cfg(feature = "basic")]
pub use auth_basic::{Basic, BasicLogin};
pub use auth_core::{
    Authenticated, BoxError, Chain, Principal, PrincipalId, Requirement, Strategy,
    extract::{Extractor as _, bearer, cookie, header, query, socketio_auth, subprotocol},
};
#[cfg(feature = "jwt")]
pub use auth_jwt::{Jwt, KeySet, Signer, SigningKey, VerifyingKey};
#[cfg(feature = "session")]
pub use auth_session::{Session, SessionUsers, Sessions};
#[cfg(feature = "store")]
pub use auth_store::{MemoryStore, Revocations, TicketGrant, Tickets};
#[cfg(feature = "axum")]
pub use axum::{
    Json, Router,
    routing::{any, get, post},
};
#[cfg(feature = "socketio")]
pub use socketio_adapter::{SocketIoAuth, SocketUser};
#[cfg(feature = "axum")]
pub use ws_adapter::Protected;
#[cfg(feature = "tower")]
pub use ws_adapter::{AuthLayer, RequireLayer, require_scope};
#[cfg(feature = "websocket")]
pub use ws_adapter::{AuthSocket, AuthWebSocketUpgrade, Connections};
