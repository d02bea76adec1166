//! One counter for every decision.

use auth_core::Chain;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use crate::support::{Say, ask, basic, jwt};

/// The series of the counter after one request, as `strategy/code=count`.
fn counted(chain: &Chain<&'static str>) -> Vec<String> {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    metrics::with_local_recorder(&recorder, || runtime.block_on(ask(chain)).ok());
    let mut series = Vec::new();
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        let key = key.key();
        assert_eq!(key.name(), "auth_decisions_total");
        let DebugValue::Counter(count) = value else { panic!("a counter") };
        let label = |name| key.labels().find(|label| label.key() == name).unwrap().value().to_owned();
        series.push(format!("{}/{}={count}", label("strategy"), label("code")));
    }
    series
}

#[test]
fn acceptance_is_counted_by_strategy() {
    assert_eq!(counted(&Chain::new().or(jwt(Say::Absent)).or(basic(Say::Accept))), ["basic/accepted=1"]);
}

#[test]
fn refusal_is_counted_by_code() {
    for (say, code) in [
        (Say::Absent, "missing_credentials"),
        (Say::Unrecognized, "invalid_credentials"),
        (Say::Expired, "token_expired"),
        (Say::Malformed, "invalid_request"),
        (Say::Forbidden, "forbidden"),
        (Say::Redirect, "redirect"),
        (Say::Error, "unavailable"),
        (Say::Panic, "internal_error"),
    ] {
        assert_eq!(counted(&Chain::new().or(jwt(say))), [format!("/{code}=1")]);
    }
}

#[test]
fn nested_chain_is_counted_once() {
    assert_eq!(counted(&Chain::new().or(Chain::new().or(jwt(Say::Accept)))), ["jwt/accepted=1"]);
}
