//! The panel of `/cache-explain`.
//!
//! Owns: its layout and its words. Never: shows a value; the key is shown to whoever typed it.

use std::fmt::Write as _;
use std::time::Duration;

use super::render::Style;
use super::text::{counted, foreign, size, thousands, time};
use crate::engine::tag::Tag;
use crate::error::ErrorKind;
use crate::message::{Absence, Explanation, Held, KeyState, LoadPhase, Origin, Reason};

/// What is known of one key as a panel. Sizes are in bytes, KB and MB of 2^20 bytes.
pub fn explain_panel(known: &Explanation, style: Style) -> String {
    let mut text = style.heading("🔎", "Cache Explain");
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "  {name}: {value}");
    };
    line("Key", foreign(known.key.as_str(), style));
    line("Tier", tier(known, style));
    line("State", state(known).to_owned());
    if let Some(held) = &known.held {
        line("Age", age(held));
        line("Fresh", left(held.fresh_for));
        if held.served_for > held.fresh_for {
            line("Served stale where allowed", left(held.served_for));
        }
        line("Size", size(held.size));
        line("Hits", thousands(held.hits.into()));
        let tags: Vec<_> = held.tags.as_slice().iter().map(|tag| foreign(tag.as_str(), style)).collect();
        if !tags.is_empty() {
            line("Tags", tags.join(", "));
        }
        if held.failures > 0 {
            line("Loads failed since", thousands(held.failures.into()));
        }
    }
    if let Some(load) = known.load {
        line("Load", under_way(load).to_owned());
    }
    if let Some(absence) = &known.last_absence {
        let name = match (known.state, &absence.reason) {
            (KeyState::Absent | KeyState::Loading, _) => "Why absent",
            (KeyState::Stale, Reason::Outdated(_)) => "Why stale",
            _ => "Absent before",
        };
        line(name, why(absence, style));
    }
    text
}

fn tier(known: &Explanation, style: Style) -> String {
    let route = match &known.route {
        Some(prefix) => format!("by the prefix {}", foreign(prefix, style)),
        None => "unknown prefix".to_owned(),
    };
    format!("{}, {route}", foreign(&known.tier, style))
}

fn state(known: &Explanation) -> &'static str {
    if known.bypassed {
        return "the tier FAILED and is bypassed, it holds nothing; /cache-info says more";
    }
    if !known.enabled {
        return "the cache is off and holds nothing; set enabled = true to use it";
    }
    match known.state {
        KeyState::Fresh => "fresh",
        KeyState::Stale => "stale, served only where that is allowed",
        KeyState::NothingThere => "known to be nothing at the source",
        KeyState::Loading => "absent, being loaded",
        KeyState::Absent => "absent",
    }
}

fn age(held: &Held) -> String {
    let by = match held.origin {
        Origin::Set => "set".to_owned(),
        Origin::Load if held.took.is_zero() => "loaded in less than 1ms".to_owned(),
        Origin::Load => format!("loaded in {}", time(held.took)),
        Origin::Warm => "stored by a warm run".to_owned(),
    };
    format!("{}, {by}", time(held.age))
}

fn left(span: Duration) -> String {
    if span.is_zero() { "no more".to_owned() } else { format!("for {} more", time(span)) }
}

fn under_way(load: LoadPhase) -> &'static str {
    match load {
        LoadPhase::Waits => "waits for a free place, see load_concurrency",
        LoadPhase::Runs => "runs",
        LoadPhase::RunsRevoked => "runs, but will not be stored: a set or an invalidation came meanwhile",
    }
}

fn why(absence: &Absence, style: Style) -> String {
    let reason = match &absence.reason {
        Reason::NeverStored => return "never stored, as far as is known".to_owned(),
        Reason::NoRecord => {
            let kept = counted(4_096, "reason", "reasons");
            return format!("no record: the last {kept} of the tier are about other keys");
        }
        Reason::Expired => "expired".to_owned(),
        Reason::Evicted => "evicted for room".to_owned(),
        Reason::Removed => "removed by key".to_owned(),
        Reason::Invalidated(Some(scope)) => {
            format!("taken by the invalidation of {}", foreign(&scope.to_string(), style))
        }
        Reason::Invalidated(None) => "taken by an invalidation".to_owned(),
        Reason::Outdated(Some(scope)) => {
            format!("expired by the invalidation of {}", foreign(&scope.to_string(), style))
        }
        Reason::Outdated(None) => "expired by an invalidation".to_owned(),
        Reason::Cleared => "cleared with everything else, if it was there".to_owned(),
        Reason::Restarted => "lost, if it was there, when the tier broke and began anew".to_owned(),
        Reason::Revoked => "brought but not stored, as a set or an invalidation had overtaken it".to_owned(),
        Reason::TooLarge => "refused, larger than max_entry_size".to_owned(),
        Reason::TooManyTags => format!("refused, it had more than {} tags", Tag::PER_ENTRY_MAX),
        Reason::Unreadable => {
            "brought but not stored, as it cannot be read back: the log names type and field".to_owned()
        }
        Reason::NotKept => "not kept, its time to live was zero".to_owned(),
        Reason::NoRoom => "brought by a warm run for which there was no room".to_owned(),
        Reason::LoadFailed(kind) => failed(*kind),
    };
    format!("{reason}; {} ago", time(absence.ago))
}

fn failed(kind: ErrorKind) -> String {
    match kind {
        ErrorKind::LoadPanicked => "its loader panicked".to_owned(),
        ErrorKind::LoadTimeout => "its load took longer than its time limit".to_owned(),
        ErrorKind::LoadLost => "its load was lost with its task".to_owned(),
        ErrorKind::LoadFailed => "its load failed".to_owned(),
        other => format!("its load failed with {other:?}"),
    }
}
