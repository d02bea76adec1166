//! Who gets a place without a credential, where there are more clients than places.

use futures_util::future::join_all;
use ws_adapter::Connections;

use crate::{
    client::{Polling, Socket},
    common::{eventually, everything, refusals},
    support::*,
};

const ATTACKER: [(&str, &str); 1] = [("x-forwarded-for", "2001:db8::1")];
const STRANGER: [(&str, &str); 1] = [("x-forwarded-for", "198.51.100.9")];

async fn serve(connections: &Connections) -> App {
    app_behind_proxy(connections, |auth| auth).await
}

#[tokio::test]
async fn subnets_of_one_customer_do_not_keep_strangers_from_polling() {
    let connections = Connections::new().max_pending(16).max_pending_per_address(4);
    let app = serve(&connections).await;
    let mut open = Vec::new();
    for subnet in 0..25 {
        for host in 0..4 {
            let address = format!("2001:db8:0:{subnet:x}00::{host:x}");
            open.extend(Polling::open(&app, &[("x-forwarded-for", &address)]).await.ok());
        }
    }
    assert_eq!((open.len(), connections.pending()), (16, 16));
    let stranger = Polling::open(&app, &STRANGER).await.unwrap();
    assert_eq!(connections.pending(), 16);
    assert_eq!(stranger.connect("/", &auth_of("ann")).await, Ok(()));
    assert_eq!((connections.pending(), connections.count()), (15, 1));
    eventually(|| app.io.open() == 16).await;
    assert!(open[0].poll().await.is(400, "unknown_session"), "the oldest");
    assert_eq!(open[1].connect("/", &auth_of("bob")).await, Ok(()), "and nobody else");
}

#[tokio::test]
async fn every_kind_of_pending_transport_can_be_displaced() {
    let connections = Connections::new().max_pending(1);
    let app = serve(&connections).await;
    let displace = async || {
        let stranger = Polling::open(&app, &STRANGER).await.unwrap();
        assert_eq!(connections.pending(), 1);
        assert_eq!(stranger.connect("/", &auth_of("ann")).await, Ok(()));
        stranger.post("1").await;
        eventually(|| app.io.open() == 0).await;
        assert_eq!(connections.entries(), [0; 3]);
    };
    let displaced = close(4503, "displaced");

    let mut socket = Socket::open(&app, &ATTACKER).await.unwrap();
    displace().await;
    assert_eq!(socket.end().await, (vec![], displaced.clone()));

    let mut upgraded = Polling::open(&app, &ATTACKER).await.unwrap().upgrade().await.unwrap();
    displace().await;
    assert_eq!(upgraded.end().await.1, displaced);

    let mut refused = Socket::open(&app, &ATTACKER).await.unwrap();
    assert!(refused.connect("/", &auth_of("nobody")).await.is_err());
    displace().await;
    assert_eq!(refused.end().await.1, displaced);

    let mut judged = Socket::open(&app, &ATTACKER).await.unwrap();
    judged.send(&format!("40{}", auth_of("stuck"))).await;
    displace().await;
    assert_eq!(judged.end().await.1, displaced);

    let polling = Polling::open(&app, &ATTACKER).await.unwrap();
    assert_eq!(polling.poll().await.body, "2");
    let waiting = tokio::spawn({
        let polling = polling.clone();
        async move { polling.poll().await }
    });
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    displace().await;
    let answer = waiting.await.unwrap();
    assert_eq!((answer.status, &*answer.body), (200, "6"), "nobody is in a namespace who could be told why");
    assert!(polling.poll().await.is(400, "unknown_session"));
}

#[tokio::test(flavor = "multi_thread")]
async fn simultaneous_newcomers_never_exceed_the_limit() {
    for _ in 0..5 {
        let connections = Connections::new().max_pending(5);
        let app = serve(&connections).await;
        let opened = join_all((0..60).map(async |client: usize| {
            // Ten of each of three addresses, and thirty of one each.
            let address = if client < 30 { client % 3 } else { client };
            let opened = Polling::open(&app, &[("x-forwarded-for", &format!("192.0.2.{address}"))]).await;
            assert!(connections.pending() <= 5);
            opened
        }));
        for refused in opened.await.into_iter().filter_map(Result::err) {
            assert!(refused.is(429, "too_many_connections"), "{refused:?}");
        }
        eventually(|| app.io.entries() == [5, 5]).await;
        assert_eq!(connections.entries(), [0, 0, 5]);
        app.io.close_all();
        eventually(|| app.io.open() == 0 && connections.pending() == 0).await;
    }
}

#[tokio::test]
async fn transport_whose_client_has_come_in_is_not_displaced() {
    let connections = Connections::new().max_pending(1);
    let app = serve(&connections).await;
    let mut first = Socket::open(&app, &ATTACKER).await.unwrap();
    assert_eq!(first.connect("/", &auth_of("ann")).await, Ok(()));
    let _stranger = Socket::open(&app, &STRANGER).await.unwrap();
    assert!(Socket::open(&app, &STRANGER).await.unwrap_err().is(429, "too_many_connections"));
    first.echoes("hi", "ann: hi").await;
}

#[tokio::test]
async fn transport_that_is_displaced_is_one_line() {
    let connections = Connections::new().max_pending(1);
    let app = serve(&connections).await;
    let mut first = Socket::open(&app, &ATTACKER).await.unwrap();
    let (log, _guard) = everything();
    let _stranger = Socket::open(&app, &STRANGER).await.unwrap();
    assert_eq!(first.end().await.1, close(4503, "displaced"));
    let lines: Vec<_> = refusals(&log).into_iter().filter(|line| !line.starts_with("DEBUG")).collect();
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert!(line.starts_with("INFO") && line.contains(r#"code="displaced" strategy="" transport=SocketIo"#), "{line}");
}
