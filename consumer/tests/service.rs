//! The service, as its clients see it.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use auth_basic::Argon2Passwords;
use auth_core::{Authenticated, ManualClock};
use auth_jwt::Signer;
use axum::{Router, body::Body};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use consumer::{Members, Sessions, Setup, app};
use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_tungstenite::{
    connect_async,
    tungstenite::{self, Message, client::IntoClientRequest as _},
};
use tower::ServiceExt as _;

const TOKEN_SECRET: &str = "a secret of the tokens, long enough";

/// A cheap hash, so that the tests are fast.
const CHEAP: &str = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

struct Service {
    setup: Setup,
    clock: ManualClock,
    router: Router,
}

impl Service {
    async fn start() -> Self {
        let clock = ManualClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
        let passwords = Argon2Passwords::with_params_of(CHEAP).unwrap();
        let setup = Setup {
            members: Members::enrol(passwords, &[("ada", "lovelace"), ("alan", "turing")]).await.unwrap(),
            sessions: Sessions::new(&[7; 32]),
            token_secret: TOKEN_SECRET.to_owned(),
            timer: Arc::new(clock.clone()),
        };
        let router = app(&setup).unwrap();
        Self { setup, clock, router }
    }

    async fn ask(&self, request: Request<Body>) -> Response<String> {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Response::from_parts(parts, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn get(&self, path: &str, headers: &[(&'static str, String)]) -> Response<String> {
        let mut request = Request::get(path).body(Body::empty()).unwrap();
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        self.ask(request).await
    }

    async fn log_in(&self, name: &str, password: &str) -> Response<String> {
        let form = format!("username={name}&password={password}");
        let request = Request::post("/session").header("content-type", "application/x-www-form-urlencoded");
        self.ask(request.body(Body::from(form)).unwrap()).await
    }

    /// The `Cookie` of a member who has logged in with the form.
    async fn cookie(&self, name: &str, password: &str) -> (&'static str, String) {
        let response = self.log_in(name, password).await;
        assert_eq!(response.status(), 204, "{}", response.body());
        let cookie = response.headers()["set-cookie"].to_str().unwrap();
        ("cookie", cookie.split(';').next().unwrap().to_owned())
    }

    fn token(&self, subject: &str, audience: &str) -> String {
        let signer = Signer::hs256(TOKEN_SECRET).unwrap().audience(audience).clock(self.clock.clone());
        signer.sign_for(&json!({ "sub": subject }), Duration::from_secs(60)).unwrap().expose().to_owned()
    }

    /// Serves on a free port, and returns its `host:port`.
    async fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = self.router.clone();
        tokio::spawn(async move { axum::serve(listener, router).await });
        address.to_string()
    }
}

fn basic(name: &str, password: &str) -> (&'static str, String) {
    ("authorization", format!("Basic {}", STANDARD.encode(format!("{name}:{password}"))))
}

fn bearer(token: &str) -> (&'static str, String) {
    ("authorization", format!("Bearer {token}"))
}

fn challenges(headers: &HeaderMap) -> Vec<&str> {
    headers.get_all("www-authenticate").iter().map(|value| value.to_str().unwrap()).collect()
}

fn code(response: &Response<String>) -> String {
    let problem: Value = serde_json::from_str(response.body()).unwrap();
    problem["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn each_of_the_three_strategies_accepts_its_member() {
    let service = Service::start().await;
    let token = service.token("2", "notes");
    for (header, name, strategy) in [
        (bearer(&token), "alan", "jwt"),
        (basic("ada", "lovelace"), "ada", "basic"),
        (service.cookie("ada", "lovelace").await, "ada", "session"),
    ] {
        let response = service.get("/notes", &[header]).await;
        assert_eq!(response.status(), 200);
        let who: Value = serde_json::from_str(response.body()).unwrap();
        assert_eq!(who, json!({ "name": name, "strategy": strategy }));
    }
}

#[tokio::test]
async fn missing_credentials_get_every_challenge() {
    let response = Service::start().await.get("/notes", &[]).await;
    assert_eq!((response.status().as_u16(), code(&response).as_str()), (401, "missing_credentials"));
    assert_eq!(challenges(response.headers()), [r#"Bearer realm="notes""#, r#"Basic realm="notes", charset="UTF-8""#]);
}

#[tokio::test]
async fn wrong_password_and_unknown_member_get_the_same_answer() {
    let service = Service::start().await;
    let wrong = service.get("/notes", &[basic("ada", "wrong")]).await;
    let unknown = service.get("/notes", &[basic("nobody", "lovelace")]).await;
    assert_eq!(wrong.status(), 401);
    assert_eq!((wrong.status(), wrong.headers(), wrong.body()), (unknown.status(), unknown.headers(), unknown.body()));
}

#[tokio::test]
async fn token_for_another_audience_gets_an_error_on_bearer_only() {
    let service = Service::start().await;
    let response = service.get("/notes", &[bearer(&service.token("1", "elsewhere"))]).await;
    assert_eq!(response.status(), 401);
    let challenges = challenges(response.headers());
    assert!(challenges[0].starts_with("Bearer ") && challenges[0].contains(r#"error="invalid_token""#));
    assert_eq!(challenges[1], r#"Basic realm="notes", charset="UTF-8""#);
}

#[tokio::test]
async fn wrong_login_does_not_fall_through_to_a_good_cookie() {
    let service = Service::start().await;
    let cookie = service.cookie("ada", "lovelace").await;
    assert_eq!(service.get("/notes", &[basic("ada", "wrong"), cookie]).await.status(), 401);
}

#[tokio::test]
async fn unreachable_member_store_is_a_503() {
    let response = Service::start().await.get("/notes", &[basic("lost", "x")]).await;
    assert_eq!(response.status(), 503);
    assert!(challenges(response.headers()).is_empty());
}

#[tokio::test]
async fn session_ends() {
    let service = Service::start().await;
    let cookie = service.cookie("ada", "lovelace").await;
    service.clock.advance(Duration::from_secs(3599));
    assert_eq!(service.get("/notes", std::slice::from_ref(&cookie)).await.status(), 200);
    service.clock.advance(Duration::from_secs(1));
    let response = service.get("/notes", &[cookie]).await;
    assert_eq!((response.status().as_u16(), code(&response).as_str()), (401, "session_expired"));
}

#[tokio::test]
async fn tampered_session_is_refused() {
    let service = Service::start().await;
    let (name, cookie) = service.cookie("ada", "lovelace").await;
    for forged in [
        cookie.replace("session=1.", "session=2."),
        cookie[..cookie.len() - 1].to_owned(),
        format!("{cookie}A"),
        "session=1".to_owned(),
        "session=..".to_owned(),
    ] {
        let response = service.get("/notes", &[(name, forged.clone())]).await;
        assert_eq!((response.status().as_u16(), code(&response).as_str()), (401, "invalid_credentials"), "{forged}");
    }
}

#[tokio::test]
async fn wrong_form_login_gets_a_challenge_without_a_browser_prompt() {
    let service = Service::start().await;
    let response = service.log_in("ada", "wrong").await;
    assert_eq!(response.status(), 401);
    assert_eq!(challenges(response.headers()), [r#"xBasic realm="notes", charset="UTF-8""#]);
    let half = Request::post("/session").header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(service.ask(half.body(Body::from("username=ada")).unwrap()).await.status(), 400);
}

#[tokio::test]
async fn account_requires_session_and_password_of_one_member() {
    let service = Service::start().await;
    let ada = service.cookie("ada", "lovelace").await;
    let response = service.get("/account", &[ada.clone(), basic("ada", "lovelace")]).await;
    assert_eq!(response.status(), 200, "{}", response.body());
    assert!(response.body().contains("session+basic"), "{}", response.body());
    for (headers, status) in [
        (vec![ada.clone()], 401),
        (vec![basic("ada", "lovelace")], 401),
        (vec![ada.clone(), basic("ada", "wrong")], 401),
        (vec![ada, basic("alan", "turing")], 403),
    ] {
        assert_eq!(service.get("/account", &headers).await.status(), status);
    }
}

#[tokio::test]
async fn front_page_is_open_but_refuses_wrong_credentials() {
    let service = Service::start().await;
    assert_eq!(service.get("/", &[]).await.body(), "welcome, guest");
    assert_eq!(service.get("/", &[basic("ada", "lovelace")]).await.body(), "welcome, ada");
    assert_eq!(service.get("/", &[basic("ada", "wrong")]).await.status(), 401);
}

#[tokio::test]
async fn short_secret_does_not_build() {
    let mut setup = Service::start().await.setup;
    setup.token_secret = "short".to_owned();
    assert!(app(&setup).is_err());
}

#[tokio::test]
async fn socket_opens_with_each_strategy_and_closes_with_the_session() {
    let service = Service::start().await;
    let address = service.serve().await;
    let subprotocol = format!("auth.v1, auth.bearer.{}", encoded(&service.token("2", "notes")));
    let origin = ("origin", format!("http://{address}"));
    let cookie = service.cookie("ada", "lovelace").await;
    for (headers, greeting) in [
        (vec![basic("ada", "lovelace")], "hello, ada"),
        (vec![("sec-websocket-protocol", subprotocol)], "hello, alan"),
        (vec![cookie, origin], "hello, ada"),
    ] {
        let mut socket = open(&address, &headers).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text(greeting));
        socket.send(Message::text("and back")).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("and back"));
        if headers.len() == 2 {
            service.clock.advance(Duration::from_secs(3600));
            let Some(Ok(Message::Close(Some(close)))) = socket.next().await else { panic!("it should have closed") };
            assert_eq!((u16::from(close.code), close.reason.as_str()), (4401, "token_expired"));
        }
    }
}

#[tokio::test]
async fn socket_is_refused_like_a_route() {
    let service = Service::start().await;
    let address = service.serve().await;
    let cookie = service.cookie("ada", "lovelace").await;
    for (headers, status) in [
        (vec![], 401),
        (vec![basic("ada", "wrong")], 401),
        (vec![cookie.clone()], 403),
        (vec![cookie, ("origin", "http://elsewhere.example".to_owned())], 403),
    ] {
        assert_eq!(open(&address, &headers).await.unwrap_err(), status);
    }
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// Opens a socket, or returns the status of the refusal.
async fn open(address: &str, headers: &[(&'static str, String)]) -> Result<Socket, u16> {
    let mut request = format!("ws://{address}/live").into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    match connect_async(request).await {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

/// A token in the form that a subprotocol can carry.
fn encoded(token: &str) -> String {
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(token)
}

/// Stands in for a function that is not there. If it were there, it would be called instead, and give no `bool`.
trait NotThere {
    fn dangerous_unchecked(_: &str) -> bool {
        true
    }
}

impl<U> NotThere for Authenticated<U> {}

#[test]
fn evidence_that_no_chain_has_checked_needs_a_feature() {
    assert!(Authenticated::<&str>::dangerous_unchecked("root"));
}
