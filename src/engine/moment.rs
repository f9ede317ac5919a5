//! A point on the cache's own clock.
//!
//! Owns: arithmetic that neither wraps nor panics. Never: reads a clock, knows the time of day.

use std::time::Duration;

/// Milliseconds since the clock of this cache began.
///
/// Freshness is decided with it, order never: order is a tier's sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(u64);

impl Moment {
    /// Where the clock begins.
    pub const START: Self = Self(0);
    /// Later than every moment that a clock can show.
    pub const NEVER: Self = Self(u64::MAX);

    /// The moment `millis` milliseconds after the start.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the start.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This moment plus `span`, rounded down to the millisecond; [`Moment::NEVER`] when that cannot be told.
    #[must_use]
    #[inline]
    pub fn after(self, span: Duration) -> Self {
        let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// Time from `earlier` to this moment, zero if that is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_span_wraps_or_panics() {
        let now = Moment::from_millis(u64::MAX - 5);
        assert_eq!(now.after(Duration::MAX), Moment::NEVER);
        assert_eq!(now.after(Duration::ZERO), now);
        assert_eq!(Moment::START.since(now), Duration::ZERO);
        assert_eq!(Moment::START.after(Duration::from_micros(1_999)).as_millis(), 1);
    }
}
