//! Expiry without a tree: a hierarchical timing wheel over slot numbers.
//!
//! Owns: the bucket in which each slot waits. Never: reads a clock, removes an entry, or keeps the moment at which a slot
//! is due: its entry knows that, and is asked. Reads check freshness themselves, so the wheel decides only when memory
//! is given back.
//!
//! Nine levels of 64 buckets, of about 1 s, 1 min, 1 h, 3 d, 199 d and so on up to the end of a `Moment`. A slot waits
//! in a bucket of the level that its distance asks for and moves down as time passes. Source: Varghese and Lauck,
//! Hashed and Hierarchical Timing Wheels, 1987. Linking is O(1); a sweep visits the buckets that time has passed, in
//! slices, and touches a slot once per level at most. So a slot is given up to 1.024 s after it was due.
//!
//! Invariant: a level holds only slots fewer than 64 buckets ahead of what was visited of it, so that a bucket never
//! mixes two rounds, and a sweep never links a slot into a bucket that it still has to empty on the same level.

use super::column::Column;
use super::links::{Links, List, NONE};
use super::moment::Moment;

/// Width of a bucket of each level as a power of two in milliseconds: 1.024 s, 65.5 s, 70 min, 75 h, 199 d, 35 y and
/// more. The last level spans all of a `Moment`, so nothing is beyond the wheel.
const SHIFTS: [u32; 9] = [10, 16, 22, 28, 34, 40, 46, 52, 58];
const BUCKETS: u64 = 64;
/// In no bucket: never due.
const IDLE: u16 = u16::MAX;

/// A sweep under way: the buckets that time passed and that were not visited yet.
#[derive(Debug, Clone, Copy)]
struct Visit {
    level: usize,
    tick: u64,
}

/// When each slot is due.
#[derive(Debug)]
pub(crate) struct Wheel {
    lists: Vec<List>,
    links: Links,
    bucket: Column<u16>,
    /// The moment up to which buckets were visited, or are being visited.
    now: Moment,
    /// The moment up to which they were visited before the sweep under way.
    before: Moment,
    visit: Option<Visit>,
}

impl Wheel {
    /// A wheel of nothing that stands at `now`.
    pub(crate) fn new(now: Moment) -> Self {
        Self {
            lists: vec![List::EMPTY; SHIFTS.len() * BUCKETS as usize],
            links: Links::default(),
            bucket: Column::new(IDLE),
            now,
            before: now,
            visit: None,
        }
    }

    /// Notes that `slot` is due at `due`; replaces what was noted before.
    pub(crate) fn schedule(&mut self, slot: u32, due: Moment) {
        self.cancel(slot);
        self.bucket.put(slot, IDLE);
        if due != Moment::NEVER {
            self.link(slot, due);
        }
    }

    /// Forgets `slot`.
    pub(crate) fn cancel(&mut self, slot: u32) {
        if let Some(&bucket) = self.bucket.get(slot)
            && bucket != IDLE
        {
            self.bucket[slot] = IDLE;
            self.links.remove(&mut self.lists[usize::from(bucket)], slot);
        }
    }

    /// Gives each slot that is due at `now` to `expired`, at most `limit` of those it touches; returns whether all
    /// that time has passed was visited. The slots given are no longer in the wheel. `due` tells of a slot that waits
    /// the moment with which it was scheduled.
    pub(crate) fn advance(
        &mut self,
        now: Moment,
        limit: usize,
        due: impl Fn(u32) -> Moment,
        mut expired: impl FnMut(u32),
    ) -> bool {
        let mut visit = match self.visit {
            Some(visit) => visit,
            None if now <= self.now => return true,
            None => {
                // The wheel's time moves first, so that what is linked while we visit is placed ahead of us.
                self.before = self.now;
                self.now = now;
                Visit { level: 0, tick: self.before.as_millis() >> SHIFTS[0] }
            }
        };
        let mut left = limit;
        while visit.level < SHIFTS.len() {
            let first = self.before.as_millis() >> SHIFTS[visit.level];
            let current = self.now.as_millis() >> SHIFTS[visit.level];
            // The current second is left alone: what is not due in it would be visited again and again. The current
            // bucket of a higher level is where the levels below it are filled from.
            let end = if visit.level == 0 { current } else { current + 1 }.min(first + BUCKETS);
            while visit.tick < end {
                self.visit = Some(visit);
                if !self.visit_bucket(visit, now, &mut left, &due, &mut expired) {
                    return false;
                }
                visit.tick += 1;
            }
            visit.level += 1;
            if let Some(shift) = SHIFTS.get(visit.level) {
                visit.tick = self.before.as_millis() >> shift;
            }
        }
        self.visit = None;
        now <= self.now || self.advance(now, left, due, expired)
    }

    /// Empties one bucket, with at most `left` looks: what is due goes to `expired`, the rest moves down. Returns whether
    /// it got through.
    fn visit_bucket(
        &mut self,
        visit: Visit,
        now: Moment,
        left: &mut usize,
        due: impl Fn(u32) -> Moment,
        expired: &mut impl FnMut(u32),
    ) -> bool {
        let bucket = visit.level * BUCKETS as usize + (visit.tick % BUCKETS) as usize;
        while self.lists[bucket].tail != NONE && *left > 0 {
            let slot = self.lists[bucket].tail;
            *left -= 1;
            self.cancel(slot);
            let due = due(slot);
            if due <= now {
                expired(slot);
            } else {
                self.link(slot, due);
            }
        }
        self.lists[bucket].tail == NONE
    }

    fn link(&mut self, slot: u32, due: Moment) {
        let due = due.max(self.now).as_millis();
        // Levels that the sweep under way has not finished still hold what lies between `before` and `now`.
        let finished = self.visit.map_or(SHIFTS.len(), |visit| visit.level);
        let fits = |&level: &usize| {
            let base = if level < finished { self.now } else { self.before };
            (due >> SHIFTS[level]) - (base.as_millis() >> SHIFTS[level]) < BUCKETS
        };
        let level = (0..SHIFTS.len()).find(fits).expect("the last level spans all of a Moment");
        let bucket = level as u64 * BUCKETS + (due >> SHIFTS[level]) % BUCKETS;
        self.bucket[slot] = bucket as u16;
        self.links.push_front(&mut self.lists[bucket as usize], slot);
    }

    /// Panics if the slots that wait are not those of `due`, or one of them waits in the wrong bucket.
    pub(crate) fn check(&self, due: &[(u32, Moment)]) {
        let mut waiting = Vec::new();
        for (bucket, &list) in self.lists.iter().enumerate() {
            for slot in self.links.iter(list) {
                assert_eq!(usize::from(self.bucket[slot]), bucket, "slot {slot} waits elsewhere");
                waiting.push(slot);
            }
        }
        waiting.sort_unstable();
        let mut wanted: Vec<_> = due.iter().copied().filter(|&(_, due)| due != Moment::NEVER).collect();
        wanted.sort_unstable();
        let slots: Vec<_> = wanted.iter().map(|&(slot, _)| slot).collect();
        assert_eq!(waiting, slots, "the wheel does not hold what is stored");
        // What was due before it was linked waits wherever the wheel stood then.
        for (slot, due) in wanted.into_iter().filter(|&(_, due)| due > self.now) {
            let bucket = u64::from(self.bucket[slot]);
            let shift = SHIFTS[(bucket / BUCKETS) as usize];
            assert_eq!(
                bucket % BUCKETS,
                (due.as_millis() >> shift) % BUCKETS,
                "slot {slot} waits for another moment"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn span() -> impl Strategy<Value = u64> {
        prop_oneof![0u64..5_000, 0u64..200_000, 0u64..100_000_000, 0u64..1 << 41, Just(u64::MAX)]
    }

    proptest! {
        #[test]
        fn everything_due_is_given_once_and_nothing_else(
            start in 0u64..1 << 36,
            ops in proptest::collection::vec((0u8..4, 0u32..40, span(), 1usize..9), 1..120),
        ) {
            let mut now = Moment::from_millis(start);
            let mut wheel = Wheel::new(now);
            let mut model = BTreeMap::<u32, Moment>::new();
            for (op, slot, span, limit) in ops {
                match op {
                    0 | 1 => {
                        let due = Moment::from_millis(now.as_millis().saturating_add(span));
                        wheel.schedule(slot, due);
                        model.insert(slot, due);
                    }
                    2 => {
                        wheel.cancel(slot);
                        model.remove(&slot);
                    }
                    _ => {
                        now = Moment::from_millis(now.as_millis().saturating_add(span).min(1 << 50));
                        let mut rounds = 0;
                        loop {
                            let mut given = Vec::new();
                            let done = wheel.advance(now, limit, |slot| model[&slot], |slot| given.push(slot));
                            prop_assert!(given.len() <= limit);
                            for slot in given {
                                let due = model.remove(&slot);
                                prop_assert!(due.is_some_and(|due| due <= now), "gave {slot} due {due:?} at {now:?}");
                            }
                            if done {
                                break;
                            }
                            rounds += 1;
                            prop_assert!(rounds < 10_000, "a sweep never ends");
                        }
                        // A bucket is about a second wide: what is due within it may wait for the next sweep.
                        let late = now.as_millis().saturating_sub(1_024);
                        prop_assert!(model.values().all(|due| due.as_millis() > late), "something due was kept");
                    }
                }
                wheel.check(&model.iter().map(|(&slot, &due)| (slot, due)).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn a_sweep_within_the_second_before_many_are_due_ends_at_once() {
        let mut wheel = Wheel::new(Moment::START);
        for slot in 0..1_000 {
            wheel.schedule(slot, Moment::from_millis(70_000));
        }
        let due = |_| Moment::from_millis(70_000);
        for now in [69_990, 69_991, 69_999] {
            let now = Moment::from_millis(now);
            let mut slices = 0;
            while !wheel.advance(now, 8, due, |slot| panic!("gave {slot} too early")) {
                slices += 1;
                assert!(slices < 1_000, "the same slots are visited over and over");
            }
        }
        let mut given = 0;
        assert!(wheel.advance(Moment::from_millis(71_024), 1_000, due, |_| given += 1));
        assert_eq!(given, 1_000);
    }
}
