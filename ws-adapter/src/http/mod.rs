//! A chain in front of any tower service. Nothing here knows about sockets.

mod bodies;
mod cross_site;
mod door;
mod future;
mod gate;
mod handshake;
pub(crate) mod payload;
mod private;
mod refusal;
mod require;
mod response_body;
mod service;
pub(crate) mod transport;

#[cfg(feature = "axum")]
pub(crate) use self::gate::is_offered;
pub use self::{
    bodies::{Bodies, Read, Untouched},
    future::ResponseFuture,
    refusal::{DefaultOnRefusal, OnRefusal},
    require::{Require, RequireFuture, RequireLayer, require_scope},
    response_body::ResponseBody,
    service::Auth,
};
pub(crate) use self::{
    door::Door,
    gate::{Gate, subprotocol_name},
    handshake::OnHandshake,
};
#[cfg(feature = "connections")]
pub(crate) use self::{
    door::leave,
    gate::{check_opening, within},
};
