//! What an entry is charged with: its key, its value, and what it costs to keep.
//!
//! Owns: the fixed part. Never: looks at an allocator; a test with a counting one keeps the number honest.

use std::mem::size_of;

use super::entry::Entry;
use super::key::Key;
use super::tag::Tags;
use super::tags::{LIST, NODE};
use crate::codec::value::Value;

/// Reference counts before the text of a key and before an entry.
const COUNTS: usize = 2 * size_of::<usize>();
/// Slot number, links of queue, wheel and group, what the policy keeps, due time, bucket, group number, place among tags: one
/// of each per slot.
const COLUMNS: usize = size_of::<usize>() + 3 * 8 + POLICY + 8 + 2 + 4 + 4;
/// The policy that keeps most: a worth, a place, a word of the sketch, and half a ghost. One that keeps less is charged the
/// same: a tier's memory is never more than was charged.
const POLICY: usize = 8 + 1 + 8 + 6;
/// Pointer and tag in the view at the table's mean load of three quarters.
const INDEX: usize = (size_of::<usize>() + 1) * 4 / 3;
/// Bookkeeping of a shared buffer of bytes.
const BUFFER: usize = 24;
/// What the allocator adds to and rounds up in three blocks, at the mean.
const ROUNDING: usize = 3 * 12;

/// Bytes charged for an entry beside its key and its value: about 300 on a 64-bit machine.
pub const OVERHEAD: u64 = (size_of::<Entry>() + 2 * COUNTS + COLUMNS + INDEX + BUFFER + ROUNDING) as u64;

/// Bytes charged for a tag of an entry beside its text: pointer, text of its own, place, and list. That is what it costs when
/// no other entry has it; what entries share is charged to each of them, so that memory is never more than was charged.
const TAG: u64 = (size_of::<&str>() + COUNTS + ROUNDING / 3 + NODE + LIST) as u64;

/// Bytes charged for `value` under `key` with `tags`.
pub fn weigh(key: &Key, value: &Value, tags: &Tags) -> u64 {
    let tags: u64 = tags.as_slice().iter().map(|tag| TAG + tag.as_str().len() as u64).sum();
    OVERHEAD + key.as_str().len() as u64 + value.len() as u64 + tags
}
