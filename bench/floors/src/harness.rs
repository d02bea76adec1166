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
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    pub allocations: u64,
    pub bytes: u64,
}

impl Cost {
    /// Runs `work` so often and counts what this thread allocates.
    pub fn of(times: u64, work: impl FnOnce(u64)) -> Self {
        let AllocationInfo { count_total, bytes_total, .. } = allocation_counter::measure(|| work(times));
        let each = |total: u64| (total + times / 2) / times;
        Self { allocations: each(count_total), bytes: each(bytes_total) }
    }
}

/// Runs all sides in rounds: one sample of each side per round, in an order that is shuffled each time. If the machine
/// gets slower or faster, it does so for all sides, and the ratio of two values of one round holds.
///
/// The environment sets `ROUNDS` (9), `N` (iterations per sample; a sample takes about 20 ms without it) and `ONLY` (part
/// of the name of the sides to run).
pub struct Harness<'a> {
    part: &'a str,
    sides: Vec<Side<'a>>,
}

struct Side<'a> {
    name: String,
    beside: Option<String>,
    plot: Option<(&'a str, f64)>,
    work: Box<dyn FnMut(u64) + 'a>,
    values: Vec<f64>,
}

const SAMPLE_NANOS: f64 = 2e7;

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
        self.sides.push(Side { name, beside: None, plot: None, work, values: Vec::new() });
        self
    }

    /// Compares the side that was added last with this one, of the same run.
    pub fn beside(&mut self, floor: &str) -> &mut Self {
        if let Some(last) = self.sides.last_mut() {
            last.beside = Some(floor.into());
        }
        self
    }

    /// Makes the side that was added last a point of a plot.
    pub fn point(&mut self, plot: &'a str, x: f64) -> &mut Self {
        if let Some(last) = self.sides.last_mut() {
            last.plot = Some((plot, x));
        }
        self
    }

    /// Runs and records all sides.
    ///
    /// # Panics
    /// If `ROUNDS` or `N` is not a number.
    pub fn run(mut self) {
        let only = std::env::var("ONLY").unwrap_or_default();
        self.sides.retain(|side| side.name.contains(&only));
        let rounds = number("ROUNDS").unwrap_or(9);
        let costs: Vec<_> = self.sides.iter_mut().map(Side::warm_up).collect();
        let samples: Vec<_> =
            self.sides.iter_mut().map(|side| number("N").unwrap_or_else(|| side.calibrate())).collect();
        let mut order: Vec<_> = (0..self.sides.len()).collect();
        for _ in 0..rounds {
            fastrand::shuffle(&mut order);
            for &at in &order {
                let value = self.sides[at].sample(samples[at]);
                self.sides[at].values.push(value);
            }
        }
        for (side, cost) in self.sides.iter().zip(costs) {
            side.record(self.part, cost);
            if let Some(floor) = side.beside.as_ref().and_then(|name| self.sides.iter().find(|side| side.name == *name))
            {
                side.print_ratio(floor);
            }
        }
    }
}

impl Side<'_> {
    /// Fills what is remembered, and then counts.
    fn warm_up(&mut self) -> Cost {
        let times = number("N").unwrap_or(2048).min(2048);
        (self.work)(times);
        Cost::of(times, &mut self.work)
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

    fn record(&self, part: &str, cost: Cost) {
        record(&Line {
            part,
            name: &self.name,
            unit: "ns",
            values: &self.values,
            beside: self.beside.as_deref(),
            allocations: Some(cost.allocations),
            bytes: Some(cost.bytes),
            plot: self.plot.map(|(plot, _)| plot),
            x: self.plot.map(|(_, x)| x),
            ..Line::default()
        });
    }

    fn print_ratio(&self, floor: &Self) {
        let ratios: Vec<_> = self.values.iter().zip(&floor.values).map(|(ours, floor)| ours / floor).collect();
        println!("{:<10} {:<52} {:>10.2} x {}", "", "", median(&ratios), floor.name);
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
