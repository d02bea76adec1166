use std::{fmt, sync::Arc};

use tower_layer::Layer;

use super::{server::Server, service::SocketIoAuthService};

/// A Socket.IO server behind a chain, in front of an application; made by [`SocketIoAuth::build`](super::SocketIoAuth::build).
///
/// It answers at the path of Socket.IO, and hands everything else on to the application.
pub struct SocketIoAuthLayer<U> {
    server: Arc<Server<U>>,
}

impl<U> SocketIoAuthLayer<U> {
    pub(super) fn new(server: Arc<Server<U>>) -> Self {
        Self { server }
    }
}

impl<S, U> Layer<S> for SocketIoAuthLayer<U> {
    type Service = SocketIoAuthService<S, U>;

    fn layer(&self, inner: S) -> Self::Service {
        SocketIoAuthService::new(inner, Arc::clone(&self.server))
    }
}

impl<U> Clone for SocketIoAuthLayer<U> {
    fn clone(&self) -> Self {
        Self { server: Arc::clone(&self.server) }
    }
}

impl<U> fmt::Debug for SocketIoAuthLayer<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketIoAuthLayer").field("path", &self.server.engine.path()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, time::SystemTime};

    use auth_basic::{Basic, BasicLogin};
    use auth_core::{Chain, ManualClock, Principal, PrincipalId};
    use http::Request;
    use http_body_util::{BodyExt as _, Full};

    use crate::SocketIoAuth;
    use ws_adapter::AuthLayer;

    struct User;

    impl Principal for User {
        fn principal_id(&self) -> Option<PrincipalId> {
            Some(PrincipalId::new("", "ann"))
        }
    }

    /// No public type exposes engine.io. If it were ever used alone, nobody would be let in.
    #[tokio::test]
    async fn connect_is_refused_where_the_layer_is_not() {
        let basic =
            Basic::new("test").from_socketio_auth().verify(|_: BasicLogin| async { Ok::<_, Infallible>(Some(User)) });
        let layer = AuthLayer::new(Chain::new().or(basic)).timer(ManualClock::new(SystemTime::UNIX_EPOCH));
        let (layer, io) = SocketIoAuth::new(layer).build();
        io.ns("/", async || panic!("a handler ran"));
        let bare = &layer.server.engine;

        let ask = async |method: &str, query: &str, body: &str| {
            let uri = format!("/socket.io/?EIO=4&transport=polling{query}");
            let body = Full::<bytes::Bytes>::from(body.to_owned()).map_err(|never| match never {}).boxed_unsync();
            let request = Request::builder().method(method).uri(uri).body(body).unwrap();
            String::from_utf8(bare.call(request).await.into_body().to_vec()).unwrap()
        };
        let open: serde_json::Value = serde_json::from_str(ask("GET", "", "").await.trim_start_matches('0')).unwrap();
        let sid = format!("&sid={}", open["sid"].as_str().unwrap());
        assert_eq!(ask("POST", &sid, r#"40{"username":"ann","password":"x"}"#).await, "ok");
        let mut answer = ask("GET", &sid, "").await;
        if answer == "2" {
            answer = ask("GET", &sid, "").await;
        }
        assert!(answer.contains(r#"44{"message":"unavailable"}"#), "{answer}");
        assert_eq!(io.open(), 0);
    }
}
