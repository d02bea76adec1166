mod body;
mod layer;
mod service;

pub use self::{
    body::ResponseBody,
    layer::AuthLayer,
    service::{Auth, ResponseFuture},
};
#[cfg(feature = "socketio")]
pub(crate) use self::{
    layer::Config,
    service::{ask, leave},
};
