//! The documents of the admin, as far as this command needs them.
//!
//! Owns: which fields must be there for an answer to be one. Never: refuses what it does not know, for a host may be newer.

use std::time::Duration;

use serde::Deserialize;

/// A time; what no clock shows is taken for the nearest that one does.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(from = "f64")]
pub(super) struct Seconds(pub(super) Duration);

impl From<f64> for Seconds {
    fn from(seconds: f64) -> Self {
        Self(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX))
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Refused {
    pub(super) error: Trouble,
}

#[derive(Debug, Deserialize)]
pub(super) struct Trouble {
    pub(super) kind: String,
    pub(super) message: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Stats {
    pub(super) uptime_s: Seconds,
    pub(super) budget: u64,
    pub(super) bytes: u64,
    pub(super) entries: u64,
    pub(super) hits: u64,
    pub(super) misses: u64,
    pub(super) tiers: Vec<Tier>,
    #[serde(default)]
    pub(super) warm: Vec<Source>,
    #[serde(default)]
    pub(super) top: Vec<Top>,
    #[serde(default)]
    pub(super) invalidations: Invalidations,
}

/// Invalidations that were not carried out as they were asked for.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct Invalidations {
    pub(super) widened: u64,
    pub(super) unfenced: u64,
    pub(super) unknown_prefix: u64,
    pub(super) unconfirmed: u64,
    pub(super) without_cache: u64,
}

/// The counters of a tier.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Tier {
    pub(super) tier: String,
    pub(super) entries: u64,
    pub(super) bytes: u64,
    pub(super) hits: u64,
    pub(super) misses: u64,
    pub(super) sets: u64,
    #[serde(default)]
    pub(super) joined: u64,
    #[serde(default)]
    pub(super) stale_hits: u64,
    pub(super) removals: Removals,
    pub(super) loads: Loads,
    #[serde(default)]
    pub(super) revoked: u64,
    #[serde(default)]
    pub(super) bypassed: u64,
    #[serde(default)]
    pub(super) warm_no_room: u64,
    #[serde(default)]
    pub(super) too_large: u64,
    #[serde(default)]
    pub(super) overloaded: u64,
    #[serde(default)]
    pub(super) wrong_type: u64,
    #[serde(default)]
    pub(super) unreadable: u64,
    #[serde(default)]
    pub(super) restarts: u64,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct Removals {
    pub(super) expired: u64,
    pub(super) evicted: u64,
    pub(super) removed: u64,
    pub(super) invalidated: u64,
    pub(super) cleared: u64,
    pub(super) displaced: u64,
    pub(super) lost: u64,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct Loads {
    pub(super) started: u64,
    pub(super) ok: u64,
    pub(super) failed: u64,
    pub(super) panicked: u64,
    pub(super) timed_out: u64,
    pub(super) lost: u64,
    pub(super) time_s: Seconds,
}

/// A warm source and what it did so far.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Source {
    pub(super) source: String,
    pub(super) tier: String,
    pub(super) runs: u64,
    pub(super) failures: u64,
    pub(super) stored: u64,
    pub(super) running: bool,
    pub(super) done: u64,
    pub(super) of: u64,
    pub(super) last_took_s: Option<Seconds>,
    pub(super) last_error: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Top {
    pub(super) key: String,
    pub(super) hits: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Info {
    pub(super) version: String,
    pub(super) enabled: bool,
    pub(super) ready: bool,
    pub(super) uptime_s: Seconds,
    pub(super) budget: u64,
    pub(super) max_entry: u64,
    pub(super) cleanup_interval_s: Seconds,
    pub(super) warm_interval_s: Seconds,
    pub(super) default_tier: Option<String>,
    pub(super) tiers: Vec<TierInfo>,
}

#[derive(Debug, Deserialize)]
pub(super) struct TierInfo {
    pub(super) tier: String,
    pub(super) description: String,
    pub(super) state: String,
    pub(super) ttl_s: Seconds,
    pub(super) stale_s: Seconds,
    pub(super) prefixes: Vec<Prefix>,
    pub(super) entries: u64,
    pub(super) bytes: u64,
    pub(super) grant: u64,
    pub(super) floor: u64,
    pub(super) loads_running: u64,
    pub(super) loads_waiting: u64,
    pub(super) queued_messages: u64,
    pub(super) queued_bytes: u64,
    pub(super) restarts: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Prefix {
    pub(super) prefix: String,
    pub(super) ttl_s: Option<Seconds>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) tier: String,
    pub(super) size: u64,
    pub(super) age_s: Seconds,
    pub(super) left_s: Seconds,
    pub(super) hits: u64,
    pub(super) source: String,
    pub(super) state: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Entries {
    pub(super) entries: Vec<Entry>,
    pub(super) matched: u64,
    pub(super) bytes: u64,
    pub(super) next: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Explained {
    pub(super) key: String,
    pub(super) state: String,
    pub(super) text: String,
}

/// What an invalidation took.
#[derive(Debug, Deserialize)]
pub(super) struct Taken {
    pub(super) scope: String,
    pub(super) matched: u64,
    pub(super) bytes: u64,
    pub(super) revoked_loads: u64,
    pub(super) tiers: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Forgotten {
    pub(super) user: String,
    pub(super) matched: u64,
    pub(super) bytes: u64,
    pub(super) revoked_loads: u64,
    pub(super) left: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Warming {
    pub(super) sources: Vec<Source>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WarmReport {
    pub(super) running: bool,
    pub(super) sources: Vec<Warmed>,
}

/// What a run of a source came to.
#[derive(Debug, Deserialize)]
pub(super) struct Warmed {
    pub(super) source: String,
    pub(super) tier: String,
    pub(super) stored: u64,
    pub(super) revoked: u64,
    pub(super) refused: u64,
    pub(super) took_s: Seconds,
    pub(super) error: Option<String>,
}

/// What a setting is now and was before.
#[derive(Debug, Deserialize)]
pub(super) struct Changed {
    pub(super) setting: String,
    pub(super) value: Amount,
    pub(super) before: Amount,
    pub(super) note: String,
}

/// The value of a setting; a time in seconds, a size in bytes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum Amount {
    Switch(bool),
    Whole(u64),
    Broken(f64),
    Word(String),
}

#[derive(Debug, Deserialize)]
pub(super) struct Reloaded {
    pub(super) changed: Vec<ChangedKey>,
}

/// A setting that has another value than before.
#[derive(Debug, Deserialize)]
pub(super) struct ChangedKey {
    pub(super) key: String,
    pub(super) value: Amount,
    pub(super) before: Amount,
}

#[derive(Debug, Deserialize)]
pub(super) struct Revived {
    pub(super) tier: String,
    pub(super) was_out: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Health {
    pub(super) status: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Ready {
    pub(super) ready: bool,
    pub(super) waiting: u64,
}
