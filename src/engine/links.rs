//! Doubly linked lists over slot numbers: the one way in which entries are chained.
//!
//! Owns: previous and next of every slot, and what their owner wants to have beside them: who follows a link has that in the
//! same line of memory. Never: knows what a slot holds; who owns a [`List`] keeps its ends.
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

/// The neighbours of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    prev: u32,
    next: u32,
}

impl Link {
    /// Of a slot that is in no list.
    pub(crate) const NONE: Self = Self { prev: NONE, next: NONE };
}

/// What is kept of a slot.
pub(crate) trait Linked: Clone {
    /// What is kept of a slot that is in no list.
    const UNLINKED: Self;
    /// Its neighbours.
    fn link(&self) -> Link;
    /// Its neighbours, to be changed.
    fn link_mut(&mut self) -> &mut Link;
}

impl Linked for Link {
    const UNLINKED: Self = Self::NONE;

    fn link(&self) -> Link {
        *self
    }

    fn link_mut(&mut self) -> &mut Link {
        self
    }
}

/// The links of all slots, each within an `N`.
#[derive(Debug)]
pub(crate) struct Links<N = Link>(Column<N>);

impl<N: Linked> Default for Links<N> {
    fn default() -> Self {
        Self(Column::new(N::UNLINKED))
    }
}

impl<N: Linked> Links<N> {
    /// What is kept of each slot.
    pub(crate) fn nodes(&self) -> &Column<N> {
        &self.0
    }

    /// What is kept of each slot, to be changed beside its neighbours.
    pub(crate) fn nodes_mut(&mut self) -> &mut Column<N> {
        &mut self.0
    }

    /// The slot behind `slot`, towards the back.
    pub(crate) fn next(&self, slot: u32) -> u32 {
        self.0[slot].link().next
    }

    /// The slot before `slot`, towards the front.
    pub(crate) fn prev(&self, slot: u32) -> u32 {
        self.0[slot].link().prev
    }

    /// Puts `slot`, which is in no list, at the front.
    pub(crate) fn push_front(&mut self, list: &mut List, slot: u32) {
        let before = list.head;
        self.insert_before(list, before, slot);
    }

    /// Puts `slot`, which is in no list, before `next`; at the back when that is [`NONE`].
    pub(crate) fn insert_before(&mut self, list: &mut List, next: u32, slot: u32) {
        let prev = if next == NONE { list.tail } else { self.prev(next) };
        self.0.grow_to(slot);
        *self.0[slot].link_mut() = Link { prev, next };
        match prev {
            NONE => list.head = slot,
            prev => self.0[prev].link_mut().next = slot,
        }
        match next {
            NONE => list.tail = slot,
            next => self.0[next].link_mut().prev = slot,
        }
    }

    /// Reads all that the removal of `slots` changes, so that their waits for memory overlap. The removals
    /// themselves depend on each other by the ends of the list.
    pub(crate) fn fetch(&self, slots: &[u32]) {
        let neighbour = |slot: u32| self.0.get(slot).map_or(NONE, |node| node.link().prev ^ node.link().next);
        let neighbours = slots.iter().map(|&slot| {
            let Link { prev, next } = self.0[slot].link();
            neighbour(prev) ^ neighbour(next)
        });
        std::hint::black_box(neighbours.fold(0, |sum, one| sum ^ one));
    }

    /// Takes `slot` out of `list`, in which it must be.
    pub(crate) fn remove(&mut self, list: &mut List, slot: u32) {
        let Link { prev, next } = self.0[slot].link();
        match prev {
            NONE => list.head = next,
            prev => self.0[prev].link_mut().next = next,
        }
        match next {
            NONE => list.tail = prev,
            next => self.0[next].link_mut().prev = prev,
        }
    }

    /// The slots of `list` from front to back.
    ///
    /// # Panics
    ///
    /// When they are not the same from back to front.
    pub(crate) fn checked(&self, list: List) -> Vec<u32> {
        let slots: Vec<u32> = self.iter(list).collect();
        let mut before = NONE;
        for &slot in &slots {
            assert_eq!(self.prev(slot), before, "slot {slot} knows another before it");
            before = slot;
        }
        assert_eq!(list.tail, before, "a list ends elsewhere");
        slots
    }

    /// The slots of `list` from front to back.
    pub(crate) fn iter(&self, list: List) -> impl Iterator<Item = u32> + '_ {
        std::iter::successors((list.head != NONE).then_some(list.head), move |&slot| {
            let next = self.next(slot);
            (next != NONE).then_some(next)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_list_agrees_with_a_plain_sequence(ops in proptest::collection::vec((0u8..4, 0u32..24), 0..200)) {
            let (mut links, mut list, mut model) = (Links::<Link>::default(), List::EMPTY, Vec::<u32>::new());
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
                prop_assert_eq!(links.checked(list), model.clone());
            }
        }
    }
}
