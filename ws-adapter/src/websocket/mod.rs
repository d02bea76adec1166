//! WebSockets that end with their credential.

mod codec;
mod context;
mod dispatch;
mod driver;
mod finish;
mod first_message;
mod handshake;
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

pub(crate) use self::handshake::WebSockets;
pub use self::{
    codec::{AuthV1, Decoded, FirstMessageCodec, GraphqlTransportWs},
    first_message::{FirstMessage, FirstMessageFuture, FirstMessageLayer},
    refresh::{RefreshError, RefreshErrorKind},
    stream::AuthSocket,
    upgrade::{AuthWebSocketUpgrade, UpgradeRejection},
};
