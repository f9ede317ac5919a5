//! The best hits for the room: a window for what is new, a main space for what proved itself, and ghosts that move the
//! border between them.
//!
//! Owns: the queues of both spaces, the estimates, the ghosts and the size of the window. Never: is told of a read.
//!
//! The ideas are known, their combination is called LGTC here (lazy marks, ghosts, `TinyLFU`, classes): admission by
//! estimated frequency behind a window is W-`TinyLFU` (Einziger, Friedman and Manes, 2017), second chances in place of moves
//! on each hit are CLOCK, ghosts that move the border are ARC (Megiddo and Modha, FAST 2003), and the worth per byte with a
//! clock that ages what stays is GreedyDual-Size-Frequency (Cherkasova, 1998), made cheap by a queue for each power of two.
//!
//! - **Window**, 30 % of the capacity at first: first in, first out, but what was read goes round once more. What falls out
//!   is the *candidate*.
//! - **Main**: for each class of weights a queue on probation and one that is protected, with second chances as well; what
//!   is read on probation is protected, up to 70 % of the class. When nothing on probation is read any more, what is protected
//!   has to show one by one that it still is.
//! - A candidate stays if it is estimated to be worth more than the entry of the main space that is worth least; else it
//!   goes. One in 128 candidates that come often stays all the same, so that nobody who made an entry look frequent can keep it.
//! - A key that comes back soon after it was evicted goes to the main space at once. If it had been evicted from the window, the
//!   window grows, else it shrinks, within 1 % and 90 %.
//!
//! Where it counts, worth is multiplied by what a miss costs; see `cost`.
//!
//! What it does badly: a loop over more keys than there is room for (least recently used does as badly), and long scans in a
//! large tier, where ARC is ahead. When one set of keys gives way to another, least recently used follows in one round, this in
//! several: what is new has to come often enough first. An entry is found to have been read only when its queue comes to it.

use super::ghosts::{From, Ghosts};
use super::sketch::Sketch;
use super::spaces::{Class, Part, Spaces};
use super::{Choice, Eviction, Marks, Policy, cost};
use crate::engine::links::NONE;

/// Bound of the entries that an eviction gives another chance, and of those that it moves besides.
pub(super) const STEPS: usize = 128;
/// Share of the capacity that the window has at first, and between which it moves.
const WINDOW: f64 = 0.3;
const WINDOW_LEAST: f64 = 0.01;
const WINDOW_MOST: f64 = 0.9;
/// Percent of a class that may be protected.
const PROTECTED: u64 = 70;
/// After so many victims of a class while nothing on probation was read, an entry that is protected has to show that it still is.
const PROOF: u32 = 16;
/// Each list of ghosts is worth this part of the capacity, and has room for this part of the entries.
const GHOSTS: u64 = 4;
/// How many mean entries one ghost moves the border by at most.
const STEP_MOST: f64 = 10.0;
/// A candidate of at least this estimate stays once in `LUCK` times though it is worth no more.
const FREQUENT: u32 = 6;
const LUCK: u64 = 128;

/// Window, main space and ghosts of one tier.
#[derive(Debug)]
pub struct Lgtc {
    capacity: u64,
    choice: Choice,
    random: u64,
    window_share: f64,
    spaces: Spaces,
    /// The worth of the last victim of the main space.
    clock: f64,
    /// The slot that was stored last: what a host set goes only when nothing else is left, for it will look for it.
    newest: u32,
    sketch: Sketch,
    ghosts: Ghosts,
}

impl Lgtc {
    /// An empty policy for `capacity` bytes, which draws from `seed`.
    pub fn new(choice: Choice, capacity: u64, seed: u64) -> Self {
        Self {
            capacity,
            choice,
            random: seed | 1,
            window_share: WINDOW,
            spaces: Spaces::new(choice.eviction == Eviction::LgtcBytes),
            clock: 0.0,
            newest: NONE,
            sketch: Sketch::default(),
            ghosts: Ghosts::default(),
        }
    }

    /// Bytes that the window may hold while there are others.
    #[allow(clippy::cast_sign_loss)] // the share is above nothing
    fn window_limit(&self) -> u64 {
        (self.capacity as f64 * self.window_share) as u64
    }

    fn move_to(&mut self, slot: u32, part: Part, marks: &dyn Marks) {
        self.spaces.move_to(slot, marks.weight(slot), part);
        self.appraise(slot, marks);
    }

    /// Notes what an entry is worth that was put on probation just now, on top of the clock of this moment.
    fn appraise(&mut self, slot: u32, marks: &dyn Marks) {
        if self.spaces.part(slot) == Part::Probation {
            self.spaces.appraise(slot, self.clock + self.value(slot, marks));
        }
    }

    /// What an entry is worth: how often it comes, times what a miss costs, for each byte, as far as these count.
    fn value(&self, slot: u32, marks: &dyn Marks) -> f64 {
        let estimate = self.sketch.estimate(short(marks.hash(slot)));
        let cost = if self.choice.weigh_load_time { cost::of(marks.took_ms(slot)) } else { 1 };
        let worth = f64::from(estimate * cost);
        if self.choice.eviction == Eviction::LgtcBytes {
            worth
        } else {
            worth / marks.weight(slot).max(1) as f64
        }
    }

    /// Whether the entry in `slot` was read since this was last asked.
    fn was_read(&mut self, slot: u32, marks: &dyn Marks) -> bool {
        let read = marks.take_read(slot);
        if read {
            self.sketch.add(short(marks.hash(slot)));
        }
        read
    }

    /// What falls out of the window next.
    fn candidate(&mut self, marks: &dyn Marks, steps: &mut usize) -> Option<u32> {
        while let Some(slot) = self.spaces.window.oldest() {
            if slot == self.newest {
                if self.spaces.window.is_alone() {
                    return None;
                }
            } else if *steps == 0 || !self.was_read(slot, marks) {
                return Some(slot);
            } else {
                *steps -= 1;
            }
            self.move_to(slot, Part::Window, marks);
        }
        None
    }

    /// The entry on probation in `class` that is next, the oldest of those that were not read.
    fn next_in(&mut self, class: usize, marks: &dyn Marks, steps: &mut usize) -> Option<u32> {
        loop {
            let Class { probation, protected, .. } = self.spaces.classes[class];
            let Some(slot) = probation.oldest() else {
                protected.oldest()?;
                self.step_down(class, marks, steps);
                continue;
            };
            if slot == self.newest {
                if probation.is_alone() {
                    protected.oldest()?;
                    self.step_down(class, marks, steps);
                }
                self.move_to(slot, Part::Probation, marks);
                continue;
            }
            if *steps == 0 || !self.was_read(slot, marks) {
                return Some(slot);
            }
            *steps -= 1;
            self.spaces.classes[class].unread = 0;
            self.move_to(slot, Part::Protected, marks);
            let most = self.spaces.classes[class].weight() * PROTECTED / 100;
            while self.spaces.classes[class].protected.weight > most {
                self.step_down(class, marks, steps);
            }
        }
    }

    /// Once in a while, when nothing on probation is read, the oldest protected entry of `class` goes there, unless it was read.
    ///
    /// Protected entries are looked at when one more becomes protected. Without this, nobody looked at them while others came
    /// and went too fast to be read twice: in a loop that would have fit, most hits were lost for good to entries that had been
    /// read often long ago.
    fn ask_for_proof(&mut self, class: usize, marks: &dyn Marks) {
        let of_class = &mut self.spaces.classes[class];
        of_class.unread += 1;
        if of_class.unread >= PROOF {
            of_class.unread = 0;
            self.step_down(class, marks, &mut 1);
        }
    }

    /// Puts the oldest protected entry of `class` that was not read on probation.
    fn step_down(&mut self, class: usize, marks: &dyn Marks, steps: &mut usize) {
        while let Some(slot) = self.spaces.classes[class].protected.oldest() {
            if *steps == 0 || !self.was_read(slot, marks) {
                return self.move_to(slot, Part::Probation, marks);
            }
            *steps -= 1;
            self.move_to(slot, Part::Protected, marks);
        }
    }

    /// The entry of the main space that is worth least.
    fn least(&mut self, marks: &dyn Marks, steps: &mut usize) -> Option<u32> {
        let mut least: Option<(usize, u32)> = None;
        for class in self.spaces.classes_in_use() {
            if let Some(slot) = self.next_in(class, marks, steps)
                && least.is_none_or(|(_, least)| self.spaces.worth(slot) < self.spaces.worth(least))
            {
                least = Some((class, slot));
            }
        }
        let (class, slot) = least?;
        self.ask_for_proof(class, marks);
        Some(slot)
    }

    /// Whether `candidate` should stay in place of `victim`.
    fn wins(&mut self, candidate: u32, victim: u32, marks: &dyn Marks) -> bool {
        self.value(candidate, marks) > self.value(victim, marks)
            || (self.sketch.estimate(short(marks.hash(candidate))) >= FREQUENT
                && self.draw().is_multiple_of(LUCK))
    }

    fn draw(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 20
    }

    /// A victim while the window is within its limit, or has nothing to put forward.
    fn without_contest(&mut self, marks: &dyn Marks, steps: &mut usize) -> Option<u32> {
        if let Some(least) = self.least(marks, steps) {
            return Some(self.lost_in_main(least, marks));
        }
        if let Some(candidate) = self.candidate(marks, steps) {
            return Some(self.lost_in_window(candidate, marks));
        }
        Some(self.newest).filter(|&slot| self.spaces.part(slot) != Part::Nowhere)
    }

    fn lost(&mut self, from: From, slot: u32, marks: &dyn Marks) {
        self.ghosts.push(from, short(marks.hash(slot)), marks.weight(slot), self.capacity / GHOSTS);
    }

    fn lost_in_window(&mut self, slot: u32, marks: &dyn Marks) -> u32 {
        self.lost(From::Window, slot, marks);
        slot
    }

    fn lost_in_main(&mut self, slot: u32, marks: &dyn Marks) -> u32 {
        self.lost(From::Main, slot, marks);
        self.clock = self.clock.max(self.spaces.worth(slot));
        slot
    }

    /// Where a key that was not held belongs; a ghost moves the border.
    fn place(&mut self, hash: u32, weight: u64) -> Part {
        let weight_of = |from| self.ghosts.weight(from) as f64;
        let (window, main) = (weight_of(From::Window), weight_of(From::Main));
        let toward = match self.ghosts.take(hash, weight) {
            Some(From::Window) => main / window.max(1.0),
            Some(From::Main) => -window / main.max(1.0),
            None => return Part::Window,
        };
        let mean =
            (self.spaces.window.weight + self.spaces.main_weight) as f64 / self.spaces.len.max(1) as f64;
        let step = toward.abs().clamp(1.0, STEP_MOST).copysign(toward) * mean / self.capacity.max(1) as f64;
        self.window_share = (self.window_share + step).clamp(WINDOW_LEAST, WINDOW_MOST);
        Part::Probation
    }

    /// While there is room in the main space, what is too much for the window goes there without a contest.
    fn settle(&mut self, marks: &dyn Marks) {
        for _ in 0..2 {
            let limit = self.window_limit();
            let room = (self.capacity - limit).saturating_sub(self.spaces.main_weight);
            match self.spaces.window.oldest() {
                Some(slot) if self.spaces.window.weight > limit && marks.weight(slot) <= room => {
                    self.move_to(slot, Part::Probation, marks);
                }
                _ => break,
            }
        }
    }
}

/// What the sketch and the ghosts know a key by.
fn short(hash: u64) -> u32 {
    (hash >> 32) as u32 ^ hash as u32
}

impl Policy for Lgtc {
    fn stored(&mut self, slot: u32, marks: &dyn Marks) {
        let (hash, weight) = (short(marks.hash(slot)), marks.weight(slot));
        let part = self.place(hash, weight);
        self.spaces.insert(slot, weight, part);
        self.sketch.grow(self.spaces.len);
        self.sketch.add(hash);
        self.ghosts.grow(2 * self.spaces.len / GHOSTS as usize);
        self.newest = slot;
        self.appraise(slot, marks);
        self.settle(marks);
    }

    fn overwritten(&mut self, slot: u32, before: u64, marks: &dyn Marks) {
        // Somebody wanted it enough to bring it again, which counts as a read: the mark says so, and is found as others are.
        self.newest = slot;
        // Mostly it weighs what it did, and then nothing that is kept here changes.
        if marks.weight(slot) != before {
            self.reweighed(slot, before, marks);
            self.settle(marks);
        }
    }

    fn reweighed(&mut self, slot: u32, before: u64, marks: &dyn Marks) {
        if self.spaces.reweigh(slot, before, marks.weight(slot)) {
            self.appraise(slot, marks);
        }
    }

    fn removed(&mut self, slots: &[u32], marks: &dyn Marks) {
        self.spaces.fetch(slots);
        slots.iter().for_each(|&slot| self.spaces.remove(slot, marks.weight(slot)));
    }

    fn resized(&mut self, capacity: u64) {
        self.capacity = capacity;
        self.ghosts.resized(capacity / GHOSTS);
    }

    fn victim(&mut self, marks: &dyn Marks) -> Option<u32> {
        let mut steps = STEPS;
        for _ in 0..STEPS {
            let limit = self.window_limit();
            let over = self.spaces.window.weight > limit;
            let candidate = if over { self.candidate(marks, &mut steps) } else { None };
            let Some(candidate) = candidate else {
                return self.without_contest(marks, &mut steps);
            };
            let room = (self.capacity - limit).saturating_sub(self.spaces.main_weight);
            if marks.weight(candidate) <= room {
                self.move_to(candidate, Part::Probation, marks);
                continue;
            }
            let least = self.least(marks, &mut steps);
            let Some(least) = least.filter(|&least| self.wins(candidate, least, marks)) else {
                return Some(self.lost_in_window(candidate, marks));
            };
            self.move_to(candidate, Part::Probation, marks);
            return Some(self.lost_in_main(least, marks));
        }
        self.without_contest(marks, &mut steps)
    }

    fn coldest(&self, limit: usize) -> Vec<u32> {
        let window = |skip| self.spaces.oldest_of(self.spaces.window).skip(skip);
        let probation = self.spaces.classes.iter().flat_map(|class| self.spaces.oldest_of(class.probation));
        let protected = self.spaces.classes.iter().flat_map(|class| self.spaces.oldest_of(class.protected));
        // Half of the places for the window: new entries that nobody read are there.
        let half = limit / 2;
        window(0).take(half).chain(probation).chain(protected).chain(window(half)).take(limit).collect()
    }

    fn check(&self, slots: &[u32], marks: &dyn Marks) {
        self.spaces.check(slots, &|slot| marks.weight(slot));
        assert!((WINDOW_LEAST..=WINDOW_MOST).contains(&self.window_share), "the window left its bounds");
        self.ghosts.check(self.capacity / GHOSTS);
        self.sketch.check(self.spaces.len);
    }
}
