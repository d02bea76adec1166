//! Connections to a server. The `redis` crate speaks over them.

use std::{io, pin::Pin};

use futures_util::future::select_ok;
use redis::aio::AsyncStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::net::{TcpStream, lookup_host};

use super::{
    Failure,
    address::{Address, Place},
};

pub(super) type Stream = Pin<Box<dyn AsyncStream + Send + Sync>>;

/// Opens a connection, encrypted if the address says so.
pub(super) async fn connect(address: &Address) -> Result<Stream, Failure> {
    let (host, port) = match address.place() {
        Place::Tcp(host, port) => (host, *port),
        place @ Place::Unix(_) => return connect_unix(place).await,
    };
    let stream = connect_tcp(host, port).await.map_err(|error| Failure::connecting(&error))?;
    Ok(match address.encryption() {
        Some(encryption) => Box::pin(encryption.connect(host, stream).await?),
        None => Box::pin(stream),
    })
}

/// Tries all addresses of the host at once.
async fn connect_tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let tries =
        lookup_host((host, port)).await?.map(|address| Box::pin(TcpStream::connect(address))).collect::<Vec<_>>();
    if tries.is_empty() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let (stream, _) = select_ok(tries).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[cfg(unix)]
async fn connect_unix(place: &Place) -> Result<Stream, Failure> {
    let path = place.socket().unwrap_or(std::path::Path::new(""));
    let stream = UnixStream::connect(path).await.map_err(|error| Failure::connecting(&error))?;
    Ok(Box::pin(stream))
}

#[cfg(not(unix))]
async fn connect_unix(_place: &Place) -> Result<Stream, Failure> {
    Err(Failure::new("this system has no Unix sockets"))
}
