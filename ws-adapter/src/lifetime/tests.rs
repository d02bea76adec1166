use proptest::{collection::vec, prelude::*};

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

/// Both clocks, moved by hand.
#[derive(Clone, Copy)]
struct Clocks(Moment);

impl Clocks {
    fn new() -> Self {
        Self(Moment { wall: SystemTime::UNIX_EPOCH + 1_000_000 * MINUTE, passed: MINUTE })
    }

    fn pass(&mut self, span: Duration) -> Moment {
        self.0 = Moment { wall: self.0.wall + span, passed: self.0.passed + span };
        self.0
    }
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn settings(ping: bool, idle: Option<Duration>) -> SocketSettings {
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

#[derive(Clone, Debug)]
enum Step {
    Pass(u64),
    Set(i64),
    Hold(u64, Option<u64>),
    Release(u64),
    Refresh(u64, Option<u64>),
    Wrong,
    Heard,
    Spoke,
    Drain(u64),
    End,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..200_u64).prop_map(Step::Pass),
        1 => (-3000..3000_i64).prop_map(Step::Set),
        2 => (0..3_u64, proptest::option::of(1..900_u64)).prop_map(|(slot, ttl)| Step::Hold(slot, ttl)),
        1 => (0..3_u64).prop_map(Step::Release),
        2 => (0..3_u64, proptest::option::of(0..900_u64)).prop_map(|(slot, ttl)| Step::Refresh(slot, ttl)),
        1 => Just(Step::Wrong),
        2 => Just(Step::Heard),
        2 => Just(Step::Spoke),
        1 => (0..600_u64).prop_map(Step::Drain),
        1 => Just(Step::End),
    ]
}

/// The same rules, as plain as possible: everything is kept, and judged from the beginning each time.
struct Model {
    ends: [Option<Option<SystemTime>>; 3],
    wrong: Vec<Duration>,
    heard: Duration,
    spoke: Duration,
    drain: Option<Duration>,
    ended: bool,
    notice: Option<Announced>,
}

/// The notice of an end.
#[derive(Clone, Copy)]
struct Announced {
    of: SystemTime,
    at: SystemTime,
    is_told: bool,
}

impl Model {
    /// After a change of credentials.
    fn plan_notice(&mut self, now: Moment) {
        let end = self.expires_at();
        if self.notice.map(|notice| notice.of) != end {
            self.notice = end.map(|of| {
                let left = of.duration_since(now.wall).unwrap_or_default();
                Announced { of, at: of - MINUTE.min(left / 2), is_told: false }
            });
        }
    }

    fn expires_at(&self) -> Option<SystemTime> {
        self.ends.iter().copied().flatten().flatten().min()
    }

    /// Whether the wrong credentials so far are too many: one is forgiven every five minutes.
    fn is_guessing(&self) -> bool {
        let mut level = Duration::ZERO;
        let mut before = Duration::ZERO;
        self.wrong.iter().any(|at| {
            level = level.saturating_sub(*at - before) + secs(300);
            before = *at;
            level > secs(600)
        })
    }

    fn must_be_over(&self, now: Moment, pinged: Option<Duration>) -> bool {
        let has_expired = self.expires_at().is_some_and(|end| end <= now.wall);
        let has_drained = self.drain.is_some_and(|at| at <= now.passed);
        let is_idle = self.spoke + secs(400) <= now.passed;
        let is_dead = pinged.is_some_and(|at| self.heard < at && at + secs(20) <= now.passed);
        self.ended || has_expired || has_drained || is_idle || is_dead || self.is_guessing()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Random lives: it is over exactly when the plain model says so, pings and notices come neither late nor early, each
    /// notice comes once, the first reason stays, and nothing that was dealt with wakes the owner again.
    #[test]
    fn life_is_as_long_as_the_plain_model_says(steps in vec(step(), 1..40)) {
        let mut clocks = Clocks::new();
        let mut life = Lifetime::new(settings(true, Some(secs(400))), clocks.0);
        let begun = clocks.0.passed;
        let mut model = Model { ends: [None; 3], wrong: Vec::new(), heard: begun, spoke: begun, drain: None, ended: false, notice: None };
        let (mut pinged, mut reason) = (None, None);
        for step in steps {
            let now = clocks.0;
            let at = |ttl: Option<u64>| ttl.map(|ttl| now.wall + secs(ttl));
            match step {
                Step::Pass(span) => {
                    // Nothing is due before it says so.
                    let wake = life.wake();
                    let sooner = wake.passed.map_or(secs(span), |at| at.saturating_sub(now.passed).min(secs(span)));
                    let left = |at: SystemTime| at.duration_since(now.wall).unwrap_or_default();
                    let sooner = wake.wall.map_or(sooner, |at| left(at).min(sooner));
                    if reason.is_none() && sooner > Duration::ZERO {
                        let early = clocks.pass(sooner - Duration::from_nanos(1));
                        prop_assert_eq!(life.due(early, true), None);
                        clocks.pass(secs(span) - (sooner - Duration::from_nanos(1)));
                    } else {
                        clocks.pass(secs(span));
                    }
                }
                Step::Set(by) if by < 0 => clocks.0.wall -= secs(by.unsigned_abs()),
                Step::Set(by) => clocks.0.wall += secs(by.unsigned_abs()),
                Step::Hold(slot, ttl) => {
                    life.hold(slot, at(ttl), now);
                    model.ends[slot as usize] = Some(at(ttl));
                }
                Step::Release(slot) => {
                    life.release(slot, now);
                    model.ends[slot as usize] = None;
                }
                Step::Refresh(slot, ttl) => {
                    let begun = life.begin_refresh(slot, now);
                    prop_assert_eq!(begun.is_ok(), reason.is_none() && model.ends[slot as usize].is_some());
                    if begun.is_ok() {
                        prop_assert!(life.swap([slot], at(ttl), now).is_ok());
                        model.ends[slot as usize] = Some(at(ttl));
                        life.end_refresh(slot);
                    }
                }
                Step::Wrong => {
                    life.wrong(now);
                    model.wrong.push(now.passed);
                }
                Step::Heard => {
                    life.heard(now);
                    model.heard = now.passed;
                }
                Step::Spoke => {
                    life.spoke(now);
                    (model.heard, model.spoke) = (now.passed, now.passed);
                }
                Step::Drain(after) => {
                    life.drain_in(secs(after), now);
                    model.drain = Some(now.passed + secs(after));
                }
                Step::End => {
                    life.end(Close::REVOKED);
                    model.ended = true;
                }
            }
            let now = clocks.0;
            model.plan_notice(now);
            let mut ended = None;
            while let Some(due) = life.due(now, true) {
                match due {
                    Due::End(close) => {
                        ended = Some(close);
                        break;
                    }
                    Due::Ping => {
                        prop_assert!(model.heard + MINUTE <= now.passed);
                        pinged = Some(now.passed);
                    }
                    Due::Notice(end) => {
                        let notice = model.notice.as_mut().filter(|notice| notice.of == end && notice.at <= now.wall);
                        prop_assert_eq!(notice.map(|notice| std::mem::replace(&mut notice.is_told, true)), Some(false));
                    }
                    Due::Look => prop_assert!(false, "nothing was planned"),
                    Due::Ask { .. } => prop_assert!(false, "no end moves"),
                }
            }
            prop_assert_eq!(ended.is_some(), reason.is_some() || model.must_be_over(now, pinged), "{:?}", ended);
            prop_assert_eq!(life.is_over(now), ended.is_some());
            if ended.is_none() {
                prop_assert!(model.notice.is_none_or(|notice| notice.is_told || notice.at > now.wall), "no notice");
                let waits_for_pong = pinged.is_some_and(|at| model.heard < at);
                prop_assert!(waits_for_pong || model.heard + MINUTE > now.passed, "no ping");
                let wake = life.wake();
                prop_assert!(wake.wall.is_none_or(|at| at > now.wall) && wake.passed.is_none_or(|at| at > now.passed));
            }
            reason = reason.or_else(|| ended.clone());
            prop_assert_eq!(&ended, &reason);
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
