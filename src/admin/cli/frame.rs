//! One picture of `stats --watch`: what happens now.
//!
//! Owns: the difference between two sets of counters, and its layout. Never: asks for them.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::Duration;

use super::answers::{Stats, Tier};
use super::out::{BAD, BOLD, DIM, Out, Side, WARNING, count, facts_within, table};
use super::spark::{bar, columns};
use crate::admin::text::{counted, limit, megabytes, percent, size, thousands, time};

/// Pictures whose hit rate is remembered.
const REMEMBERED: usize = 60;
const BAR: usize = 30;
/// Columns that the words beside the hit rates take.
const BESIDE_RATES: usize = 51;

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    last: Option<Stats>,
    before: Option<Stats>,
    /// The hit rate of each picture; `None`: nobody read.
    rates: VecDeque<Option<f64>>,
}

/// What is said above the picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caption<'c> {
    pub(super) url: &'c str,
    /// How often there are new counters; `None`: there will be none.
    pub(super) seconds: Option<u64>,
    /// For how long, and why, nothing has come.
    pub(super) lost: Option<(Duration, &'c str)>,
}

impl Seen {
    /// Takes in the next counters.
    pub(super) fn add(&mut self, stats: Stats) {
        self.before = self.last.replace(stats);
        let Some(now) = &self.last else { return };
        // Counters that went back are those of another run of the host: what was is no longer true.
        self.before.take_if(|before| {
            before.uptime_s.0 > now.uptime_s.0 || before.hits > now.hits || before.misses > now.misses
        });
        if let Some(before) = &self.before {
            let (hits, misses) = (now.hits - before.hits, now.misses - before.misses);
            let reads = hits.saturating_add(misses);
            self.rates.push_back((reads > 0).then(|| hits as f64 / reads as f64));
        }
        if self.rates.len() > REMEMBERED {
            self.rates.pop_front();
        }
    }

    /// The picture, for a terminal of so many columns.
    pub(super) fn picture(&self, caption: &Caption<'_>, width: usize, out: &Out) -> String {
        let Some(now) = &self.last else { return String::from("waits for the first counters\n") };
        let mut text = head(now, caption, out);
        let told = [
            ("Hit rate", self.hit_rate(now, width, out)),
            ("Reads", self.reads(now)),
            ("Loads", self.loads(now)),
            ("Memory", memory(now, out)),
        ];
        // In a picture each stays in its place.
        text += &facts_within(&told, usize::MAX);
        text.push('\n');
        text += &self.tiers(now, out);
        let runs: Vec<_> = now.warm.iter().filter(|source| source.running).collect();
        text.push_str(if runs.is_empty() { "" } else { "\n" });
        for source in runs {
            let far = match source.of {
                0 => "reads its source".to_owned(),
                of => format!("{} of {}", thousands(source.done), thousands(of)),
            };
            let _ = writeln!(text, "  warm source {}: {far}", out.shown(&source.source));
        }
        text
    }

    /// How much of a counter came in a second since the picture before; nothing is said of the first picture.
    fn rate(&self, now: &Stats, field: impl Fn(&Stats) -> u64) -> Option<f64> {
        let before = self.before.as_ref()?;
        let span = now.uptime_s.0.saturating_sub(before.uptime_s.0).as_secs_f64();
        (span > 0.0).then(|| field(now).saturating_sub(field(before)) as f64 / span)
    }

    fn hit_rate(&self, now: &Stats, width: usize, out: &Out) -> String {
        let all = percent(now.hits, now.hits.saturating_add(now.misses));
        let Some(latest) = self.rates.back() else { return format!("{BOLD}{all}{BOLD:#} since the start") };
        let latest = latest.map_or_else(|| "no reads".to_owned(), |rate| format!("{:.1}%", rate * 100.0));
        let words = format!("{BOLD}{latest:>8}{BOLD:#} now, {all} since the start");
        // What room is left beside the words.
        let room = width.saturating_sub(BESIDE_RATES).min(self.rates.len());
        let newest = self.rates.iter().skip(self.rates.len() - room).copied();
        format!("{words}  {}", columns(newest, out.unicode()))
    }

    fn reads(&self, now: &Stats) -> String {
        let read = |stats: &Stats| stats.hits.saturating_add(stats.misses);
        let sets = |stats: &Stats| stats.sum(|tier| tier.sets);
        format!(
            "{} a second; {} sets a second",
            per_second(self.rate(now, read)),
            per_second(self.rate(now, sets)).trim_start()
        )
    }

    fn loads(&self, now: &Stats) -> String {
        let started = self.rate(now, |stats| stats.sum(|tier| tier.loads.started));
        let bad = |tier: &Tier| {
            let loads = &tier.loads;
            [loads.failed, loads.panicked, loads.timed_out, loads.lost]
                .into_iter()
                .fold(0, u64::saturating_add)
        };
        let failed = self.rate(now, |stats| stats.sum(bad)).filter(|rate| *rate > 0.0);
        let mean = now.mean_load().map(|mean| format!("; {} on average", time(mean))).unwrap_or_default();
        let failed = failed
            .map(|rate| format!("; {BAD}{} failed a second{BAD:#}", per_second(Some(rate)).trim_start()));
        format!("{} a second{mean}{}", per_second(started), failed.unwrap_or_default())
    }

    fn tiers(&self, now: &Stats, out: &Out) -> String {
        let head = [
            ("TIER", Side::Left),
            ("HIT RATE", Side::Right),
            ("READS/S", Side::Right),
            ("LOADS/S", Side::Right),
            ("EVICTED/S", Side::Right),
            ("ENTRIES", Side::Right),
            ("USED", Side::Right),
        ];
        let rows: Vec<_> = now.tiers.iter().map(|tier| self.tier(now, tier, out)).collect();
        table(&head, &rows)
    }

    fn tier(&self, now: &Stats, tier: &Tier, out: &Out) -> Vec<String> {
        let of = |stats: &Stats, field: &dyn Fn(&Tier) -> u64| {
            stats.tiers.iter().find(|other| other.tier == tier.tier).map_or(0, field)
        };
        let rate = |field: &dyn Fn(&Tier) -> u64| self.rate(now, |stats| of(stats, field));
        let (hits, reads) = (rate(&|tier| tier.hits), rate(&|tier| tier.hits.saturating_add(tier.misses)));
        let share = match (hits, reads) {
            (Some(hits), Some(reads)) if reads > 0.0 => format!("{:.1}%", 100.0 * hits / reads),
            _ => "-".to_owned(),
        };
        vec![
            out.shown(&tier.tier),
            share,
            per_second(reads).trim_start().to_owned(),
            per_second(rate(&|tier| tier.loads.started)).trim_start().to_owned(),
            per_second(rate(&|tier| tier.removals.evicted)).trim_start().to_owned(),
            count(tier.entries),
            size(tier.bytes),
        ]
    }
}

fn head(now: &Stats, caption: &Caption<'_>, out: &Out) -> String {
    let url = out.shown(caption.url);
    let words = format!("Apex Cache at {url}, running for {}", time(now.uptime_s.0));
    let note = match (caption.lost, caption.seconds) {
        (Some((since, why)), _) => {
            let since = time(Duration::from_secs(since.as_secs()));
            format!("{WARNING}nothing has come for {since}: {}{WARNING:#}\n\n", out.shown(why))
        }
        (None, Some(each)) => {
            format!("{DIM}every {}, Ctrl-C ends it{DIM:#}\n\n", counted(each, "second", "seconds"))
        }
        (None, None) => String::new(),
    };
    format!("{BOLD}{words}{BOLD:#}\n{note}")
}

fn memory(now: &Stats, out: &Out) -> String {
    let share = if now.budget == 0 { 0.0 } else { now.bytes as f64 / now.budget as f64 };
    let (used, most) = (megabytes(now.bytes), limit(now.budget));
    let entries = counted(now.entries, "entry", "entries");
    format!("{} {used} of {most}, {entries}", bar(share, BAR, out.unicode()))
}

/// At least eight columns wide.
#[allow(clippy::cast_sign_loss)] // no rate is less than nothing
fn per_second(rate: Option<f64>) -> String {
    let text = match rate {
        None => "-".to_owned(),
        Some(rate) if rate > 0.0 && rate < 10.0 => format!("{rate:.1}"),
        Some(rate) => count(rate.round() as u64),
    };
    format!("{text:>8}")
}
