//! Looking at the cache and steering it.

use std::sync::Arc;
use std::time::Duration;

use actix::Message;

use super::{InfoSnapshot, NamedTierStats, StatsSnapshot};
use crate::error::{Error, Result};

/// All counters, and the keys that are read most.
///
/// Reply: a snapshot. Order: none; counters are read while others go on. Cost: looking at every entry's hit count, in
/// slices that delay nobody.
#[derive(Debug, Clone, Copy, Default, Message)]
#[rtype(result = "Result<StatsSnapshot, Error>")]
pub struct Stats;

/// The counters at past moments, one for each `stats_interval`, the oldest first; at most 360.
///
/// Reply: the samples. Order: none. Cost: a copy.
#[derive(Debug, Clone, Copy, Default, Message)]
#[rtype(result = "Result<Vec<Sample>, Error>")]
pub struct History;

/// The counters at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sample {
    /// Time since the cache was started.
    pub uptime: Duration,
    /// One for each tier, in the order of the settings; without histograms.
    pub tiers: Vec<NamedTierStats>,
}

impl Sample {
    pub(crate) fn new(uptime: Duration, tiers: Vec<NamedTierStats>) -> Self {
        Self { uptime, tiers }
    }
}

/// Settings in force, and the status of every tier.
///
/// Reply: a snapshot. Order: none. Cost: some dozen reads of counters.
#[derive(Debug, Clone, Copy, Default, Message)]
#[rtype(result = "Result<InfoSnapshot, Error>")]
pub struct Info;

/// Gives the cache another budget, while it runs. Info and a restarted actor know it; [`Reload`](super::Reload) sets it back to
/// what the settings say.
///
/// Reply: done, once all tiers together hold no more; a smaller one is made up for by evicting in slices, during which the
/// sum of all grants only falls. Errors: `Budget` tells the least there can be, and nothing has changed. Order: behind
/// everything sent before; of two budgets under way the later one holds. Cost: the entries that go.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<(), Error>")]
#[non_exhaustive]
pub struct SetBudget {
    /// What all tiers together may hold. Bytes, from what the floors need (ten times the largest entry, or twice that for each
    /// tier if there are more than five) and 1 MiB to 1 TiB.
    pub bytes: u64,
}

impl SetBudget {
    /// A budget of `bytes`.
    pub fn new(bytes: u64) -> Self {
        Self { bytes }
    }
}

/// Puts a tier back into service that broke too often and was bypassed since.
///
/// Reply: whether it had been out of service. Errors: `UnknownTier`. Order: what is sent later finds it in service.
/// Cost: O(1).
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<bool, Error>")]
#[non_exhaustive]
pub struct ReviveTier {
    /// Its name.
    pub tier: Arc<str>,
}

impl ReviveTier {
    /// Revives `tier`.
    pub fn new(tier: impl Into<Arc<str>>) -> Self {
        Self { tier: tier.into() }
    }
}

/// Waits until everything that was sent before it is applied in all tiers, by whichever handle, awaited or not.
///
/// Reply: done. Errors: `TierRestarting`: a tier died with what was on its way to it; it starts again empty. What else
/// became of writes that nobody awaited, `TierStats::unawaited_failed` tells. Order: behind everything sent before; an
/// invalidation that goes on in slices is waited for. Cost: one message to each tier.
#[derive(Debug, Clone, Copy, Default, Message)]
#[rtype(result = "Result<(), Error>")]
pub struct Written;

/// Ends the cache. New calls get `Closed`; what was accepted is applied.
///
/// Reply: done; also when it was done before. Order: behind everything sent before. Cost: at most 5 s.
#[derive(Debug, Clone, Copy, Default, Message)]
#[rtype(result = "Result<(), Error>")]
pub struct Shutdown;
