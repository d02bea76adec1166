//! A clock that tests can move.

use std::{
    io::stdin,
    thread,
    time::{Duration, Instant, SystemTime},
};

use auth_core::ManualClock;
use tokio::time::interval;

/// How often the clock moves by itself.
const TICK: Duration = Duration::from_millis(20);

/// Follows the system clock. Each line of standard input moves it forward by that number of seconds.
pub(crate) fn moved_by_stdin() -> ManualClock {
    let clock = ManualClock::new(SystemTime::now());
    let ticking = clock.clone();
    tokio::spawn(async move {
        let (mut ticks, mut last) = (interval(TICK), Instant::now());
        loop {
            ticks.tick().await;
            let now = Instant::now();
            ticking.advance(now.duration_since(last));
            last = now;
        }
    });
    let moved = clock.clone();
    thread::spawn(move || {
        for line in stdin().lines().map_while(Result::ok) {
            if let Ok(seconds) = line.trim().parse() {
                moved.advance(Duration::from_secs(seconds));
            }
        }
    });
    clock
}
