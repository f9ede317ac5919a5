//! Families of metrics in the making, as plain data for the encoder.
//!
//! Owns: the prefix of all names, labels, and the buckets that a histogram is shown with. Never: knows what is counted.

use prometheus::proto::{Bucket, Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

use crate::message::Histogram;

/// A label and its value.
pub(super) type Label<'l> = (&'static str, &'l str);

/// The upper ends of the buckets that are shown, as powers of two in microseconds: all that the cache counts would be four
/// times as much for a monitoring system to keep. They are always the same, whatever was counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    /// The first.
    pub(super) first: usize,
    /// The last; what took longer is in the bucket without an end.
    pub(super) last: usize,
    /// How far one is from the next.
    pub(super) step: usize,
}

/// Families in the making.
#[derive(Default)]
pub(super) struct Families(Vec<MetricFamily>);

impl Families {
    /// All of them.
    pub(super) fn into_inner(self) -> Vec<MetricFamily> {
        self.0
    }

    fn add(&mut self, name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) {
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

    /// What is now, once for each set of labels.
    pub(super) fn gauges<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = ([Label<'l>; N], f64)>,
    ) {
        let gauge = |(labels, value): ([Label<'_>; N], f64)| {
            let (mut metric, mut gauge) = (labelled(&labels), Gauge::default());
            gauge.set_value(value);
            metric.set_gauge(gauge);
            metric
        };
        self.add(name, help, MetricType::GAUGE, samples.into_iter().map(gauge).collect());
    }

    /// What only grows, once for each set of labels.
    pub(super) fn counters<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = ([Label<'l>; N], u64)>,
    ) {
        let counter = |(labels, count): ([Label<'_>; N], u64)| {
            let (mut metric, mut counter) = (labelled(&labels), Counter::default());
            counter.set_value(count as f64);
            metric.set_counter(counter);
            metric
        };
        self.add(name, help, MetricType::COUNTER, samples.into_iter().map(counter).collect());
    }

    /// How long things took, once for each set of labels.
    pub(super) fn histograms<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        ends: Ends,
        samples: impl IntoIterator<Item = ([Label<'l>; N], &'l Histogram)>,
    ) {
        let histogram = |(labels, times): ([Label<'_>; N], &Histogram)| {
            let mut metric = labelled(&labels);
            metric.set_histogram(shown(times, ends));
            metric
        };
        self.add(name, help, MetricType::HISTOGRAM, samples.into_iter().map(histogram).collect());
    }
}

/// Of the bucket without an end, and of the count, both are the sum of the buckets that were read: they agree whatever is
/// counted meanwhile.
fn shown(times: &Histogram, ends: Ends) -> prometheus::proto::Histogram {
    let bucket = |place: usize| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(Histogram::upper(place).as_secs_f64());
        bucket.set_cumulative_count(times.buckets.iter().take(place + 1).sum());
        bucket
    };
    let mut shown = prometheus::proto::Histogram::default();
    shown.set_bucket((ends.first..=ends.last).step_by(ends.step).map(bucket).collect());
    shown.set_sample_count(times.count);
    shown.set_sample_sum(times.sum.as_secs_f64());
    shown
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use prometheus::TextEncoder;

    use super::*;
    use crate::engine::histogram::Recorder;

    fn text(made: Families) -> String {
        TextEncoder::new().encode_to_string(&made.into_inner()).expect("it has a text")
    }

    #[test]
    fn a_histogram_is_shown_with_the_same_buckets_whatever_was_counted() {
        const ENDS: Ends = Ends { first: 2, last: 6, step: 2 };
        let recorder = Recorder::default();
        let shown = |recorder: &Recorder| {
            let (mut made, times) = (Families::default(), recorder.read());
            made.histograms("nap_seconds", "Naps.", ENDS, [([("cat", "tom")], &times)]);
            text(made)
        };
        let lines = |[four, sixteen, more, all]: [u64; 4], sum| {
            format!(
                "# HELP apex_cache_nap_seconds Naps.\n# TYPE apex_cache_nap_seconds histogram\n\
                 apex_cache_nap_seconds_bucket{{cat=\"tom\",le=\"0.000004\"}} {four}\n\
                 apex_cache_nap_seconds_bucket{{cat=\"tom\",le=\"0.000016\"}} {sixteen}\n\
                 apex_cache_nap_seconds_bucket{{cat=\"tom\",le=\"0.000064\"}} {more}\n\
                 apex_cache_nap_seconds_bucket{{cat=\"tom\",le=\"+Inf\"}} {all}\n\
                 apex_cache_nap_seconds_sum{{cat=\"tom\"}} {sum}\n\
                 apex_cache_nap_seconds_count{{cat=\"tom\"}} {all}\n"
            )
        };
        assert_eq!(shown(&recorder), lines([0; 4], "0"));
        for micros in [1, 4, 5, 16, 64, 65, 1_000_000] {
            recorder.record(Duration::from_micros(micros));
        }
        assert_eq!(shown(&recorder), lines([2, 4, 5, 7], "1.000155"));
    }

    #[test]
    fn what_a_host_names_cannot_break_out_of_its_label() {
        let mut made = Families::default();
        made.counters("runs_total", "Runs.", [([("source", "a\"}\n\\ 1")], 7)]);
        made.gauges::<0>("none", "A family of nothing.", []);
        let escaped = "# HELP apex_cache_runs_total Runs.\n# TYPE apex_cache_runs_total counter\n\
                       apex_cache_runs_total{source=\"a\\\"}\\n\\\\ 1\"} 7\n";
        assert_eq!(text(made), escaped);
    }
}
