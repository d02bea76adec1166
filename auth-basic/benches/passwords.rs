//! Whether the time of an answer reveals that a user exists.
#![expect(clippy::expect_used, reason = "a measurement that cannot go on should stop there")]

use std::time::{Duration, Instant};

use auth_basic::{Argon2Passwords, Password};
use criterion::{Criterion, criterion_group, criterion_main};
use tokio::runtime::Runtime;

/// How often each of the two is measured for the ratio.
const ROUNDS: usize = 100;

fn passwords(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let passwords = Argon2Passwords::new();
    let stored = runtime.block_on(passwords.hash(&Password::new("right"))).expect("a hash");
    let wrong = Password::new("wrong");
    let ask = |stored: Option<&str>| runtime.block_on(passwords.verify(stored, &wrong)).expect("an answer");

    let mut group = c.benchmark_group("passwords");
    group.sample_size(50).measurement_time(Duration::from_secs(5));
    group.bench_function("wrong_password", |b| b.iter(|| ask(Some(&stored))));
    group.bench_function("unknown_user", |b| b.iter(|| ask(None)));
    group.finish();

    // Measured in turns, so that other load on the machine affects both equally.
    let timed = |stored: Option<&str>| {
        let start = Instant::now();
        ask(stored);
        start.elapsed()
    };
    let (mut for_wrong, mut for_unknown): (Vec<_>, Vec<_>) =
        (0..ROUNDS).map(|_| (timed(Some(&stored)), timed(None))).unzip();
    let ratio = median(&mut for_unknown).as_secs_f64() / median(&mut for_wrong).as_secs_f64();
    eprintln!("passwords/ratio: unknown user to wrong password {ratio:.4} (medians of {ROUNDS})");
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

criterion_group!(benches, passwords);
criterion_main!(benches);
