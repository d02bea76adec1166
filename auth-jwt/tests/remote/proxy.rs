//! An issuer that is reached through a proxy.

use std::{env, process::Command};

use auth_core::Secret;
use auth_jwt::remote::{FetchErrorKind, RemoteJwks};
use serde_json::json;

use crate::{
    connect::ConnectProxy,
    log::logged,
    support::*,
    tls::{AUTHORITY, acceptor, builder, url, world},
};

#[test]
fn https_uses_the_proxy_and_the_certificate_is_still_checked() {
    run(async {
        let (world, proxy) = (world().await, ConnectProxy::new().await);
        let through = || builder(&world).proxy(proxy.url("http://")).unwrap();
        let source = through().trust(AUTHORITY).lazy().unwrap();
        assert_eq!(world.ask(&source, &world.key).await, ACCEPTED);
        assert_eq!((proxy.asked().len(), world.issuer.count()), (1, 1));
        let target = url(&world).replace("https://", "").replace("/jwks", "");
        assert!(proxy.asked()[0].starts_with(&format!("connect {target} http/1.1\r\n")), "{:?}", proxy.asked());
        assert!(!proxy.asked()[0].contains("proxy-authorization"));

        let source = through().trust(include_bytes!("../keys/rsa2048.cert.pem")).lazy().unwrap();
        assert_eq!(world.ask(&source, &world.key).await, UNAVAILABLE);
        assert_eq!((proxy.asked().len(), world.issuer.count()), (2, 1));
    });
}

#[test]
fn proxy_may_be_named_without_a_scheme_or_speak_tls_itself() {
    run(async {
        let (world, plain, tls) = (world().await, ConnectProxy::new().await, ConnectProxy::with_tls(acceptor()).await);
        for (proxy, before) in [(&plain, ""), (&tls, "https://")] {
            let source = builder(&world).proxy(proxy.url(before)).unwrap().trust_only(AUTHORITY).lazy().unwrap();
            assert_eq!(world.ask(&source, &world.key).await, ACCEPTED, "{before}");
            assert_eq!(proxy.asked().len(), 1);
        }
        // The certificate of the proxy is checked too.
        let other = include_bytes!("../keys/rsa2048.cert.pem");
        let source = builder(&world).proxy(tls.url("https://")).unwrap().trust_only(other).lazy().unwrap();
        assert_eq!(world.ask(&source, &world.key).await, UNAVAILABLE);
        assert_eq!(tls.asked().len(), 1);
    });
}

#[test]
fn credentials_and_headers_go_only_to_their_recipient() {
    run(async {
        let (world, proxy) = (world().await, ConnectProxy::new().await);
        let builder = builder(&world).proxy(proxy.url("http://user:pass@")).unwrap().trust(AUTHORITY);
        let source = builder.header("authorization", Secret::new("Bearer mine")).unwrap().lazy().unwrap();
        assert_eq!(world.ask(&source, &world.key).await, ACCEPTED);
        let (asked, head) = (proxy.asked(), world.issuer.asked()[0].head.clone());
        // `user:pass` in base64, in lower case like everything that is recorded.
        assert!(asked[0].contains("\r\nproxy-authorization: basic dxnlcjpwyxnz\r\n"), "{asked:?}");
        assert!(!asked[0].contains("\r\nauthorization") && !asked[0].contains("mine"), "{asked:?}");
        assert!(head.contains("\r\nauthorization: bearer mine\r\n") && !head.contains("proxy-"), "{head}");
    });
}

#[test]
fn plain_http_does_not_use_a_proxy() {
    run(async {
        let (world, proxy) = (World::new().await, ConnectProxy::new().await);
        let source = world.builder().proxy(proxy.url("http://")).unwrap().lazy().unwrap();
        assert_eq!(world.ask(&source, &world.key).await, ACCEPTED);
        assert_eq!(proxy.asked(), [""; 0]);
    });
}

#[test]
fn https_jwks_uri_uses_the_proxy_and_a_plain_document_does_not() {
    run(async {
        let (world, proxy, described) = (world().await, ConnectProxy::new().await, World::new().await);
        let issuer = described.issuer.url("");
        let document = json!({ "issuer": issuer, "jwks_uri": url(&world) });
        described.issuer.publish(&document);
        let builder = RemoteJwks::discover(issuer).unwrap().proxy(proxy.url("http://")).unwrap().trust(AUTHORITY);
        builder.clock(world.clock.clone()).fail_fast().await.unwrap();
        assert_eq!((proxy.asked().len(), world.issuer.count(), described.issuer.count()), (1, 1, 1));
    });
}

#[test]
fn last_proxy_setting_counts() {
    run(async {
        let (world, proxy) = (world().await, ConnectProxy::new().await);
        for (is_used, builder) in [
            (false, builder(&world).proxy(proxy.url("http://")).unwrap().no_proxy()),
            (true, builder(&world).no_proxy().proxy(proxy.url("http://")).unwrap()),
        ] {
            let before = proxy.asked().len();
            builder.trust(AUTHORITY).fail_fast().await.unwrap();
            assert_eq!(proxy.asked().len() > before, is_used);
        }
    });
}

#[test]
fn proxy_that_refuses_is_named_and_its_password_is_not() {
    run(async {
        let world = world().await;
        for (answer, why) in [
            ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "proxy authorization required"),
            ("HTTP/1.1 403 MARKER\r\n\r\nMARKER", "unsuccessful"),
            ("", "unexpected end of file"),
        ] {
            let proxy = ConnectProxy::refusing(answer).await;
            let mut told = String::new();
            let builder = builder(&world).proxy(proxy.url("http://MARKER:MARKER@")).unwrap().trust(AUTHORITY);
            let debug = format!("{builder:?}");
            let error = builder.fail_fast().await.unwrap_err();
            told.push_str(&causes(&error));
            let through = format!("no answer from {} through the proxy {}", url(&world), proxy.url("http://"));
            assert!(told.contains(&through) && told.contains(why), "{told}");
            for shown in [told, debug, format!("{error:?}")] {
                assert!(!shown.contains("MARKER") && !shown.contains("TUFSS0VS"), "{shown}");
            }
        }
    });
}

#[test]
fn log_has_no_credential_of_issuer_or_proxy_at_any_level() {
    for answer in [None, Some("HTTP/1.1 407 No\r\n\r\n")] {
        let log = logged(|| {
            run(async {
                let world = world().await;
                let proxy = match answer {
                    None => ConnectProxy::new().await,
                    Some(answer) => ConnectProxy::refusing(answer).await,
                };
                let builder = builder(&world).proxy(proxy.url("http://MARKER:MARKER@")).unwrap().trust(AUTHORITY);
                let builder = builder.header("authorization", Secret::new("Bearer MARKER")).unwrap();
                let _ = builder.fail_fast().await;
                assert_eq!(world.issuer.count(), usize::from(answer.is_none()));
            });
        });
        assert!(!log.is_empty());
        // The second is `MARKER:` in base64, as `Basic` sends it.
        assert!(!log.contains("MARKER") && !log.contains("TUFSS0VS"), "{log}");
    }
}

/// Variables of this process cannot be set while other tests run, so a child process runs this.
#[test]
fn environment_names_the_proxy_and_the_hosts_without() {
    run(async {
        let world = world().await;
        for (use_by_child, variables) in [
            (Some(true), &[("HTTPS_PROXY", "@")][..]),
            (Some(true), &[("https_proxy", "@")]),
            (Some(false), &[]),
            (Some(false), &[("HTTPS_PROXY", "")]),
            (Some(false), &[("HTTP_PROXY", "@"), ("ALL_PROXY", "@")]),
            (Some(false), &[("HTTPS_PROXY", "@"), ("NO_PROXY", "id.example,127.0.0.0/8")]),
            (Some(false), &[("HTTPS_PROXY", "@"), ("no_proxy", "127.0.0.1")]),
            (Some(true), &[("HTTPS_PROXY", "@"), ("NO_PROXY", "id.example")]),
            (None, &[("HTTPS_PROXY", "socks5://127.0.0.1:1")]),
        ] {
            let proxy = ConnectProxy::new().await;
            let mut child = Command::new(env::current_exe().unwrap());
            child.args(["--exact", "proxy::child_fetches_what_its_environment_names"]).env(CHILD, url(&world));
            for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "no_proxy"] {
                child.env_remove(name);
            }
            child.envs(variables.iter().map(|(name, value)| (name, value.replace('@', &proxy.url("http://")))));
            let before = world.issuer.count();
            let output = tokio::task::spawn_blocking(move || child.output().unwrap()).await.unwrap();
            let has_fetched = world.issuer.count() > before;
            let found = (output.status.success() && has_fetched).then_some(!proxy.asked().is_empty());
            assert_eq!(found, use_by_child, "{variables:?} {}", String::from_utf8_lossy(&output.stdout));
        }
    });
}

const CHILD: &str = "AUTH_JWT_TEST_FETCHES";

#[test]
fn child_fetches_what_its_environment_names() {
    let Ok(url) = env::var(CHILD) else { return };
    run(async {
        RemoteJwks::at(url).unwrap().trust(AUTHORITY).fail_fast().await.unwrap();
    });
}

#[test]
fn proxy_that_answers_slowly_is_given_up_with_the_fetch() {
    run(async {
        let world = world().await;
        // It is not a proxy, and the error does not repeat it.
        world.issuer.say(|_| Say::Hang(Vec::new()));
        let proxy = World::new().await;
        proxy.issuer.say(|_| Say::Hang(Vec::new()));
        let source = builder(&world).proxy(proxy.issuer.url("")).unwrap().background().unwrap();
        proxy.issuer.asked_times(1).await;
        world.clock.advance(5 * SECOND);
        until(&source, |status| status.last_error() == Some(FetchErrorKind::TimedOut)).await;
    });
}
