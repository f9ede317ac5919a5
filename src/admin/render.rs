//! Answers as text for people.
//!
//! Owns: the words of every answer, in two styles; the panels have files of their own. Never: asks for a number.

use std::fmt::Write as _;
use std::sync::Arc;

use super::text::{counted, foreign, size, time};
use crate::engine::scope::Scope;
use crate::forget::Forgotten;
use crate::message::{
    Change, Explanation, InfoSnapshot, Invalidated, Reloaded, SourceReport, StatsSnapshot, WarmReport,
    WarmScope,
};

pub use super::explain_panel::explain_panel;
pub use super::info_panel::info_panel;
pub use super::stats_panel::{stats_panel, stats_panel_top};

/// Which signs an answer may use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Style {
    /// Headings begin with an emoji; keys are shown in their own script.
    #[default]
    Emoji,
    /// ASCII only: for logs, and terminals that show nothing else. Other characters are escaped.
    Plain,
}

impl Style {
    /// A heading, with its sign where signs may be used, and a line break.
    pub(super) fn heading(self, sign: &str, words: &str) -> String {
        match self {
            Self::Emoji => format!("{sign} {words}\n"),
            Self::Plain => format!("{words}\n"),
        }
    }
}

/// What carrying out a [`Command`](super::Command) brought.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// To `/cache-help`.
    Help,
    /// To `/cache-stats`.
    Stats {
        /// The counters.
        snapshot: StatsSnapshot,
        /// How many of the keys that were read most are shown.
        top: usize,
    },
    /// To `/cache-info`.
    Info(InfoSnapshot),
    /// To `/cache-explain`.
    Explained(Explanation),
    /// To `/cache-clear` with an object.
    Cleared {
        /// What was named.
        scope: Scope,
        /// Whether it was only counted.
        dry_run: bool,
        /// The counts.
        taken: Invalidated,
    },
    /// To `/cache-clear` without: the dry run of all.
    ClearUsage(Invalidated),
    /// To `/cache-warm`.
    Warmed {
        /// What was named.
        scope: WarmScope,
        /// What came of it.
        report: WarmReport,
    },
    /// To `/cache-set`.
    Changed {
        /// What is in force now.
        now: Change,
        /// What was before.
        before: Change,
    },
    /// To `/cache-reload`.
    Reloaded(Reloaded),
    /// To `/cache-forget`.
    Forgot {
        /// Of whom.
        user: Arc<str>,
        /// The counts.
        gone: Forgotten,
    },
    /// To `/cache-revive`.
    Revived {
        /// The tier.
        tier: Arc<str>,
        /// Whether it had been out of service.
        was_out: bool,
    },
}

impl Answer {
    /// The text to show; it ends in a line break.
    pub fn show(&self, style: Style) -> String {
        match self {
            Self::Help => help(style),
            Self::Stats { snapshot, top } => stats_panel_top(snapshot, style, *top),
            Self::Info(snapshot) => info_panel(snapshot, style),
            Self::Explained(known) => explain_panel(known, style),
            Self::Cleared { scope, dry_run, taken } => cleared(taken, *dry_run, scope, style),
            Self::ClearUsage(preview) => clear_usage(preview, style),
            Self::Warmed { scope, report } => warmed(report, scope, style),
            Self::Changed { now, before } => changed(now, before, style),
            Self::Reloaded(reloaded) => self::reloaded(reloaded, style),
            Self::Forgot { user, gone } => forgot(user, gone, style),
            Self::Revived { tier, was_out } => revived(tier, *was_out, style),
        }
    }
}

/// What the commands are.
pub fn help(style: Style) -> String {
    let mut text = style.heading("🧭", "Cache Commands");
    text.push_str(
        "  /cache-stats [--top N]   counters, and the N keys read most (0 to 10, else 3)\n\
        \x20 /cache-info              settings in force, status of every tier\n\
        \x20 /cache-explain KEY       where a key is, how fresh, why it was absent last\n\
        \x20 /cache-clear OBJECT      take entries away; with --dry-run only count them\n\
        \x20 /cache-warm [TIER]       run the warm sources of a tier, or of all\n\
        \x20 /cache-set NAME VALUE    change ttl, enabled or max_size_mb while the cache runs\n\
        \x20 /cache-reload            read the settings again that the cache was started with\n\
        \x20 /cache-forget USER       take everything of a user away, in all tiers\n\
        \x20 /cache-revive TIER       put a tier back into service that is bypassed\n\n",
    );
    text.push_str(&objects(style));
    text
}

/// What `/cache-clear` can be told to take.
fn objects(style: Style) -> String {
    let mut text = style.heading("🎯", "Objects");
    text.push_str(
        "  all                every entry\n\
        \x20 products:*         keys that a pattern takes; * is any run of characters, ? is one\n\
        \x20 user::123456::*    one user: that key and all keys below it\n\
        \x20 user::123456       one key; key:all is the key named all\n\
        \x20 prefix:user::42    a key and all keys below it, without wildcards\n\
        \x20 tag:author:7       all that was stored with that tag\n\
        \x20 tier:query         one tier\n",
    );
    text
}

/// The answer to `/cache-clear` without an object: how it is used, and what `all` would take. `preview` is the dry run of
/// all.
pub fn clear_usage(preview: &Invalidated, style: Style) -> String {
    let mut text = style.heading("🧹", "/cache-clear needs to be told what; nothing was removed");
    text.push_str("  /cache-clear OBJECT [--dry-run]\n");
    let _ = writeln!(text, "  /cache-clear all would remove {}\n", amount(preview));
    text.push_str(&objects(style));
    text
}

/// What an invalidation took, or with `dry_run` would take.
pub fn cleared(taken: &Invalidated, dry_run: bool, scope: &Scope, style: Style) -> String {
    let (shown, amount) = (foreign(&scope.to_string(), style), amount(taken));
    let (mut text, will) = if dry_run {
        (style.heading("🔍", &format!("{shown} would remove {amount}; nothing was removed")), "would")
    } else {
        (style.heading("🧹", &format!("{shown}: removed {amount}")), "will")
    };
    if taken.revoked_loads > 0 {
        let loads = counted(taken.revoked_loads, "load", "loads");
        let _ = writeln!(text, "  {loads} under way {will} not be stored");
    }
    if let (Scope::Key(key), 0) = (scope, taken.matched) {
        let key = foreign(key.as_str(), style);
        let _ =
            writeln!(text, "  only that one key was looked for; prefix:{key} also takes the keys below it");
    }
    text
}

/// Entries, bytes and tiers.
fn amount(taken: &Invalidated) -> String {
    let entries = counted(taken.matched, "entry", "entries");
    match (taken.matched, taken.tiers) {
        (0, tiers) => format!("{entries}, looking in {}", counted(tiers, "tier", "tiers")),
        (_, tiers) => {
            format!("{entries} ({}), looking in {}", size(taken.bytes), counted(tiers, "tier", "tiers"))
        }
    }
}

/// What running warm sources came to, source by source.
pub fn warmed(report: &WarmReport, scope: &WarmScope, style: Style) -> String {
    let scope = match scope {
        WarmScope::All => "all tiers".to_owned(),
        WarmScope::Tier(tier) => format!("tier {}", foreign(tier, style)),
    };
    if report.sources.is_empty() {
        return style.heading("🔥", &format!("{scope}: there is no warm source; nothing was stored"));
    }
    let failed = report.sources.iter().filter(|source| source.error.is_some()).count() as u64;
    let sources = counted(report.sources.len() as u64, "source", "sources");
    let stored = counted(report.stored(), "entry", "entries");
    let mut words = format!("{scope}: stored {stored} from {sources}");
    if failed > 0 {
        let _ = write!(words, "; {} failed", counted(failed, "source", "sources"));
    }
    let mut text = style.heading("🔥", &words);
    for source in &report.sources {
        text.push_str(&warmed_source(source, style));
    }
    text
}

fn warmed_source(source: &SourceReport, style: Style) -> String {
    let shown = |text: &str| foreign(text, style);
    let stored = counted(source.stored, "entry", "entries");
    let mut text =
        format!("  {} ({}): {stored} in {}", shown(&source.source), shown(&source.tier), time(source.took));
    for (count, why) in [(source.revoked, "changed meanwhile"), (source.refused, "without room or too large")]
    {
        if count > 0 {
            let _ = write!(text, ", {} {why}", counted(count, "entry", "entries"));
        }
    }
    text.push('\n');
    if let Some(error) = &source.error {
        let _ = writeln!(text, "    failed: {}", shown(error));
    }
    text
}

/// What changing a setting came to.
pub fn changed(now: &Change, before: &Change, style: Style) -> String {
    let (setting, value) = (foreign(&now.setting(), style), now.value());
    if now == before {
        return style.heading("🔧", &format!("{setting} is {value} already; nothing was changed"));
    }
    let words = format!("{setting} is now {value}, was {}; {}", before.value(), now.consequence());
    style.heading("🔧", &words)
}

/// What reading the settings again came to.
pub fn reloaded(reloaded: &Reloaded, style: Style) -> String {
    let changed = match reloaded.changed.len() as u64 {
        0 => "nothing has changed".to_owned(),
        count => format!("{} changed", counted(count, "setting has", "settings have")),
    };
    let mut text = style.heading("🔧", &format!("the settings were read again; {changed}"));
    for changed in &reloaded.changed {
        let _ = writeln!(text, "  {}", foreign(&changed.to_string(), style));
    }
    text
}

/// What forgetting a user came to.
pub fn forgot(user: &str, gone: &Forgotten, style: Style) -> String {
    let (user, entries) = (foreign(user, style), counted(gone.matched, "entry", "entries"));
    let left = counted(gone.left, "entry", "entries");
    let mut text =
        style.heading("🧹", &format!("user {user}: removed {entries} ({}), {left} left", size(gone.bytes)));
    if gone.revoked_loads > 0 {
        let loads = counted(gone.revoked_loads, "load", "loads");
        let _ = writeln!(text, "  {loads} under way will not be stored");
    }
    if gone.left > 0 {
        text.push_str("  what is left was stored meanwhile; run it again\n");
    }
    text
}

/// What reviving a tier came to.
pub fn revived(tier: &str, was_out: bool, style: Style) -> String {
    let tier = foreign(tier, style);
    let words =
        if was_out { "is back in service, empty" } else { "was in service already; nothing was changed" };
    style.heading("🩹", &format!("tier {tier} {words}"))
}
