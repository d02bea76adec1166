//! What operators see of a throttle.

use auth_core::ManualClock;
use auth_store::{Guess, MemoryStore, Throttle};
#[cfg(feature = "metrics")]
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use crate::{support::*, throttle::*};

fn throttle() -> (Throttle, ManualClock) {
    let clock = clock();
    (Throttle::new(MemoryStore::new().clock(clock.clone())), clock)
}

/// One event for each refusal, whatever counters were asked.
#[tokio::test]
async fn each_refusal_is_one_event_with_its_counter_and_no_name() {
    let (log, _guard) = test_support::everything();
    let (throttle, _) = throttle();
    let guess = Guess::new("MARKER").address("192.0.2.77".parse().ok());
    assert_eq!(fail_all(&throttle, &guess).await, 10);
    for _ in 0..2 {
        assert!(!fail(&throttle, &guess).await);
    }
    let text = log.text();
    let events = text.lines().filter(|line| line.contains("attempts throttled")).collect::<Vec<_>>();
    assert_eq!(events.len(), 3, "{text}");
    assert!(events.iter().all(|event| event.contains("INFO") && event.contains("pair")), "{events:?}");
    assert!(!text.contains("MARKER") && !text.contains("192.0.2.77"), "{text}");
}

#[cfg(feature = "metrics")]
#[tokio::test]
async fn refusals_are_counted_by_counter() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let (throttle, _) = throttle();
    assert_eq!(fail_all(&throttle, &Guess::new("ann").address(v4(1))).await, 10);
    assert_eq!(fail_all(&throttle, &Guess::without_account().address(v4(2))).await, 30);
    for _ in 0..4 {
        assert!(!fail(&throttle, &Guess::new("ann").address(v4(1))).await);
    }
    assert!(succeed(&throttle, &Guess::new("ann").address(v4(3))).await);
    let counts = recorder.snapshotter().snapshot().into_vec().into_iter().map(|(key, _, _, value)| {
        let DebugValue::Counter(count) = value else { panic!("{value:?}") };
        let labels = key.key().labels().map(|label| format!("{}={}", label.key(), label.value())).collect::<String>();
        (key.key().name().to_owned(), labels, count)
    });
    let mut counts = counts.collect::<Vec<_>>();
    counts.sort();
    let name = || "auth_throttled_total".to_owned();
    assert_eq!(counts, [(name(), "counter=address-32".into(), 1), (name(), "counter=pair".into(), 5)]);
}
