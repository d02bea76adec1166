use std::net::{Ipv4Addr, SocketAddr};

use floors::{Key, Payload};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest as _, handshake::client::Request},
};

use crate::Failure;

pub type Socket = WebSocketStream<TcpStream>;

/// The number of handshakes at a time.
pub const AT_A_TIME: usize = 64;

/// One handshake for each of `count` users.
pub fn requests(addr: SocketAddr, key: &Key, count: usize) -> Result<Vec<Request>, Failure> {
    let request = |number| {
        let mut request = format!("ws://{addr}/ws").into_client_request()?;
        let token = key.token(None, &Payload::new(number).json());
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse()?);
        Ok(request)
    };
    (0..count).map(request).collect()
}

/// `number` chooses one of 64 source addresses, since closed ports stay in use for a while.
pub async fn open(addr: SocketAddr, request: Request, number: usize) -> Result<Socket, Failure> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::new(127, 0, 0, 2 + (number % 64) as u8), 0).into())?;
    let stream = socket.connect(addr).await?;
    stream.set_nodelay(true)?;
    Ok(client_async(request, stream).await?.0)
}

pub async fn echo(socket: &mut Socket) -> Result<(), Failure> {
    socket.send(Message::text("hello")).await?;
    while let Some(message) = socket.next().await {
        if message?.is_text() {
            return Ok(());
        }
    }
    Err("the socket closed before the echo".into())
}

pub async fn close(mut socket: Socket) -> Result<(), Failure> {
    socket.close(None).await?;
    while let Some(Ok(_)) = socket.next().await {}
    Ok(())
}
