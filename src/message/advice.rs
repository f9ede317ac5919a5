//! Advice: how the tiers would do with other budgets, and what a host should look at.
//!
//! Owns: the shape of the answer; `warning` has what is warned of. Never: judges; the stats actor does.

use std::sync::Arc;
use std::time::Duration;

use actix::Message;

use super::Warning;
use crate::error::{Error, Result};

/// What-if curves of hit rate against budget, for each tier and in total, and warnings that say what to do.
///
/// Reply: the advice, from what was counted within the last hour or so. Order: none; counters are read while others go on.
/// Cost: some dozen reads of counters for each tier; no entry is looked at.
#[derive(Debug, Clone, Copy, Default, Message)]
#[rtype(result = "Result<AdviceSnapshot, Error>")]
pub struct Advice;

/// What there is to say about a cache.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct AdviceSnapshot {
    /// How far back the warnings look.
    pub window: Duration,
    /// First that of all tiers together, then one for each tier, in the order of the settings.
    pub curves: Vec<WhatIfCurve>,
    /// What should be looked at; none in a healthy cache.
    pub warnings: Vec<Warning>,
}

/// How a tier, or all of them, would do with another budget.
///
/// The reads of a sample of the keys are replayed against small copies of the tier, of a quarter to four times its size, under
/// the tier's own policy. What those hit more or less than the copy of its own size is added to what the tier really hit. So
/// the point of now is measured, and the others differ from it by what the copies differ.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct WhatIfCurve {
    /// The name of the tier; `None`: all together, each with its share of now.
    pub tier: Option<Arc<str>>,
    /// What it may hold now. Bytes with overhead, as in [`TierStats::grant`](super::TierStats::grant); for all together the budget.
    pub now_bytes: u64,
    /// Hits among a hundred of the reads that the curve is about, as they were counted; `None` while nothing is known.
    pub hit_percent: Option<f64>,
    /// How sure that is: by how many points of a hundred the copy of its own size missed what the tier itself hit of the same
    /// reads. Of all together: the mean, by their reads. `None` while nothing is known.
    pub off_by: Option<f64>,
    /// By budget, the smallest first; none while too little was read: some thousand reads.
    pub points: Vec<WhatIfPoint>,
}

/// One point of a [`WhatIfCurve`].
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct WhatIfPoint {
    /// What it would be given. Bytes with overhead.
    pub budget_bytes: u64,
    /// Hits that are to be expected among a hundred reads, from 0 to 100.
    pub hit_percent: f64,
}

impl WhatIfPoint {
    /// `hit_percent` with `budget_bytes`.
    pub fn new(budget_bytes: u64, hit_percent: f64) -> Self {
        Self { budget_bytes, hit_percent }
    }
}
