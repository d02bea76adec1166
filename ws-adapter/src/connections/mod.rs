//! The registry of what is open.

mod attempts;
mod attempts_in_memory;
mod credential;
mod end;
mod enter;
mod follow;
mod id;
mod index;
mod kept;
mod keys;
mod limits;
#[cfg(feature = "axum")]
mod lingering;
mod member;
mod members;
mod pending;
mod registration;
mod registry;
mod revoked;
mod settings;
mod sockets;

pub use self::{
    attempts::{Attempt, AttemptLimiter, AttemptPlace},
    end::End,
    id::ConnectionId,
    limits::Overflow,
    registry::Connections,
    sockets::Sockets,
};
pub(crate) use self::{
    credential::Credential,
    enter::settle,
    kept::KeptGuard,
    limits::TooMany,
    member::Counts,
    pending::PendingGuard,
    registration::Registration,
    settings::{Ping, SocketSettings},
};
#[cfg(feature = "axum")]
pub(crate) use self::{id::PackedId, lingering::LingeringGuard};
