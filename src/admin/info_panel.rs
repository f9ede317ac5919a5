//! The panel of `/cache-info`.
//!
//! Owns: its layout. Never: reads a setting; it shows those in force.

use std::fmt::Write as _;

use super::render::Style;
use super::text::{counted, foreign, limit, size, table, thousands, time};
use crate::message::{InfoSnapshot, TierInfo, TierState};

/// The settings in force and the status of every tier as a panel. MB are 2^20 bytes.
pub fn info_panel(snapshot: &InfoSnapshot, style: Style) -> String {
    let mut text = style.heading("📋", "Cache Information");
    text.push_str(&settings(snapshot, style));
    text.push('\n');
    text.push_str(&lifetimes(&snapshot.tiers, style));
    text.push('\n');
    text.push_str(&style.heading("📦", "Tiers"));
    for tier in &snapshot.tiers {
        text.push_str(&status(tier, style));
    }
    text
}

fn settings(snapshot: &InfoSnapshot, style: Style) -> String {
    let state = match (snapshot.enabled, snapshot.ready) {
        (false, _) => "off: every read misses and loaders run directly; set enabled = true to use it",
        (true, true) => "on, ready",
        (true, false) => {
            "on, not ready yet: a required warm source has not run; /cache-stats shows its progress"
        }
    };
    let unknown = match &snapshot.default_tier {
        Some(tier) => format!("go to tier {}", foreign(tier, style)),
        None => "are refused".to_owned(),
    };
    let moves = if snapshot.moving_budget {
        "moves to the tiers where it brings most hits"
    } else {
        "moves only to tiers that are full"
    };
    let facts = [
        ("Cache", state.to_owned()),
        ("Running for", time(snapshot.uptime)),
        ("Max size", limit(snapshot.budget)),
        ("Budget", String::from(moves)),
        ("Max entry", limit(snapshot.max_entry)),
        ("Expired entries swept", format!("every {}", time(snapshot.cleanup_interval))),
        ("Periodic warming", format!("every {}", time(snapshot.warm_interval))),
        ("Keys with unknown prefix", unknown),
    ];
    let admin = match (&snapshot.admin, &snapshot.admin_error) {
        (Some(address), _) => Some(("Admin", format!("http://{address}/"))),
        (None, Some(error)) => Some(("Admin", error.to_string())),
        (None, None) => None,
    };
    let mut text = style.heading("🔧", "Settings");
    for (name, value) in facts.into_iter().chain(admin) {
        let _ = writeln!(text, "  {name}: {value}");
    }
    text
}

fn lifetimes(tiers: &[TierInfo], style: Style) -> String {
    let rows: Vec<_> = tiers.iter().map(|tier| vec![foreign(&tier.name, style), time(tier.ttl)]).collect();
    let mut text = style.heading("⏰", "Time to Live");
    text.push_str(&table(&rows, "  "));
    text
}

fn status(tier: &TierInfo, style: Style) -> String {
    let shown = |text: &str| foreign(text, style);
    let name = shown(&tier.name);
    let mut text = match &*tier.description {
        "" => format!("  {name}\n"),
        description => format!("  {name}: {}\n", shown(description)),
    };
    let prefixes: Vec<_> = tier
        .prefixes
        .iter()
        .map(|(prefix, ttl)| match ttl {
            Some(ttl) => format!("{} ({})", shown(prefix), time(*ttl)),
            None => shown(prefix),
        })
        .collect();
    if !prefixes.is_empty() {
        let _ = writeln!(text, "    Prefixes: {}", prefixes.join(", "));
    }
    if !tier.stale.is_zero() {
        let _ = write!(text, "    Stale values: served for {} more", time(tier.stale));
        if !tier.soft_timeout.is_zero() {
            let _ = write!(text, ", where the source takes longer than {}", time(tier.soft_timeout));
        }
        text.push('\n');
    }
    let _ = match tier.state {
        TierState::Running => writeln!(text, "    State: running"),
        TierState::Failed => writeln!(
            text,
            "    State: FAILED, it broke too often and is bypassed; find the cause in the log, then /cache-revive {name}"
        ),
    };
    let entries = counted(tier.entries, "entry", "entries");
    let (used, grant, floor) = (size(tier.bytes), limit(tier.grant), limit(tier.floor));
    let _ = write!(text, "    Memory: {used} in {entries}; may use {grant} now, {floor} always");
    if tier.worth > 0 {
        let _ =
            write!(text, "; a MB more would bring {} in a million reads", counted(tier.worth, "hit", "hits"));
    }
    text.push('\n');
    if tier.loads != (0, 0) {
        let (running, waiting) = tier.loads;
        let _ = writeln!(text, "    Loads: {} running, {} waiting", thousands(running), thousands(waiting));
    }
    if tier.queued != (0, 0) {
        let (messages, bytes) = tier.queued;
        let _ = writeln!(text, "    Queue: {}, {}", counted(messages, "message", "messages"), size(bytes));
    }
    if tier.restarts > 0 {
        let _ = writeln!(text, "    Restarts: {}, see the log", thousands(tier.restarts));
    }
    text
}
