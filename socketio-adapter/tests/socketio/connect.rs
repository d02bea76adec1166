//! What is decided at `CONNECT`, in the namespace `/`.

use auth_core::{
    Accept, AuthRequest, BoxError, Chain, Challenge, Needs, Outcome, Strategy,
    extract::{Extractor as _, query},
};

use crate::{
    client::{Headers, Polling, Socket},
    common::eventually,
    support::*,
};

/// The decision about a `CONNECT` with this `auth`, over a transport with these headers: the same for polling, for
/// WebSocket, and for polling that became a WebSocket.
async fn connects(app: &App, headers: Headers<'_>, auth: &str) -> Result<(), String> {
    let calls = app.calls.count();
    let polling = Polling::open(app, headers).await.unwrap().connect("/", auth).await;
    let socket = Socket::open(app, headers).await.unwrap().connect("/", auth).await;
    let upgraded = Polling::open(app, headers).await.unwrap().upgrade().await.unwrap().connect("/", auth).await;
    assert_eq!(polling, socket);
    assert_eq!(socket, upgraded);
    let called = if polling.is_ok() { 3 } else { 0 };
    eventually(|| app.calls.count() == calls + called).await;
    polling
}

fn code(code: &str) -> Result<(), String> {
    Err(code.to_owned())
}

#[tokio::test]
async fn token_in_auth_is_let_in() {
    let app = app().await;
    assert_eq!(connects(&app, &[], &auth_of("ann")).await, Ok(()));
}

#[tokio::test]
async fn login_in_auth_is_let_in() {
    let app = app().await;
    assert_eq!(connects(&app, &[], r#"{"username":"ann","password":"password"}"#).await, Ok(()));
}

#[tokio::test]
async fn credential_of_the_transport_is_let_in() {
    let app = app().await;
    for authorization in [bearer_of("ann"), basic_of("ann", "password")] {
        for auth in ["", "{}", r#"{"room":"a"}"#] {
            assert_eq!(connects(&app, &[("authorization", &authorization)], auth).await, Ok(()));
        }
    }
    let cookie = format!("jwt={}", token("ann", 600));
    assert_eq!(connects(&app, &[("cookie", &cookie), ("sec-fetch-site", "same-origin")], "").await, Ok(()));
}

#[tokio::test]
async fn two_credentials_of_one_principal_are_let_in() {
    let app = app().await;
    let headers = [("authorization", &*bearer_of("ann"))];
    assert_eq!(connects(&app, &headers, &format!(r#"{{"token":"{}"}}"#, token("ann", 300))).await, Ok(()));
    assert_eq!(connects(&app, &headers, r#"{"username":"ann","password":"password"}"#).await, Ok(()));
}

#[tokio::test]
async fn header_of_one_with_auth_of_another_is_refused_as_a_wrong_one() {
    let app = app().await;
    let invalid = code("unauthorized:invalid_credentials");
    assert_eq!(connects(&app, &[("authorization", &bearer_of("ann"))], &auth_of("bob")).await, invalid);
    let login = r#"{"username":"bob","password":"password"}"#;
    assert_eq!(connects(&app, &[("authorization", &bearer_of("ann"))], login).await, invalid);
}

#[tokio::test]
async fn wrong_auth_is_refused_over_a_good_transport_too() {
    let invalid = code("unauthorized:invalid_credentials");
    for headers in [&[][..], &[("authorization", &*bearer_of("ann"))]] {
        for auth in [
            r#"{"token":"a.b.c"}"#,
            r#"{"token":"Bearer"}"#,
            r#"{"token":"Bearer "}"#,
            r#"{"token":1}"#,
            r#"{"token":["a"]}"#,
            &format!(r#"{{"token":"{0}","token":"{0}"}}"#, token("ann", 600)),
            r#"{"username":"ann","password":"guess"}"#,
            r#"{"username":"ann","password":""}"#,
            r#"{"username":"ann","password":null}"#,
            &auth_of("nobody"),
        ] {
            // So many wrong ones of one user would be too many.
            assert_eq!(connects(&app().await, headers, auth).await, invalid, "{auth}");
        }
    }
}

/// Clients send `auth: { token }` before they have a token.
#[tokio::test]
async fn null_or_empty_token_in_auth_is_no_credential() {
    let app = app().await;
    let login = r#"{"token":null,"username":null,"password":null}"#;
    for auth in [r#"{"token":null}"#, r#"{"token":""}"#, login] {
        assert_eq!(connects(&app, &[("authorization", &bearer_of("ann"))], auth).await, Ok(()), "{auth}");
        assert_eq!(connects(&app, &[], auth).await, code("unauthorized:missing_credentials"), "{auth}");
    }
}

#[tokio::test]
async fn token_in_auth_is_let_in_with_a_scheme_before_it_too() {
    let app = app().await;
    for scheme in ["Bearer ", "bearer  "] {
        let auth = format!(r#"{{"token":"{scheme}{}"}}"#, token("ann", 600));
        assert_eq!(connects(&app, &[], &auth).await, Ok(()), "{scheme:?}");
    }
    let expired = format!(r#"{{"token":"Bearer {}"}}"#, token("ann", -1));
    assert_eq!(connects(&app, &[], &expired).await, code("unauthorized:token_expired"));
}

/// A number that is too large for any type is JSON all the same.
#[tokio::test]
async fn token_in_auth_is_let_in_beside_any_json() {
    let app = app().await;
    let auth = format!(r#"{{"n":1e999,"half":"\ud83d","token":"{}"}}"#, token("ann", 600));
    assert_eq!(connects(&app, &[], &auth).await, Ok(()));
}

#[tokio::test]
async fn auth_that_is_no_object_is_refused() {
    let app = app().await;
    for auth in ["[1]", r#"["token"]"#] {
        let decision = connects(&app, &[("authorization", &bearer_of("ann"))], auth).await;
        assert_eq!(decision, code("unauthorized:invalid_credentials"), "{auth}");
    }
}

#[tokio::test]
async fn nothing_presented_is_missing_credentials() {
    let app = app().await;
    for auth in ["", "{}", r#"{"room":"a"}"#] {
        assert_eq!(connects(&app, &[], auth).await, code("unauthorized:missing_credentials"), "{auth}");
    }
}

#[tokio::test]
async fn state_to_recover_is_no_credential() {
    let app = app().await;
    let auth = r#"{"pid":"AAAAAAAAAAAAAAAA","offset":"AAAAAAAA"}"#;
    assert_eq!(connects(&app, &[], auth).await, code("unauthorized:missing_credentials"));
}

#[tokio::test]
async fn expired_token_is_told_apart_and_gets_no_leeway() {
    let app = app().await;
    for secs in [-3600, -1, 0] {
        let auth = format!(r#"{{"token":"{}"}}"#, token("ann", secs));
        assert_eq!(connects(&app, &[], &auth).await, code("unauthorized:token_expired"), "{secs}");
    }
}

#[tokio::test]
async fn broken_store_is_unavailable() {
    let app = app().await;
    assert_eq!(connects(&app, &[], &auth_of("broken")).await, code("unavailable"));
}

#[tokio::test]
async fn store_that_hangs_is_unavailable() {
    let app = app_with(|layer| layer.decision_timeout(std::time::Duration::from_millis(50)), |auth| auth).await;
    assert_eq!(connects(&app, &[], &auth_of("stuck")).await, code("unavailable"));
}

#[tokio::test]
async fn client_may_try_again_on_the_same_transport() {
    let app = app().await;
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(socket.connect("/", r#"{"token":"a.b.c"}"#).await, code("unauthorized:invalid_credentials"));
    assert_eq!(socket.connect("/", &auth_of("ann")).await, Ok(()));
    socket.echoes("hi", "ann: hi").await;
}

#[tokio::test]
async fn message_before_connect_reaches_no_handler() {
    let app = app().await;
    let mut socket = Socket::open(&app, &[("authorization", &bearer_of("ann"))]).await.unwrap();
    socket.send(r#"42["message","hi"]"#).await;
    socket.end().await;
    assert_eq!(app.calls.count(), 0);
    eventually(|| app.io.open() == 0).await;
}

#[tokio::test]
async fn transport_that_has_ended_lets_nobody_in_whatever_they_bring() {
    let app = app().await;
    for auth in [String::new(), auth_of("ann")] {
        let mut socket = Socket::open(&app, &[]).await.unwrap();
        app.io.close_all();
        // What comes after the end is not even looked at.
        assert_eq!(socket.try_connect("/", &auth).await, Err(close(1012, "restarting")));
    }
    assert_eq!(app.calls.count(), 0);
}

/// Takes a key out of the query.
struct QueryKey;

#[auth_core::async_trait]
impl Strategy for QueryKey {
    type User = User;

    fn name(&self) -> &str {
        "key"
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.push(Challenge::bearer("test"));
    }

    fn needs(&self) -> Needs {
        Needs::of(&query("key"))
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<User>, BoxError> {
        Ok(match query("key").extract(request) {
            Ok(None) => Outcome::Absent,
            Ok(Some(key)) => Outcome::Accept(Accept::new(User("ann".into()), key.carrier())),
            Err(malformed) => malformed.into(),
        })
    }
}

#[tokio::test]
async fn auth_without_a_credential_leaves_the_query_of_the_transport_as_it_was() {
    let app = app().await;
    app.io.ns_with("/key", Chain::new().or(QueryKey), async || {});
    let target = "/socket.io/?EIO=4&transport=websocket&key=k";
    for auth in ["", r#"{"lang":"de"}"#] {
        let headers = [("authorization", &*bearer_of("ann"))];
        let (mut socket, _) = Socket::handshake(app.server.addr, target, &headers).await.unwrap();
        assert!(socket.packet().await.starts_with('0'));
        assert_eq!(socket.connect("/key", auth).await, Ok(()), "{auth}");
    }
}
