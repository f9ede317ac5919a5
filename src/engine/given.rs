//! What a caller is given, and where it came from.

use std::time::Duration;

use super::entry::{Entry, ReadEntry};
use super::moment::Moment;
use crate::codec::value::Value;

/// Where a value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// From memory, within its time to live.
    Memory,
    /// From memory, past its time to live, because the call allowed that; see `stale`.
    Stale,
    /// This call's loader brought it.
    Loaded,
    /// Another call's loader brought it; this call waited with it.
    Joined,
    /// The loader ran in the caller's task because the cache could not serve; nothing was stored.
    Bypass,
}

/// A value with what is known about it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Given {
    /// The value.
    pub value: Value,
    /// Where it came from.
    pub source: Source,
    /// Time since it was set or its load ended.
    pub age: Duration,
    /// Whether the cache holds it now. `false` for a bypass, and for a load that an invalidation or a set overtook.
    pub stored: bool,
}

impl Given {
    /// What a reader at `now` is given of `entry`.
    pub(crate) fn of(entry: &Entry, now: Moment) -> Self {
        let source = if entry.is_fresh(now) { Source::Memory } else { Source::Stale };
        Self { value: entry.value(), source, age: now.since(entry.life().stored), stored: true }
    }
}
