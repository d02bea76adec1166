use std::convert::Infallible;

use socketio_adapter::{Connection, SocketIoAuth, SocketIoAuthLayer, SocketUser};
use socketioxide::{
    extract::{Data, SocketRef},
    handler::ConnectHandler,
};
use ws_adapter::AuthLayer;

use crate::User;

/// Socket.IO at `/socket.io/`, behind the chain of this layer.
pub(crate) fn layer(auth: AuthLayer<User>) -> SocketIoAuthLayer<User> {
    let (layer, io) = SocketIoAuth::new(auth).build();
    io.ns("/", connected.with(prepare));
    layer
}

/// Runs before the client learns that it is connected, so that no message comes too early.
async fn prepare(socket: SocketRef) -> Result<(), Infallible> {
    socket.on("message", answer);
    Ok(())
}

async fn connected(Connection(id): Connection, user: SocketUser<User>) {
    tracing::debug!(connection = %id, strategy = user.evidence().strategy(), "a Socket.IO client is in");
}

async fn answer(socket: SocketRef, _: SocketUser<User>, Data(message): Data<String>) {
    // If the client does not read, its buffer fills up and it loses messages.
    let _ = socket.emit("message", &format!("server response: {message}"));
}
