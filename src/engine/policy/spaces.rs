//! The queues of the window and of the main space, and which slot stands where.
//!
//! Owns: the links, a card for each slot, and the weight of each queue. Never: decides where an entry belongs.

use crate::engine::links::{Links, List, NONE, grow_to};

/// One for each power of two of a weight.
pub(super) const CLASSES: usize = 32;

/// Where an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Nowhere,
    Window,
    Probation,
    Protected,
}

/// What is known of the entry in a slot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Card {
    pub(super) hash: u32,
    pub(super) weight: u32,
    /// The end of the epoch of the last read that was noted.
    pub(super) seen: u32,
    part: Part,
}

const NO_CARD: Card = Card { hash: 0, weight: 0, seen: 0, part: Part::Nowhere };

#[derive(Debug, Clone, Copy)]
pub(super) struct Queue {
    list: List,
    pub(super) weight: u64,
}

impl Queue {
    const EMPTY: Self = Self { list: List::EMPTY, weight: 0 };

    /// Whether there is exactly one slot.
    pub(super) fn is_alone(&self) -> bool {
        self.list.head == self.list.tail && self.list.head != NONE
    }

    /// The slot that is next to leave.
    pub(super) fn oldest(&self) -> Option<u32> {
        Some(self.list.tail).filter(|&slot| slot != NONE)
    }
}

/// The main space's entries of about one weight.
#[derive(Debug, Clone, Copy)]
pub(super) struct Class {
    pub(super) probation: Queue,
    pub(super) protected: Queue,
}

impl Class {
    const EMPTY: Self = Self { probation: Queue::EMPTY, protected: Queue::EMPTY };

    pub(super) fn weight(&self) -> u64 {
        self.probation.weight + self.protected.weight
    }
}

/// Window and main space.
#[derive(Debug)]
pub(super) struct Spaces {
    /// All entries are of one class.
    one_class: bool,
    pub(super) window: Queue,
    pub(super) classes: Box<[Class; CLASSES]>,
    /// The sum over all classes.
    pub(super) main_weight: u64,
    links: Links,
    cards: Vec<Card>,
    /// Entries in both spaces.
    pub(super) len: usize,
}

impl Spaces {
    pub(super) fn new(one_class: bool) -> Self {
        Self {
            one_class,
            window: Queue::EMPTY,
            classes: Box::new([Class::EMPTY; CLASSES]),
            main_weight: 0,
            links: Links::default(),
            cards: Vec::new(),
            len: 0,
        }
    }

    pub(super) fn card(&self, slot: u32) -> Card {
        self.cards[slot as usize]
    }

    pub(super) fn part(&self, slot: u32) -> Part {
        self.cards.get(slot as usize).map_or(Part::Nowhere, |card| card.part)
    }

    /// Notes the epoch of a read; whether it is another than the one noted before.
    pub(super) fn note(&mut self, slot: u32, epoch: u64) -> bool {
        let card = &mut self.cards[slot as usize];
        std::mem::replace(&mut card.seen, epoch as u32) != epoch as u32
    }

    fn class_of(&self, weight: u32) -> usize {
        if self.one_class { 0 } else { weight.max(1).ilog2() as usize }
    }

    fn queue(&mut self, part: Part, weight: u32) -> &mut Queue {
        let class = self.class_of(weight);
        match part {
            Part::Probation => &mut self.classes[class].probation,
            Part::Protected => &mut self.classes[class].protected,
            Part::Window | Part::Nowhere => &mut self.window,
        }
    }

    /// Puts a new entry at the front of `part`, into a slot that is nowhere.
    pub(super) fn insert(&mut self, slot: u32, hash: u32, weight: u32, epoch: u64, part: Part) {
        grow_to(&mut self.cards, slot, NO_CARD);
        self.cards[slot as usize] = Card { hash, weight, seen: epoch as u32, part: Part::Nowhere };
        self.len += 1;
        self.push(slot, part);
    }

    /// Takes out the entry in `slot`, if there is one.
    pub(super) fn remove(&mut self, slot: u32) {
        if self.part(slot) != Part::Nowhere {
            self.pull(slot);
            self.len -= 1;
        }
    }

    /// Puts the entry in `slot` at the front of `part`.
    pub(super) fn move_to(&mut self, slot: u32, part: Part) {
        self.pull(slot);
        self.push(slot, part);
    }

    /// The entry in `slot`, which is somewhere, has another weight; it goes to the front of its queue.
    pub(super) fn reweigh(&mut self, slot: u32, weight: u32) {
        let part = self.part(slot);
        self.pull(slot);
        self.cards[slot as usize].weight = weight;
        self.push(slot, part);
    }

    fn push(&mut self, slot: u32, part: Part) {
        self.cards[slot as usize].part = part;
        let weight = self.card(slot).weight;
        let mut queue = *self.queue(part, weight);
        self.links.push_front(&mut queue.list, slot);
        queue.weight += u64::from(weight);
        *self.queue(part, weight) = queue;
        if part != Part::Window {
            self.main_weight += u64::from(weight);
        }
    }

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

    /// The slots of a queue, the oldest first.
    pub(super) fn oldest_of(&self, queue: Queue) -> impl Iterator<Item = u32> + '_ {
        std::iter::successors(queue.oldest(), |&slot| {
            Some(self.links.prev(slot)).filter(|&slot| slot != NONE)
        })
    }

    /// Recomputes what is derived; `slots` are all that are held.
    pub(super) fn check(&self, slots: &[u32]) {
        let mut queued = Vec::new();
        let window = self.check_queue(self.window, Part::Window, None, &mut queued);
        assert_eq!(window, self.window.weight, "the window's weight drifted");
        let mut main = 0;
        for (number, class) in self.classes.iter().enumerate() {
            main += self.check_queue(class.probation, Part::Probation, Some(number), &mut queued);
            main += self.check_queue(class.protected, Part::Protected, Some(number), &mut queued);
        }
        assert_eq!(main, self.main_weight, "the main space's weight drifted");
        assert_eq!(queued.len(), self.len, "len drifted");
        queued.sort_unstable();
        let mut held = slots.to_vec();
        held.sort_unstable();
        assert_eq!(queued, held, "queued slots are not those that are held");
        let placed = self.cards.iter().filter(|card| card.part != Part::Nowhere).count();
        assert_eq!(placed, self.len, "a slot that is not queued says it is");
    }

    fn check_queue(&self, queue: Queue, part: Part, class: Option<usize>, queued: &mut Vec<u32>) -> u64 {
        let mut weight = 0;
        for slot in self.links.iter(queue.list) {
            let card = self.card(slot);
            assert_eq!(card.part, part, "slot {slot} is elsewhere");
            assert!(
                class.is_none_or(|class| class == self.class_of(card.weight)),
                "slot {slot} is in a wrong class"
            );
            weight += u64::from(card.weight);
            queued.push(slot);
        }
        assert_eq!(weight, queue.weight, "a queue's weight drifted");
        weight
    }
}
