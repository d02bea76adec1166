//! Sends a marker down every path, and looks for it in every output.
//!
//! It has its own binary: a log line that another test reaches first, without a subscriber, can be lost here.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

#[path = "../integration/support.rs"]
#[expect(dead_code, reason = "the other binary needs more of it")]
mod support;

use auth_basic::{Basic, BasicLogin};
use auth_core::{Chain, Payload};
use test_support::everything;

use crate::support::{Fallible, StoreDown, answer, basic, request, run_parts};

/// Whoever `username` says that it is: somebody, nobody, a store that is down.
async fn decide(login: BasicLogin) -> Fallible<Option<&'static str>> {
    let debug = format!("{login:?} {:?}", login.password());
    assert!(!debug.contains("marker"), "{debug}");
    match login.username() {
        "marker-good" => Ok(Some("somebody")),
        "marker-down" => Err(StoreDown.into()),
        "marker-panic" => panic!("a panic that a test wants"),
        _ => Ok(None),
    }
}

#[tokio::test]
async fn answers_debug_and_logs_never_hold_what_the_client_sent() {
    let (log, guard) = everything();

    let chain = Chain::new().or(Basic::new("demo").from_payload().verify(decide));
    let mut other_login = Payload::new();
    other_login.push_text("username", "marker-other");
    other_login.push_text("password", "marker-other");
    let mut half_a_login = Payload::new();
    half_a_login.push_text("username", "marker-half");

    let good = basic("marker-good:marker");
    for authorization in [
        vec![good.clone()],
        vec![basic("marker-nobody:marker")],
        vec![basic("marker-down:marker")],
        vec![basic("marker-panic:marker")],
        vec![basic("marker-without-colon")],
        vec![basic("marker:marker\n")],
        vec![basic(b"marker:\xff")],
        vec!["Basic marker".to_owned()],
        vec!["Basic marker marker".to_owned()],
        vec!["marker marker".to_owned()],
        vec![good.clone(), basic("marker:marker")],
        vec![basic(format!("marker:{}", "marker".repeat(1000)))],
        vec![],
    ] {
        for payload in [None, Some(&other_login), Some(&half_a_login)] {
            let printed = match run_parts(&chain, &request(&authorization), payload).await {
                Ok(user) => format!("{user:?} {:?}", user.evidence()),
                Err(refusal) => format!("{refusal:?} {refusal} {:?}", answer(&refusal)),
            };
            assert_unmarked(&printed, &authorization);
        }
    }
    assert!(!format!("{chain:?}").contains("marker"));
    let strategy = format!("{:?}", Basic::new("demo").verify(decide));
    assert!(strategy.starts_with("BasicStrategy {"), "{strategy}");

    drop(guard);
    let log = log.text();
    assert!(log.contains("malformed credential") && log.contains("the store is down"), "{log}");
    assert_unmarked(&log, &[]);
}

fn assert_unmarked(printed: &str, sent: &[String]) {
    assert!(!printed.contains("marker"), "{printed}");
    for credentials in sent.iter().filter_map(|value| value.strip_prefix("Basic ")) {
        assert!(!printed.contains(credentials), "{printed}");
    }
}
