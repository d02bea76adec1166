use axum::{Router, http::header, response::IntoResponse, routing::get};

/// The page loads nothing from other hosts, and this policy forbids it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/", get(|| async { file("text/html; charset=utf-8", include_str!("page/index.html")) }))
        .route("/style.css", get(|| async { file("text/css; charset=utf-8", include_str!("page/style.css")) }))
        .route("/app.js", get(|| async { script(include_str!("page/app.js")) }))
        .route("/session.js", get(|| async { script(include_str!("page/session.js")) }))
        .route("/websocket.js", get(|| async { script(include_str!("page/websocket.js")) }))
        .route("/socketio.js", get(|| async { script(include_str!("page/socketio.js")) }))
        // From the npm package socket.io-client, unchanged.
        .route(
            "/vendor/socket.io.min.js",
            get(|| async { script(include_str!("page/vendor/socket.io-client-4.8.4/socket.io.min.js")) }),
        )
}

fn script(content: &'static str) -> impl IntoResponse {
    file("text/javascript; charset=utf-8", content)
}

fn file(content_type: &'static str, content: &'static str) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, content)
}
