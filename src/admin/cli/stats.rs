//! `stats`: the counters since the cache was started.
//!
//! Owns: the layout of the panel. Never: counts; what happens from one moment to the next is `watch`'s.

use std::time::Duration;

use super::answers::{Source, Stats, Tier};
use super::client::{Answer, Client};
use super::failure::{Exit, Failure};
use super::out::{BOLD, DIM, Out, Side, WARNING, count, facts, heading, table};
use crate::admin::text::{counted, limit, megabytes, percent, size, thousands, time};

pub(super) fn run(client: &Client, most: usize, out: &Out) -> Result<Exit, Failure> {
    let Answer { document, read } = client.get::<Stats>("/api/stats", &[])?;
    out.show(&document, || panel(client, &read, most, out))?;
    Ok(Exit::Done)
}

impl Stats {
    /// The sum of a counter over all tiers.
    pub(super) fn sum(&self, field: impl Fn(&Tier) -> u64) -> u64 {
        self.tiers.iter().map(field).fold(0, u64::saturating_add)
    }

    /// How long a load took on average; `None` before the first has ended.
    pub(super) fn mean_load(&self) -> Option<Duration> {
        let ended = self.sum(|tier| {
            let loads = &tier.loads;
            [loads.ok, loads.failed, loads.panicked, loads.timed_out].into_iter().fold(0, u64::saturating_add)
        });
        let took =
            self.tiers.iter().fold(Duration::ZERO, |sum, tier| sum.saturating_add(tier.loads.time_s.0));
        let mean = u64::try_from(took.as_nanos().checked_div(u128::from(ended))?).unwrap_or(u64::MAX);
        Some(Duration::from_nanos(mean))
    }
}

fn panel(client: &Client, stats: &Stats, most: usize, out: &Out) -> String {
    let mut sections = vec![summary(client, stats, out), tiers(stats, out)];
    sections.extend(top(client, stats, most, out));
    sections.extend(warm(&stats.warm, out));
    sections.extend(troubles(stats));
    sections.join("\n")
}

fn summary(client: &Client, stats: &Stats, out: &Out) -> String {
    let (hits, misses) = (stats.hits, stats.misses);
    let stale = match stats.sum(|tier| tier.stale_hits) {
        0 => String::new(),
        stale => format!(" ({} stale)", thousands(stale)),
    };
    let reads = format!("{} hits{stale}, {} misses", thousands(hits), thousands(misses));
    let rate = percent(hits, hits.saturating_add(misses));
    let used = format!(
        "{} of {} ({})",
        megabytes(stats.bytes),
        limit(stats.budget),
        percent(stats.bytes, stats.budget)
    );
    let words = format!("Apex Cache at {}, running for {}", out.shown(client.url()), time(stats.uptime_s.0));
    heading(&words)
        + &facts(&[
            ("Hit rate", format!("{BOLD}{rate}{BOLD:#}, {reads}")),
            ("Memory", format!("{used}, {}", counted(stats.entries, "entry", "entries"))),
            ("Loads", loads(stats)),
            ("Gone", gone(stats)),
        ])
}

/// Those counts that are not zero, in words; `none` when all are.
fn told(counts: &[(&str, u64)]) -> String {
    let told: Vec<_> = counts.iter().filter(|(_, count)| *count > 0).collect();
    if told.is_empty() {
        return "none".to_owned();
    }
    told.iter().map(|(words, count)| format!("{} {words}", thousands(*count))).collect::<Vec<_>>().join(", ")
}

fn loads(stats: &Stats) -> String {
    let counts = told(&[
        ("started", stats.sum(|tier| tier.loads.started)),
        ("joined by others", stats.sum(|tier| tier.joined)),
        ("failed", stats.sum(|tier| tier.loads.failed)),
        ("panicked", stats.sum(|tier| tier.loads.panicked)),
        ("timed out", stats.sum(|tier| tier.loads.timed_out)),
        ("lost", stats.sum(|tier| tier.loads.lost)),
        ("overtaken by a change", stats.sum(|tier| tier.revoked)),
        ("past the cache", stats.sum(|tier| tier.bypassed)),
    ]);
    match stats.mean_load() {
        Some(mean) => format!("{counts}; {} on average", time(mean)),
        None => counts,
    }
}

fn gone(stats: &Stats) -> String {
    told(&[
        ("expired", stats.sum(|tier| tier.removals.expired)),
        ("evicted for room", stats.sum(|tier| tier.removals.evicted)),
        ("removed", stats.sum(|tier| tier.removals.removed)),
        ("invalidated", stats.sum(|tier| tier.removals.invalidated)),
        ("cleared", stats.sum(|tier| tier.removals.cleared)),
        ("displaced", stats.sum(|tier| tier.removals.displaced)),
        ("lost with a broken tier", stats.sum(|tier| tier.removals.lost)),
    ])
}

fn tiers(stats: &Stats, out: &Out) -> String {
    let head = [
        ("TIER", Side::Left),
        ("HIT RATE", Side::Right),
        ("HITS", Side::Right),
        ("MISSES", Side::Right),
        ("SETS", Side::Right),
        ("ENTRIES", Side::Right),
        ("USED", Side::Right),
    ];
    let row = |tier: &Tier| {
        vec![
            out.shown(&tier.tier),
            percent(tier.hits, tier.hits.saturating_add(tier.misses)),
            count(tier.hits),
            count(tier.misses),
            count(tier.sets),
            count(tier.entries),
            size(tier.bytes),
        ]
    };
    table(&head, &stats.tiers.iter().map(row).collect::<Vec<_>>())
}

fn top(client: &Client, stats: &Stats, most: usize, out: &Out) -> Option<String> {
    if most == 0 {
        return None;
    }
    if stats.top.is_empty() {
        let hint = "the keys that are read most are shown with the token only";
        return (!client.has_token()).then(|| format!("  {DIM}{hint}{DIM:#}\n"));
    }
    let rows: Vec<_> =
        stats.top.iter().take(most).map(|top| vec![count(top.hits), out.shown(&top.key)]).collect();
    Some(table(&[("HITS", Side::Right), ("KEYS READ MOST", Side::Left)], &rows))
}

fn warm(sources: &[Source], out: &Out) -> Option<String> {
    let mut text = heading("Warm sources");
    for source in sources {
        let (name, tier) = (out.shown(&source.source), out.shown(&source.tier));
        let (runs, stored) =
            (counted(source.runs, "run", "runs"), counted(source.stored, "entry", "entries"));
        text += &format!("  {name} ({tier}): {runs}, {stored} stored");
        if let Some(took) = source.last_took_s {
            text += &format!(", the last in {}", time(took.0));
        }
        text.push('\n');
        match (source.running, source.of) {
            (false, _) => {}
            (true, 0) => text += "    runs now, reads its source\n",
            (true, of) => text += &format!("    runs now, {} of {}\n", thousands(source.done), thousands(of)),
        }
        if source.failures > 0 {
            let failed = counted(source.failures, "run failed", "runs failed");
            let last = source.last_error.as_ref().map(|error| format!(", the last: {}", out.shown(error)));
            text += &format!("    {WARNING}{failed}{WARNING:#}{}\n", last.unwrap_or_default());
        }
    }
    (!sources.is_empty()).then_some(text)
}

/// What should be zero, with what to do about it.
fn troubles(stats: &Stats) -> Option<String> {
    let invalidations = stats.invalidations;
    let troubles = [
        ("refused as a bound was reached: the errors name the setting", stats.sum(|tier| tier.overloaded)),
        ("invalidations of keys that no tier was made for: see the log", invalidations.unknown_prefix),
        ("invalidations wider than their template: see the log", invalidations.widened),
        ("changes without their fence: look at the queues in info", invalidations.unfenced),
        ("invalidations of an attribute that were not confirmed: see the log", invalidations.unconfirmed),
        ("invalidations of an attribute that found no cache: see the log", invalidations.without_cache),
        ("too large for max_entry_size", stats.sum(|tier| tier.too_large)),
        ("read as another type: use one type per key", stats.sum(|tier| tier.wrong_type)),
        ("that cannot be read back: the log names type and field", stats.sum(|tier| tier.unreadable)),
        ("warm values without room: raise the budget", stats.sum(|tier| tier.warm_no_room)),
        ("tiers started again after an error: see the log", stats.sum(|tier| tier.restarts)),
    ];
    let rows: Vec<_> = troubles
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(words, number)| (format!("{WARNING}{}{WARNING:#}", count(*number)), (*words).to_owned()))
        .collect();
    (!rows.is_empty()).then(|| heading("Trouble") + &facts(&rows))
}
