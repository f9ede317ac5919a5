//! What leaves a store because of time or for want of room, and in which order.
//!
//! Owns: expiry, the way down to the grant, and the decoded copies that go first. Never: chooses among entries; the policy
//! does.

use super::{Cause, Gone, Store};
use crate::engine::entry::{Entry, Freshness, ReadEntry};
use crate::engine::marks::MarksOf;
use crate::engine::moment::Moment;
use crate::engine::slice::CHANGES;

/// Slots that are looked at for a decoded copy that nobody uses, before an entry goes instead.
const COOL_LOOKS: usize = 16;

impl Store {
    /// Brings the bytes in use down to the grant: expired entries first, then decoded copies that nobody used lately, then the
    /// entries that the policy names.
    pub fn shed(&mut self, now: Moment, gone: &mut Vec<Gone>) {
        if !self.room.is_over() {
            return;
        }
        self.expire(now, CHANGES, gone);
        if self.room.decoded() > 0 {
            self.policy.resized(self.grant().saturating_sub(self.room.decoded()));
        }
        while self.room.is_over() {
            if self.cool_one() {
                continue;
            }
            let Some(slot) = self.policy.victim(&MarksOf { slots: &self.slots, view: &self.view }) else {
                break;
            };
            self.push_out(slot, now, gone);
        }
    }

    /// Takes away one decoded copy that nobody used since this came by last, if there is one near.
    fn cool_one(&mut self) -> bool {
        if self.room.decoded() == 0 {
            return false;
        }
        for _ in 0..COOL_LOOKS {
            let slot = self.hand;
            self.hand = if slot as usize + 1 < self.slots.0.len() { slot + 1 } else { 0 };
            let entry = self.slots.0.get(slot as usize).and_then(Option::as_ref);
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
        let Some(before) = self.slots.0[slot as usize].replace(entry.clone()) else { return };
        self.view.insert(entry);
        self.room.give_copy(before.seal());
        self.husks.push(before);
    }

    pub(super) fn push_out(&mut self, slot: u32, now: Moment, gone: &mut Vec<Gone>) {
        let dead = self.slots.entry(slot).freshness(now) == Freshness::Dead;
        let cause = if dead { Cause::Expired } else { Cause::Evicted };
        self.take(slot, cause, gone);
    }

    /// Takes out entries that can no longer be served, touching at most `limit`; returns whether that were all.
    pub fn expire(&mut self, now: Moment, limit: usize, gone: &mut Vec<Gone>) -> bool {
        self.view.settle(limit);
        let mut due = Vec::new();
        let dead_at = |slot| self.slots.entry(slot).life().dead_at;
        let all = self.wheel.advance(now, limit, dead_at, |slot| due.push(slot));
        for slot in due {
            self.take(slot, Cause::Expired, gone);
        }
        all
    }

    /// From now on at most `grant` bytes; sheds what is too much.
    pub fn set_grant(&mut self, grant: u64, now: Moment, gone: &mut Vec<Gone>) {
        self.room.set_grant(grant);
        self.policy.resized(grant);
        self.shed(now, gone);
    }
}
