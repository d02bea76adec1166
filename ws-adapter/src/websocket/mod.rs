//! WebSockets that close when their credential ends.
//!
//! The way of a socket: [`handshake`] prepares it during the request, [`upgrade`] opens it, [`task`] is its task, which runs the
//! handler beside the [`driver`], and [`ending`] closes it. [`stream`] is what the handler holds. [`signals`] wake the task when
//! something happens to the socket. [`first_message`] and [`pending`] open sockets for clients that send their credential in the
//! first message.

mod codec;
mod context;
mod dispatch;
mod driver;
mod ending;
mod finish;
mod first_message;
mod handler_read;
mod handshake;
mod in_band;
mod open_guard;
mod opening;
mod pending;
mod pipe;
mod refresh;
mod refresh_context;
mod refuse;
mod shared;
mod signals;
mod state;
mod stream;
mod task;
mod upgrade;
mod work;

pub(crate) use self::handshake::WebSockets;
pub use self::{
    codec::{AuthV1, Decoded, FirstMessageCodec, GraphqlTransportWs},
    first_message::{FirstMessage, FirstMessageFuture, FirstMessageLayer},
    refresh::{RefreshError, RefreshErrorKind},
    stream::AuthSocket,
    upgrade::{AuthWebSocketUpgrade, UpgradeRejection},
};
