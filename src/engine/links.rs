//! Doubly linked lists over slot numbers: the one way in which entries are chained.
//!
//! Owns: previous and next of every slot. Never: knows what a slot holds; who owns a [`List`] keeps its ends.
//!
//! Invariant: a slot is in at most one list of the same `Links`.

use super::column::Column;

/// No slot.
pub(crate) const NONE: u32 = u32::MAX;

/// Both ends of one list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct List {
    /// The slot at the front.
    pub(crate) head: u32,
    /// The slot at the back.
    pub(crate) tail: u32,
}

impl List {
    /// A list of nothing.
    pub(crate) const EMPTY: Self = Self { head: NONE, tail: NONE };
}

#[derive(Debug, Clone, Copy)]
struct Link {
    prev: u32,
    next: u32,
}

/// The links of all slots.
#[derive(Debug)]
pub(crate) struct Links(Column<Link>);

impl Default for Links {
    fn default() -> Self {
        Self(Column::new(Link { prev: NONE, next: NONE }))
    }
}

impl Links {
    /// The slot behind `slot`, towards the back.
    pub(crate) fn next(&self, slot: u32) -> u32 {
        self.0[slot].next
    }

    /// The slot before `slot`, towards the front.
    pub(crate) fn prev(&self, slot: u32) -> u32 {
        self.0[slot].prev
    }

    /// Puts `slot`, which is in no list, at the front.
    pub(crate) fn push_front(&mut self, list: &mut List, slot: u32) {
        let before = list.head;
        self.insert_before(list, before, slot);
    }

    /// Puts `slot`, which is in no list, before `next`; at the back when that is [`NONE`].
    pub(crate) fn insert_before(&mut self, list: &mut List, next: u32, slot: u32) {
        let prev = if next == NONE { list.tail } else { self.prev(next) };
        self.0.put(slot, Link { prev, next });
        match prev {
            NONE => list.head = slot,
            prev => self.0[prev].next = slot,
        }
        match next {
            NONE => list.tail = slot,
            next => self.0[next].prev = slot,
        }
    }

    /// Takes `slot` out of `list`, in which it must be.
    pub(crate) fn remove(&mut self, list: &mut List, slot: u32) {
        let Link { prev, next } = self.0[slot];
        match prev {
            NONE => list.head = next,
            prev => self.0[prev].next = next,
        }
        match next {
            NONE => list.tail = prev,
            next => self.0[next].prev = prev,
        }
    }

    /// The slots of `list` from front to back.
    pub(crate) fn iter(&self, list: List) -> impl Iterator<Item = u32> + '_ {
        std::iter::successors((list.head != NONE).then_some(list.head), move |&slot| {
            let next = self.next(slot);
            (next != NONE).then_some(next)
        })
    }
}

/// Grows `column` until it holds `slot`. By an eighth, not by doubling: the slack is charged to nobody.
pub(crate) fn grow_to<T: Clone>(column: &mut Vec<T>, slot: u32, empty: T) {
    let needed = slot as usize + 1;
    if needed > column.capacity() {
        column.reserve_exact((needed - column.len()).max(column.len() / 8).max(64));
    }
    if needed > column.len() {
        column.resize(needed, empty);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_list_agrees_with_a_plain_sequence(ops in proptest::collection::vec((0u8..4, 0u32..24), 0..200)) {
            let (mut links, mut list, mut model) = (Links::default(), List::EMPTY, Vec::<u32>::new());
            for (op, slot) in ops {
                let place = model.iter().position(|&other| other == slot);
                match (op, place) {
                    (0, None) => {
                        links.push_front(&mut list, slot);
                        model.insert(0, slot);
                    }
                    (1, None) => {
                        links.insert_before(&mut list, NONE, slot);
                        model.push(slot);
                    }
                    (2, None) => {
                        let middle = model.len() / 2;
                        let next = model.get(middle).copied().unwrap_or(NONE);
                        links.insert_before(&mut list, next, slot);
                        model.insert(middle, slot);
                    }
                    (_, Some(place)) => {
                        links.remove(&mut list, slot);
                        model.remove(place);
                    }
                    _ => {}
                }
                prop_assert_eq!(links.iter(list).collect::<Vec<_>>(), model.clone());
                prop_assert_eq!(list.tail, model.last().copied().unwrap_or(NONE));
            }
        }
    }
}
