//! Allowed plain `http`.

use auth_jwt::remote::{FetchErrorKind, RemoteJwks};
use serde_json::json;

use crate::support::*;

/// The issuer under an address of this machine that is not a loopback address.
fn elsewhere(url: &str) -> String {
    url.replace("127.0.0.1", "0.0.0.0")
}

fn host(world: &World) -> String {
    elsewhere(&world.issuer.url("")).replace("http://", "")
}

#[test]
fn plain_http_is_for_the_loopback_and_for_the_host_that_is_allowed() {
    let builds = |url: &str, allowed: &[&str]| {
        let builder = RemoteJwks::at(url)?.no_proxy();
        allowed.iter().try_fold(builder, |builder, host| builder.dangerous_allow_http(host))?.lazy().map(drop)
    };
    for url in ["http://id.example/jwks", "http://192.0.2.1/jwks", "ftp://127.0.0.1/jwks", "jwks", ""] {
        assert!(builds(url, &[]).is_err(), "{url}");
    }
    for url in ["http://127.0.0.1:1/jwks", "http://[::1]:1/jwks", "http://localhost:1/jwks"] {
        assert!(builds(url, &[]).is_ok(), "{url}");
    }
    let url = "http://keycloak:8080/realms/one/protocol/openid-connect/certs";
    assert!(builds(url, &["KEYCLOAK:8080"]).is_ok());
    assert!(builds(url, &["first:1", "keycloak:8080", "last:1"]).is_ok());
    let error = builds(url, &["keycloak"]).unwrap_err().to_string();
    assert!(error.contains("`keycloak`") && error.contains("dangerous_allow_http(\"keycloak:8080\")"), "{error}");
    assert!(builds(url, &["keycloak:8080/realms"]).is_err());
}

#[test]
fn discovery_over_plain_http_builds_up_to_the_last_step() {
    let error = RemoteJwks::discover("http://keycloak:8080/realms/one").unwrap().lazy().unwrap_err().to_string();
    assert!(error.contains("dangerous_allow_http(\"keycloak:8080\")"), "{error}");
    let builder = RemoteJwks::discover_oauth("http://keycloak:8080/realms/one").unwrap();
    assert!(builder.dangerous_allow_http("keycloak:8080").unwrap().lazy().is_ok());
}

#[test]
fn keys_of_an_allowed_host_are_fetched_in_the_clear() {
    run(async {
        let world = World::new().await;
        let builder = RemoteJwks::at(elsewhere(&world.issuer.url("/jwks"))).unwrap().clock(world.clock.clone());
        let source = builder.dangerous_allow_http(host(&world)).unwrap().fail_fast().await.unwrap();
        assert_eq!(world.ask_now(&source, &world.key), ACCEPTED);
    });
}

#[test]
fn document_of_an_allowed_host_may_not_name_the_loopback() {
    run(async {
        let world = World::new().await;
        let issuer = elsewhere(&world.issuer.url(""));
        let set = set(&[&world.key]);
        for (jwks_uri, why) in [
            (elsewhere(&world.issuer.url("/jwks")), None),
            (world.issuer.url("/jwks"), Some("on this machine")),
            ("http://other:8080/jwks".to_owned(), Some("dangerous_allow_http(\"other:8080\")")),
        ] {
            let (document, set) = (json!({ "issuer": issuer, "jwks_uri": jwks_uri }), set.clone());
            world
                .issuer
                .say(move |asked| Say::All(ok(if asked.path == "/jwks" { &set } else { &document }.to_string())));
            let builder = RemoteJwks::discover(&*issuer).unwrap().clock(world.clock.clone());
            let result = builder.dangerous_allow_http(host(&world)).unwrap().fail_fast().await;
            match (result, why) {
                (Ok(_), None) => {}
                (Err(error), Some(why)) => {
                    let told = causes(&error);
                    assert!(told.contains(&jwks_uri) && told.contains(why), "{told}");
                }
                (other, _) => panic!("{jwks_uri}: {other:?}"),
            }
        }
    });
}

/// This holds even if the host is allowed: nothing would prove who answers there.
#[test]
fn issuer_under_https_may_not_name_a_location_in_the_clear() {
    run(async {
        let world = crate::tls::world().await;
        let issuer = world.issuer.url("").replace("http:", "https:");
        for jwks_uri in ["http://keycloak:8080/jwks".to_owned(), world.issuer.url("/jwks")] {
            world.issuer.publish(&json!({ "issuer": issuer, "jwks_uri": jwks_uri }));
            let builder = RemoteJwks::discover(&*issuer).unwrap().clock(world.clock.clone()).no_proxy();
            let builder = builder.trust(crate::tls::AUTHORITY).dangerous_allow_http("keycloak:8080").unwrap();
            let source = builder.background().unwrap();
            until(&source, |status| status.last_error() == Some(FetchErrorKind::Discovery)).await;
        }
    });
}
