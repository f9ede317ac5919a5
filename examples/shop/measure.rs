//! Times and shares: mean, percentiles, reduction, and the delay at which a cache begins to pay.
//!
//! Owns: the formulas. Never: a clock.

use std::time::Duration;

/// Measured times.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples {
    nanos: Vec<u64>,
}

impl Samples {
    /// Adds one time.
    pub(crate) fn push(&mut self, time: Duration) {
        self.nanos.push(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Adds all times of another.
    pub(crate) fn extend(&mut self, other: &Self) {
        self.nanos.extend_from_slice(&other.nanos);
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.nanos.len()
    }

    /// The mean in milliseconds, 0 of none.
    pub(crate) fn mean_ms(&self) -> f64 {
        let sum: u128 = self.nanos.iter().map(|&nanos| u128::from(nanos)).sum();
        sum as f64 / self.nanos.len().max(1) as f64 / 1e6
    }

    /// Mean, median and 99th percentile in milliseconds.
    pub(crate) fn summary(&self) -> Summary {
        let mut sorted = self.nanos.clone();
        sorted.sort_unstable();
        Summary { mean: self.mean_ms(), p50: percentile_ms(&sorted, 50), p99: percentile_ms(&sorted, 99) }
    }
}

/// What a table shows of many times, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Summary {
    pub(crate) mean: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// By nearest rank: the smallest time that at least `percent` of all times do not exceed.
fn percentile_ms(sorted: &[u64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).map_or(0.0, |&nanos| nanos as f64 / 1e6)
}

/// By how many percent `with` is below `without`; 0 when there was nothing to reduce.
pub(crate) fn reduction_percent(without: u64, with: u64) -> f64 {
    if without == 0 { 0.0 } else { 100.0 * (1.0 - with as f64 / without as f64) }
}

/// What a read costs with the cache, all in microseconds, and which share of the reads are hits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) hit_us: f64,
    pub(crate) miss_overhead_us: f64,
    pub(crate) hit_share: f64,
}

impl Cost {
    /// The time of a database answer at which a read costs the same with and without the cache.
    ///
    /// Without: D. With: h * H + (1 - h) * (D + O). Equal at D = H + O * (1 - h) / h.
    pub(crate) fn break_even_us(&self) -> f64 {
        self.hit_us + self.miss_overhead_us * (1.0 - self.hit_share) / self.hit_share.max(f64::MIN_POSITIVE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(values: impl IntoIterator<Item = u64>) -> Samples {
        let mut samples = Samples::default();
        values.into_iter().for_each(|value| samples.push(Duration::from_millis(value)));
        samples
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6
    }

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let summary = millis((1..=200).rev()).summary();
        assert!(near(summary.mean, 100.5) && near(summary.p50, 100.0) && near(summary.p99, 198.0));
        let one = millis([7]).summary();
        assert!(near(one.p50, 7.0) && near(one.p99, 7.0));
        assert!(near(millis([]).summary().p99, 0.0) && near(millis([]).mean_ms(), 0.0));
    }

    #[test]
    fn reduction_is_counted_from_the_run_without_cache() {
        assert!(near(reduction_percent(200, 10), 95.0));
        assert!(near(reduction_percent(0, 10), 0.0));
        assert!(reduction_percent(10, 20) < 0.0);
    }

    #[test]
    fn at_the_break_even_a_read_costs_the_same_with_and_without_cache() {
        let cost = Cost { hit_us: 3.0, miss_overhead_us: 40.0, hit_share: 0.9 };
        let database = cost.break_even_us();
        let with = cost.hit_share * cost.hit_us + (1.0 - cost.hit_share) * (database + cost.miss_overhead_us);
        assert!(near(with, database), "{with} against {database}");
    }
}
