//! Coming down to a smaller grant, a slice at a time.
//!
//! Owns: the limit of a store between two grants. Never: chooses what goes (the policy does).
//!
//! A grant may fall by gigabytes, and a turn must not take long. So the limit falls with what is shed: in between the store
//! takes what comes, but what is in use only falls, and the grant holds once the limit has reached it.

use super::effects::{Effects, Waiter};
use super::moment::Moment;
use super::store::{Gone, Store};
use super::tier::Tier;

/// Entries that one turn sheds at most to come down to a smaller grant.
pub const SHED_SLICE: usize = 1_024;

impl Store {
    /// From now on at most `grant` bytes; sheds a slice of what is too much. Returns whether the grant holds.
    pub fn set_grant(&mut self, grant: u64, now: Moment, gone: &mut Vec<Gone>) -> bool {
        self.grant = grant;
        self.policy.resized(grant);
        self.come_down(SHED_SLICE, now, gone)
    }

    /// Sheds `most` entries of what is too much. Returns whether the grant holds.
    pub fn come_down(&mut self, most: usize, now: Moment, gone: &mut Vec<Gone>) -> bool {
        if self.used > self.grant {
            self.expire(now, most, gone);
        }
        for _ in 0..most {
            if self.used <= self.grant || !self.shed_one(now, gone) {
                break;
            }
        }
        // Neither more than is in use, nor more than before unless the grant is: what left does not come back.
        self.limit = self.used.max(self.grant);
        self.holds()
    }

    /// Whether no more is in use than the grant, and no more can be.
    pub fn holds(&self) -> bool {
        self.limit == self.grant
    }

    pub(super) fn check_limit(&self) {
        assert!(self.limit >= self.grant, "the limit is below the grant");
        assert!(self.used <= self.limit, "over the limit by {}", self.used - self.limit);
    }
}

impl<W: Waiter, J> Tier<W, J> {
    /// From now on at most `grant` bytes, to which it comes down a slice at a time; see [`Tier::come_down`].
    pub fn set_grant(&mut self, grant: u64, now: Moment, fx: &mut Effects<W, J>) {
        let first_gone = fx.gone.len();
        self.store.set_grant(grant, now, &mut fx.gone);
        self.note_gone(&fx.gone[first_gone..]);
    }

    /// Sheds the next slice of what is above the grant.
    pub fn come_down(&mut self, now: Moment, fx: &mut Effects<W, J>) {
        let first_gone = fx.gone.len();
        self.store.come_down(SHED_SLICE, now, &mut fx.gone);
        self.note_gone(&fx.gone[first_gone..]);
    }
}
