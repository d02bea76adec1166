//! `Basic` with a throttle, in Socket.IO's `auth` and in refreshes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use auth_basic::{Basic, BasicLogin};
use auth_core::{Chain, ClientAddress, Secret};
use auth_store::{Guess, MemoryStore, Throttle};
use test_support::users::User;

use crate::{
    client::{Polling, Socket},
    support::*,
};

fn login(name: &str, password: &str) -> String {
    format!(r#"{{"username":"{name}","password":"{password}"}}"#)
}

#[tokio::test]
async fn wrong_passwords_in_auth_and_refreshes_share_one_budget() {
    let app = app().await;
    let asked = Arc::<AtomicUsize>::default();
    let counter = Arc::clone(&asked);
    let throttle = Throttle::new(MemoryStore::new().clock(app.clock.clone()));
    let basic = Basic::new("test").from_socketio_auth().throttle(throttle, ClientAddress::behind_proxies(1));
    let chain = Chain::new().or(basic.verify(move |login: BasicLogin| {
        counter.fetch_add(1, Ordering::SeqCst);
        async move { (login.password().expose() == "right").then(|| User(login.username().to_owned())) }
    }));
    app.io.ns_with("/throttled", chain, async || {});

    let from = [("x-forwarded-for", "192.0.2.1")];
    let mut owner = Socket::open(&app, &from).await.unwrap();
    assert_eq!(owner.connect("/throttled", &login("ann", "right")).await, Ok(()));
    assert_eq!(owner.refresh("/throttled", &login("ann", "wrong")).await["code"], "invalid_credentials");
    for n in 0..9 {
        // A transport ends after a few wrong credentials.
        let answer = if n % 2 == 0 {
            Socket::open(&app, &from).await.unwrap().connect("/throttled", &login("ann", "wrong")).await
        } else {
            Polling::open(&app, &from).await.unwrap().connect("/throttled", &login("ANN", "wrong")).await
        };
        assert!(answer.unwrap_err().contains("invalid_credentials"));
    }
    let before = asked.load(Ordering::SeqCst);
    assert_eq!(before, 11);
    for _ in 0..5 {
        let mut socket = Socket::open(&app, &from).await.unwrap();
        let refused = socket.connect("/throttled", &login("ann", "right")).await.unwrap_err();
        assert!(refused.contains("too_many_attempts"), "{refused}");
        let refused = owner.refresh("/throttled", &login("ann", "right")).await;
        assert_eq!((&refused["ok"], &refused["code"]), (&false.into(), &"too_many_attempts".into()));
    }
    assert_eq!(asked.load(Ordering::SeqCst), before, "nobody was asked");
    // It does not count as a wrong credential, so the transport stays.
    app.clock.advance(Duration::from_secs(60));
    assert_eq!(owner.refresh("/throttled", &login("ann", "right")).await["ok"], true);
    let mut other = Socket::open(&app, &[("x-forwarded-for", "192.0.2.2")]).await.unwrap();
    assert_eq!(other.connect("/throttled", &login("ann", "right")).await, Ok(()));
}

/// Strangers have used up the account. The cookies of the transport don't count in a namespace, but this one is no credential.
#[tokio::test]
async fn owner_with_the_device_cookie_logs_in_to_a_namespace_and_refreshes() {
    let app = app().await;
    let throttle = Throttle::new(MemoryStore::new().clock(app.clock.clone())).clock(app.clock.clone());
    let throttle = throttle.devices([Secret::new("d".repeat(32))]).unwrap();
    for n in 0..100 {
        let address = format!("192.0.2.{}", n / 10).parse().ok();
        throttle.take(&Guess::new("ann").address(address)).await.unwrap().failed().await;
    }
    let token = throttle.device_token("ann", None).unwrap().unwrap();
    let cookie = format!("theme=dark; __Host-device={}", token.expose());
    let basic = Basic::new("test").from_socketio_auth().throttle(throttle, ClientAddress::behind_proxies(1));
    let chain = Chain::new().or(basic.verify(|login: BasicLogin| async move {
        (login.password().expose() == "right").then(|| User(login.username().to_owned()))
    }));
    app.io.ns_with("/throttled", chain, async || {});

    let from = [("x-forwarded-for", "192.0.2.99"), ("cookie", &*cookie)];
    let mut owner = Socket::open(&app, &from).await.unwrap();
    assert_eq!(owner.connect("/throttled", &login("ann", "right")).await, Ok(()));
    assert_eq!(owner.refresh("/throttled", &login("ann", "right")).await["ok"], true);
    let owner = Polling::open(&app, &from).await.unwrap();
    assert_eq!(owner.connect("/throttled", &login("ann", "right")).await, Ok(()));
    let mut stranger = Socket::open(&app, &from[..1]).await.unwrap();
    let refused = stranger.connect("/throttled", &login("ann", "right")).await.unwrap_err();
    assert!(refused.contains("too_many_attempts"), "{refused}");
}
