//! How much memory containers and boxes take.
//!
//! Owns: the layouts of the standard library's containers, as far as their sizes go. Never: sees a value; types are told
//! apart by name, and a name that is not known, or that a later compiler writes differently, counts as a plain list.

use std::any::type_name;

/// A text that its reader was only lent is counted from this length on: what is shorter was most likely parsed (a date, an
/// address), what is longer was most likely kept.
pub(super) const TEXT_KEPT: usize = 64;
/// What `serde` reserves at most because an input says how long it is.
const RESERVED_MAX: usize = 1 << 20;
/// Reference counts of an `Arc` or `Rc`.
const COUNTS: usize = 2 * size_of::<usize>();
/// Entries of a full node of a B-tree.
const NODE_FULL: usize = 11;
/// Entries that a node keeps when it is split because larger ones came; with the one that goes up.
const NODE_LEFT: usize = 7;
/// Pointers of an inner node of a B-tree to those below.
const EDGES: usize = (NODE_FULL + 1) * size_of::<usize>();

/// Where a value goes that is being read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    size: usize,
    put: Put,
}

/// How a value gets into its place.
#[derive(Debug, Clone, Copy)]
enum Put {
    /// As it is, or in a box that the name does not tell of.
    AsItIs,
    /// Into a box with so many bytes beside it.
    Boxed(usize),
    /// What it has on the heap goes to the heap with so many bytes beside it: `Arc<str>`, `Box<[T]>`.
    Moved(usize),
}

impl Place {
    /// The place that a `P` takes.
    #[inline]
    pub(super) fn of<P>() -> Self {
        Self { size: size_of::<P>(), put: put(type_name::<P>()) }
    }

    /// The place of the value inside an `O`, which is an `Option`.
    #[inline]
    pub(super) fn inside<O>() -> Self {
        let name = type_name::<O>();
        Self { size: size_of::<O>(), put: put(name.strip_prefix("core::option::Option<").unwrap_or(name)) }
    }

    /// The place of all that a `W` is made of.
    #[inline]
    pub(super) fn within<W>() -> Self {
        Self { size: size_of::<W>(), put: Put::AsItIs }
    }

    /// Bytes on the heap of the box that a `V` is put into to be in this place. `whole`: the `V` is what the type of the
    /// place reads; it cannot be larger than its place.
    #[inline]
    pub(super) fn boxes<V>(self, whole: bool) -> usize {
        match self.put {
            Put::Boxed(beside) => size_of::<V>() + beside,
            Put::Moved(beside) => beside,
            Put::AsItIs if whole && size_of::<V>() > self.size => size_of::<V>(),
            Put::AsItIs => 0,
        }
    }
}

#[inline]
fn put(name: &str) -> Put {
    let (inner, beside) = if let Some(inner) = name.strip_prefix("alloc::boxed::Box<") {
        (inner, 0)
    } else if let Some(inner) =
        name.strip_prefix("alloc::sync::Arc<").or_else(|| name.strip_prefix("alloc::rc::Rc<"))
    {
        (inner, COUNTS)
    } else {
        return Put::AsItIs;
    };
    if inner.starts_with("str>") || inner.starts_with('[') { Put::Moved(beside) } else { Put::Boxed(beside) }
}

/// Size and alignment of what a container holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    size: usize,
    align: usize,
}

impl Item {
    #[inline]
    pub(super) fn of<T>() -> Self {
        Self { size: size_of::<T>(), align: align_of::<T>() }
    }

    pub(super) const NONE: Self = Self { size: 0, align: 1 };

    /// Both, beside each other.
    fn and(self, other: Self) -> Self {
        let align = self.align.max(other.align);
        Self { size: (self.size + other.size).next_multiple_of(align), align }
    }
}

/// How a container holds its elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One after the other, with spare room once it had to grow.
    List,
    /// In the buckets of a hash table.
    Hash,
    /// In the nodes of a B-tree.
    Tree,
    /// As `serde_json` does: a list that was told nothing, a map in a B-tree.
    Json,
    /// In a buffer of `serde`, from which the value is made later: an enum without tag, or with the tag inside.
    Buffer,
}

impl Shape {
    /// That of a `C`.
    #[inline]
    pub(super) fn of<C>() -> Self {
        let name = type_name::<C>();
        let begins = |names: &[&str]| names.iter().any(|one| name.starts_with(one));
        if begins(&["alloc::vec::Vec<"]) {
            Self::List
        } else if begins(&["std::collections::hash", "hashbrown::"]) {
            Self::Hash
        } else if begins(&["alloc::collections::btree"]) {
            Self::Tree
        } else if begins(&["serde_json::value::Value"]) {
            Self::Json
        } else if name.contains("::Content") {
            Self::Buffer
        } else {
            Self::List
        }
    }

    /// Bytes of a container of `count` elements that was told to expect `hint`.
    pub(super) fn bytes(self, count: usize, hint: Option<usize>, key: Item, value: Item) -> usize {
        match self {
            Self::List | Self::Buffer => list(count, hint, key.and(value).size),
            Self::Hash => hash(count, key.and(value).size),
            Self::Json if value.size == 0 => list(count, None, key.size),
            Self::Tree | Self::Json => tree(count, key, value),
        }
    }
}

/// A list grows to the double of what it has.
fn list(count: usize, hint: Option<usize>, size: usize) -> usize {
    if size == 0 || count == 0 && hint.unwrap_or(0) == 0 {
        return 0;
    }
    let mut room = hint.unwrap_or(0).min(RESERVED_MAX / size);
    while room < count {
        room = (room * 2).max(count.min(4));
    }
    room * size
}

/// A power of two of buckets, filled to seven eighths, with a byte each and a group at the end.
fn hash(count: usize, size: usize) -> usize {
    const GROUP: usize = 16;
    let buckets = match count {
        0 => return 0,
        1..=3 => 4,
        4..=7 => 8,
        8..=14 => 16,
        _ => (count * 8 / 7).next_power_of_two(),
    };
    (buckets * size).next_multiple_of(GROUP) + buckets + GROUP
}

/// Nodes of which all but the last were split when they were full: a map is written in the order of its keys.
fn tree(count: usize, key: Item, value: Item) -> usize {
    let head = 2 * size_of::<usize>(); // a pointer upwards and two short numbers
    let leaf =
        (head + NODE_FULL * (key.size + value.size)).next_multiple_of(key.align.max(value.align).max(8));
    let mut entries = count;
    let mut node = leaf;
    let mut bytes = 0;
    while entries > 0 {
        let nodes = if entries <= NODE_FULL { 1 } else { 2 + (entries - NODE_FULL - 1) / NODE_LEFT };
        bytes += nodes * node;
        entries = nodes - 1; // one between two nodes is in the level above
        node = leaf + EDGES;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_double_and_tables_are_powers_of_two() {
        assert_eq!([list(0, Some(0), 8), list(3, Some(3), 8), list(5, None, 8)], [0, 24, 64]);
        assert_eq!(list(200_000, Some(200_000), 8), 2 * (1 << 20));
        assert_eq!([hash(0, 32), hash(3, 32), hash(15, 32)], [0, 4 * 33 + 16, 32 * 33 + 16]);
    }

    #[test]
    fn a_tree_has_a_node_for_seven_entries_and_one_above_seven_nodes() {
        let (key, value) = (Item::of::<u64>(), Item::of::<u64>());
        let leaf = 16 + 11 * 16;
        assert_eq!(tree(0, key, value), 0);
        assert_eq!(tree(11, key, value), leaf);
        assert_eq!(tree(12, key, value), 3 * leaf + EDGES);
    }
}
