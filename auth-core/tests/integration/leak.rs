//! A marked secret is sent down every path, and found in no log line, no `Debug`, no header and no body.

use std::{fmt::Debug, io};

use auth_core::{
    Accept, AuthRequest, BoxError, Carrier, Chain, Challenge, Needs, Outcome, Payload, PrincipalId, Redirect, Refusal,
    Rejection, RequestInfo, Revocation, Secret, Strategy, Transport, Verdict, Verify, async_trait,
    extract::{
        AnyOf, Extractor, bearer, cookie, from_fn, jupyter_subprotocol, payload_field, query, raw_subprotocol,
        socketio_auth, subprotocol, subprotocol_after,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::request::Parts;
use test_support::{checks::check, log::captured};

use crate::support::{head, in_secs, now};

const MARKER: &str = "MARKED-SECRET";

fn assert_clean(what: &str, text: &str) {
    test_support::log::assert_clean(what, text, MARKER);
}

/// `Debug` shows something, and no secret.
fn assert_debug_is_clean<T: Debug>(value: &T) {
    test_support::assert_debug_is_clean(value, MARKER);
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Accept,
    Revoked,
    Unrecognized,
    Reject,
    Forbidden,
    Scope,
    Redirect,
    Error,
    Panic,
}

const ENDINGS: [Ending; 9] = [
    Ending::Accept,
    Ending::Revoked,
    Ending::Unrecognized,
    Ending::Reject,
    Ending::Forbidden,
    Ending::Scope,
    Ending::Redirect,
    Ending::Error,
    Ending::Panic,
];

/// Takes the secret from everywhere, and puts it into everything that the application can fill in.
struct Tokens {
    ending: Ending,
    extract: AnyOf,
}

fn extract() -> AnyOf {
    let explicit = bearer().or(subprotocol("auth.bearer.")).or(raw_subprotocol("raw.")).or(query("token"));
    let explicit = explicit.or(subprotocol_after("bearer")).or(jupyter_subprotocol());
    explicit.or(payload_field("token")).or(socketio_auth("token")).or(cookie("jwt"))
}

#[async_trait]
impl Strategy for Tokens {
    type User = String;

    fn name(&self) -> &str {
        "tokens"
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.push(Challenge::bearer("api"));
    }

    fn needs(&self) -> Needs {
        Needs::of(&self.extract)
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<String>, BoxError> {
        let found = match self.extract.extract(request) {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(Outcome::Absent),
            Err(malformed) => {
                assert_debug_is_clean(&malformed);
                assert_clean("Malformed", &malformed.to_string());
                return Ok(malformed.into());
            }
        };
        assert_debug_is_clean(&found);
        let secret = Secret::new(found.expose());
        assert_debug_is_clean(&secret);
        let outcome = match self.ending {
            Ending::Accept | Ending::Revoked => Outcome::Accept(accept(secret.expose(), &found)),
            Ending::Unrecognized => Outcome::Unrecognized,
            Ending::Reject => Outcome::Reject(Rejection::invalid_credentials()),
            Ending::Forbidden => Outcome::Reject(Rejection::forbidden()),
            Ending::Scope => Outcome::Reject(Rejection::insufficient_scope(&["chat"])),
            Ending::Redirect => Outcome::Redirect(Redirect::found("/login")?),
            Ending::Error => return Err("the store is down".into()),
            Ending::Panic => panic!("a bug"),
        };
        assert_debug_is_clean(&outcome);
        Ok(outcome)
    }
}

fn accept(text: &str, found: &auth_core::extract::Credential<'_>) -> Accept<String> {
    let accept = Accept::new(text.to_owned(), found.carrier())
        .credential_id("issuer", text)
        .session_id("issuer", text)
        .parent("issuer", text)
        .add_name(PrincipalId::new(text, text))
        .extra(text.to_owned())
        .expires_at(in_secs(60));
    assert_debug_is_clean(&accept);
    accept
}

/// The marker in every carrier, well-formed and broken.
fn requests() -> Vec<(Parts, Option<Payload>)> {
    let encoded = URL_SAFE_NO_PAD.encode(MARKER);
    let mut requests: Vec<_> = [
        vec![("authorization", format!("Bearer {MARKER}"))],
        vec![("authorization", format!("Bearer {MARKER} junk"))],
        vec![("authorization", format!("Bearer {MARKER}")), ("authorization", "Basic x".to_owned())],
        vec![("cookie", format!("jwt={MARKER}"))],
        vec![("cookie", format!("jwt={MARKER}; jwt=other"))],
        vec![("sec-websocket-protocol", format!("auth.v1, auth.bearer.{encoded}"))],
        vec![("sec-websocket-protocol", format!("auth.v1, raw.{MARKER}"))],
        vec![("sec-websocket-protocol", format!("auth.bearer.{encoded}"))],
        vec![("sec-websocket-protocol", format!("bearer, {MARKER}"))],
        vec![("sec-websocket-protocol", format!("bearer, {MARKER}, bearer"))],
        vec![("sec-websocket-protocol", format!("a, v1.token.websocket.jupyter.org.{MARKER}%2"))],
        vec![("authorization", "Bearer other".to_owned()), ("cookie", format!("jwt={MARKER}"))],
    ]
    .iter()
    .map(|headers| {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        (head("/", &headers), None)
    })
    .collect();
    for query in [format!("token={MARKER}"), format!("token={MARKER}&token=other")] {
        requests.push((head(&format!("/?{query}"), &[]), None));
    }
    for broken in [false, true] {
        let mut payload = Payload::new();
        payload.push_text("token", MARKER);
        if broken {
            payload.push_text("token", MARKER);
        }
        assert_debug_is_clean(&payload);
        requests.push((head("/", &[]), Some(payload)));
    }
    requests
}

fn assert_refusal_is_clean(refusal: &Refusal) {
    assert_debug_is_clean(refusal);
    assert_debug_is_clean(&refusal.challenges());
    assert_clean("Refusal", &refusal.to_string());
    let response = refusal.to_response();
    assert_clean("the response", &format!("{response:?}"));
    for value in response.headers().values() {
        assert_clean("a header", &String::from_utf8_lossy(value.as_bytes()));
    }
}

#[tokio::test]
async fn marked_secret_is_not_in_logs_debug_or_answers() {
    for ending in ENDINGS {
        let tokens = || Tokens { ending, extract: extract() };
        let revocation = || check(move |_| Ok(matches!(ending, Ending::Revoked)));
        let one = Chain::new().or(tokens()).revocation(revocation());
        let both = Chain::new().or(tokens()).and(tokens()).map_user(|(left, _)| left).revocation(revocation());
        for chain in [one, both] {
            assert_debug_is_clean(&chain);
            assert_debug_is_clean(&chain.needs());
            for (head, payload) in requests() {
                let request = AuthRequest::new(&head, Transport::WebSocket, now());
                let request = match &payload {
                    Some(payload) => request.with_payload(payload),
                    None => request,
                };
                assert_debug_is_clean(&request);
                let (result, log) = captured(chain.authenticate(&request)).await;
                assert!(log.contains("auth.chain") && log.contains("auth.strategy"), "the log is captured: {log}");
                assert_clean("the log", &log);
                // What the strategy asserts ends in the chain, which makes an answer of every panic.
                let is_scripted = matches!(ending, Ending::Panic);
                assert!(is_scripted || !log.contains("panicked"), "{ending:?}: {log}");
                match result {
                    Ok(user) => {
                        assert_debug_is_clean(&user);
                        assert_debug_is_clean(user.evidence());
                    }
                    Err(refusal) => assert_refusal_is_clean(&refusal),
                }
            }
        }
    }
}

#[tokio::test]
async fn marked_secret_is_not_in_debug_around_verify() {
    let head = head(&format!("/?token={MARKER}"), &[("authorization", format!("Bearer {MARKER}").as_bytes())]);
    let request = AuthRequest::new(&head, Transport::Http, now());
    let verify = |secret: Secret, info: RequestInfo| async move {
        assert_debug_is_clean(&info);
        assert_debug_is_clean(&secret);
        Some(secret.expose().to_owned())
    };
    let verdict = verify.verify(Secret::new(MARKER), &request).await.unwrap();
    assert_debug_is_clean(&verdict);
    assert_debug_is_clean(&Verdict::accept(MARKER.to_owned()).with_extra(MARKER));
    assert_debug_is_clean(&PrincipalId::new(MARKER, MARKER));
    assert_debug_is_clean(&extract());
    assert_debug_is_clean(&from_fn(Carrier::Query, |_| None));
    let revocation = Revocation::credential(MARKER, MARKER);
    assert_debug_is_clean(&revocation);
    assert_debug_is_clean(revocation.target());
}

/// `Debug` of what holds a user needs nothing of the user, since it does not show it.
#[test]
fn debug_does_not_need_a_debug_user() {
    struct Opaque;
    fn is_debug<T: Debug>() {}
    is_debug::<Outcome<Opaque>>();
    is_debug::<Accept<Opaque>>();
    is_debug::<Verdict<Opaque>>();
    is_debug::<auth_core::Authenticated<Opaque>>();
    is_debug::<Chain<Opaque>>();
}

#[tokio::test]
async fn log_names_the_cause_of_an_error_with_its_sources() {
    #[derive(Debug)]
    struct StoreDown(io::Error);
    impl std::fmt::Display for StoreDown {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("the user store does not answer")
        }
    }
    impl std::error::Error for StoreDown {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }
    let chain = Chain::new().or(crate::support::jwt(crate::support::Say::Accept));
    let chain = chain.try_map(|_| Err::<Accept<String>, _>(StoreDown(io::Error::other("connection refused")).into()));
    let (_, log) = captured(crate::support::refusal(&chain)).await;
    assert!(log.contains("ERROR") && log.contains("the user store does not answer"), "{log}");
    assert!(log.contains("connection refused"), "{log}");
}

#[tokio::test]
async fn log_names_strategies_outcomes_and_the_decision() {
    use crate::support::{Say, ask, basic, jwt};
    let (_, log) = captured(ask(&Chain::new().or(jwt(Say::Unrecognized)).or(basic(Say::Accept)))).await;
    for part in [r#"name="jwt""#, r#"outcome="foreign""#, r#"outcome="accept""#, r#"strategy="basic""#, "accepted"] {
        assert!(log.contains(part), "{part}: {log}");
    }
    let (_, log) = captured(ask(&Chain::new().or(jwt(Say::Panic)))).await;
    assert!(log.contains("panicked") && log.contains("before the first await"), "{log}");
}
