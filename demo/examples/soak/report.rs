//! What the clients have seen, and its printed form.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::world::{Kind, Phase};

#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    round_trips: HashMap<(Kind, Phase), Vec<Duration>>,
    sessions: BTreeMap<Kind, usize>,
    refreshes: BTreeMap<Kind, usize>,
    good: BTreeMap<(Kind, Phase, String), usize>,
    hostile: BTreeMap<(Kind, &'static str), BTreeMap<String, usize>>,
}

impl Tally {
    pub(crate) fn round_trip(&self, kind: Kind, phase: Phase, took: Duration) {
        self.inner().round_trips.entry((kind, phase)).or_default().push(took);
    }

    /// A good client has logged in.
    pub(crate) fn session(&self, kind: Kind) {
        *self.inner().sessions.entry(kind).or_default() += 1;
    }

    pub(crate) fn refresh(&self, kind: Kind) {
        *self.inner().refreshes.entry(kind).or_default() += 1;
    }

    /// A good client was refused or cut.
    pub(crate) fn good(&self, kind: Kind, phase: Phase, why: String) {
        *self.inner().good.entry((kind, phase, why)).or_default() += 1;
    }

    /// An act of a hostile client has ended like this.
    pub(crate) fn hostile(&self, kind: Kind, act: &'static str, end: String) {
        *self.inner().hostile.entry((kind, act)).or_default().entry(end).or_default() += 1;
    }

    /// How many answers were a 5xx, for all clients.
    pub(crate) fn server_errors(&self) -> usize {
        let inner = self.inner();
        let good = inner.good.iter().map(|((_, _, why), count)| (why, count));
        let ends = good.chain(inner.hostile.values().flatten());
        ends.filter(|(why, _)| why.starts_with('5') && why.get(3..4) == Some(" ")).map(|(_, count)| count).sum()
    }

    pub(crate) fn print(&self) {
        let mut inner = self.inner();
        println!("\nhostile clients: how each act ended, and how often");
        for ((kind, act), ends) in &inner.hostile {
            let mut ends: Vec<_> = ends.iter().collect();
            ends.sort_by(|a, b| b.1.cmp(a.1));
            let ends: Vec<_> = ends.iter().take(4).map(|(end, count)| format!("{end} ×{count}")).collect();
            println!("  {:<20} {act:<28} {}", kind.name(), ends.join(", "));
        }
        println!("\ngood clients: round trips in ms, beside the same ones alone");
        println!(
            "  {:<20} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
            "", "messages", "p50 quiet", "p50", "p99 quiet", "p99", "sessions", "refreshes"
        );
        for kind in Kind::ALL {
            let mut figures = |phase| {
                let mut all = inner.round_trips.remove(&(kind, phase)).unwrap_or_default();
                all.sort_unstable();
                (all.len(), percentile(&all, 50), percentile(&all, 99))
            };
            let (quiet, attack) = (figures(Phase::Quiet), figures(Phase::Attack));
            println!(
                "  {:<20} {:>9} {:>9.1} {:>9.1} {:>9.1} {:>9.1} {:>9} {:>9}",
                kind.name(),
                quiet.0 + attack.0,
                quiet.1,
                attack.1,
                quiet.2,
                attack.2,
                inner.sessions.get(&kind).unwrap_or(&0),
                inner.refreshes.get(&kind).unwrap_or(&0),
            );
        }
        println!("\ngood clients that were refused or cut (a share is revoked in the middle, on purpose)");
        for ((kind, phase, why), count) in &inner.good {
            println!("  {:<20} {:<8} {why} ×{count}", kind.name(), format!("{phase:?}"));
        }
        if inner.good.is_empty() {
            println!("  none");
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A percentile of sorted times, in milliseconds.
fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).map_or(f64::NAN, |took| took.as_secs_f64() * 1000.0)
}
