//! Credentials whose end may move.

use proptest::{collection::vec, prelude::*};

use super::*;

/// A lifetime, both clocks, and the answers that it gets.
struct World {
    life: Lifetime,
    now: Moment,
    start: SystemTime,
}

const ASK: Option<Due> = Some(Due::Ask { slot: 0 });
const EXPIRED: Option<Due> = Some(Due::End(Close::TOKEN_EXPIRED));

type Told = Result<Option<SystemTime>, ()>;

impl World {
    /// A login that ends in 900 s, as far as known.
    fn new() -> Self {
        let start = SystemTime::UNIX_EPOCH + secs(1_000_000);
        let now = Moment { wall: start, passed: secs(60) };
        let settings = SocketSettings { ping: None, ..SocketSettings::default() };
        let mut world = Self { life: Lifetime::new(settings, now), now, start };
        world.hold(0, 900, true);
        world
    }

    fn hold(&mut self, slot: u64, secs: u64, moves: bool) {
        let end = CredentialEnd { at: Some(self.at(secs)), moves };
        self.life.hold(slot, end, self.now);
    }

    fn at(&self, after: u64) -> SystemTime {
        self.start + secs(after)
    }

    /// The end of an answer, in seconds after the start.
    fn end(&self, after: u64) -> Told {
        Ok(Some(self.at(after)))
    }

    /// What is due at this time after the start.
    fn due_at(&mut self, millis: u64) -> Option<Due> {
        let after = Duration::from_millis(millis);
        self.now = Moment { wall: self.start + after, passed: secs(60) + after };
        self.due()
    }

    fn due(&mut self) -> Option<Due> {
        self.life.due(self.now, true)
    }

    fn told(&mut self, slot: u64, end: Told) {
        self.life.moved(slot, &end, self.now);
    }

    fn notice(&self, after: u64) -> Option<Due> {
        Some(Due::Notice(self.at(after)))
    }

    /// Asks at the end, 900 s after the start, and leaves the question open.
    fn asked_at_end() -> Self {
        let mut world = Self::new();
        assert_eq!(world.due_at(900_000), ASK);
        assert_eq!(world.due(), None);
        world
    }
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn end_that_moves_in_time_costs_no_notice_twice() {
    let mut world = World::new();
    assert_eq!(world.due_at(839_999), None);
    for (asked, end) in [(840, 1500), (1440, 2400)] {
        assert_eq!(world.due_at(asked * 1000), ASK);
        assert_eq!(world.due(), None, "it is asked once");
        world.told(0, world.end(end));
        assert_eq!(world.due(), None);
        assert_eq!(world.life.ends_at(), Some(world.at(end)));
        assert_eq!(world.life.wake().wall, Some(world.at(end - 60)));
    }
}

#[test]
fn end_that_has_not_moved_is_announced_and_asked_for_again() {
    let mut world = World::new();
    assert_eq!([world.due_at(840_000), world.due()], [ASK, None]);
    assert_eq!(world.life.wake().wall, None, "the notice waits for the answer");
    world.told(0, world.end(900));
    assert_eq!(world.due(), world.notice(900));
    assert_eq!(world.due(), None, "it is announced once");
    assert_eq!(world.due_at(900_000), ASK);
    assert!(world.life.is_over(world.now) && world.life.is_waiting(world.now));
    assert_eq!(world.life.wake().wall, None, "nothing wakes the owner again and again");
    world.told(0, world.end(900));
    assert_eq!(world.due(), EXPIRED);
    assert!(!world.life.is_waiting(world.now));
}

#[test]
fn end_that_moves_at_the_last_moment_is_announced_anew() {
    let mut world = World::asked_at_end();
    world.told(0, world.end(1800));
    assert!(!world.life.is_over(world.now));
    assert_eq!(world.due(), None);
    assert_eq!(world.due_at(1_740_000), ASK);
    world.told(0, Err(()));
    assert_eq!(world.due(), world.notice(1800));
}

/// The owner that woke then would find nothing due, again and again, and never wait for the answer.
#[test]
fn end_that_comes_before_the_answer_wakes_nobody() {
    let mut world = World::new();
    assert_eq!((world.due_at(840_000), world.due()), (ASK, None));
    assert_eq!((world.due_at(900_000), world.life.wake()), (None, Wake::default()));
    assert!(world.life.is_waiting(world.now));
    world.told(0, Err(()));
    assert_eq!(world.due(), ASK, "once more, since the end has come");
    world.told(0, world.end(1800));
    assert_eq!((world.due(), world.life.is_over(world.now)), (None, false));
}

/// Each answer at each of the two questions, with what is due next.
#[test]
fn answer_has_one_outcome_at_each_question() {
    let past = |world: &World| world.end(800);
    let rows: [(&str, fn(&World) -> Told, bool, bool); 6] = [
        ("later", |world| world.end(1800), false, false),
        ("no end", |_| Ok(None), false, false),
        ("the same", |world| world.end(900), true, false),
        ("an error", |_| Err(()), true, false),
        ("past", past, false, true),
        ("ended", |_| Ok(Some(SystemTime::UNIX_EPOCH)), false, true),
    ];
    for (case, answer, is_announced, ends_at_notice) in rows {
        let mut world = World::new();
        assert_eq!(world.due_at(840_000), ASK);
        world.told(0, answer(&world));
        let due = if ends_at_notice { EXPIRED } else { world.notice(900).filter(|_| is_announced) };
        assert_eq!(world.due(), due, "{case} before the notice");

        let mut world = World::asked_at_end();
        world.told(0, answer(&world));
        let goes_on = matches!(case, "later" | "no end");
        assert_eq!(world.due(), if goes_on { None } else { EXPIRED }, "{case} at the end");
    }
}

#[test]
fn end_that_has_moved_forward_is_announced_as_that() {
    let mut world = World::new();
    assert_eq!(world.due_at(840_000), ASK);
    world.told(0, world.end(850));
    assert_eq!(world.life.ends_at(), Some(world.at(850)));
    assert_eq!(world.due_at(845_000), ASK);
    world.told(0, world.end(850));
    assert_eq!(world.due(), world.notice(850));
}

#[test]
fn answer_that_comes_after_the_end_was_asked_for_too_early() {
    for answer in [|world: &World| world.end(900), |_: &World| Err(())] {
        let mut world = World::new();
        assert_eq!(world.due_at(840_000), ASK);
        assert_eq!(world.due_at(900_000), None, "one question at a time");
        assert!(world.life.is_waiting(world.now));
        world.told(0, answer(&world));
        assert_eq!(world.due(), ASK);
        world.told(0, answer(&world));
        assert_eq!(world.due(), EXPIRED);
    }
}

#[test]
fn nothing_is_begun_or_swapped_while_it_waits() {
    let mut world = World::asked_at_end();
    let now = world.now;
    assert_eq!(world.life.begin_refresh(0, now), Err(NotNow::Ended));
    assert_eq!(world.life.swap([0], None, now), Err(NotNow::Ended));
    world.told(0, world.end(1800));
    assert_eq!(world.life.begin_refresh(0, now), Ok(()));
}

#[test]
fn refresh_before_the_answer_makes_it_stale() {
    for (moves, then) in [(false, world_notice as fn(&World) -> Option<Due>), (true, |_| ASK)] {
        let mut world = World::new();
        assert_eq!(world.due_at(840_000), ASK);
        let fresh = CredentialEnd { at: Some(world.at(900)), moves };
        world.life.swap([0], fresh, world.now).unwrap();
        world.told(0, Ok(Some(SystemTime::UNIX_EPOCH)));
        assert_eq!(world.due(), then(&world), "{moves}");
    }
}

fn world_notice(world: &World) -> Option<Due> {
    world.notice(900)
}

#[test]
fn whatever_else_ends_it_does_not_wait_for_the_answer() {
    for close in [Close::REVOKED, Close::SUPERSEDED, Close::INVALID_CREDENTIALS] {
        let mut world = World::asked_at_end();
        world.life.end(close.clone());
        assert!(!world.life.is_waiting(world.now));
        assert_eq!(world.due(), Some(Due::End(close.clone())));
        world.told(0, world.end(1800));
        assert_eq!(world.due(), Some(Due::End(close)));
    }
    let mut world = World::asked_at_end();
    world.life.drain_in(secs(1), world.now);
    assert_eq!(world.due_at(901_000), Some(Due::End(Close::RESTARTING)));
}

#[test]
fn silence_does_not_count_while_it_waits() {
    let start = SystemTime::UNIX_EPOCH + secs(1_000_000);
    let now = Moment { wall: start, passed: secs(60) };
    let settings = SocketSettings { idle: Some(secs(60)), ..SocketSettings::default() };
    let mut world = World { life: Lifetime::new(settings, now), now, start };
    world.hold(0, 59, true);
    assert_eq!(world.due_at(59_000), ASK);
    assert_eq!(world.due_at(61_000), Some(Due::Ping));
    assert_eq!(world.due_at(85_000), None);
    world.told(0, world.end(900));
    assert_eq!(world.due(), None);
}

#[test]
fn end_that_does_not_move_comes_first_and_is_not_asked_for() {
    let mut world = World::new();
    world.hold(1, 900, false);
    assert_eq!(world.due_at(840_000), world.notice(900));
    assert_eq!(world.due_at(900_000), EXPIRED);

    let mut world = World::asked_at_end();
    world.hold(1, 901, false);
    assert!(world.life.is_waiting(world.now));
    assert_eq!(world.due_at(901_000), EXPIRED);
}

#[test]
fn each_credential_that_ends_first_is_asked() {
    let mut world = World::new();
    world.hold(1, 900, true);
    assert_eq!([world.due_at(840_000), world.due(), world.due()], [ASK, Some(Due::Ask { slot: 1 }), None]);
    world.told(1, world.end(1800));
    assert_eq!(world.due(), None, "the notice waits for the other");
    world.told(0, world.end(900));
    assert_eq!(world.due(), world.notice(900));
    // The one that is gone leaves no notice behind.
    let mut world = World::new();
    world.hold(1, 900, true);
    assert_eq!([world.due_at(840_000), world.due()], [ASK, Some(Due::Ask { slot: 1 })]);
    world.told(0, world.end(900));
    assert_eq!(world.due(), None);
    world.life.release(1, world.now);
    assert_eq!(world.due(), world.notice(900));
}

#[test]
fn clock_that_jumps_ahead_is_asked_about_and_one_that_is_set_back_frees() {
    let mut world = World::new();
    assert_eq!(world.due_at(5_000_000), ASK, "without a notice");
    world.told(0, world.end(9000));
    assert_eq!(world.due(), None);

    let mut world = World::asked_at_end();
    world.now.wall -= secs(600);
    assert!(!world.life.is_over(world.now) && !world.life.is_waiting(world.now));
    assert_eq!(world.due(), None);
    world.told(0, world.end(900));
    assert_eq!(world.due(), world.notice(900));
    world.now.wall += secs(600);
    assert_eq!(world.due(), ASK);
}

#[test]
fn last_message_is_the_time_of_use_by_the_clock_of_now() {
    let mut world = World::new();
    assert_eq!(world.life.used_at(world.now), world.at(0));
    assert_eq!(world.due_at(300_000), None);
    assert_eq!(world.life.used_at(world.now), world.at(0), "the opening");
    world.life.spoke(world.now);
    assert_eq!(world.due_at(840_000), ASK);
    world.life.heard(world.now);
    assert_eq!(world.life.used_at(world.now), world.at(300));
    world.now.wall += secs(1000);
    assert_eq!(world.life.used_at(world.now), world.at(1300));
}

#[test]
fn credential_that_comes_past_its_end_is_asked_about_at_once() {
    let mut world = World::new();
    world.now.wall = world.at(900);
    world.hold(0, 900, true);
    assert!(world.life.is_waiting(world.now));
    assert_eq!(world.due(), ASK);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// However little the end moves, and whatever the answers are, it asks at most once a second. Nothing that was dealt with wakes
    /// the owner again.
    #[test]
    fn no_more_than_one_question_a_second(
        answers in vec(prop_oneof![
            4 => (0..3000_u64).prop_map(Some),
            1 => (0..900_000_u64).prop_map(Some),
            1 => Just(None),
        ], 1..60),
        notice in 0..120_u64,
    ) {
        let mut world = World::new();
        let settings = SocketSettings { ping: None, notice: secs(notice), ..SocketSettings::default() };
        world.life = Lifetime::new(settings, world.now);
        world.hold(0, 900, true);
        let mut asked: Option<SystemTime> = None;
        for answer in answers {
            let mut dues = 0;
            loop {
                dues += 1;
                prop_assert!(dues < 5, "it goes on for ever");
                match world.due() {
                    Some(Due::Ask { .. }) => {
                        if let Some(asked) = asked {
                            prop_assert!(world.now.wall >= asked + secs(1), "asked too often");
                        }
                        asked = Some(world.now.wall);
                        // Later than known by this much, or an error.
                        let known = world.life.ends_at().unwrap();
                        world.told(0, answer.map(|millis| Some(known + Duration::from_millis(millis))).ok_or(()));
                    }
                    Some(Due::End(_)) => return Ok(()),
                    Some(_) => {}
                    None => break,
                }
            }
            let wake = world.life.wake().wall;
            prop_assert!(wake.is_some_and(|wake| wake > world.now.wall), "{:?}", wake);
            let span = wake.unwrap().duration_since(world.now.wall).unwrap();
            world.now = Moment { wall: world.now.wall + span, passed: world.now.passed + span };
        }
    }
}
