//! Codecs for first messages: GraphQL over WebSocket, and the protocols of well-known servers.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex},
    time::Duration,
};

use auth_core::{Revocation, Secret};
use axum::{
    Router,
    extract::ws::Message as Received,
    response::Response,
    routing::{any, get},
};
use futures_util::SinkExt as _;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Notify,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Message, protocol::Role},
};
use ws_adapter::{
    AuthLayer, AuthV1, AuthWebSocketUpgrade, Close, CloseCodes, Connections, Decoded, FirstMessageCodec,
    FirstMessageLayer, GraphqlTransportWs, Sockets,
};

use crate::{
    common::{eventually, everything, refusals},
    support::{
        Client, Server, User, bearer_of, clock, close, echo, jwt_or_basic, layer, me, presented, token, token_with_id,
    },
};

const GRAPHQL: &str = "graphql-transport-ws";
const OFFERED: [(&str, &str); 1] = [("sec-websocket-protocol", GRAPHQL)];

fn init(token: &str) -> String {
    json!({"type": "connection_init", "payload": {"Authorization": format!("Bearer {token}")}}).to_string()
}

/// Sends the user and the negotiated subprotocol, and then echoes.
async fn tell(ws: AuthWebSocketUpgrade<User>) -> Response {
    let selected = ws.selected_protocol().cloned();
    ws.on_upgrade(|mut socket| async move {
        let agreed_on = socket.protocol().map(|name| name.to_str().unwrap().to_owned());
        let told = json!({"user": socket.user().0, "protocol": agreed_on}).to_string();
        let _ = socket.send(Received::Text(told.into())).await;
        while let Some(message) = socket.recv().await {
            if socket.send(message).await.is_err() {
                break;
            }
        }
        assert!(selected.is_none() || selected.as_ref() == socket.protocol());
    })
}

async fn serve(layer: FirstMessageLayer<User>) -> Server {
    let bare = get(|| async { "for users only" });
    let routes = Router::new().route("/ws", any(tell)).route("/echo", any(echo));
    Server::start(routes.route("/bare", bare).route("/me", any(me)).layer(layer)).await
}

fn graphql() -> FirstMessageLayer<User> {
    layer(jwt_or_basic()).first_message().codec(GraphqlTransportWs::new())
}

async fn anonymous(server: &Server, path: &str) -> Client {
    server.connect(path, &OFFERED).await.unwrap().0
}

fn told(user: &str, protocol: Option<&str>) -> Value {
    json!({"user": user, "protocol": protocol})
}

#[tokio::test]
async fn good_init_is_acknowledged_and_the_handler_gets_the_rest() {
    let server = serve(graphql()).await;
    let (mut client, answer) = server.connect("/ws", &OFFERED).await.unwrap();
    assert_eq!(answer.header("sec-websocket-protocol"), Some(GRAPHQL));
    client.send(&init(&token("ann", 60))).await;
    client.send("pipelined").await;
    assert_eq!(client.json().await, json!({"type": "connection_ack"}));
    assert_eq!(client.json().await, told("ann", Some(GRAPHQL)));
    assert_eq!(client.next().await, Some(Message::text("pipelined")));
}

#[tokio::test]
async fn forwarded_init_reaches_the_handler_first_and_only_it_answers() {
    let server = serve(layer(jwt_or_basic()).first_message().codec(GraphqlTransportWs::new().forward())).await;
    let mut client = anonymous(&server, "/echo").await;
    let init = init(&token("ann", 60));
    client.send(&init).await;
    client.send("pipelined").await;
    assert_eq!(client.next().await, Some(Message::text(init)));
    assert_eq!(client.next().await, Some(Message::text("pipelined")));
}

#[tokio::test]
async fn message_in_the_default_form_can_be_forwarded_too() {
    struct Forwarded;
    impl FirstMessageCodec for Forwarded {
        fn decode(&self, message: &Received) -> Decoded {
            AuthV1::default().decode(message)
        }
        fn accepted(&self, _: &Received, _: Option<Duration>) -> Option<Received> {
            None
        }
        fn forwards(&self) -> bool {
            true
        }
    }
    let server = serve(layer(jwt_or_basic()).first_message().codec(Forwarded)).await;
    let mut client = server.connect("/echo", &[("sec-websocket-protocol", "auth.v1")]).await.unwrap().0;
    let said = presented(&token("ann", 60));
    client.send(&said).await;
    assert_eq!(client.next().await, Some(Message::text(said)));
    assert_eq!(client.present(&token("ann", 900)).await, json!({"type": "auth_ok", "ttl": 900}), "auth.v1 goes on");
}

#[tokio::test]
async fn token_is_read_from_the_configured_field() {
    let server = serve(layer(jwt_or_basic()).first_message().codec(GraphqlTransportWs::new().field("token"))).await;
    let mut client = anonymous(&server, "/ws").await;
    client.send(&json!({"type": "connection_init", "payload": {"token": token("ann", 60)}}).to_string()).await;
    assert_eq!(client.json().await["type"], "connection_ack");
    assert_eq!(client.json().await["user"], "ann");
}

#[tokio::test]
async fn codec_refuses_with_the_codes_of_its_protocol() {
    for codes in [CloseCodes::Private, CloseCodes::Iana] {
        let layer = layer(jwt_or_basic())
            .sockets(Sockets::new().close_codes(codes))
            .first_message()
            .codec(GraphqlTransportWs::new());
        let server = serve(layer).await;
        let said = |text: &str| Message::text(text);
        for (message, code, reason) in [
            (said(&init(&token("ann", -1))), 4403, "token_expired"),
            (said(&init("a.b.c")), 4401, "invalid_credentials"),
            (said(&init(&token("nobody", 60))), 4401, "invalid_credentials"),
            (said(&init(&token("broken", 60))), 1013, "unavailable"),
            (said(&init(&token("panic", 60))), 4500, "internal_error"),
            (said(&init("a\r\nb")), 4401, "invalid_credentials"),
            (said(r#"{"type":"connection_init"}"#), 4401, "invalid_credentials"),
            (said(r#"{"type":"subscribe","id":"1","payload":{"query":"{me}"}}"#), 4401, "invalid_credentials"),
            (said(r#"{"type":"hello"}"#), 4400, "invalid_message"),
            (said(&presented(&token("ann", 60))), 4400, "invalid_message"),
            (Message::binary(init(&token("ann", 60)).into_bytes()), 4400, "invalid_message"),
            (said(&init(&"a".repeat(17 * 1024))), 1009, "too_big"),
        ] {
            let mut client = anonymous(&server, "/ws").await;
            let _ = client.0.send(message.clone()).await;
            assert_eq!(client.closed().await, close(code, reason), "{message}");
        }
        let mut routed = anonymous(&server, "/bare").await;
        routed.send(&init(&token("ann", 60))).await;
        assert_eq!(routed.closed().await, close(4403, "forbidden"), "a route that opens no socket");
    }
}

#[tokio::test]
async fn codec_translates_expiry_and_revocation_but_not_the_handlers_code() {
    let (connections, clock) = (Connections::new(), clock());
    let layer = AuthLayer::new(jwt_or_basic())
        .timer(clock.clone())
        .sockets(Sockets::new().connections(&connections).close_codes(CloseCodes::Iana));
    let layer = layer.first_message().codec(GraphqlTransportWs::new());
    let own = any(|ws: AuthWebSocketUpgrade<User>| async {
        ws.on_upgrade(|socket| async { socket.close(Close::new(4409, "Subscriber for 1 already exists")) })
    });
    let server = Server::start(Router::new().route("/ws", any(tell)).route("/own", own).layer(layer)).await;
    let mut clients = Vec::new();
    for id in ["one", "two"] {
        let mut client = anonymous(&server, "/ws").await;
        client.send(&init(&token_with_id("ann", 60, id))).await;
        assert_eq!(client.json().await["type"], "connection_ack");
        assert_eq!(client.json().await["user"], "ann");
        clients.push(client);
    }
    connections.close(&Revocation::credential("", "two"), &Close::REVOKED);
    assert_eq!(clients[1].closed().await, close(4401, "revoked"));
    clock.advance(Duration::from_secs(60));
    assert_eq!(clients[0].closed().await, close(4403, "token_expired"));

    let mut client = anonymous(&server, "/own").await;
    client.send(&init(&token("ann", 90))).await;
    assert_eq!(client.closed().await, close(4409, "Subscriber for 1 already exists"));
}

#[tokio::test]
async fn pings_are_answered_but_do_not_extend_the_deadline_of_a_codec() {
    let clock = clock();
    let layer = AuthLayer::new(jwt_or_basic()).timer(clock.clone()).first_message().codec(GraphqlTransportWs::new());
    let server = serve(layer).await;
    let (mut early, mut late) = (anonymous(&server, "/ws").await, anonymous(&server, "/ws").await);
    for client in [&mut early, &mut late] {
        client.send(r#"{"type":"pong"}"#).await;
        client.send(r#"{"type":"ping","payload":{"a":1}}"#).await;
        assert_eq!(client.json().await, json!({"type": "pong"}));
    }
    clock.advance(Duration::from_millis(9_999));
    early.send(&init(&token("ann", 60))).await;
    assert_eq!(early.json().await["type"], "connection_ack");
    clock.advance(Duration::from_millis(1));
    assert_eq!(late.closed().await, close(4408, "auth_timeout"));
}

#[tokio::test]
async fn sixteen_pings_may_come_first_and_the_next_one_closes() {
    let server = serve(graphql()).await;
    for is_one_more in [false, true] {
        let mut client = anonymous(&server, "/ws").await;
        for number in 0..16 {
            if number % 2 == 0 {
                client.send(r#"{"type":"ping"}"#).await;
                assert_eq!(client.json().await["type"], "pong");
            } else {
                client.0.send(Message::Ping("x".into())).await.unwrap();
                assert!(matches!(client.next().await, Some(Message::Pong(_))));
            }
        }
        if is_one_more {
            client.send(r#"{"type":"ping"}"#).await;
            assert_eq!(client.closed().await, close(4401, "invalid_credentials"));
        } else {
            client.send(&init(&token("ann", 60))).await;
            assert_eq!(client.json().await["type"], "connection_ack");
        }
    }
}

#[tokio::test]
async fn second_init_goes_to_the_handler() {
    let server = serve(graphql()).await;
    let mut client = anonymous(&server, "/echo").await;
    client.send(&init(&token("ann", 60))).await;
    client.send(&init("a.b.c")).await;
    assert_eq!(client.json().await["type"], "connection_ack");
    assert_eq!(client.next().await, Some(Message::text(init("a.b.c"))));
}

#[tokio::test]
async fn handshake_without_the_codecs_subprotocol_is_closed_with_4406() {
    let connections = Connections::new().max_pending(1);
    let layer = layer(jwt_or_basic())
        .sockets(Sockets::new().connections(&connections))
        .first_message()
        .codec(GraphqlTransportWs::new());
    let server = serve(layer).await;
    for offered in
        [None, Some("graphql-ws"), Some("auth.v1"), Some("GRAPHQL-TRANSPORT-WS"), Some("graphql-transport-ws2")]
    {
        let headers: Vec<_> = offered.iter().map(|offered| ("sec-websocket-protocol", *offered)).collect();
        let opened = connect_by_hand(&server, &headers).await;
        assert_eq!(opened, (None, close(4406, "subprotocol_not_acceptable")), "{offered:?}");
        eventually(|| connections.pending() == 0).await;
    }
    let mut client = anonymous(&server, "/ws").await;
    client.send(&init(&token("ann", 60))).await;
    assert_eq!(client.json().await["type"], "connection_ack");
}

/// Returns the negotiated subprotocol and the close. It speaks HTTP by hand, because the client of these tests treats a missing
/// subprotocol as an error.
async fn connect_by_hand(server: &Server, headers: &[(&str, &str)]) -> (Option<String>, Option<(u16, String)>) {
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let mut head = format!(
        "GET /ws HTTP/1.1\r\nhost: {}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        server.addr
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    let answer = String::from_utf8(answer).unwrap().to_ascii_lowercase();
    assert!(answer.starts_with("http/1.1 101"), "{answer}");
    let agreed_on = answer.lines().find_map(|line| line.strip_prefix("sec-websocket-protocol: ")).map(str::to_owned);
    let socket = WebSocketStream::from_raw_socket(MaybeTlsStream::Plain(stream), Role::Client, None);
    (agreed_on, Client(socket.await).closed().await)
}

#[tokio::test]
async fn first_offered_subprotocol_of_the_codec_is_selected() {
    struct Two;
    impl FirstMessageCodec for Two {
        fn subprotocols(&self) -> Vec<Cow<'static, str>> {
            vec!["v2".into(), "v1".into()]
        }
        fn decode(&self, message: &Received) -> Decoded {
            AuthV1::default().decode(message)
        }
        fn accepted(&self, first: &Received, ttl: Option<Duration>) -> Option<Received> {
            AuthV1::default().accepted(first, ttl)
        }
    }
    // The codec has claimed the name of the layer's subprotocol, so `auth` messages go to the handler.
    for layer in [layer(jwt_or_basic()), layer(jwt_or_basic()).subprotocol("v1")] {
        let server = serve(layer.first_message().codec(Two)).await;
        for (offered, agreed_on) in [("v1, v2", "v2"), ("v1", "v1"), ("auth.v1, v1", "v1"), ("v0,v1 ,v3", "v1")] {
            let headers = [("sec-websocket-protocol", offered)];
            let (mut client, answer) = server.connect("/ws", &headers).await.unwrap();
            assert_eq!(answer.header("sec-websocket-protocol"), Some(agreed_on), "{offered}");
            assert_eq!(client.present(&token("ann", 60)).await["type"], "auth_ok");
            assert_eq!(client.json().await, told("ann", Some(agreed_on)), "{offered}");
            assert_eq!(client.present(&token("ann", 900)).await["type"], "auth", "the handler echoes it");

            let bearer = bearer_of("ann");
            let headers = [headers[0], ("authorization", &*bearer)];
            let (mut client, answer) = server.connect("/ws", &headers).await.unwrap();
            assert_eq!(answer.header("sec-websocket-protocol"), Some(agreed_on), "{offered}");
            assert_eq!(client.json().await, told("ann", Some(agreed_on)), "{offered}");
        }
    }
}

#[tokio::test]
async fn handshake_with_a_credential_leaves_init_to_the_handler() {
    let clock = clock();
    let layer = AuthLayer::new(jwt_or_basic()).timer(clock.clone()).first_message().codec(GraphqlTransportWs::new());
    let server = serve(layer).await;
    let bearer = bearer_of("ann");
    let headers = [OFFERED[0], ("authorization", &*bearer)];
    let (mut client, answer) = server.connect("/ws", &headers).await.unwrap();
    assert_eq!(answer.header("sec-websocket-protocol"), Some(GRAPHQL));
    assert_eq!(client.json().await, told("ann", Some(GRAPHQL)));
    assert!(client.echoes(&init("a.b.c")).await);
    assert!(server.refused(&[OFFERED[0], ("authorization", "Bearer a.b.c")]).await.is(401, "invalid_credentials"));
    assert_eq!(server.get("/me", &[("authorization", &bearer)]).await.body, "ann");
    let (mut plain, _) = server.connect("/ws", &[("authorization", &bearer)]).await.unwrap();
    assert_eq!(plain.json().await, told("ann", None), "the codec has no part in this");
    clock.advance(Duration::from_secs(60));
    assert_eq!(client.closed().await, close(4403, "token_expired"));
    assert_eq!(plain.closed().await, close(4401, "token_expired"), "this socket does not speak the codec's protocol");
}

#[tokio::test]
async fn page_sees_a_refusal_in_the_codes_of_the_codec() {
    let layer = layer(jwt_or_basic())
        .sockets(Sockets::new().accept_then_close())
        .first_message()
        .codec(GraphqlTransportWs::new());
    let server = serve(layer).await;
    let origin = format!("http://{}", server.addr);
    let bearer = format!("Bearer {}", token("ann", -1));
    for (offered, code) in [(GRAPHQL, 4403), ("auth.v1", 4401)] {
        let headers = [("sec-websocket-protocol", offered), ("origin", &*origin), ("authorization", &*bearer)];
        let (mut client, answer) = server.connect("/ws", &headers).await.unwrap();
        assert_eq!(answer.header("sec-websocket-protocol"), Some(offered));
        assert_eq!(client.closed().await, close(code, "token_expired"), "{offered}");
    }
}

#[tokio::test]
async fn codec_of_an_outer_layer_holds_behind_an_inner_layer() {
    let clock = clock();
    let inner = AuthLayer::new(jwt_or_basic()).timer(clock.clone());
    let outer = inner.clone().first_message().codec(GraphqlTransportWs::new());
    let headers = [OFFERED[0], ("cookie", "other=1")];
    // The inner layer needs its own credential, so a header authenticates the outer one.
    let server = Server::start(Router::new().route("/ws", any(tell)).layer(inner).layer(outer)).await;
    let bearer = bearer_of("ann");
    let headers = [headers[0], ("authorization", &*bearer)];
    let (mut client, _) = server.connect("/ws", &headers).await.unwrap();
    assert_eq!(client.json().await["user"], "ann");
    clock.advance(Duration::from_secs(60));
    assert_eq!(client.closed().await, close(4403, "token_expired"));
}

#[tokio::test]
async fn subprotocol_that_is_not_a_token_does_not_build() {
    struct Named(&'static str);
    impl FirstMessageCodec for Named {
        fn subprotocols(&self) -> Vec<Cow<'static, str>> {
            vec!["good".into(), self.0.into()]
        }
        fn decode(&self, _: &Received) -> Decoded {
            Decoded::NoCredential
        }
        fn accepted(&self, _: &Received, _: Option<Duration>) -> Option<Received> {
            None
        }
    }
    for bad in ["", "a b", "a,b", "Größe"] {
        let error = layer(jwt_or_basic()).first_message().try_codec(Named(bad)).unwrap_err().to_string();
        assert!(error.contains(&format!("{bad:?}")), "{error}");
    }
    assert!(layer(jwt_or_basic()).first_message().try_codec(Named("v1.json")).is_ok());
}

/// A server that sends a greeting and answers a refusal, as Home Assistant does.
struct Greets;

impl FirstMessageCodec for Greets {
    fn greeting(&self) -> Option<Received> {
        Some(Received::Text(r#"{"type":"auth_required"}"#.into()))
    }

    fn decode(&self, message: &Received) -> Decoded {
        bearer(message, |json| json["access_token"].as_str().map(str::to_owned))
    }

    fn accepted(&self, _: &Received, _: Option<Duration>) -> Option<Received> {
        Some(Received::Text(r#"{"type":"auth_ok"}"#.into()))
    }

    fn refused(&self, _: &Received, close: &Close) -> Option<Received> {
        Some(Received::Text(json!({"type": "auth_invalid", "message": close.reason()}).to_string().into()))
    }
}

/// A server whose answers repeat the number of the request and hold the remaining time, as Centrifugo's do. Text or binary.
struct Numbered;

impl FirstMessageCodec for Numbered {
    fn decode(&self, message: &Received) -> Decoded {
        bearer(message, |json| json["connect"]["token"].as_str().map(str::to_owned))
    }

    fn accepted(&self, first: &Received, ttl: Option<Duration>) -> Option<Received> {
        let id = parsed(first)["id"].clone();
        let answer = json!({"id": id, "connect": {"ttl": ttl.map(|ttl| ttl.as_secs())}}).to_string();
        Some(match first {
            Received::Binary(_) => Received::Binary(answer.into()),
            _ => Received::Text(answer.into()),
        })
    }

    fn close(&self, close: &Close) -> Close {
        Close::new(3500, close.reason().to_owned())
    }
}

fn parsed(message: &Received) -> Value {
    serde_json::from_str(message.to_text().unwrap_or_default()).unwrap_or_default()
}

fn bearer(message: &Received, token: impl Fn(&Value) -> Option<String>) -> Decoded {
    match token(&parsed(message)) {
        Some(token) => Decoded::Credentials { scheme: "Bearer".into(), credentials: Secret::new(token) },
        None => Decoded::Malformed,
    }
}

#[tokio::test]
async fn codec_can_greet_first_and_answer_refusals() {
    let server = serve(layer(jwt_or_basic()).first_message().codec(Greets)).await;
    for (said, answers, ends) in [
        (json!({"type": "auth", "access_token": token("ann", 60)}), json!({"type": "auth_ok"}), None),
        (
            json!({"type": "auth", "access_token": "a.b.c"}),
            json!({"type": "auth_invalid", "message": "invalid_credentials"}),
            close(4401, "invalid_credentials"),
        ),
        (json!(7), json!({"type": "auth_invalid", "message": "invalid_message"}), close(4400, "invalid_message")),
    ] {
        let mut client = server.connect("/ws", &[]).await.unwrap().0;
        assert_eq!(client.json().await["type"], "auth_required");
        client.send(&said.to_string()).await;
        assert_eq!(client.json().await, answers);
        match ends {
            Some(_) => assert_eq!(client.closed().await, ends),
            None => assert_eq!(client.json().await["user"], "ann"),
        }
    }
}

#[tokio::test]
async fn codec_can_answer_by_request_number_in_text_or_binary() {
    let server = serve(layer(jwt_or_basic()).first_message().codec(Numbered)).await;
    let said = json!({"id": 7, "connect": {"token": token("ann", 60)}}).to_string();
    for message in [Message::text(said.clone()), Message::binary(said.into_bytes())] {
        let mut client = server.connect("/ws", &[]).await.unwrap().0;
        client.0.send(message.clone()).await.unwrap();
        let answer = client.next().await.unwrap();
        assert_eq!(answer.is_binary(), message.is_binary());
        let answer: Value = serde_json::from_slice(&answer.into_data()).unwrap();
        assert_eq!(answer, json!({"id": 7, "connect": {"ttl": 60}}));
        assert_eq!(client.json().await["user"], "ann");
    }
    let mut client = server.connect("/ws", &[]).await.unwrap().0;
    client.send("{}").await;
    assert_eq!(client.closed().await, close(3500, "invalid_message"));
}

#[tokio::test]
async fn codec_that_panics_admits_nobody_and_frees_its_place() {
    struct Panics;
    impl FirstMessageCodec for Panics {
        fn decode(&self, _: &Received) -> Decoded {
            panic!("the codec panics")
        }
        fn accepted(&self, _: &Received, _: Option<Duration>) -> Option<Received> {
            None
        }
    }
    let connections = Connections::new();
    let server =
        serve(layer(jwt_or_basic()).sockets(Sockets::new().connections(&connections)).first_message().codec(Panics))
            .await;
    let mut client = server.connect("/ws", &[]).await.unwrap().0;
    client.send("anything").await;
    assert_eq!(client.next().await, None);
    eventually(|| connections.pending() == 0).await;
}

#[tokio::test]
async fn forwarded_message_is_not_received_after_the_end() {
    let clock = clock();
    let layer = AuthLayer::new(jwt_or_basic()).timer(clock.clone()).first_message();
    let received = Arc::new(Mutex::new(None));
    let (gate, opened) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (seen, go, told) = (Arc::clone(&received), Arc::clone(&gate), Arc::clone(&opened));
    let late = any(move |ws: AuthWebSocketUpgrade<User>| async move {
        ws.on_upgrade(move |mut socket| async move {
            // In a separate task, which the end of the credential does not drop.
            tokio::spawn(async move {
                told.notify_one();
                go.notified().await;
                *seen.lock().unwrap() = Some(socket.recv().await.is_some());
            });
        })
    });
    let layer = layer.codec(GraphqlTransportWs::new().forward());
    let server = Server::start(Router::new().route("/ws", late).layer(layer)).await;
    let mut client = anonymous(&server, "/ws").await;
    client.send(&init(&token("ann", 60))).await;
    opened.notified().await;
    clock.advance(Duration::from_secs(60));
    assert_eq!(client.closed().await, close(4403, "token_expired"));
    gate.notify_one();
    eventually(|| received.lock().unwrap().is_some()).await;
    assert_eq!(*received.lock().unwrap(), Some(false));
}

#[tokio::test]
async fn codec_refusals_are_one_log_line_each_without_credentials() {
    let (log, _guard) = everything();
    let server = serve(layer(jwt_or_basic()).first_message().codec(GraphqlTransportWs::new().forward())).await;
    let good = token("ann", 60);
    // Leave out the DEBUG line about the missing credential of the handshake.
    let lines = || refusals(&log).into_iter().filter(|line| line.starts_with("INFO")).collect::<Vec<_>>();
    for (said, code) in [
        (init("secret.of.marker"), Some("invalid_credentials")),
        (init("secret.of.marker").replace("connection_init", "marker"), Some("invalid_message")),
        (init(&good), None),
    ] {
        let before = lines().len();
        let mut client = anonymous(&server, "/echo").await;
        client.send(&said).await;
        let _ = client.next().await;
        let lines = lines();
        assert_eq!(lines.len() - before, usize::from(code.is_some()), "{lines:?}");
        assert!(code.is_none_or(|code| lines.last().unwrap().contains(code)), "{lines:?}");
    }
    let ours: Vec<_> = log
        .text()
        .lines()
        .filter(|line| line.contains("ws_adapter") || line.contains("auth_"))
        .map(str::to_owned)
        .collect();
    assert!(ours.iter().all(|line| !line.contains("marker") && !line.contains(&good)), "{ours:?}");
}
