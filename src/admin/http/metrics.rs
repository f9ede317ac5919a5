//! The counters as Prometheus reads them, text format 0.0.4.
//!
//! Owns: names and labels of all metrics. Never: labels with a key or with anything that grows with use: only tiers, warm
//! sources and fixed words.
//!
//! Why the crate `prometheus`, without its default features: the counters live in the cache already, as one snapshot, and
//! what is left to do is the text. The crate has that encoder on plain data, with the escapes, and histograms from
//! buckets that were counted elsewhere; it ties the host to no registry. The `metrics` facade wants every event a second
//! time and takes no buckets; `prometheus-client` writes another format, which `promtool check metrics` reads amiss.

use prometheus::TextEncoder;
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

use super::Admin;
use super::refusal::Refusal;
use super::routes::Answer;
use crate::actor::{Wiring, counters_of, info_of};
use crate::message::{InfoSnapshot, NamedTierStats, TierInfo, TierState, TierStats, WarmStats};

pub(super) fn answer(admin: &Admin) -> Result<Answer, Refusal> {
    let wiring = admin.cache().wiring();
    wiring.open()?;
    let families = families(wiring);
    let text = TextEncoder::new().encode_to_string(&families);
    let text =
        text.map_err(|error| Refusal::new(500, "Internal", format!("the metrics have no text: {error}")))?;
    Ok(Answer::whole(200, "text/plain; version=0.0.4; charset=utf-8", text))
}

/// A label and its value.
type Label<'l> = (&'static str, &'l str);

/// Families in the making.
#[derive(Default)]
struct Made(Vec<MetricFamily>);

impl Made {
    fn family(&mut self, name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) {
        // The encoder refuses a family of nothing.
        if metrics.is_empty() {
            return;
        }
        let mut family = MetricFamily::default();
        family.set_name(format!("apex_cache_{name}"));
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        family.set_metric(metrics);
        self.0.push(family);
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.family(name, help, MetricType::GAUGE, vec![gauge(&[], value)]);
    }

    fn gauges<T>(&mut self, name: &str, help: &str, of: &[T], read: impl Fn(&T) -> (&str, u64)) {
        let metric = |one: &T| {
            let (tier, value) = read(one);
            gauge(&[("tier", tier)], value as f64)
        };
        self.family(name, help, MetricType::GAUGE, of.iter().map(metric).collect());
    }

    fn counters(
        &mut self,
        name: &str,
        help: &str,
        tiers: &[NamedTierStats],
        read: impl Fn(&TierStats) -> f64,
    ) {
        let metric = |tier: &NamedTierStats| counter(&[("tier", &tier.name)], read(&tier.stats));
        self.family(name, help, MetricType::COUNTER, tiers.iter().map(metric).collect());
    }

    /// One counter for each tier and each word that `read` tells.
    fn counters_by<const N: usize>(
        &mut self,
        (name, help, label): (&str, &str, &'static str),
        tiers: &[NamedTierStats],
        read: impl Fn(&TierStats) -> [(&'static str, u64); N],
    ) {
        let of_tier = |tier: &NamedTierStats| {
            let metric = |(word, count)| counter(&[("tier", &tier.name), (label, word)], count as f64);
            read(&tier.stats).map(metric)
        };
        self.family(name, help, MetricType::COUNTER, tiers.iter().flat_map(of_tier).collect());
    }
}

fn labelled(labels: &[Label<'_>]) -> Metric {
    let pair = |(name, value): &Label<'_>| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    Metric::from_label(labels.iter().map(pair).collect())
}

fn gauge(labels: &[Label<'_>], value: f64) -> Metric {
    let (mut metric, mut gauge) = (labelled(labels), Gauge::default());
    gauge.set_value(value);
    metric.set_gauge(gauge);
    metric
}

fn counter(labels: &[Label<'_>], value: f64) -> Metric {
    let (mut metric, mut counter) = (labelled(labels), Counter::default());
    counter.set_value(value);
    metric.set_counter(counter);
    metric
}

fn families(wiring: &Wiring) -> Vec<MetricFamily> {
    let mut made = Made::default();
    status(&mut made, &info_of(wiring));
    let tiers = counters_of(wiring);
    reads(&mut made, &tiers);
    stores(&mut made, &tiers);
    loads(&mut made, &tiers);
    warm(&mut made, &wiring.warm_stats());
    // Histograms of load, queue and turn times belong here once the counters have them: `Histogram` takes buckets.
    made.0
}

fn status(made: &mut Made, info: &InfoSnapshot) {
    made.gauge("uptime_seconds", "Time since the cache was started.", info.uptime.as_secs_f64());
    made.gauge(
        "enabled",
        "1 if anything is cached, 0 if the cache is switched off.",
        f64::from(u8::from(info.enabled)),
    );
    made.gauge("ready", "1 once all required warm sources have run.", f64::from(u8::from(info.ready)));
    made.gauge("budget_bytes", "What all tiers together may hold.", info.budget as f64);
    let tiers = &info.tiers;
    let mut each = |name, help, read: fn(&TierInfo) -> u64| {
        made.gauges(name, help, tiers, |tier| (&tier.name, read(tier)));
    };
    each("entries", "Entries held now.", |tier| tier.entries);
    each("memory_bytes", "Bytes held now: keys, values and overhead.", |tier| tier.bytes);
    each("grant_bytes", "Bytes that the tier may hold now.", |tier| tier.grant);
    each("floor_bytes", "Bytes that the tier may always hold.", |tier| tier.floor);
    each("loads_running", "Loads that run now.", |tier| tier.loads.0);
    each("loads_waiting", "Loads that wait for a free place.", |tier| tier.loads.1);
    each("queued_messages", "Messages accepted and not handled yet.", |tier| tier.queued.0);
    each("queued_bytes", "Bytes of the messages accepted and not handled yet.", |tier| tier.queued.1);
    each("tier_failed", "1 if the tier broke too often and is bypassed.", |tier| {
        u64::from(tier.state == TierState::Failed)
    });
}

fn reads(made: &mut Made, tiers: &[NamedTierStats]) {
    let mut each =
        |name, help, read: fn(&TierStats) -> u64| made.counters(name, help, tiers, |t| read(t) as f64);
    each("hits_total", "Reads that were served from memory.", |t| t.hits);
    each("misses_total", "Reads that were not served from memory.", |t| t.misses);
    each("joined_total", "Misses that joined a load under way.", |t| t.joined);
    each("stale_hits_total", "Answers past their time to live, where that is allowed.", |t| t.stale_hits);
    each("bypassed_total", "Calls whose loader ran in the caller's task.", |t| t.bypassed);
    each("overloaded_total", "Calls refused because a bound was reached.", |t| t.overloaded);
    each("wrong_type_total", "Values found under the right key, but of another type.", |t| t.wrong_type);
    each("restarts_total", "Times the tier broke and was put back in place.", |t| t.restarts);
}

fn stores(made: &mut Made, tiers: &[NamedTierStats]) {
    let words = ("stores_total", "Values stored, by who brought them.", "source");
    made.counters_by(words, tiers, |t| {
        let set = t.sets.saturating_sub(t.stored_by_load + t.stored_by_warm);
        [("set", set), ("load", t.stored_by_load), ("warm", t.stored_by_warm)]
    });
    let words = ("not_stored_total", "Values that were brought and not stored, by the reason.", "reason");
    made.counters_by(words, tiers, |t| {
        [
            ("revoked", t.revoked),
            ("warm_revoked", t.warm_revoked),
            ("warm_no_room", t.warm_no_room),
            ("too_large", t.too_large),
        ]
    });
    let words = ("removals_total", "Entries that left or were replaced, by cause.", "cause");
    made.counters_by(words, tiers, |t| {
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
}

fn loads(made: &mut Made, tiers: &[NamedTierStats]) {
    made.counters("loads_started_total", "Loads that were started.", tiers, |t| t.loads as f64);
    let words = ("loads_ended_total", "Loads that ended, by how.", "outcome");
    made.counters_by(words, tiers, |t| {
        [
            ("ok", t.loads_ok),
            ("failed", t.loads_failed),
            ("panicked", t.loads_panicked),
            ("timed_out", t.loads_timed_out),
            ("lost", t.loads_lost),
        ]
    });
    let help = "Time spent in loads that ended, in all.";
    made.counters("load_seconds_total", help, tiers, |t| t.load_time.as_secs_f64());
}

fn warm(made: &mut Made, sources: &[WarmStats]) {
    let run = |source: &WarmStats| {
        let label = ("source", &*source.source);
        let outcomes = [("ok", source.runs), ("failed", source.failures)];
        outcomes.map(|(word, count)| counter(&[label, ("outcome", word)], count as f64))
    };
    let help = "Runs of a warm source that ended, by how.";
    made.family("warm_runs_total", help, MetricType::COUNTER, sources.iter().flat_map(run).collect());
    let stored = |source: &WarmStats| counter(&[("source", &source.source)], source.stored as f64);
    let help = "Entries stored by a warm source.";
    made.family("warm_stored_total", help, MetricType::COUNTER, sources.iter().map(stored).collect());
}
