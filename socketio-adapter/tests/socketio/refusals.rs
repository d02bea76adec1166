//! Every refusal over Socket.IO is one line in the log, which says why, and holds no credential.

use http::Method;

use crate::{
    client::{Polling, Socket, send},
    common::{everything, refusals},
    support::*,
};

/// The lines from INFO on: that an `auth` object or a request has no credential is one at DEBUG.
fn lines(log: &crate::common::Log) -> Vec<String> {
    refusals(log).into_iter().filter(|line| !line.starts_with("DEBUG")).collect()
}

fn assert_one(log: &crate::common::Log, code: &str, rest: &str, detail: &str) {
    let [line] = &lines(log)[..] else { panic!("{code} is one line: {}", log.text()) };
    assert!(line.starts_with("INFO") && line.contains(&format!("code=\"{code}\"")), "{line}");
    assert!(line.contains(rest) && line.contains(detail), "{line}");
    let text = log.text();
    let mut ours = text.lines().filter(|line| line.contains("auth_") || line.contains("_adapter"));
    assert!(!ours.any(|line| line.contains("marker")), "{text}");
}

#[tokio::test]
async fn every_refused_connect_is_one_line() {
    let no_object = "is not one JSON object";
    for (opened_by, auth, code, strategy, detail) in [
        ("", r#"{"token":"eyJhbGciOiJI.marker.marker"}"#.to_owned(), "invalid_credentials", "jwt", ""),
        ("", auth_for("ann", -100), "token_expired", "jwt", ""),
        ("", auth_for("ann", -1), "token_expired", "", "leeway"),
        ("", r#"["marker"]"#.to_owned(), "invalid_credentials", "", no_object),
        ("", format!(r#"{{"a":"{}"}}"#, "x".repeat(17 * 1024)), "invalid_credentials", "", no_object),
        ("ann", auth_of("bob"), "invalid_credentials", "jwt", "another user"),
    ] {
        let app = app().await;
        let bearer = bearer_of("ann");
        let headers = [("authorization", bearer.as_str())];
        let client = Polling::open(&app, if opened_by.is_empty() { &[] } else { &headers }).await.unwrap();
        let (log, _guard) = everything();
        assert!(client.connect("/", &auth).await.is_err(), "{code}");
        assert_one(&log, code, &format!("strategy=\"{strategy}\" transport=SocketIo"), detail);
    }
}

#[tokio::test]
async fn connect_without_a_credential_is_a_line_at_debug() {
    let app = app().await;
    let client = Polling::open(&app, &[]).await.unwrap();
    let (log, _guard) = everything();
    assert!(client.connect("/", "{}").await.is_err());
    assert_eq!(lines(&log), [""; 0]);
    assert!(refusals(&log).iter().any(|line| line.contains("missing_credentials")), "{}", log.text());
}

#[tokio::test]
async fn every_refused_request_to_the_engine_is_one_line() {
    let app = app().await;
    let client = Polling::open(&app, &[("authorization", &bearer_of("ann"))]).await.unwrap();
    let bob = bearer_of("bob");
    let bob = [("authorization", bob.as_str())];
    let own = format!("EIO=4&transport=polling&sid={}", client.sid);
    for (query, headers, code, status) in [
        ("EIO=3&transport=polling", &[][..], "bad_request", "status=400"),
        ("EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAA", &[], "unknown_session", "status=400"),
        ("EIO=4&transport=polling", &[("authorization", "Bearer a.b.c")], "invalid_credentials", "status=401"),
        ("EIO=4&transport=polling", &[("origin", "https://evil.example")], "origin_not_allowed", "status=403"),
        (&*own, &bob, "forbidden", "status=403"),
    ] {
        let (log, _guard) = everything();
        let target = format!("/socket.io/?{query}");
        assert!(send(app.server.addr, Method::GET, &target, headers, String::new()).await.code() == code, "{query}");
        assert_one(&log, code, status, "");
    }
}

#[tokio::test]
async fn every_refused_refresh_is_one_line() {
    for (payload, code, rest, detail) in [
        (r#"{"token":"eyJhbGciOiJI.marker.marker"}"#.to_owned(), "invalid_credentials", "strategy=\"jwt\"", ""),
        (r#"["marker"]"#.to_owned(), "invalid_request", "status=400", "not one object"),
        (auth_of("bob"), "invalid_credentials", "status=401", "another user"),
    ] {
        let app = app().await;
        let mut client = Socket::open(&app, &[]).await.unwrap();
        assert_eq!(client.connect("/", &auth_of("ann")).await, Ok(()));
        let (log, _guard) = everything();
        assert_eq!(client.refresh("/", &payload).await["code"], code);
        assert_one(&log, code, rest, detail);
        assert!(lines(&log)[0].contains("transport=InBand"), "{}", log.text());
    }
}
