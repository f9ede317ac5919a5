//! What a caller is given, and where it came from.

use std::time::Duration;

use super::effects::Brought;
use super::entry::{Entry, ReadEntry};
use super::moment::Moment;
use crate::codec::original::Original;
use crate::codec::value::{Value, Wanted};
use crate::error::Result;

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
    /// What the loader returned, for those who want its type.
    pub(crate) original: Option<Original>,
}

impl Given {
    /// What a reader at `now` is given of `entry`.
    pub(crate) fn of(entry: &Entry, now: Moment) -> Self {
        let source = if entry.is_fresh(now) { Source::Memory } else { Source::Stale };
        let (age, value) = (now.since(entry.life().stored), entry.value());
        Self { value, source, age, stored: true, original: None }
    }

    /// Has it be of the type that a reader asks for. Errors: why it is of no use to that.
    pub(crate) fn read(&mut self, wanted: Wanted) -> Result<()> {
        wanted.read(&self.value, &mut self.original)
    }

    /// What was loaded just now, from there.
    pub(crate) fn loaded(brought: Brought, source: Source, stored: bool) -> Self {
        let Brought { value, original, .. } = brought;
        Self { value, source, age: Duration::ZERO, stored, original }
    }
}
