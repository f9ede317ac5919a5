//! Changing settings while the cache runs.

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
