//! Repetition: everyone has a turn, then everyone has another.
//!
//! Owns: the order of turns, medians and spreads. Never: knows what a turn is.

use crate::Failure;

/// What one contestant needed in its turns.
#[derive(Debug, Clone, Default)]
pub struct Samples(Vec<f64>);

impl From<Vec<f64>> for Samples {
    fn from(figures: Vec<f64>) -> Self {
        Self(figures)
    }
}

impl Samples {
    /// One more turn.
    pub fn push(&mut self, figure: f64) {
        self.0.push(figure);
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    /// The one in the middle; not a number when there is none.
    #[must_use]
    pub fn median(&self) -> f64 {
        let sorted = self.sorted();
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// By how many percent each of these is more than the one of `base` in the same round.
    #[must_use]
    pub fn change(&self, base: &Self) -> Self {
        Self(self.0.iter().zip(&base.0).map(|(now, then)| (now / then - 1.0) * 100.0).collect())
    }

    /// Each of these by the one of `base` in the same round.
    #[must_use]
    pub fn ratio(&self, base: &Self) -> Self {
        Self(self.0.iter().zip(&base.0).map(|(now, then)| now / then).collect())
    }

    /// The smallest and the largest.
    #[must_use]
    pub fn spread(&self) -> [f64; 2] {
        let sorted = self.sorted();
        [sorted.first().copied().unwrap_or(f64::NAN), sorted.last().copied().unwrap_or(f64::NAN)]
    }
}

/// Times of many single operations, in nanoseconds.
#[derive(Debug, Clone)]
pub struct Latencies(Vec<u64>);

impl From<Vec<u64>> for Latencies {
    fn from(mut nanos: Vec<u64>) -> Self {
        nanos.sort_unstable();
        Self(nanos)
    }
}

impl Latencies {
    /// How many.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// What this many of a thousand do not exceed; the longest of all for 1,000. Not a number when there is none.
    #[must_use]
    pub fn within(&self, of_1000: usize) -> f64 {
        let place = (self.0.len() * of_1000 / 1_000).min(self.0.len().saturating_sub(1));
        self.0.get(place).map_or(f64::NAN, |&nanos| nanos as f64)
    }
}

/// Gives each of `contestants` a turn to warm up and then `repetitions` that count. Turns of different contestants
/// alternate, and each round begins with another: what the machine does meanwhile hits all alike.
///
/// Errors: those of `turn`.
pub fn interleave<C>(
    contestants: &[C],
    repetitions: usize,
    mut turn: impl FnMut(&C) -> Result<f64, Failure>,
) -> Result<Vec<Samples>, Failure> {
    let samples = interleave_all(contestants, repetitions, |one| Ok([turn(one)?]))?;
    Ok(samples.into_iter().map(|[only]| only).collect())
}

/// As [`interleave`], where each turn brings several figures.
///
/// Errors: those of `turn`.
pub fn interleave_all<C, const FIGURES: usize>(
    contestants: &[C],
    repetitions: usize,
    mut turn: impl FnMut(&C) -> Result<[f64; FIGURES], Failure>,
) -> Result<Vec<[Samples; FIGURES]>, Failure> {
    let mut samples = vec![[const { Samples(Vec::new()) }; FIGURES]; contestants.len()];
    for round in 0..=repetitions {
        for place in 0..contestants.len() {
            let number = (place + round) % contestants.len();
            let figures = turn(&contestants[number])?;
            if round > 0 {
                samples[number].iter_mut().zip(figures).for_each(|(sample, figure)| sample.push(figure));
            }
        }
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_put_in_order() {
        let latencies = Latencies::from((1..=2_000).rev().collect::<Vec<_>>());
        assert_eq!(
            format!("{:?}", [500, 999, 1_000].map(|part| latencies.within(part))),
            "[1001.0, 1999.0, 2000.0]"
        );
        assert!(Latencies::from(Vec::new()).within(500).is_nan() && latencies.count() == 2_000);
    }

    #[test]
    fn every_contestant_has_its_turns_and_the_first_does_not_count() {
        let mut turns = Vec::new();
        let samples = interleave(&[10.0, 20.0], 3, |base| {
            turns.push(*base);
            Ok(base + turns.len() as f64)
        });
        let samples = samples.expect("no turn fails");
        assert_eq!(turns, [10.0, 20.0, 20.0, 10.0, 10.0, 20.0, 20.0, 10.0]);
        assert_eq!(format!("{:?}", samples[0].spread()), "[14.0, 18.0]");
        assert_eq!(format!("{}", samples[1].median()), "26");
        let (now, then) = (Samples::from(vec![11.0, 30.0]), Samples::from(vec![10.0, 40.0]));
        assert_eq!(
            format!("{:?}", now.change(&then).spread().map(f64::round)),
            "[-25.0, 10.0]",
            "round by round"
        );
        assert_eq!(format!("{:?}", now.ratio(&then).spread()), "[0.75, 1.1]", "round by round");
    }
}
