//! Expiry without a tree and without lists: when each slot is due, in ticks of about a second, and the first of each run.
//!
//! Owns: the tick at which each slot is due, four bytes. Never: reads a clock, removes an entry. Reads check freshness
//! themselves, so this decides only when memory is given back.
//!
//! Slots are looked through in runs, one behind the other in memory, and only those runs in which something may be due: some
//! two microseconds for 4,096 slots, in slices, at most once in a tick. A timing wheel, which links each slot to two others,
//! would have to change three places of memory with each write; here a write changes one, and costs the same however long an
//! entry lives. So a sweep gives a slot up to 1.024 s after it was due. Where room is needed now, [`Expiry::advance_exactly`]
//! gives it at once.

use super::column::{CHUNK, Column};
use super::moment::Moment;
use super::next_tick::NextTick;

/// Length of a tick as a power of two in milliseconds.
const TICK: u32 = 10;
/// Never due; so is what would be due after 139 years.
pub(super) const NEVER: u32 = u32::MAX;
/// Slots that are given in the time in which a run is looked through.
pub(super) const RUN: usize = 4;

/// When each slot is due.
#[derive(Debug)]
pub(crate) struct Expiry {
    due: Column<u32>,
    /// Of each chunk of `due`: nothing in it is due before.
    first: Vec<u32>,
    /// Nothing at all is due before.
    earliest: u32,
    /// The chunk with which a sweep goes on.
    next: usize,
    /// Slots that are due before the next tick.
    soon: NextTick,
}

impl Default for Expiry {
    fn default() -> Self {
        Self {
            due: Column::new(NEVER),
            first: Vec::new(),
            earliest: NEVER,
            next: 0,
            soon: NextTick::default(),
        }
    }
}

impl Expiry {
    /// Notes that `slot` is due at `due`; replaces what was noted before.
    pub(crate) fn schedule(&mut self, slot: u32, due: Moment) {
        let tick = tick_after(due);
        self.due.put(slot, tick);
        let chunk = slot as usize / CHUNK;
        if chunk >= self.first.len() {
            self.first.resize(chunk + 1, NEVER);
        }
        self.first[chunk] = self.first[chunk].min(tick);
        self.earliest = self.earliest.min(tick);
        self.soon.scheduled(slot, tick, due);
    }

    /// Forgets `slot`.
    pub(crate) fn cancel(&mut self, slot: u32) {
        self.due[slot] = NEVER;
    }

    /// Gives slots that are due at `now` to `expired`, at most `limit`; returns whether that were all. Those given are
    /// forgotten.
    pub(crate) fn advance(&mut self, now: Moment, limit: usize, mut expired: impl FnMut(u32)) -> bool {
        let tick = tick_at(now);
        let mut left = limit;
        while self.earliest <= tick {
            if self.next == self.first.len() {
                self.next = 0;
                self.earliest = self.first.iter().copied().min().unwrap_or(NEVER);
                continue;
            }
            if self.first[self.next] <= tick {
                if left == 0 {
                    return false;
                }
                let (first, given) = self.look_through(self.next, tick, left, &mut expired);
                self.first[self.next] = first;
                left -= given.max(RUN).min(left);
                if first <= tick {
                    return false;
                }
            }
            self.next += 1;
        }
        true
    }

    /// As [`Expiry::advance`], to the millisecond: also gives slots that a sweep would leave for the next tick.
    /// `end_of` returns the moment for which a slot was scheduled.
    pub(crate) fn advance_exactly(
        &mut self,
        now: Moment,
        limit: usize,
        end_of: impl Fn(u32) -> Moment,
        mut expired: impl FnMut(u32),
    ) -> bool {
        let mut left = limit;
        let all = self.advance(now, limit, |slot| {
            left -= 1;
            expired(slot);
        });
        let next = tick_at(now) + 1;
        if !all || next == NEVER {
            return all;
        }
        // Most entries live longer: then there is nothing to look for.
        if self.earliest > next {
            return true;
        }
        let Self { due, first, soon, .. } = self;
        soon.give(next, now, left, (due, first), end_of, expired)
    }

    /// Gives those of a chunk that are due at `tick`, at most `limit`; returns when the first of the others is, and how many
    /// were given.
    fn look_through(
        &mut self,
        chunk: usize,
        tick: u32,
        limit: usize,
        expired: &mut impl FnMut(u32),
    ) -> (u32, usize) {
        let (mut first, mut given) = (NEVER, 0);
        for (slot, due) in ((chunk * CHUNK) as u32..).zip(self.due.chunk_mut(chunk)) {
            if *due <= tick && given < limit {
                *due = NEVER;
                given += 1;
                expired(slot);
            }
            first = first.min(*due);
        }
        (first, given)
    }

    /// Panics if a slot is due at another moment than `due` says, or might be passed over.
    pub(crate) fn check(&self, due: &[(u32, Moment)]) {
        let mut wanted = vec![NEVER; self.due.len()];
        due.iter().for_each(|&(slot, due)| wanted[slot as usize] = tick_after(due));
        assert!(self.due.iter().eq(&wanted), "what is due is not what is stored");
        for (chunk, first) in wanted.chunks(CHUNK).zip(&self.first) {
            assert!(chunk.iter().all(|due| due >= first), "something is due before the first of its run");
        }
        assert!(self.first.iter().all(|&first| first >= self.earliest), "something is due before the first");
        self.soon.check(due, tick_after);
    }
}

/// The last tick that is not after `now`.
fn tick_at(now: Moment) -> u32 {
    u32::try_from(now.as_millis() >> TICK).unwrap_or(NEVER - 1).min(NEVER - 1)
}

/// The first tick that is not before `due`.
fn tick_after(due: Moment) -> u32 {
    u32::try_from(due.as_millis().div_ceil(1 << TICK)).unwrap_or(NEVER)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::engine::next_tick::SLOTS_MAX;
    use crate::engine::testing::Rng;

    fn span() -> impl Strategy<Value = u64> {
        prop_oneof![0u64..5_000, 0u64..200_000, 0u64..100_000_000, 0u64..1 << 41, Just(u64::MAX)]
    }

    proptest! {
        #[test]
        fn everything_due_is_given_once_and_nothing_else(
            start in 0u64..1 << 36,
            ops in proptest::collection::vec((0u8..5, 0u32..40, span(), 1usize..9), 1..120),
        ) {
            let mut now = Moment::from_millis(start);
            let mut expiry = Expiry::default();
            let mut model = BTreeMap::<u32, Moment>::new();
            for (op, slot, span, limit) in ops {
                // In three chunks.
                let slot = slot * 250;
                match op {
                    0 | 1 => {
                        let due = Moment::from_millis(now.as_millis().saturating_add(span));
                        expiry.schedule(slot, due);
                        model.insert(slot, due);
                    }
                    2 if model.remove(&slot).is_some() => expiry.cancel(slot),
                    2 => {}
                    _ => {
                        now = Moment::from_millis(now.as_millis().saturating_add(span).min(1 << 41));
                        let mut rounds = 0;
                        loop {
                            let mut given = Vec::new();
                            let done = if op == 3 {
                                expiry.advance(now, limit, |slot| given.push(slot))
                            } else {
                                let end_of = |slot| model[&slot];
                                expiry.advance_exactly(now, limit, end_of, |slot| given.push(slot))
                            };
                            prop_assert!(given.len() <= limit);
                            for slot in given {
                                let due = model.remove(&slot);
                                prop_assert!(due.is_some_and(|due| due <= now), "gave {slot} due {due:?} at {now:?}");
                            }
                            if done {
                                break;
                            }
                            rounds += 1;
                            prop_assert!(rounds < 1_000, "a sweep never ends");
                        }
                        // A tick is about a second: what is due within it may wait for the next sweep.
                        let late = now.as_millis().saturating_sub(if op == 3 { 1_024 } else { 0 });
                        prop_assert!(model.values().all(|due| due.as_millis() > late), "something due was kept");
                    }
                }
                expiry.check(&model.iter().map(|(&slot, &due)| (slot, due)).collect::<Vec<_>>());
            }
        }
    }

    /// More slots end within one tick than are known at a time, some are scheduled again, and some are free since.
    #[test]
    fn of_many_slots_that_end_within_one_tick_each_is_given_when_it_ends() {
        let (mut expiry, mut rng) = (Expiry::default(), Rng::new(1));
        let mut model = BTreeMap::<u32, Moment>::new();
        let end = |rng: &mut Rng, now: u64| Moment::from_millis(now + 1 + rng.below(1_024_000 - now));
        let mut now = 1_022_977;
        for slot in 0..3 * SLOTS_MAX as u32 {
            let due = end(&mut rng, now);
            expiry.schedule(slot, due);
            model.insert(slot, due);
        }
        while now < 1_024_000 {
            for _ in 0..20 {
                let slot = rng.below(3 * SLOTS_MAX as u64) as u32;
                if rng.one_in(3) && model.remove(&slot).is_some() {
                    expiry.cancel(slot);
                } else {
                    let due = end(&mut rng, now);
                    expiry.schedule(slot, due);
                    model.insert(slot, due);
                }
            }
            now += 1 + rng.below(60).min(1_024_000 - now - 1);
            let (at, mut given) = (Moment::from_millis(now), Vec::new());
            while !expiry.advance_exactly(at, 128, |slot| model[&slot], |slot| given.push(slot)) {}
            let ended = |(&slot, &due): (&u32, &Moment)| (due <= at).then_some(slot);
            let wanted: Vec<u32> = model.iter().filter_map(ended).collect();
            given.sort_unstable();
            assert_eq!(given, wanted, "at {now}");
            model.retain(|_, due| *due > at);
            expiry.check(&model.iter().map(|(&slot, &due)| (slot, due)).collect::<Vec<_>>());
        }
        assert!(model.is_empty());
    }

    /// How many chunks there are, and those that hold something that was due at 1,000 s; all else is due at 2,000 s.
    fn many(chunks: u32, due_first: impl Fn(u32) -> bool) -> Expiry {
        let mut expiry = Expiry::default();
        for slot in 0..chunks * CHUNK as u32 {
            let first = slot % CHUNK as u32 == 7 && due_first(slot / CHUNK as u32);
            expiry.schedule(slot, Moment::from_millis(if first { 1_000_000 } else { 2_000_000 }));
        }
        expiry
    }

    #[test]
    fn a_sweep_looks_only_where_something_is_due_and_once_in_a_tick() {
        let mut expiry = many(10, |chunk| chunk == 3);
        let now = Moment::from_millis(1_001_000);
        let mut given = Vec::new();
        assert!(expiry.advance(now, RUN, |slot| given.push(slot)), "one run is all it takes");
        assert_eq!(given, [3 * CHUNK as u32 + 7]);
        assert!(expiry.advance(now, 0, |slot| panic!("{slot} is not due")), "it knows that nothing is due");
    }

    #[test]
    fn a_slice_looks_through_few_runs_and_the_next_goes_on_behind_them() {
        let mut expiry = many(10, |_| true);
        let now = Moment::from_millis(1_001_000);
        let (mut given, mut slices) = (Vec::new(), 1);
        while !expiry.advance(now, 2 * RUN, |slot| given.push(slot)) {
            slices += 1;
        }
        assert_eq!((given.len(), slices), (10, 5));
        assert!(given.is_sorted());
    }

    #[test]
    fn what_is_due_too_late_to_be_told_is_never_given() {
        let mut expiry = Expiry::default();
        expiry.schedule(0, Moment::from_millis(u64::MAX - 1));
        expiry.schedule(1, Moment::NEVER);
        assert!(expiry.advance(Moment::from_millis(u64::MAX - 1), 9, |slot| panic!("{slot} was given")));
    }
}
