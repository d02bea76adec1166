mod body;
mod handshake;
mod layer;
mod service;

#[cfg(feature = "socketio")]
pub(crate) use self::service::ask;
#[cfg(feature = "axum")]
pub(crate) use self::service::{Admitted, Refused};
pub use self::{
    body::ResponseBody,
    layer::AuthLayer,
    service::{Auth, ResponseFuture},
};
#[cfg(any(feature = "axum", feature = "socketio"))]
pub(crate) use self::{layer::Config, service::leave};
