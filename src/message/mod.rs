//! The public contract: what a host may ask, as plain structs.
//!
//! Send them through [`SupervisorRef::send`](crate::SupervisorRef::send); [`Cache`](crate::Cache) has a short form for
//! each. Owns: the messages, their replies, and what each promises. Never: carries one out.
//!
//! Every message tells its *Reply*, its *Errors* beyond those that any message may have, its *Order* and its *Cost*. Any
//! message may answer `Overloaded` (a bound is reached; nothing was queued), `TierRestarting` (the tier broke meanwhile),
//! `TierFailed` (it broke too often) and `Closed`.
//!
//! One order holds for all that reaches a tier: what a host sends later takes effect later there.

mod advice;
mod change;
mod control;
mod data;
mod event;
mod explain;
#[cfg(feature = "fault-injection")]
mod fault;
mod invalidate;
mod load;
mod since;
mod stats;
mod warm;
mod warning;

pub use advice::{Advice, AdviceSnapshot, WhatIfCurve, WhatIfPoint};
pub use change::{Change, Changed, Reload, Reloaded, SetEnabled, SetTtl, TtlOf};
pub use control::{History, Info, ReviveTier, Sample, SetBudget, Shutdown, Stats, Written};
pub use data::{Contains, Get, Remove, RemoveMany, Removed, Set, SetMany};
pub use event::Event;
pub use explain::Explain;
#[cfg(feature = "fault-injection")]
pub use fault::{Break, Breaks};
pub use invalidate::{Invalidate, Invalidated};
pub use load::GetOrLoad;
pub use stats::{
    Histogram, InfoSnapshot, InvalidationStats, NamedTierStats, Removals, StatsSnapshot, TierInfo, TierState,
    TierStats, TopEntry, WarmStats,
};
pub use warm::{SourceReport, UserActive, Warm, WarmReport, WarmScope};
pub use warning::{Warning, WarningKind};

pub use crate::engine::entry::Origin;
pub use crate::engine::explain::{Absence, Explanation, Held, KeyState, Reason};
pub use crate::engine::flight::LoadPhase;
pub use crate::engine::given::{Given, Source};
pub use crate::engine::scope::How;
pub use crate::engine::stamp::Stamp;
pub use crate::engine::store::Cause;
pub use crate::engine::tier::{NotStored, Stored};
