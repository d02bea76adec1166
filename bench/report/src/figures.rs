//! Medians, and the comparison of two sides round by round.

use crate::results::{Line, Results};

/// The middle value, and the two between which the middle half of all values lies. The least and the most would show only what
/// neighbours do to a shared machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub low: f64,
    pub high: f64,
}

impl Spread {
    /// `None` of no values.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        let at = |index: usize| sorted.get(index).copied();
        let median = f64::midpoint(at(last / 2)?, at(last.div_ceil(2))?);
        Some(Self { median, low: at(last / 4)?, high: at((3 * last).div_ceil(4))? })
    }
}

/// A figure that is calculated in each round, from the sides of one part.
#[derive(Clone, Copy, Debug)]
pub enum Figure<'a> {
    /// The value itself.
    Plain { name: &'a str },
    /// What it takes beyond another side.
    Over { name: &'a str, base: &'a str },
    /// In relation to another side.
    Ratio { name: &'a str, beside: &'a str },
    /// What it adds to a base, in relation to what another side adds.
    Added { name: &'a str, beside: &'a str, base: &'a str },
    /// In relation to the best of all others that were measured; see [`Figure::missing`].
    Best { name: &'a str, others: &'a [&'a str] },
}

impl<'a> Figure<'a> {
    /// The others that were not measured.
    pub fn missing(self, results: &Results, part: &str) -> Vec<&'a str> {
        let Self::Best { others, .. } = self else { return Vec::new() };
        others.iter().copied().filter(|name| results.side(part, name).is_none()).collect()
    }

    /// `None` if a side was not measured.
    pub fn spread(self, results: &Results, part: &str) -> Option<Spread> {
        let values = |name| results.side(part, name).map(|line: &Line| line.values.as_slice());
        let figures: Vec<f64> = match self {
            Self::Plain { name } => values(name)?.to_vec(),
            Self::Over { name, base } => {
                pairs(values(name)?, values(base)?).map(|(value, base)| value - base).collect()
            }
            Self::Ratio { name, beside } => {
                pairs(values(name)?, values(beside)?).map(|(value, beside)| value / beside).collect()
            }
            Self::Added { name, beside, base } => {
                let base = values(base)?;
                let both = pairs(values(name)?, values(beside)?).zip(base);
                both.map(|((value, beside), base)| (value - base) / (beside - base)).collect()
            }
            Self::Best { name, others } => {
                let spreads = others.iter().filter_map(|beside| Figure::Ratio { name, beside }.spread(results, part));
                return spreads.min_by(|one, other| one.median.total_cmp(&other.median));
            }
        };
        Spread::of(&figures)
    }
}

fn pairs<'a>(one: &'a [f64], other: &'a [f64]) -> impl Iterator<Item = (f64, f64)> {
    one.iter().copied().zip(other.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_is_between_the_two_in_the_middle() {
        assert_eq!(Spread::of(&[4.0, 1.0, 2.0, 3.0]), Some(Spread { median: 2.5, low: 1.0, high: 4.0 }));
        assert_eq!(Spread::of(&[3.0, 1.0, 2.0]), Some(Spread { median: 2.0, low: 1.0, high: 3.0 }));
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn half_of_the_values_lie_within_the_spread() {
        let values: Vec<f64> = (0..=100).map(f64::from).collect();
        assert_eq!(Spread::of(&values), Some(Spread { median: 50.0, low: 25.0, high: 75.0 }));
    }
}
