//! Endpoints that require a credential.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use auth_core::Secret;
use auth_jwt::remote::{FetchErrorKind, RemoteJwks, RemoteJwksBuilder};
use serde_json::json;

use crate::{log::logged, support::*};

/// The values of this header that the issuer received, one for each request.
fn sent(issuer: &Issuer, name: &str) -> Vec<Option<String>> {
    let of = |head: String| {
        let mut values = head.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned));
        let value = values.next();
        assert_eq!(values.next(), None, "{name} repeats");
        value
    };
    issuer.asked().into_iter().map(|asked| of(asked.head)).collect()
}

#[test]
fn header_is_sent_with_each_fetch() {
    run(async {
        let world = World::new().await;
        let builder = world.builder().header("X-Api-Key", Secret::new("first")).unwrap();
        let builder = builder.header("x-api-key", Secret::new("second")).unwrap();
        let builder = builder.header("User-Agent", Secret::new("mine")).unwrap();
        let source = builder.header("authorization", Secret::new("Bearer a b\tc~")).unwrap().fail_fast().await.unwrap();
        world.clock.advance(9 * MINUTE);
        world.issuer.asked_times(2).await;
        drop(source);
        for (name, value) in [("x-api-key", "second"), ("user-agent", "mine"), ("authorization", "bearer a b\tc~")] {
            assert_eq!(sent(&world.issuer, name), [Some(value.to_owned()), Some(value.to_owned())]);
        }
    });
}

#[test]
fn token_in_a_file_is_read_anew_for_each_fetch() {
    run(async {
        let world = World::new().await;
        let path = std::env::temp_dir().join(format!("auth-jwt-token-{}", std::process::id()));
        fs::write(&path, "one\n").unwrap();
        let file = path.clone();
        let builder = world.builder().header_from("authorization", move || {
            let token = fs::read_to_string(&file)?;
            Ok(Secret::new(format!("Bearer {}", token.trim())))
        });
        let source = builder.unwrap().fail_fast().await.unwrap();
        fs::write(&path, "two\n").unwrap();
        world.clock.advance(9 * MINUTE);
        world.issuer.asked_times(2).await;
        until(&source, |status| status.age().is_some_and(|age| age.is_zero())).await;
        assert_eq!(
            sent(&world.issuer, "authorization"),
            ["bearer one", "bearer two"].map(|value| Some(value.to_owned()))
        );

        // Without the file nothing is sent, and the keys stay.
        fs::remove_file(&path).unwrap();
        world.clock.advance(9 * MINUTE);
        until(&source, |status| status.last_error() == Some(FetchErrorKind::Header)).await;
        assert_eq!(world.issuer.count(), 2);
        assert_eq!(world.ask_now(&source, &world.key), ACCEPTED);
    });
}

#[test]
fn unavailable_header_value_fails_the_fetch_and_is_retried() {
    run(async {
        let world = World::new().await;
        let answers: [fn() -> Result<Secret, auth_core::BoxError>; 5] = [
            || Err("the vault is sealed".into()),
            || Ok(Secret::new("")),
            || Ok(Secret::new("Bearer ")),
            || Ok(Secret::new("MARKER\nhost: elsewhere")),
            || Ok(Secret::new("good")),
        ];
        let turn = Arc::new(AtomicUsize::new(0));
        let builder = || {
            let turn = Arc::clone(&turn);
            world.builder().header_from("x-key", move || answers[turn.fetch_add(1, Relaxed)]()).unwrap()
        };
        for why in ["`x-key` is unavailable: the vault is sealed", "`x-key` is empty", "white space", "line break"] {
            let told = causes(&builder().fail_fast().await.unwrap_err());
            assert!(told.contains("a header for the issuer is unavailable") && told.contains(why), "{told}");
            assert!(!told.contains("MARKER"), "{told}");
            assert_eq!(world.issuer.count(), 0);
        }
        builder().fail_fast().await.unwrap();
        assert_eq!(sent(&world.issuer, "x-key"), [Some("good".to_owned())]);
    });
}

#[test]
fn header_is_sent_only_to_the_configured_origin() {
    let mut told = Vec::new();
    for is_elsewhere in [false, true] {
        let log = logged(|| {
            run(async {
                let (world, other) = (World::new().await, World::new().await);
                let keys = if is_elsewhere { &other } else { &world };
                let (issuer, jwks_uri) = (world.issuer.url(""), keys.issuer.url("/jwks"));
                let (document, set) = (json!({ "issuer": issuer, "jwks_uri": jwks_uri }), set(&[&world.key]));
                world
                    .issuer
                    .say(move |asked| Say::All(ok(if asked.path == "/jwks" { &set } else { &document }.to_string())));
                let builder = RemoteJwks::discover(issuer).unwrap().clock(world.clock.clone());
                builder.header("x-key", Secret::new("MARKER")).unwrap().fail_fast().await.unwrap();
                let value = Some("marker".to_owned());
                if is_elsewhere {
                    assert_eq!((sent(&world.issuer, "x-key"), sent(&other.issuer, "x-key")), (vec![value], vec![None]));
                } else {
                    assert_eq!(sent(&world.issuer, "x-key"), [value.clone(), value]);
                }
            });
        });
        assert!(!log.to_lowercase().contains("marker"), "{log}");
        told.push(log.lines().filter(|line| line.contains("WARN") && line.contains("are not sent there")).count());
        if is_elsewhere {
            let line = log.lines().find(|line| line.contains("are not sent there")).unwrap();
            assert!(
                line.contains("configured=http://127.0.0.1:") && line.contains("found=http://127.0.0.1:"),
                "{line}"
            );
        }
    }
    assert_eq!(told, [0, 1]);
}

#[test]
fn status_401_is_explained_by_the_headers_that_were_sent() {
    const NOT_SENT: &str = "were not sent, since they are for another origin";
    run(async {
        let (world, other) = (World::new().await, World::new().await);
        let told = async |builder: RemoteJwksBuilder| {
            causes(&builder.header("x-key", Secret::new("good")).unwrap().fail_fast().await.unwrap_err())
        };
        for status in ["401", "403"] {
            world.issuer.say(move |_| Say::All(reply(&format!("{status} No"), "", "")));
            let sent = told(world.builder()).await;
            assert!(sent.contains(status) && !sent.contains("credential") && !sent.contains(NOT_SENT), "{sent}");

            let (issuer, jwks_uri) = (other.issuer.url(""), world.issuer.url("/jwks"));
            other.issuer.publish(&json!({ "issuer": issuer, "jwks_uri": jwks_uri }));
            let not_sent = told(RemoteJwks::discover(issuer).unwrap().clock(world.clock.clone())).await;
            assert!(not_sent.contains(status) && not_sent.contains(NOT_SENT), "{not_sent}");
        }
    });
}

#[test]
fn names_and_values_that_would_break_a_request_do_not_build() {
    let builder = || RemoteJwks::at("https://id.example/jwks").unwrap();
    for name in [
        "",
        " ",
        "a b",
        "a:b",
        "a\r\nb",
        "ä",
        ":path",
        "Host",
        "content-length",
        "Transfer-Encoding",
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "te",
        "trailer",
        "upgrade",
        "http2-settings",
        "expect",
        "range",
        "accept-encoding",
        "if-none-match",
        "if-match",
        "if-modified-since",
        "if-unmodified-since",
        "if-range",
    ] {
        assert!(builder().header(name, Secret::new("x")).is_err(), "{name}");
        assert!(builder().header_from(name, || Ok(Secret::new("x"))).is_err(), "{name}");
    }
    for value in ["", " ", "MARKER ", "\tMARKER", "MARKER\n", "MARKER\r\nx: y", "MARKER\0", "MARKER\u{7f}", "MARKERä"]
    {
        let error = builder().header("authorization", Secret::new(value)).unwrap_err().to_string();
        assert!(error.contains("`authorization`") && !error.contains("MARKER"), "{error}");
    }
    let shown = format!("{:?}", builder().header("x-key", Secret::new("MARKER")).unwrap());
    assert!(!shown.contains("MARKER"), "{shown}");
}
