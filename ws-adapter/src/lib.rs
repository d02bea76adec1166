//! An authentication chain as tower middleware, for HTTP routes and WebSocket handshakes alike.

mod auth;
mod origin;
mod payload;
mod reject;
mod strip;
mod timer;
mod transport;

#[cfg(feature = "axum")]
mod close;
#[cfg(feature = "axum")]
mod shutdown;
#[cfg(feature = "axum")]
mod socket;

pub use self::{
    auth::{Auth, AuthLayer, ResponseBody, ResponseFuture},
    reject::{DefaultOnReject, OnReject},
    timer::Timer,
};
#[cfg(feature = "axum")]
pub use self::{
    close::Close,
    shutdown::Shutdown,
    socket::{AuthSocket, AuthWebSocketUpgrade, UpgradeRejection},
};
