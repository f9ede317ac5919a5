//! Taking away what is no longer true.

use actix::Message;

use crate::engine::scope::Scope;
use crate::error::{Error, Result};

/// Takes away everything that `scope` matches, and revokes the loads and warm runs it matches, absent keys included.
///
/// Reply: counts over all tiers that the scope can reach. Errors: `UnknownTier`; `Partial`: a tier broke while it did
/// its part; it starts again empty, so nothing older is served there either.
/// Order: once answered, nothing is served whose set had ended, or whose load had begun, before this took effect. A set
/// at the same time may fall on either side. Who waited for a revoked load may still get its value; it is not stored.
/// Cost: in proportion to the matches for a key, a prefix, a tier, all, and patterns that begin with a whole segment;
/// other patterns look at every entry of the tiers they reach, in slices between other messages. Accepted, it is applied
/// even when you stop waiting.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Invalidated, Error>")]
#[non_exhaustive]
pub struct Invalidate {
    /// What to take away.
    pub scope: Scope,
    /// Only count what would be taken.
    pub dry_run: bool,
}

impl Invalidate {
    /// Takes away what `scope` matches.
    pub fn new(scope: impl Into<Scope>) -> Self {
        Self { scope: scope.into(), dry_run: false }
    }

    /// Only counts.
    pub fn dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }
}

/// What an [`Invalidate`] took, or would take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Invalidated {
    /// Entries.
    pub matched: u64,
    /// Bytes that they were charged with.
    pub bytes: u64,
    /// Loads under way whose values will not be stored.
    pub revoked_loads: u64,
    /// Tiers that the scope can reach.
    pub tiers: u64,
}
