mod body;
mod handshake;
mod layer;
mod private;
mod service;

#[cfg(feature = "axum")]
pub(crate) use self::service::{Admitted, Refused};
pub use self::{
    body::ResponseBody,
    layer::AuthLayer,
    service::{Auth, ResponseFuture},
};
#[cfg(feature = "socketio")]
pub(crate) use self::handshake::REVOCATION_UNKNOWN;
#[cfg(any(feature = "axum", feature = "socketio"))]
pub(crate) use self::{
    layer::Config,
    service::{ask, leave},
};
