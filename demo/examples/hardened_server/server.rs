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

/// How much is buffered for a client that does not read, in bytes: for each stream of HTTP/2, and each HTTP/1.1 connection.
const BUFFER: usize = 64 * 1024;
/// How much an HTTP/2 client may send on a stream that the application does not read, in bytes. All streams of a connection
/// together have eight times as much; then all of them wait.
const WINDOW: u32 = 64 * 1024;

/// Serves an application as `axum::serve` does, with the deadlines and limits that it leaves out.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Server {
    /// How long a client may take to send the head of a request; 10 s by default. On HTTP/2 this applies to the first
    /// request of a connection. After that, a peer only has to answer pings.
    pub header_deadline: Duration,
    /// The time over which sockets are closed one by one during a shutdown; zero by default.
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
    /// Serves `app` until `signal` completes. Then it closes the sockets with 1012 and waits for open requests.
    pub async fn run(self, listener: TcpListener, app: Router, shutdown: Shutdown, signal: impl Future<Output = ()>) {
        let mut http = Builder::new(TokioExecutor::new());
        http.http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_deadline)
            // Limits clients that do not read responses, or send more than the application reads.
            .max_buf_size(BUFFER);
        http.http2()
            .timer(TokioTimer::new())
            // Sockets over HTTP/2 (RFC 8441).
            .enable_connect_protocol()
            // Notices a peer that is gone.
            .keep_alive_interval(Duration::from_secs(20))
            // A client can fill its window with data that nobody reads. The default of hyper is 1 MiB per stream.
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
                    // Most likely there are no file descriptors left. Trying again at once would only use CPU time.
                    tracing::warn!(%error, "a connection could not be accepted");
                    time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        drop(listener);
        shutdown.begin_over(self.spread);
        // In this order, since a handshake in progress opens a socket that must be closed too.
        let drained = async {
            graceful.shutdown().await;
            shutdown.drained().await;
        };
        if time::timeout(self.spread.saturating_add(self.drain), drained).await.is_err() {
            tracing::warn!("some connections were cut off");
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
            // Needed for the limits per address.
            request.extensions_mut().insert(ConnectInfo(peer));
            request.map(axum::body::Body::new)
        });
        TowerToHyperService::new(app)
    };
    let _ = stream.set_nodelay(true);
    let serving = http.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
    let mut serving = pin!(watcher.watch(serving));
    // hyper starts its HTTP/1.1 deadline when it knows the version. A client that sends a few bytes would escape it.
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
