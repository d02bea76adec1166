use super::*;

pub(super) const MINUTE: Duration = Duration::from_secs(60);

/// Both clocks, moved by hand.
#[derive(Clone, Copy)]
pub(super) struct Clocks(pub(super) Moment);

impl Clocks {
    pub(super) fn new() -> Self {
        Self(Moment { wall: SystemTime::UNIX_EPOCH + 1_000_000 * MINUTE, passed: MINUTE })
    }

    pub(super) fn pass(&mut self, span: Duration) -> Moment {
        self.0 = Moment { wall: self.0.wall + span, passed: self.0.passed + span };
        self.0
    }
}

pub(super) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(super) fn settings(ping: bool, idle: Option<Duration>) -> SocketSettings {
    let settings = SocketSettings::default();
    SocketSettings { idle, ping: settings.ping.filter(|_| ping), ..settings }
}

/// A life that nothing ends but what a test adds.
fn quiet(clocks: &Clocks) -> Lifetime {
    Lifetime::new(settings(false, None), clocks.0)
}

fn end_of(life: &mut Lifetime, now: Moment) -> Option<&'static str> {
    match life.due(now, true)? {
        Due::End(close) => close.known_reason(),
        _ => None,
    }
}

#[test]
fn the_first_credential_that_ends_ends_it() {
    let mut clocks = Clocks::new();
    let (mut life, now) = (quiet(&clocks), clocks.0);
    life.hold(0, Some(now.wall + secs(300)), now);
    life.hold(1, Some(now.wall + secs(60)), now);
    life.hold(2, None, now);
    assert_eq!(life.ends_at(), Some(now.wall + secs(60)));
    life.release(1, now);
    assert_eq!(life.ends_at(), Some(now.wall + secs(300)));
    let now = clocks.pass(secs(299));
    assert!(!life.is_over(now));
    let now = clocks.pass(secs(1));
    assert!(life.is_over(now));
    assert_eq!(end_of(&mut life, now), Some("token_expired"));
}

#[test]
fn notice_comes_a_minute_before_the_end_or_halfway() {
    let mut clocks = Clocks::new();
    let (mut life, start) = (quiet(&clocks), clocks.0);
    life.hold(0, Some(start.wall + secs(900)), start);
    assert_eq!(life.wake().wall, Some(start.wall + secs(840)));
    let now = clocks.pass(secs(840));
    assert_eq!(life.due(now, true), Some(Due::Notice(start.wall + secs(900))));
    assert_eq!(life.due(now, true), None);
    life.begin_refresh(0, now).unwrap();
    life.swap([0], Some(now.wall + secs(30)), now).unwrap();
    assert_eq!(life.wake().wall, Some(now.wall + secs(15)));
}

#[test]
fn moved_end_ends_nothing_early_and_nothing_is_taken_after_the_new_one() {
    let mut clocks = Clocks::new();
    let (mut life, start) = (quiet(&clocks), clocks.0);
    life.hold(0, Some(start.wall + secs(60)), start);
    life.begin_refresh(0, start).unwrap();
    assert_eq!(life.swap([0], Some(start.wall + secs(900)), start), Ok(Some(start.wall + secs(900))));
    life.end_refresh(0);
    let now = clocks.pass(secs(60));
    assert_eq!(end_of(&mut life, now), None);
    life.begin_refresh(0, now).unwrap();
    let now = clocks.pass(secs(840));
    assert_eq!(life.swap([0], None, now), Err(NotNow::Ended));
    assert_eq!(life.begin_refresh(0, now), Err(NotNow::Ended));
}

#[test]
fn one_refresh_runs_at_a_time_in_each_slot() {
    let clocks = Clocks::new();
    let (mut life, now) = (quiet(&clocks), clocks.0);
    life.hold(0, None, now);
    life.hold(1, None, now);
    life.begin_refresh(0, now).unwrap();
    life.begin_refresh(1, now).unwrap();
    assert_eq!(life.begin_refresh(0, now), Err(NotNow::InProgress));
    life.end_refresh(0);
    assert_eq!(life.begin_refresh(0, now), Ok(()));
    assert_eq!(life.begin_refresh(2, now), Err(NotNow::Ended), "a slot that is empty");
}

#[test]
fn third_wrong_credential_ends_it_whatever_succeeds_in_between() {
    let mut clocks = Clocks::new();
    let (mut life, now) = (quiet(&clocks), clocks.0);
    life.hold(0, None, now);
    for _ in 0..2 {
        life.wrong(now);
        life.begin_refresh(0, now).unwrap();
        life.swap([0], None, now).unwrap();
        life.end_refresh(0);
    }
    assert_eq!(end_of(&mut life, now), None);
    let now = clocks.pass(secs(299));
    life.wrong(now);
    assert_eq!(end_of(&mut life, now), Some("invalid_credentials"));
}

#[test]
fn wrong_credentials_that_are_rare_end_nothing() {
    let mut clocks = Clocks::new();
    let mut life = quiet(&clocks);
    for _ in 0..100 {
        let now = clocks.pass(secs(301));
        life.wrong(now);
        assert_eq!(end_of(&mut life, now), None);
    }
}

#[test]
fn silent_peer_is_pinged_and_ended_if_it_does_not_answer() {
    let mut clocks = Clocks::new();
    let mut life = Lifetime::new(settings(true, None), clocks.0);
    assert_eq!(life.due(clocks.pass(secs(59)), true), None);
    assert_eq!(life.due(clocks.pass(secs(1)), true), Some(Due::Ping));
    let now = clocks.pass(secs(10));
    life.heard(now);
    assert_eq!(life.wake().passed, Some(now.passed + secs(60)));
    assert_eq!(life.due(clocks.pass(secs(60)), true), Some(Due::Ping));
    assert_eq!(life.due(clocks.pass(secs(19)), true), None);
    assert_eq!(end_of(&mut life, clocks.pass(secs(1))), Some("ping_timeout"));
}

#[test]
fn silence_counts_only_while_the_owner_listens() {
    let mut clocks = Clocks::new();
    let mut life = Lifetime::new(settings(true, Some(secs(70))), clocks.0);
    assert_eq!(life.due(clocks.pass(secs(60)), false), Some(Due::Ping));
    assert_eq!(life.due(clocks.pass(secs(20)), false), None);
    assert_eq!(life.due(clocks.pass(secs(60)), false), Some(Due::Ping), "an interval after the answer was given up");
}

#[test]
fn peer_that_sends_no_message_ends_it_and_pings_do_not_count() {
    let mut clocks = Clocks::new();
    let mut life = Lifetime::new(settings(false, Some(secs(300))), clocks.0);
    let now = clocks.pass(secs(200));
    life.spoke(now);
    let now = clocks.pass(secs(299));
    life.heard(now);
    assert_eq!(end_of(&mut life, now), None);
    assert_eq!(end_of(&mut life, clocks.pass(secs(1))), Some("idle_timeout"));
}

#[test]
fn first_reason_counts_and_the_end_comes_before_what_else_is_due() {
    let mut clocks = Clocks::new();
    let mut life = Lifetime::new(settings(true, Some(MINUTE)), clocks.0);
    life.hold(0, Some(clocks.0.wall + MINUTE), clocks.0);
    life.drain_in(MINUTE, clocks.0);
    let now = clocks.pass(MINUTE);
    assert_eq!(end_of(&mut life, now), Some("token_expired"));
    life.end(Close::REVOKED);
    assert_eq!(end_of(&mut life, now), Some("token_expired"));
    assert_eq!(life.wake().passed, Some(Duration::ZERO));
}

/// Which of the two clocks each end follows, when the clock of the machine is set while the connection is open.
#[test]
fn spans_use_the_monotonic_clock_and_credentials_the_time_of_day() {
    type Plan = fn(&mut Lifetime, Moment);
    let rows: [(&str, Plan, bool); 5] = [
        ("token_expired", |life, now| life.hold(0, Some(now.wall + MINUTE), now), true),
        ("restarting", |life, now| life.drain_in(MINUTE, now), false),
        ("idle_timeout", |life, now| *life = Lifetime::new(settings(false, Some(MINUTE)), now), false),
        (
            "ping_timeout",
            |life, now| {
                *life = Lifetime::new(settings(true, None), Moment { passed: now.passed - secs(20), ..now });
                let pinged = Moment { passed: now.passed + secs(40), ..now };
                assert_eq!(life.due(pinged, true), Some(Due::Ping));
            },
            false,
        ),
        ("invalid_credentials", |life, now| (0..2).for_each(|_| life.wrong(now)), false),
    ];
    for (reason, plan, by_wall) in rows {
        for set_back in [true, false] {
            let mut clocks = Clocks::new();
            let mut life = quiet(&clocks);
            plan(&mut life, clocks.0);
            let hour = 60 * MINUTE;
            clocks.0.wall = if set_back { clocks.0.wall - hour } else { clocks.0.wall + hour };
            if reason == "invalid_credentials" {
                // Nothing is regained by setting the clock.
                life.wrong(clocks.0);
                assert_eq!(end_of(&mut life, clocks.0), Some(reason));
                continue;
            }
            assert_eq!(end_of(&mut life, clocks.0).is_some(), by_wall && !set_back, "{reason} {set_back}");
            let now = clocks.pass(MINUTE);
            let is_over = !by_wall || !set_back;
            assert_eq!(end_of(&mut life, now), Some(reason).filter(|_| is_over), "{reason} {set_back}");
        }
    }
}

#[test]
fn swap_takes_all_slots_or_none() {
    let clocks = Clocks::new();
    let (mut life, now) = (quiet(&clocks), clocks.0);
    life.hold(0, Some(now.wall + secs(60)), now);
    assert_eq!(life.swap([0, 7], Some(now.wall + secs(900)), now), Err(NotNow::Ended));
    assert_eq!(life.ends_at(), Some(now.wall + secs(60)));
}

/// The owner does what is due until nothing is left, and then waits: neither may go on for ever at one instant.
#[test]
fn at_one_instant_little_is_due_whatever_the_spans_are() {
    for (interval, timeout, idle) in [(0, 20, None), (0, 0, None), (60, 0, None), (0, 20, Some(0)), (60, 20, Some(0))] {
        for listens in [true, false] {
            let clocks = Clocks::new();
            let ping = Some(Ping { interval: secs(interval), timeout: secs(timeout) });
            let settings = SocketSettings { ping, idle: idle.map(secs), ..settings(true, None) };
            let mut life = Lifetime::new(settings, clocks.0);
            let case = format!("{interval} {timeout} {idle:?} {listens}");
            let dues =
                (0..100).take_while(|_| !matches!(life.due(clocks.0, listens), None | Some(Due::End(_)))).count();
            assert!(dues < 3, "{case}");
            let is_over = matches!(life.due(clocks.0, listens), Some(Due::End(_)));
            assert!(is_over || life.wake().passed.is_none_or(|at| at > clocks.0.passed), "{case}");
        }
    }
}
