//! Guests beside users, on one server.

use std::time::Duration;

use auth_core::{
    Accept, AuthRequest, BoxError, Carrier, Chain, Challenge, ManualClock, Outcome, PrincipalId, Strategy,
};
use axum::Router;
use serde_json::json;
use socketio_adapter::{MaybeSocketUser, SocketIoAuth, SocketUser};
use socketioxide::extract::{Data, SocketRef};
use test_support::strategies::{Guest, Visitor};
use ws_adapter::{AuthLayer, ClientAddress, Connections, Overflow, Sockets};

use crate::{
    client::{Headers, Polling, Socket},
    common::eventually,
    support::*,
};

fn named() -> Chain<Visitor> {
    jwt_or_basic().and_then(|accept| Ok(Outcome::Accept(accept.map_user(|user| Visitor(Some(user.0))))))
}

/// How guests come to be.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// A strategy accepts whoever brings nothing.
    Strategy,
    /// The layer is optional.
    Nobody,
}

const KINDS: [Kind; 2] = [Kind::Strategy, Kind::Nobody];

fn layer(kind: Kind) -> AuthLayer<Visitor> {
    match kind {
        Kind::Strategy => AuthLayer::new(Chain::new().or(named()).or(Guest::default())),
        Kind::Nobody => AuthLayer::optional(named()),
    }
}

fn who(user: Option<&Visitor>) -> &str {
    user.map_or("nobody", |user| user.0.as_deref().unwrap_or("a guest"))
}

async fn app_of(
    layer: AuthLayer<Visitor>,
    sockets: Sockets,
    limit: impl FnOnce(SocketIoAuth<Visitor>) -> SocketIoAuth<Visitor>,
) -> App<Visitor> {
    let (clock, calls) = (ManualClock::new(*START), Calls::default());
    let layer = layer.timer(clock.clone()).sockets(sockets);
    let (socket_io, io) = limit(SocketIoAuth::new(layer)).build();
    let counter = calls.clone();
    io.ns("/", async move |socket: SocketRef| {
        socket.on("message", async |socket: SocketRef, user: MaybeSocketUser<Visitor>, Data(text): Data<String>| {
            let _ = socket.emit("message", &format!("{}: {text}", who(user.as_deref())));
        });
        socket.on("named", async move |_: SocketUser<Visitor>| counter.add());
        let _ = socket.emit("welcome", "");
    });
    io.ns("/other", async || {});
    io.ns_with("/named", named(), async || {});
    App { clock, io, calls, server: Server::start(Router::new().layer(socket_io)).await }
}

async fn app(kind: Kind) -> App<Visitor> {
    app_of(layer(kind), Sockets::new(), SocketIoAuth::allow_guests).await
}

impl Kind {
    fn says_hi(self) -> &'static str {
        match self {
            Self::Strategy => "a guest: hi",
            Self::Nobody => "nobody: hi",
        }
    }
}

#[tokio::test]
async fn guest_comes_in_and_a_user_beside() {
    for kind in KINDS {
        let app = app(kind).await;
        let polling = Polling::open(&app, &[]).await.unwrap();
        for auth in ["", "{}", r#"{"token":null}"#] {
            let mut socket = Socket::open(&app, &[]).await.unwrap();
            assert_eq!(socket.connect("/", auth).await, Ok(()), "{kind:?} {auth}");
            socket.echoes("hi", kind.says_hi()).await;
        }
        assert_eq!(polling.connect("/", "").await, Ok(()));
        polling.echoes("hi", kind.says_hi()).await;
        polling.upgrade().await.unwrap().echoes("hi", kind.says_hi()).await;
        let mut user = Socket::open(&app, &[("authorization", &bearer_of("ann"))]).await.unwrap();
        for auth in ["", r#"{"room":"a"}"#] {
            assert_eq!(user.connect("/", auth).await, Ok(()), "{kind:?} {auth}");
            user.echoes("hi", "ann: hi").await;
            user.send("41").await;
        }
    }
}

#[tokio::test]
async fn without_the_setting_guests_are_refused() {
    for kind in KINDS {
        let app = app_of(layer(kind), Sockets::new(), |auth| auth).await;
        match Polling::open(&app, &[]).await {
            Err(answer) => assert!(kind == Kind::Strategy && answer.is(403, "forbidden"), "{answer:?}"),
            Ok(polling) => {
                assert_eq!(kind, Kind::Nobody);
                assert_eq!(polling.connect("/", "").await, Err("unauthorized:missing_credentials".into()));
            }
        }
    }
    // The setting lets nobody in whom the layer would refuse.
    let app = app_of(AuthLayer::new(named()), Sockets::new(), SocketIoAuth::allow_guests).await;
    let polling = Polling::open(&app, &[]).await.unwrap();
    assert_eq!(polling.connect("/", "").await, Err("unauthorized:missing_credentials".into()));
}

#[tokio::test]
async fn socket_user_handler_runs_for_a_guest_with_evidence_but_not_without() {
    for kind in KINDS {
        let app = app(kind).await;
        let mut socket = Socket::open(&app, &[]).await.unwrap();
        assert_eq!(socket.connect("/", "").await, Ok(()));
        socket.echoes("hi", kind.says_hi()).await;
        socket.send(r#"42["named"]"#).await;
        socket.echoes("hi", kind.says_hi()).await;
        assert_eq!(app.calls.count(), usize::from(kind == Kind::Strategy));
    }
}

#[tokio::test]
async fn namespace_with_a_chain_of_its_own_lets_no_guest_in() {
    for kind in KINDS {
        let app = app(kind).await;
        let mut socket = Socket::open(&app, &[]).await.unwrap();
        assert_eq!(socket.connect("/named", "").await, Err("unauthorized:missing_credentials".into()), "{kind:?}");
        assert_eq!(socket.connect("/named", &auth_of("ann")).await, Ok(()));
    }
}

#[tokio::test]
async fn wrong_credential_makes_nobody_a_guest() {
    for kind in KINDS {
        let app = app(kind).await;
        let wrong = [("authorization", &*basic_of("ann", "guess"))];
        assert!(Polling::open(&app, &wrong).await.err().unwrap().is(401, "invalid_credentials"));
        let polling = Polling::open(&app, &[]).await.unwrap();
        assert!(polling.with(&wrong).poll().await.is(401, "invalid_credentials"));
        let mut socket = Socket::open(&app, &[]).await.unwrap();
        for _ in 0..3 {
            let refused = socket.connect("/", r#"{"username":"ann","password":"guess"}"#).await;
            assert_eq!(refused, Err("unauthorized:invalid_credentials".into()));
        }
        assert_eq!(socket.end().await.1, close(4401, "invalid_credentials"));
    }
}

#[tokio::test]
async fn transport_of_a_guest_becomes_one_users_once() {
    for kind in KINDS {
        let app = app(kind).await;
        let polling = Polling::open(&app, &[]).await.unwrap();
        let (ann, bob) = (bearer_of("ann"), bearer_of("bob"));
        assert_eq!(polling.connect("/", "").await, Ok(()));
        assert!(polling.with(&[("authorization", &ann)]).poll().await.is(403, "forbidden"));
        assert_eq!(polling.connect("/other", &auth_of("ann")).await, Ok(()));
        // Who was a guest in a namespace stays one there, and comes back as a user.
        polling.echoes("hi", kind.says_hi()).await;
        assert_eq!(polling.post("41").await.status, 200);
        assert_eq!(polling.connect("/", "").await, Err("unauthorized:missing_credentials".into()), "{kind:?}");
        assert_eq!(polling.connect("/", &auth_of("bob")).await, Err("unauthorized:invalid_credentials".into()));
        assert_eq!(polling.connect("/", &auth_of("ann")).await, Ok(()));
        polling.echoes("hi", "ann: hi").await;
        assert!(polling.with(&[("authorization", &bob)]).poll().await.is(403, "forbidden"));
        polling.with(&[("authorization", &ann)]).echoes("hi", "ann: hi").await;
    }
}

#[tokio::test]
async fn transport_of_a_user_is_never_a_guests() {
    for kind in KINDS {
        let app = app(kind).await;
        let polling = Polling::open(&app, &[("authorization", &bearer_of("ann"))]).await.unwrap();
        assert_eq!(polling.connect("/", "").await, Ok(()));
        let other = polling.with(&[]);
        let status = if kind == Kind::Strategy { 403 } else { 401 };
        assert_eq!(other.poll().await.status, status, "{kind:?}");
        assert_eq!(other.post(r#"42["message","hi"]"#).await.status, status);
        assert_eq!(other.upgrade().await.unwrap_err().status, status);
        polling.echoes("hi", "ann: hi").await;
    }
}

#[tokio::test]
async fn refresh_makes_no_guest_a_user() {
    for kind in KINDS {
        let app = app(kind).await;
        let mut socket = Socket::open(&app, &[]).await.unwrap();
        assert_eq!(socket.connect("/", "").await, Ok(()));
        // Nothing is looked at, and nothing counts.
        for auth in [&*auth_of("ann"), "{}", r#"{"token":"a.b.c"}"#, "[]"] {
            assert_eq!(socket.refresh("/", auth).await, json!({"ok": false, "code": "forbidden"}), "{kind:?} {auth}");
        }
        // Neither does that of a user in another namespace.
        assert_eq!(socket.connect("/other", &auth_of("ann")).await, Ok(()));
        assert_eq!(socket.refresh("/other", &auth_of("ann")).await["ok"], true);
        socket.echoes("hi", kind.says_hi()).await;
    }
}

#[tokio::test]
async fn guests_stay_pending_and_can_be_displaced() {
    for kind in KINDS {
        let connections = Connections::new().max_pending(3).max_pending_per_address(2);
        let app = app_of(layer(kind), Sockets::new().connections(&connections), SocketIoAuth::allow_guests).await;
        let mut first = Socket::open(&app, &[]).await.unwrap();
        assert_eq!(first.connect("/", "").await, Ok(()));
        let second = Polling::open(&app, &[]).await.unwrap();
        assert_eq!(connections.pending(), 2, "{kind:?}");
        first.echoes("hi", kind.says_hi()).await;
        // Without an address, one client cannot displace itself.
        let third = Polling::open(&app, &[]).await.unwrap();
        assert!(Polling::open(&app, &[]).await.err().unwrap().is(429, "too_many_connections"));
        assert_eq!(third.connect("/", &auth_of("ann")).await, Ok(()));
        eventually(|| connections.pending() == 2).await;
        Polling::open(&app, &[]).await.unwrap();
        drop(second);
    }
}

#[tokio::test]
async fn transport_of_a_guest_stays_one_where_there_is_no_room_for_the_user() {
    for kind in KINDS {
        let connections = Connections::new().per_user(1, Overflow::RejectNew);
        let app = app_of(layer(kind), Sockets::new().connections(&connections), SocketIoAuth::allow_guests).await;
        let _ann = Socket::open(&app, &[("authorization", &bearer_of("ann"))]).await.unwrap();
        let mut socket = Socket::open(&app, &[]).await.unwrap();
        assert_eq!(socket.connect("/", &auth_of("ann")).await, Err("too_many_connections".into()));
        assert_eq!(socket.connect("/other", "").await, Ok(()), "{kind:?}");
        assert_eq!(socket.connect("/", &auth_of("bob")).await, Ok(()), "{kind:?}");
        socket.echoes("hi", "bob: hi").await;
    }
}

/// Otherwise a good credential that is shown once, in another namespace, would free a guest of every limit.
#[tokio::test]
async fn guest_stays_pending_beside_the_namespace_of_a_user() {
    for kind in KINDS {
        let connections = Connections::new();
        let app = app_of(layer(kind), Sockets::new().connections(&connections), SocketIoAuth::allow_guests).await;
        let mut socket = Socket::open(&app, &[]).await.unwrap();
        assert_eq!(socket.connect("/", "").await, Ok(()));
        assert_eq!(socket.connect("/other", &auth_of("ann")).await, Ok(()));
        socket.echoes("hi", kind.says_hi()).await;
        assert_eq!(connections.pending(), 1, "{kind:?}");
        socket.send("41/other,").await;
        socket.echoes("hi", kind.says_hi()).await;
        app.clock.advance(Duration::from_secs(10));
        socket.echoes("hi", kind.says_hi()).await;
        assert_eq!(connections.pending(), 1, "{kind:?}");

        // Once no guest is left, it is that user's alone.
        assert_eq!(socket.connect("/other", &auth_of("ann")).await, Ok(()));
        socket.send("41").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        app.clock.advance(Duration::from_secs(10));
        eventually(|| connections.pending() == 0).await;
        assert_eq!(app.io.open(), 1, "{kind:?}");
    }
}

#[tokio::test]
async fn guest_ends_with_its_evidence_and_without_a_namespace_in_time() {
    let app = app(Kind::Strategy).await;
    let mut silent = Socket::open(&app, &[]).await.unwrap();
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(socket.connect("/", "").await, Ok(()));
    socket.echoes("hi", "a guest: hi").await;
    app.clock.advance(Duration::from_secs(10));
    assert_eq!(silent.end().await.1, close(4408, "auth_timeout"));
    socket.echoes("hi", "a guest: hi").await;
    app.clock.advance(Duration::from_secs(50));
    assert_eq!(socket.end().await.1, close(4401, "token_expired"));
    eventually(|| app.io.entries() == [0; 2]).await;
}

/// The `sid` alone speaks for a guest, so it is the transport's headers that do not matter.
#[tokio::test]
async fn guest_with_a_header_that_no_strategy_reads_is_a_guest() {
    for kind in KINDS {
        let app = app(kind).await;
        let headers: Headers<'_> = &[("x-other", "1")];
        let polling = Polling::open(&app, headers).await.unwrap();
        assert_eq!(polling.with(&[]).connect("/", "").await, Ok(()));
    }
}

#[tokio::test]
async fn guest_transport_does_not_become_a_users_by_its_opening_header() {
    let app = app(Kind::Strategy).await;
    let keyed = Chain::new().or(HeaderName);
    app.io.ns_with("/keyed", keyed, async || {});
    let polling = Polling::open(&app, &[("x-name", "ann")]).await.unwrap();
    assert_eq!(polling.connect("/keyed", "").await, Err("forbidden".into()));
    assert_eq!(polling.connect("/", "").await, Ok(()));
    polling.echoes("hi", "a guest: hi").await;
}

/// Accepts a name in a header that the chain of the transport does not read.
struct HeaderName;

#[auth_core::async_trait]
impl Strategy for HeaderName {
    type User = Visitor;

    fn name(&self) -> &str {
        "name"
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.push(Challenge::bearer("test"));
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<Visitor>, BoxError> {
        let name = request.parts().headers.get("x-name").and_then(|name| name.to_str().ok());
        Ok(name.map_or(Outcome::Absent, |name| {
            Outcome::Accept(Accept::new(Visitor(Some(name.to_owned())), Carrier::Header))
        }))
    }
}

/// With a chain that passes over what is wrong in front of a guest.
#[tokio::test]
async fn guests_work_with_a_header_sent_once_but_a_wrong_credential_is_refused() {
    let chain = Chain::new().or(named()).or(Guest::default()).try_next_on_reject();
    let app = app_of(AuthLayer::new(chain), Sockets::new(), |auth| auth.allow_guests().bind_to_sid()).await;
    let polling = Polling::open(&app, &[("authorization", &basic_of("ann", "password"))]).await.unwrap();
    assert_eq!(polling.with(&[]).connect("/", "").await, Ok(()));
    polling.with(&[]).echoes("hi", "ann: hi").await;
    for wrong in ["guess", ""] {
        let wrong = polling.with(&[("authorization", &basic_of("ann", wrong))]);
        assert!(wrong.poll().await.is(401, "invalid_credentials"));
    }
    let wrong = r#"{"username":"ann","password":"guess"}"#;
    assert_eq!(polling.connect("/other", wrong).await, Err("unauthorized:invalid_credentials".into()));
    assert_eq!(polling.connect("/other", "{}").await, Ok(()));
}

const PROXIED: [(&str, &str); 1] = [("x-forwarded-for", "192.0.2.1")];

/// Guesses over transports that are nobody's, with a chain that passes over what is wrong in front of a guest.
#[tokio::test]
async fn wrong_credential_makes_no_guest_even_if_the_chain_tries_the_next() {
    let chain = || Chain::new().or(named()).or(Guest::default()).try_next_on_reject();
    let guess = r#"{"username":"admin","password":"guess"}"#;
    for (namespace, wrong, code) in [
        ("/", guess, "invalid_credentials"),
        ("/own", guess, "invalid_credentials"),
        ("/", &auth_of("ann").replace("\"}", "x\"}"), "invalid_credentials"),
        ("/", r#"{"token":1}"#, "invalid_credentials"),
        ("/", &auth_for("ann", -1), "token_expired"),
    ] {
        for is_guest in [false, true] {
            let case = format!("{namespace} {wrong} {is_guest}");
            let connections = Connections::new();
            let sockets = Sockets::new().connections(&connections).client_address(ClientAddress::behind_proxies(1));
            let app = app_of(AuthLayer::new(chain()), sockets, SocketIoAuth::allow_guests).await;
            app.io.ns_with("/own", chain(), async || {});
            for _ in 0..10 {
                let mut socket = Socket::open(&app, &PROXIED).await.unwrap();
                if is_guest {
                    assert_eq!(socket.connect("/other", "").await, Ok(()), "{case}");
                }
                for _ in 0..3 {
                    assert_eq!(socket.connect(namespace, wrong).await, Err(format!("unauthorized:{code}")), "{case}");
                }
                assert_eq!(socket.end().await.1, close(4401, "invalid_credentials"), "{case}");
            }
            // Thirty of one address, over all transports.
            let mut socket = Socket::open(&app, &PROXIED).await.unwrap();
            assert_eq!(socket.connect(namespace, wrong).await, Err("too_many_attempts".into()), "{case}");
            let mut socket = Socket::open(&app, &[("x-forwarded-for", "192.0.2.2")]).await.unwrap();
            assert_eq!(socket.connect(namespace, "{}").await, Ok(()), "{case}");
            assert_eq!(socket.connect("/other", &auth_of("ann")).await, Ok(()), "{case}");
        }
    }
}

#[tokio::test]
async fn limit_per_user_holds_where_a_guest_becomes_a_user() {
    let ann = PrincipalId::new("", "ann");
    for kind in KINDS {
        let connections = Connections::new().per_user(2, Overflow::RejectNew);
        let app = app_of(layer(kind), Sockets::new().connections(&connections), SocketIoAuth::allow_guests).await;
        let mut sockets = Vec::new();
        for n in 0..5 {
            let mut socket = Socket::open(&app, &[]).await.unwrap();
            assert_eq!(socket.connect("/", "").await, Ok(()), "{kind:?}");
            let expected = if n < 2 { Ok(()) } else { Err("too_many_connections".into()) };
            for _ in 0..4 {
                assert_eq!(socket.connect("/named", &auth_of("ann")).await, expected, "{kind:?} {n}");
                if expected.is_ok() {
                    socket.send("41/named,").await;
                }
            }
            // It is no wrong credential, and who was a guest stays one.
            socket.echoes("hi", kind.says_hi()).await;
            sockets.push(socket);
        }
        // Further credentials of a transport are no further connections.
        assert_eq!(sockets[0].connect("/named", &auth_of("ann")).await, Ok(()), "{kind:?}");
        assert_eq!(sockets[0].connect("/other", &auth_of("ann")).await, Ok(()), "{kind:?}");
        sockets[0].send("41/named,").await;
        assert_eq!(sockets[1].connect("/named", &auth_of("ann")).await, Ok(()), "{kind:?}");
        assert_eq!(connections.count_of(&ann), 2, "{kind:?}");
        drop(sockets.remove(0));
        eventually(|| connections.count_of(&ann) == 1).await;
        assert_eq!(sockets[1].connect("/named", &auth_of("ann")).await, Ok(()), "{kind:?}");
        assert_eq!(connections.count_of(&ann), 2, "{kind:?}");
    }
}
