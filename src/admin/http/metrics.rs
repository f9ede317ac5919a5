//! The counters as Prometheus reads them, text format 0.0.4.
//!
//! Owns: names and labels of all metrics. Never: labels with a key or with anything that grows with use: only tiers, prefixes
//! of the settings, warm sources, actors and fixed words. A first segment that the settings do not know is counted and not
//! named.
//!
//! Names follow the conventions: seconds and bytes, `_total` behind what only grows. What a host may want to add up has one
//! name and a label for its parts; what must not be added up has names of its own.
//!
//! Why the crate `prometheus`, without its default features: the counters live in the cache already, as one snapshot, and
//! what is left to do is the text. The crate has that encoder on plain data, with the escapes, and takes histograms whose
//! buckets were counted elsewhere; it ties the host to no registry. The `metrics` facade wants every event a second time, on the way of every read, and takes no buckets.
//! `prometheus-client` writes `OpenMetrics` alone, which `promtool check metrics` refuses: there a counter has its suffix in
//! the sample and not in the name of the family.

mod families;

use prometheus::TextEncoder;

use super::Admin;
use super::refusal::Refusal;
use super::routes::Answer;
use crate::actor::{Wiring, counters_of, info_of};
use crate::message::{Histogram, InfoSnapshot, NamedTierStats, TierInfo, TierState, TierStats, WarmStats};

use families::{Ends, Families, Label};

/// From an eighth of a millisecond to half a minute: what sources take. Each twice the one before, for these are looked at
/// most closely.
const LOADS: Ends = Ends { first: 7, last: 25, step: 1 };
/// From 16 microseconds to 4 seconds, each four times the one before.
const WAITS: Ends = Ends { first: 4, last: 22, step: 2 };
/// From 4 microseconds to a quarter of a second.
const TURNS: Ends = Ends { first: 2, last: 18, step: 2 };

pub(super) fn answer(admin: &Admin) -> Result<Answer, Refusal> {
    let wiring = admin.cache().wiring();
    wiring.open()?;
    let text = TextEncoder::new().encode_to_string(&all(wiring).into_inner());
    let text =
        text.map_err(|error| Refusal::new(500, "Internal", format!("the metrics have no text: {error}")))?;
    Ok(Answer::whole(200, "text/plain; version=0.0.4; charset=utf-8", text))
}

fn all(wiring: &Wiring) -> Families {
    let mut made = Families::default();
    let (info, tiers) = (info_of(wiring), counters_of(wiring));
    whole(&mut made, &info, wiring);
    sizes(&mut made, &info.tiers);
    reads(&mut made, &tiers);
    stores(&mut made, &tiers);
    loads(&mut made, &tiers);
    times(&mut made, &tiers, wiring);
    warm(&mut made, &wiring.warm_stats());
    made
}

/// One number for each tier.
fn of_each<'t, N>(
    tiers: &'t [NamedTierStats],
    read: impl Fn(&'t TierStats) -> N,
) -> impl Iterator<Item = ([Label<'t>; 1], N)> {
    tiers.iter().map(move |tier| ([("tier", &*tier.name)], read(&tier.stats)))
}

/// One number for each tier and each word that `read` tells.
fn by_word<'t, const WORDS: usize>(
    tiers: &'t [NamedTierStats],
    label: &'static str,
    read: impl Fn(&TierStats) -> [(&'static str, u64); WORDS],
) -> impl Iterator<Item = ([Label<'t>; 2], u64)> {
    tiers.iter().flat_map(move |tier| {
        read(&tier.stats).map(|(word, count)| ([("tier", &*tier.name), (label, word)], count))
    })
}

/// What there is once.
fn whole(made: &mut Families, info: &InfoSnapshot, wiring: &Wiring) {
    let switch = |on: bool| f64::from(u8::from(on));
    let build = [("version", env!("CARGO_PKG_VERSION"))];
    made.gauges("build_info", "1, with the version of apex-cache that runs.", [(build, 1.0)]);
    let mut one = |name, help, value| made.gauges(name, help, [([], value)]);
    one("uptime_seconds", "Time since the cache was started.", info.uptime.as_secs_f64());
    one("enabled", "1 if anything is cached, 0 if the cache is switched off.", switch(info.enabled));
    one("ready", "1 once all required warm sources have run.", switch(info.ready));
    one("budget_bytes", "What all tiers together may hold.", info.budget as f64);
    one(
        "unknown_prefixes",
        "First segments of keys that no tier was made for, as far as they are told apart: 33 at most.",
        wiring.strangers.count() as f64,
    );
    let fallbacks = wiring.fallbacks.read();
    let fallbacks = [
        ("unknown_prefix", fallbacks.unknown_prefix),
        ("widened", fallbacks.widened),
        ("unfenced", fallbacks.unfenced),
        ("unconfirmed", fallbacks.unconfirmed),
        ("without_cache", fallbacks.without_cache),
    ];
    made.counters(
        "invalidation_fallbacks_total",
        "Invalidations that were not carried out as they were asked for; those without a cache are of the whole process.",
        fallbacks.map(|(reason, count)| ([("reason", reason)], count)),
    );
    let restarts = wiring.root.restarts();
    let restarts = restarts.map(|(actor, count)| ([("actor", actor)], count));
    made.counters(
        "actor_restarts_total",
        "Times an actor other than a tier died and was put back.",
        restarts,
    );
}

/// What each tier is now.
fn sizes(made: &mut Families, tiers: &[TierInfo]) {
    let mut each = |name, help, read: fn(&TierInfo) -> f64| {
        made.gauges(name, help, tiers.iter().map(|tier| ([("tier", &*tier.name)], read(tier))));
    };
    each("entries", "Entries held now.", |tier| tier.entries as f64);
    each("memory_bytes", "Bytes held now: keys, values and overhead.", |tier| tier.bytes as f64);
    each("grant_bytes", "Bytes that the tier may hold now.", |tier| tier.grant as f64);
    each("floor_bytes", "Bytes that the tier may always hold.", |tier| tier.floor as f64);
    each(
        "worth_hit_ratio",
        "Share of all reads of the cache that would become hits if the tier had a MiB more, by a sample; 0 while not known.",
        |tier| tier.worth as f64 / 1e6,
    );
    each("loads_running", "Loads that run now.", |tier| tier.loads.0 as f64);
    each("loads_waiting", "Loads that wait for a free place.", |tier| tier.loads.1 as f64);
    each("queued_messages", "Messages accepted and not handled yet.", |tier| tier.queued.0 as f64);
    each("queued_bytes", "Bytes of the messages accepted and not handled yet.", |tier| tier.queued.1 as f64);
    each("tier_failed", "1 if the tier broke too often and is bypassed.", |tier| {
        f64::from(u8::from(tier.state == TierState::Failed))
    });
    let routes = tiers.iter().flat_map(|tier| {
        let ttl = |prefix: &'_ (_, Option<std::time::Duration>)| prefix.1.unwrap_or(tier.ttl).as_secs_f64();
        tier.prefixes.iter().map(move |prefix| ([("tier", &*tier.name), ("route", &*prefix.0)], ttl(prefix)))
    });
    let help = "How long values live that are stored now when nothing else is said, by the first segment of their keys.";
    made.gauges("route_ttl_seconds", help, routes);
}

fn reads(made: &mut Families, tiers: &[NamedTierStats]) {
    let mut each = |name, help, read: fn(&TierStats) -> u64| made.counters(name, help, of_each(tiers, read));
    each("hits_total", "Reads that were served from memory.", |t| t.hits);
    each("misses_total", "Reads that were not served from memory.", |t| t.misses);
    each("joined_reads_total", "Misses that joined a load under way.", |t| t.joined);
    each("stale_hits_total", "Answers past their time to live, where that is allowed.", |t| t.stale_hits);
    each("bypassed_calls_total", "Calls whose loader ran in the caller's task.", |t| t.bypassed);
    each("overloaded_calls_total", "Calls refused because a bound was reached.", |t| t.overloaded);
    each("wrong_type_reads_total", "Values found under the right key, but of another type.", |t| {
        t.wrong_type
    });
    each("unreadable_values_total", "Values that cannot be read back as what they were written from.", |t| {
        t.unreadable
    });
    each(
        "unawaited_failures_total",
        "Writes that nobody waited for and that failed after they had been accepted.",
        |t| t.unawaited_failed,
    );
    each("restarts_total", "Times the tier broke and was put back in place, empty.", |t| t.restarts);
}

fn stores(made: &mut Families, tiers: &[NamedTierStats]) {
    let by_source = by_word(tiers, "source", |t| {
        let set = t.sets.saturating_sub(t.stored_by_load + t.stored_by_warm);
        [("set", set), ("load", t.stored_by_load), ("warm", t.stored_by_warm)]
    });
    made.counters("stores_total", "Values stored, by who brought them.", by_source);
    let by_reason = by_word(tiers, "reason", |t| {
        [
            ("revoked", t.revoked),
            ("warm_revoked", t.warm_revoked),
            ("warm_no_room", t.warm_no_room),
            ("too_large", t.too_large),
        ]
    });
    made.counters("not_stored_total", "Values that were brought and not stored, by the reason.", by_reason);
    let by_cause = by_word(tiers, "cause", |t| {
        let gone = &t.removals;
        [
            ("expired", gone.expired),
            ("evicted", gone.evicted),
            ("replaced", t.replaced),
            ("removed", gone.removed),
            ("invalidated", gone.invalidated),
            ("cleared", gone.cleared),
            ("displaced", gone.displaced),
            ("lost", gone.lost),
        ]
    });
    made.counters("removals_total", "Entries that left or were replaced, by cause.", by_cause);
    let mut each = |name, help, read: fn(&TierStats) -> u64| made.counters(name, help, of_each(tiers, read));
    each("compressed_values_total", "Values that were compressed on their way in.", |t| t.compressed);
    each("compressed_input_bytes_total", "Bytes of those before.", |t| t.compressed_from);
    each("compressed_output_bytes_total", "Bytes of those after.", |t| t.compressed_to);
}

fn loads(made: &mut Families, tiers: &[NamedTierStats]) {
    made.counters("loads_started_total", "Loads that were started.", of_each(tiers, |t| t.loads));
    let by_outcome = by_word(tiers, "outcome", |t| {
        [
            ("ok", t.loads_ok),
            ("failed", t.loads_failed),
            ("panicked", t.loads_panicked),
            ("timed_out", t.loads_timed_out),
            ("lost", t.loads_lost),
        ]
    });
    made.counters("loads_ended_total", "Loads that ended, by how.", by_outcome);
}

fn times(made: &mut Families, tiers: &[NamedTierStats], wiring: &Wiring) {
    let mut each = |name, help, ends, read: fn(&TierStats) -> &Histogram| {
        made.histograms(name, help, ends, of_each(tiers, read));
    };
    each("load_duration_seconds", "How long loads took.", LOADS, |t| &t.load_times);
    each(
        "queue_duration_seconds",
        "How long requests waited from their acceptance until the tier took them; of one in sixteen.",
        WAITS,
        |t| &t.queue_time,
    );
    each("turn_duration_seconds", "How long the tier kept its thread at a time.", TURNS, |t| &t.turns);
    let help = "How long the supervisor kept its thread at a time.";
    let supervisor = wiring.supervisor_turns.read();
    made.histograms("supervisor_turn_duration_seconds", help, TURNS, [([], &supervisor)]);
}

fn of_source(source: &WarmStats) -> Label<'_> {
    ("source", &source.source)
}

fn warm(made: &mut Families, sources: &[WarmStats]) {
    let runs = sources.iter().flat_map(|source| {
        let outcomes = [("ok", source.runs), ("failed", source.failures)];
        outcomes.map(|(word, count)| ([of_source(source), ("outcome", word)], count))
    });
    made.counters("warm_runs_total", "Runs of a warm source that ended, by how.", runs);
    let stored = sources.iter().map(|source| ([of_source(source)], source.stored));
    made.counters("warm_stored_entries_total", "Entries stored by a warm source.", stored);
    let took = sources.iter().filter_map(|source| {
        let took = source.last_took?;
        Some(([of_source(source)], took.as_secs_f64()))
    });
    made.gauges("warm_last_run_duration_seconds", "How long the last run of a warm source took.", took);
}
