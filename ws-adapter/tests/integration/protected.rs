//! A router that is closed by default, over TCP.

use std::convert::Infallible;

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::IntoResponse,
    routing::{any, get, post},
};
use reqwest::Method;
use tower::service_fn;
use tower_http::cors::CorsLayer;
use ws_adapter::{AuthLayer, Protected, require_scope};

use crate::support::*;

async fn hello() -> &'static str {
    "hello"
}

async fn not_here() -> impl IntoResponse {
    (StatusCode::NOT_FOUND, "not here")
}

fn protected<S: Clone + Send + Sync + 'static>() -> Protected<AuthLayer<User>, S> {
    Protected::new(layer(jwt_or_basic()))
}

struct Asked {
    server: Server,
}

/// Serves a finished router.
async fn serve(router: impl Into<Router>) -> Asked {
    Asked { server: Server::start(router.into()).await }
}

impl Asked {
    /// The response without a credential.
    async fn nobody(&self, method: Method, path: &str) -> Answer {
        self.server.send(method, path, &[], "").await
    }

    /// The response to a user.
    async fn ann(&self, method: Method, path: &str) -> Answer {
        self.server.send(method, path, &[("authorization", &bearer_of("ann"))], "").await
    }

    /// Whether a request without a credential is refused, and a user gets `body` with this status.
    async fn is_closed(&self, method: Method, path: &str, status: u16, body: &str) -> bool {
        let refused = self.nobody(method.clone(), path).await;
        let answered = self.ann(method.clone(), path).await;
        let body = if method == Method::HEAD { "" } else { body };
        let refusal = refused.status == 401 && (method == Method::HEAD || refused.code() == "missing_credentials");
        refusal && (answered.status, answered.body.as_str()) == (status, body)
    }

    async fn is_open(&self, method: Method, path: &str) -> bool {
        self.nobody(method, path).await.status == 200
    }
}

const METHODS: [Method; 8] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
    Method::TRACE,
];

#[tokio::test]
async fn route_is_closed_with_every_method() {
    let asked = serve(protected().route("/any", any(hello)).route("/two", get(hello).post(hello))).await;
    for method in METHODS {
        assert!(asked.is_closed(method.clone(), "/any", 200, "hello").await, "{method}");
    }
    for method in [Method::GET, Method::POST] {
        assert!(asked.is_closed(method.clone(), "/two", 200, "hello").await, "{method}");
    }
}

#[tokio::test]
async fn handler_receives_the_user() {
    let asked = serve(protected().route("/me", get(me))).await;
    assert!(asked.is_closed(Method::GET, "/me", 200, "ann").await);
}

#[tokio::test]
async fn methods_added_to_a_path_later_are_closed() {
    let asked = serve(protected().route("/", get(hello)).route("/", post(hello))).await;
    assert!(asked.is_closed(Method::POST, "/", 200, "hello").await);
}

#[tokio::test]
async fn head_of_a_closed_route_is_closed() {
    let asked = serve(protected().route("/", get(hello))).await;
    assert!(asked.is_closed(Method::HEAD, "/", 200, "").await);
}

#[tokio::test]
async fn services_are_closed() {
    let service = || service_fn(async |_| Ok::<_, Infallible>("hello".into_response()));
    let asked = serve(protected().route_service("/one", service()).nest_service("/below", service())).await;
    for path in ["/one", "/below", "/below/", "/below/a/b"] {
        assert!(asked.is_closed(Method::GET, path, 200, "hello").await, "{path}");
    }
}

#[tokio::test]
async fn nested_routes_are_closed() {
    let inner = Router::new().route("/", get(hello)).route("/deep", get(hello));
    let asked = serve(protected().nest("/api", Router::new().nest("/v1", inner.clone()).merge(inner))).await;
    for path in ["/api", "/api/deep", "/api/v1", "/api/v1/deep"] {
        assert!(asked.is_closed(Method::GET, path, 200, "hello").await, "{path}");
    }
}

#[tokio::test]
async fn fallback_of_a_nested_router_is_closed() {
    let asked = serve(protected().nest("/api", Router::new().route("/", get(hello)).fallback(not_here))).await;
    assert!(asked.is_closed(Method::GET, "/api/nowhere", 404, "not here").await);
    // Paths outside it are unknown to everyone.
    assert_eq!(asked.nobody(Method::GET, "/nowhere").await.status, 404);
}

#[tokio::test]
async fn fallback_of_a_router_in_a_nested_router_is_closed() {
    let inner = Router::new().route("/", get(hello)).fallback(hello);
    let outer = Router::new().nest("/v1", inner.clone()).fallback(not_here);
    // If the outer router has no fallback, axum 0.8 drops that of the inner one.
    let asked = serve(protected().nest("/api", outer).nest("/dropped", Router::new().nest("/v1", inner))).await;
    assert!(asked.is_closed(Method::GET, "/api/v1/nowhere", 200, "hello").await);
    assert!(asked.is_closed(Method::GET, "/api/nowhere", 404, "not here").await);
    assert_eq!(asked.nobody(Method::GET, "/dropped/v1/nowhere").await.status, 404);
}

#[tokio::test]
async fn nested_router_without_a_fallback_uses_the_outer_one() {
    let whole = protected().nest("/api", Router::new().route("/", get(hello))).fallback(not_here);
    assert!(serve(whole).await.is_closed(Method::GET, "/api/nowhere", 404, "not here").await);
}

#[tokio::test]
async fn merged_routes_and_their_fallback_are_closed() {
    let asked = serve(protected().merge(Router::new().route("/a", get(hello)).fallback(not_here))).await;
    assert!(asked.is_closed(Method::GET, "/a", 200, "hello").await);
    assert!(asked.is_closed(Method::GET, "/nowhere", 404, "not here").await);
}

#[tokio::test]
async fn fallback_is_closed_wherever_it_is_set() {
    let service = service_fn(async |_| Ok::<_, Infallible>("hello".into_response()));
    for whole in [
        protected().fallback(hello).route("/a", get(hello)),
        protected().route("/a", get(hello)).fallback(hello),
        protected().fallback_service(service),
    ] {
        let asked = serve(whole.public(Router::new().route("/open", get(hello)))).await;
        for path in ["/", "/nowhere", "/no/where"] {
            assert!(asked.is_closed(Method::GET, path, 200, "hello").await, "{path}");
        }
        assert!(asked.is_open(Method::GET, "/open").await);
    }
}

#[tokio::test]
async fn handlers_receive_their_state() {
    async fn number(State(number): State<u8>) -> String {
        number.to_string()
    }
    async fn text(State(text): State<&'static str>) -> &'static str {
        text
    }
    let whole = protected::<u8>()
        .route("/number", get(number))
        .fallback(number)
        .public(Router::new().route("/open/number", get(number)))
        .with_state(7)
        .route("/text", get(text))
        .public(Router::new().route("/open/text", get(text)))
        .with_state("seven");
    let asked = serve(whole).await;
    assert!(asked.is_closed(Method::GET, "/number", 200, "7").await);
    assert!(asked.is_closed(Method::GET, "/nowhere", 200, "7").await);
    assert!(asked.is_closed(Method::GET, "/text", 200, "seven").await);
    assert_eq!(asked.nobody(Method::GET, "/open/number").await.body, "7");
    assert_eq!(asked.nobody(Method::GET, "/open/text").await.body, "seven");
}

#[tokio::test]
async fn state_can_be_given_to_the_finished_router() {
    async fn number(State(number): State<u8>) -> String {
        number.to_string()
    }
    let router: Router<u8> = protected().route("/", get(number)).fallback(number).into_router();
    let asked = serve(router.with_state(7)).await;
    assert!(asked.is_closed(Method::GET, "/", 200, "7").await);
    assert!(asked.is_closed(Method::GET, "/nowhere", 200, "7").await);
}

#[tokio::test]
async fn unknown_path_is_404_with_and_without_a_credential() {
    let public = Router::new().route("/open", get(hello));
    for whole in [protected(), protected().route("/a", get(hello)), protected().route("/a", get(hello)).public(public)]
    {
        let asked = serve(whole).await;
        for path in ["/", "/nowhere", "/a/b", "/a/"] {
            assert_eq!(asked.nobody(Method::GET, path).await.status, 404, "{path}");
            assert_eq!(asked.ann(Method::GET, path).await.status, 404, "{path}");
        }
    }
}

#[tokio::test]
async fn public_routes_and_their_fallback_are_open() {
    let public = Router::new().route("/open", get(hello)).fallback(hello);
    let asked = serve(protected().route("/a", get(hello)).public(public)).await;
    assert!(asked.is_open(Method::GET, "/open").await);
    assert!(asked.is_open(Method::GET, "/nowhere").await);
    assert!(asked.is_closed(Method::GET, "/a", 200, "hello").await);
}

#[tokio::test]
async fn public_and_closed_routes_can_share_a_prefix() {
    let closed = Router::new().route("/closed", get(hello)).fallback(not_here);
    let public = Router::new().nest("/api", Router::new().route("/open", get(hello)));
    let asked = serve(protected().nest("/api", closed).public(public)).await;
    assert!(asked.is_open(Method::GET, "/api/open").await);
    assert!(asked.is_closed(Method::GET, "/api/closed", 200, "hello").await);
    assert!(asked.is_closed(Method::GET, "/api/nowhere", 404, "not here").await);
}

#[tokio::test]
async fn path_can_mix_public_and_closed_methods_and_the_rest_are_closed() {
    let asked = serve(protected().route("/", post(hello)).public(Router::new().route("/", get(hello)))).await;
    assert!(asked.is_open(Method::GET, "/").await);
    assert!(asked.is_open(Method::HEAD, "/").await);
    assert!(asked.is_closed(Method::POST, "/", 200, "hello").await);
    assert!(asked.is_closed(Method::DELETE, "/", 405, "").await);
}

#[tokio::test]
async fn wrong_method_is_refused_like_a_right_one() {
    let nested = Router::new().route("/", get(hello).put(hello));
    let asked = serve(protected().route("/a", get(hello).put(hello)).nest("/b", nested)).await;
    for path in ["/a", "/b"] {
        let [right, wrong] = [asked.nobody(Method::GET, path).await, asked.nobody(Method::DELETE, path).await];
        assert!(right.is(401, "missing_credentials") && wrong.is(401, "missing_credentials"), "{path}");
        assert_eq!(right.challenges(), wrong.challenges(), "{path}");
        let told = asked.ann(Method::DELETE, path).await;
        assert_eq!((told.status, told.header("allow")), (405, Some("GET,HEAD,PUT")), "{path}");
    }
}

#[tokio::test]
async fn fallback_for_a_wrong_method_is_closed() {
    async fn wrong() -> impl IntoResponse {
        (StatusCode::METHOD_NOT_ALLOWED, "another method")
    }
    let nested = Router::new().route("/", get(hello));
    let whole = protected().route("/a", get(hello)).nest("/b", nested).method_not_allowed_fallback(wrong);
    let asked = serve(whole).await;
    for path in ["/a", "/b"] {
        assert!(asked.is_closed(Method::DELETE, path, 405, "another method").await, "{path}");
    }
}

#[tokio::test]
async fn handshake_through_a_closed_route_is_refused_or_opens_a_socket() {
    let asked = serve(protected().route("/ws", any(echo))).await;
    assert!(asked.server.refused(&[]).await.is(401, "missing_credentials"));
    assert!(asked.server.open(&bearer_of("ann")).await.echoes("hello").await);
}

#[tokio::test]
async fn first_message_layer_closes_routes_too() {
    let whole = Protected::new(layer(jwt_or_basic()).first_message());
    let asked = serve(whole.route("/ws", any(echo)).route("/me", get(me)).fallback(not_here)).await;
    assert!(asked.is_closed(Method::GET, "/me", 200, "ann").await);
    assert!(asked.is_closed(Method::GET, "/nowhere", 404, "not here").await);
    let (mut client, _) = asked.server.connect("/ws", &[("sec-websocket-protocol", "auth.v1")]).await.unwrap();
    assert_eq!(client.present(&token("ann", 60)).await["type"], "auth_ok");
    assert!(client.echoes("hello").await);
}

#[tokio::test]
async fn requirement_of_a_route_runs_inside_the_layer() {
    let with_scope = Router::new().route("/merged", get(hello)).layer(require_scope::<User>("chat:write"));
    let whole = protected().route("/route", get(hello).layer(require_scope::<User>("chat:write"))).merge(with_scope);
    let asked = serve(whole).await;
    for path in ["/route", "/merged"] {
        assert!(asked.nobody(Method::GET, path).await.is(401, "missing_credentials"));
        assert!(asked.ann(Method::GET, path).await.is(403, "insufficient_scope"));
        let writes = serde_json::json!({ "sub": "ann", "exp": 1_800_000_060, "scope": "chat:write" });
        let headers = [("authorization", &*format!("Bearer {}", signed(&writes)))];
        assert_eq!(asked.server.get(path, &headers).await.body, "hello");
    }
}

#[tokio::test]
async fn preflight_is_refused_without_a_cors_layer_around_the_router() {
    let preflight = [("origin", "https://app.example"), ("access-control-request-method", "PUT")];
    let whole = protected().route("/a", get(hello).put(hello));
    let without = serve(whole.clone()).await.server;
    assert!(without.send(Method::OPTIONS, "/a", &preflight, "").await.is(401, "missing_credentials"));

    let cors = CorsLayer::new().allow_origin(["https://app.example".parse().unwrap()]).allow_methods([Method::PUT]);
    let with = serve(whole.into_router().layer(cors)).await.server;
    let answer = with.send(Method::OPTIONS, "/a", &preflight, "").await;
    assert_eq!((answer.status, answer.header("access-control-allow-methods")), (200, Some("PUT")));
    let refused = with.send(Method::PUT, "/a", &preflight[..1], "").await;
    assert!(refused.is(401, "missing_credentials"));
    assert_eq!(refused.header("access-control-allow-origin"), Some("https://app.example"));
}

#[tokio::test]
async fn finished_routers_of_two_chains_can_be_merged() {
    let basic_alone = Protected::new(layer(auth_core::Chain::new().or(basic()))).route("/login", post(hello));
    let public = Router::new().route("/open", get(hello));
    let asked = serve(Router::new().merge(protected().route("/a", get(hello)).public(public)).merge(basic_alone)).await;
    assert!(asked.is_closed(Method::GET, "/a", 200, "hello").await);
    assert!(asked.is_open(Method::GET, "/open").await);
    // A token is not a password.
    assert_eq!(asked.ann(Method::POST, "/login").await.status, 401);
    let headers = [("authorization", "Basic YW5uOnBhc3N3b3Jk")];
    assert_eq!(asked.server.send(Method::POST, "/login", &headers, "").await.body, "hello");
    assert_eq!(asked.nobody(Method::GET, "/nowhere").await.status, 404);
}

#[tokio::test]
async fn merging_an_unfinished_router_closes_its_public_routes() {
    let other = protected().public(Router::new().route("/open", get(hello)));
    assert!(serve(protected().merge(other)).await.is_closed(Method::GET, "/open", 200, "hello").await);
}

#[tokio::test]
async fn optional_layer_admits_guests_to_closed_routes() {
    let whole = Protected::new(AuthLayer::optional(jwt_or_basic()).timer(clock())).route("/a", get(hello));
    let asked = serve(whole).await;
    assert!(asked.is_open(Method::GET, "/a").await);
    let wrong = [("authorization", "Bearer a.b.c")];
    assert!(asked.server.get("/a", &wrong).await.is(401, "invalid_credentials"));
}

#[tokio::test]
async fn route_added_to_the_finished_router_is_open() {
    let asked = serve(protected().route("/a", get(hello)).into_router().route("/late", get(hello))).await;
    assert!(asked.is_open(Method::GET, "/late").await);
}

#[test]
#[should_panic(expected = "both have a fallback")]
fn public_fallback_beside_a_closed_one_panics() {
    let _: Router = protected().fallback(hello).public(Router::new().fallback(hello)).into_router();
}

#[test]
#[should_panic(expected = "both have a fallback")]
fn two_closed_fallbacks_panic() {
    let _ = protected::<()>().fallback(hello).merge(Router::new().fallback(hello));
}

#[test]
#[should_panic(expected = "Overlapping method route")]
fn method_that_is_both_public_and_closed_panics() {
    let _: Router = protected().route("/", get(hello)).public(Router::new().route("/", get(hello))).into_router();
}

#[test]
fn debug_shows_the_paths_of_both_sides() {
    let whole = protected::<()>().route("/mine", get(hello)).public(Router::new().route("/open", get(hello)));
    let text = format!("{whole:?}");
    assert!(text.starts_with("Protected") && text.contains("/mine") && text.contains("/open"), "{text}");
}
