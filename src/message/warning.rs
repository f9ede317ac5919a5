//! What is warned of: each with its evidence, a sentence that says what it is, and one that says what to do.
//!
//! Owns: the kinds of warning and their words. Never: decides when to warn; the stats actor does.

use std::sync::Arc;

/// Something that a host should look at.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Warning {
    /// The name of the tier that it is about; `None`: the cache.
    pub tier: Option<Arc<str>>,
    /// What it is.
    pub kind: WarningKind,
}

/// What a [`Warning`] is, with its evidence: counts of the window that [`AdviceSnapshot::window`](super::AdviceSnapshot::window)
/// tells.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[allow(missing_docs)] // the names of the fields say what they are
pub enum WarningKind {
    /// Few reads are hits, because the time of most entries is over before anybody reads them.
    ExpireUnused { hit_percent: f64, expired: u64, unread: u64 },
    /// The tier is at its floor and full, and would have clearly more hits with twice as much.
    Starved { floor_bytes: u64, hit_percent: f64, doubled_percent: f64, moving_budget: bool },
    /// All tiers together would have clearly more hits with twice the budget.
    BudgetSmall { budget_bytes: u64, hit_percent: f64, doubled_percent: f64 },
    /// Invalidations of one shape took nothing, again and again. `shape` names their first segment and stands for the rest, which
    /// may differ, as in `users::..::*`.
    TakesNothing { shape: Arc<str>, times: u64 },
    /// Keys with first segments that no tier was made for; at most five are named.
    UnknownPrefixes { prefixes: Vec<Arc<str>>, count: u64, keys: u64 },
    /// What warm sources brought was gone again before anybody had read it.
    WarmUnread { gone: u64, unread: u64 },
    /// A warm source failed when it ran last.
    WarmFails { source: Arc<str>, failures: u64 },
    /// There is no room for what warm sources bring.
    WarmNoRoom { refused: u64 },
    /// Entries were refused because they were larger than `max_entry_size`.
    TooLarge { refused: u64, stored: u64 },
    /// Loads failed, panicked or ran into their time limit.
    LoadsFail { failed: u64, timed_out: u64, ended: u64 },
    /// What was loaded was invalidated before it could be stored.
    Revoked { revoked: u64, loads: u64 },
    /// Calls were refused because a bound was reached.
    Overloaded { refused: u64 },
    /// Values were found that are of another type than was asked for.
    WrongType { reads: u64 },
    /// Values were brought or found that cannot be read back as what they were written from.
    Unreadable { values: u64 },
    /// The tier broke too often, and calls go past it.
    Failed,
}

impl Warning {
    /// Warns of `kind` in `tier`, or in the cache.
    pub fn new(tier: Option<Arc<str>>, kind: WarningKind) -> Self {
        Self { tier, kind }
    }

    /// One word for programs, in snake case: `expire_unused`.
    pub fn word(&self) -> &'static str {
        match self.kind {
            WarningKind::ExpireUnused { .. } => "expire_unused",
            WarningKind::Starved { .. } => "starved",
            WarningKind::BudgetSmall { .. } => "budget_small",
            WarningKind::TakesNothing { .. } => "takes_nothing",
            WarningKind::UnknownPrefixes { .. } => "unknown_prefixes",
            WarningKind::WarmUnread { .. } => "warm_unread",
            WarningKind::WarmFails { .. } => "warm_fails",
            WarningKind::WarmNoRoom { .. } => "warm_no_room",
            WarningKind::TooLarge { .. } => "too_large",
            WarningKind::LoadsFail { .. } => "loads_fail",
            WarningKind::Revoked { .. } => "revoked",
            WarningKind::Overloaded { .. } => "overloaded",
            WarningKind::WrongType { .. } => "wrong_type",
            WarningKind::Unreadable { .. } => "unreadable",
            WarningKind::Failed => "failed",
        }
    }

    /// Without what was part of a key: for those who may not see any.
    #[must_use]
    pub fn without_keys(mut self) -> Self {
        match &mut self.kind {
            WarningKind::TakesNothing { shape, .. } => *shape = Arc::default(),
            WarningKind::UnknownPrefixes { prefixes, .. } => prefixes.clear(),
            _ => {}
        }
        self
    }

    /// What it is, as a sentence with its evidence.
    pub fn what(&self) -> String {
        match &self.kind {
            WarningKind::ExpireUnused { hit_percent, expired, unread } => format!(
                "Only {hit_percent:.0} % of the reads are hits, and of {expired} entries that expired {unread} had never been read."
            ),
            WarningKind::Starved { floor_bytes, hit_percent, doubled_percent, .. } => format!(
                "It has no more than its floor of {}, which is full; with twice as much {doubled_percent:.0} % of its reads would be hits in place of {hit_percent:.0} %.",
                size(*floor_bytes)
            ),
            WarningKind::BudgetSmall { budget_bytes, hit_percent, doubled_percent } => format!(
                "The budget of {} is small: with twice as much {doubled_percent:.0} % of the reads would be hits in place of {hit_percent:.0} %.",
                size(*budget_bytes)
            ),
            WarningKind::TakesNothing { shape, times } => {
                let shape = if shape.is_empty() { String::new() } else { format!(", {shape},") };
                format!(
                    "An invalidation{shape} took nothing {times} times in a row, while the tier held entries."
                )
            }
            WarningKind::UnknownPrefixes { prefixes, count, keys } => {
                let named = prefixes.join(", ");
                let more = count.saturating_sub(prefixes.len() as u64);
                let named = match (prefixes.is_empty(), more) {
                    (true, _) => String::new(),
                    (false, 0) => format!(": {named}"),
                    (false, more) => format!(": {named} and {more} more"),
                };
                let segments = if *count == 1 { "a first segment" } else { "first segments" };
                format!("{keys} calls named keys with {segments} that no tier was made for{named}.")
            }
            WarningKind::WarmUnread { gone, unread } => {
                format!("Of {gone} warmed entries that left, {unread} had never been read.")
            }
            WarningKind::WarmFails { source, failures } => {
                format!("The warm source {source} failed when it ran last, and {failures} times in all.")
            }
            WarningKind::WarmNoRoom { refused } => {
                format!(
                    "{refused} values of warm sources were not stored, because there was no room that is not in use."
                )
            }
            WarningKind::TooLarge { refused, stored } => format!(
                "{refused} values were larger than max_entry_size and were not kept, beside {stored} that were."
            ),
            WarningKind::LoadsFail { failed, timed_out, ended } => {
                format!("Of {ended} loads {failed} failed and {timed_out} ran into their time limit.")
            }
            WarningKind::Revoked { revoked, loads } => format!(
                "Of {loads} loads {revoked} brought a value that was invalidated while it was loaded, so it was not stored."
            ),
            WarningKind::Overloaded { refused } => {
                format!("{refused} calls were refused because a bound was reached.")
            }
            WarningKind::WrongType { reads } => {
                format!("{reads} reads found a value of another type under their key.")
            }
            WarningKind::Unreadable { values } => {
                format!("{values} values cannot be read back as the type they were written from.")
            }
            WarningKind::Failed => "It broke too often, and calls go past it: nothing is cached.".to_owned(),
        }
    }

    /// What to do about it, as a sentence.
    pub fn remedy(&self) -> String {
        let tier = self.tier.as_deref().unwrap_or("the tier");
        match &self.kind {
            WarningKind::ExpireUnused { .. } => format!(
                "Raise the ttl of {tier} if its keys are asked for again later than that, or do not cache what is asked for once."
            ),
            WarningKind::Starved { moving_budget: true, .. } => "Raise max_size_mb: other tiers need what they have.".to_owned(),
            WarningKind::Starved { .. } => "Switch moving_budget on, so that bytes go where they bring hits, or raise max_size_mb.".to_owned(),
            WarningKind::BudgetSmall { .. } => "Raise max_size_mb, if the machine has the memory: /cache-set max_size_mb.".to_owned(),
            WarningKind::TakesNothing { .. } => "Compare the scope with the keys that are stored, letter by letter: /cache-clear SCOPE --dry-run counts what it takes.".to_owned(),
            WarningKind::UnknownPrefixes { .. } => "Make a tier for them, or add them to the prefixes of one; the log names them (no tier takes keys with this prefix).".to_owned(),
            WarningKind::WarmUnread { .. } => format!("Warm less in {tier}, or later: what nobody reads costs its loads and its room."),
            WarningKind::WarmFails { .. } => "Read what its last failure said in /cache-stats, then run it with /cache-warm.".to_owned(),
            WarningKind::WarmNoRoom { .. } => "Raise max_size_mb, or warm less.".to_owned(),
            WarningKind::TooLarge { .. } => "Raise max_entry_size, or cache less in one value.".to_owned(),
            WarningKind::LoadsFail { .. } => "Look at the source and its log; stale serves old values meanwhile, and load_timeout is how long a load may take.".to_owned(),
            WarningKind::Revoked { .. } => "Invalidate less at once: a narrower scope, or only what has changed.".to_owned(),
            WarningKind::Overloaded { .. } => "Look at Queue and Loads in /cache-info; the error names the setting to raise.".to_owned(),
            WarningKind::WrongType { .. } => "Use one type for each key: build keys of two types in two ways.".to_owned(),
            WarningKind::Unreadable { .. } => "Read the log, which names type and field, and mend its Serialize or Deserialize; testing::assert_cacheable finds such types.".to_owned(),
            WarningKind::Failed => format!("Read the log for why it broke, then /cache-revive {tier}."),
        }
    }
}

/// A size as people read it.
fn size(bytes: u64) -> String {
    const MIB: u64 = 1 << 20;
    if bytes < MIB { format!("{} KB", bytes >> 10) } else { format!("{:.0} MB", bytes as f64 / MIB as f64) }
}
