use std::{env, io::Write as _, net::Ipv4Addr};

use auth_core::Chain;
use axum::{
    Router,
    extract::{WebSocketUpgrade, ws::Message},
    response::Response,
    routing::any,
};
use floors::Key;
use ours::{Me, jwt, me};
use tokio::{
    io::{AsyncReadExt as _, stdin},
    net::TcpListener,
};
use ws_adapter::{AuthLayer, AuthWebSocketUpgrade, Connections, Sockets};

use crate::Failure;

/// Serves `/ws` on a free port, prints the address, and ends when standard input closes.
pub async fn serve(kind: &str) -> Result<(), Failure> {
    let app = match kind {
        "bare axum" => Router::new().route("/ws", any(bare)),
        "bare axum, 4 KiB buffers" => Router::new().route("/ws", any(bare_with_small_buffers)),
        "ours" => behind(Sockets::new())?,
        "ours, no pings" => behind(Sockets::new().without_ping())?,
        other => return Err(format!("unknown server `{other}`").into()),
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    tokio::select! {
        served = axum::serve(listener, app) => Ok(served?),
        _ = parent_ends() => Ok(()),
    }
}

async fn parent_ends() {
    let _ = stdin().read_to_end(&mut Vec::new()).await;
}

fn behind(sockets: Sockets) -> Result<Router, Failure> {
    let key = Key::hmac(env::var("SECRET")?.into());
    let layer = AuthLayer::new(Chain::new().or(me(jwt(&key)))).sockets(sockets.connections(&Connections::new()));
    Ok(Router::new().route("/ws", any(behind_the_chain)).layer(layer))
}

async fn bare(ws: WebSocketUpgrade) -> Response {
    ws.on_upgrade(|mut socket| async move {
        while let Some(Ok(message)) = socket.recv().await {
            if is_data(&message) && socket.send(message).await.is_err() {
                break;
            }
        }
    })
}

/// With the sizes that the chain's sockets begin with.
async fn bare_with_small_buffers(ws: WebSocketUpgrade) -> Response {
    bare(ws.read_buffer_size(4 * 1024).write_buffer_size(4 * 1024)).await
}

async fn behind_the_chain(ws: AuthWebSocketUpgrade<Me>) -> Response {
    ws.on_upgrade(|mut socket| async move {
        while let Some(message) = socket.recv().await {
            if is_data(&message) && socket.send(message).await.is_err() {
                break;
            }
        }
    })
}

fn is_data(message: &Message) -> bool {
    matches!(message, Message::Text(_) | Message::Binary(_))
}
