use std::{
    error::Error,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use httparse::{EMPTY_HEADER, Response, Status};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

pub type Failure = Box<dyn Error + Send + Sync>;

const CONNECTIONS: usize = 64;

/// Open connections to one server. Each has one request in flight at a time.
pub struct Client {
    connections: Vec<Connection>,
    requests: Arc<Requests>,
}

/// What all connections send in turn, made before the load begins.
struct Requests {
    all: Vec<Vec<u8>>,
    next: AtomicUsize,
}

struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

/// What one load has shown.
pub struct Done {
    pub requests: u64,
    pub time: Duration,
}

impl Client {
    pub async fn connect(addr: SocketAddr, tokens: &[String]) -> Result<Self, Failure> {
        let request = |token| format!("GET /me HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n");
        let all = tokens.iter().map(|token| request(token).into()).collect();
        let mut connections = Vec::with_capacity(CONNECTIONS);
        for _ in 0..CONNECTIONS {
            let stream = TcpStream::connect(addr).await?;
            stream.set_nodelay(true)?;
            connections.push(Connection { stream, answer: Vec::with_capacity(1024) });
        }
        Ok(Self { connections, requests: Arc::new(Requests { all, next: AtomicUsize::new(0) }) })
    }

    /// Loads the server for this time.
    pub async fn load(&mut self, time: Duration) -> Result<Done, Failure> {
        let began = Instant::now();
        let mut working = JoinSet::new();
        for connection in self.connections.drain(..) {
            working.spawn(connection.send_until(began + time, Arc::clone(&self.requests)));
        }
        let mut requests = 0;
        while let Some(ended) = working.join_next().await {
            let (connection, sent) = ended??;
            self.connections.push(connection);
            requests += sent;
        }
        Ok(Done { requests, time: began.elapsed() })
    }
}

impl Connection {
    async fn send_until(mut self, end: Instant, requests: Arc<Requests>) -> Result<(Self, u64), Failure> {
        let mut sent = 0;
        while Instant::now() < end {
            let at = requests.next.fetch_add(1, Ordering::Relaxed) % requests.all.len();
            self.stream.write_all(&requests.all[at]).await?;
            self.answer.clear();
            while !is_whole(&self.answer)? {
                if self.stream.read_buf(&mut self.answer).await? == 0 {
                    return Err("the server has closed a connection".into());
                }
            }
            sent += 1;
        }
        Ok((self, sent))
    }
}

/// Whether a 200 has arrived with its whole body.
fn is_whole(answer: &[u8]) -> Result<bool, Failure> {
    let mut headers = [EMPTY_HEADER; 16];
    let mut head = Response::new(&mut headers);
    let Status::Complete(body) = head.parse(answer)? else { return Ok(false) };
    if head.code != Some(200) {
        return Err(format!("the server has answered {:?}", head.code).into());
    }
    let length = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length: usize = str::from_utf8(length.ok_or("an answer without a length")?.value)?.parse()?;
    Ok(answer.len() >= body + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_is_whole_with_its_last_byte() {
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        for end in 0..=answer.len() {
            assert_eq!(is_whole(&answer.as_bytes()[..end]).unwrap(), end == answer.len(), "{end}");
        }
    }

    #[test]
    fn refusal_is_a_failure() {
        assert!(is_whole(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n").is_err());
    }
}
