//! What a miss costs: how much more an entry is worth because it took long to load.
//!
//! Owns: the measure. Never: measures time.
//!
//! Damped, for one load is a weak witness: it may have waited for a pool of connections, or met a cold source. Ten times as long
//! counts about three more, not ten times as much, and beyond [`MOST`] nothing counts. So an entry that once took ten seconds
//! is worth as much as one that took a millisecond and is read seven or eight times as often, and no more.
//!
//! It stays no longer than it is read: worth is the estimate times this, and an estimate of what nobody reads falls to nothing.

/// What a miss costs at most: from a load of about eight seconds on.
pub(super) const MOST: u32 = 15;

/// What a miss of an entry costs whose load took so long: 1 for what was set or took less than a millisecond, and one more
/// each time that it doubles.
pub(super) fn of(took_ms: u32) -> u32 {
    // Whole numbers: a logarithm in floating point may differ from machine to machine.
    (u32::BITS - took_ms.leading_zeros() + 1).min(MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_times_as_long_counts_about_three_more_up_to_a_limit() {
        let steps = [0, 1, 10, 100, 1_000, 10_000, 16_000, 100_000, u32::MAX].map(of);
        assert_eq!(steps, [1, 2, 5, 8, 11, 15, 15, 15, 15]);
    }

    #[test]
    fn what_took_longer_never_costs_less() {
        assert!((0..40_000).all(|ms| of(ms) <= of(ms + 1)));
    }
}
