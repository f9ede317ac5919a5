//! The index of tags: which entries have a tag, oldest first, so that an invalidation by tag costs its matches.
//!
//! Owns: one list of entries for each tag in use, with its length and bytes, and the walks under way over them.
//! Never: removes an entry, or outlives one: what leaves the store leaves every list, and an empty list leaves the index.
//!
//! A list is in the order of store: new entries go to its back, and a number once given is not changed. So everything
//! stored before an invalidation stands before everything stored since, and a walk ends at the first that is newer.
//! A walk may pause between messages while entries come and go; one that is about to give a place which leaves goes on
//! with the place behind it.

use hashbrown::HashTable;

use super::column::Column;
use super::links::{Links, List, NONE};
use super::tag::{Tag, Tags};

/// An entry's place in the list of one of its tags.
#[derive(Debug, Clone, Copy)]
struct Node {
    slot: u32,
    list: u32,
    /// The next place of the same entry.
    other: u32,
}

#[derive(Debug)]
struct OfTag {
    tag: Tag,
    nodes: List,
    len: u32,
    bytes: u64,
}

/// Bytes that an entry's place costs: node and links, and the slack of growing columns.
pub(crate) const NODE: usize = (size_of::<Node>() + 8) * 9 / 8;
/// Bytes that a tag in use costs: its list, and the pointer and mark in the index at a load of three quarters.
pub(crate) const LIST: usize = size_of::<Option<OfTag>>() * 9 / 8 + (size_of::<u32>() + 1) * 4 / 3;

/// The number of a walk under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TagWalk(usize);

/// The tags of all entries of one store.
#[derive(Debug)]
pub(crate) struct TagIndex {
    nodes: Column<Node>,
    links: Links,
    free_nodes: Vec<u32>,
    /// The first place of the entry in each slot; [`NONE`]: it has no tags.
    of_slot: Column<u32>,
    lists: Vec<Option<OfTag>>,
    free_lists: Vec<u32>,
    by_name: HashTable<u32>,
    /// The place that each walk gives next; [`NONE`]: it is through.
    walks: Vec<Option<u32>>,
}

impl Default for TagIndex {
    fn default() -> Self {
        Self {
            nodes: Column::new(Node { slot: NONE, list: NONE, other: NONE }),
            links: Links::default(),
            free_nodes: Vec::new(),
            of_slot: Column::new(NONE),
            lists: Vec::new(),
            free_lists: Vec::new(),
            by_name: HashTable::new(),
            walks: Vec::new(),
        }
    }
}

impl TagIndex {
    /// Adds the entry in `slot`, which is newer than all others. `hash` is the one function for all texts of this store.
    pub(crate) fn insert(&mut self, slot: u32, tags: &Tags, weight: u64, hash: impl Fn(&str) -> u64) {
        if tags.is_empty() {
            return;
        }
        self.of_slot.grow_to(slot);
        debug_assert_eq!(self.of_slot[slot], NONE, "the entry that was there was not removed");
        for tag in tags.as_slice() {
            let list = self.find(tag, &hash).unwrap_or_else(|| self.add_list(tag, &hash));
            let node = self.add_node(Node { slot, list, other: self.of_slot[slot] });
            self.of_slot[slot] = node;
            let of_tag = self.lists[list as usize].as_mut().expect("the index names only lists in use");
            self.links.insert_before(&mut of_tag.nodes, NONE, node);
            of_tag.len += 1;
            of_tag.bytes += weight;
        }
    }

    /// Takes the entry in `slot`, which weighs `weight`, out of all lists. Cost: its tags.
    pub(crate) fn remove(&mut self, slot: u32, weight: u64, hash: impl Fn(&str) -> u64) {
        let Some(&(mut next)) = self.of_slot.get(slot) else { return };
        self.of_slot[slot] = NONE;
        while next != NONE {
            let node = next;
            let Node { list, other, .. } = self.nodes[node];
            let behind = self.links.next(node);
            for walk in self.walks.iter_mut().flatten().filter(|walk| **walk == node) {
                *walk = behind;
            }
            let of_tag = self.lists[list as usize].as_mut().expect("a place is in a list in use");
            self.links.remove(&mut of_tag.nodes, node);
            of_tag.len -= 1;
            of_tag.bytes -= weight;
            if of_tag.len == 0 {
                self.drop_list(list, &hash);
            }
            self.free_nodes.push(node);
            next = other;
        }
    }

    fn find(&self, tag: &Tag, hash: impl Fn(&str) -> u64) -> Option<u32> {
        let named = |list: &u32| self.lists[*list as usize].as_ref().is_some_and(|of_tag| of_tag.tag == *tag);
        self.by_name.find(hash(tag.as_str()), named).copied()
    }

    fn add_list(&mut self, tag: &Tag, hash: impl Fn(&str) -> u64) -> u32 {
        let of_tag = OfTag { tag: tag.clone(), nodes: List::EMPTY, len: 0, bytes: 0 };
        let list = self.free_lists.pop().unwrap_or(self.lists.len() as u32);
        grow_with(&mut self.lists, list);
        self.lists[list as usize] = Some(of_tag);
        let lists = &self.lists;
        let rehash =
            |list: &u32| lists[*list as usize].as_ref().map_or(0, |of_tag| hash(of_tag.tag.as_str()));
        self.by_name.insert_unique(hash(tag.as_str()), list, rehash);
        list
    }

    fn drop_list(&mut self, list: u32, hash: impl Fn(&str) -> u64) {
        let Some(of_tag) = self.lists[list as usize].take() else { return };
        if let Ok(found) = self.by_name.find_entry(hash(of_tag.tag.as_str()), |other| *other == list) {
            found.remove();
        }
        self.free_lists.push(list);
    }

    fn add_node(&mut self, node: Node) -> u32 {
        let Some(place) = self.free_nodes.pop() else { return self.nodes.push(node) };
        self.nodes[place] = node;
        place
    }

    /// Entries with `tag`, and the bytes they are charged with. Cost: one look.
    pub(crate) fn count(&self, tag: &Tag, hash: impl Fn(&str) -> u64) -> (u64, u64) {
        let found = self.find(tag, hash).and_then(|list| self.lists[list as usize].as_ref());
        found.map_or((0, 0), |of_tag| (of_tag.len.into(), of_tag.bytes))
    }

    /// Begins a walk over the entries with `tag`, the oldest first. It must be ended, unless the store is cleared.
    pub(crate) fn begin(&mut self, tag: &Tag, hash: impl Fn(&str) -> u64) -> TagWalk {
        let list = self.find(tag, hash).and_then(|list| self.lists[list as usize].as_ref());
        let walk = Some(list.map_or(NONE, |of_tag| of_tag.nodes.head));
        let place = self.walks.iter().position(Option::is_none).unwrap_or_else(|| {
            self.walks.push(None);
            self.walks.len() - 1
        });
        self.walks[place] = walk;
        TagWalk(place)
    }

    /// The next slot of a walk; `None` when there is no more.
    pub(crate) fn step(&mut self, TagWalk(walk): TagWalk) -> Option<u32> {
        let next = self.walks[walk].as_mut().filter(|next| **next != NONE)?;
        let node = *next;
        *next = self.links.next(node);
        Some(self.nodes[node].slot)
    }

    /// Ends a walk.
    pub(crate) fn end(&mut self, TagWalk(walk): TagWalk) {
        self.walks[walk] = None;
    }

    /// Drops about `limit` tags of an index that is no longer used; returns whether there are more.
    pub(crate) fn drop_some(&mut self, limit: usize) -> bool {
        self.lists.truncate(self.lists.len().saturating_sub(limit));
        !self.lists.is_empty()
    }

    /// Recomputes everything from the entries: slot, number, tags and weight of each.
    ///
    /// # Panics
    ///
    /// When it does not agree.
    pub(crate) fn check(&self, entries: &[(u32, u64, &Tags, u64)], hash: impl Fn(&str) -> u64) {
        let mut wanted = std::collections::BTreeMap::<&Tag, Vec<(u64, u32, u64)>>::new();
        for &(slot, seq, tags, weight) in entries {
            for tag in tags.as_slice() {
                wanted.entry(tag).or_default().push((seq, slot, weight));
            }
        }
        assert_eq!(self.by_name.len(), wanted.len(), "tags are indexed that no entry has");
        assert_eq!(self.lists.iter().flatten().count(), wanted.len(), "lists were lost");
        let mut places = 0;
        for (tag, mut entries) in wanted {
            entries.sort_unstable();
            let list = self.find(tag, &hash).expect("the tag of an entry is not indexed");
            let of_tag = self.lists[list as usize].as_ref().expect("the index names a list that is free");
            let slots: Vec<u32> = self.links.iter(of_tag.nodes).map(|node| self.nodes[node].slot).collect();
            let in_order: Vec<u32> = entries.iter().map(|&(_, slot, _)| slot).collect();
            assert_eq!(slots, in_order, "the list of {tag} is not its entries in the order of store");
            let bytes: u64 = entries.iter().map(|&(_, _, weight)| weight).sum();
            assert_eq!(
                (of_tag.len as usize, of_tag.bytes),
                (slots.len(), bytes),
                "the counts of {tag} drifted"
            );
            places += slots.len();
        }
        assert_eq!(self.nodes.len() - self.free_nodes.len(), places, "places were lost");
    }
}

/// Grows as a vector of lists does, by an eighth: lists cannot be cloned.
fn grow_with<T>(column: &mut Vec<Option<T>>, place: u32) {
    let needed = place as usize + 1;
    if needed > column.capacity() {
        column.reserve_exact((needed - column.len()).max(column.len() / 8).max(64));
    }
    if needed > column.len() {
        column.resize_with(needed, || None);
    }
}
