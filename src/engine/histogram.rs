//! How long things took, counted in buckets that double in width.
//!
//! Owns: the buckets, and what can be read from them. Never: reads a clock.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Up to 1 microsecond, 2, 4 and so on up to 2^30 (18 minutes), and all that is longer.
const BUCKETS: usize = 32;

/// Collects times. Written by many, read by anybody at any time. Relaxed: counts order nothing.
#[derive(Debug, Default)]
pub struct Recorder {
    buckets: [AtomicU64; BUCKETS],
    nanos: AtomicU64,
    longest: AtomicU64,
}

impl Recorder {
    /// Counts `took`.
    pub fn record(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket(nanos)].fetch_add(1, Relaxed);
        self.nanos.fetch_add(nanos, Relaxed);
        // Looked at first: nearly all are shorter than the longest, and write nothing here.
        if self.longest.load(Relaxed) < nanos {
            self.longest.fetch_max(nanos, Relaxed);
        }
    }

    /// What was counted so far.
    pub fn read(&self) -> Histogram {
        let mut buckets: Vec<u64> = self.buckets.iter().map(|count| count.load(Relaxed)).collect();
        trim(&mut buckets);
        Histogram {
            count: buckets.iter().sum(),
            sum: Duration::from_nanos(self.nanos.load(Relaxed)),
            buckets,
            longest: Duration::from_nanos(self.longest.load(Relaxed)),
        }
    }
}

/// The bucket of a time: the first whose upper end it does not exceed.
fn bucket(nanos: u64) -> usize {
    let micros = nanos.div_ceil(1_000).max(1);
    (micros.next_power_of_two().trailing_zeros() as usize).min(BUCKETS - 1)
}

fn trim(buckets: &mut Vec<u64>) {
    let used = buckets.iter().rposition(|&count| count > 0).map_or(0, |last| last + 1);
    buckets.truncate(used);
}

/// How long things took, as far as it was counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Histogram {
    /// How many there were.
    pub count: u64,
    /// The time of all together.
    pub sum: Duration,
    /// How many took up to 1 microsecond, how many of the rest up to 2, 4, 8 and so on; up to the last that is not zero.
    pub buckets: Vec<u64>,
    longest: Duration,
}

impl Histogram {
    /// The upper end of bucket `place`: 2 to the power of `place` in microseconds.
    pub fn upper(place: usize) -> Duration {
        Duration::from_micros(1 << place.min(BUCKETS - 1))
    }

    /// The mean; `None` when there were none.
    pub fn mean(&self) -> Option<Duration> {
        let nanos = self.sum.as_nanos().checked_div(self.count.into())?;
        Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }

    /// The longest, exact; of a difference of two snapshots the upper end of its last bucket at most. Zero when there were
    /// none.
    pub fn max(&self) -> Duration {
        self.longest
    }

    /// The time which a share of `share` did not exceed, 0.99 for the 99th percentile: the upper end of its bucket, so at most
    /// twice too long, and never more than [`Histogram::max`]. Zero when there were none.
    #[allow(clippy::cast_sign_loss)] // neither factor is less than zero
    pub fn quantile(&self, share: f64) -> Duration {
        let wanted = ((self.count as f64 * share.clamp(0.0, 1.0)).ceil().max(1.0)) as u64;
        let mut seen = 0;
        for (place, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                // The last bucket has no end of its own.
                let end = if place == BUCKETS - 1 { self.longest } else { Self::upper(place) };
                return end.min(self.longest);
            }
        }
        self.longest
    }

    /// What was counted since `earlier`.
    #[must_use]
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let before = |place: usize| earlier.buckets.get(place).copied().unwrap_or_default();
        let less = |(place, count): (usize, &u64)| count.saturating_sub(before(place));
        let mut buckets: Vec<u64> = self.buckets.iter().enumerate().map(less).collect();
        trim(&mut buckets);
        let longest = match buckets.len() {
            0 => Duration::ZERO,
            BUCKETS => self.longest,
            used => Self::upper(used - 1).min(self.longest),
        };
        Self { count: buckets.iter().sum(), sum: self.sum.saturating_sub(earlier.sum), buckets, longest }
    }

    /// Both together.
    #[must_use]
    pub(crate) fn plus(&self, other: &Self) -> Self {
        let (long, short) =
            if self.buckets.len() < other.buckets.len() { (other, self) } else { (self, other) };
        let mut buckets = long.buckets.clone();
        buckets.iter_mut().zip(&short.buckets).for_each(|(sum, count)| *sum = sum.saturating_add(*count));
        Self {
            count: self.count.saturating_add(other.count),
            sum: self.sum.saturating_add(other.sum),
            buckets,
            longest: self.longest.max(other.longest),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn recorded(times: &[u64]) -> Histogram {
        let recorder = Recorder::default();
        times.iter().for_each(|&nanos| recorder.record(Duration::from_nanos(nanos)));
        recorder.read()
    }

    fn times() -> impl Strategy<Value = Vec<u64>> {
        let time = prop_oneof![Just(0), 1u64..3_000, 0u64..10_000_000, 0u64..1 << 45];
        proptest::collection::vec(time, 0..60)
    }

    proptest! {
        #[allow(clippy::cast_sign_loss)]
        #[test]
        fn what_is_told_agrees_with_a_list_of_all_times(times in times(), share in 0.0..=1.0f64) {
            let told = recorded(&times);
            let mut sorted = times.clone();
            sorted.sort_unstable();
            prop_assert_eq!(told.count, times.len() as u64);
            prop_assert_eq!(told.sum, Duration::from_nanos(times.iter().sum()));
            prop_assert_eq!(told.max(), Duration::from_nanos(sorted.last().copied().unwrap_or(0)));
            prop_assert_eq!(told.mean().is_none(), times.is_empty());
            prop_assert!(told.buckets.last() != Some(&0), "zeros at the end are left out");
            for (place, &count) in told.buckets.iter().enumerate() {
                let end = Histogram::upper(place);
                let begin = if place == 0 { None } else { Some(Histogram::upper(place - 1)) };
                let within = |&&nanos: &&u64| {
                    let took = Duration::from_nanos(nanos);
                    begin.is_none_or(|begin| begin < took) && (took <= end || place == BUCKETS - 1)
                };
                prop_assert_eq!(count, times.iter().filter(within).count() as u64, "bucket {}", place);
            }
            if let Some(rank) = sorted.len().checked_sub(1) {
                let wanted = ((sorted.len() as f64 * share).ceil().max(1.0) as usize - 1).min(rank);
                let (exact, quantile) = (Duration::from_nanos(sorted[wanted]), told.quantile(share));
                prop_assert!(exact <= quantile, "{quantile:?} is less than {exact:?}");
                let twice = (2 * exact).max(Duration::from_micros(1));
                prop_assert!(quantile <= twice || quantile <= told.max() && exact > Histogram::upper(BUCKETS - 2));
            }
        }

        #[test]
        fn a_sum_and_a_difference_are_what_one_recorder_would_have_counted(first in times(), second in times()) {
            let all: Vec<u64> = first.iter().chain(&second).copied().collect();
            let (before, after, later) = (recorded(&first), recorded(&all), recorded(&second));
            prop_assert_eq!(before.plus(&later), after.clone());
            prop_assert_eq!(later.plus(&before), after.clone());
            let since = after.since(&before);
            prop_assert_eq!((since.count, since.sum, &since.buckets), (later.count, later.sum, &later.buckets));
            prop_assert!(since.max() >= later.max(), "it knows no less than its buckets");
            prop_assert!(since.max() <= after.max());
        }
    }
}
