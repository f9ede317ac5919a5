//! What a host may set, and the checked plan that it becomes.
//!
//! [`Settings`] is what people write, in code or in files; [`Settings::check`] turns it into a [`Plan`], or tells
//! every problem at once. `config/default.toml` explains each key.
//!
//! Owns: the names, defaults and limits of all settings, and reading them from files and the environment.
//! Never: changes a value to make it fit; nothing unknown is skipped, nothing is rounded or taken for another type.

mod admin_keys;
mod admin_section;
mod anew;
mod apply;
mod change;
mod check;
mod file;
mod listed;
mod plan;
mod problem;
mod read;
mod storing;
mod terms;
mod tiers;
pub(crate) mod token;
mod values;

use std::collections::BTreeMap;
use std::time::Duration;

pub use crate::codec::pack::Compression;
pub use crate::engine::policy::Eviction;
pub use crate::engine::weigh::Weigher;
pub use crate::error::{Problem, SettingsError};
pub use admin_section::AdminSettings;
pub(crate) use anew::{Origin, read_anew};
pub(crate) use change::{check_ttl, read_size, read_ttl};
pub use plan::{Plan, PrefixPlan, TierPlan};
pub use read::Sources;

use check::{Notes, Number};
use values::{Kind, MIB};

use crate::load_policy::LoadPolicy;

/// Everything a host may set. [`Settings::default`] equals `config/default.toml`.
///
/// ```
/// use std::time::Duration;
/// use apex_cache::settings::Settings;
///
/// let settings = Settings::default()
///     .max_size_mb(64)
///     .tier("user", |tier| tier.ttl(Duration::from_secs(600)))
///     .tier("sessions", |tier| tier.ttl(Duration::from_secs(900)).prefix("sessions"));
/// let plan = settings.check()?;
/// assert_eq!(plan.tiers.len(), 5);
/// # Ok::<(), apex_cache::settings::SettingsError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// Whether anything is cached. Default: true. When false, every get misses, a set is accepted and does nothing,
    /// and loaders run directly.
    pub enabled: bool,
    /// What all tiers together may hold (key `max_size_mb`). Bytes, 1 MiB ..= 1 TiB. Default: 100 MiB.
    pub max_size: u64,
    /// Whether the budget moves to the tiers where it brings the most hits, by what a sample of the reads shows. Default: true.
    /// When false, bytes move only to who asks from who does not use them.
    pub moving_budget: bool,
    /// What one entry may weigh. Bytes, 1 KiB ..= 1 GiB, and at most what each tier always has: a tenth of
    /// `max_size`, or less with more than five tiers. `None`, the default: 1 MiB, or that limit if it is smaller.
    pub max_entry_size: Option<u64>,
    /// How long an expired entry may stay in memory; it is not served in that time. 1 s ..= 365 d. Default: 1 h.
    pub cleanup_interval: Duration,
    /// Pause between two periodic warm runs of a source. 1 s ..= 365 d. Default: 6 h.
    pub warm_interval: Duration,
    /// How long a loader may take. 1 ms ..= 1 d. Default: 30 s.
    pub load_timeout: Duration,
    /// Loads that may run at once in one tier. 1 ..= 65,536. Default: 32.
    pub load_concurrency: usize,
    /// Loads that may wait in one tier; more are refused. 0 ..= 1,048,576. Default: 1,024.
    pub load_queue: usize,
    /// Messages that may wait in one tier; more are refused. 128 ..= 1,048,576. Default: 4,096.
    pub queue_messages: usize,
    /// Bytes that the messages waiting in one tier may hold. 64 KiB ..= 1 GiB, and at least what one entry may
    /// weigh. Default: 16 MiB.
    pub queue_bytes: u64,
    /// Pause between two collections of figures. 100 ms ..= 1 d. Default: 10 s.
    pub stats_interval: Duration,
    /// The tier of keys whose first segment no tier claims, or `refuse`. Default: `query`.
    pub unknown_prefix: String,
    /// How values are compressed where the tier says nothing else. Default: [`Compression::Lz4`]. [`Compression::Zstd`] needs
    /// the feature `zstd`.
    pub compression: Compression,
    /// Values of more bytes are compressed, and kept so when that saves a tenth. Bytes, 64 ..= 1 GiB. `None`, the default:
    /// 4 KiB for LZ4, 512 B for zstd.
    pub compression_threshold: Option<u64>,
    /// How values are loaded and served where tier, prefix and call say nothing; only in code. It must say no time to
    /// live and no timeout: the tiers have theirs, and `load_timeout` is that of all.
    pub policy: LoadPolicy,
    /// The tiers, in the order they are shown in. 1 ..= 64. Default: `config`, `reference`, `user`, `query`.
    pub tiers: Vec<TierSettings>,
    /// The admin over HTTP, which needs the feature `admin-http`. Default: off.
    pub admin: AdminSettings,
    /// Where they were read, for [`Cache::reload`](crate::Cache::reload).
    pub(crate) origin: Origin,
}

/// One tier: a name, what it is for, how long its entries live, and which keys it takes.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TierSettings {
    /// Its name: lower-case letters, digits and single underscores, at most 32 characters.
    pub name: String,
    /// What it holds, for people: one line of at most 256 bytes.
    pub description: String,
    /// How long its entries live. 1 s ..= 3650 d.
    pub ttl: Duration,
    /// The first segments of the keys it takes, each with a TTL of its own or `None` for that of the tier.
    pub prefixes: BTreeMap<String, Option<Duration>>,
    /// How its values are loaded and served (keys `stale`, `timeout`, `soft_timeout`, `not_found_ttl`; the
    /// rest only in code). It must say no time to live, that is `ttl`. A `stale` may be 0 ..= 3650 d, a
    /// `timeout` 1 ms ..= 1 d, a `soft_timeout`
    /// 0 ..= 1 d and at most the timeout, a `not_found_ttl` 0 ..= 1 d and at most the TTL.
    pub policy: LoadPolicy,
    /// The same for single prefixes, which must be among `prefixes`; their TTL stands there.
    pub prefix_policies: BTreeMap<String, LoadPolicy>,
    /// How its values are compressed. `None`, the default: as [`Settings::compression`] says.
    pub compression: Option<Compression>,
    /// What its values are charged with, in place of their stored bytes; only in code. Default: `None`.
    pub weigher: Option<Weigher>,
    /// How it chooses what goes when it is full. Default: [`Eviction::Lgtc`].
    pub eviction: Eviction,
    /// Whether what took long to load is kept rather than what took a moment, where both are read as often. Not with
    /// [`Eviction::Lru`]. Default: false.
    pub weigh_load_time: bool,
    /// Whether typed readers keep a decoded copy of a value beside its bytes. Default: true.
    pub keep_decoded: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enabled: true,
            max_size: 100 * MIB,
            moving_budget: true,
            max_entry_size: None,
            cleanup_interval: Duration::from_secs(3_600),
            warm_interval: Duration::from_secs(21_600),
            load_timeout: Duration::from_secs(30),
            load_concurrency: 32,
            load_queue: 1_024,
            queue_messages: 4_096,
            queue_bytes: 16 * MIB,
            stats_interval: Duration::from_secs(10),
            unknown_prefix: String::from("query"),
            compression: Compression::default(),
            compression_threshold: None,
            policy: LoadPolicy::new(),
            tiers: default_tiers(),
            admin: AdminSettings::new(),
            origin: Origin::default(),
        }
    }
}

fn default_tiers() -> Vec<TierSettings> {
    let tier = |name: &str, description: &str, ttl_s| {
        TierSettings::new(name).description(description).ttl(Duration::from_secs(ttl_s))
    };
    vec![
        tier("config", "Configuration: roles, VIP tiers, payment methods", 86_400).prefix("config"),
        tier("reference", "Reference data: products, categories, discounts", 43_200)
            .prefix("products")
            .prefix("categories")
            .prefix("discounts"),
        tier("user", "User data: profiles, wallets, orders", 3_600)
            .prefix("user")
            .prefix_ttl("user_orders", Duration::from_secs(1_800)),
        tier("query", "Query results: searches, leaderboards, history", 1_800).prefix("query"),
    ]
}

impl Settings {
    /// Begins to read settings from files and the environment; see [`Sources`].
    pub fn load() -> Sources {
        Sources::default()
    }

    /// Checks everything and makes the plan that the cache is built from.
    ///
    /// Errors: [`SettingsError`] with every problem, each said to be in `code`.
    pub fn check(&self) -> Result<Plan, SettingsError> {
        check::check(self, &Notes::new()).map_err(|problems| SettingsError { problems })
    }

    /// Sets [`enabled`](Self::enabled).
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Sets [`max_size`](Self::max_size), in MiB.
    pub fn max_size_mb(mut self, mib: u64) -> Self {
        self.max_size = mib.saturating_mul(MIB); // too much stays too much, and `check` says so
        self
    }

    /// Sets [`moving_budget`](Self::moving_budget).
    pub fn moving_budget(mut self, moving: bool) -> Self {
        self.moving_budget = moving;
        self
    }

    /// Sets [`max_entry_size`](Self::max_entry_size), in bytes.
    pub fn max_entry_size(mut self, bytes: u64) -> Self {
        self.max_entry_size = Some(bytes);
        self
    }

    /// Sets [`cleanup_interval`](Self::cleanup_interval).
    pub fn cleanup_interval(mut self, interval: Duration) -> Self {
        self.cleanup_interval = interval;
        self
    }

    /// Sets [`warm_interval`](Self::warm_interval).
    pub fn warm_interval(mut self, interval: Duration) -> Self {
        self.warm_interval = interval;
        self
    }

    /// Sets [`load_timeout`](Self::load_timeout).
    pub fn load_timeout(mut self, limit: Duration) -> Self {
        self.load_timeout = limit;
        self
    }

    /// Sets [`load_concurrency`](Self::load_concurrency).
    pub fn load_concurrency(mut self, loads: usize) -> Self {
        self.load_concurrency = loads;
        self
    }

    /// Sets [`load_queue`](Self::load_queue).
    pub fn load_queue(mut self, loads: usize) -> Self {
        self.load_queue = loads;
        self
    }

    /// Sets [`queue_messages`](Self::queue_messages).
    pub fn queue_messages(mut self, messages: usize) -> Self {
        self.queue_messages = messages;
        self
    }

    /// Sets [`queue_bytes`](Self::queue_bytes).
    pub fn queue_bytes(mut self, bytes: u64) -> Self {
        self.queue_bytes = bytes;
        self
    }

    /// Sets [`stats_interval`](Self::stats_interval).
    pub fn stats_interval(mut self, interval: Duration) -> Self {
        self.stats_interval = interval;
        self
    }

    /// Sets [`unknown_prefix`](Self::unknown_prefix): the name of a tier, or `refuse`.
    pub fn unknown_prefix(mut self, tier: impl Into<String>) -> Self {
        self.unknown_prefix = tier.into();
        self
    }

    /// Sets [`policy`](Self::policy).
    pub fn policy(mut self, policy: LoadPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Changes the tier of that name, or adds it behind the others; a new one needs a TTL and a prefix.
    ///
    /// A prefix that this tier gains is taken from the tier that had it.
    pub fn tier(mut self, name: &str, change: impl FnOnce(TierSettings) -> TierSettings) -> Self {
        let index = self.tier_index(name);
        let before = self.tiers[index].clone();
        self.tiers[index] = TierSettings { name: before.name.clone(), ..change(before.clone()) };
        let gained: Vec<String> = self.tiers[index].prefixes.keys().cloned().collect();
        for prefix in gained.iter().filter(|prefix| !before.prefixes.contains_key(*prefix)) {
            for (_, other) in self.tiers.iter_mut().enumerate().filter(|(other, _)| *other != index) {
                other.prefixes.remove(prefix);
                other.forget_left_policies();
            }
        }
        self
    }

    /// Where the tier of that name stands; it is added if there is none.
    fn tier_index(&mut self, name: &str) -> usize {
        self.tiers.iter().position(|tier| tier.name == name).unwrap_or_else(|| {
            self.tiers.push(TierSettings::new(name));
            self.tiers.len() - 1
        })
    }

    /// Every number outside the tiers, with what it may be.
    fn numbers(&self) -> Vec<(&'static str, Kind, Number)> {
        let numbers = [
            ("max_size_mb", Some(Number::Size(self.max_size))),
            ("max_entry_size", self.max_entry_size.map(Number::Size)),
            ("cleanup_interval", Some(Number::Time(self.cleanup_interval))),
            ("warm_interval", Some(Number::Time(self.warm_interval))),
            ("load_timeout", Some(Number::Time(self.load_timeout))),
            ("load_concurrency", Some(Number::Count(self.load_concurrency as u64))),
            ("load_queue", Some(Number::Count(self.load_queue as u64))),
            ("queue_messages", Some(Number::Count(self.queue_messages as u64))),
            ("queue_bytes", Some(Number::Size(self.queue_bytes))),
            ("stats_interval", Some(Number::Time(self.stats_interval))),
            ("compression_threshold", self.compression_threshold.map(Number::Size)),
        ];
        numbers.into_iter().filter_map(|(key, number)| Some((key, Kind::of(key), number?))).collect()
    }
}

impl TierSettings {
    /// A tier with neither TTL nor prefixes; `check` asks for both.
    fn new(name: &str) -> Self {
        Self {
            name: String::from(name),
            description: String::new(),
            ttl: Duration::ZERO,
            prefixes: BTreeMap::new(),
            policy: LoadPolicy::new(),
            prefix_policies: BTreeMap::new(),
            compression: None,
            weigher: None,
            eviction: Eviction::default(),
            weigh_load_time: false,
            keep_decoded: true,
        }
    }

    /// Sets what the tier is for.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Sets how long its entries live.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// Takes keys whose first segment is `prefix`, with the TTL of the tier.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefixes.insert(prefix.into(), None);
        self
    }

    /// Takes keys whose first segment is `prefix`, with a TTL of their own.
    pub fn prefix_ttl(mut self, prefix: impl Into<String>, ttl: Duration) -> Self {
        self.prefixes.insert(prefix.into(), Some(ttl));
        self
    }

    /// Sets how its values are loaded and served, and how long they live if the policy says so.
    pub fn policy(mut self, policy: LoadPolicy) -> Self {
        self.ttl = policy.ttl.unwrap_or(self.ttl);
        self.policy = LoadPolicy { ttl: None, ..policy };
        self
    }

    /// Takes keys whose first segment is `prefix`, and sets how their values are loaded and served; what the policy does
    /// not say, the TTL too, is as in the tier.
    ///
    /// ```
    /// use std::time::Duration;
    /// use apex_cache::{LoadPolicy, settings::Settings};
    ///
    /// // In a file: [cache.tiers.user.prefixes.user_orders], and in it ttl = "30m", stale = "1m".
    /// let orders = LoadPolicy::new().ttl(Duration::from_secs(1_800)).stale(Duration::from_secs(60));
    /// let settings = Settings::default().tier("user", |tier| tier.prefix_policy("user_orders", orders));
    /// # assert!(settings.check().is_ok());
    /// ```
    pub fn prefix_policy(mut self, prefix: impl Into<String>, policy: LoadPolicy) -> Self {
        let prefix = prefix.into();
        self.prefixes.insert(prefix.clone(), policy.ttl);
        self.prefix_policies.insert(prefix, LoadPolicy { ttl: None, ..policy });
        self.forget_left_policies();
        self
    }

    /// Forgets the policies of prefixes that the tier has no more, and those that say nothing, so that the same
    /// settings are equal however they were written.
    fn forget_left_policies(&mut self) {
        let prefixes = &self.prefixes;
        self.prefix_policies
            .retain(|prefix, policy| prefixes.contains_key(prefix) && *policy != LoadPolicy::new());
    }
}
