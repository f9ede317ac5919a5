//! On what terms a value is loaded, kept and served: every question of time about it, answered.
//!
//! Owns: how settings, a call and a loader turn into the moments of one entry. Never: reads a clock, stores anything.

use std::time::Duration;

use super::moment::Moment;
use super::provenance::{Provenance, SaidBy};

/// Largest share of a time to live that jitter may take.
pub const JITTER_MAX: f64 = 0.5;

/// Everything that a call with a loader, or a set, says about time; each answer comes from the call, else from the
/// route, the tier, or the settings of the cache.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// How long a value is fresh. Less than a millisecond: it is not kept.
    pub ttl: Duration,
    /// How long after that it may still be served where the call allows it.
    pub stale: Duration,
    /// How long "there is nothing" is kept; never longer than `ttl`.
    pub not_found_ttl: Duration,
    /// How long a load may take.
    pub timeout: Duration,
    /// How long a call that could be served a stale value waits for a load instead.
    pub soft_timeout: Duration,
    /// Share of the time to live by which it may be shortened, so that what was stored together does not expire together.
    pub jitter: f64,
    /// Share of the time to live after which a read has the value loaded anew, behind the reader's back.
    pub eager: Option<f64>,
    /// How long the source is left alone after a load failed: the first pause, and the longest.
    pub retry: (Duration, Duration),
    /// Who said `ttl` and `stale`.
    pub said: Provenance,
}

impl Default for Terms {
    /// What holds where nobody says anything; the time to live is the tier's business.
    fn default() -> Self {
        Self {
            ttl: Duration::ZERO,
            stale: Duration::ZERO,
            not_found_ttl: Duration::from_secs(30),
            timeout: Duration::from_secs(30),
            soft_timeout: Duration::ZERO,
            jitter: 0.0,
            eager: None,
            retry: (Duration::from_secs(10), Duration::from_secs(300)),
            said: Provenance::default(),
        }
    }
}

/// What of the [`Terms`] counts for a value that is set: how long it lives, and how.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lasting {
    /// As [`Terms::ttl`].
    pub ttl: Duration,
    /// As [`Terms::stale`].
    pub stale: Duration,
    /// As [`Terms::jitter`].
    pub jitter: f64,
    /// As [`Terms::eager`].
    pub eager: Option<f64>,
    /// As [`Terms::said`].
    pub said: Provenance,
}

/// The end of the moments that an entry can keep in few bytes: 34 years.
pub(super) const STORED_END: u64 = 1 << 40;
const FOR_EVER: u32 = u32::MAX;

/// The moments of one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// When the value was set, or when its load ended.
    pub stored: Moment,
    /// From then on a read has it loaded anew; not after `fresh_until`.
    pub refresh_from: Moment,
    /// From then on it is served only where stale values are allowed.
    pub fresh_until: Moment,
    /// From then on it is not served at all; not before `fresh_until`.
    pub dead_at: Moment,
}

impl Life {
    /// From `now` on fresh for `ttl`, and never stale.
    #[inline]
    pub fn fresh_for(ttl: Duration, now: Moment) -> Self {
        let end = now.after(ttl);
        Self { stored: now, refresh_from: end, fresh_until: end, dead_at: end }
    }

    /// Milliseconds from the store to its end, where that is all there is to it, and less than 49 days or for ever: then an
    /// entry keeps its life in few bytes.
    pub(super) fn plain(&self) -> Option<u32> {
        let span = self.fresh_until.since(self.stored);
        let is_plain = *self == Self::fresh_for(span, self.stored) && self.stored.as_millis() < STORED_END;
        if is_plain && self.fresh_until == Moment::NEVER {
            return Some(FOR_EVER);
        }
        u32::try_from(span.as_millis()).ok().filter(|&millis| is_plain && millis != FOR_EVER)
    }

    /// The life that was told in few bytes, see [`Life::plain`].
    #[inline]
    pub(super) fn of_plain(millis: u32, stored: Moment) -> Self {
        let end = if millis == FOR_EVER { u64::MAX } else { stored.as_millis() + u64::from(millis) };
        let end = Moment::from_millis(end);
        Self { stored, refresh_from: end, fresh_until: end, dead_at: end }
    }

    /// As it is after the entry was expired by hand at `now`: stale at once, dead when it would have been.
    #[must_use]
    pub fn expired(self, now: Moment) -> Self {
        let fresh_until = self.fresh_until.min(now);
        Self { refresh_from: self.refresh_from.min(fresh_until), fresh_until, ..self }
    }
}

impl Lasting {
    /// The moments of a value that is stored at `now`; `draw` decides how much jitter takes.
    pub(super) fn life(&self, now: Moment, draw: u64) -> Life {
        let ttl = self.shortened(self.ttl, draw);
        let fresh_until = now.after(ttl);
        let refresh_from = self.eager.map_or(fresh_until, |share| now.after(part(ttl, share)));
        Life { stored: now, refresh_from, fresh_until, dead_at: fresh_until.after(self.stale) }
    }

    /// Jitter only shortens: an entry never outlives what was promised.
    fn shortened(&self, ttl: Duration, draw: u64) -> Duration {
        if self.jitter <= 0.0 {
            return ttl;
        }
        // 53 bits: what a float holds exactly.
        let unit = (draw >> 11) as f64 / (1_u64 << 53) as f64;
        part(ttl, 1.0 - self.jitter.min(JITTER_MAX) * unit)
    }
}

impl Terms {
    /// What of it counts for a value that is set.
    pub fn lasting(&self) -> Lasting {
        let Self { ttl, stale, jitter, eager, said, .. } = *self;
        Lasting { ttl, stale, jitter, eager, said }
    }

    /// Adds what the loader says. `renews` is how the old value lasted, if the loader says that it is still
    /// right: then what was said about that value holds, unless this call says something and the older word
    /// was no stronger.
    pub(super) fn hear_loader(&mut self, ttl: Option<Duration>, never_stale: bool, renews: Option<&Lasting>) {
        if let Some(old) = renews {
            if ttl.is_none() && old.said.ttl > self.said.ttl {
                // Jitter shortened it once. To draw again at each renewal would shorten it without end.
                (self.ttl, self.said.ttl, self.jitter) = (old.ttl, old.said.ttl, 0.0);
            }
            if old.said.stale > self.said.stale {
                (self.stale, self.said.stale) = (old.stale, old.said.stale);
            }
        }
        if let Some(ttl) = ttl {
            (self.ttl, self.said.ttl) = (ttl, SaidBy::Value);
        }
        if never_stale {
            (self.stale, self.said.stale) = (Duration::ZERO, SaidBy::Value);
        }
    }

    /// The moments of a value that is stored at `now`; `draw` decides how much jitter takes.
    pub fn life(&self, now: Moment, draw: u64) -> Life {
        self.lasting().life(now, draw)
    }

    /// The moments of "there is nothing", which is never stale and never refreshed early.
    pub fn life_of_nothing(&self, now: Moment) -> Life {
        Life::fresh_for(self.not_found_ttl.min(self.ttl), now)
    }

    /// How long the source is left alone after it failed `failures` times in a row.
    pub fn pause_after(&self, failures: u32) -> Duration {
        let (first, longest) = self.retry;
        first.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(longest.max(first))
    }
}

/// That part of `span`. As a float the longest span is a little longer than it is, and `Duration::mul_f64` would panic.
fn part(span: Duration, share: f64) -> Duration {
    Duration::try_from_secs_f64(span.as_secs_f64() * share).map_or(span, |part| part.min(span))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_was_expired_by_hand_is_stale_at_once_and_dies_no_later() {
        let terms = Terms { ttl: 10 * SECOND, stale: 5 * SECOND, eager: Some(0.8), ..Terms::default() };
        let now = Moment::from_millis(1_000);
        let life = terms.life(now, 0);
        assert_eq!((life.refresh_from, life.fresh_until), (now.after(8 * SECOND), now.after(10 * SECOND)));
        let expired = life.expired(now.after(SECOND));
        assert_eq!((expired.fresh_until, expired.dead_at), (now.after(SECOND), now.after(15 * SECOND)));
        assert_eq!(expired.refresh_from, expired.fresh_until);
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let terms = Terms { retry: (SECOND, 5 * SECOND), ..Terms::default() };
        let pauses: Vec<u64> = (0..5).map(|failures| terms.pause_after(failures).as_secs()).collect();
        assert_eq!(pauses, [1, 1, 2, 4, 5]);
        assert_eq!(terms.pause_after(u32::MAX), 5 * SECOND);
    }

    #[test]
    fn the_longest_time_to_live_may_be_shared_out_too() {
        for (jitter, draw) in [(1e-20, u64::MAX), (0.5, 0), (0.5, u64::MAX)] {
            let terms =
                Terms { ttl: Duration::MAX, jitter, eager: Some(1.0 - f64::EPSILON), ..Terms::default() };
            let life = terms.life(Moment::START, draw);
            assert_eq!((life.refresh_from, life.dead_at), (Moment::NEVER, Moment::NEVER));
        }
    }

    proptest! {
        #[test]
        fn jitter_only_shortens_and_moments_stay_in_order(
            ttl in 0_u64..u64::MAX / 4, stale: u64, jitter in 0.0..0.9_f64, eager in proptest::option::of(0.01..0.99_f64),
            draw: u64, now: u32,
        ) {
            let terms = Terms {
                ttl: Duration::from_millis(ttl), stale: Duration::from_millis(stale), jitter, eager, ..Terms::default()
            };
            let now = Moment::from_millis(u64::from(now));
            let life = terms.life(now, draw);
            prop_assert!(life.stored <= life.refresh_from && life.refresh_from <= life.fresh_until);
            prop_assert!(life.fresh_until <= life.dead_at && life.fresh_until <= now.after(terms.ttl));
            prop_assert!(life.fresh_until.since(now) >= terms.ttl.mul_f64(0.499));
        }
    }
}
