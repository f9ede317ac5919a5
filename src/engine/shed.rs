//! What leaves a store because of time or for want of room, and in which order.
//!
//! Owns: expiry, the way down to the grant, and the decoded copies that go first. Never: chooses among entries; the policy
//! does.

use super::{Cause, Gone, Store};
use crate::engine::effects::{Effects, Waiter};
use crate::engine::entry::{Entry, ReadEntry};
use crate::engine::moment::Moment;
use crate::engine::slice::CHANGES;
use crate::engine::slots::MarksOf;
use crate::engine::tier::Tier;

/// Slots that are looked at for a decoded copy that nobody uses, before an entry goes instead.
const COOL_LOOKS: usize = 256;
/// The same where copies take less than this part of what is in use.
const COOL_LOOKS_FEW: usize = 16;
const COPIES_FEW: u64 = 16;

impl Store {
    /// Brings the bytes in use down to the limit: expired entries first, then decoded copies that nobody used lately, then the
    /// entries that the policy names.
    pub fn shed(&mut self, now: Moment, gone: &mut Vec<Gone>) {
        if self.used() <= self.limit {
            return;
        }
        self.expire_until(|store| store.used() <= store.limit, now, gone);
        self.tell_policy();
        while self.used() > self.limit && (self.cool_one() || self.shed_one(now, gone)) {}
    }

    /// Takes out expired entries, a slice at a time, until it is `enough` or none is left.
    ///
    /// It also stops after a slice that only looked and found none, so that a turn has a bound: then an expired entry
    /// may be held that no look has reached yet.
    pub(super) fn expire_until(&mut self, enough: impl Fn(&Self) -> bool, now: Moment, gone: &mut Vec<Gone>) {
        while !enough(self) {
            let before = gone.len();
            if self.expire_exactly(now, CHANGES, gone) || gone.len() == before {
                break;
            }
        }
    }

    /// The policy chooses as if the tier were as large as what is left for entries.
    fn tell_policy(&mut self) {
        self.policy.resized(self.grant().saturating_sub(self.room.decoded()));
    }

    /// Takes out the entry that the policy names, if there is one.
    fn shed_one(&mut self, now: Moment, gone: &mut Vec<Gone>) -> bool {
        let victim = self.policy.victim(&MarksOf { slots: &self.slots, view: &self.view });
        victim.inspect(|&slot| self.push_out(slot, now, gone)).is_some()
    }

    /// Takes away one decoded copy that nobody used since this came by last, if there is one near.
    fn cool_one(&mut self) -> bool {
        let (copies, used) = (self.room.decoded(), self.used());
        if copies == 0 {
            return false;
        }
        // Where they are few, looking for them costs more than they free.
        let looks = if copies >= used / COPIES_FEW { COOL_LOOKS } else { COOL_LOOKS_FEW };
        for _ in 0..looks {
            let slot = self.hand;
            self.hand = if slot as usize + 1 < self.slots.0.len() { slot + 1 } else { 0 };
            let entry = self.slots.get(slot);
            if entry.is_some_and(|entry| entry.decoded_weight() > 0 && !entry.take_warm()) {
                let entry = self.slots.entry(slot);
                self.exchange(slot, entry.without_copy());
                return true;
            }
        }
        false
    }

    /// Puts `entry` in the place of the one in `slot`, whose value and weight it has, but not its decoded copy.
    pub(super) fn exchange(&mut self, slot: u32, entry: Entry) {
        debug_assert_eq!(self.slots.entry(slot).weight(), entry.weight(), "it has the same parts");
        let Some(before) = self.slots.0[slot].replace(entry.clone()) else { return };
        self.view.insert(entry);
        self.room.give_copy(before.seal());
        self.husks.push(before);
    }

    pub(super) fn push_out(&mut self, slot: u32, now: Moment, gone: &mut Vec<Gone>) {
        let cause = Cause::Evicted.unless_dead(self.slots.entry(slot), now);
        self.take(slot, cause, gone);
    }

    /// Takes out entries that can no longer be served, at most `limit`; returns whether that were all.
    pub fn expire(&mut self, now: Moment, limit: usize, gone: &mut Vec<Gone>) -> bool {
        let mut due = Vec::new();
        let all = self.expiry.advance(now, limit, |slot| due.push(slot));
        for slot in due {
            self.take(slot, Cause::Expired, gone);
        }
        all
    }

    /// As [`Store::expire`], also those that a sweep leaves for the next tick: before an entry goes that can still be served.
    fn expire_exactly(&mut self, now: Moment, limit: usize, gone: &mut Vec<Gone>) -> bool {
        let (mut due, slots) = (Vec::new(), &self.slots);
        let end_of = |slot| slots.entry(slot).life().dead_at;
        let all = self.expiry.advance_exactly(now, limit, end_of, |slot| due.push(slot));
        for slot in due {
            self.take(slot, Cause::Expired, gone);
        }
        all
    }

    /// From now on at most `grant` bytes; sheds a slice of what is too much. Returns whether the grant holds.
    ///
    /// A grant may fall by gigabytes, and a turn must not take long. So the limit falls with what is shed: in between the store
    /// takes what comes, but what is in use only falls, and the grant holds once the limit has reached it.
    pub fn set_grant(&mut self, grant: u64, now: Moment, gone: &mut Vec<Gone>) -> bool {
        self.room.set_grant(grant);
        self.policy.resized(grant);
        self.come_down(CHANGES, now, gone)
    }

    /// Sheds at most `most` entries of what is too much. Returns whether the grant holds.
    pub fn come_down(&mut self, most: usize, now: Moment, gone: &mut Vec<Gone>) -> bool {
        let before = gone.len();
        // While more may have expired, nothing else goes: the next slice goes on.
        if self.room.is_over() && self.expire_exactly(now, most, gone) {
            self.tell_policy();
            for _ in gone.len() - before..most {
                if !self.room.is_over() || !(self.cool_one() || self.shed_one(now, gone)) {
                    break;
                }
            }
        }
        // Neither more than is in use, nor more than before unless the grant is: what left does not come back.
        self.limit = self.used().max(self.grant());
        self.holds()
    }

    /// Whether no more is in use than the grant, and no more can be.
    pub fn holds(&self) -> bool {
        self.limit == self.grant()
    }

    pub(super) fn check_limit(&self) {
        assert!(self.limit >= self.grant(), "the limit is below the grant");
        assert!(self.used() <= self.limit, "over the limit by {}", self.used() - self.limit);
    }
}

impl<W: Waiter, J> Tier<W, J> {
    /// Entries that were exchanged for others of the same value, to be dropped after the turn: their decoded copies are the
    /// host's.
    pub fn take_husks(&mut self) -> Vec<Entry> {
        self.store.take_husks()
    }

    /// From now on at most `grant` bytes, to which it comes down a slice at a time; see [`Tier::come_down`].
    pub fn set_grant(&mut self, grant: u64, now: Moment, fx: &mut Effects<W, J>) {
        let first_gone = fx.gone.len();
        self.store.set_grant(grant, now, &mut fx.gone);
        self.note_gone(&fx.gone[first_gone..]);
    }

    /// Sheds the next slice of what is above the grant.
    pub fn come_down(&mut self, now: Moment, fx: &mut Effects<W, J>) {
        let first_gone = fx.gone.len();
        self.store.come_down(CHANGES, now, &mut fx.gone);
        self.note_gone(&fx.gone[first_gone..]);
    }
}
