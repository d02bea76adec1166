mod body;
mod handshake;
mod layer;
mod private;
mod service;

pub use self::{
    body::ResponseBody,
    layer::AuthLayer,
    service::{Auth, ResponseFuture},
};
#[cfg(feature = "socketio")]
pub(crate) use self::{handshake::REVOCATION_UNKNOWN, service::judge};
#[cfg(any(feature = "axum", feature = "socketio"))]
pub(crate) use self::{
    layer::Config,
    service::{ask, leave},
};
#[cfg(feature = "axum")]
pub(crate) use self::{
    layer::subprotocol_name,
    service::{Admitted, Refused},
};
