//! The checked form of the settings, which the actors are built from.
//!
//! Owns: the names by which actors know the settings.
//! Never: judges; `check` has done so before a plan exists.

use std::sync::Arc;
use std::time::Duration;

use super::{AdminSettings, Settings, TierSettings};
use crate::codec::pack::Compression;
use crate::engine::policy::Eviction;
use crate::engine::terms::Terms;
use crate::engine::weigh::Weigher;
use crate::load_policy::LoadPolicy;

/// Settings that were checked: every number in range, every prefix in one tier.
///
/// Made by [`Settings::check`]. Changing a field afterwards is possible in tests and goes unchecked.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Plan {
    /// Whether anything is cached at all.
    pub enabled: bool,
    /// What all tiers together may hold, in bytes.
    pub budget: u64,
    /// Whether it moves to the tiers where it brings the most hits.
    pub moving_budget: bool,
    /// What one entry may weigh, in bytes; never more than `floor`.
    pub max_entry: u64,
    /// What each tier always has, in bytes: a tenth of the budget, or less when there are more than five tiers.
    pub floor: u64,
    /// How long an expired entry may stay in memory.
    pub cleanup_interval: Duration,
    /// Pause between two periodic warm runs of a source that names none of its own.
    pub warm_interval: Duration,
    /// How long a loader may take.
    pub load_timeout: Duration,
    /// Pause between two collections of figures.
    pub stats_interval: Duration,
    /// Loads that may run at once in one tier.
    pub load_concurrency: usize,
    /// Loads that may wait in one tier.
    pub load_queue: usize,
    /// Messages that may wait in one tier.
    pub queue_messages: usize,
    /// Bytes that the messages waiting in one tier may hold.
    pub queue_bytes: u64,
    /// The tiers, in the order they are shown in.
    pub tiers: Vec<TierPlan>,
    /// Which first segment goes to which tier, in the order of the tiers, then by text.
    pub prefixes: Vec<PrefixPlan>,
    /// The tier (an index into `tiers`) of keys that no prefix takes; `None`: they are refused.
    pub default_tier: Option<usize>,
    /// The admin over HTTP.
    pub admin: AdminSettings,
}

/// A tier of a [`Plan`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TierPlan {
    /// Its name.
    pub name: Arc<str>,
    /// What it holds, for people.
    pub description: Arc<str>,
    /// How its values are loaded and kept unless a prefix or a call says otherwise.
    pub terms: Terms,
    /// How it chooses what goes when it is full.
    pub eviction: Eviction,
    /// How its values are compressed.
    pub compression: Compression,
    /// Values of more bytes are compressed.
    pub compression_threshold: u64,
    /// What its values are charged with, in place of their stored bytes.
    pub weigher: Option<Weigher>,
    /// Whether what took long to load is worth more.
    pub weigh_load_time: bool,
    /// Whether typed readers keep a decoded copy of a value beside its bytes.
    pub keep_decoded: bool,
}

/// A first segment and the tier that takes it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PrefixPlan {
    /// The first segment, whole.
    pub prefix: Arc<str>,
    /// The tier, an index into [`Plan::tiers`].
    pub tier: usize,
    /// A TTL of its own, in place of that of the tier.
    pub ttl: Option<Duration>,
    /// How the values of its keys are loaded and kept, that TTL included.
    pub terms: Terms,
}

/// What holds where no tier says anything.
pub(super) fn of_all(settings: &Settings) -> Terms {
    let terms = Terms { timeout: settings.load_timeout, ..Terms::default() };
    LoadPolicy { ttl: None, timeout: None, ..settings.policy }.over(&terms)
}

/// What holds in the tier where no prefix says anything.
pub(super) fn of_tier(settings: &Settings, tier: &TierSettings) -> Terms {
    LoadPolicy { ttl: Some(tier.ttl), ..tier.policy }.over(&of_all(settings))
}

/// What holds for the keys of a prefix, where this holds in its tier.
pub(super) fn of_prefix(of_tier: &Terms, tier: &TierSettings, prefix: &str) -> Terms {
    let policy = tier.prefix_policies.get(prefix).copied().unwrap_or_default();
    LoadPolicy { ttl: tier.prefixes.get(prefix).copied().flatten(), ..policy }.over(of_tier)
}

/// The tiers, each with what holds in it.
pub(super) fn tiers(settings: &Settings) -> Vec<TierPlan> {
    let plan = |tier: &TierSettings| {
        let compression = tier.compression.unwrap_or(settings.compression);
        TierPlan {
            name: tier.name.as_str().into(),
            description: tier.description.as_str().into(),
            terms: of_tier(settings, tier),
            eviction: tier.eviction,
            compression,
            compression_threshold: settings
                .compression_threshold
                .unwrap_or_else(|| compression.default_threshold()),
            weigher: tier.weigher,
            weigh_load_time: tier.weigh_load_time,
            keep_decoded: tier.keep_decoded,
        }
    };
    settings.tiers.iter().map(plan).collect()
}

/// The routes, tier by tier.
pub(super) fn prefixes(settings: &Settings, tiers: &[TierPlan]) -> Vec<PrefixPlan> {
    let of_tier = |(tier, settings): (usize, &TierSettings)| {
        let plan = |(prefix, &ttl): (&String, &Option<Duration>)| {
            let terms = of_prefix(&tiers[tier].terms, settings, prefix);
            PrefixPlan { prefix: prefix.as_str().into(), tier, ttl, terms }
        };
        settings.prefixes.iter().map(plan).collect::<Vec<_>>()
    };
    settings.tiers.iter().enumerate().flat_map(of_tier).collect()
}
