use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    select, time,
};
use tower::{ServiceExt as _, util::MapRequest};
use ws_adapter::Shutdown;

/// How long a client may take to send the head of a request.
const HEADER_DEADLINE: Duration = Duration::from_secs(10);
/// How long requests and sockets may take to end once the server goes down.
const DRAIN: Duration = Duration::from_secs(5);

/// Serves `app`, as `axum::serve` does, but with the deadlines that it leaves out, until `signal` completes; then ends the sockets with 1012 and waits for what is under way.
pub async fn serve(listener: TcpListener, app: Router, shutdown: Shutdown, signal: impl Future<Output = ()>) {
    let mut http = Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_DEADLINE);
    // Sockets over HTTP/2 (RFC 8441); and a peer that is gone is noticed.
    http.http2().timer(TokioTimer::new()).enable_connect_protocol().keep_alive_interval(Duration::from_secs(20));
    let http = Arc::new(http);
    let graceful = GracefulShutdown::new();
    let mut signal = pin!(signal);
    loop {
        let stream = select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file descriptors, most likely: to try again at once would only burn the processor.
                    tracing::warn!(%error, "a connection could not be accepted");
                    time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            () = &mut signal => break,
        };
        tokio::spawn(connection(Arc::clone(&http), stream, app.clone(), graceful.watcher()));
    }
    drop(listener);
    shutdown.begin();
    let drained = async { tokio::join!(graceful.shutdown(), shutdown.drained()) };
    if time::timeout(DRAIN, drained).await.is_err() {
        tracing::warn!("some connections had to be cut off");
    }
}

async fn connection(
    http: Arc<Builder<TokioExecutor>>,
    stream: TcpStream,
    app: Router,
    watcher: hyper_util::server::graceful::Watcher,
) {
    let asked = Arc::new(AtomicBool::new(false));
    let service = {
        let asked = Arc::clone(&asked);
        let app: MapRequest<Router, _> = app.map_request(move |request: hyper::Request<hyper::body::Incoming>| {
            asked.store(true, Ordering::Relaxed);
            request.map(axum::body::Body::new)
        });
        TowerToHyperService::new(app)
    };
    let _ = stream.set_nodelay(true);
    let serving = http.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
    let mut serving = pin!(watcher.watch(serving));
    // The deadline of HTTP/1.1 begins once the version is known, so a client that says next to nothing would escape it.
    let ended = time::timeout(HEADER_DEADLINE, &mut serving).await;
    let result = match ended {
        Ok(result) => result,
        Err(_) if asked.load(Ordering::Relaxed) => serving.await,
        Err(_) => return,
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended early");
    }
}
