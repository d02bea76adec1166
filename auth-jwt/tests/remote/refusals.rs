//! A failed fetch says what was expected and what was found.

use auth_jwt::remote::{FetchError, FetchErrorKind, RemoteJwks, RemoteJwksBuilder};
use serde_json::json;

use crate::{log::logged, support::*};

/// The result of the last step for this answer: the kind, and the texts of the error and the log.
fn refused(answer: &[u8], builder: impl Fn(&World) -> RemoteJwksBuilder) -> (FetchErrorKind, String) {
    let mut refused = None;
    let log = logged(|| {
        run(async {
            let world = World::new().await;
            let answer = answer.to_vec();
            world.issuer.say(move |_| Say::All(answer.clone()));
            let error = builder(&world).fail_fast().await.unwrap_err();
            let cause: &FetchError = std::error::Error::source(&error).unwrap().downcast_ref().unwrap();
            refused = Some((cause.kind(), causes(cause)));
        });
    });
    let (kind, told) = refused.unwrap();
    // The line of the log has the whole chain in one field, for subscribers that show no sources.
    let line = log.lines().find(|line| line.contains("keys cannot be fetched")).unwrap();
    assert!(line.contains("WARN") && line.contains(&format!("error={told}")), "{line}\n{told}");
    (kind, told)
}

fn at(world: &World) -> RemoteJwksBuilder {
    RemoteJwks::at(world.issuer.url("/jwks?key=MARKER")).unwrap().clock(world.clock.clone())
}

/// An issuer whose name does not depend on a free port.
fn discover(world: &World) -> RemoteJwksBuilder {
    RemoteJwks::discover(world.issuer.url("/one")).unwrap().clock(world.clock.clone())
}

fn html(status: &str) -> Vec<u8> {
    reply(status, "content-type: text/html\r\n", "<!doctype html><title>MARKER</title>")
}

fn json_of(body: &serde_json::Value) -> Vec<u8> {
    reply("200 OK", "content-type: application/json\r\n", body.to_string())
}

#[test]
fn error_says_what_was_found_instead_of_a_set() {
    use FetchErrorKind::{Malformed, NoUsableKey, Status, TooLarge, Unreachable};
    let cut = format!("content-type \"\\\\{}…\"", "x".repeat(198));
    let cut = [&*cut];
    let certificate = "-----BEGIN CERTIFICATE-----\nMARKER";
    let cases: Vec<(Vec<u8>, FetchErrorKind, &[&str])> = vec![
        (html("404 Not Found"), Status, &["expected status 200, found status 404 at http://127.0.0.1:", "/jwks"]),
        (html("500 MARKER"), Status, &["found status 500 at"]),
        (reply("304 Not Modified", "", ""), Status, &["found status 304 at"]),
        (html("401 Unauthorized"), Status, &["found status 401 at", "no credential was sent", "`header`"]),
        (
            reply("302 Found", "location: https://u:MARKER@login.example/MARKER?MARKER\r\n", ""),
            Status,
            &["found status 302 at", "redirect to the host \"login.example\"", "redirects are not followed"],
        ),
        (reply("307 Again", "location: /MARKER\r\n", ""), Status, &["redirect to the same host"]),
        (reply("308 Moved", "", ""), Status, &["redirect without a `Location`"]),
        (ok(" ".repeat(256 * 1024 + 1)), TooLarge, &["expected 262144 bytes at most, found more at http://127.0.0.1:"]),
        (ok(jwks((0..101).map(|n| Key::new(&n.to_string()).jwk())).to_string()), TooLarge, &["100 keys"]),
        (html("200 OK"), Malformed, &["expected a JWK set", "found HTML or XML", "content-type \"text/html\""]),
        (ok(""), Malformed, &["found an empty body, without a content-type"]),
        (ok("MARKER"), Malformed, &["found something that is not a JSON object"]),
        (ok("[{}]"), Malformed, &["found a JSON array"]),
        (ok("\u{feff}{\"keys\":[]}"), Malformed, &["byte order mark"]),
        (ok("-----BEGIN PUBLIC KEY-----"), Malformed, &["found PEM"]),
        (
            reply("200 OK", "content-encoding: gzip\r\n", b"\x1f\x8b\x08"),
            Malformed,
            &["found compressed data", "content-encoding \"gzip\""],
        ),
        (ok("{\"keys\":[]"), Malformed, &["found JSON that is broken (an object without an end)"]),
        (ok("{}"), Malformed, &["found a JSON object without `keys`"]),
        (
            json_of(&json!({ "keys": { "MARKER": 1 } })),
            Malformed,
            &["whose `keys` is not an array", "application/json"],
        ),
        (
            json_of(&json!({ "issuer": "MARKER", "jwks_uri": "MARKER" })),
            Malformed,
            &["a discovery document", "discover"],
        ),
        (json_of(&Key::new("MARKER").jwk()), Malformed, &["found one key, not a set"]),
        (json_of(&json!({ "error": "MARKER" })), Malformed, &["found an error in JSON"]),
        (json_of(&json!({ "MARKER": certificate })), Malformed, &["found a map of X.509 certificates"]),
        (reply("200 OK", &format!("content-type: \\{}\r\n", "x".repeat(300)), "<"), Malformed, &cut),
        (
            json_of(&json!({ "keys": [] })),
            NoUsableKey,
            &["expected a key that verifies signatures at http://127.0.0.1:"],
        ),
        (Vec::new(), Unreachable, &["no answer from http://127.0.0.1:", "/jwks: "]),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}".to_vec(), Unreachable, &["the answer broke off, from"]),
    ];
    for (answer, kind, words) in cases {
        let (found, told) = refused(&answer, at);
        assert_eq!(found, kind, "{told}");
        assert!(words.iter().all(|words| told.contains(words)), "{told}\nlacks one of {words:?}");
        for hint in ["redirect", "credential"] {
            assert_eq!(told.contains(hint), words.iter().any(|words| words.contains(hint)), "{told}");
        }
        assert!(!told.contains("MARKER") && !told.contains(&"x".repeat(200)), "{told}");
    }
}

#[test]
fn error_says_what_a_refused_document_names() {
    use FetchErrorKind::{Discovery, Status};
    let long = "x".repeat(201);
    // `@` stands for the configured issuer.
    let cases: Vec<(Vec<u8>, FetchErrorKind, Vec<String>)> = [
        (html("404 Not Found"), Status, &["found status 404 at @/.well-known/openid-configuration"][..]),
        (
            html("200 OK"),
            Discovery,
            &["expected a discovery document, found HTML or XML", "\"text/html\"", "at @/.well-known"],
        ),
        (ok("{"), Discovery, &["not JSON that can be read"]),
        (json_of(&json!({})), Discovery, &["expected \"@\", found no issuer"]),
        (json_of(&json!({ "issuer": 1 })), Discovery, &["expected \"@\", found a value that is not a string"]),
        (
            json_of(&json!({ "issuer": "https://b.example" })),
            Discovery,
            &["expected \"@\", found \"https://b.example\""],
        ),
        (json_of(&json!({ "issuer": "a\u{1b}[0m" })), Discovery, &["found \"a\\u{1b}[0m\""]),
        (json_of(&json!({ "issuer": long })), Discovery, &[&format!("found \"{}…\"", "x".repeat(200))]),
    ]
    .map(|(answer, kind, words)| (answer, kind, words.iter().map(|&words| words.to_owned()).collect()))
    .into();
    for (answer, kind, words) in cases {
        let (found, told) = refused(&answer, discover);
        let told = of_port(&told, "/one");
        assert_eq!(found, kind, "{told}");
        assert!(words.iter().all(|words| told.contains(words)), "{told}\nlacks one of {words:?}");
        assert!(!told.contains("trailing slash"), "{told}");
    }
}

/// The text with `@` instead of the issuer with this path.
fn of_port(told: &str, path: &str) -> String {
    let (_, rest) = told.split_once("http://").unwrap();
    let (host, _) = rest.split_once(path).unwrap();
    told.replace(&format!("http://{host}{path}"), "@")
}

/// The result for a document whose issuer is spelled `own`; `~` stands for the address of the server.
fn described(own: &'static str, document: &str) -> String {
    let mut told = String::new();
    run(async {
        let world = World::new().await;
        let at = world.issuer.url("");
        let document = document.replace('~', &at);
        world.issuer.say(move |_| Say::All(ok(&document)));
        let builder = RemoteJwks::discover(own.replace('~', &at)).unwrap().clock(world.clock.clone());
        told = causes(&builder.fail_fast().await.unwrap_err()).replace(&at, "~");
    });
    told
}

#[test]
fn error_names_a_trailing_slash_as_the_only_difference() {
    for (own, found, is_named) in [
        ("~/a", "~/a/", true),
        ("~/a/", "~/a", true),
        ("~/a", "~/a//", false),
        ("~/a", "~/b/", false),
        ("~", "~/", true),
    ] {
        let told = described(own, &json!({ "issuer": found, "jwks_uri": "~/jwks" }).to_string());
        assert!(told.contains(&format!("expected \"{own}\", found \"{found}\"")), "{told}");
        assert_eq!(told.contains("trailing slash"), is_named, "{told}");
    }
}

#[test]
fn jwks_uri_that_is_not_allowed_is_named() {
    for (location, words) in [
        ("\"http://id.example/jwks\"", ["\"http://id.example/jwks\"", "dangerous_allow_http(\"id.example:80\")"]),
        ("\"https://u:MARKER@id.example/a?MARKER\"", ["\"...@id.example/a\"", "without user name"]),
        ("\"/jwks\"", ["\"/jwks\"", "not an absolute https URL"]),
        ("\"https://id.example:65536/\"", ["\"https://id.example:65536/\"", "not an absolute https URL"]),
        ("\"ftp://id.example/\"", ["\"ftp://id.example/\"", "not an absolute https URL"]),
        ("\"https://id.example/\\u001b\"", ["\\u{1b}", "not an absolute https URL"]),
        ("1", ["a `jwks_uri` that is not a string", "at ~/.well-known"]),
    ] {
        let told = described("~", &format!("{{\"issuer\":\"~\",\"jwks_uri\":{location}}}"));
        assert!(words.iter().all(|words| told.contains(words)), "{told}\nlacks one of {words:?}");
        assert!(!told.contains("MARKER"), "{told}");
    }
    assert!(described("~", "{\"issuer\":\"~\"}").contains("has no `jwks_uri`"));
}

#[test]
fn timed_out_fetch_names_the_time_and_the_url() {
    run(async {
        let world = World::new().await;
        world.issuer.say(|_| Say::Hang(Vec::new()));
        let start = at(&world).fail_fast();
        tokio::pin!(start);
        tokio::select! {
            biased;
            _ = &mut start => panic!("the issuer says nothing"),
            () = world.issuer.asked_times(1) => {}
        }
        world.clock.advance(5 * SECOND);
        let told = causes(&start.await.unwrap_err());
        assert!(told.contains(&format!("within 5 s from {}", world.issuer.url("/jwks"))), "{told}");
        assert!(!told.contains("MARKER"), "{told}");
    });
}

#[test]
fn debug_shows_no_query() {
    let builder = RemoteJwks::at("http://127.0.0.1:1/jwks?key=MARKER").unwrap();
    let shown = format!("{builder:?}");
    let shown = format!("{shown} {:?}", builder.lazy().unwrap());
    assert!(shown.contains("/jwks") && !shown.contains("MARKER"), "{shown}");
}
