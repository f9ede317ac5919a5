//! The panel of `/cache-stats`.
//!
//! Owns: its layout: what the original showed, line for line, then what there is to tell beyond it. Never: counts.

use std::fmt::Write as _;
use std::time::Duration;

use super::command::Command;
use super::render::Style;
use super::text::{counted, foreign, limit, megabytes, percent, size, table, thousands, time};
use crate::message::{Histogram, NamedTierStats, StatsSnapshot, TierStats, WarmStats};

/// The counters as a panel, with the three keys read most.
pub fn stats_panel(snapshot: &StatsSnapshot, style: Style) -> String {
    stats_panel_top(snapshot, style, Command::TOP_DEFAULT)
}

/// The counters as a panel, with the `top` keys read most, as far as the snapshot has them.
///
/// MB are 2^20 bytes. A rate without reads is `-`. Sections below the keys appear when there is something to tell.
pub fn stats_panel_top(snapshot: &StatsSnapshot, style: Style, top: usize) -> String {
    let total = |field: fn(&TierStats) -> u64| sum(&snapshot.tiers, field);
    let (hits, misses, used) = (total(|t| t.hits), total(|t| t.misses), total(|t| t.bytes));
    let mut sections = vec![
        style.heading("📊", "Cache Statistics")
            + &style.heading("🎯", "Performance")
            + &lines(&[
                ("Hit Rate", percent(hits, hits.saturating_add(misses))),
                ("Total Hits", thousands(hits)),
                ("Total Misses", thousands(misses)),
                ("Total Sets", thousands(total(|t| t.sets))),
            ]),
        style.heading("💾", "Memory Usage")
            + &lines(&[
                ("Used", megabytes(used)),
                ("Max", limit(snapshot.budget)),
                ("Usage", percent(used, snapshot.budget)),
                ("Entries", thousands(total(|t| t.entries))),
            ]),
    ];
    sections.extend(top_entries(snapshot, style, top));
    sections.extend(tiers(snapshot, style));
    sections.extend(compressed(&snapshot.tiers, style));
    sections.extend(loads(&snapshot.tiers, style));
    sections.extend(removals(&snapshot.tiers, style));
    sections.extend(warm(&snapshot.warm, style));
    sections.extend(troubles(snapshot, style));
    sections.join("\n")
}

fn sum(tiers: &[NamedTierStats], field: impl Fn(&TierStats) -> u64) -> u64 {
    tiers.iter().fold(0, |sum, tier| sum.saturating_add(field(&tier.stats)))
}

fn lines(facts: &[(&str, String)]) -> String {
    let mut text = String::new();
    for (name, value) in facts {
        let _ = writeln!(text, "  {name}: {value}");
    }
    text
}

/// A section of those counters that are not zero; none when all are.
fn section(heading: String, counts: &[(&str, u64)]) -> Option<String> {
    let told: Vec<_> = counts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| (*name, thousands(*count)))
        .collect();
    (!told.is_empty()).then(|| heading + &lines(&told))
}

fn top_entries(snapshot: &StatsSnapshot, style: Style, top: usize) -> Option<String> {
    let shown = &snapshot.top[..top.min(snapshot.top.len())];
    let mut text = style.heading("🔥", "Top Cached Entries");
    for (place, entry) in shown.iter().enumerate() {
        let key = foreign(entry.key.as_str(), style);
        let _ = writeln!(text, "{}. {key} ({})", place + 1, counted(entry.hits, "hit", "hits"));
    }
    (!shown.is_empty()).then_some(text)
}

fn tiers(snapshot: &StatsSnapshot, style: Style) -> Option<String> {
    let tiers = &snapshot.tiers;
    let head = ["Tier", "Hit Rate", "Hits", "Misses", "Sets", "Entries", "Used", "May Use", "Worth"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for tier in tiers {
        let stats = &tier.stats;
        rows.push(vec![
            foreign(&tier.name, style),
            percent(stats.hits, stats.hits.saturating_add(stats.misses)),
            thousands(stats.hits),
            thousands(stats.misses),
            thousands(stats.sets),
            thousands(stats.entries),
            size(stats.bytes),
            limit(stats.grant),
            thousands(stats.worth),
        ]);
    }
    let turns = tiers.iter().map(|tier| &tier.stats.turns).chain([&snapshot.supervisor_turns]);
    let longest = turns.map(Histogram::max).max().filter(|longest| !longest.is_zero());
    let longest = longest.map(|longest| lines(&[("Longest turn", time(longest))])).unwrap_or_default();
    let mut text = style.heading("📦", "Tiers") + &table(&rows, "  ");
    if tiers.iter().any(|tier| tier.stats.worth > 0) {
        text.push_str("  Worth: hits that a MB more would bring in a million reads of the cache\n");
    }
    (tiers.len() > 1).then(|| text + &longest)
}

fn compressed(tiers: &[NamedTierStats], style: Style) -> Option<String> {
    let total = |field: fn(&TierStats) -> u64| sum(tiers, field);
    let (values, from, to) =
        (total(|t| t.compressed), total(|t| t.compressed_from), total(|t| t.compressed_to));
    let told = format!("{}, {} to {}", counted(values, "value", "values"), size(from), size(to));
    (values > 0).then(|| style.heading("📐", "Compression") + &lines(&[("Compressed", told)]))
}

fn loads(tiers: &[NamedTierStats], style: Style) -> Option<String> {
    let total = |field: fn(&TierStats) -> u64| sum(tiers, field);
    let text = section(
        style.heading("📥", "Loads"),
        &[
            ("Started", total(|t| t.loads)),
            ("Joined by other callers", total(|t| t.joined)),
            ("Served stale", total(|t| t.stale_hits)),
            ("Failed", total(|t| t.loads_failed)),
            ("Panicked", total(|t| t.loads_panicked)),
            ("Timed out", total(|t| t.loads_timed_out)),
            ("Lost with their runtime", total(|t| t.loads_lost)),
            ("Revoked (loaded, then invalidated; not stored)", total(|t| t.revoked)),
            ("Revoked likewise in warm runs", total(|t| t.warm_revoked)),
            ("Bypassed (loaded by the caller, not stored)", total(|t| t.bypassed)),
        ],
    )?;
    let ended = total(|t| {
        [t.loads_ok, t.loads_failed, t.loads_panicked, t.loads_timed_out]
            .into_iter()
            .fold(0, u64::saturating_add)
    });
    let took = tiers.iter().fold(Duration::ZERO, |sum, tier| sum.saturating_add(tier.stats.load_time));
    if ended == 0 {
        return Some(text);
    }
    let mean = Duration::from_nanos(u64::try_from(took.as_nanos() / u128::from(ended)).unwrap_or(u64::MAX));
    Some(text + &lines(&[("Mean time", time(mean))]))
}

fn removals(tiers: &[NamedTierStats], style: Style) -> Option<String> {
    let total = |field: fn(&TierStats) -> u64| sum(tiers, field);
    section(
        style.heading("🧹", "Entries Gone"),
        &[
            ("Expired", total(|t| t.removals.expired)),
            ("Evicted for room", total(|t| t.removals.evicted)),
            ("Removed by key", total(|t| t.removals.removed)),
            ("Invalidated by prefix or pattern", total(|t| t.removals.invalidated)),
            ("Cleared with their tier", total(|t| t.removals.cleared)),
            ("Displaced by one that was not kept", total(|t| t.removals.displaced)),
            ("Lost with a broken tier", total(|t| t.removals.lost)),
        ],
    )
}

fn warm(sources: &[WarmStats], style: Style) -> Option<String> {
    let mut text = style.heading("🌅", "Warm Sources");
    for source in sources {
        let shown = |text: &str| foreign(text, style);
        let runs = counted(source.runs, "run", "runs");
        let stored = counted(source.stored, "entry", "entries");
        let _ =
            write!(text, "  {} ({}): {runs}, {stored} stored", shown(&source.source), shown(&source.tier));
        if let Some(took) = source.last_took {
            let _ = write!(text, ", last took {}", time(took));
        }
        let _ = match source.progress {
            Some((_, 0)) => write!(text, ", running now"),
            Some((done, all)) => write!(text, ", running now: {} of {}", thousands(done), thousands(all)),
            None => Ok(()),
        };
        text.push('\n');
        if source.failures > 0 {
            let _ = write!(text, "    {}", counted(source.failures, "run failed", "runs failed"));
            let _ = match &source.last_error {
                Some(error) => writeln!(text, ", the last: {}", shown(error)),
                None => writeln!(text, ", none since the last that ended well"),
            };
        }
    }
    (!sources.is_empty()).then_some(text)
}

/// What should be zero, with what to do about it.
fn troubles(StatsSnapshot { tiers, invalidations, .. }: &StatsSnapshot, style: Style) -> Option<String> {
    let total = |field: fn(&TierStats) -> u64| sum(tiers, field);
    section(
        style.heading("🚨", "Trouble"),
        &[
            (
                "Refused because a bound was reached (try later; the error names the setting to raise)",
                total(|t| t.overloaded),
            ),
            (
                "Writes that nobody awaited and that were lost (await what must not be lost)",
                total(|t| t.unawaited_failed),
            ),
            (
                "Invalidations of keys that no tier was made for (the log names them)",
                invalidations.unknown_prefix,
            ),
            ("Invalidations wider than their template (the log names it)", invalidations.widened),
            ("Changes without their fence (look at Queue in /cache-info)", invalidations.unfenced),
            (
                "Invalidations of an attribute that were not confirmed (see the log)",
                invalidations.unconfirmed,
            ),
            ("Invalidations of an attribute that found no cache (see the log)", invalidations.without_cache),
            ("Too large for max_entry_size", total(|t| t.too_large)),
            ("Read as another type (use one type per key)", total(|t| t.wrong_type)),
            ("Cannot be read back (the log names type and field)", total(|t| t.unreadable)),
            ("Warm values without room (raise max_size_mb)", total(|t| t.warm_no_room)),
            ("Tiers started again after an error (see the log)", total(|t| t.restarts)),
        ],
    )
}
