//! What an entry is charged with: its key, its value, and what it costs to keep.
//!
//! Owns: the fixed parts. Never: looks at an allocator; a test with a counting one keeps the numbers honest.

use std::mem::size_of;

use super::entry::{FIXED, RARE};
use super::key::Key;
use super::policy::KEPT;
use super::tag::{Tag, Tags};
use super::tags::{LIST, NODE};
use crate::codec::value::Value;

/// Slot number, links of its group and a share in the index of groups, when it is due, what the policy keeps, place among tags:
/// one of each per slot. A policy that keeps less than another is charged the same: a tier's memory is never more than was charged.
const COLUMNS: usize = size_of::<usize>() + 8 + 9 + 4 + KEPT + 4;
/// A tag and a slot of the view, at the mean load of two thirds.
const INDEX: usize = 12 * 3 / 2;

/// Bytes charged for an entry beside its key and its value, on a 64-bit machine.
pub const OVERHEAD: u64 = (FIXED + COLUMNS + INDEX) as u64;

/// Bytes charged for a tag of an entry beside its text: pointer, text of its own, place, and list. That is what it costs when
/// no other entry has it; what entries share is charged to each of them, so that memory is never more than was charged.
const TAG: u64 = (size_of::<&str>() + 2 * size_of::<usize>() + NODE + LIST * 4 / 5) as u64;

/// A host's function that says what a value is charged with.
#[derive(Debug, Clone, Copy)]
pub struct Weigher(fn(&Key, &Value) -> u64);

impl Weigher {
    pub(crate) fn new(weigh: fn(&Key, &Value) -> u64) -> Self {
        Self(weigh)
    }

    /// Bytes charged for `value` itself under `key`. Panics when the host's function does.
    pub(crate) fn weigh(self, key: &Key, value: &Value) -> u64 {
        (self.0)(key, value)
    }
}

/// Equal are those at one address; the compiler may give one function two, or two equal ones the same.
impl PartialEq for Weigher {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::fn_addr_eq(self.0, other.0)
    }
}

/// Bytes charged for `value` under `key` with `tags`, if it lives a plain time.
pub fn weigh(key: &Key, value: &Value, tags: &Tags) -> u64 {
    weight(key.as_str().len(), value.charge(), tags.as_slice(), !tags.is_empty() || value.is_rare())
}

/// Bytes charged for an entry of those parts; `rare`: it has what few entries have.
pub(super) fn weight(key: usize, value: u64, tags: &[Tag], rare: bool) -> u64 {
    let tags: u64 = tags.iter().map(|tag| TAG + tag.as_str().len() as u64).sum();
    let rare = if rare { RARE as u64 } else { 0 };
    OVERHEAD + key as u64 + value + tags + rare
}
