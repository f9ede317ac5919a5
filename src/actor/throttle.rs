//! Warnings that say it once: at most one a minute of each kind, with the number of those left out.
//!
//! Owns: when a kind of warning was last given. Never: formats or logs it.

use std::time::Duration;

use parking_lot::Mutex;

use crate::engine::moment::Moment;

const PAUSE: Duration = Duration::from_secs(60);

/// The limit of one kind of warning.
#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<(Option<Moment>, u64)>);

impl Throttle {
    /// Whether to warn now; if so, how many were left out since the last.
    pub(crate) fn pass(&self, now: Moment) -> Option<u64> {
        let mut state = self.0.lock();
        if state.0.is_some_and(|last| now.since(last) < PAUSE) {
            state.1 += 1;
            return None;
        }
        let left_out = state.1;
        *state = (Some(now), 0);
        Some(left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_given_once_a_minute_and_counts_what_it_left_out() {
        let throttle = Throttle::default();
        let at = |secs: u64| Moment::START.after(Duration::from_secs(secs));
        assert_eq!(throttle.pass(at(0)), Some(0));
        assert_eq!(throttle.pass(at(1)), None);
        assert_eq!(throttle.pass(at(59)), None);
        assert_eq!(throttle.pass(at(60)), Some(2));
    }
}
