//! Keys that are found by discovery.

use auth_core::Clock as _;
use auth_jwt::{
    Jwt, TrustedIssuer, TrustedIssuers,
    remote::{FetchErrorKind, RemoteJwks},
};
use serde_json::{Value, json};

use crate::{
    log::{keep_events, logged},
    support::*,
};

const OPENID: &str = "/.well-known/openid-configuration";

/// The issuer has this document, and its keys at `/jwks`.
fn describe(world: &World, document: Value) {
    let keys = ok(set(&[&world.key]).to_string());
    world.issuer.say(move |asked| {
        Say::All(match asked.path.as_str() {
            "/jwks" => keys.clone(),
            path if path.contains("/.well-known/") => ok(document.to_string()),
            _ => reply("404 Not Found", "", ""),
        })
    });
}

fn discover(world: &World) -> RemoteJwks {
    RemoteJwks::discover(world.issuer.url("")).unwrap().clock(world.clock.clone()).lazy().unwrap()
}

async fn ask(world: &World, source: &RemoteJwks, issuer: &str) -> &'static str {
    let token = world.key.token_with(&world.clock, &json!({ "iss": issuer }));
    judge(Jwt::key_source(source.clone()).issuer(issuer), &token, &world.clock).await
}

fn paths(world: &World) -> Vec<String> {
    world.issuer.asked().into_iter().map(|asked| asked.path).collect()
}

#[test]
fn keys_are_found_through_the_openid_document() {
    run(async {
        let world = World::new().await;
        let issuer = world.issuer.url("");
        describe(&world, json!({ "issuer": issuer, "jwks_uri": world.issuer.url("/jwks"), "other": [1] }));
        let source = discover(&world);
        assert_eq!(ask(&world, &source, &issuer).await, ACCEPTED);
        assert_eq!(paths(&world), [OPENID, "/jwks"]);
    });
}

#[test]
fn keys_are_found_through_the_oauth_document() {
    run(async {
        let world = World::new().await;
        let issuer = world.issuer.url("/tenant");
        describe(&world, json!({ "issuer": issuer, "jwks_uri": world.issuer.url("/jwks") }));
        let source = RemoteJwks::discover_oauth(&issuer).unwrap().clock(world.clock.clone()).lazy().unwrap();
        assert_eq!(ask(&world, &source, &issuer).await, ACCEPTED);
        assert_eq!(paths(&world), ["/.well-known/oauth-authorization-server/tenant", "/jwks"]);
    });
}

#[test]
fn document_of_another_issuer_is_not_believed() {
    run(async {
        let world = World::new().await;
        for other in [json!(world.issuer.url("/")), json!("https://id.example"), json!(null)] {
            describe(&world, json!({ "issuer": other, "jwks_uri": world.issuer.url("/jwks") }));
            let source = discover(&world);
            assert_eq!(ask(&world, &source, &world.issuer.url("")).await, UNAVAILABLE);
            assert_eq!(source.status().last_error(), Some(FetchErrorKind::Discovery));
        }
        assert!(paths(&world).iter().all(|path| path == OPENID));
    });
}

#[test]
fn location_of_the_keys_is_held_to_the_rule_for_urls() {
    run(async {
        let world = World::new().await;
        let issuer = world.issuer.url("");
        for location in [json!("http://id.example/jwks"), json!("/jwks"), json!(1), json!("https://a:b@id.example/")] {
            describe(&world, json!({ "issuer": issuer, "jwks_uri": location }));
            let source = discover(&world);
            assert_eq!(ask(&world, &source, &issuer).await, UNAVAILABLE);
            assert_eq!(source.status().last_error(), Some(FetchErrorKind::Discovery), "{location}");
        }
    });
}

#[test]
fn document_that_redirects_is_not_believed() {
    run(async {
        let world = World::new().await;
        world.issuer.say(|_| Say::All(reply("302 Found", "location: /elsewhere\r\n", "")));
        let source = discover(&world);
        assert_eq!(ask(&world, &source, &world.issuer.url("")).await, UNAVAILABLE);
        assert_eq!(paths(&world), [OPENID]);
    });
}

#[test]
fn token_of_another_issuer_is_unrecognized_and_fetches_nothing() {
    run(async {
        let world = World::new().await;
        let source = discover(&world);
        for claims in [json!({ "iss": "https://id.example" }), json!({ "iss": world.issuer.url("/") }), json!({})] {
            let token = world.key.token_with(&world.clock, &claims);
            assert_eq!(now(verdict(&source, &token, &world.clock)), Some(UNRECOGNIZED));
        }
        assert_eq!(world.issuer.count(), 0);
    });
}

#[test]
fn document_is_read_again_after_a_failure_and_not_before() {
    run(async {
        let world = World::new().await;
        let issuer = world.issuer.url("");
        let keys = reply("200 OK", "etag: \"v1\"\r\n", set(&[&world.key]).to_string());
        let serve = |at: &'static str| {
            let keys = keys.clone();
            let document = json!({ "issuer": issuer, "jwks_uri": world.issuer.url(at) });
            world.issuer.say(move |asked| {
                Say::All(match asked.path.as_str() {
                    OPENID => ok(document.to_string()),
                    path if path == at => keys.clone(),
                    _ => reply("404 Not Found", "", ""),
                })
            });
        };
        serve("/jwks");
        let source = discover(&world);
        assert_eq!(ask(&world, &source, &issuer).await, ACCEPTED);
        world.clock.advance(9 * MINUTE);
        until(&source, |status| status.age().is_some_and(|age| age.is_zero())).await;
        assert_eq!(paths(&world), [OPENID, "/jwks", "/jwks"]);

        serve("/moved");
        world.clock.advance(9 * MINUTE);
        until(&source, |status| status.last_failure().is_some()).await;
        world.clock.advance(SECOND);
        until(&source, |status| status.age().is_some_and(|age| age.is_zero())).await;
        assert_eq!(paths(&world)[3..], ["/jwks", OPENID, "/moved"]);
        // The `ETag` belongs to the old location.
        let sent: Vec<_> = world.issuer.asked().iter().map(|asked| asked.head.contains("if-none-match")).collect();
        assert_eq!(sent, [false, false, true, true, false, false]);
    });
}

#[test]
fn document_is_read_again_every_day() {
    run(async {
        let world = World::new().await;
        let issuer = world.issuer.url("");
        describe(&world, json!({ "issuer": issuer, "jwks_uri": world.issuer.url("/jwks") }));
        let source = discover(&world);
        assert_eq!(ask(&world, &source, &issuer).await, ACCEPTED);
        for hours in [23, 1] {
            world.clock.advance(hours * HOUR);
            until(&source, |status| status.last_success() == Some(world.clock.now())).await;
        }
        assert_eq!(paths(&world)[2..], ["/jwks", OPENID, "/jwks"]);
    });
}

#[test]
fn strategy_and_keys_with_different_issuers_are_logged_at_build() {
    run(async {
        let world = World::new().await;
        let own = world.issuer.url("");
        let log = |jwt: Jwt<Value>| {
            keep_events();
            logged(|| drop(jwt.verify(|claims: Value| async move { Some(claims.to_string()) })))
        };
        let slash = format!("{own}/");
        let told = log(Jwt::key_source(discover(&world)).issuer(&slash));
        assert!(told.contains("ERROR") && told.contains(&format!("one=\"{own}\" other=\"{slash}\"")), "{told}");
        assert!(!log(Jwt::key_source(discover(&world)).issuer(&own)).contains("ERROR"));
        assert!(TrustedIssuers::new([TrustedIssuer::new(&slash, discover(&world))]).is_err());
    });
}
