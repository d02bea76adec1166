//! Handlers that run for long are told of the end of their connection.

use std::{
    convert::Infallible,
    future::pending,
    time::{Duration, SystemTime},
};

use auth_core::{PrincipalId, Revocation};
use socketio_adapter::CancelToken;
use socketioxide::{extract::SocketRef, handler::ConnectHandler as _};
use tokio::{sync::mpsc, time::timeout};
use ws_adapter::{Close, Connections, Shutdown, Sockets};

use crate::{
    client::{Polling, Socket},
    common::eventually,
    support::*,
};

type Told = mpsc::UnboundedReceiver<&'static str>;

/// A namespace whose handlers wait until they are cancelled, and tell who was.
fn waits_in(app: &App, namespace: &'static str) -> Told {
    let (tell, told) = mpsc::unbounded_channel();
    let prepare = {
        let tell = tell.clone();
        async move |socket: SocketRef, token: CancelToken| {
            assert!(!token.is_cancelled());
            for name in ["awaits", "runs"] {
                let tell = tell.clone();
                socket.on(name, async move |token: CancelToken| {
                    let _ = tell.send("begun");
                    match name {
                        "awaits" => token.cancelled().await,
                        _ => assert!(token.run_until_cancelled(pending::<()>()).await.is_none()),
                    }
                    assert!(token.is_cancelled());
                    let _ = tell.send(name);
                });
            }
            let disconnects = tell.clone();
            socket.on("leave", async |socket: SocketRef| drop(socket.disconnect()));
            socket.on_disconnect(async move |token: CancelToken| {
                let _ = disconnects.send(if token.is_cancelled() { "disconnects" } else { "disconnects too early" });
            });
            let tell = tell.clone();
            tokio::spawn(async move {
                token.cancelled().await;
                let _ = tell.send("prepares");
            });
            Ok::<_, Infallible>(())
        }
    };
    let connects = async move |token: CancelToken| {
        assert_eq!(token.run_until_cancelled(async { 7 }).await, Some(7));
        token.cancelled().await;
        let _ = tell.send("connects");
    };
    app.io.ns(namespace, connects.with(prepare));
    told
}

async fn told(told: &mut Told, count: usize) -> Vec<&'static str> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(timeout(Duration::from_secs(3), told.recv()).await.expect("nobody was told").unwrap());
    }
    all.sort_unstable();
    all
}

const ALL: [&str; 5] = ["awaits", "connects", "disconnects", "prepares", "runs"];

#[tokio::test]
async fn every_handler_is_told_of_every_end() {
    type Ends = fn(&App, &Connections, &Shutdown);
    let revoke = Revocation::user(PrincipalId::new("", "ann"), SystemTime::now() + Duration::from_secs(1_000_000_000));
    let ends: [(&str, Ends); 4] = [
        ("expired", |app, _, _| app.clock.advance(Duration::from_secs(60))),
        ("shut down", |_, _, shutdown| shutdown.begin()),
        ("closed by the application", |app, _, _| app.io.close_all()),
        ("revoked", |_, _, _| {}),
    ];
    for (name, end) in ends {
        let (connections, shutdown) = (Connections::new(), Shutdown::new());
        let app =
            app_with(|layer| layer.sockets(Sockets::new().connections(&connections).shutdown(&shutdown)), |auth| auth)
                .await;
        let mut waiting = waits_in(&app, "/waits");
        let mut socket = Socket::open(&app, &[]).await.unwrap();
        assert_eq!(socket.connect("/waits", &auth_for("ann", 60)).await, Ok(()), "{name}");
        socket.send(r#"42/waits,["awaits"]"#).await;
        socket.send(r#"42/waits,["runs"]"#).await;
        assert_eq!(told(&mut waiting, 2).await, ["begun", "begun"], "{name}");
        end(&app, &connections, &shutdown);
        if name == "revoked" {
            assert_eq!(connections.close(&revoke, &Close::REVOKED), 1);
        }
        assert_eq!(told(&mut waiting, ALL.len()).await, ALL, "{name}");
        eventually(|| app.io.open() == 0).await;
    }
}

#[tokio::test]
async fn handler_is_told_when_its_client_is_gone_or_leaves_the_namespace() {
    for way in ["gone", "leaves", "is put out", "closes a transport that polls"] {
        let app = app().await;
        let mut waiting = waits_in(&app, "/waits");
        if way.starts_with("closes") {
            let polling = Polling::open(&app, &[]).await.unwrap();
            assert_eq!(polling.connect("/waits", &auth_of("ann")).await, Ok(()));
            for name in ["awaits", "runs"] {
                assert_eq!(polling.post(&format!(r#"42/waits,["{name}"]"#)).await.status, 200);
            }
            assert_eq!(told(&mut waiting, 2).await, ["begun", "begun"]);
            assert_eq!(polling.post("1").await.status, 200);
            assert_eq!(told(&mut waiting, ALL.len()).await, ALL, "{way}");
            continue;
        }
        let mut socket = Socket::open(&app, &[("authorization", &bearer_of("ann"))]).await.unwrap();
        assert_eq!(socket.connect("/", "").await, Ok(()));
        assert_eq!(socket.connect("/waits", "").await, Ok(()));
        socket.send(r#"42/waits,["awaits"]"#).await;
        socket.send(r#"42/waits,["runs"]"#).await;
        assert_eq!(told(&mut waiting, 2).await, ["begun", "begun"], "{way}");
        match way {
            "gone" => drop(socket),
            "leaves" => {
                socket.send("41/waits,").await;
                assert_eq!(told(&mut waiting, ALL.len()).await, ALL, "{way}");
                socket.echoes("the transport goes on", "ann: the transport goes on").await;
                continue;
            }
            _ => socket.send(r#"42/waits,["leave"]"#).await,
        }
        assert_eq!(told(&mut waiting, ALL.len()).await, ALL, "{way}");
    }
}
