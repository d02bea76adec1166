//! Whatever two clients do in any order, the answers are those of a small model.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, SystemTime},
};

use auth_core::Clock as _;
use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    /// One of two clients refreshes. If the answer is lost, it keeps the token that it has.
    Refresh {
        client: usize,
        is_lost: bool,
    },
    /// Somebody sends a token that was issued so many generations ago.
    Replay {
        back: u64,
    },
    /// The clients give each other the token that they have: two tabs share it.
    Share {
        from: usize,
    },
    /// The clock moves, perhaps back.
    Wait {
        millis: i64,
    },
    LogOut {
        client: usize,
    },
    /// Both refresh at the same moment, in an order of the seed.
    Both {
        seed: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    // Never exactly at a limit: requests at the same moment take microseconds. `decision.rs` tests the limits.
    let waits = [1_010, 4_010, 9_010, 10_010, 60_010, 299_010, 300_010, -20_007];
    let waits = prop::sample::select(waits.to_vec());
    prop_oneof![
        6 => (0..2_usize, prop::bool::weighted(0.2)).prop_map(|(client, is_lost)| Step::Refresh { client, is_lost }),
        1 => (0..6_u64).prop_map(|back| Step::Replay { back }),
        3 => (0..2_usize).prop_map(|from| Step::Share { from }),
        4 => waits.prop_map(|millis| Step::Wait { millis }),
        1 => (0..2_usize, prop::bool::weighted(0.1)).prop_map(|(client, ends)| {
            if ends { Step::LogOut { client } } else { Step::Refresh { client, is_lost: false } }
        }),
        2 => any::<u64>().prop_map(|seed| Step::Both { seed }),
    ]
}

/// What the rules say, in other words than the code.
#[derive(Default)]
struct Model {
    newest: u64,
    /// By generation.
    used: BTreeMap<u64, SystemTime>,
    has_ended: bool,
}

impl Model {
    /// The generation of the answer; `None` for a refusal.
    fn refresh(&mut self, generation: u64, now: SystemTime) -> Option<u64> {
        if self.has_ended {
            return None;
        }
        if generation == self.newest {
            // A use that was more than a minute ago is forgotten, with all before it.
            let is_old = |at: &SystemTime| now.duration_since(*at).is_ok_and(|ago| ago > Duration::from_secs(60));
            if let Some((old, _)) = self.used.iter().rev().find(|(_, at)| is_old(at)) {
                let kept = old + 1;
                self.used.retain(|generation, _| *generation >= kept);
            }
            self.used.insert(generation, now);
            self.newest += 1;
            return Some(self.newest);
        }
        let is_last = generation + 1 == self.newest;
        let is_noted = |_: &&SystemTime| generation + 32 >= self.newest;
        let is_good = self.used.get(&generation).filter(is_noted).is_some_and(|at| {
            let since = now.duration_since(*at).unwrap_or_default();
            since <= Duration::from_secs(10) || is_last && since <= Duration::from_secs(300)
        });
        self.has_ended = !is_good;
        (!self.has_ended).then_some(self.newest)
    }
}

struct Run {
    tokens: Tokens,
    model: Model,
    clients: [Phone; 2],
    /// Every token that was ever issued, by its generation.
    issued: HashMap<u64, String>,
}

impl Run {
    async fn new() -> Self {
        let tokens = Tokens::new();
        let phone = tokens.phone("ann").await;
        let issued = HashMap::from([(1, phone.refresh.clone())]);
        let model = Model { newest: 1, ..Model::default() };
        Self { tokens, model, clients: [phone.clone(), phone], issued }
    }

    /// All answers of one generation are equal.
    fn note(&mut self, phone: &Phone) {
        let known = self.issued.entry(phone.generation()).or_insert_with(|| phone.refresh.clone());
        assert_eq!(*known, phone.refresh, "a branch");
    }

    async fn refresh(&mut self, mut phone: Phone) -> Phone {
        let expected = self.model.refresh(phone.generation(), self.tokens.app.clock.now());
        let answer = phone.refresh().await;
        match expected {
            Some(generation) => {
                assert_eq!(answer, Ok(generation));
                self.note(&phone);
            }
            None => assert_eq!(answer, invalid_grant()),
        }
        phone
    }

    async fn both(&mut self, seed: u64) {
        self.tokens.app.store.take_turns(seed);
        let clients = self.clients.clone();
        let before: Vec<_> = clients.iter().map(Phone::generation).collect();
        let asked = clients.map(|mut phone| tokio::spawn(async move { (phone.refresh().await, phone) }));
        let mut answers = Vec::new();
        for task in asked {
            answers.push(task.await.unwrap());
        }
        self.tokens.app.store.take_no_turns();
        // One of both orders explains what they were told. Microseconds have passed.
        let now = self.tokens.app.clock.now();
        let explained = [[0, 1], [1, 0]].into_iter().find_map(|order| {
            let mut model = Model { newest: self.model.newest, used: self.model.used.clone(), ..self.model };
            let told: BTreeMap<_, _> = order.iter().map(|at| (*at, model.refresh(before[*at], now))).collect();
            // If the login has ended before it was answered, a request that has rotated is refused too.
            let is_refused_late = |at: usize| model.has_ended && answers[at].0.is_err();
            let fits =
                |(at, told): (&usize, &Option<u64>)| answers[*at].0.clone().ok() == *told || is_refused_late(*at);
            told.iter().all(fits).then_some(model)
        });
        let told: Vec<_> = answers.iter().map(|(answer, _)| answer).collect();
        let Some(model) = explained else { panic!("{before:?} of {}: {told:?}", self.model.newest) };
        self.model = model;
        for (at, (answer, phone)) in answers.into_iter().enumerate() {
            if answer.is_ok() {
                self.note(&phone);
                self.clients[at] = phone;
            }
        }
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Refresh { client, is_lost } => {
                let phone = self.refresh(self.clients[client].clone()).await;
                if !is_lost {
                    self.clients[client] = phone;
                }
            }
            Step::Replay { back } => {
                let generation = self.model.newest.saturating_sub(back).max(1);
                let token = self.issued.get(&generation).cloned();
                // A generation that nobody was told does not exist for anybody.
                if let Some(refresh) = token {
                    self.refresh(Phone { refresh, ..self.clients[0].clone() }).await;
                }
            }
            Step::Share { from } => self.clients[1 - from] = self.clients[from].clone(),
            Step::Wait { millis } => {
                let clock = &self.tokens.app.clock;
                match u64::try_from(millis) {
                    Ok(millis) => clock.advance(Duration::from_millis(millis)),
                    Err(_) => clock.set(clock.now() - Duration::from_millis(millis.unsigned_abs())),
                }
            }
            Step::LogOut { client } => {
                assert_eq!(self.clients[client].log_out().await, 204);
                self.model.has_ended = true;
            }
            Step::Both { seed } => self.both(seed).await,
        }
        let lives = !self.tokens.app.sids("ann").await.is_empty();
        assert_eq!(lives, !self.model.has_ended, "ended stays ended, and nothing else ends");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn two_clients_in_any_order_are_answered_as_the_model_says(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut run = Run::new().await;
            for step in steps {
                run.step(step).await;
            }
        });
    }
}
