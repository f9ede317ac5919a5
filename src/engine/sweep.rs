//! Invalidation within a tier: at once when little matches, in slices between other messages when much can.
//!
//! Owns: the invalidations under way. Never: answers before the last match is gone.
//!
//! An invalidation takes its number first. Entries stored since carry a higher one and are left alone, so it may take
//! its time without touching what is newer; readers need no check, for until the answer either value is legal.

use std::sync::Arc;

use super::departures::Why;
use super::entry::ReadEntry;
use super::fruitless::{Asked, first_of};
use super::groups::Step;
use super::moment::Moment;
use super::path::Path;
use super::scope::{How, Scope};
use super::slice::LOOKS_PER_CHANGE;
use super::store::{Cause, Emptied};
use super::tier::{Effects, Happened, Taken, Tier, Waiter};

/// Entries taken at once after which loads start slowly, see [`Flights::slow_start`](super::flight::Flights::slow_start).
pub const MANY: u64 = 1_000;
/// Entries that are looked at for one that a shape takes, before it counts as one that nothing has.
const LOOKED_AT: usize = 1_024;
/// Entries that are looked at and removed together.
const TOGETHER: usize = 32;
/// Keys of an invalidation of several that are noted, if none of them was there.
const KEYS_NOTED: usize = 16;

/// What an invalidation is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What it takes.
    pub scope: Scope,
    /// What becomes of it.
    pub how: How,
    /// Whether it only counts.
    pub dry_run: bool,
}

/// An invalidation that goes on between other messages.
#[derive(Debug)]
pub struct Walking<J> {
    order: Order,
    seq: u64,
    path: Path,
    /// When it began: what it expires is stale since then.
    now: Moment,
    taken: Taken,
    token: J,
}

impl<J> Walking<J> {
    /// Gives it up, because all it was looking for is gone.
    pub(super) fn abandon(self) -> (J, Taken) {
        (self.token, self.taken)
    }
}

impl<W: Waiter, J> Tier<W, J> {
    /// Takes away what `scope` matches, and revokes the loads it matches, absent keys included. `token` comes back
    /// with the counts once the last match is gone; a `dry_run` counts what it would take and changes nothing.
    pub fn invalidate(&mut self, scope: Scope, dry_run: bool, token: J, now: Moment, fx: &mut Effects<W, J>) {
        self.order(Order { scope, how: How::Remove, dry_run }, token, now, fx);
    }

    /// As [`Tier::invalidate`], where it is said what becomes of the entries.
    pub fn order(&mut self, mut order: Order, token: J, now: Moment, fx: &mut Effects<W, J>) {
        // A pattern without a wildcard is a key, however large the group of that key is.
        if let Scope::Pattern(pattern) = &order.scope
            && let Some(key) = pattern.as_key()
        {
            order.scope = Scope::Key(key);
        }
        if let Some(taken) = self.at_once(&order, fx) {
            self.complete(token, taken, order.dry_run, fx);
            return;
        }
        if let Scope::Key(key) = order.scope {
            order.scope = Scope::Keys([key].into_iter().collect());
        }
        // A dry run, too, counts only what is there now.
        let (seq, revoked_loads) = if order.dry_run { (self.seq + 1, 0) } else { self.fence(&order.scope) };
        let path = self.store.begin_full_walk(&order.scope);
        let taken = Taken { revoked_loads, at: self.at(), ..Taken::default() };
        let mut walking = Walking { order, seq, path, now, taken, token };
        if self.walk(&mut walking, fx) {
            self.end_walk(walking, fx);
        } else {
            self.walking.push_back(walking);
        }
    }

    /// What needs no walk: counts that are known, one key, and everything.
    fn at_once(&mut self, order: &Order, fx: &mut Effects<W, J>) -> Option<Taken> {
        let Order { scope, how, dry_run } = order;
        if *dry_run && let Some((matched, bytes)) = self.store.counted(scope) {
            return Some(Taken { matched, bytes, at: self.at(), ..Taken::default() });
        }
        match scope {
            Scope::Tier(_) | Scope::All if *how == How::Remove => Some(self.clear(scope, fx)),
            Scope::Key(key) if *dry_run => {
                let found = self.store.find(key.as_str()).map_or(0, |entry| entry.weight());
                Some(Taken { matched: u64::from(found > 0), bytes: found, at: self.at(), ..Taken::default() })
            }
            Scope::Key(key) if *how == How::Remove => Some(self.remove_entry(key, fx)),
            _ => None,
        }
    }

    /// A walk has come to its end.
    fn end_walk(&mut self, walking: Walking<J>, fx: &mut Effects<W, J>) {
        let Walking { order: Order { scope, dry_run, .. }, now, taken, token, .. } = walking;
        if !dry_run && taken.revoked_loads == 0 {
            self.note_asked(&scope, taken.matched, now);
        }
        self.complete(token, taken, dry_run, fx);
    }

    /// Notes whether `scope` took anything, for the advice.
    pub(super) fn note_asked(&mut self, scope: &Scope, matched: u64, now: Moment) {
        if !self.rules.enabled {
            return; // nothing can be held
        }
        if let Scope::Keys(keys) = scope {
            for key in keys.as_slice().iter().filter(|_| matched == 0).take(KEYS_NOTED) {
                self.note_asked(&Scope::Key(key.clone()), 0, now);
            }
            return;
        }
        let counters = Arc::clone(&self.counters);
        let mut fruitless = counters.fruitless.lock();
        if matched > 0 && fruitless.is_empty() {
            return;
        }
        let holds_first = first_of(scope).is_some_and(|first| self.store.holds_segment(first));
        let (is_empty, view) = (self.store.is_empty(), Arc::clone(&self.store.view));
        let holds = |scope: &Scope| self.holds_any(scope);
        fruitless.note(&Asked { scope, holds_first, is_empty, matched }, now, |text| view.hash(text), holds);
    }

    /// Whether a key is held that `scope` takes, as far as a bounded look shows.
    fn holds_any(&mut self, scope: &Scope) -> bool {
        let mut path = self.store.begin_walk(scope);
        let mut found = false;
        for _ in 0..LOOKED_AT {
            let (step, entry) = self.store.step(&mut path, scope, u64::MAX);
            found = entry.is_some_and(|entry| scope.matches(entry.key()));
            if found || step == Step::Done {
                break;
            }
        }
        self.store.end_walk(&path);
        found
    }

    /// The last match is gone.
    fn complete(&mut self, token: J, taken: Taken, dry_run: bool, fx: &mut Effects<W, J>) {
        if !dry_run && taken.matched >= MANY {
            // All of them will be asked for again, of a source that has them in no cache of its own.
            self.flights.slow_start();
        }
        fx.taken.push((token, taken));
    }

    /// Whether invalidations are under way that want [`Tier::go_on`].
    pub fn is_walking(&self) -> bool {
        !self.walking.is_empty()
    }

    /// Takes another slice of the oldest invalidation under way.
    pub fn go_on(&mut self, fx: &mut Effects<W, J>) {
        if let Some(mut walking) = self.walking.pop_front() {
            if self.walk(&mut walking, fx) {
                self.end_walk(walking, fx);
            } else {
                self.walking.push_back(walking);
            }
        }
    }

    /// Whether an invalidation goes on that began no later than at number `seq`.
    pub fn is_walking_since(&self, seq: u64) -> bool {
        self.walking.iter().any(|walking| walking.seq <= seq)
    }

    /// Walks on for a slice; returns whether the end was reached.
    fn walk(&mut self, walking: &mut Walking<J>, fx: &mut Effects<W, J>) -> bool {
        let Walking { order: Order { scope, how, dry_run }, seq, path, now, taken, .. } = walking;
        let first_gone = fx.gone.len();
        let cause = if matches!(scope, Scope::Keys(_)) { Cause::Removed } else { Cause::Invalidated };
        let (mut done, mut found) = (false, Vec::with_capacity(TOGETHER));
        let mut left = self.slice;
        while left > 0 && !done {
            // No more than the slice has room for if all of them are removed.
            let limit = left.div_ceil(LOOKS_PER_CHANGE).min(TOGETHER);
            let steps;
            (steps, done) = self.store.look(path, scope, *seq, (limit, !*dry_run), &mut found);
            left = left.saturating_sub(steps + found.len() * (LOOKS_PER_CHANGE - 1));
            for entry in found.iter().map(|&slot| self.store.slots.entry(slot)) {
                taken.matched += 1;
                taken.bytes += entry.weight();
                if !*dry_run && matches!(scope, Scope::Tag(_)) {
                    // The scope says nothing of its key, so its key is noted. Order that bites without it:
                    //   1 a warm run, or a load of the key, reads the old row   2 the tag is invalidated, which takes the key
                    //   3 the run, or the load, brings the old row, and says nothing of that tag
                    self.journal.lost(*seq, entry.key());
                    self.flights.outdate(entry.key(), *seq);
                }
            }
            if *dry_run {
                continue;
            }
            if *how == How::Expire {
                found.retain(|&slot| !self.outdate(slot, *now, *seq, scope));
            }
            self.store.take_all(&found, cause, &mut fx.gone);
        }
        if done {
            self.store.end_walk(path);
        }
        if fx.gone.len() > first_gone {
            self.departures.scope(*seq, scope);
            self.note_taken(&fx.gone[first_gone..], *seq);
        }
        done
    }

    /// Ends the time to live of the entry in `slot`, if it can be served stale after that; `false`: it
    /// cannot.
    fn outdate(&mut self, slot: u32, now: Moment, seq: u64, scope: &Scope) -> bool {
        let hash = self.store.view.hash_of(self.store.slots.entry(slot).key_bytes());
        let is_stale = self.store.make_stale(slot, now);
        if is_stale {
            self.departures.scope(seq, scope);
            self.departures.note(hash, Why::Outdated, seq);
        }
        is_stale
    }

    /// Takes everything at once: the store is exchanged for an empty one.
    fn clear(&mut self, scope: &Scope, fx: &mut Effects<W, J>) -> Taken {
        let (seq, revoked_loads) = self.fence(scope);
        // What other invalidations were looking for is gone with the rest.
        fx.taken.extend(std::mem::take(&mut self.walking).into_iter().map(Walking::abandon));
        let Emptied { entries, bytes, remains } = self.store.clear();
        self.note_cleared(entries, seq);
        self.counters.fruitless.lock().clear();
        self.tell(fx, || Happened::Cleared { entries, bytes });
        fx.remains.push(remains);
        Taken { matched: entries, bytes, revoked_loads, at: self.at() }
    }
}
