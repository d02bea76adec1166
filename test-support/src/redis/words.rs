//! As much of the protocol as a test needs to set up a server.

use std::{io, path::Path};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::UnixStream,
};

/// Sends words to the server behind a Unix socket, and reads a text, a number or an error.
pub(super) async fn ask(socket: &Path, words: &[&str]) -> io::Result<String> {
    let mut stream = BufReader::new(UnixStream::connect(socket).await?);
    stream.write_all(format!("{}\r\n", words.join(" ")).as_bytes()).await?;
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let line = line.trim_end();
    let Some(len) = line.strip_prefix('$') else { return Ok(line.get(1..).unwrap_or_default().to_owned()) };
    let mut text = vec![0; len.parse().map_err(io::Error::other)?];
    stream.read_exact(&mut text).await?;
    String::from_utf8(text).map_err(io::Error::other)
}
