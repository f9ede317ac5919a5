//! Entries chained by first segment, group beside group: what makes an invalidation cost its matches.
//!
//! Owns: one list of slots for each first segment, where each group begins in it (a group is the first two segments of a
//! key), and the walks that are under way. Never: matches a pattern beyond a first segment, removes an entry.
//!
//! Invariants: the members of a group stand side by side in the list of their segment, a mark at the first of them and
//! at no other; the index names that first one. An entry costs two links, a bit, and a share in the index.
//!
//! A walk may pause between messages while entries come and go. Whatever was there when it began and is still
//! there is visited exactly once, for nothing ever changes its place; what came since may be visited and is told apart
//! by its sequence number.

use super::column::Column;
use super::index::Index;
use super::key::{first_segment_of, group_of};
use super::links::{Links, List, NONE};
use super::scope::{Reach, segment_may_match};

/// The key of the entry in a slot.
pub(crate) trait Names {
    /// The bytes of the key in `slot`, which must be held.
    fn key(&self, slot: u32) -> &[u8];
}

/// A walk over the entries that a scope can reach.
#[derive(Debug, Clone, Copy)]
struct Walk {
    /// The next slot to give, which is always held; [`NONE`]: begin with the first of `segment`.
    slot: u32,
    /// The segment being visited, and the one before which to stop.
    segment: u32,
    segment_end: u32,
    /// Whether to end where the next group begins.
    one_group: bool,
}

impl Walk {
    /// Over nothing.
    const DONE: Self = Self { slot: NONE, segment: 0, segment_end: 0, one_group: false };

    /// From `slot` to the end of its segment, or of its group; over nothing if it is [`NONE`].
    fn from(slot: u32, one_group: bool) -> Self {
        if slot == NONE { Self::DONE } else { Self { slot, segment_end: 1, one_group, ..Self::DONE } }
    }

    /// Goes on from its slot to `next`, the one behind it, which is of the same group or not.
    fn pass(&mut self, next: u32, same_group: bool) {
        let ends = next == NONE || (self.one_group && !same_group);
        self.slot = if ends { NONE } else { next };
        self.segment += u32::from(ends);
    }
}

/// What a step of a walk came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// This slot is next.
    Slot(u32),
    /// Something was passed that cannot match; go on.
    Passed,
    /// There is no more.
    Done,
}

/// The number of a walk under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WalkId(usize);

/// The entries with one first segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Segment {
    list: List,
    len: u32,
}

impl Segment {
    const EMPTY: Self = Self { list: List::EMPTY, len: 0 };
}

/// Groups and segments of one store.
#[derive(Debug)]
pub(crate) struct Groups {
    links: Links,
    /// A bit for each slot: whether it is the first of its group.
    first: Column<u64>,
    /// The first slot of each group, by the group's name.
    groups: Index,
    segments: Column<Segment>,
    free_segments: Vec<u32>,
    /// Places in `segments`, by the segment's name.
    by_segment: Index,
    walks: Vec<Option<Walk>>,
    /// The segment that was found last; most tiers have few.
    recent: u32,
}

impl Default for Groups {
    fn default() -> Self {
        Self {
            links: Links::default(),
            first: Column::new(0),
            groups: Index::default(),
            segments: Column::new(Segment::EMPTY),
            free_segments: Vec::new(),
            by_segment: Index::default(),
            walks: Vec::new(),
            recent: 0,
        }
    }
}

impl Groups {
    /// Adds `slot`, whose key `names` knows. `hash` is the one function for all texts of this store.
    pub(crate) fn insert(&mut self, slot: u32, names: &impl Names, hash: impl Fn(&[u8]) -> u64) {
        let name = group_of(names.key(slot));
        let name_hash = hash(name);
        let segment = self.segment(first_segment_of(name), names, &hash);
        let known = self.find_group(name, name_hash, names);
        let Segment { list, len } = &mut self.segments[segment];
        *len += 1;
        if let Some(first) = known {
            // Behind the first, so that the index and the marks stay as they are.
            let next = self.links.next(first);
            self.links.insert_before(list, next, slot);
        } else {
            self.links.push_front(list, slot);
            self.groups.insert(name_hash, slot, |other| hash(group_of(names.key(other))));
        }
        self.mark(slot, known.is_none());
    }

    /// Takes `slot` out, while `names` still knows its key.
    pub(crate) fn remove(&mut self, slot: u32, names: &impl Names, hash: impl Fn(&[u8]) -> u64) {
        let name = group_of(names.key(slot));
        let next = self.links.next(slot);
        let goes_on = next != NONE && !self.is_first(next);
        // Order that bites without it: a walk pauses before the slot; the slot is taken; it is filled again, elsewhere.
        self.walks
            .iter_mut()
            .flatten()
            .filter(|walk| walk.slot == slot)
            .for_each(|walk| walk.pass(next, goes_on));
        if self.is_first(slot) && goes_on {
            self.groups.replace(hash(name), slot, next);
            self.mark(next, true);
        } else if self.is_first(slot) {
            self.groups.remove(hash(name), slot);
        }
        let segment = self.segment(first_segment_of(name), names, &hash);
        let Segment { list, len } = &mut self.segments[segment];
        self.links.remove(list, slot);
        *len -= 1;
        if *len == 0 {
            self.by_segment.remove(hash(first_segment_of(name)), segment);
            self.free_segments.push(segment);
        }
    }

    fn is_first(&self, slot: u32) -> bool {
        self.first[slot / 64] >> (slot % 64) & 1 == 1
    }

    fn mark(&mut self, slot: u32, first: bool) {
        self.first.grow_to(slot / 64);
        let word = &mut self.first[slot / 64];
        *word = *word & !(1 << (slot % 64)) | u64::from(first) << (slot % 64);
    }

    fn find_group(&self, name: &[u8], hash: u64, names: &impl Names) -> Option<u32> {
        self.groups.find(hash, |first| group_of(names.key(first)) == name)
    }

    /// Whether a key has `name`, of this `hash`, as its first segment.
    pub(crate) fn has_segment(&self, name: &[u8], hash: u64, names: &impl Names) -> bool {
        self.find_segment(name, hash, names).is_some()
    }

    fn find_segment(&self, name: &[u8], hash: u64, names: &impl Names) -> Option<u32> {
        self.by_segment.find(hash, |id| self.segment_name(id, names) == Some(name))
    }

    fn segment_name<'n>(&self, id: u32, names: &'n impl Names) -> Option<&'n [u8]> {
        let head = self.segments.get(id)?.list.head;
        (head != NONE).then(|| first_segment_of(names.key(head)))
    }

    /// The place of the segment called `name`, which is made if there is none.
    fn segment(&mut self, name: &[u8], names: &impl Names, hash: impl Fn(&[u8]) -> u64) -> u32 {
        if self.segment_name(self.recent, names) == Some(name) {
            return self.recent;
        }
        let name_hash = hash(name);
        if let Some(id) = self.find_segment(name, name_hash, names) {
            self.recent = id;
            return id;
        }
        let id = self.free_segments.pop().unwrap_or(self.segments.len() as u32);
        self.segments.put(id, Segment::EMPTY);
        let segments = &self.segments;
        let hash_of = |other: u32| hash(first_segment_of(names.key(segments[other].list.head)));
        self.by_segment.insert(name_hash, id, hash_of);
        id
    }

    /// The number of entries in `reach`, or of segments where there are many of those. The size of a group is
    /// not known and counts as zero.
    pub(crate) fn reached(
        &self,
        reach: &Reach<'_>,
        names: &impl Names,
        hash: impl Fn(&[u8]) -> u64,
    ) -> usize {
        const SEGMENTS_FEW: usize = 64;
        let len = |id: u32| self.segments[id].len as usize;
        match *reach {
            Reach::Key(_) | Reach::Group(_) => 0,
            Reach::Segment(name) => {
                self.find_segment(name.as_bytes(), hash(name.as_bytes()), names).map_or(0, len)
            }
            Reach::Literal(_) if self.segments.len() <= SEGMENTS_FEW => {
                let ids = 0..self.segments.len() as u32;
                ids.filter(|&id| self.is_worth_a_visit(id, reach, names)).map(len).sum()
            }
            Reach::Literal(_) | Reach::All => self.by_segment.len(),
        }
    }

    /// Begins a walk over what `reach` names.
    pub(crate) fn begin(
        &mut self,
        reach: &Reach<'_>,
        names: &impl Names,
        hash: impl Fn(&[u8]) -> u64,
    ) -> WalkId {
        let walk = match *reach {
            Reach::Key(name) | Reach::Group(name) => {
                let name = group_of(name.as_bytes());
                let first = self.find_group(name, hash(name), names);
                Walk::from(first.unwrap_or(NONE), true)
            }
            Reach::Segment(name) => {
                let found = self.find_segment(name.as_bytes(), hash(name.as_bytes()), names);
                Walk::from(found.map_or(NONE, |id| self.segments[id].list.head), false)
            }
            Reach::Literal(_) | Reach::All => Walk { segment_end: self.segments.len() as u32, ..Walk::DONE },
        };
        let free = self.walks.iter().position(Option::is_none).unwrap_or_else(|| {
            self.walks.push(None);
            self.walks.len() - 1
        });
        self.walks[free] = Some(walk);
        WalkId(free)
    }

    /// Takes one step of a walk that was begun with the same `reach`: to an entry, or past a segment. It is asked for once in
    /// a segment, for it takes longer to find than a step.
    pub(crate) fn step<'r>(
        &mut self,
        id: WalkId,
        reach: impl FnOnce() -> Reach<'r>,
        names: &impl Names,
    ) -> Step {
        let Some(mut walk) = self.walks[id.0] else { return Step::Done };
        if walk.segment >= walk.segment_end {
            return Step::Done;
        }
        if walk.slot == NONE && self.is_worth_a_visit(walk.segment, &reach(), names) {
            walk.slot = self.segments[walk.segment].list.head;
        }
        let slot = walk.slot;
        if slot == NONE {
            walk.segment += 1;
        } else {
            let next = self.links.next(slot);
            walk.pass(next, next != NONE && !self.is_first(next));
        }
        self.walks[id.0] = Some(walk);
        if slot == NONE { Step::Passed } else { Step::Slot(slot) }
    }

    fn is_worth_a_visit(&self, segment: u32, reach: &Reach<'_>, names: &impl Names) -> bool {
        match (reach, self.segment_name(segment, names)) {
            (_, None) => false,
            (Reach::Literal(literal), Some(name)) => {
                str::from_utf8(name).is_ok_and(|name| segment_may_match(literal, name))
            }
            _ => true,
        }
    }

    /// Ends a walk.
    pub(crate) fn end(&mut self, id: WalkId) {
        self.walks[id.0] = None;
        while self.walks.last().is_some_and(Option::is_none) {
            self.walks.pop();
        }
    }

    /// Recomputes everything from the `slots` that are held.
    ///
    /// # Panics
    ///
    /// When it does not agree.
    pub(crate) fn check(&self, slots: &[u32], names: &impl Names, hash: impl Fn(&[u8]) -> u64) {
        let (mut chained, mut groups, mut segments) = (Vec::new(), 0, 0);
        for (id, &Segment { list, len }) in (0..).zip(self.segments.iter()) {
            assert_eq!(self.links.iter(list).count(), len as usize, "segment {id} is miscounted");
            assert_eq!(list == List::EMPTY, self.free_segments.contains(&id), "segment {id} is half free");
            let Some(name) = self.segment_name(id, names) else { continue };
            segments += 1;
            assert_eq!(
                self.find_segment(name, hash(name), names),
                Some(id),
                "a segment is indexed elsewhere"
            );
            let mut before = None;
            for slot in self.links.checked(list) {
                let its = group_of(names.key(slot));
                assert_eq!(first_segment_of(its), name, "two segments are mixed");
                assert_eq!(self.is_first(slot), before != Some(its), "the mark of slot {slot} is wrong");
                if self.is_first(slot) {
                    groups += 1;
                    // Found by its name, so a group that stands at two places fails for one of them.
                    let found = self.find_group(its, hash(its), names);
                    assert_eq!(found, Some(slot), "a group is indexed elsewhere");
                }
                before = Some(its);
                chained.push(slot);
            }
        }
        chained.sort_unstable();
        assert_eq!(chained, slots, "what is chained is not what is held");
        assert_eq!(self.groups.len(), groups, "groups are indexed that nobody is in");
        assert_eq!(self.by_segment.len(), segments, "segments are indexed that nobody is in");
        for walk in self.walks.iter().flatten().filter(|walk| walk.slot != NONE) {
            assert!(slots.binary_search(&walk.slot).is_ok(), "a walk pauses before a slot that is free");
        }
    }
}
