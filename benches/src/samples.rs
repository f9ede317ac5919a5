//! Repetition: everyone has a turn, then everyone has another.
//!
//! Owns: the order of turns, medians and spreads. Never: knows what a turn is.

use crate::Failure;

/// What one contestant needed in its turns, in nanoseconds for each operation.
#[derive(Debug, Clone, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
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

    /// The smallest and the largest.
    #[must_use]
    pub fn spread(&self) -> [f64; 2] {
        let sorted = self.sorted();
        [sorted.first().copied().unwrap_or(f64::NAN), sorted.last().copied().unwrap_or(f64::NAN)]
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
    let mut samples = vec![Samples::default(); contestants.len()];
    for round in 0..=repetitions {
        for place in 0..contestants.len() {
            let number = (place + round) % contestants.len();
            let took = turn(&contestants[number])?;
            if round > 0 {
                samples[number].0.push(took);
            }
        }
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    }
}
