//! A fresh credential over an open socket.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use auth_core::{
    Accept, AuthRequest, BoxError, Carrier, Chain, Challenge, Clock as _, ManualClock, Outcome, Rejection, Revocation,
    Secret, Strategy, async_trait,
    extract::{Extractor as _, auth_scheme, bearer, subprotocol},
};
use axum::{Router, extract::ws::Message, response::Response, routing::any};
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio_tungstenite::tungstenite;
use ws_adapter::{AuthLayer, AuthWebSocketUpgrade, Connections, RefreshErrorKind, Sockets};

use crate::{
    common::AnyKey,
    feed::Feed,
    support::{Client, START, Server, User, app, clock, close, expired, jwt_or_basic, protocols, token, token_with_id},
};

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

async fn serve(layer: AuthLayer<User>) -> (Server, ManualClock) {
    let clock = clock();
    (Server::start(app(layer.timer(clock.clone()))).await, clock)
}

/// A socket of `ann` whose token ends a minute after the start, and which speaks `auth.v1`.
async fn open(server: &Server) -> Client {
    open_with(server, &token("ann", 60)).await
}

async fn open_with(server: &Server, token: &str) -> Client {
    server.connect("/ws", &[("sec-websocket-protocol", &protocols(token))]).await.unwrap().0
}

#[tokio::test]
async fn fresh_token_moves_the_end() {
    let (server, clock) = serve(AuthLayer::new(jwt_or_basic())).await;
    let mut client = open(&server).await;
    assert_eq!(client.present(&token("ann", 900)).await, json!({"type": "auth_ok", "ttl": 900}));
    clock.advance(secs(899));
    assert_eq!(client.json().await, json!({"type": "auth_expiring", "ttl": 1}));
    assert!(client.echoes("still here").await);
    clock.advance(secs(1));
    assert_eq!(client.closed().await, expired());
}

#[tokio::test]
async fn shorter_token_brings_the_end_forward() {
    let (server, clock) = serve(AuthLayer::new(jwt_or_basic())).await;
    let mut client = open(&server).await;
    assert_eq!(client.present(&token("ann", 10)).await["ttl"], 10);
    clock.advance(secs(10));
    assert_eq!(client.closed().await, expired());
}

#[tokio::test]
async fn messages_pass_before_during_and_after_a_refresh() {
    let (server, _) = serve(AuthLayer::new(jwt_or_basic())).await;
    let mut client = open(&server).await;
    client.send("one").await;
    client.send(&crate::support::presented(&token("ann", 900))).await;
    client.send("two").await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(client.next().await.unwrap().into_text().unwrap().to_string());
    }
    seen.sort();
    assert_eq!(seen, ["one", "two", r#"{"type":"auth_ok","ttl":900}"#]);
}

#[tokio::test]
async fn token_of_another_user_is_refused_and_the_old_one_stays() {
    let (server, clock) = serve(AuthLayer::new(jwt_or_basic())).await;
    let mut client = open(&server).await;
    let wrong = json!({"type": "auth_error", "code": "invalid_credentials"});
    assert_eq!(client.present(&token("bob", 900)).await, wrong, "like any wrong credential");
    assert!(client.echoes("still ann").await);
    clock.advance(secs(60));
    assert_eq!(client.closed().await, expired());
}

#[tokio::test]
async fn token_within_its_leeway_does_not_extend_the_socket() {
    let (server, _) = serve(AuthLayer::new(jwt_or_basic())).await;
    let mut client = open(&server).await;
    assert_eq!(client.present(&token("ann", -1)).await["code"], "token_expired");
}

#[tokio::test]
async fn third_wrong_credential_closes_with_4401_whatever_succeeds_in_between() {
    let (server, clock) = serve(AuthLayer::new(jwt_or_basic())).await;
    let mut client = open(&server).await;
    for _ in 0..2 {
        assert_eq!(client.present("a.b.c").await["code"], "invalid_credentials");
        assert_eq!(client.present(&token("ann", 900)).await["type"], "auth_ok");
    }
    // Setting the clock does not forgive anything.
    clock.set(clock.now() + Duration::from_secs(600));
    client.send(&crate::support::presented("a.b.c")).await;
    assert_eq!(client.closed().await, close(4401, "invalid_credentials"));
}

#[tokio::test]
async fn wrong_credential_is_forgiven_after_five_minutes() {
    let (server, clock) = serve(AuthLayer::new(jwt_or_basic())).await;
    let mut client = open(&server).await;
    for _ in 0..5 {
        assert_eq!(client.present(&token("ann", 100_000)).await["type"], "auth_ok");
        assert_eq!(client.present("a.b.c").await["code"], "invalid_credentials");
        clock.advance(Duration::from_secs(300));
    }
}

#[tokio::test]
async fn auth_message_without_a_credential_counts_as_wrong() {
    let (server, _) = serve(AuthLayer::new(jwt_or_basic())).await;
    let mut client = open(&server).await;
    client.send(r#"{"type":"auth"}"#).await;
    assert_eq!(client.json().await, json!({"type": "auth_error", "code": "invalid_request"}));
    client.send(r#"{"type":"auth","scheme":"bearer","credentials":""}"#).await;
    assert_eq!(client.json().await["code"], "invalid_request");
    client.send(r#"{"type":"auth","scheme":"bearer","credentials":1}"#).await;
    assert_eq!(client.closed().await, close(4401, "invalid_credentials"));
}

#[tokio::test]
async fn client_that_does_not_wait_for_the_answer_is_closed() {
    let (server, _) = serve(AuthLayer::new(jwt_or_basic())).await;
    let mut client = open(&server).await;
    // The store hangs for this user, so the first message is never answered.
    for _ in 0..4 {
        client.send(&crate::support::presented(&token("stuck", 900))).await;
    }
    assert_eq!(client.closed().await, close(4401, "invalid_credentials"));
}

#[tokio::test]
async fn outage_does_not_count_as_a_wrong_credential() {
    let (server, _) = serve(AuthLayer::new(jwt_or_basic())).await;
    let mut client = open(&server).await;
    for _ in 0..5 {
        assert_eq!(client.present(&token("broken", 900)).await["code"], "unavailable");
        assert_eq!(client.present(&token("panic", 900)).await["code"], "internal_error");
    }
    assert!(client.echoes("still here").await);
}

#[tokio::test]
async fn basic_credential_refreshes_a_socket_and_never_ends() {
    let (server, clock) = serve(AuthLayer::new(jwt_or_basic())).await;
    let mut client = open(&server).await;
    client.send(r#"{"type":"auth","scheme":"Basic","credentials":"YW5uOnBhc3N3b3Jk"}"#).await;
    assert_eq!(client.json().await, json!({"type": "auth_ok"}));
    clock.advance(secs(60));
    assert!(client.echoes("still here").await);
}

#[tokio::test]
async fn chain_without_principal_ids_refreshes_nothing() {
    let socket = async |ws: AuthWebSocketUpgrade<&'static str>| {
        ws.on_upgrade(|mut socket| async move { while socket.recv().await.is_some() {} })
    };
    let layer = AuthLayer::new(Chain::new().or(AnyKey)).timer(clock());
    let server = Server::start(Router::new().route("/ws", any(socket)).layer(layer)).await;
    let mut client = open(&server).await;
    let answer = client.present(&token("ann", 900)).await;
    assert_eq!(
        answer,
        json!({"type": "auth_error", "code": "invalid_credentials"}),
        "two guests are not the same user"
    );
}

/// Accepts each code once, and again in the same request.
#[derive(Default)]
struct Codes(Mutex<Vec<String>>);

struct Used(String);

#[async_trait]
impl Strategy for Codes {
    type User = User;

    fn name(&self) -> &str {
        "codes"
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.push(Challenge::new("Code"));
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<User>, BoxError> {
        let code = match auth_scheme("Code").extract(request) {
            Ok(Some(code)) => code.expose().to_owned(),
            _ => return Ok(Outcome::Absent),
        };
        let mut used = self.0.lock().unwrap();
        let is_fresh = !used.contains(&code);
        if !is_fresh && request.recall(|used: &Used| (used.0 == code).then_some(())).is_none() {
            return Ok(Outcome::Reject(Rejection::invalid_credentials()));
        }
        request.remember(Used(code.clone()));
        used.push(code);
        Ok(Outcome::Accept(Accept::new(User("ann".into()), Carrier::Header)))
    }
}

#[tokio::test]
async fn one_time_credential_refreshes_only_once() {
    let (server, _) = serve(AuthLayer::new(jwt_or_basic().or(Codes::default()))).await;
    let mut client = open(&server).await;
    let mut present = async |code: &str| {
        client.send(&json!({ "type": "auth", "scheme": "Code", "credentials": code }).to_string()).await;
        client.json().await["type"].as_str().unwrap().to_owned()
    };
    assert_eq!([present("a").await, present("b").await, present("a").await], ["auth_ok", "auth_ok", "auth_error"]);
}

#[tokio::test]
async fn socket_without_auth_v1_leaves_auth_messages_to_the_handler() {
    let (server, _) = serve(AuthLayer::new(jwt_or_basic())).await;
    let mut client = server.open(&crate::support::bearer_of("ann")).await;
    assert!(client.echoes(&crate::support::presented("a.b.c")).await);
}

#[tokio::test]
async fn expiry_notice_comes_a_minute_before_the_end() {
    let (server, clock) = serve(AuthLayer::new(jwt_or_basic())).await;
    let mut client = open_with(&server, &token("ann", 900)).await;
    clock.advance(secs(840));
    assert_eq!(client.json().await, json!({"type": "auth_expiring", "ttl": 60}));
}

#[tokio::test]
async fn expiry_notice_can_come_earlier() {
    let (server, clock) = serve(AuthLayer::new(jwt_or_basic()).sockets(Sockets::new().expiry_notice(secs(300)))).await;
    let mut client = open_with(&server, &token("ann", 900)).await;
    clock.advance(secs(600));
    assert_eq!(client.json().await, json!({"type": "auth_expiring", "ttl": 300}));
}

/// A server whose verify callback moves the clock by a minute when it sees a fresh token. So the old token ends while the new
/// one is checked, exactly when the answer is due.
async fn slow_server(handler: axum::routing::MethodRouter) -> Server {
    let clock = clock();
    let moved = clock.clone();
    let jwt = auth_jwt::Jwt::<serde_json::Value>::hs256("a secret of at least thirty-two bytes").unwrap();
    let jwt = jwt.extract(bearer().or(subprotocol("auth.bearer.")));
    let jwt = jwt.verify(move |_: serde_json::Value, request: auth_core::RequestInfo| {
        if request.transport() == auth_core::Transport::InBand {
            moved.advance(secs(60));
        }
        async { Some(User("ann".into())) }
    });
    let layer = AuthLayer::new(Chain::new().or(jwt)).timer(clock);
    Server::start(Router::new().route("/ws", handler).layer(layer)).await
}

#[tokio::test]
async fn fresh_token_accepted_after_the_end_comes_too_late() {
    let server = slow_server(any(crate::support::echo)).await;
    let mut client = open(&server).await;
    client.send(&crate::support::presented(&token("ann", 900))).await;
    match client.next().await {
        Some(tungstenite::Message::Close(Some(frame))) => assert_eq!(frame.reason.as_str(), "token_expired"),
        other => panic!("something came before the close: {other:?}"),
    }
}

#[tokio::test]
async fn refresh_method_takes_no_token_after_the_end() {
    async fn handler(ws: AuthWebSocketUpgrade<User>) -> Response {
        ws.on_upgrade(|socket| async move {
            let error = socket.refresh("bearer", &Secret::new(token("ann", 900))).await.unwrap_err();
            assert_eq!(error.code(), "ended");
            assert_eq!(socket.ends_at(), Some(*START + secs(60)));
            std::future::pending::<()>().await;
        })
    }
    let server = slow_server(any(handler)).await;
    let mut client = server.open(&crate::support::bearer_of("ann")).await;
    assert_eq!(client.closed().await, expired(), "the handler panicked, so it saw something wrong");
}

/// Whichever comes first, one of the two credentials holds, and the client knows which.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refresh_and_expiry_at_once_have_one_outcome() {
    let clock = clock();
    let server = Server::start(app(AuthLayer::new(jwt_or_basic()).timer(clock.clone()))).await;
    let (mut refreshed, mut ended) = (0, 0);
    for round in 0..300 {
        let start = clock_secs(&clock);
        let mut client = open_with(&server, &token("ann", start + 60)).await;
        assert!(client.echoes("open").await);
        let presented = crate::support::presented(&token("ann", start + 900));
        let moves = clock.clone();
        // The timer of the runtime is too coarse.
        let moved = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_micros(round % 60 * 10));
            moves.advance(secs(60));
        });
        // The peer may be gone by now.
        let _ = client.0.send(tungstenite::Message::text(presented)).await;
        loop {
            match client.next().await {
                Some(tungstenite::Message::Text(text)) if text.contains("auth_expiring") => {}
                Some(tungstenite::Message::Text(text)) => {
                    assert!(text.contains("auth_ok"), "{text}");
                    moved.join().unwrap();
                    assert!(client.echoes("it lives").await);
                    refreshed += 1;
                    break;
                }
                Some(tungstenite::Message::Close(Some(frame))) => {
                    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (4401, "token_expired"));
                    moved.join().unwrap();
                    ended += 1;
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(refreshed + ended, 300);
    assert!(refreshed > 0 && ended > 0, "one side always came first: {refreshed} refreshed, {ended} ended");
}

fn clock_secs(clock: &ManualClock) -> i64 {
    use auth_core::Clock as _;
    clock.now().duration_since(*START).unwrap().as_secs().try_into().unwrap()
}

#[tokio::test]
async fn revoked_token_does_not_refresh() {
    let (feed, connections) = (Feed::new(), Connections::new());
    connections.follow(feed.clone());
    let (server, _) = serve(AuthLayer::new(jwt_or_basic()).sockets(Sockets::new().connections(&connections))).await;
    let mut client = open_with(&server, &token_with_id("ann", 60, "old")).await;
    feed.revoke(Revocation::credential("", "new"));
    assert_eq!(client.present(&token_with_id("ann", 900, "new")).await["code"], "revoked");
    assert!(client.echoes("the old one stays").await);
    feed.is_away(true);
    assert_eq!(client.present(&token_with_id("ann", 900, "newer")).await["code"], "unavailable");
    feed.is_away(false);
    assert!(client.echoes("the old one still stays").await);
}

#[tokio::test]
async fn after_a_refresh_only_the_new_credential_counts() {
    let (feed, connections) = (Feed::new(), Connections::new());
    connections.follow(feed.clone());
    feed.is_followed().await;
    let (server, _) = serve(AuthLayer::new(jwt_or_basic()).sockets(Sockets::new().connections(&connections))).await;
    let mut client = open_with(&server, &token_with_id("ann", 60, "old")).await;
    assert_eq!(client.present(&token_with_id("ann", 900, "new")).await["type"], "auth_ok");
    assert!(client.echoes("swapped").await);
    feed.revoke(Revocation::credential("", "old"));
    assert!(client.echoes("still here").await);
    feed.revoke(Revocation::credential("", "new"));
    assert_eq!(client.closed().await, close(4403, "revoked"));
}

/// A handler with its own message for a refresh: `fresh <token>`.
async fn own_protocol(ws: AuthWebSocketUpgrade<User>) -> Response {
    ws.on_upgrade(|mut socket| async move {
        while let Some(Message::Text(text)) = socket.recv().await {
            let answer = match text.strip_prefix("fresh ") {
                Some(token) => match socket.refresh("bearer", &Secret::new(token)).await {
                    Ok(end) => format!("until {}", end.unwrap().duration_since(*START).unwrap().as_secs()),
                    Err(error) => format!("{} {}", error.code(), kind(error.kind())),
                },
                None => {
                    let user = socket.user();
                    assert_eq!(user.evidence().expires_at(), socket.ends_at());
                    format!("{} {}", user.0, user.evidence().credential_id().unwrap().id())
                }
            };
            let _ = socket.send(Message::Text(answer.into())).await;
        }
    })
}

fn kind(kind: &RefreshErrorKind) -> &'static str {
    match kind {
        RefreshErrorKind::Refused(_) => "refused",
        RefreshErrorKind::Malformed => "malformed",
        _ => "other",
    }
}

async fn own_protocol_server() -> Server {
    let layer = AuthLayer::new(jwt_or_basic()).timer(clock());
    Server::start(Router::new().route("/ws", any(own_protocol)).layer(layer)).await
}

async fn says(client: &mut Client, text: &str) -> String {
    client.send(text).await;
    client.next().await.unwrap().into_text().unwrap().to_string()
}

#[tokio::test]
async fn custom_protocol_refreshes_with_the_method() {
    let server = own_protocol_server().await;
    let mut client = server.open(&format!("Bearer {}", token_with_id("ann", 60, "old"))).await;
    assert_eq!(says(&mut client, "who").await, "ann old");
    assert_eq!(says(&mut client, &format!("fresh {}", token_with_id("ann", 900, "new"))).await, "until 900");
    assert_eq!(says(&mut client, "who").await, "ann new");
    assert_eq!(says(&mut client, "fresh a.b.c").await, "invalid_credentials refused");
    let bobs = format!("fresh {}", token("bob", 900));
    assert_eq!(says(&mut client, &bobs).await, "invalid_credentials refused");
    client.send("fresh two\nlines").await;
    let closed = client.closed().await;
    assert_eq!(closed, close(4401, "invalid_credentials"), "the method counts wrong credentials too");
}

#[tokio::test]
async fn dropped_refresh_allows_another() {
    async fn handler(ws: AuthWebSocketUpgrade<User>) -> Response {
        ws.on_upgrade(|mut socket| async move {
            let stuck = Secret::new(token("stuck", 900));
            {
                let mut given_up = std::pin::pin!(socket.refresh("bearer", &stuck));
                assert!(given_up.as_mut().now_or_never().is_none());
                let meanwhile = socket.refresh("bearer", &stuck).await.unwrap_err();
                assert_eq!(meanwhile.code(), "in_progress");
            }
            let end = socket.refresh("bearer", &Secret::new(token("ann", 900))).await.unwrap();
            assert_eq!(end, Some(*START + secs(900)));
            socket.send(Message::text("done")).await.unwrap();
        })
    }
    let layer = AuthLayer::new(jwt_or_basic()).timer(clock());
    let server = Server::start(Router::new().route("/ws", any(handler)).layer(layer)).await;
    let mut client = server.open(&crate::support::bearer_of("ann")).await;
    assert_eq!(client.next().await.unwrap().into_text().unwrap().as_str(), "done");
}

#[tokio::test]
async fn refresh_reaches_the_inner_layer_and_the_outer_still_ends_it() {
    let clock = clock();
    let outer =
        Chain::new().or(crate::support::jwt_from(auth_core::extract::header("x-outer"))).map_user(|user| user.0);
    let outer = AuthLayer::new(outer).timer(clock.clone());
    let inner = AuthLayer::new(jwt_or_basic()).timer(clock.clone());
    let server = Server::start(app(inner).layer(outer)).await;
    let (outer, protocols) = (token("ann", 600), protocols(&token("ann", 60)));
    let headers = [("x-outer", outer.as_str()), ("sec-websocket-protocol", &protocols)];
    let mut client = server.connect("/ws", &headers).await.unwrap().0;
    assert_eq!(client.present(&token("ann", 900)).await["ttl"], 600, "the end of the socket, not of the token");
    clock.advance(secs(599));
    assert!(client.json().await["type"] == "auth_expiring");
    assert!(client.echoes("still here").await);
    clock.advance(secs(1));
    assert_eq!(client.closed().await, expired());
}

#[tokio::test]
async fn chain_sees_a_refresh_as_authorization_of_the_handshake() {
    type Seen = Arc<Mutex<Vec<(auth_core::Transport, String, bool)>>>;
    let seen = Seen::default();
    let watched = Arc::clone(&seen);
    let jwt = auth_jwt::Jwt::<serde_json::Value>::hs256("a secret of at least thirty-two bytes").unwrap();
    let jwt = jwt.verify(move |_: serde_json::Value, request: auth_core::RequestInfo| {
        let host = request.headers().contains_key("host");
        watched.lock().unwrap().push((request.transport(), request.uri().to_string(), host));
        async { Some(User("ann".into())) }
    });
    let (server, _) = serve(AuthLayer::new(Chain::new().or(jwt))).await;
    let authorization = crate::support::bearer_of("ann");
    let headers = [("authorization", authorization.as_str()), ("sec-websocket-protocol", "auth.v1")];
    let mut client = server.connect("/ws?room=1", &headers).await.unwrap().0;
    assert_eq!(client.present(&token("ann", 900)).await["type"], "auth_ok");
    let seen = seen.lock().unwrap();
    assert_eq!(seen[1], (auth_core::Transport::InBand, "/ws?room=1".into(), true));
}

#[tokio::test]
async fn refresh_answers_and_keeps_the_old_credential_if_the_check_hangs() {
    let (feed, connections) = (Feed::new(), Connections::new());
    connections.follow(feed.clone());
    let layer = AuthLayer::new(jwt_or_basic())
        .decision_timeout(Duration::from_millis(100))
        .sockets(Sockets::new().connections(&connections));
    let (server, _) = serve(layer).await;
    let mut client = open(&server).await;
    feed.hangs(true);
    assert_eq!(client.present(&token("ann", 900)).await["code"], "unavailable");
    feed.hangs(false);
    assert_eq!(client.present(&token("ann", 900)).await["type"], "auth_ok");
}

/// The sender waits in another task, while one of our own messages waits for the same peer.
#[tokio::test]
async fn sender_in_another_task_learns_that_the_peer_is_gone() {
    let connections = Connections::new();
    async fn flood(ws: AuthWebSocketUpgrade<User>) -> Response {
        ws.on_upgrade(|socket| async move {
            let (mut sender, mut receiver) = socket.split();
            let sending = tokio::spawn(async move {
                let message = Message::text("x".repeat(10_000));
                while sender.send(message.clone()).await.is_ok() {}
            });
            let receiving = tokio::spawn(async move { while receiver.next().await.is_some() {} });
            let _ = tokio::join!(sending, receiving);
        })
    }
    let layer =
        AuthLayer::new(jwt_or_basic()).timer(clock()).sockets(Sockets::new().connections(&connections).without_ping());
    let server = Server::start(Router::new().route("/ws", any(flood)).layer(layer)).await;
    let mut client = server
        .connect("/ws", &[("authorization", "Basic YW5uOnBhc3N3b3Jk"), ("sec-websocket-protocol", "auth.v1")])
        .await
        .unwrap()
        .0;
    client.send(&crate::support::presented("a.b.c")).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let tokio_tungstenite::MaybeTlsStream::Plain(stream) = client.0.get_ref() else { panic!("TLS") };
    stream.set_zero_linger().unwrap();
    drop(client);
    crate::common::eventually(|| connections.entries() == [0, 0, 0]).await;
}
