//! How often a client may come and go.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use auth_core::{Chain, Outcome, Rejection, Revocation};
use socketioxide::extract::SocketRef;
use ws_adapter::{Connections, Overflow, Sockets};

use crate::{
    client::{Polling, Socket, connect_packet, refresh_packet},
    common::eventually,
    feed::Feed,
    support::*,
};

/// Ways in which a client is let in: headers of the transport, and the `auth` of every `CONNECT`.
fn ways() -> [(Option<String>, String); 2] {
    [(Some(bearer_of("admin")), String::new()), (None, auth_of("admin"))]
}

fn headers(bearer: &Option<String>) -> Vec<(&str, &str)> {
    bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect()
}

#[tokio::test]
async fn client_that_joins_and_leaves_namespaces_keeps_its_transport() {
    for (bearer, auth) in ways() {
        let app = app().await;
        let mut socket = Socket::open(&app, &headers(&bearer)).await.unwrap();
        assert_eq!(socket.connect("/", &auth).await, Ok(()));
        for round in 0..200 {
            assert_eq!(socket.connect("/admin", &auth).await, Ok(()), "{round}");
            socket.send("41/admin,").await;
        }
        socket.echoes("hi", "admin: hi").await;
        assert_eq!(app.io.open(), 1);
    }
}

/// Each time with another token, of which only the last is kept.
#[tokio::test]
async fn what_is_kept_of_a_client_that_joins_and_leaves_does_not_grow() {
    let connections = Connections::new();
    let app = app_with(|layer| layer.sockets(Sockets::new().connections(&connections)), |auth| auth).await;
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(socket.connect("/", &auth_of("admin")).await, Ok(()));
    let mut entries = Vec::new();
    for round in 0..50 {
        let auth = auth_with_id("admin", 600, &format!("token {round}"));
        assert_eq!(socket.connect("/admin", &auth).await, Ok(()), "{round}");
        entries.push(connections.entries());
        socket.send("41/admin,").await;
    }
    assert_eq!(entries.first(), entries.last());
}

#[tokio::test]
async fn client_that_leaves_its_namespace_and_comes_back_keeps_its_transport() {
    for (bearer, auth) in ways() {
        let app = app().await;
        let mut socket = Socket::open(&app, &headers(&bearer)).await.unwrap();
        for round in 0..200 {
            assert_eq!(socket.connect("/", &auth).await, Ok(()), "{round}");
            socket.send("41").await;
        }
        assert_eq!(socket.connect("/", &auth).await, Ok(()));
        // What was left long ago ends nothing.
        app.clock.advance(Duration::from_secs(20));
        socket.echoes("hi", "admin: hi").await;
    }
}

#[tokio::test]
async fn client_that_joins_and_leaves_by_polling_keeps_its_transport() {
    for (bearer, auth) in ways() {
        let app = app().await;
        let polling = Polling::open(&app, &headers(&bearer)).await.unwrap();
        for round in 0..20 {
            assert_eq!(polling.connect("/", &auth).await, Ok(()), "{round}");
            assert_eq!(polling.post("41").await.status, 200);
        }
        assert_eq!(polling.connect("/", &auth).await, Ok(()));
        polling.echoes("hi", "admin: hi").await;
    }
}

/// The server ends a namespace as a client leaves it.
#[tokio::test]
async fn client_that_the_application_puts_out_comes_back() {
    let app = app().await;
    app.io.ns("/door", async |socket: SocketRef| {
        socket.on("out", async |socket: SocketRef| socket.disconnect().unwrap());
        socket.emit("in", "").unwrap();
    });
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    for round in 0..50 {
        assert_eq!(socket.connect("/door", &auth_of("ann")).await, Ok(()), "{round}");
        while !socket.packet().await.starts_with(r#"42/door,["in""#) {}
        socket.send(r#"42/door,["out"]"#).await;
        assert_eq!(socket.packet().await, "41/door,");
    }
}

/// Wrong ones count, good ones in between give nothing back, and the number is that of the whole transport.
#[tokio::test]
async fn wrong_connects_count_with_wrong_refreshes_whatever_is_let_in_between() {
    let app = app().await;
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    for (auth, code) in [
        (r#"{"token":"a.b.c"}"#, "unauthorized:invalid_credentials"),
        (&*auth_for("ann", -100), "unauthorized:token_expired"),
    ] {
        assert_eq!(socket.connect("/", &auth_of("ann")).await, Ok(()));
        socket.send("41").await;
        assert_eq!(socket.connect("/admin", auth).await, Err(code.into()));
    }
    assert_eq!(socket.connect("/", &auth_of("ann")).await, Ok(()));
    assert_eq!(socket.refresh("/", &auth_for("ann", -1)).await["code"], "token_expired");
    assert_eq!(socket.end().await.1, close(4401, "invalid_credentials"));
    eventually(|| app.io.open() == 0).await;
}

/// What is refused, and whether it is a wrong credential.
#[tokio::test]
async fn only_wrong_credentials_in_auth_count() {
    let ann = bearer_of("ann");
    let (by_nobody, by_ann) = (&[][..], &[("authorization", &*ann)][..]);
    for (headers, namespace, auth, code, counts) in [
        (by_nobody, "/", r#"{"token":"a.b.c"}"#, "unauthorized:invalid_credentials", true),
        (by_nobody, "/", r#"{"token":1}"#, "unauthorized:invalid_credentials", true),
        (by_nobody, "/", "[1]", "unauthorized:invalid_credentials", true),
        (by_nobody, "/", &auth_for("ann", -1), "unauthorized:token_expired", true),
        (by_nobody, "/", &auth_with_id("ann", 600, "revoked"), "unauthorized:revoked", true),
        (by_ann, "/", r#"{"token":"a.b.c"}"#, "unauthorized:invalid_credentials", true),
        (by_ann, "/", &auth_of("bob"), "unauthorized:invalid_credentials", true),
        (by_nobody, "/", "", "unauthorized:missing_credentials", false),
        (by_nobody, "/", r#"{"token":null}"#, "unauthorized:missing_credentials", false),
        (by_nobody, "/admin", &auth_of("ann"), "forbidden", false),
        (by_ann, "/admin", "", "forbidden", false),
        (by_ann, "/wrong-here", "", "unauthorized:invalid_credentials", false),
        (by_nobody, "/step-up", &auth_of("ann"), "unauthorized:insufficient_user_authentication", false),
        (by_nobody, "/", &auth_of("broken"), "unavailable", false),
        (by_nobody, "/", &auth_of("third"), "too_many_connections", false),
        (by_nobody, "/none", &auth_of("ann"), "Invalid namespace", false),
    ] {
        let (connections, feed) = (Connections::new().per_user(0, Overflow::RejectNew), Feed::new());
        let connections = if auth == auth_of("third") { connections } else { Connections::new() };
        connections.follow(feed.clone());
        feed.is_followed().await;
        feed.revoke(Revocation::credential("", "revoked"));
        let app = app_with(|layer| layer.sockets(Sockets::new().connections(&connections)), |auth| auth).await;
        app.io.ns_with("/wrong-here", wrong_here(), async || {});
        app.io.ns_with("/step-up", step_up(), async || {});
        let mut socket = Socket::open(&app, headers).await.unwrap();
        for _ in 0..3 {
            assert_eq!(socket.connect(namespace, auth).await, Err(code.into()), "{namespace} {auth}");
        }
        if counts {
            assert_eq!(socket.end().await.1, close(4401, "invalid_credentials"), "{namespace} {auth}");
        } else {
            assert_eq!(socket.connect(namespace, auth).await, Err(code.into()), "{namespace} {auth}");
            assert_eq!(app.io.open(), 1);
        }
    }
}

fn wrong_here() -> Chain<User> {
    jwt_or_basic().and_then(|_| Ok(Outcome::<User>::Reject(Rejection::invalid_credentials())))
}

fn step_up() -> Chain<User> {
    jwt_or_basic()
        .and_then(|_| Ok(Outcome::<User>::Reject(Rejection::insufficient_user_authentication(&["mfa"], None))))
}

/// A chain that never accepts, and counts how often it is asked.
fn counted(asked: &Arc<AtomicUsize>) -> Chain<User> {
    let asked = Arc::clone(asked);
    jwt_or_basic().and_then(move |_| {
        asked.fetch_add(1, Ordering::SeqCst);
        Ok(Outcome::<User>::Reject(Rejection::invalid_credentials()))
    })
}

/// socketioxide decides about one `CONNECT` after the other in a namespace, but about namespaces at the same time.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_connects_that_come_at_once_are_limited() {
    let asked = Arc::new(AtomicUsize::new(0));
    let app = app().await;
    let namespaces: Vec<_> = (0..20).map(|n| format!("/{n}")).collect();
    for namespace in &namespaces {
        app.io.ns_with(namespace.clone(), counted(&asked), async || panic!("a handler ran"));
    }
    let connects: Vec<_> = namespaces.iter().map(|namespace| connect_packet(namespace, &auth_of("ann"))).collect();
    let polling = Polling::open(&app, &[]).await.unwrap();
    assert_eq!(polling.post(&connects.join("\u{1e}")).await.status, 200);
    eventually(|| app.io.open() == 0).await;
    assert_eq!(asked.swap(0, Ordering::SeqCst), 3);
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    for connect in &connects {
        socket.send(connect).await;
    }
    assert_eq!(socket.end().await.1, close(4401, "invalid_credentials"));
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

/// Over all connections of a user, whoever of them comes and goes.
#[tokio::test]
async fn wrong_connects_of_one_user_are_limited_over_all_transports() {
    let app = app().await;
    let ann = bearer_of("ann");
    let connect = async |auth: &str| {
        let mut socket = Socket::open(&app, &[("authorization", &ann)]).await.unwrap();
        socket.connect("/", auth).await
    };
    for _ in 0..10 {
        let refused = connect(r#"{"username":"bob","password":"guess"}"#).await;
        assert_eq!(refused, Err("unauthorized:invalid_credentials".into()));
    }
    for auth in
        [r#"{"username":"bob","password":"guess"}"#, r#"{"username":"bob","password":"password"}"#, &auth_of("ann")]
    {
        assert_eq!(connect(auth).await, Err("too_many_attempts".into()));
    }
    assert_eq!(connect("").await, Ok(()), "nothing is presented");
    app.clock.advance(Duration::from_secs(60));
    assert_eq!(connect(&auth_for("ann", 900)).await, Ok(()));
}

/// A client in many namespaces has one credential looked at at a time all the same.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_refreshes_that_come_at_once_in_many_namespaces_are_limited() {
    let asked = Arc::new(AtomicUsize::new(0));
    let app = app().await;
    let namespaces: Vec<_> = (0..20).map(|n| format!("/{n}")).collect();
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    for namespace in &namespaces {
        let asked = Arc::clone(&asked);
        let chain = jwt_or_basic().and_then(move |accept| {
            asked.fetch_add(1, Ordering::SeqCst);
            let is_short = accept.evidence().expires_at() < Some(*START + Duration::from_secs(600));
            Ok(if is_short { Outcome::Reject(Rejection::invalid_credentials()) } else { Outcome::Accept(accept) })
        });
        app.io.ns_with(namespace.clone(), chain, async || {});
        assert_eq!(socket.connect(namespace, &auth_of("ann")).await, Ok(()));
    }
    asked.store(0, Ordering::SeqCst);
    for namespace in &namespaces {
        socket.send(&refresh_packet(namespace, &auth_for("ann", 60))).await;
    }
    assert_eq!(socket.end().await.1, close(4401, "invalid_credentials"));
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

/// A page that opens all its namespaces as it loads.
#[tokio::test(flavor = "multi_thread")]
async fn good_connects_that_come_at_once_are_all_let_in() {
    let app = app().await;
    let namespaces: Vec<_> = (0..20).map(|n| format!("/{n}")).collect();
    for namespace in &namespaces {
        app.io.ns(namespace.clone(), async || {});
    }
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    for namespace in &namespaces {
        socket.send(&connect_packet(namespace, &auth_of("ann"))).await;
    }
    for _ in &namespaces {
        let packet = socket.packet().await;
        assert!(packet.starts_with("40/"), "{packet}");
    }
}
