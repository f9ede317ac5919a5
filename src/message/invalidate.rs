//! Taking away what is no longer true.

use actix::Message;

use crate::engine::scope::{How, Scope};
use crate::engine::stamp::Stamp;
use crate::error::{Error, Result};

/// Takes away everything that `scope` matches, and revokes the loads and warm runs it matches, absent keys included.
///
/// Reply: counts over all tiers that the scope can reach. Errors: `UnknownTier`; `Partial`: a tier broke while it did
/// its part; it starts again empty, so nothing older is served there either.
/// Order: once answered, nothing is served whose set had ended, or whose load had begun, before this took effect. A set
/// at the same time may fall on either side. Who waited for a revoked load may still get its value; it is not stored.
/// A tag takes what was stored with it before; a load whose loader names the tag when it ends is not stored if it began
/// before. With `how: Expire` what can be served stale is kept for that, see [`How`]; loads and warm runs are revoked all
/// the same.
/// Cost: in proportion to the matches for keys, a tag, a prefix, a tier, all, and patterns that begin with a whole segment;
/// other patterns look at every entry of the tiers they reach, in slices between other messages. Accepted, it is applied
/// even when you stop waiting.
/// A scope whose first segment no tier was made for is logged once and counted, for it may be a slip of the pen; where the
/// settings refuse such keys it is refused with `UnknownPrefix`.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Invalidated, Error>")]
#[non_exhaustive]
pub struct Invalidate {
    /// What to take away.
    pub scope: Scope,
    /// What becomes of the values it takes.
    pub how: How,
    /// Only count what would be taken.
    pub dry_run: bool,
}

impl Invalidate {
    /// Takes away what `scope` matches.
    pub fn new(scope: impl Into<Scope>) -> Self {
        Self { scope: scope.into(), how: How::Remove, dry_run: false }
    }

    /// Keeps what may be served stale for calls that allow it; see [`How::Expire`].
    pub fn expire(mut self) -> Self {
        self.how = How::Expire;
        self
    }

    /// Only counts.
    pub fn dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }
}

/// What an [`Invalidate`] took, or would take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Invalidated {
    /// Entries.
    pub matched: u64,
    /// Bytes that they were charged with.
    pub bytes: u64,
    /// Loads under way whose values will not be stored. A load whose tags are not known yet is not among them.
    pub revoked_loads: u64,
    /// Tiers that the scope can reach.
    pub tiers: u64,
    /// When it took effect, for reads that must see nothing older: see
    /// [`not_older_than`](crate::GetOrLoadCall::not_older_than). Of a dry run: now.
    pub stamp: Stamp,
}

impl Invalidated {
    /// Adds what another invalidation took.
    pub(crate) fn add(&mut self, other: &Self) {
        self.matched += other.matched;
        self.bytes += other.bytes;
        self.revoked_loads += other.revoked_loads;
        self.tiers += other.tiers;
        self.stamp = self.stamp.and(&other.stamp);
    }
}
