//! Random lives against a plain model.

use proptest::{collection::vec, prelude::*};

use super::{
    tests::{Clocks, MINUTE, secs, settings},
    *,
};

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
