//! The queues of the window and of the main space, which slot stands where, and what it was worth when it was put there.
//!
//! Owns: the links, the place of each slot, and the weight of each queue; of a slot all of it in 16 bytes that lie in one line of
//! memory. Never: decides where an entry belongs, or keeps what it weighs: who calls says so, and tells when it changes.

use crate::engine::links::{Link, Linked, Links, List, NONE};

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

/// Part and class in a byte: 0 is nowhere, 1 the window, then the queues of each class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place(u8);

impl Place {
    const NOWHERE: Self = Self(0);
    const WINDOW: Self = Self(1);

    fn new(part: Part, class: usize) -> Self {
        match part {
            Part::Nowhere => Self::NOWHERE,
            Part::Window => Self::WINDOW,
            Part::Probation => Self(2 + 2 * class as u8),
            Part::Protected => Self(3 + 2 * class as u8),
        }
    }

    fn part(self) -> Part {
        match self.0 {
            0 => Part::Nowhere,
            1 => Part::Window,
            main if main.is_multiple_of(2) => Part::Probation,
            _ => Part::Protected,
        }
    }

    fn class(self) -> usize {
        usize::from(self.0.saturating_sub(2) / 2)
    }
}

/// What is kept of a slot.
#[derive(Debug, Clone, Copy)]
struct Node {
    link: Link,
    /// The upper 56 bits of its worth: what is left out is less than any estimate can tell.
    worth: (u32, [u8; 3]),
    place: Place,
}

impl Linked for Node {
    const UNLINKED: Self = Self { link: Link::NONE, worth: (0, [0; 3]), place: Place::NOWHERE };

    fn link(&self) -> Link {
        self.link
    }

    fn link_mut(&mut self) -> &mut Link {
        &mut self.link
    }
}

/// Bytes that are kept of a slot.
pub(super) const NODE: usize = size_of::<Node>();

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
    /// Victims on probation since one was last found to have been read.
    pub(super) unread: u32,
}

impl Class {
    const EMPTY: Self = Self { probation: Queue::EMPTY, protected: Queue::EMPTY, unread: 0 };

    pub(super) fn weight(&self) -> u64 {
        self.probation.weight + self.protected.weight
    }

    fn is_used(&self) -> bool {
        self.probation.oldest().or(self.protected.oldest()).is_some()
    }
}

/// Window and main space.
#[derive(Debug)]
pub(super) struct Spaces {
    /// All entries are of one class.
    one_class: bool,
    pub(super) window: Queue,
    pub(super) classes: Box<[Class; CLASSES]>,
    /// A bit for each class that holds anything.
    pub(super) in_use: u32,
    /// The sum over all classes.
    pub(super) main_weight: u64,
    links: Links<Node>,
    /// Entries in both spaces.
    pub(super) len: usize,
}

impl Spaces {
    pub(super) fn new(one_class: bool) -> Self {
        Self {
            one_class,
            window: Queue::EMPTY,
            classes: Box::new([Class::EMPTY; CLASSES]),
            in_use: 0,
            main_weight: 0,
            links: Links::default(),
            len: 0,
        }
    }

    pub(super) fn part(&self, slot: u32) -> Part {
        self.links.nodes().get(slot).map_or(Part::Nowhere, |node| node.place.part())
    }

    /// What was said of `slot`, which is somewhere, that it is worth.
    pub(super) fn worth(&self, slot: u32) -> f64 {
        let (low, [first, second, third]) = self.links.nodes()[slot].worth;
        let [a, b, c, d] = low.to_le_bytes();
        f64::from_le_bytes([0, a, b, c, d, first, second, third])
    }

    /// Says what `slot`, which is somewhere, is worth.
    pub(super) fn appraise(&mut self, slot: u32, worth: f64) {
        let [_, a, b, c, d, first, second, third] = worth.to_le_bytes();
        self.links.nodes_mut()[slot].worth = (u32::from_le_bytes([a, b, c, d]), [first, second, third]);
    }

    fn place(&self, slot: u32) -> Place {
        self.links.nodes()[slot].place
    }

    fn class_of(&self, weight: u64) -> usize {
        if self.one_class { 0 } else { (weight.max(1).ilog2() as usize).min(CLASSES - 1) }
    }

    fn queue(&mut self, place: Place) -> &mut Queue {
        let class = &mut self.classes[place.class()];
        match place.part() {
            Part::Probation => &mut class.probation,
            Part::Protected => &mut class.protected,
            Part::Window | Part::Nowhere => &mut self.window,
        }
    }

    /// Puts a new entry at the front of `part`, into a slot that is nowhere.
    pub(super) fn insert(&mut self, slot: u32, weight: u64, part: Part) {
        self.len += 1;
        self.push(slot, weight, part);
    }

    /// See [`Links::fetch`].
    pub(super) fn fetch(&self, slots: &[u32]) {
        self.links.fetch(slots);
    }

    /// Takes out the entry in `slot`, which is somewhere.
    pub(super) fn remove(&mut self, slot: u32, weight: u64) {
        self.pull(slot, weight);
        self.len -= 1;
    }

    /// Puts the entry in `slot` at the front of `part`.
    pub(super) fn move_to(&mut self, slot: u32, weight: u64, part: Part) {
        self.pull(slot, weight);
        self.push(slot, weight, part);
    }

    /// The entry in `slot`, which is somewhere, weighs `after` instead of `before`. Where that makes it one of another class, it
    /// goes to the front there; else it stays in its place. Whether it went.
    pub(super) fn reweigh(&mut self, slot: u32, before: u64, after: u64) -> bool {
        let place = self.place(slot);
        let moves = place.part() != Part::Window && place.class() != self.class_of(after);
        if moves {
            self.pull(slot, before);
            self.push(slot, after, place.part());
        } else {
            let queue = self.queue(place);
            queue.weight = queue.weight - before + after;
            if place.part() != Part::Window {
                self.main_weight = self.main_weight - before + after;
            }
        }
        moves
    }

    fn push(&mut self, slot: u32, weight: u64, part: Part) {
        let place = Place::new(part, self.class_of(weight));
        let mut queue = *self.queue(place);
        self.links.push_front(&mut queue.list, slot);
        self.links.nodes_mut()[slot].place = place;
        queue.weight += weight;
        *self.queue(place) = queue;
        if part != Part::Window {
            self.main_weight += weight;
            self.in_use |= 1 << place.class();
        }
    }

    fn pull(&mut self, slot: u32, weight: u64) {
        let place = std::mem::replace(&mut self.links.nodes_mut()[slot].place, Place::NOWHERE);
        let mut queue = *self.queue(place);
        self.links.remove(&mut queue.list, slot);
        queue.weight -= weight;
        *self.queue(place) = queue;
        if place.part() != Part::Window {
            self.main_weight -= weight;
            let is_empty = !self.classes[place.class()].is_used();
            self.in_use &= !(u32::from(is_empty) << place.class());
        }
    }

    /// The classes that hold anything.
    pub(super) fn classes_in_use(&self) -> impl Iterator<Item = usize> + use<> {
        let mut left = self.in_use;
        std::iter::from_fn(move || {
            let class = (left != 0).then(|| left.trailing_zeros() as usize)?;
            left &= left - 1;
            Some(class)
        })
    }

    /// The slots of a queue, the oldest first.
    pub(super) fn oldest_of(&self, queue: Queue) -> impl Iterator<Item = u32> + '_ {
        std::iter::successors(queue.oldest(), |&slot| {
            Some(self.links.prev(slot)).filter(|&slot| slot != NONE)
        })
    }

    /// Recomputes what is derived; `slots` are all that are held, and each is of a `weight`.
    pub(super) fn check(&self, slots: &[u32], weight: &dyn Fn(u32) -> u64) {
        let mut queued = Vec::new();
        self.check_queue(self.window, Place::WINDOW, weight, &mut queued);
        for (number, class) in self.classes.iter().enumerate() {
            let (probation, protected) = (class.probation, class.protected);
            self.check_queue(probation, Place::new(Part::Probation, number), weight, &mut queued);
            self.check_queue(protected, Place::new(Part::Protected, number), weight, &mut queued);
        }
        let main: u64 = self.classes.iter().map(Class::weight).sum();
        assert_eq!(main, self.main_weight, "the main space's weight drifted");
        let in_use = (0..CLASSES).filter(|&class| self.classes[class].is_used());
        assert!(self.classes_in_use().eq(in_use), "a class that holds something is passed over");
        assert_eq!(queued.len(), self.len, "len drifted");
        queued.sort_unstable();
        let mut held = slots.to_vec();
        held.sort_unstable();
        assert_eq!(queued, held, "queued slots are not those that are held");
        let placed = self.links.nodes().iter().filter(|node| node.place != Place::NOWHERE).count();
        assert_eq!(placed, self.len, "a slot that is not queued says it is");
    }

    fn check_queue(&self, queue: Queue, place: Place, weight: &dyn Fn(u32) -> u64, queued: &mut Vec<u32>) {
        let mut sum = 0;
        for slot in self.links.checked(queue.list) {
            assert_eq!(self.place(slot), place, "slot {slot} is elsewhere");
            let class = if place == Place::WINDOW { 0 } else { self.class_of(weight(slot)) };
            assert_eq!(class, place.class(), "slot {slot} is in a wrong class");
            sum += weight(slot);
            queued.push(slot);
        }
        assert_eq!(sum, queue.weight, "a queue's weight drifted");
    }
}
