use std::hint::black_box;

use allocation_counter::AllocationInfo;
use rustix::time::{ClockId, clock_gettime};

use crate::results::{Line, median, record};

/// CPU time of this thread. A busy neighbour on a shared machine disturbs it less than the time of day.
#[must_use]
pub fn thread_cpu_nanos() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// Allocations each time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    pub allocations: u64,
    pub bytes: u64,
}

impl Cost {
    /// Runs `work` this many times, and counts the allocations of this thread.
    pub fn of(times: u64, work: impl FnOnce(u64)) -> Self {
        let AllocationInfo { count_total, bytes_total, .. } = allocation_counter::measure(|| work(times));
        let each = |total: u64| (total + times / 2) / times;
        Self { allocations: each(count_total), bytes: each(bytes_total) }
    }
}

/// Runs all sides in rounds: one sample of each side per round, in an order that is shuffled each time. If the machine
/// gets slower or faster, it does so for all sides, and the ratio of two values of one round holds. So samples are short and
/// many.
///
/// The environment sets `ROUNDS` (51), `N` (iterations per sample; a sample takes about 4 ms without it) and `ONLY` (the
/// name of the side to run, or a part of the names). With `LIST`, the names are printed and nothing runs.
pub struct Harness<'a> {
    part: &'a str,
    sides: Vec<Side<'a>>,
}

struct Side<'a> {
    name: String,
    beside: Vec<String>,
    over: Option<String>,
    share: Option<Share>,
    plot: Option<(&'a str, f64)>,
    work: Box<dyn FnMut(u64) + 'a>,
    /// In a sample.
    times: u64,
    cost: Cost,
    values: Vec<f64>,
}

/// What one of the things costs that a side does more than another one.
struct Share {
    name: String,
    base: String,
    count: usize,
}

const SAMPLE_NANOS: f64 = 4e6;

impl<'a> Harness<'a> {
    #[must_use]
    pub fn new(part: &'a str) -> Self {
        Self { part, sides: Vec::new() }
    }

    /// Adds a side that does one thing each time.
    pub fn side<T>(&mut self, name: impl Into<String>, mut once: impl FnMut() -> T + 'a) -> &mut Self {
        self.looping(name, move |times| {
            for _ in 0..times {
                black_box(once());
            }
        })
    }

    /// Adds a side that loops itself.
    pub fn looping(&mut self, name: impl Into<String>, work: impl FnMut(u64) + 'a) -> &mut Self {
        let (name, work) = (name.into(), Box::new(work));
        self.sides.push(Side {
            name,
            beside: Vec::new(),
            over: None,
            share: None,
            plot: None,
            work,
            times: 1,
            cost: Cost::default(),
            values: Vec::new(),
        });
        self
    }

    /// Compares the side that was added last with this one, of the same run; a point of a plot, with the one at the same `x`.
    pub fn beside(&mut self, floor: &str) -> &mut Self {
        self.last().beside.push(floor.into());
        self
    }

    /// Subtracts this side from the one that was added last, and from the ones that it is compared with.
    pub fn over(&mut self, base: &str) -> &mut Self {
        self.last().over = Some(base.into());
        self
    }

    /// Records another line: what the side that was added last costs more than this one, divided by `count`.
    pub fn share(&mut self, name: impl Into<String>, base: &str, count: usize) -> &mut Self {
        self.last().share = Some(Share { name: name.into(), base: base.into(), count });
        self
    }

    /// Makes the side that was added last a point of a plot. All points of a curve have the same name.
    pub fn point(&mut self, plot: &'a str, x: f64) -> &mut Self {
        self.last().plot = Some((plot, x));
        self
    }

    fn last(&mut self) -> &mut Side<'a> {
        self.sides.last_mut().expect("add a side first")
    }

    /// Runs and records all sides.
    ///
    /// # Panics
    /// If `ROUNDS` or `N` is not a number.
    pub fn run(mut self) {
        if std::env::var_os("LIST").is_some() {
            return self.sides.iter().for_each(|side| println!("{}", side.name));
        }
        self.choose(&std::env::var("ONLY").unwrap_or_default());
        self.sides.iter_mut().for_each(Side::warm_up);
        let mut order: Vec<_> = (0..self.sides.len()).collect();
        for _ in 0..number("ROUNDS").unwrap_or(51) {
            fastrand::shuffle(&mut order);
            for &at in &order {
                self.sides[at].take_sample();
            }
        }
        self.sides.iter().for_each(|side| self.record(side));
    }
}

impl Harness<'_> {
    fn choose(&mut self, only: &str) {
        let is_name = self.sides.iter().any(|side| side.name == only);
        self.sides.retain(|side| if is_name { side.name == only } else { side.name.contains(only) });
    }

    fn record(&self, side: &Side<'_>) {
        record(&Line {
            part: self.part,
            name: &side.name,
            unit: "ns",
            values: &side.values,
            beside: &side.beside,
            over: side.over.as_deref(),
            allocations: Some(side.cost.allocations),
            bytes: Some(side.cost.bytes),
            plot: side.plot.map(|(plot, _)| plot),
            x: side.plot.map(|(_, x)| x),
            ..Line::default()
        });
        for floor in side.beside.iter().filter_map(|name| self.find(name, side)) {
            let ratios =
                pairs(&self.values_over(side, side), &self.values_over(floor, side), |ours, floor| ours / floor);
            println!("{:<10} {:>59.2} x {}", "", median(&ratios), floor.name);
        }
        if let Some(share) = &side.share {
            self.record_share(side, share);
        }
    }

    /// The values of `side`, less those that `compared` is over.
    fn values_over(&self, side: &Side<'_>, compared: &Side<'_>) -> Vec<f64> {
        match compared.over.as_ref().and_then(|name| self.find(name, compared)) {
            Some(base) => pairs(&side.values, &base.values, |value, base| value - base),
            None => side.values.clone(),
        }
    }

    fn record_share(&self, side: &Side<'_>, share: &Share) {
        let Some(base) = self.find(&share.base, side) else { return };
        let count = share.count as u64;
        let each = |all: u64, base: u64| Some(all.saturating_sub(base).div_ceil(count));
        record(&Line {
            part: self.part,
            name: &share.name,
            unit: "ns",
            values: &pairs(&side.values, &base.values, |all, base| (all - base) / share.count as f64),
            allocations: each(side.cost.allocations, base.cost.allocations),
            bytes: each(side.cost.bytes, base.cost.bytes),
            ..Line::default()
        });
    }

    /// The side with this name that `beside` can be compared with.
    fn find(&self, name: &str, beside: &Side<'_>) -> Option<&Side<'_>> {
        self.sides.iter().find(|side| side.name == name && side.plot == beside.plot)
    }
}

/// The two values of each round as one.
fn pairs(left: &[f64], right: &[f64], one: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    left.iter().zip(right).map(|(&left, &right)| one(left, right)).collect()
}

impl Side<'_> {
    /// Fills what is remembered, counts the allocations, and finds out how long a sample must be.
    fn warm_up(&mut self) {
        let times = number("N").unwrap_or(2048).min(2048);
        (self.work)(times);
        self.cost = Cost::of(times, &mut self.work);
        self.times = number("N").unwrap_or_else(|| self.calibrate());
    }

    fn take_sample(&mut self) {
        let value = self.sample(self.times);
        self.values.push(value);
    }

    fn calibrate(&mut self) -> u64 {
        let mut times = 8;
        loop {
            let each = self.sample(times);
            if each * times as f64 > SAMPLE_NANOS / 4.0 {
                return (SAMPLE_NANOS / each).max(1.0) as u64;
            }
            times *= 2;
        }
    }

    /// Nanoseconds each time.
    fn sample(&mut self, times: u64) -> f64 {
        let mut nanos = 0.0;
        // The counting costs time, which would depend on the number of allocations.
        allocation_counter::opt_out(|| nanos = measured(&mut self.work, times));
        nanos / times as f64
    }
}

/// The loop alone, under a name that callgrind can be told to collect in.
#[inline(never)]
fn measured(work: &mut dyn FnMut(u64), times: u64) -> f64 {
    let began = thread_cpu_nanos();
    work(times);
    thread_cpu_nanos() - began
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}
