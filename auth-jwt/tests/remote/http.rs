//! Which answers of an issuer are accepted.

use auth_jwt::remote::FetchErrorKind;

use crate::support::*;

/// The result of a fetch with this answer.
async fn fetched(bytes: Vec<u8>) -> Result<(), FetchErrorKind> {
    let world = World::new().await;
    world.issuer.say(move |_| Say::All(bytes.clone()));
    let source = world.builder().lazy().unwrap();
    let verdict = world.ask(&source, &world.key).await;
    // The key is not in the set, so the token is never accepted.
    assert_eq!(verdict == UNAVAILABLE, source.status().last_error().is_some());
    source.status().last_error().map_or(Ok(()), Err)
}

fn good() -> String {
    set(&[&Key::new("a")]).to_string()
}

#[test]
fn only_status_200_is_accepted() {
    run(async {
        assert_eq!(fetched(ok(good())).await, Ok(()));
        for status in ["201 Created", "203 Not Quite", "206 Part", "304 Not Modified", "404 Not Found", "500 Oh"] {
            assert_eq!(fetched(reply(status, "", good())).await, Err(FetchErrorKind::Status), "{status}");
        }
        assert_eq!(fetched(reply("204 No Content", "", "")).await, Err(FetchErrorKind::Status));
    });
}

#[test]
fn request_has_accept_and_user_agent() {
    run(async {
        let world = World::new().await;
        world.source().await;
        let head = &world.issuer.asked()[0].head;
        assert!(head.starts_with("get /jwks http/1.1\r\n"), "{head}");
        assert!(head.contains("\r\naccept: application/jwk-set+json, application/json\r\n"), "{head}");
        assert!(head.contains("\r\nuser-agent: auth-jwt/"), "{head}");
    });
}

#[test]
fn redirect_is_not_followed() {
    run(async {
        let world = World::new().await;
        let body = ok(set(&[&world.key]).to_string());
        for status in ["301 Moved", "302 Found", "303 See", "307 Again", "308 For Good"] {
            let (moved, body) = (reply(status, "location: /moved\r\n", ""), body.clone());
            world.issuer.say(move |asked| Say::All(if asked.path == "/moved" { body.clone() } else { moved.clone() }));
            let source = world.builder().lazy().unwrap();
            assert_eq!(world.ask(&source, &world.key).await, UNAVAILABLE);
            assert_eq!(source.status().last_error(), Some(FetchErrorKind::Status));
        }
        assert!(world.issuer.asked().iter().all(|asked| asked.path == "/jwks"));
    });
}

#[test]
fn answer_of_256_kib_is_accepted_and_one_more_byte_is_not() {
    run(async {
        let of = |len: usize| {
            let set = good();
            format!("{set}{}", " ".repeat(len - set.len()))
        };
        assert_eq!(fetched(ok(of(256 * 1024))).await, Ok(()));
        assert_eq!(fetched(ok(of(256 * 1024 + 1))).await, Err(FetchErrorKind::TooLarge));
        // The same without a known length.
        let chunked = |len| {
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            format!("{head}{len:x}\r\n{}\r\n0\r\n\r\n", of(len)).into_bytes()
        };
        assert_eq!(fetched(chunked(256 * 1024)).await, Ok(()));
        assert_eq!(fetched(chunked(256 * 1024 + 1)).await, Err(FetchErrorKind::TooLarge));
    });
}

#[test]
fn set_of_100_keys_is_accepted_and_one_more_is_not() {
    run(async {
        let of = |count: usize| ok(jwks((0..count).map(|n| Key::new(&n.to_string()).jwk())).to_string());
        assert_eq!(fetched(of(100)).await, Ok(()));
        assert_eq!(fetched(of(101)).await, Err(FetchErrorKind::TooLarge));
    });
}

#[test]
fn answer_must_be_a_jwk_set() {
    run(async {
        let good = good();
        let bodies: [&str; 9] = [
            "",
            "<html>404</html>",
            "[]",
            "null",
            "{}",
            r#"{"keys":{}}"#,
            r#"{"keys":[],"keys":[]}"#,
            r#"{"keys":[{"kty":"OKP","kty":"OKP"}]}"#,
            good.strip_suffix('}').unwrap(),
        ];
        for body in bodies {
            assert_eq!(fetched(ok(body)).await, Err(FetchErrorKind::Malformed), "{body}");
        }
        assert_eq!(fetched(ok([good.as_bytes(), b"\xff"].concat())).await, Err(FetchErrorKind::Malformed));
    });
}

#[test]
fn answer_that_is_not_http_is_unreachable() {
    run(async {
        for bytes in ["", "hello\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}"] {
            assert_eq!(fetched(bytes.into()).await, Err(FetchErrorKind::Unreachable), "{bytes}");
        }
    });
}

#[test]
fn answer_that_drips_is_given_up_after_five_seconds() {
    run(async {
        let world = World::new().await;
        let whole = ok(set(&[&world.key]).to_string());
        // Nothing, a part of the head, the head, and all but the last byte.
        for len in [0, 5, whole.len() - 100, whole.len() - 1] {
            let part = whole[..len].to_vec();
            world.issuer.say(move |_| Say::Hang(part.clone()));
            let source = world.builder().background().unwrap();
            let count = world.issuer.count();
            world.issuer.asked_times(count + 1).await;
            world.clock.advance(5 * SECOND - MOMENT);
            settle().await;
            assert_eq!(source.status().last_error(), None);
            world.clock.advance(MOMENT);
            until(&source, |status| status.last_error() == Some(FetchErrorKind::TimedOut)).await;
        }
    });
}
