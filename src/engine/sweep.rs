//! Invalidation within a tier: at once when little can match, in slices between other messages when much can.
//!
//! Owns: the invalidations under way. Never: answers before the last match is gone.
//!
//! An invalidation takes its number first. Entries stored since carry a higher one and are left alone, so it may take
//! its time without touching what is newer; readers need no check, for until the answer either value is legal.

use super::departures::Why;
use super::groups::{Step, WalkId};
use super::moment::Moment;
use super::scope::Scope;
use super::store::{Cause, Emptied};
use super::tier::{Effects, Happened, Taken, Tier, Waiter};

/// Steps of a walk that one turn takes at most.
pub const SLICE: usize = 4_096;

/// An invalidation that goes on between other messages.
#[derive(Debug)]
pub struct Walking<J> {
    scope: Scope,
    seq: u64,
    dry_run: bool,
    walk: WalkId,
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
        // A pattern without a wildcard is a key, however large the group of that key is.
        let scope = match &scope {
            Scope::Pattern(pattern) => pattern.as_key().map_or(scope, Scope::Key),
            _ => scope,
        };
        if matches!(scope, Scope::Tier(_) | Scope::All) {
            let counts = if dry_run { self.would_clear() } else { self.clear(&scope, now, fx) };
            fx.taken.push((token, counts));
            return;
        }
        if let Scope::Key(key) = &scope {
            let found = self.store.find(key.as_str()).map_or(0, |entry| entry.weight());
            let would = Taken { matched: u64::from(found > 0), bytes: found, revoked_loads: 0 };
            let counts = if dry_run { would } else { self.remove(key, fx) };
            fx.taken.push((token, counts));
            return;
        }
        // A dry run, too, counts only what is there now.
        let (seq, revoked_loads) = if dry_run { (self.seq + 1, 0) } else { self.fence(&scope) };
        let at_once = self.store.reachable(&scope) <= self.slice as u64;
        let walk = self.store.begin_walk(&scope.reach());
        let counts = Taken { revoked_loads, ..Taken::default() };
        let mut walking = Walking { scope, seq, dry_run, walk, taken: counts, token };
        let limit = if at_once { usize::MAX } else { self.slice };
        if self.walk(&mut walking, limit, fx) {
            fx.taken.push((walking.token, walking.taken));
        } else {
            self.walking.push_back(walking);
        }
    }

    /// Whether invalidations are under way that want [`Tier::go_on`].
    pub fn is_walking(&self) -> bool {
        !self.walking.is_empty()
    }

    /// Takes another slice of the oldest invalidation under way.
    pub fn go_on(&mut self, fx: &mut Effects<W, J>) {
        if let Some(mut walking) = self.walking.pop_front() {
            if self.walk(&mut walking, self.slice, fx) {
                fx.taken.push((walking.token, walking.taken));
            } else {
                self.walking.push_back(walking);
            }
        }
    }

    /// Walks on for at most `limit` steps; returns whether the end was reached.
    fn walk(&mut self, walking: &mut Walking<J>, limit: usize, fx: &mut Effects<W, J>) -> bool {
        let Walking { scope, seq, dry_run, walk, taken, .. } = walking;
        let (reach, first_gone) = (scope.reach(), fx.gone.len());
        let mut done = false;
        for _ in 0..limit {
            let (step, entry) = self.store.step(*walk, &reach);
            if step == Step::Done {
                done = true;
                self.store.end_walk(*walk);
                break;
            }
            let hit = entry.filter(|entry| entry.seq() < *seq && scope.matches(entry.key().as_str()));
            if let (Step::Slot(slot), Some(entry)) = (step, hit) {
                taken.matched += 1;
                taken.bytes += entry.weight();
                if !*dry_run {
                    self.store.take_walked(slot, Cause::Invalidated, &mut fx.gone);
                }
            }
        }
        if fx.gone.len() > first_gone {
            self.departures.scope(*seq, scope);
            self.note_taken(&fx.gone[first_gone..], *seq);
        }
        done
    }

    fn would_clear(&self) -> Taken {
        Taken { matched: self.store.len(), bytes: self.store.used(), revoked_loads: 0 }
    }

    /// Takes everything at once: the store is exchanged for an empty one.
    fn clear(&mut self, scope: &Scope, now: Moment, fx: &mut Effects<W, J>) -> Taken {
        let (seq, revoked_loads) = self.fence(scope);
        // What other invalidations were looking for is gone with the rest.
        fx.taken.extend(std::mem::take(&mut self.walking).into_iter().map(Walking::abandon));
        let Emptied { entries, bytes, remains } = self.store.clear(now);
        self.count_cleared(entries);
        self.departures.everything(Why::Cleared, seq);
        self.tell(fx, || Happened::Cleared { entries, bytes });
        fx.remains.push(remains);
        Taken { matched: entries, bytes, revoked_loads }
    }
}
