//! Stamps: a moment in the order of each tier that an invalidation reached, for reads that want nothing older.
//!
//! Owns: how such a moment compares with an entry and with a load under way. Never: is made by a host.

use std::sync::Arc;

use super::route::TierId;

/// A moment in the order of one tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct At {
    /// In which life of the tier.
    pub incarnation: u64,
    /// The tier's sequence number.
    pub seq: u64,
}

impl At {
    /// Whether what was read from its source after number `since` of life `incarnation` is older than this moment, or
    /// could be. What another life of the tier holds began after it: lives begin empty.
    pub fn outdates(self, incarnation: u64, since: u64) -> bool {
        self.incarnation == incarnation && since <= self.seq
    }
}

/// When an invalidation took effect, to be given to reads that must see nothing older: see
/// [`Invalidated::stamp`](crate::message::Invalidated::stamp) and
/// [`GetOrLoadCall::not_older_than`](crate::GetOrLoadCall::not_older_than).
///
/// It says something about the tiers that the invalidation reached, and nothing about others; it means nothing to another
/// cache. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stamp(Arc<[(TierId, At)]>);

impl Stamp {
    pub(crate) fn new(reached: Vec<(TierId, At)>) -> Self {
        Self(reached.into())
    }

    /// The moment in the order of `tier`; `None` when it was not reached.
    pub(crate) fn of(&self, tier: TierId) -> Option<At> {
        self.0.iter().find(|(id, _)| *id == tier).map(|(_, at)| *at)
    }

    /// The later of both, tier by tier.
    pub(crate) fn and(&self, other: &Self) -> Self {
        let mut all: Vec<(TierId, At)> = self.0.to_vec();
        for &(id, at) in &*other.0 {
            match all.iter_mut().find(|(known, _)| *known == id) {
                Some((_, known)) if (known.incarnation, known.seq) < (at.incarnation, at.seq) => *known = at,
                Some(_) => {}
                None => all.push((id, at)),
            }
        }
        Self(all.into())
    }
}
