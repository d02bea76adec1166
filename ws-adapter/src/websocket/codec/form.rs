use std::{borrow::Cow, time::Duration};

use auth_core::Secret;
use axum::extract::ws::Message;

use crate::Close;

/// The form in which clients send their first message, for [`FirstMessageLayer::codec`](crate::FirstMessageLayer::codec):
/// how the credential is found in it, and what the client is told.
///
/// [`AuthV1`](crate::AuthV1) is the default. [`GraphqlTransportWs`](crate::GraphqlTransportWs) is GraphQL over WebSocket. Implement it for clients of another
/// protocol. Only [`decode`](Self::decode) and [`accepted`](Self::accepted) are required:
///
/// ```
/// use std::time::Duration;
///
/// use auth_core::Secret;
/// use axum::extract::ws::Message;
/// use ws_adapter::{Decoded, FirstMessageCodec};
///
/// /// The first message is the bare token, and the answer is `ok`.
/// struct BareToken;
///
/// impl FirstMessageCodec for BareToken {
///     fn decode(&self, message: &Message) -> Decoded {
///         match message {
///             Message::Text(token) => {
///                 Decoded::Credentials { scheme: "Bearer".into(), credentials: Secret::new(token.as_str()) }
///             }
///             _ => Decoded::NoCredential,
///         }
///     }
///
///     fn accepted(&self, _: &Message, _: Option<Duration>) -> Option<Message> {
///         Some(Message::Text("ok".into()))
///     }
/// }
/// ```
///
/// A codec holds no state of a client. It is asked on the task of the socket, so it must not block. If it panics, the
/// connection ends without a close, and nobody is let in.
///
/// # Security
/// Whatever is decoded as a credential is judged by the chain; a codec cannot let anybody in. What it is shown comes from a
/// stranger: at most 16 KiB a message, and at most 16 messages and pings before the credential. It must not log it.
pub trait FirstMessageCodec: Send + Sync + 'static {
    /// The subprotocols that it speaks, in order of preference; none by default. It is asked once, when the layer is built.
    ///
    /// The first one that the client offers is agreed on. A handshake without a credential that offers none of them is
    /// accepted and closed at once with [`Close::SUBPROTOCOL_NOT_ACCEPTABLE`]. A codec that names none leaves the choice to
    /// the layer, as without a codec.
    fn subprotocols(&self) -> Vec<Cow<'static, str>> {
        Vec::new()
    }

    /// The message that the server sends first, as soon as the socket is open; nothing by default.
    fn greeting(&self) -> Option<Message> {
        None
    }

    /// Reads a message. It is called with each text and binary message of at most 16 KiB, until it returns something other
    /// than [`Decoded::Wait`].
    fn decode(&self, message: &Message) -> Decoded;

    /// The answer to a good credential, sent before the service behind is called; `None` sends nothing. `first` is the message
    /// with the credential. `ttl` is the time that the credential has left; `None` if it does not end.
    fn accepted(&self, first: &Message, ttl: Option<Duration>) -> Option<Message>;

    /// The answer to a message or credential that is refused, sent before the close; nothing by default. The
    /// [`reason`](Close::reason) of the close is a stable code that says why.
    fn refused(&self, first: &Message, close: &Close) -> Option<Message> {
        let _ = (first, close);
        None
    }

    /// Whether the handler gets the message with the credential, as the first one that it receives; it does not by default.
    ///
    /// # Security
    /// The handler then sees the credential. It must not log or store what it receives first.
    fn forwards(&self) -> bool {
        false
    }

    /// Replaces a close of the layer's, one of the constants of [`Close`]. The default keeps it, in the codes of
    /// [`CloseCodes`](crate::CloseCodes).
    ///
    /// It is asked whenever the server closes a socket that came through the layer: at the first message and for the rest of
    /// its life, also where a header has opened it. A socket that has agreed on none of its subprotocols is closed as without
    /// a codec. Closes of the application's own are not changed.
    fn close(&self, close: &Close) -> Close {
        close.clone()
    }
}

/// How a [`FirstMessageCodec`] reads a message.
#[derive(Debug)]
#[non_exhaustive]
pub enum Decoded {
    /// A credential: what would stand in `Authorization`. If no header could hold it, or it is longer than 16 KiB, it is no
    /// credential.
    Credentials {
        /// The scheme, such as `Bearer`.
        scheme: Cow<'static, str>,
        /// What comes after the scheme.
        credentials: Secret,
    },
    /// A message that may come before. It is answered with this, if anything, and the next one is waited for. These and the
    /// pings of WebSocket may be 16 in all.
    Wait(Option<Message>),
    /// No credential: the socket is closed with [`Close::INVALID_CREDENTIALS`].
    NoCredential,
    /// Not a message of the protocol: the socket is closed with [`Close::INVALID_MESSAGE`].
    Malformed,
}
