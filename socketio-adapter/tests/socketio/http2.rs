//! Transports over HTTP/2: extended CONNECT (RFC 8441), spoken frame by frame.

use std::time::Duration;

use auth_core::{
    Accept, AuthRequest, BoxError, Carrier, Chain, Challenge, Outcome, Revocation, Strategy, Transport, async_trait,
};
use bytes::Bytes;
use h2::{RecvStream, SendStream, client, ext::Protocol};
use http::{Method, Request, Response};
use tokio::{net::TcpStream, time::Instant};
use ws_adapter::{Close, Connections, Sockets};

use crate::{
    client::{Headers, Polling, Socket, connect_packet, opens_again},
    common::eventually,
    raw::{PING, TEXT, frame},
    support::*,
};

/// A client whose window is closed is sent the head of an answer, and never its body.
#[tokio::test]
async fn untaken_answer_to_a_poll_counts_after_the_end_of_its_transport() {
    let connections = Connections::new().max_pending_per_address(2);
    let app = app_behind_proxy(&connections, |auth| auth.connect_timeout(Duration::from_millis(200))).await;
    let from = [("x-forwarded-for", "192.0.2.1")];
    let stream = TcpStream::connect(app.server.addr).await.unwrap();
    let (mut sender, connection) =
        client::Builder::new().initial_window_size(0).handshake::<_, Bytes>(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut heads = Vec::new();
    for _ in 0..2 {
        let polling = Polling::open(&app, &from).await.unwrap();
        assert_eq!(polling.post(&format!("40/{},", "x".repeat(60 * 1024))).await.status, 200);
        let url = format!("http://{}/socket.io/?EIO=4&transport=polling&sid={}", app.server.addr, polling.sid);
        let request = Request::get(url).header(from[0].0, from[0].1).body(()).unwrap();
        sender = sender.ready().await.unwrap();
        heads.push(sender.send_request(request, true).unwrap().0.await.unwrap());
        polling.post("1").await;
    }
    eventually(|| app.io.open() == 0).await;
    // By then socketioxide has let go of both.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(connections.entries(), [0; 3]);
    assert!(Polling::open(&app, &from).await.err().unwrap().is(429, "too_many_connections"));
    connection.abort();
    opens_again(&app, &from, Duration::from_secs(5)).await;
}

const OPEN: &str = "/socket.io/?EIO=4&transport=websocket";
const HANDSHAKE: (&str, &str) = ("sec-websocket-version", "13");

async fn connect(
    app: &App,
    protocol: &'static str,
    target: &str,
    headers: Headers<'_>,
) -> (Response<RecvStream>, SendStream<Bytes>) {
    let stream = TcpStream::connect(app.server.addr).await.unwrap();
    let (sender, connection) = client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut sender = sender.ready().await.unwrap();
    // The server's setting is there with its first answer.
    let url = |target: &str| format!("http://{}{target}", app.server.addr);
    let (response, _) = sender.send_request(Request::get(url("/socket.iox")).body(()).unwrap(), true).unwrap();
    assert_eq!(response.await.unwrap().status(), 200);
    let mut request = Request::connect(url(target)).extension(Protocol::from_static(protocol));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut sender = sender.ready().await.unwrap();
    let (response, stream) = sender.send_request(request.body(()).unwrap(), false).unwrap();
    (response.await.unwrap(), stream)
}

struct H2 {
    stream: SendStream<Bytes>,
    body: RecvStream,
    read: Vec<u8>,
}

impl H2 {
    async fn open(app: &App, target: &str, headers: Headers<'_>) -> Self {
        let (response, stream) = connect(app, "websocket", target, &[headers, &[HANDSHAKE]].concat()).await;
        assert_eq!(response.status(), 200);
        // These belong to HTTP/1.1 alone.
        for name in ["upgrade", "connection", "sec-websocket-accept", "content-length"] {
            assert!(!response.headers().contains_key(name), "{name}");
        }
        Self { stream, body: response.into_body(), read: Vec::new() }
    }

    fn send(&mut self, packet: &str) {
        self.stream.send_data(frame(TEXT, packet.as_bytes()).into(), false).unwrap();
    }

    async fn take(&mut self, len: usize) -> Vec<u8> {
        while self.read.len() < len {
            let data = tokio::time::timeout(Duration::from_secs(5), self.body.data()).await.expect("nothing came");
            let data = data.expect("the end came").unwrap();
            self.body.flow_control().release_capacity(data.len()).unwrap();
            self.read.extend(data);
        }
        self.read.drain(..len).collect()
    }

    /// The next frame that is no ping of engine.io.
    async fn frame(&mut self) -> (u8, Vec<u8>) {
        loop {
            let head = self.take(2).await;
            let len = match head[1] {
                126 => self.take(2).await.iter().fold(0, |len, byte| len << 8 | usize::from(*byte)),
                short => short.into(),
            };
            match self.take(len).await {
                ping if ping == b"2" => self.send("3"),
                payload => return (head[0] & 0x0f, payload),
            }
        }
    }

    async fn packet(&mut self) -> String {
        let (opcode, payload) = self.frame().await;
        assert_eq!(opcode, TEXT, "{payload:?}");
        String::from_utf8(payload).unwrap()
    }

    async fn connects(&mut self, namespace: &str, auth: &str) -> String {
        self.send(&connect_packet(namespace, auth));
        self.packet().await
    }

    /// The code and the reason of the close, and the packets before it.
    async fn closed(&mut self) -> (Vec<String>, (u16, String)) {
        let mut packets = Vec::new();
        loop {
            match self.frame().await {
                (TEXT, packet) => packets.push(String::from_utf8(packet).unwrap()),
                (_, close) => {
                    let code = u16::from_be_bytes([close[0], close[1]]);
                    return (packets, (code, String::from_utf8(close[2..].to_vec()).unwrap()));
                }
            }
        }
    }
}

#[tokio::test]
async fn transport_over_http2_connects_echoes_and_ends_with_its_credential() {
    let connections = Connections::new();
    let app = app_with(|layer| layer.sockets(Sockets::new().connections(&connections)), |auth| auth).await;
    let header = format!("Bearer {}", token("ann", 600));
    for (headers, auth) in [(&[][..], auth_for("ann", 60)), (&[("authorization", &*header)], String::new())] {
        let mut h2 = H2::open(&app, OPEN, headers).await;
        assert!(h2.packet().await.starts_with(r#"0{"sid":"#));
        assert!(h2.connects("/", &auth).await.starts_with("40{"));
        assert_eq!(h2.packet().await, r#"42["welcome","ann"]"#);
        h2.send(r#"42["message","hi"]"#);
        assert_eq!(h2.packet().await, r#"42["message","ann: hi"]"#);
        app.clock.advance(Duration::from_secs(if auth.is_empty() { 540 } else { 60 }));
        let (packets, closed) = h2.closed().await;
        assert_eq!(closed, (4401, "token_expired".into()));
        assert_eq!(packets, [r#"42["auth_closed",{"reason":"token_expired"}]"#, "41"]);
        drop(h2);
        eventually(|| app.io.entries() == [0; 2] && connections.entries() == [0; 3]).await;
    }
}

#[tokio::test]
async fn transport_that_polls_is_upgraded_over_http2() {
    let app = app().await;
    let authorization = bearer_of("ann");
    let headers = [("authorization", &*authorization)];
    let polling = Polling::open(&app, &headers).await.unwrap();
    assert_eq!(polling.connect("/", "").await, Ok(()));
    polling.echoes("by polling", "ann: by polling").await;
    let mut h2 = H2::open(&app, &format!("{OPEN}&sid={}", polling.sid), &headers).await;
    h2.send("2probe");
    assert_eq!(h2.packet().await, "3probe");
    h2.send("5");
    h2.send(r#"42["message","hi"]"#);
    assert_eq!(h2.packet().await, r#"42["message","ann: hi"]"#);
    assert_eq!(app.io.open(), 1);
    app.io.close_all();
    assert_eq!(h2.closed().await.1, (1012, "restarting".into()));
    eventually(|| app.io.open() == 0).await;
}

#[tokio::test]
async fn subprotocol_with_a_token_is_answered_over_http2() {
    let app = app().await;
    let headers = [HANDSHAKE, ("sec-websocket-protocol", &*protocols_of("ann"))];
    let (response, _stream) = connect(&app, "websocket", OPEN, &headers).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["sec-websocket-protocol"], "auth.v1");
}

#[tokio::test]
async fn what_is_refused_over_http1_is_refused_over_http2() {
    let app = app().await;
    let (ann, bob) = (bearer_of("ann"), bearer_of("bob"));
    let polling = Polling::open(&app, &[("authorization", &ann)]).await.unwrap();
    let of_ann = format!("{OPEN}&sid={}", polling.sid);
    let unknown = format!("{OPEN}&sid={}", socketioxide::socket::Sid::new());
    let polls = "/socket.io/?EIO=4&transport=polling";
    let cases: [(u16, &'static str, &str, Headers<'_>); 9] = [
        (403, "websocket", OPEN, &[HANDSHAKE, ("origin", "https://evil.example")]),
        (401, "websocket", OPEN, &[HANDSHAKE, ("authorization", "Bearer a.b.c")]),
        (403, "websocket", &of_ann, &[HANDSHAKE, ("authorization", &bob)]),
        (401, "websocket", &of_ann, &[HANDSHAKE]),
        (400, "websocket", &unknown, &[HANDSHAKE]),
        (400, "websocket", OPEN, &[]),
        (400, "websocket", OPEN, &[("sec-websocket-version", "12")]),
        (400, "websocket", polls, &[HANDSHAKE]),
        (400, "connect-udp", OPEN, &[HANDSHAKE]),
    ];
    for (status, protocol, target, headers) in cases {
        let (response, _stream) = connect(&app, protocol, target, headers).await;
        assert_eq!(response.status(), status, "{protocol} {target} {headers:?}");
    }
    // It is as it was.
    assert_eq!(polling.connect("/", "").await, Ok(()));
    assert_eq!(app.io.open(), 1);
}

/// Lets in who opens a transport as a client over HTTP/2 does.
struct OverHttp2;

#[async_trait]
impl Strategy for OverHttp2 {
    type User = User;

    fn name(&self) -> &str {
        "http2"
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.push(Challenge::bearer("test"));
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<User>, BoxError> {
        let is_connect = request.parts().method == Method::CONNECT && request.transport() == Transport::WebSocket;
        Ok(if is_connect { Outcome::Accept(Accept::new(User("ann".into()), Carrier::Header)) } else { Outcome::Absent })
    }
}

/// engine.io is shown a `GET`; a chain is not.
#[tokio::test]
async fn chain_of_a_namespace_sees_the_handshake_as_it_was_sent() {
    let app = app().await;
    app.io.ns_with("/http2", Chain::new().or(OverHttp2), async || {});
    let mut h2 = H2::open(&app, OPEN, &[("authorization", &bearer_of("ann"))]).await;
    assert!(h2.packet().await.starts_with('0'));
    assert!(h2.connects("/http2", "").await.starts_with("40/http2,{"));
    let mut socket = Socket::open(&app, &[("authorization", &bearer_of("ann"))]).await.unwrap();
    assert_eq!(socket.connect("/http2", "").await, Err("unauthorized:missing_credentials".into()));
}

#[tokio::test]
async fn http2_client_that_floods_and_reads_nothing_is_gone_when_revoked() {
    let connections = Connections::new();
    let app = app_with(|layer| layer.sockets(Sockets::new().connections(&connections)), |auth| auth).await;
    let mut h2 =
        H2::open(&app, OPEN, &[("authorization", &format!("Bearer {}", token_with_id("ann", 600, "one")))]).await;
    let burst = Bytes::from(frame(PING, &[b'x'; 125]).repeat(400));
    let mut taken = 0;
    while taken < 32 * 1024 * 1024 {
        h2.stream.reserve_capacity(burst.len());
        let capacity = std::future::poll_fn(|cx| h2.stream.poll_capacity(cx));
        match tokio::time::timeout(Duration::from_millis(500), capacity).await {
            Ok(capacity) => drop(capacity.unwrap().unwrap()),
            Err(_) => break,
        }
        let now = h2.stream.capacity().min(burst.len());
        h2.stream.send_data(burst.slice(..now), false).unwrap();
        taken += now;
    }
    assert!(taken < 8 * 1024 * 1024, "the server has taken {taken} bytes");
    assert_eq!(connections.close(&Revocation::credential("", "one"), &Close::REVOKED), 1);
    let revoked = Instant::now();
    eventually(|| app.io.entries() == [0; 2] && connections.entries() == [0; 3]).await;
    assert!(revoked.elapsed() < Duration::from_millis(3500), "{:?}", revoked.elapsed());
}
