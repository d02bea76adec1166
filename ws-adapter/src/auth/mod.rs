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
#[cfg(any(feature = "axum", feature = "socketio"))]
pub(crate) use self::{
    layer::Config,
    service::{judge, leave},
};
#[cfg(feature = "axum")]
pub(crate) use self::{
    layer::subprotocol_name,
    service::{Admitted, Refused},
};
