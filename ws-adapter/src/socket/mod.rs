//! WebSockets that end with their credential.

mod context;
mod driver;
mod finish;
mod first_message;
mod in_band;
mod pipe;
mod refresh;
mod refuse;
mod shared;
mod stream;
mod upgrade;

pub(crate) use self::{
    context::SocketContext,
    refresh::{Renewal, without_credentials},
    refuse::accept_then_close,
};
pub use self::{
    first_message::{FirstMessage, FirstMessageFuture, FirstMessageLayer},
    refresh::{RefreshError, RefreshErrorKind},
    stream::AuthSocket,
    upgrade::{AuthWebSocketUpgrade, UpgradeRejection},
};
