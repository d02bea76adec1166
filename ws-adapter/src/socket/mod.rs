//! WebSockets that end with their credential.

mod codec;
mod context;
mod dispatch;
mod driver;
mod finish;
mod first_message;
mod in_band;
mod pipe;
mod receiver;
mod refresh;
mod refuse;
mod shared;
mod stream;
mod upgrade;
mod waiting;
mod writers;

pub use self::{
    codec::{AuthV1, Decoded, FirstMessageCodec, GraphqlTransportWs},
    first_message::{FirstMessage, FirstMessageFuture, FirstMessageLayer},
    refresh::{RefreshError, RefreshErrorKind},
    stream::AuthSocket,
    upgrade::{AuthWebSocketUpgrade, UpgradeRejection},
};
pub(crate) use self::{
    codec::{Codec, told},
    context::SocketContext,
    refresh::{Renewal, without_credentials},
    refuse::accept_then_close,
};
