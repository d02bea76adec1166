//! The run: its phases, a look at the server every second, and the checks at the end.

use std::{sync::Arc, time::Duration};

use auth_core::BoxError;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::{
    Plan, good, hostile,
    watch::{Sample, Watched},
    world::{Kind, Phase, World},
};

/// How long the server may take to release everything after the clients have stopped.
const SETTLES: Duration = Duration::from_secs(60);
/// One in this many clients, good and hostile, is revoked in the middle.
const ONE_IN: usize = 10;

/// Whether all checks pass: memory at every look, registries and descriptors at the end.
pub(crate) async fn run(plan: Plan) -> Result<bool, BoxError> {
    let mut server = Watched::start(plan.pending).await?;
    let world = World::new(server.addr, plan.clone());
    let mut looks = Looks { begun: Instant::now(), all: Vec::new() };
    let before = looks.look(&mut server, Phase::WarmUp).await?;
    println!(
        "{} good and {} hostile clients of each of {} kinds, {} s; descriptors of the server before: {}",
        plan.good,
        plan.hostile,
        Kind::ALL.len(),
        plan.seconds,
        before.descriptors
    );

    let mut clients: Vec<_> =
        each(plan.good).map(|(kind, n)| tokio::spawn(good::live(Arc::clone(&world), kind, n))).collect();
    looks.watch(&mut server, Phase::WarmUp, good::WARM_UP).await?;
    world.phase.send_replace(Phase::Quiet);
    looks.watch(&mut server, Phase::Quiet, plan.quiet()).await?;
    let base = looks.look(&mut server, Phase::Quiet).await?;

    world.phase.send_replace(Phase::Attack);
    clients.extend(each(plan.hostile).map(|(kind, n)| tokio::spawn(hostile::live(Arc::clone(&world), kind, n))));
    looks.watch(&mut server, Phase::Attack, plan.attacked() / 2).await?;
    for (kind, number) in each(plan.good).filter(|(_, number)| number % ONE_IN == 0) {
        server.revoke(&good::name(kind, number)).await?;
    }
    for (kind, number) in each(plan.hostile).filter(|(_, number)| number % ONE_IN == 0) {
        server.revoke(&hostile::name(kind, number)).await?;
    }
    looks.watch(&mut server, Phase::Attack, plan.attacked() / 2).await?;

    world.phase.send_replace(Phase::Frozen);
    let stopped = Instant::now();
    let mut last = looks.look(&mut server, Phase::Frozen).await?;
    let is_as_before = |sample: &Sample| sample.registries.left() == 0 && sample.descriptors <= before.descriptors;
    while !is_as_before(&last) && stopped.elapsed() < SETTLES {
        looks.watch(&mut server, Phase::Frozen, Duration::from_secs(1)).await?;
        last = looks.look(&mut server, Phase::Frozen).await?;
    }
    let (settled, left, held) = (stopped.elapsed(), last.registries.clone(), last.descriptors);

    world.phase.send_replace(Phase::Gone);
    for client in clients {
        client.await?;
    }
    let let_go = Instant::now();
    while last.descriptors > before.descriptors && let_go.elapsed() < Duration::from_secs(10) {
        sleep(Duration::from_millis(200)).await;
        last = looks.look(&mut server, Phase::Gone).await?;
    }

    world.tally.print();
    println!("\nanswers with 5xx: {}", world.tally.server_errors());
    let (memory, at) = looks.furthest(&base);
    println!(
        "memory in MiB: began at {}, ended at {}, furthest at {}",
        mib(base.memory),
        mib(last.memory),
        mib(memory)
    );
    let checks = [
        (
            format!("memory within {} MiB of where it began, at every look", plan.memory),
            memory.abs_diff(base.memory) <= plan.memory * 1024,
            format!("{} MiB, {:.0} s after the start", mib(memory.abs_diff(base.memory)), at.as_secs_f64()),
        ),
        (
            "registries empty, while the hostile clients hold on".to_owned(),
            left.left() == 0,
            format!("after {:.0} s: {left:?}, {held} descriptors", settled.as_secs_f64()),
        ),
        (
            "descriptors as before".to_owned(),
            last.descriptors <= before.descriptors,
            format!("{} before, {} after", before.descriptors, last.descriptors),
        ),
    ];
    println!();
    for (what, passed, figure) in &checks {
        println!("  {}  {what}: {figure}", if *passed { "pass" } else { "FAIL" });
    }
    Ok(checks.iter().all(|(_, passed, _)| *passed))
}

fn each(count: usize) -> impl Iterator<Item = (Kind, usize)> {
    Kind::ALL.into_iter().flat_map(move |kind| (0..count).map(move |number| (kind, number)))
}

struct Looks {
    begun: Instant,
    all: Vec<(Duration, Phase, Sample)>,
}

impl Looks {
    async fn look(&mut self, server: &mut Watched, phase: Phase) -> Result<Sample, BoxError> {
        let sample = server.sample().await?;
        self.all.push((self.begun.elapsed(), phase, sample.clone()));
        Ok(sample)
    }

    /// Looks every second for this long, and prints a line now and then.
    async fn watch(&mut self, server: &mut Watched, phase: Phase, during: Duration) -> Result<(), BoxError> {
        let begun = Instant::now();
        let mut ticks = interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while begun.elapsed() < during {
            ticks.tick().await;
            let sample = self.look(server, phase).await?;
            if self.all.len() % 10 == 1 {
                let Sample { memory, descriptors, registries } = sample;
                println!(
                    "{:>4.0} s  {:<7} {} MiB, {descriptors} descriptors, {} connections, {} pending, {} transports",
                    self.begun.elapsed().as_secs_f64(),
                    format!("{phase:?}"),
                    mib(memory),
                    registries.connections,
                    registries.pending,
                    registries.transports
                );
            }
        }
        Ok(())
    }

    /// The memory that was furthest from the start, in KiB, and when.
    fn furthest(&self, base: &Sample) -> (u64, Duration) {
        let after = self.all.iter().filter(|(_, phase, _)| *phase >= Phase::Attack);
        let furthest = after.max_by_key(|(_, _, sample)| sample.memory.abs_diff(base.memory));
        furthest.map_or((base.memory, Duration::ZERO), |(at, _, sample)| (sample.memory, *at))
    }
}

fn mib(kib: u64) -> String {
    format!("{:.1}", kib as f64 / 1024.0)
}
