use std::{borrow::Cow, time::Duration};

use auth_core::Secret;
use axum::extract::ws::Message;

use crate::Close;

/// The form of first messages, for [`FirstMessageLayer::codec`](crate::FirstMessageLayer::codec): how to find the credential
/// in a message, and how to answer.
///
/// [`AuthV1`](crate::AuthV1) is the default. [`GraphqlTransportWs`](crate::GraphqlTransportWs) is GraphQL over WebSocket. Implement this trait for clients of another
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
/// One codec serves all clients, so it holds no client state. It runs on the socket's task and must not block. If it panics,
/// the connection is dropped without a close, and the client is not admitted.
///
/// # Security
/// The chain decides about every decoded credential; a codec can't admit a client by itself. Its input comes from an unknown
/// client: messages of at most 16 KiB, and at most 16 messages and pings before the credential. A codec must not log them.
pub trait FirstMessageCodec: Send + Sync + 'static {
    /// The subprotocols of the codec, in order of preference; none by default. Called once, when the layer is built.
    ///
    /// The server answers the first one that the client offers. If a handshake without a credential offers none of them, it is
    /// accepted and closed at once with [`Close::SUBPROTOCOL_NOT_ACCEPTABLE`]. A codec without subprotocols leaves the choice
    /// to the layer.
    fn subprotocols(&self) -> Vec<Cow<'static, str>> {
        Vec::new()
    }

    /// A message that the server sends as soon as the socket is open; none by default.
    fn greeting(&self) -> Option<Message> {
        None
    }

    /// Decodes a message. Called with each text and binary message of at most 16 KiB, until the result is not
    /// [`Decoded::Wait`].
    fn decode(&self, message: &Message) -> Decoded;

    /// The answer to a good credential, sent before the inner service is called; `None` sends nothing. `first` is the message
    /// with the credential. `ttl` is the remaining time of the credential; `None` if it does not end.
    fn accepted(&self, first: &Message, ttl: Option<Duration>) -> Option<Message>;

    /// The answer to a refused message or credential, sent before the close; none by default. The
    /// [`reason`](Close::reason) of the close is a stable code.
    fn refused(&self, first: &Message, close: &Close) -> Option<Message> {
        let _ = (first, close);
        None
    }

    /// Whether the handler receives the message with the credential, as its first one; `false` by default.
    ///
    /// # Security
    /// The handler then sees the credential. It must not log or store its first message.
    fn forwards(&self) -> bool {
        false
    }

    /// Translates a close of the layer (a constant of [`Close`]). By default it stays as it is, with the codes of
    /// [`CloseCodes`](crate::CloseCodes).
    ///
    /// Called whenever the server closes a socket of this layer, during the whole life of the socket, even if a header
    /// authenticated it. Not called for a socket without a subprotocol of this codec, if it has any. Closes of the application
    /// are not translated.
    fn close(&self, close: &Close) -> Close {
        close.clone()
    }
}

/// The result of [`FirstMessageCodec::decode`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Decoded {
    /// A credential, as in an `Authorization` header. If a header can't hold it, or it is longer than 16 KiB, the socket is
    /// closed as for [`NoCredential`](Self::NoCredential).
    Credentials {
        /// The scheme, such as `Bearer`.
        scheme: Cow<'static, str>,
        /// The rest of the header, after the scheme.
        credentials: Secret,
    },
    /// A message that may come before the credential. The server sends this answer, if any, and waits for the next message. At
    /// most 16 such messages and WebSocket pings are allowed.
    Wait(Option<Message>),
    /// The message has no credential: the socket is closed with [`Close::INVALID_CREDENTIALS`].
    NoCredential,
    /// The message breaks the protocol: the socket is closed with [`Close::INVALID_MESSAGE`].
    Malformed,
}
