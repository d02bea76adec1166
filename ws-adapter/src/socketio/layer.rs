use std::{fmt, sync::Arc, time::Duration};

use socketioxide::{SocketIo, layer::SocketIoLayer};
use tower_layer::Layer;

use super::{SocketIoAuthService, sessions::Sessions};
use crate::{connections::Sockets, http::Gate};

/// A chain in front of socketioxide's own layer; made by [`SocketIoAuth::build`](super::SocketIoAuth::build).
///
/// It answers at the path of Socket.IO, and hands everything else on to the application.
pub struct SocketIoAuthLayer<U> {
    inner: SocketIoLayer,
    shared: Arc<Shared<U>>,
}

/// What is known about the server, in front of the transport and behind it.
pub(super) struct Shared<U> {
    pub(super) gate: Gate<U>,
    pub(super) sockets: Sockets,
    pub(super) limits: Limits,
    pub(super) path: Box<str>,
    pub(super) io: SocketIo,
    pub(super) sessions: Sessions,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) connect_timeout: Duration,
    pub(super) max_auth: usize,
    pub(super) post_timeout: Duration,
    pub(super) allows_guests: bool,
    pub(super) binds_to_sid: bool,
}

impl<U> SocketIoAuthLayer<U> {
    pub(super) fn new(inner: SocketIoLayer, shared: Arc<Shared<U>>) -> Self {
        Self { inner, shared }
    }
}

impl<S: Clone, U> Layer<S> for SocketIoAuthLayer<U> {
    type Service = SocketIoAuthService<S, U>;

    fn layer(&self, inner: S) -> Self::Service {
        SocketIoAuthService::new(self.inner.layer(inner), Arc::clone(&self.shared))
    }
}

impl<U> Clone for SocketIoAuthLayer<U> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), shared: Arc::clone(&self.shared) }
    }
}

impl<U> fmt::Debug for SocketIoAuthLayer<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketIoAuthLayer").field("chain", &self.shared.gate.chain).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, time::SystemTime};

    use auth_basic::{Basic, BasicLogin};
    use auth_core::{Chain, ManualClock, Principal, PrincipalId};
    use http::{Request, Response};
    use http_body_util::{BodyExt as _, Full};
    use tower::{ServiceExt as _, service_fn};

    use super::*;
    use crate::{AuthLayer, socketio::SocketIoAuth};

    struct User;

    impl Principal for User {
        fn principal_id(&self) -> Option<PrincipalId> {
            Some(PrincipalId::new("", "ann"))
        }
    }

    /// No public type gives the inner layer away; should it ever be used alone, nobody is let in.
    #[tokio::test]
    async fn connect_is_refused_where_the_layer_is_not() {
        let basic =
            Basic::new("test").from_socketio_auth().verify(|_: BasicLogin| async { Ok::<_, Infallible>(Some(User)) });
        let layer = AuthLayer::new(Chain::new().or(basic)).timer(ManualClock::new(SystemTime::UNIX_EPOCH));
        let (layer, io) = SocketIoAuth::new(layer).build();
        io.ns("/", async || panic!("a handler ran"));
        let app = service_fn(async |_| Ok::<_, Infallible>(Response::new(Full::<bytes::Bytes>::default())));
        let bare = layer.inner.layer(app);

        let ask = async |method: &str, query: &str, body: &str| {
            let uri = format!("/socket.io/?EIO=4&transport=polling{query}");
            let request =
                Request::builder().method(method).uri(uri).body(Full::<bytes::Bytes>::from(body.to_owned())).unwrap();
            let body = bare.clone().oneshot(request).await.unwrap().into_body();
            String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
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
