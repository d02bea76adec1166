//! Which credentials count as wrong, for the socket and for its user and address.

use auth_core::{Chain, Transport};
use axum::{Router, response::Response, routing::any};
use serde_json::json;
use test_support::strategies::{Guest, Visitor};
use ws_adapter::{AuthWebSocketUpgrade, ClientAddress, Connections, Sockets};

use crate::{
    says::{Says, WrongOnes, rejections},
    support::{Client, Server, app, close, echo, jwt_or_basic, layer, presented, protocols, token},
};

#[tokio::test]
async fn one_rule_decides_which_credentials_count_as_wrong() {
    let (good, fresh) = (token("ann", 60), presented(&token("ann", 900)));
    let said = rejections().map(|(rejection, counts)| (Some(rejection), fresh.clone(), counts));
    let nobodys = json!({"type": "auth", "scheme": "unknown", "credentials": "x"}).to_string();
    let sent = [
        (presented(&token("broken", 900)), false),
        (nobodys, false),
        (presented("a.b.c"), true),
        (presented(&token("ann", -1)), true),
    ];
    for (rejection, message, counts) in said.into_iter().chain(sent.map(|(message, counts)| (None, message, counts))) {
        let case = format!("{rejection:?} {message}");
        let (says, wrong) = (Says::default(), WrongOnes::default());
        let connections = Connections::new().attempt_limiter(wrong.clone());
        let layer = layer(says.about(jwt_or_basic())).sockets(Sockets::new().connections(&connections));
        let server = Server::start(app(layer.clone()).route("/first", any(echo).layer(layer.first_message()))).await;
        let mut client = server.connect("/ws", &[("sec-websocket-protocol", &protocols(&good))]).await.unwrap().0;
        says.say(rejection.as_ref());
        for _ in 0..2 {
            client.send(&message).await;
            assert_eq!(client.json().await["type"], "auth_error", "{case}");
        }
        client.send(&message).await;
        if counts {
            assert_eq!(client.closed().await, close(4401, "invalid_credentials"), "{case}");
        } else {
            assert_eq!(client.json().await["type"], "auth_error", "{case}");
            assert!(client.echoes("still here").await, "{case}");
        }
        assert_eq!(wrong.take(), if counts { 3 } else { 0 }, "{case}");

        let mut client = server.connect("/first", &[]).await.unwrap().0;
        client.send(&message).await;
        assert!(client.closed().await.is_some(), "{case}");
        assert_eq!(wrong.take(), usize::from(counts), "{case}");
    }
}

#[tokio::test]
async fn wrong_first_message_never_becomes_a_guest() {
    let named = jwt_or_basic().map_user(|user| Visitor(Some(user.0)));
    let chain = Chain::new().or(named).or(Guest { only: Some(Transport::InBand) }).try_next_on_reject();
    let layer = layer(chain)
        .sockets(Sockets::new().connections(&Connections::new()).client_address(ClientAddress::behind_proxies(1)));
    let silent = any(|ws: AuthWebSocketUpgrade<Visitor>| async move {
        let respond: Response = ws.on_upgrade(async |mut socket| while socket.recv().await.is_some() {});
        respond
    });
    let server = Server::start(Router::new().route("/first", silent.layer(layer.first_message()))).await;
    let first = async |address: &str, scheme: &str, credentials: &str| -> Client {
        let mut client = server.connect("/first", &[("x-forwarded-for", address)]).await.unwrap().0;
        client.send(&json!({"type": "auth", "scheme": scheme, "credentials": credentials}).to_string()).await;
        client
    };
    for _ in 0..30 {
        let mut client = first("192.0.2.1", "basic", "YWRtaW46Z3Vlc3M=").await;
        assert_eq!(client.closed().await, close(4401, "invalid_credentials"));
    }
    let mut client = first("192.0.2.1", "basic", "YWRtaW46Z3Vlc3M=").await;
    assert_eq!(client.closed().await, close(4429, "too_many_attempts"));
    for (scheme, credentials) in [("bearer", token("ann", 60)), ("guest", "x".to_owned())] {
        assert_eq!(first("192.0.2.2", scheme, &credentials).await.json().await["type"], "auth_ok", "{scheme}");
    }
}
