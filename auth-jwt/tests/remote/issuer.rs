use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use auth_core::{Clock as _, ManualClock};
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
    sync::{Semaphore, watch},
};
use tokio_rustls::TlsAcceptor;

/// A server that answers as the test wants, and records its requests.
pub(crate) struct Issuer {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    clock: ManualClock,
    answer: Mutex<Answer>,
    asked: watch::Sender<Vec<Asked>>,
    /// A permit releases one held answer.
    gate: Semaphore,
}

#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) head: String,
    pub(crate) at: SystemTime,
}

/// The answer to a request, by path.
pub(crate) type Answer = Arc<dyn Fn(&Asked) -> Say + Send + Sync>;

pub(crate) enum Say {
    /// Sends this and closes.
    All(Vec<u8>),
    /// Sends this and keeps the connection open.
    Hang(Vec<u8>),
    /// As `All`, but only after [`Issuer::release`].
    Held(Vec<u8>),
}

impl Issuer {
    pub(crate) async fn new(clock: &ManualClock) -> Self {
        Self::start(clock, None).await
    }

    pub(crate) async fn with_tls(clock: &ManualClock, tls: TlsAcceptor) -> Self {
        Self::start(clock, Some(tls)).await
    }

    async fn start(clock: &ManualClock, tls: Option<TlsAcceptor>) -> Self {
        let shared = Arc::new(Shared {
            clock: clock.clone(),
            answer: Mutex::new(Arc::new(|_: &Asked| Say::All(Vec::new()))),
            asked: watch::Sender::new(Vec::new()),
            gate: Semaphore::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let (shared, tls) = (Arc::clone(&shared), tls.clone());
                    tokio::spawn(async move {
                        match tls {
                            None => shared.answer(stream).await,
                            Some(tls) => shared.answer(tls.accept(stream).await?).await,
                        }
                    });
                }
            }
        });
        Self { addr, shared }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// Uses `answer` for all requests from now on.
    pub(crate) fn say(&self, answer: impl Fn(&Asked) -> Say + Send + Sync + 'static) {
        *self.shared.answer.lock().unwrap() = Arc::new(answer);
    }

    /// Publishes this set from now on.
    pub(crate) fn publish(&self, set: &Value) {
        let set = ok(set.to_string());
        self.say(move |_| Say::All(set.clone()));
    }

    /// Closes connections without an answer from now on.
    pub(crate) fn fail(&self) {
        self.say(|_| Say::All(Vec::new()));
    }

    /// Releases one held answer.
    pub(crate) fn release(&self) {
        self.shared.gate.add_permits(1);
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.shared.asked.borrow().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.shared.asked.borrow().len()
    }

    /// Waits until this many requests have arrived.
    pub(crate) async fn asked_times(&self, count: usize) {
        self.shared.asked.subscribe().wait_for(|asked| asked.len() >= count).await.unwrap();
    }
}

impl Shared {
    async fn answer(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
        let asked = read_head(&mut stream, self.clock.now()).await?;
        let say = self.answer.lock().unwrap().clone()(&asked);
        self.asked.send_modify(|all| all.push(asked));
        match say {
            Say::All(bytes) => stream.write_all(&bytes).await?,
            Say::Held(bytes) => {
                self.gate.acquire().await.unwrap().forget();
                stream.write_all(&bytes).await?;
            }
            Say::Hang(bytes) => {
                stream.write_all(&bytes).await?;
                // Until the client gives up.
                stream.read_u8().await?;
            }
        }
        stream.shutdown().await
    }
}

/// Reads a request head, and returns it in lower case.
pub(crate) async fn read_head(stream: &mut (impl AsyncRead + Unpin), at: SystemTime) -> std::io::Result<Asked> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    Ok(Asked { path, head, at })
}

/// 200 with this body.
pub(crate) fn ok(body: impl AsRef<[u8]>) -> Vec<u8> {
    reply("200 OK", "", body)
}

/// An answer with these header lines, including their line ends.
pub(crate) fn reply(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}
