//! Entries chained by key group, groups chained by first segment: what makes an invalidation cost its matches.
//!
//! Owns: which slot is in which group (the first two segments of its key), which group is in which segment, and the
//! walks that are under way over them. Never: matches a pattern beyond a first segment, removes an entry.
//!
//! A walk may pause between messages while entries come and go. Whatever was there when it began and is still
//! there is visited exactly once; what came since may be visited and is told apart by its sequence number.

use hashbrown::HashTable;

use super::key::{first_segment, group};
use super::links::{Links, List, NONE, grow_to};
use super::scope::{Reach, segment_may_match};

/// The key of the entry in a slot.
pub(crate) trait Names {
    /// Text of the key in `slot`, which must be held.
    fn key(&self, slot: u32) -> &str;
}

#[derive(Debug, Clone, Copy)]
struct Group {
    hash: u64,
    slots: List,
    len: u32,
    segment: u32,
}

#[derive(Debug, Clone, Copy)]
struct Segment {
    hash: u64,
    groups: List,
    /// Entries in all its groups.
    len: u64,
}

/// A walk over the entries that a scope can reach.
#[derive(Debug, Clone, Copy)]
struct Walk {
    /// The segment being visited, and the one before which to stop.
    segment: u32,
    segment_end: u32,
    /// The group being visited, or the last one that was; [`NONE`]: begin with the first of the segment.
    group: u32,
    /// The next slot to give; [`NONE`]: go on to the next group.
    slot: u32,
    /// Whether to end with this group.
    one_group: bool,
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

/// Groups and segments of one store.
#[derive(Debug, Default)]
#[allow(clippy::struct_field_names)] // it is groups of slots and segments of groups, and that is what they are called
pub(crate) struct Groups {
    /// Entries in all segments.
    len: u64,
    of_slot: Vec<u32>,
    links: Links,
    groups: Vec<Group>,
    group_links: Links,
    free_groups: Vec<u32>,
    group_index: HashTable<u32>,
    segments: Vec<Segment>,
    free_segments: Vec<u32>,
    segment_index: HashTable<u32>,
    walks: Vec<Option<Walk>>,
}

impl Groups {
    /// Adds `slot`, whose key `names` knows. `hash` is the one function for all texts of this store.
    pub(crate) fn insert(&mut self, slot: u32, names: &impl Names, hash: impl Fn(&str) -> u64) {
        let name = group(names.key(slot));
        let name_hash = hash(name);
        let id = match self.find_group(name, name_hash, names) {
            Some(id) => id,
            None => self.add_group(name, name_hash, names, hash),
        };
        grow_to(&mut self.of_slot, slot, NONE);
        self.of_slot[slot as usize] = id;
        let group = &mut self.groups[id as usize];
        self.links.push_front(&mut group.slots, slot);
        group.len += 1;
        self.segments[group.segment as usize].len += 1;
        self.len += 1;
    }

    /// Takes `slot` out, while `names` still knows its key.
    pub(crate) fn remove(&mut self, slot: u32) {
        let id = self.of_slot[slot as usize];
        for walk in self.walks.iter_mut().flatten().filter(|walk| walk.slot == slot) {
            walk.slot = self.links.next(slot);
        }
        let group = &mut self.groups[id as usize];
        self.links.remove(&mut group.slots, slot);
        group.len -= 1;
        let segment = &mut self.segments[group.segment as usize];
        segment.len -= 1;
        self.len -= 1;
        self.of_slot[slot as usize] = NONE;
        if self.groups[id as usize].len == 0 {
            self.drop_group(id);
        }
    }

    fn add_group(&mut self, name: &str, hash: u64, names: &impl Names, hash_of: impl Fn(&str) -> u64) -> u32 {
        let segment_name = first_segment(name);
        let segment_hash = hash_of(segment_name);
        let found = self.find_segment(segment_name, segment_hash, names);
        let segment = found.unwrap_or_else(|| {
            let fresh = Segment { hash: segment_hash, groups: List::EMPTY, len: 0 };
            let id = reuse(&mut self.segments, &mut self.free_segments, fresh);
            let segments = &self.segments;
            self.segment_index.insert_unique(segment_hash, id, |&id| segments[id as usize].hash);
            id
        });
        let fresh = Group { hash, slots: List::EMPTY, len: 0, segment };
        let id = reuse(&mut self.groups, &mut self.free_groups, fresh);
        let groups = &self.groups;
        self.group_index.insert_unique(hash, id, |&id| groups[id as usize].hash);
        self.group_links.push_front(&mut self.segments[segment as usize].groups, id);
        id
    }

    fn drop_group(&mut self, id: u32) {
        let Group { hash, segment, .. } = self.groups[id as usize];
        for walk in self.walks.iter_mut().flatten().filter(|walk| walk.group == id) {
            // Its entries were all given or are gone; go on behind the group before it.
            walk.group = self.group_links.prev(id);
            walk.slot = NONE;
            if walk.one_group {
                walk.segment = walk.segment_end;
            }
        }
        self.group_links.remove(&mut self.segments[segment as usize].groups, id);
        if let Ok(place) = self.group_index.find_entry(hash, |&other| other == id) {
            place.remove();
        }
        self.free_groups.push(id);
        let Segment { hash, groups, .. } = self.segments[segment as usize];
        if groups == List::EMPTY {
            if let Ok(place) = self.segment_index.find_entry(hash, |&other| other == segment) {
                place.remove();
            }
            self.free_segments.push(segment);
        }
    }

    fn find_group(&self, name: &str, hash: u64, names: &impl Names) -> Option<u32> {
        let same = |&id: &u32| {
            let other = &self.groups[id as usize];
            other.hash == hash && group(names.key(other.slots.head)) == name
        };
        self.group_index.find(hash, same).copied()
    }

    fn find_segment(&self, name: &str, hash: u64, names: &impl Names) -> Option<u32> {
        let same = |&id: &u32| {
            let other = &self.segments[id as usize];
            other.hash == hash && self.segment_name(id, names) == Some(name)
        };
        self.segment_index.find(hash, same).copied()
    }

    fn segment_name<'n>(&self, id: u32, names: &'n impl Names) -> Option<&'n str> {
        let first = self.segments[id as usize].groups.head;
        (first != NONE).then(|| first_segment(names.key(self.groups[first as usize].slots.head)))
    }

    /// Begins a walk over what `reach` names.
    pub(crate) fn begin(
        &mut self,
        reach: &Reach<'_>,
        names: &impl Names,
        hash: impl Fn(&str) -> u64,
    ) -> WalkId {
        let all = self.segments.len() as u32;
        let mut walk = Walk { segment: 0, segment_end: all, group: NONE, slot: NONE, one_group: false };
        match *reach {
            Reach::Key(name) | Reach::Group(name) => {
                match self.find_group(group(name), hash(group(name)), names) {
                    Some(id) => {
                        let found = &self.groups[id as usize];
                        walk = Walk {
                            segment: found.segment,
                            segment_end: found.segment + 1,
                            group: id,
                            slot: found.slots.head,
                            one_group: true,
                        };
                    }
                    None => walk.segment_end = 0,
                }
            }
            Reach::Segment(name) => match self.find_segment(name, hash(name), names) {
                Some(id) => (walk.segment, walk.segment_end) = (id, id + 1),
                None => walk.segment_end = 0,
            },
            Reach::Literal(_) | Reach::All => {}
        }
        let free = self.walks.iter().position(Option::is_none).unwrap_or_else(|| {
            self.walks.push(None);
            self.walks.len() - 1
        });
        self.walks[free] = Some(walk);
        WalkId(free)
    }

    /// Takes one step of a walk that was begun with the same `reach`.
    pub(crate) fn step(&mut self, id: WalkId, reach: &Reach<'_>, names: &impl Names) -> Step {
        let Some(mut walk) = self.walks[id.0] else { return Step::Done };
        let step = if walk.segment >= walk.segment_end {
            Step::Done
        } else if walk.slot != NONE {
            let slot = walk.slot;
            walk.slot = self.links.next(slot);
            Step::Slot(slot)
        } else if walk.one_group {
            Step::Done
        } else {
            self.next_group(&mut walk, reach, names);
            Step::Passed
        };
        self.walks[id.0] = Some(walk);
        step
    }

    fn next_group(&self, walk: &mut Walk, reach: &Reach<'_>, names: &impl Names) {
        let group = if walk.group == NONE {
            let worth = match (reach, self.segment_name(walk.segment, names)) {
                (_, None) => false,
                (Reach::Literal(literal), Some(name)) => segment_may_match(literal, name),
                _ => true,
            };
            if worth { self.segments[walk.segment as usize].groups.head } else { NONE }
        } else {
            self.group_links.next(walk.group)
        };
        walk.group = group;
        if group == NONE {
            walk.segment += 1;
        } else {
            walk.slot = self.groups[group as usize].slots.head;
        }
    }

    /// Ends a walk.
    pub(crate) fn end(&mut self, id: WalkId) {
        self.walks[id.0] = None;
        while self.walks.last().is_some_and(Option::is_none) {
            self.walks.pop();
        }
    }

    /// Panics if a derived number or name does not agree with the `slots` that are held.
    pub(crate) fn check(&self, slots: &[u32], names: &impl Names) {
        let mut chained = 0;
        for (id, group_) in self.groups.iter().enumerate() {
            let members: Vec<u32> = self.links.iter(group_.slots).collect();
            assert_eq!(members.len(), group_.len as usize, "group {id} miscounts its members");
            let free = self.free_groups.contains(&(id as u32));
            assert_eq!(members.is_empty(), free, "group {id} is empty and not free, or the reverse");
            for &slot in &members {
                assert_eq!(self.of_slot[slot as usize], id as u32, "slot {slot} thinks it is elsewhere");
                assert_eq!(group(names.key(slot)), group(names.key(members[0])), "two groups are mixed");
            }
            chained += members.len();
        }
        assert_eq!(chained, slots.len(), "slots and members differ");
        assert_eq!(self.len, slots.len() as u64, "entries are miscounted");
        for (id, segment) in self.segments.iter().enumerate() {
            let groups: Vec<u32> = self.group_links.iter(segment.groups).collect();
            let members: u64 = groups.iter().map(|&group| u64::from(self.groups[group as usize].len)).sum();
            assert_eq!(members, segment.len, "segment {id} miscounts its entries");
            assert_eq!(
                groups.is_empty(),
                self.free_segments.contains(&(id as u32)),
                "segment {id} is half free"
            );
        }
        assert_eq!(self.group_index.len() + self.free_groups.len(), self.groups.len());
        assert_eq!(self.segment_index.len() + self.free_segments.len(), self.segments.len());
    }
}

/// Puts `item` into a free place of `slab` or behind its end, and returns where.
fn reuse<T>(slab: &mut Vec<T>, free: &mut Vec<u32>, item: T) -> u32 {
    if let Some(id) = free.pop() {
        slab[id as usize] = item;
        return id;
    }
    slab.push(item);
    slab.len() as u32 - 1
}
