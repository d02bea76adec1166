use std::{hint, net::SocketAddr, time::Duration};

use auth_core::Chain;
use axum::{
    Router,
    extract::WebSocketUpgrade,
    response::Response,
    routing::{MethodRouter, any},
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
    task, time,
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::client::IntoClientRequest as _};
use ws_adapter::{AuthLayer, AuthWebSocketUpgrade};

use crate::strategies::{Claims, bearer, hs256, jwt, owner};

/// Enough that the tables of the registry, which double, weigh little.
const SOCKETS: usize = 200;

/// The bytes that an idle socket behind a layer keeps on the heap, over those of a bare one with buffers of the same size.
pub(crate) fn surplus() -> i64 {
    kept(layered(any(behind_the_chain))) - kept(Router::new().route("/ws", any(bare)))
}

/// The same for a large handler that has moved its socket to another task and returned.
pub(crate) fn surplus_of_moved() -> i64 {
    kept(layered(any(moved_behind_the_chain))) - kept(Router::new().route("/ws", any(bare)))
}

fn layered(route: MethodRouter) -> Router {
    let layer = AuthLayer::new(Chain::new().or(owner(jwt(&hs256()))));
    Router::new().route("/ws", route).layer(layer)
}

async fn behind_the_chain(ws: AuthWebSocketUpgrade<Claims>) -> Response {
    ws.on_upgrade(|mut socket| async move { while socket.recv().await.is_some() {} })
}

async fn moved_behind_the_chain(ws: AuthWebSocketUpgrade<Claims>) -> Response {
    ws.on_upgrade(|mut socket| async move {
        let large = [0_u8; 8192];
        task::yield_now().await;
        hint::black_box(&large);
        tokio::spawn(async move { while socket.recv().await.is_some() {} });
    })
}

async fn bare(ws: WebSocketUpgrade) -> Response {
    let ws = ws.read_buffer_size(4096).write_buffer_size(4096);
    ws.on_upgrade(|mut socket| async move { while socket.recv().await.is_some() {} })
}

/// The bytes that each idle socket of this server keeps, with those of its client. All of it runs on one thread, because the
/// allocator counts by thread.
fn kept(app: Router) -> i64 {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let addr = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        addr
    });
    let authorization = bearer(&hs256());
    // What the first sockets allocate once, and the room for the clients, does not belong to a socket.
    let _warm = open(&runtime, addr, &authorization, 24);
    let mut clients = Vec::with_capacity(SOCKETS);
    let info = allocation_counter::measure(|| clients.extend(open(&runtime, addr, &authorization, SOCKETS)));
    info.bytes_current / i64::try_from(SOCKETS).unwrap()
}

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

fn open(runtime: &Runtime, addr: SocketAddr, authorization: &str, count: usize) -> Vec<Client> {
    runtime.block_on(async {
        let mut clients = Vec::new();
        for _ in 0..count {
            let mut request = format!("ws://{addr}/ws").into_client_request().unwrap();
            request.headers_mut().insert("authorization", authorization.parse().unwrap());
            clients.push(connect_async(request).await.unwrap().0);
        }
        // The server's tasks come to rest.
        time::sleep(Duration::from_millis(100)).await;
        clients
    })
}
