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
//!   is read on probation is protected, up to 70 % of the class.
//! - A candidate stays if it is estimated to be worth more than the entry of the main space that is worth least; else it
//!   goes. One in 128 candidates that come often stays all the same, so that nobody who made an entry look frequent can keep it.
//! - A key that comes back soon after it was evicted goes to the main space at once. If it had been evicted from the window, the
//!   window grows, else it shrinks, within 1 % and 90 %.
//!
//! What it does badly: a loop over more keys than there is room for (least recently used does as badly), and long scans in a
//! large tier, where ARC is ahead. An entry is found to have been read only when its queue comes to it.

use super::ghosts::Ghosts;
use super::sketch::Sketch;
use super::spaces::{CLASSES, Card, Class, Part, Spaces};
use super::{Arrival, Policy};
use crate::engine::links::{NONE, grow_to};

/// Bound of the entries that an eviction gives another chance, and of those that it moves besides.
pub(super) const STEPS: usize = 128;
/// Share of the capacity that the window has at first, and between which it moves.
const WINDOW: f64 = 0.3;
const WINDOW_LEAST: f64 = 0.01;
const WINDOW_MOST: f64 = 0.9;
/// Percent of a class that may be protected.
const PROTECTED: u64 = 70;
/// Each list of ghosts is worth this part of the capacity.
const GHOSTS: u64 = 4;
/// How many mean entries one ghost moves the border by at most.
const STEP_MOST: f64 = 10.0;
/// A candidate of at least this estimate stays once in `LUCK` times though it is worth no more.
const FREQUENT: u32 = 6;
const LUCK: u64 = 128;

type Epoch<'a> = &'a dyn Fn(u32) -> u64;

/// Window, main space and ghosts of one tier.
#[derive(Debug)]
pub struct Lgtc {
    capacity: u64,
    /// Only how often an entry is read counts, not its weight.
    for_bytes: bool,
    random: u64,
    window_share: f64,
    spaces: Spaces,
    /// For what is on probation: its worth when it was queued, on top of the clock of that moment.
    worth: Vec<f64>,
    /// The worth of the last victim of the main space.
    clock: f64,
    /// The slot that was stored last: what a host set goes only when nothing else is left, for it will look for it.
    newest: u32,
    sketch: Sketch,
    window_ghosts: Ghosts,
    main_ghosts: Ghosts,
}

impl Lgtc {
    /// An empty policy for `capacity` bytes, which draws from `seed`. `for_bytes`: what counts is how often an entry is
    /// read, whatever its weight; else how often for each byte.
    pub fn new(capacity: u64, for_bytes: bool, seed: u64) -> Self {
        Self {
            capacity,
            for_bytes,
            random: seed | 1,
            window_share: WINDOW,
            spaces: Spaces::new(for_bytes),
            worth: Vec::new(),
            clock: 0.0,
            newest: NONE,
            sketch: Sketch::default(),
            window_ghosts: Ghosts::default(),
            main_ghosts: Ghosts::default(),
        }
    }

    /// Bytes that the window may hold while there are others.
    #[allow(clippy::cast_sign_loss)] // the share is above nothing
    fn window_limit(&self) -> u64 {
        (self.capacity as f64 * self.window_share) as u64
    }

    fn move_to(&mut self, slot: u32, part: Part) {
        self.spaces.move_to(slot, part);
        self.appraise(slot);
    }

    /// Notes what an entry is worth that was put on probation just now.
    fn appraise(&mut self, slot: u32) {
        if self.spaces.part(slot) == Part::Probation {
            let Card { hash, weight, .. } = self.spaces.card(slot);
            self.worth[slot as usize] = self.clock + self.value(hash, weight);
        }
    }

    /// What an entry is worth: how often it comes, for each byte if that counts.
    fn value(&self, hash: u32, weight: u32) -> f64 {
        let estimate = f64::from(self.sketch.estimate(hash));
        if self.for_bytes { estimate } else { estimate / f64::from(weight.max(1)) }
    }

    /// Whether the entry in `slot` was read since this was last asked.
    fn was_read(&mut self, slot: u32, read_epoch: Epoch<'_>) -> bool {
        let read = self.spaces.note(slot, read_epoch(slot));
        if read {
            self.sketch.add(self.spaces.card(slot).hash);
        }
        read
    }

    /// What falls out of the window next.
    fn candidate(&mut self, read_epoch: Epoch<'_>, steps: &mut usize) -> Option<u32> {
        while let Some(slot) = self.spaces.window.oldest() {
            if slot == self.newest {
                if self.spaces.window.is_alone() {
                    return None;
                }
            } else if *steps == 0 || !self.was_read(slot, read_epoch) {
                return Some(slot);
            } else {
                *steps -= 1;
            }
            self.move_to(slot, Part::Window);
        }
        None
    }

    /// The entry on probation in `class` that is next, the oldest of those that were not read.
    fn next_in(&mut self, class: usize, read_epoch: Epoch<'_>, steps: &mut usize) -> Option<u32> {
        loop {
            let Class { probation, protected } = self.spaces.classes[class];
            let Some(slot) = probation.oldest() else {
                protected.oldest()?;
                self.step_down(class, read_epoch, steps);
                continue;
            };
            if slot == self.newest {
                if probation.is_alone() {
                    protected.oldest()?;
                    self.step_down(class, read_epoch, steps);
                }
                self.move_to(slot, Part::Probation);
                continue;
            }
            if *steps == 0 || !self.was_read(slot, read_epoch) {
                return Some(slot);
            }
            *steps -= 1;
            self.move_to(slot, Part::Protected);
            let most = self.spaces.classes[class].weight() * PROTECTED / 100;
            while self.spaces.classes[class].protected.weight > most {
                self.step_down(class, read_epoch, steps);
            }
        }
    }

    /// Puts the oldest protected entry of `class` that was not read on probation.
    fn step_down(&mut self, class: usize, read_epoch: Epoch<'_>, steps: &mut usize) {
        while let Some(slot) = self.spaces.classes[class].protected.oldest() {
            if *steps == 0 || !self.was_read(slot, read_epoch) {
                return self.move_to(slot, Part::Probation);
            }
            *steps -= 1;
            self.move_to(slot, Part::Protected);
        }
    }

    /// The entry of the main space that is worth least.
    fn least(&mut self, read_epoch: Epoch<'_>, steps: &mut usize) -> Option<u32> {
        let mut least: Option<u32> = None;
        for class in 0..CLASSES {
            if let Some(slot) = self.next_in(class, read_epoch, steps)
                && least.is_none_or(|least| self.worth[slot as usize] < self.worth[least as usize])
            {
                least = Some(slot);
            }
        }
        least
    }

    /// Whether `candidate` should stay in place of `victim`.
    fn wins(&mut self, candidate: u32, victim: u32) -> bool {
        let (new, old) = (self.spaces.card(candidate), self.spaces.card(victim));
        self.value(new.hash, new.weight) > self.value(old.hash, old.weight)
            || (self.sketch.estimate(new.hash) >= FREQUENT && self.draw().is_multiple_of(LUCK))
    }

    fn draw(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 20
    }

    /// A victim while the window is within its limit, or has nothing to put forward.
    fn without_contest(&mut self, read_epoch: Epoch<'_>, steps: &mut usize) -> Option<u32> {
        if let Some(least) = self.least(read_epoch, steps) {
            return Some(self.lost_in_main(least));
        }
        if let Some(candidate) = self.candidate(read_epoch, steps) {
            return Some(self.lost_in_window(candidate));
        }
        Some(self.newest).filter(|&slot| self.spaces.part(slot) != Part::Nowhere)
    }

    fn lost_in_window(&mut self, slot: u32) -> u32 {
        let Card { hash, weight, .. } = self.spaces.card(slot);
        self.window_ghosts.push(hash, weight, self.capacity / GHOSTS);
        slot
    }

    fn lost_in_main(&mut self, slot: u32) -> u32 {
        let Card { hash, weight, .. } = self.spaces.card(slot);
        self.main_ghosts.push(hash, weight, self.capacity / GHOSTS);
        self.clock = self.clock.max(self.worth[slot as usize]);
        slot
    }

    /// Where a key that was not held belongs; a ghost moves the border.
    fn place(&mut self, hash: u32) -> Part {
        let (window, main) = (self.window_ghosts.weight() as f64, self.main_ghosts.weight() as f64);
        let toward = if self.window_ghosts.take(hash) {
            main / window
        } else if self.main_ghosts.take(hash) {
            -window / main
        } else {
            return Part::Window;
        };
        let mean =
            (self.spaces.window.weight + self.spaces.main_weight) as f64 / self.spaces.len.max(1) as f64;
        let step = toward.abs().clamp(1.0, STEP_MOST).copysign(toward) * mean / self.capacity.max(1) as f64;
        self.window_share = (self.window_share + step).clamp(WINDOW_LEAST, WINDOW_MOST);
        Part::Probation
    }

    /// While there is room in the main space, what is too much for the window goes there without a contest.
    fn settle(&mut self) {
        for _ in 0..2 {
            let limit = self.window_limit();
            let room = (self.capacity - limit).saturating_sub(self.spaces.main_weight);
            match self.spaces.window.oldest() {
                Some(slot) if self.spaces.window.weight > limit && self.weight(slot) <= room => {
                    self.move_to(slot, Part::Probation);
                }
                _ => break,
            }
        }
    }

    fn weight(&self, slot: u32) -> u64 {
        self.spaces.card(slot).weight.into()
    }
}

impl Policy for Lgtc {
    fn stored(&mut self, slot: u32, entry: Arrival) {
        let hash = (entry.hash >> 32) as u32 ^ entry.hash as u32;
        let weight = u32::try_from(entry.weight).unwrap_or(u32::MAX).max(1);
        grow_to(&mut self.worth, slot, 0.0);
        if self.spaces.part(slot) == Part::Nowhere {
            self.sketch.grow(self.spaces.len + 1);
            self.sketch.add(hash);
            let part = self.place(hash);
            self.spaces.insert(slot, hash, weight, entry.epoch, part);
        } else {
            // The epoch of the new entry is later than what was noted of the old one, so this counts as a read.
            self.spaces.reweigh(slot, weight);
        }
        self.newest = slot;
        self.appraise(slot);
        self.settle();
    }

    fn removed(&mut self, slot: u32) {
        self.spaces.remove(slot);
    }

    fn resized(&mut self, capacity: u64) {
        self.capacity = capacity;
        self.window_ghosts.trim(capacity / GHOSTS);
        self.main_ghosts.trim(capacity / GHOSTS);
    }

    fn victim(&mut self, read_epoch: &dyn Fn(u32) -> u64) -> Option<u32> {
        let mut steps = STEPS;
        for _ in 0..STEPS {
            let limit = self.window_limit();
            let over = self.spaces.window.weight > limit;
            let candidate = if over { self.candidate(read_epoch, &mut steps) } else { None };
            let Some(candidate) = candidate else {
                return self.without_contest(read_epoch, &mut steps);
            };
            let room = (self.capacity - limit).saturating_sub(self.spaces.main_weight);
            if self.weight(candidate) <= room {
                self.move_to(candidate, Part::Probation);
                continue;
            }
            let least = self.least(read_epoch, &mut steps);
            let Some(least) = least.filter(|&least| self.wins(candidate, least)) else {
                return Some(self.lost_in_window(candidate));
            };
            self.move_to(candidate, Part::Probation);
            return Some(self.lost_in_main(least));
        }
        self.without_contest(read_epoch, &mut steps)
    }

    fn coldest(&self, limit: usize) -> Vec<u32> {
        let window = |skip| self.spaces.oldest_of(self.spaces.window).skip(skip);
        let probation = self.spaces.classes.iter().flat_map(|class| self.spaces.oldest_of(class.probation));
        let protected = self.spaces.classes.iter().flat_map(|class| self.spaces.oldest_of(class.protected));
        // Half of the places for the window: new entries that nobody read are there.
        let half = limit / 2;
        window(0).take(half).chain(probation).chain(protected).chain(window(half)).take(limit).collect()
    }

    fn check(&self, slots: &[u32]) {
        self.spaces.check(slots);
        assert!((WINDOW_LEAST..=WINDOW_MOST).contains(&self.window_share), "the window left its bounds");
        self.window_ghosts.check(self.capacity / GHOSTS);
        self.main_ghosts.check(self.capacity / GHOSTS);
    }
}
