//! A counter as the documentation describes it: a list of what is open, and the time until all has come back.

use std::time::Duration;

use auth_core::{Clock as _, ManualClock};
use auth_store::{Budget, BudgetPlace, Budgets, Taken};

use super::laws::key;

const LEASE: u64 = 60_000;
const EACH: u64 = 7_000;
const LONGEST: u64 = 50_000;
const PLACES: u64 = 5;
const ROOM: u64 = PLACES * EACH;

#[derive(Default)]
struct Model {
    now: u64,
    debt: u64,
    doubled: u32,
    /// When each of them becomes a failure.
    open: Vec<(BudgetPlace, u64)>,
}

impl Model {
    fn go_to(&mut self, now: u64) {
        while let Some(index) = (0..self.open.len()).min_by_key(|index| self.open[*index].1) {
            let end = self.open[index].1;
            if end > now {
                break;
            }
            self.open.remove(index);
            self.decay_to(end);
            self.fail();
        }
        self.decay_to(now);
    }

    fn decay_to(&mut self, now: u64) {
        self.debt = self.debt.saturating_sub(now - self.now);
        self.now = now;
    }

    fn fail(&mut self) {
        if self.debt == 0 {
            self.doubled = 0;
        }
        if self.debt + EACH <= ROOM - EACH {
            self.debt += EACH;
        } else {
            self.debt = self.debt.max(ROOM - EACH + LONGEST.min(EACH << self.doubled));
            self.doubled = (self.doubled + 1).min(20);
        }
    }

    fn has_place(&self) -> bool {
        self.debt + EACH * (self.open.len() as u64 + 1) <= ROOM
    }
}

/// The same numbers each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

pub async fn random_steps_do_what_a_model_does<B: Budgets + Clone>(store: &B, clock: &ManualClock) {
    let longest = Duration::from_millis(LONGEST);
    let budget = Budget::new(5, Duration::from_millis(EACH)).unwrap().longest_wait(longest).unwrap();
    let mut dice = Dice(88_172_645_463_325_252);
    for _ in 0..20 {
        // From the begin of a lease, by both clocks.
        let (key, mut model) = (key(), Model::default());
        let since = clock.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
        assert_eq!((since % LEASE, clock.monotonic().as_millis() as u64 % LEASE), (0, 0));
        for step in 0..150 {
            match dice.roll(10) {
                0..=4 => {
                    let taken = store.take(&key, &budget).await.unwrap();
                    match taken {
                        Taken::Place(place) => {
                            assert!(model.has_place(), "step {step}");
                            model.open.push((place, (model.now / LEASE + 2) * LEASE));
                        }
                        Taken::Wait(wait) => {
                            assert!(!model.has_place(), "step {step}");
                            let needed = model.debt + EACH;
                            let open = model.open.len() as u64 * EACH;
                            let expected = if needed > ROOM { needed + open - ROOM } else { 1000 };
                            assert_eq!(wait, Duration::from_millis(expected), "step {step}");
                        }
                    }
                }
                5..=7 if !model.open.is_empty() => {
                    let index = dice.roll(model.open.len() as u64) as usize;
                    let (place, _) = model.open.remove(index);
                    let is_failure = dice.roll(2) == 0;
                    store.settle(&key, &budget, place, is_failure).await.unwrap();
                    if is_failure {
                        model.fail();
                    }
                }
                _ => {
                    let span = [0, 1, 999, 7_000, 6_999, 20_000, 61_000, 130_000][dice.roll(8) as usize];
                    clock.advance(Duration::from_millis(span));
                    model.go_to(model.now + span);
                }
            }
        }
        // All of it has come back, and a lease begins.
        let rest = 600_000 - model.now % LEASE;
        clock.advance(Duration::from_millis(rest));
        assert!(matches!(store.take(&key, &budget).await.unwrap(), Taken::Place(_)));
    }
}
