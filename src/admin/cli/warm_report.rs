//! What a warm run came to, source by source.
//!
//! Owns: its words, and what can be told of a run that was only watched. Never: asks for anything.

use serde_json::{Value, json};

use super::answers::{Source, WarmReport, Warmed};
use super::out::{BAD, BOLD, Out};
use crate::admin::text::{counted, time};

/// The report of the admin, as a document.
pub(super) fn document(report: &WarmReport) -> Value {
    let sources: Vec<_> = report.sources.iter().map(source).collect();
    let stored = stored(report);
    json!({ "running": false, "stored": stored, "sources": sources })
}

fn source(warmed: &Warmed) -> Value {
    json!({
        "source": warmed.source,
        "tier": warmed.tier,
        "stored": warmed.stored,
        "revoked": warmed.revoked,
        "refused": warmed.refused,
        "took_s": warmed.took_s.0.as_secs_f64(),
        "error": warmed.error,
    })
}

fn stored(report: &WarmReport) -> u64 {
    report.sources.iter().fold(0, |sum, source| sum.saturating_add(source.stored))
}

/// What sources did between two looks. What was left out of a run, the admin tells only those who wait for it to the end.
pub(super) fn between(before: &[Source], after: &[Source]) -> WarmReport {
    let same = |source: &Source| before.iter().find(|other| other.source == source.source);
    let sources = after.iter().map(|source| {
        let (stored, failures) = same(source).map_or((0, 0), |before| (before.stored, before.failures));
        let failed = source.failures > failures;
        Warmed {
            source: source.source.clone(),
            tier: source.tier.clone(),
            stored: source.stored.saturating_sub(stored),
            revoked: 0,
            refused: 0,
            took_s: source.last_took_s.unwrap_or_default(),
            error: failed
                .then(|| source.last_error.clone().unwrap_or_else(|| "see the log of the host".to_owned())),
        }
    });
    WarmReport { running: false, sources: sources.collect() }
}

/// Whether every source went well.
pub(super) fn all_well(report: &WarmReport) -> bool {
    report.sources.iter().all(|source| source.error.is_none())
}

pub(super) fn panel(report: &WarmReport, scope: &str, out: &Out) -> String {
    let scope = if scope == "all" { "all tiers".to_owned() } else { format!("tier {}", out.shown(scope)) };
    if report.sources.is_empty() {
        return format!("{scope}: there is no warm source; nothing was stored\n");
    }
    let sources = counted(report.sources.len() as u64, "source", "sources");
    let stored = counted(stored(report), "entry", "entries");
    let failed = report.sources.iter().filter(|source| source.error.is_some()).count() as u64;
    let failed = match failed {
        0 => String::new(),
        count => format!("; {BAD}{} failed{BAD:#}", counted(count, "source", "sources")),
    };
    let mut text = format!("{scope}: stored {BOLD}{stored}{BOLD:#} from {sources}{failed}\n");
    report.sources.iter().for_each(|source| text += &line(source, out));
    text
}

fn line(source: &Warmed, out: &Out) -> String {
    let stored = counted(source.stored, "entry", "entries");
    let (name, tier) = (out.shown(&source.source), out.shown(&source.tier));
    let mut text = format!("  {name} ({tier}): {stored} in {}", time(source.took_s.0));
    for (count, why) in [(source.revoked, "changed meanwhile"), (source.refused, "without room or too large")]
    {
        if count > 0 {
            text += &format!(", {} {why}", counted(count, "entry", "entries"));
        }
    }
    text.push('\n');
    if let Some(error) = &source.error {
        text += &format!("    {BAD}failed{BAD:#}: {}\n", out.shown(error));
    }
    text
}
