//! Statistics and status: what they ask, and the typed snapshots that answer.
//!
//! Owns: the shape of the numbers. Never: reads a counter or renders text (`admin::render` does).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub use crate::engine::histogram::Histogram;

/// Counters of one tier since the cache was started. Every field only grows, but for the first four.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TierStats {
    /// Entries held now.
    pub entries: u64,
    /// Bytes held now: keys, values and overhead.
    pub bytes: u64,
    /// Bytes it may hold now.
    pub grant: u64,
    /// Hits that a MiB more would bring in a million reads of the cache, by a sample of the reads; 0 while not known, or when
    /// `moving_budget` is off. Of several tiers together: that of the tier where it is worth most.
    pub worth: u64,
    /// Reads that were served from memory.
    pub hits: u64,
    /// Reads that were not. `hits + misses` is the number of reads.
    pub misses: u64,
    /// Misses that joined a load which was already under way.
    pub joined: u64,
    /// Answers past their time to live, where `stale` allowed that: hits, and misses whose load brought nothing better.
    pub stale_hits: u64,
    /// Values stored: by a set, by a load, by a warm run.
    pub sets: u64,
    /// Of `sets`, those stored by a load.
    pub stored_by_load: u64,
    /// Of `sets`, those stored by a warm run.
    pub stored_by_warm: u64,
    /// Stores that replaced a value of the same key that had not expired.
    pub replaced: u64,
    /// Values that were compressed on their way in.
    pub compressed: u64,
    /// Bytes of those before.
    pub compressed_from: u64,
    /// Bytes of those after.
    pub compressed_to: u64,
    /// Entries that left, by cause.
    pub removals: Removals,
    /// Of the entries that expired, those that nobody read between their store and their end.
    pub expired_unread: u64,
    /// Entries of warm runs that expired, were evicted or replaced.
    pub warm_left: u64,
    /// Of `warm_left`, those that had never been read.
    pub warm_unread: u64,
    /// Loads that were started.
    pub loads: u64,
    /// Loads that returned a value.
    pub loads_ok: u64,
    /// Loads whose loader returned an error.
    pub loads_failed: u64,
    /// Loads whose loader panicked.
    pub loads_panicked: u64,
    /// Loads that ran into their time limit.
    pub loads_timed_out: u64,
    /// Loads that were lost with their runtime.
    pub loads_lost: u64,
    /// Time spent in loads that ended, in all. Divide by their number for the mean.
    pub load_time: Duration,
    /// How long each of them took.
    pub load_times: Histogram,
    /// How long the tier kept its thread at a time, with everything that it did for the messages it took.
    pub turns: Histogram,
    /// How long requests waited from their acceptance until the tier took them; of one in sixteen.
    pub queue_time: Histogram,
    /// Values that were loaded but not stored, because an invalidation or a set came between.
    pub revoked: u64,
    /// Values that a warm run brought but that were not stored, because they had been invalidated or set since.
    pub warm_revoked: u64,
    /// Values that a warm run brought but for which there was no room without evicting what is in use.
    pub warm_no_room: u64,
    /// Entries refused because they were larger than `max_entry_size`.
    pub too_large: u64,
    /// Values that cannot be read back as the type they were written from: loaded ones, which were given to their callers and
    /// not stored, and reads of one that was set. The log names type and field, once for each type.
    pub unreadable: u64,
    /// Calls whose loader ran in the caller's task because the cache could not serve them.
    pub bypassed: u64,
    /// Calls refused because a bound was reached.
    pub overloaded: u64,
    /// Writes that nobody waited for and that failed after they had been accepted; see [`SetCall::send`](crate::SetCall::send).
    pub unawaited_failed: u64,
    /// Values found under the right key, but of another type.
    pub wrong_type: u64,
    /// Times the tier broke and was put back in place.
    pub restarts: u64,
}

/// Entries that left a tier, by cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Removals {
    /// Their time to live was over, and the time that they may be served stale: they left at a sweep, to make room, or
    /// because their key was set, loaded again or removed.
    pub expired: u64,
    /// Pushed out because the tier was at its grant.
    pub evicted: u64,
    /// Taken by a `Remove`, or by an `Invalidate` of one key.
    pub removed: u64,
    /// Taken by an `Invalidate` of a prefix or pattern.
    pub invalidated: u64,
    /// Taken by an `Invalidate` of a tier or of all.
    pub cleared: u64,
    /// Taken away by a set or a load of the key whose own value was not kept.
    pub displaced: u64,
    /// Lost when the tier broke.
    pub lost: u64,
}

impl Removals {
    /// All causes together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.expired
            + self.evicted
            + self.removed
            + self.invalidated
            + self.cleared
            + self.displaced
            + self.lost
    }
}

/// One tier in a [`StatsSnapshot`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamedTierStats {
    /// The tier's name, as in the settings.
    pub name: Arc<str>,
    /// Its counters.
    pub stats: TierStats,
}

/// One of the entries that were read most.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopEntry {
    /// The key.
    pub key: crate::Key,
    /// How often it was served from memory. Exact when one thread reads; two threads that read the same entry at
    /// the same instant may count as one.
    pub hits: u64,
}

impl TopEntry {
    /// `key`, served `hits` times.
    pub fn new(key: crate::Key, hits: u64) -> Self {
        Self { key, hits }
    }
}

/// What a warm source did so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WarmStats {
    /// The name of the source.
    pub source: Arc<str>,
    /// The tier that it fills.
    pub tier: Arc<str>,
    /// Runs that ended well.
    pub runs: u64,
    /// Runs that failed.
    pub failures: u64,
    /// Entries stored by all runs.
    pub stored: u64,
    /// Entries of the run under way that have been handed to the tier, of how many: of 0 while it reads its source. `None`
    /// when none is under way.
    pub progress: Option<(u64, u64)>,
    /// How long the last run took.
    pub last_took: Option<Duration>,
    /// What the last failure said; `None` once a later run ended well.
    pub last_error: Option<Arc<str>>,
}

impl WarmStats {
    pub(crate) fn new(source: &Arc<str>, tier: &Arc<str>) -> Self {
        Self {
            source: Arc::clone(source),
            tier: Arc::clone(tier),
            runs: 0,
            failures: 0,
            stored: 0,
            progress: None,
            last_took: None,
            last_error: None,
        }
    }
}

/// All counters at one moment. Subtract an earlier one with [`StatsSnapshot::since`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatsSnapshot {
    /// Time since the cache was started.
    pub uptime: Duration,
    /// The budget over all tiers, in bytes.
    pub budget: u64,
    /// One for each tier, in the order of the settings.
    pub tiers: Vec<NamedTierStats>,
    /// How long the supervisor kept its thread at a time.
    pub supervisor_turns: Histogram,
    /// The entries that were read most, most first; at most ten.
    pub top: Vec<TopEntry>,
    /// One for each warm source, in the order in which they were given.
    pub warm: Vec<WarmStats>,
    /// Invalidations that were not carried out as they were asked for.
    pub invalidations: InvalidationStats,
}

/// Invalidations that were not carried out as they were asked for. Each is logged once with what to do; zero is right.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidationStats {
    /// Templates of an attribute that made no scope, so that their whole first segment, or everything, was taken: an argument
    /// cannot be written, or the text is too long.
    pub widened: u64,
    /// Fences of an attribute that could not be opened, so that its scope was invalidated after the function alone.
    pub unfenced: u64,
    /// Scopes with a first segment that no tier was made for. With `unknown_prefix = "refuse"` they were refused.
    pub unknown_prefix: u64,
    /// Invalidations of an attribute that were not confirmed.
    pub unconfirmed: u64,
    /// Calls in this process, of any attribute, that found no cache to invalidate.
    pub without_cache: u64,
}

impl TierStats {
    /// Reads, from memory or not.
    pub fn reads(&self) -> u64 {
        self.hits + self.misses
    }

    /// Hits among a hundred reads; `None` when there were none.
    pub fn hit_percent(&self) -> Option<f64> {
        (self.reads() > 0).then(|| self.hits as f64 * 100.0 / self.reads() as f64)
    }
}

/// Status of one tier.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TierInfo {
    /// The tier's name, as in the settings.
    pub name: Arc<str>,
    /// What it holds, in words for people.
    pub description: Arc<str>,
    /// How long its values live when nothing else is said.
    pub ttl: Duration,
    /// How long after that they may still be served when nothing else is said; zero: never.
    pub stale: Duration,
    /// How long a call that could be served such a value waits for a fresh one when nothing else is said;
    /// zero: not at all.
    pub soft_timeout: Duration,
    /// First segments that lead here, each with its own time to live if it has one.
    pub prefixes: Vec<(Arc<str>, Option<Duration>)>,
    /// Whether it serves.
    pub state: TierState,
    /// Entries held now.
    pub entries: u64,
    /// Bytes held now.
    pub bytes: u64,
    /// Bytes it may hold now.
    pub grant: u64,
    /// Hits that a MiB more would bring in a million reads of the cache; 0 while not known.
    pub worth: u64,
    /// Bytes it may always hold.
    pub floor: u64,
    /// Loads running and loads waiting for a free place.
    pub loads: (u64, u64),
    /// Messages and bytes accepted and not yet handled.
    pub queued: (u64, u64),
    /// Times it broke and was put back in place.
    pub restarts: u64,
}

/// Whether a tier serves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TierState {
    /// It does.
    #[default]
    Running,
    /// It broke too often within a minute; calls go past it until it is revived.
    Failed,
}

/// Settings in force and status of every tier.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct InfoSnapshot {
    /// Whether the cache keeps anything.
    pub enabled: bool,
    /// Whether all required warm sources have run.
    pub ready: bool,
    /// Time since the cache was started.
    pub uptime: Duration,
    /// The budget over all tiers, in bytes.
    pub budget: u64,
    /// Whether it moves to the tiers where it brings the most hits.
    pub moving_budget: bool,
    /// Largest entry that is kept, in bytes.
    pub max_entry: u64,
    /// How often expired entries are swept out.
    pub cleanup_interval: Duration,
    /// How often periodic warm sources run.
    pub warm_interval: Duration,
    /// Where keys with an unknown first segment go; `None`: they are refused.
    pub default_tier: Option<Arc<str>>,
    /// Where the admin over HTTP listens that the settings switch on.
    pub admin: Option<SocketAddr>,
    /// Why it does not listen, where the settings switch it on and the address cannot be had.
    pub admin_error: Option<Arc<str>>,
    /// One for each tier, in the order of the settings.
    pub tiers: Vec<TierInfo>,
}
