//! Changing settings while the cache runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix::Message;

use crate::error::{Error, Result};

/// Whose time to live.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TtlOf {
    /// Of a tier, by its name, and of all its prefixes that have none of their own.
    Tier(Arc<str>),
    /// Of a prefix of the settings; from then on it has one of its own.
    Prefix(Arc<str>),
}

impl std::fmt::Display for TtlOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tier(name) => write!(f, "tier:{name}"),
            Self::Prefix(prefix) => write!(f, "prefix:{prefix}"),
        }
    }
}

/// A setting that can change while the cache runs, with the value that it is to have, or had.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Change {
    /// How long values live that are stored from then on.
    Ttl {
        /// Of which tier or prefix.
        of: TtlOf,
        /// How long.
        ttl: Duration,
    },
    /// That a prefix has no time to live of its own but that of its tier.
    TtlOfTier(Arc<str>),
    /// Whether anything is cached.
    Enabled(bool),
    /// What all tiers together may hold, in bytes.
    MaxSize(u64),
}

/// Changes how long values live that are stored from now on. What is stored keeps the time to live that it has: invalidate
/// it if it must not.
///
/// `ttl`: 1 s ..= 3650 d. The change lasts until the cache ends; it is written into no file. A `not_found_ttl` that is
/// longer is cut to it. Reply: the time to live before. Errors: `UnknownTier`, `InvalidSetting`; nothing is changed then.
/// Order: what is set or loaded by who was answered has the new one; a load that is under way keeps the terms with which it
/// was asked for. Cost: a message to the supervisor.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Duration, Error>")]
#[non_exhaustive]
pub struct SetTtl {
    /// Whose.
    pub of: TtlOf,
    /// How long.
    pub ttl: Duration,
}

impl SetTtl {
    /// Lets values of `of` live for `ttl`.
    pub fn new(of: TtlOf, ttl: Duration) -> Self {
        Self { of, ttl }
    }
}

/// Switches the cache off or on.
///
/// Off: everything held is dropped, loads under way are revoked, every read misses, a set is accepted and does nothing,
/// loaders run directly, and nothing is warmed. On: it begins empty; sources that are due at the start are not run by
/// this, see [`Warm`](super::Warm). Reply: whether it was on. Order: once answered, all tiers keep to it. Errors:
/// `Partial`: a tier broke while it did its part; it starts again empty and keeps to it. Cost: as a clear of everything.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<bool, Error>")]
#[non_exhaustive]
pub struct SetEnabled {
    /// Whether anything is cached from now on.
    pub enabled: bool,
}

impl SetEnabled {
    /// On, or off.
    pub fn new(enabled: bool) -> Self {
        Self { enabled }
    }
}

/// Reads the settings again that the cache was started with, and puts into force what has changed: `max_size_mb`, `enabled`, the
/// `ttl` of tiers and of prefixes. All or nothing; the cache never does it by itself.
///
/// What is read is what a new start would read: all sources of [`Sources`](crate::settings::Sources) anew, with the file in
/// `path` in place of the last one if it is not among them. What the host's code said after reading stays as it said it. What
/// was changed by hand meanwhile is set back to what the sources say. Settings that were made in code alone come before the file,
/// which changes what it names.
///
/// Reply: what has changed. Errors: `NotReloaded` with every problem of the sources; when there is none, with everything in them
/// that has changed and cannot while the cache runs, such as a new tier. Nothing has changed then. Also `Partial`, as
/// [`SetEnabled`]. Order: all in one turn of the supervisor, once the file is read; of two that are under way each is read and
/// put into force as a whole, one after the other. Answered once the budget holds and all tiers keep to it. Cost: reading the
/// file, on a thread for what blocks, and the entries that go.
#[derive(Debug, Clone, Default, Message)]
#[rtype(result = "Result<Reloaded, Error>")]
#[non_exhaustive]
pub struct Reload {
    /// Another file, or one of those that the cache was started with; `None`: all as they were.
    pub path: Option<PathBuf>,
}

impl Reload {
    /// Reads all sources again.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads all sources again, with the file at `path` among them.
    pub fn from_file(path: impl Into<PathBuf>) -> Self {
        Self { path: Some(path.into()) }
    }
}

/// What reading the settings again came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reloaded {
    /// The settings that have another value than before, in the order of the settings.
    pub changed: Vec<Changed>,
}

/// A setting that has another value than before.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changed {
    /// Its key as in files, such as `tiers.user.ttl`.
    pub key: String,
    /// What it was.
    pub old: Change,
    /// What it is now.
    pub new: Change,
}

impl Changed {
    pub(crate) fn new(key: String, old: Change, new: Change) -> Self {
        Self { key, old, new }
    }
}
