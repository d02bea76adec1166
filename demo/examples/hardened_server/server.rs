use std::{
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::ConnectInfo};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto::Builder,
        graceful::{GracefulShutdown, Watcher},
    },
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    select, time,
};
use tower::{ServiceExt as _, util::MapRequest};
use ws_adapter::Shutdown;

/// How many bytes are buffered for a client that does not read, per HTTP/2 stream or HTTP/1.1 connection.
const BUFFER: usize = 64 * 1024;
/// How many bytes an HTTP/2 client may send on a stream that the application does not read. All streams of a connection
/// together may send eight times as much. Then they wait.
const WINDOW: u32 = 64 * 1024;

/// Serves the application like `axum::serve`, with the deadlines that `axum::serve` lacks.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Server {
    /// How long a client may take to send the head of a request; 10 s by default. On HTTP/2 this is for the first request of a
    /// connection. After that, a peer only has to answer pings.
    pub header_deadline: Duration,
    /// The time over which a shutdown closes the sockets one by one; zero by default.
    pub spread: Duration,
    /// How long requests and sockets may take to end after that; 5 s by default.
    pub drain: Duration,
}

impl Default for Server {
    fn default() -> Self {
        Self { header_deadline: Duration::from_secs(10), spread: Duration::ZERO, drain: Duration::from_secs(5) }
    }
}

impl Server {
    /// Serves `app` until `signal` completes. Then closes the sockets with 1012 and waits for requests in progress.
    pub async fn run(self, listener: TcpListener, app: Router, shutdown: Shutdown, signal: impl Future<Output = ()>) {
        let mut http = Builder::new(TokioExecutor::new());
        http.http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_deadline)
            // For a client that does not read, or sends data that the application does not read yet.
            .max_buf_size(BUFFER);
        http.http2()
            .timer(TokioTimer::new())
            // Sockets over HTTP/2 (RFC 8441).
            .enable_connect_protocol()
            // Notices a lost peer.
            .keep_alive_interval(Duration::from_secs(20))
            // A client may fill its window with unread data. hyper's default is 1 MiB per stream.
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(8 * WINDOW)
            .max_send_buf_size(BUFFER);
        let http = Arc::new(http);
        let graceful = GracefulShutdown::new();
        let mut signal = pin!(signal);
        loop {
            let accepted = select! {
                accepted = listener.accept() => accepted,
                () = &mut signal => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let (http, app, watcher) = (Arc::clone(&http), app.clone(), graceful.watcher());
                    tokio::spawn(connection(http, stream, peer, app, watcher, self.header_deadline));
                }
                Err(error) => {
                    // Probably out of file descriptors. An immediate retry would only waste processor time.
                    tracing::warn!(%error, "a connection could not be accepted");
                    time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        drop(listener);
        shutdown.begin_over(self.spread);
        // In this order: a handshake in progress may still open a socket, which is then closed too.
        let drained = async {
            graceful.shutdown().await;
            shutdown.drained().await;
        };
        if time::timeout(self.spread.saturating_add(self.drain), drained).await.is_err() {
            tracing::warn!("some connections did not end in time and were cut off");
        }
    }
}

async fn connection(
    http: Arc<Builder<TokioExecutor>>,
    stream: TcpStream,
    peer: SocketAddr,
    app: Router,
    watcher: Watcher,
    header_deadline: Duration,
) {
    let asked = Arc::new(AtomicBool::new(false));
    let service = {
        let asked = Arc::clone(&asked);
        let app: MapRequest<Router, _> = app.map_request(move |mut request: hyper::Request<hyper::body::Incoming>| {
            asked.store(true, Ordering::Relaxed);
            // The registry limits pending connections by this address.
            request.extensions_mut().insert(ConnectInfo(peer));
            request.map(axum::body::Body::new)
        });
        TowerToHyperService::new(app)
    };
    let _ = stream.set_nodelay(true);
    let serving = http.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
    let mut serving = pin!(watcher.watch(serving));
    // hyper's own deadline begins once the HTTP version is known. A client that sends almost nothing would escape it.
    let ended = time::timeout(header_deadline, &mut serving).await;
    let result = match ended {
        Ok(result) => result,
        Err(_) if asked.load(Ordering::Relaxed) => serving.await,
        Err(_) => return,
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended early");
    }
}
