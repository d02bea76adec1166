//! The registry of what is open.

mod address;
mod attempts;
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
mod prefix;
mod registration;
mod registry;
mod revoked;
mod settings;
mod sockets;

#[cfg(feature = "axum")]
pub(crate) use self::lingering::LingeringGuard;
pub use self::{
    address::ClientAddress,
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
    id::PackedId,
    kept::KeptGuard,
    limits::TooMany,
    member::Counts,
    pending::PendingGuard,
    registration::Registration,
    settings::{Ping, SocketSettings},
};
