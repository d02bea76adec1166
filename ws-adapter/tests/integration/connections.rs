//! The registry of open sockets: how it finds, counts, limits and closes them.

use std::time::Duration;

use auth_core::{Accept, AuthRequest, BoxError, Carrier, Challenge, ManualClock, Outcome, Revocation, Strategy};
use axum::{Router, extract::ws::Message, response::Response, routing::any};
use ws_adapter::{AuthLayer, AuthWebSocketUpgrade, Close, CloseCodes, Connections, Overflow, Sockets};

use crate::{
    feed::Feed,
    support::{
        Client, START, Server, User, app, bearer_of, clock, close, echo, jwt, jwt_or_basic, layer, principal,
        protocols, token_with_id,
    },
};

/// A server whose sockets are in a registry that follows a feed.
async fn serve(connections: &Connections) -> (Server, Feed) {
    let feed = Feed::new();
    connections.follow(feed.clone());
    feed.is_followed().await;
    (serve_alone(connections).await, feed)
}

async fn serve_alone(connections: &Connections) -> Server {
    Server::start(app(layer(jwt_or_basic()).sockets(Sockets::new().connections(connections)))).await
}

async fn open(server: &Server, sub: &str, id: &str) -> Client {
    let mut client = server.open(&format!("Bearer {}", token_with_id(sub, 60, id))).await;
    assert!(client.echoes("open").await);
    client
}

fn revoked() -> Option<(u16, String)> {
    close(4403, "revoked")
}

/// Waits until the registry holds `count` connections.
async fn until_count(connections: &Connections, count: usize) {
    let waited = async {
        while connections.count() != count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), waited).await.expect("the count was not reached");
}

#[tokio::test]
async fn revoked_credential_closes_only_its_own_sockets() {
    let connections = Connections::new();
    let (server, feed) = serve(&connections).await;
    let (mut one, mut other) = (open(&server, "ann", "one").await, open(&server, "ann", "other").await);
    feed.revoke(Revocation::credential("", "one"));
    assert_eq!(one.closed().await, revoked());
    assert!(other.echoes("still here").await);
}

#[tokio::test]
async fn revoked_session_closes_its_sockets() {
    let connections = Connections::new();
    let (server, feed) = serve(&connections).await;
    let (mut one, mut other) = (open(&server, "ann", "one").await, open(&server, "ann", "other").await);
    feed.revoke(Revocation::session("", "session of one"));
    assert_eq!(one.closed().await, revoked());
    assert!(other.echoes("still here").await);
}

#[tokio::test]
async fn revoking_a_user_closes_only_what_was_issued_before() {
    let connections = Connections::new();
    let (server, feed) = serve(&connections).await;
    let (mut ann, mut bob) = (open(&server, "ann", "one").await, open(&server, "bob", "two").await);
    feed.revoke(Revocation::user(principal("ann"), *START - Duration::from_secs(1)));
    assert!(ann.echoes("issued after").await);
    feed.revoke(Revocation::user(principal("ann"), *START));
    assert_eq!(ann.closed().await, revoked());
    assert!(bob.echoes("still here").await);
}

/// A route that sends each socket its id.
async fn tell_name(ws: AuthWebSocketUpgrade<User>) -> Response {
    let asked = ws.id();
    ws.on_upgrade(move |mut socket| async move {
        assert_eq!(socket.id(), asked);
        let _ = socket.send(Message::text(socket.id().to_string())).await;
        while socket.recv().await.is_some() {}
    })
}

#[tokio::test]
async fn connection_is_closed_by_its_id() {
    let (connections, feed) = (Connections::new(), Feed::new());
    connections.follow(feed.clone());
    feed.is_followed().await;
    let app = Router::new()
        .route("/ws", any(tell_name))
        .layer(layer(jwt_or_basic()).sockets(Sockets::new().connections(&connections)));
    let server = Server::start(app).await;
    let mut one = server.open(&bearer_of("ann")).await;
    let mut other = server.open(&bearer_of("ann")).await;
    let name = one.next().await.unwrap().into_text().unwrap();
    assert_ne!(other.next().await.unwrap().into_text().unwrap(), name);
    feed.revoke(Revocation::connection(name.as_str()));
    assert_eq!(one.closed().await, revoked());
    assert_eq!(connections.count_of(&principal("ann")), 1);
}

#[tokio::test]
async fn application_closes_with_its_own_code_and_reason() {
    let connections = Connections::new();
    let server = serve_alone(&connections).await;
    let mut ann = open(&server, "ann", "one").await;
    let everything = Revocation::user(principal("ann"), *START);
    assert_eq!(connections.close(&everything, &Close::new(4000, "moved")), 1);
    assert_eq!(ann.closed().await, close(4000, "moved"));
    let mut again = open(&server, "ann", "one").await;
    assert!(again.echoes("nothing was revoked").await);
}

#[tokio::test]
async fn handshake_with_a_revoked_credential_is_a_401_before_the_upgrade() {
    let connections = Connections::new();
    let (server, feed) = serve(&connections).await;
    feed.revoke(Revocation::credential("", "one"));
    let authorization = format!("Bearer {}", token_with_id("ann", 60, "one"));
    let answer = server.refused(&[("authorization", &authorization)]).await;
    assert!(answer.is(401, "revoked"), "{answer:?}");
    assert!(answer.challenges()[0].contains("invalid_token"));
    assert_eq!(connections.entries(), [0, 0, 0]);
}

#[tokio::test]
async fn unknown_revocation_is_a_503_for_handshakes_and_keeps_open_sockets() {
    let connections = Connections::new();
    let (server, feed) = serve(&connections).await;
    let mut before = open(&server, "ann", "one").await;
    feed.is_away(true);
    let answer = server.refused(&[("authorization", &bearer_of("ann"))]).await;
    assert!(answer.is(503, "unavailable"), "{answer:?}");
    assert!(answer.header("retry-after").is_some());
    assert!(before.echoes("still here").await);
}

#[tokio::test]
async fn missed_revocation_closes_sockets_when_the_bus_is_back() {
    let connections = Connections::new();
    let (server, feed) = serve(&connections).await;
    let (mut ann, mut bob) = (open(&server, "ann", "one").await, open(&server, "bob", "two").await);
    feed.revoke_silently(Revocation::credential("", "one"));
    feed.miss();
    assert_eq!(ann.closed().await, revoked());
    assert!(bob.echoes("still here").await);
}

#[tokio::test]
async fn open_sockets_are_checked_until_the_store_answers() {
    let connections = Connections::new();
    let (server, feed) = serve(&connections).await;
    let mut ann = open(&server, "ann", "one").await;
    feed.revoke_silently(Revocation::credential("", "one"));
    feed.is_away(true);
    let asked = feed.asked();
    feed.miss();
    while feed.asked() == asked {
        tokio::task::yield_now().await;
    }
    for _ in 0..20 {
        assert!(ann.echoes("the answer is unknown").await);
    }
    assert!(feed.asked() - asked < 10, "a failing store is not asked too often");
    feed.is_away(false);
    assert_eq!(ann.closed().await, revoked());
}

#[tokio::test]
async fn news_missed_during_a_check_cause_one_more_check() {
    let connections = Connections::new();
    let (server, feed) = serve(&connections).await;
    let mut ann = open(&server, "ann", "one").await;
    let asked = feed.asked();
    feed.holds_answers(true);
    feed.miss();
    while feed.asked() == asked {
        tokio::task::yield_now().await;
    }
    // The answer that is on the way does not include this.
    feed.revoke_silently(Revocation::credential("", "one"));
    for _ in 0..3 {
        feed.miss();
        feed.is_heard().await;
        assert!(ann.echoes("looked up").await);
    }
    assert_eq!(feed.asked() - asked, 1, "the check goes on");
    feed.holds_answers(false);
    assert_eq!(ann.closed().await, revoked());
    assert_eq!(feed.asked() - asked, 2);
}

#[tokio::test]
async fn news_are_handled_while_open_sockets_are_checked() {
    let connections = Connections::new();
    let (server, feed) = serve(&connections).await;
    let mut ann = open(&server, "ann", "one").await;
    feed.is_away(true);
    feed.miss();
    feed.revoke(Revocation::credential("", "one"));
    assert_eq!(ann.closed().await, revoked());
}

#[tokio::test]
async fn connection_above_the_limit_of_a_user_is_refused() {
    let connections = Connections::new().per_user(2, Overflow::RejectNew);
    let server = serve_alone(&connections).await;
    let (one, mut two) = (open(&server, "ann", "1").await, open(&server, "ann", "2").await);
    let answer = server.refused(&[("authorization", &bearer_of("ann"))]).await;
    assert!(answer.is(429, "too_many_connections"), "{answer:?}");
    assert!(two.echoes("still here").await);
    let _bob = open(&server, "bob", "3").await;
    drop(one);
    until_count(&connections, 2).await;
    let _again = open(&server, "ann", "4").await;
}

#[tokio::test]
async fn oldest_connection_is_closed_if_configured() {
    let connections = Connections::new().per_user(2, Overflow::CloseOldest);
    let server = serve_alone(&connections).await;
    let (mut one, mut two) = (open(&server, "ann", "1").await, open(&server, "ann", "2").await);
    let mut three = open(&server, "ann", "3").await;
    assert_eq!(one.closed().await, close(4409, "superseded"));
    assert!(two.echoes("still here").await && three.echoes("still here").await);
    assert_eq!(connections.count_of(&principal("ann")), 2);
}

#[tokio::test]
async fn handshake_that_opens_no_socket_supersedes_nothing() {
    let connections = Connections::new().per_user(1, Overflow::CloseOldest);
    let server = serve_alone(&connections).await;
    let mut one = open(&server, "ann", "1").await;
    let authorization = bearer_of("ann");
    let headers = [("authorization", authorization.as_str()), ("sec-websocket-key", "no key")];
    let headers = [headers[0], headers[1], ("upgrade", "websocket"), ("connection", "upgrade")];
    assert_eq!(server.get("/me", &headers).await.status, 200);
    assert!(one.echoes("still here").await);
    assert_eq!(connections.count(), 1);
}

#[tokio::test]
async fn unanswered_handshake_supersedes_nothing() {
    let connections = Connections::new().per_user(2, Overflow::CloseOldest);
    let slow = any(async |_held: axum::extract::Request| std::future::pending::<()>().await);
    let routes = Router::new().route("/ws", any(echo)).route("/slow", slow);
    let server =
        Server::start(routes.layer(layer(jwt_or_basic()).sockets(Sockets::new().connections(&connections)))).await;
    let mut one = open(&server, "ann", "1").await;
    let handshake = reqwest::Client::new().get(server.url("/slow")).header("authorization", bearer_of("ann"));
    tokio::spawn(handshake.header("upgrade", "websocket").header("connection", "upgrade").send());
    until_count(&connections, 2).await;
    let mut two = open(&server, "ann", "2").await;
    assert!(one.echoes("still here").await && two.echoes("open too").await);
    assert_eq!(connections.count(), 3);
}

#[tokio::test]
async fn too_many_connections_is_a_close_with_accept_then_close() {
    let connections = Connections::new().per_user(0, Overflow::RejectNew);
    let layer = layer(jwt_or_basic()).sockets(Sockets::new().connections(&connections).accept_then_close());
    let server = Server::start(app(layer)).await;
    let protocols = protocols(&token_with_id("ann", 60, "1"));
    let origin = format!("http://{}", server.addr);
    let headers = [("origin", origin.as_str()), ("sec-websocket-protocol", &protocols)];
    let mut client = server.connect("/ws", &headers).await.unwrap().0;
    assert_eq!(client.closed().await, close(4429, "too_many_connections"));
}

#[tokio::test]
async fn registry_is_empty_after_every_kind_of_end() {
    let clock: ManualClock = clock();
    let connections = Connections::new();
    let layer = AuthLayer::new(jwt_or_basic()).timer(clock.clone()).sockets(Sockets::new().connections(&connections));
    let server = Server::start(app(layer)).await;
    let mut by_peer = open(&server, "ann", "1").await;
    let by_drop = open(&server, "ann", "2").await;
    let mut by_expiry = open(&server, "ann", "3").await;
    let mut by_close = open(&server, "bob", "4").await;
    assert_eq!((connections.count(), connections.count_of(&principal("ann"))), (4, 3));

    by_peer.0.close(None).await.unwrap();
    drop(by_drop);
    connections.close(&Revocation::user(principal("bob"), *START), &Close::REVOKED);
    assert_eq!(by_close.closed().await, revoked());
    until_count(&connections, 1).await;
    clock.advance(Duration::from_secs(60));
    assert!(by_expiry.closed().await.is_some());
    until_count(&connections, 0).await;
    assert_eq!(connections.entries(), [0, 0, 0]);
}

#[tokio::test]
async fn socket_behind_two_layers_of_one_registry_counts_once() {
    let connections = Connections::new().per_user(1, Overflow::RejectNew);
    let outer = jwt_or_basic().map_user(|user| user.0);
    let outer = layer(outer).sockets(Sockets::new().connections(&connections));
    let server =
        Server::start(app(layer(jwt_or_basic()).sockets(Sockets::new().connections(&connections))).layer(outer)).await;
    let mut client = server.open(&bearer_of("ann")).await;
    assert!(client.echoes("open").await);
    assert_eq!((connections.count(), connections.count_of(&principal("ann"))), (1, 1));
    drop(client);
    until_count(&connections, 0).await;
    assert_eq!(connections.entries(), [0, 0, 0]);
}

#[tokio::test]
async fn socket_behind_two_layers_of_two_registries_counts_in_each() {
    let (outer, inner) = (Connections::new(), Connections::new());
    let around = layer(jwt_or_basic().map_user(|user| user.0)).sockets(Sockets::new().connections(&outer));
    let server =
        Server::start(app(layer(jwt_or_basic()).sockets(Sockets::new().connections(&inner))).layer(around)).await;
    assert!(server.open(&bearer_of("ann")).await.echoes("open").await);
    for connections in [outer, inner] {
        assert_eq!((connections.count(), connections.count_of(&principal("ann"))), (1, 1));
    }
}

#[tokio::test]
async fn socket_behind_two_layers_has_one_id_in_both_registries() {
    let (outer, inner) = (Connections::new(), Connections::new());
    let around = layer(jwt_or_basic().map_user(|user| user.0)).sockets(Sockets::new().connections(&outer));
    let routes = Router::new()
        .route("/ws", any(tell_name))
        .layer(layer(jwt_or_basic()).sockets(Sockets::new().connections(&inner)))
        .layer(around);
    let server = Server::start(routes).await;
    for connections in [outer, inner] {
        let mut client = server.open(&bearer_of("ann")).await;
        let name = client.next().await.unwrap().into_text().unwrap();
        assert_eq!(connections.close(&Revocation::connection(name.as_str()), &Close::REVOKED), 1);
        assert_eq!(client.closed().await, close(4403, "revoked"));
    }
}

#[tokio::test]
async fn layer_without_a_configured_registry_has_its_own() {
    let server = Server::start(Router::new().route("/ws", any(echo)).layer(layer(jwt_or_basic()))).await;
    assert!(server.open(&bearer_of("ann")).await.echoes("open").await);
}

#[tokio::test]
async fn iana_codes_replace_the_private_ones() {
    let connections = Connections::new().per_user(1, Overflow::CloseOldest);
    let clock = clock();
    let sockets = Sockets::new().connections(&connections).close_codes(CloseCodes::Iana).accept_then_close();
    let layer = AuthLayer::new(jwt_or_basic()).timer(clock.clone()).sockets(sockets);
    let server = Server::start(app(layer)).await;

    let mut superseded = open(&server, "ann", "1").await;
    let mut revoked = open(&server, "ann", "2").await;
    assert_eq!(superseded.closed().await, close(3003, "superseded"));
    connections.close(&Revocation::credential("", "2"), &Close::REVOKED);
    assert_eq!(revoked.closed().await, close(3003, "revoked"));
    let mut own = open(&server, "bob", "3").await;
    connections.close(&Revocation::credential("", "3"), &Close::new(4401, "the application's"));
    assert_eq!(own.closed().await, close(4401, "the application's"));
    let mut expired = open(&server, "bob", "4").await;
    clock.advance(Duration::from_secs(60));
    assert_eq!(expired.closed().await, close(3000, "token_expired"));

    let origin = format!("http://{}", server.addr);
    let mut refused = server.connect("/ws", &[("origin", &origin)]).await.unwrap().0;
    assert_eq!(refused.closed().await, close(3000, "invalid_credentials"));
}

#[tokio::test]
async fn chain_without_principal_ids_can_still_revoke_by_credential() {
    let (connections, feed) = (Connections::new(), Feed::new());
    connections.follow(feed.clone());
    feed.is_followed().await;
    let chain = auth_core::Chain::new().or(jwt());
    let server = Server::start(app(layer(chain).sockets(Sockets::new().connections(&connections)))).await;
    let mut one = open(&server, "ann", "one").await;
    feed.revoke(Revocation::credential("", "one"));
    assert_eq!(one.closed().await, revoked());
}

#[tokio::test]
async fn check_that_hangs_or_panics_is_a_503_and_the_registry_works() {
    let (connections, feed) = (Connections::new(), Feed::new());
    connections.follow(feed.clone());
    feed.is_followed().await;
    let layer = layer(jwt_or_basic())
        .sockets(Sockets::new().connections(&connections))
        .decision_timeout(Duration::from_millis(100));
    let server = Server::start(app(layer)).await;
    let mut before = open(&server, "ann", "before").await;
    feed.hangs(true);
    assert!(server.refused(&[("authorization", &bearer_of("ann"))]).await.is(503, "unavailable"));
    feed.hangs(false);
    feed.panics(true);
    assert!(server.refused(&[("authorization", &bearer_of("ann"))]).await.is(503, "unavailable"));
    feed.miss();
    feed.panics(false);
    feed.revoke(Revocation::credential("", "before"));
    assert_eq!(before.closed().await, revoked());
    until_count(&connections, 0).await;
}

#[tokio::test]
async fn socket_opened_before_the_feed_is_followed_is_checked() {
    let (connections, feed) = (Connections::new(), Feed::new());
    let server = serve_alone(&connections).await;
    let mut before = open(&server, "ann", "one").await;
    feed.revoke_silently(Revocation::credential("", "one"));
    connections.follow(feed);
    assert_eq!(before.closed().await, revoked());
}

#[tokio::test]
async fn revocation_ends_a_handler_that_runs_without_its_socket() {
    struct Dropped(std::sync::Arc<std::sync::atomic::AtomicBool>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.store(true, std::sync::atomic::Ordering::SeqCst);
        }
    }
    let ended = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let told = ended.clone();
    let handler = any(move |ws: AuthWebSocketUpgrade<User>| async move {
        ws.on_upgrade(move |socket| async move {
            let _dropped = Dropped(told);
            socket.close(Close::NORMAL);
            std::future::pending::<()>().await;
        })
    });
    let (connections, feed) = (Connections::new(), Feed::new());
    connections.follow(feed.clone());
    feed.is_followed().await;
    let app = Router::new()
        .route("/ws", handler)
        .layer(layer(jwt_or_basic()).sockets(Sockets::new().connections(&connections)));
    let server = Server::start(app).await;
    let mut client = server.open(&format!("Bearer {}", token_with_id("ann", 60, "one"))).await;
    assert_eq!(client.closed().await, close(1000, ""));
    assert!(!ended.load(std::sync::atomic::Ordering::SeqCst), "the handler should still run");
    feed.revoke(Revocation::credential("", "one"));
    crate::common::eventually(|| ended.load(std::sync::atomic::Ordering::SeqCst)).await;
    until_count(&connections, 0).await;
}

#[tokio::test]
async fn user_limit_holds_behind_an_outer_layer_with_other_users() {
    let connections = Connections::new().per_user(1, Overflow::RejectNew);
    let outer = auth_core::Chain::new().or(crate::support::jwt_from(auth_core::extract::header("x-application")));
    let outer = layer(outer.map_user(|user| user.0)).sockets(Sockets::new().connections(&connections));
    let server =
        Server::start(app(layer(jwt_or_basic()).sockets(Sockets::new().connections(&connections))).layer(outer)).await;
    let ann = bearer_of("ann");
    let through = async |application: &str| {
        let key = token_with_id(application, 60, application);
        server.connect("/ws", &[("authorization", &ann), ("x-application", &key)]).await
    };
    let (mut client, _) = through("one").await.unwrap();
    assert!(client.echoes("open").await);
    assert!(through("two").await.unwrap_err().is(429, "too_many_connections"));
    assert_eq!((connections.count(), connections.count_of(&principal("ann"))), (1, 1));
    assert_eq!(connections.count_of(&principal("one")), 1);
}

/// The key of a program. Every copy of the program has it.
struct ProgramKey;

#[auth_core::async_trait]
impl Strategy for ProgramKey {
    type User = User;

    fn name(&self) -> &str {
        "program"
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.push(Challenge::new("Key"));
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<User>, BoxError> {
        Ok(match request.parts().headers.contains_key("x-key") {
            true => Outcome::Accept(Accept::new(User("program".into()), Carrier::Header)),
            false => Outcome::Absent,
        })
    }
}

#[tokio::test]
async fn shared_key_counts_toward_no_users_limit() {
    let both = jwt_or_basic().and(ProgramKey).map_user(|(user, _)| user);
    let connections = Connections::new().per_user(1, Overflow::CloseOldest);
    let server = Server::start(app(layer(both.or(ProgramKey)).sockets(Sockets::new().connections(&connections)))).await;
    let mut ann = server.connect("/ws", &[("authorization", &bearer_of("ann")), ("x-key", "k")]).await.unwrap().0;
    assert!(ann.echoes("hello").await);
    assert_eq!(connections.count_of(&principal("program")), 0);
    assert_eq!(connections.count_of(&principal("ann")), 1);
    // A stranger with only the key closes none of her sockets.
    let _ = server.connect("/ws", &[("x-key", "k")]).await;
    assert!(ann.echoes("still here").await);
}
