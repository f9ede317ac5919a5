//! What a caller is given, and where it came from.

use std::time::Duration;

use crate::codec::value::Value;

/// Where a value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// From memory, within its time to live.
    Memory,
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
