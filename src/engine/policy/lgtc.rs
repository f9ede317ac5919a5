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
use super::{Arrival, Policy};
use crate::engine::links::{Links, List, NONE, grow_to};

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
/// One for each power of two of a weight.
const CLASSES: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Nowhere,
    Window,
    Probation,
    Protected,
}

/// What is known of the entry in a slot.
#[derive(Debug, Clone, Copy)]
struct Card {
    hash: u32,
    weight: u32,
    /// The end of the epoch of the last read that was noted.
    seen: u32,
    part: Part,
}

const NO_CARD: Card = Card { hash: 0, weight: 0, seen: 0, part: Part::Nowhere };

#[derive(Debug, Clone, Copy)]
struct Queue {
    list: List,
    weight: u64,
}

impl Queue {
    const EMPTY: Self = Self { list: List::EMPTY, weight: 0 };
}

/// The main space's entries of about one weight.
#[derive(Debug, Clone, Copy)]
struct Class {
    probation: Queue,
    protected: Queue,
}

impl Class {
    const EMPTY: Self = Self { probation: Queue::EMPTY, protected: Queue::EMPTY };

    fn weight(&self) -> u64 {
        self.probation.weight + self.protected.weight
    }
}

type Epoch<'a> = &'a dyn Fn(u32) -> u64;

/// Window, main space and ghosts of one tier.
#[derive(Debug)]
pub struct Lgtc {
    capacity: u64,
    /// Only how often an entry is read counts, not its weight.
    for_bytes: bool,
    random: u64,
    window_share: f64,
    window: Queue,
    classes: Box<[Class; CLASSES]>,
    main_weight: u64,
    links: Links,
    cards: Vec<Card>,
    /// For what is on probation: its worth when it was queued, on top of the clock of that moment.
    worth: Vec<f64>,
    /// The worth of the last victim of the main space.
    clock: f64,
    len: usize,
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
            window: Queue::EMPTY,
            classes: Box::new([Class::EMPTY; CLASSES]),
            main_weight: 0,
            links: Links::default(),
            cards: Vec::new(),
            worth: Vec::new(),
            clock: 0.0,
            len: 0,
            sketch: Sketch::default(),
            window_ghosts: Ghosts::default(),
            main_ghosts: Ghosts::default(),
        }
    }

    fn card(&self, slot: u32) -> Card {
        self.cards[slot as usize]
    }

    fn part(&self, slot: u32) -> Part {
        self.cards.get(slot as usize).map_or(Part::Nowhere, |card| card.part)
    }

    /// Bytes that the window may hold while there are others.
    fn window_limit(&self) -> u64 {
        (self.capacity as f64 * self.window_share) as u64
    }

    fn class_of(&self, weight: u32) -> usize {
        if self.for_bytes { 0 } else { weight.max(1).ilog2() as usize }
    }

    fn queue(&mut self, part: Part, weight: u32) -> &mut Queue {
        let class = self.class_of(weight);
        match part {
            Part::Probation => &mut self.classes[class].probation,
            Part::Protected => &mut self.classes[class].protected,
            Part::Window | Part::Nowhere => &mut self.window,
        }
    }

    /// Queues `slot`, which is nowhere, at the front of `part`.
    fn push(&mut self, slot: u32, part: Part) {
        let Card { weight, hash, .. } = self.card(slot);
        self.cards[slot as usize].part = part;
        let mut queue = *self.queue(part, weight);
        self.links.push_front(&mut queue.list, slot);
        queue.weight += u64::from(weight);
        *self.queue(part, weight) = queue;
        if part != Part::Window {
            self.main_weight += u64::from(weight);
        }
        if part == Part::Probation {
            self.worth[slot as usize] = self.clock + self.value(hash, weight);
        }
    }

    /// Takes `slot` out of where it is.
    fn pull(&mut self, slot: u32) {
        let Card { weight, part, .. } = self.card(slot);
        self.cards[slot as usize].part = Part::Nowhere;
        let mut queue = *self.queue(part, weight);
        self.links.remove(&mut queue.list, slot);
        queue.weight -= u64::from(weight);
        *self.queue(part, weight) = queue;
        if part != Part::Window {
            self.main_weight -= u64::from(weight);
        }
    }

    fn move_to(&mut self, slot: u32, part: Part) {
        self.pull(slot);
        self.push(slot, part);
    }

    /// What an entry is worth: how often it comes, for each byte if that counts.
    fn value(&self, hash: u32, weight: u32) -> f64 {
        let estimate = f64::from(self.sketch.estimate(hash));
        if self.for_bytes { estimate } else { estimate / f64::from(weight.max(1)) }
    }

    /// Whether the entry in `slot` was read since this was last asked.
    fn was_read(&mut self, slot: u32, read_epoch: Epoch<'_>) -> bool {
        let epoch = read_epoch(slot) as u32;
        let card = &mut self.cards[slot as usize];
        let read = card.seen != epoch;
        card.seen = epoch;
        if read {
            self.sketch.add(self.cards[slot as usize].hash);
        }
        read
    }

    /// What falls out of the window next.
    fn candidate(&mut self, read_epoch: Epoch<'_>, steps: &mut usize) -> Option<u32> {
        while self.window.list.tail != NONE {
            let slot = self.window.list.tail;
            if *steps == 0 || !self.was_read(slot, read_epoch) {
                return Some(slot);
            }
            *steps -= 1;
            self.move_to(slot, Part::Window);
        }
        None
    }

    /// The entry on probation in `class` that is next, the oldest of those that were not read.
    fn next_in(&mut self, class: usize, read_epoch: Epoch<'_>, steps: &mut usize) -> Option<u32> {
        loop {
            let Class { probation, protected } = self.classes[class];
            if probation.list.tail == NONE && protected.list.tail == NONE {
                return None;
            } else if probation.list.tail == NONE {
                self.step_down(class, read_epoch, steps);
                continue;
            }
            let slot = probation.list.tail;
            if *steps == 0 || !self.was_read(slot, read_epoch) {
                return Some(slot);
            }
            *steps -= 1;
            self.move_to(slot, Part::Protected);
            let most = self.classes[class].weight() * PROTECTED / 100;
            while self.classes[class].protected.weight > most {
                self.step_down(class, read_epoch, steps);
            }
        }
    }

    /// Puts the oldest protected entry of `class` that was not read on probation.
    fn step_down(&mut self, class: usize, read_epoch: Epoch<'_>, steps: &mut usize) {
        loop {
            let slot = self.classes[class].protected.list.tail;
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
        let (new, old) = (self.card(candidate), self.card(victim));
        self.value(new.hash, new.weight) > self.value(old.hash, old.weight)
            || (self.sketch.estimate(new.hash) >= FREQUENT && self.draw().is_multiple_of(LUCK))
    }

    fn draw(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 20
    }

    fn lost_in_window(&mut self, slot: u32) -> u32 {
        let Card { hash, weight, .. } = self.card(slot);
        self.window_ghosts.push(hash, weight, self.capacity / GHOSTS);
        slot
    }

    fn lost_in_main(&mut self, slot: u32) -> u32 {
        let Card { hash, weight, .. } = self.card(slot);
        self.main_ghosts.push(hash, weight, self.capacity / GHOSTS);
        self.clock = self.clock.max(self.worth[slot as usize]);
        slot
    }

    /// Where a key that was not held belongs; a ghost moves the border.
    fn place(&mut self, hash: u32) -> Part {
        let (window, main) = (self.window_ghosts.len() as f64, self.main_ghosts.len() as f64);
        let toward = if self.window_ghosts.take(hash) {
            main / window
        } else if self.main_ghosts.take(hash) {
            -window / main
        } else {
            return Part::Window;
        };
        let mean = (self.window.weight + self.main_weight) as f64 / self.len.max(1) as f64;
        let step = toward.abs().clamp(1.0, STEP_MOST).copysign(toward) * mean / self.capacity.max(1) as f64;
        self.window_share = (self.window_share + step).clamp(WINDOW_LEAST, WINDOW_MOST);
        Part::Probation
    }

    /// While there is room in the main space, what is too much for the window goes there without a contest.
    fn settle(&mut self) {
        for _ in 0..2 {
            let (slot, limit) = (self.window.list.tail, self.window_limit());
            let fits = |weight: u32| self.main_weight + u64::from(weight) <= self.capacity - limit;
            if self.window.weight <= limit || !fits(self.card(slot).weight) {
                break;
            }
            self.move_to(slot, Part::Probation);
        }
    }
}

impl Policy for Lgtc {
    fn stored(&mut self, slot: u32, entry: Arrival) {
        let hash = (entry.hash >> 32) as u32 ^ entry.hash as u32;
        let weight = u32::try_from(entry.weight).unwrap_or(u32::MAX);
        grow_to(&mut self.cards, slot, NO_CARD);
        grow_to(&mut self.worth, slot, 0.0);
        let before = self.part(slot);
        if before == Part::Nowhere {
            self.len += 1;
            self.sketch.grow(self.len);
            self.sketch.add(hash);
            let part = self.place(hash);
            self.cards[slot as usize] = Card { hash, weight, seen: entry.epoch as u32, part: Part::Nowhere };
            self.push(slot, part);
        } else {
            // Overwritten: the epoch of the new entry is later than what was seen, so that counts as a read.
            self.pull(slot);
            self.cards[slot as usize].weight = weight;
            self.push(slot, before);
        }
        self.settle();
    }

    fn removed(&mut self, slot: u32) {
        if self.part(slot) != Part::Nowhere {
            self.pull(slot);
            self.len -= 1;
        }
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
            if self.window.weight <= limit
                && let Some(least) = self.least(read_epoch, &mut steps)
            {
                return Some(self.lost_in_main(least));
            }
            let candidate = self.candidate(read_epoch, &mut steps)?;
            let room = (self.capacity - limit).saturating_sub(self.main_weight);
            if u64::from(self.card(candidate).weight) <= room && self.window.weight > limit {
                self.move_to(candidate, Part::Probation);
                continue;
            }
            let Some(least) = self.least(read_epoch, &mut steps) else {
                return Some(self.lost_in_window(candidate));
            };
            if !self.wins(candidate, least) {
                return Some(self.lost_in_window(candidate));
            }
            self.move_to(candidate, Part::Probation);
            return Some(self.lost_in_main(least));
        }
        let oldest = self.window.list.tail;
        (oldest != NONE).then(|| self.lost_in_window(oldest)).or_else(|| self.least(read_epoch, &mut steps))
    }

    fn coldest(&self, limit: usize) -> Vec<u32> {
        let backwards = |list: List| {
            std::iter::successors((list.tail != NONE).then_some(list.tail), |&slot| {
                Some(self.links.prev(slot)).filter(|&slot| slot != NONE)
            })
        };
        let window = backwards(self.window.list).take(limit / 2);
        let probation = self.classes.iter().flat_map(|class| backwards(class.probation.list));
        let protected = self.classes.iter().flat_map(|class| backwards(class.protected.list));
        let rest = backwards(self.window.list).skip(limit / 2);
        window.chain(probation).chain(protected).chain(rest).take(limit).collect()
    }

    fn check(&self, slots: &[u32]) {
        let mut queued = Vec::new();
        let weigh = |queue: Queue, part: Part, class: Option<usize>, queued: &mut Vec<u32>| {
            let mut weight = 0;
            for slot in self.links.iter(queue.list) {
                let card = self.card(slot);
                assert_eq!(card.part, part, "slot {slot} is elsewhere");
                assert!(class.is_none_or(|class| class == self.class_of(card.weight)), "slot {slot}: class");
                weight += u64::from(card.weight);
                queued.push(slot);
            }
            assert_eq!(weight, queue.weight, "a queue's weight drifted");
            weight
        };
        weigh(self.window, Part::Window, None, &mut queued);
        let mut main = 0;
        for (number, class) in self.classes.iter().enumerate() {
            main += weigh(class.probation, Part::Probation, Some(number), &mut queued);
            main += weigh(class.protected, Part::Protected, Some(number), &mut queued);
        }
        assert_eq!(main, self.main_weight, "the main space's weight drifted");
        assert_eq!(queued.len(), self.len, "len drifted");
        queued.sort_unstable();
        let mut held = slots.to_vec();
        held.sort_unstable();
        assert_eq!(queued, held, "queued slots are not those that are held");
        let placed = self.cards.iter().filter(|card| card.part != Part::Nowhere).count();
        assert_eq!(placed, self.len, "a slot that is not queued says it is");
        assert!((WINDOW_LEAST..=WINDOW_MOST).contains(&self.window_share), "the window left its bounds");
        self.window_ghosts.check();
        self.main_ghosts.check();
    }
}
