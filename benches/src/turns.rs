//! How long the turns of our cache took, as its own statistics count them.
//!
//! Owns: the list of histograms, the difference of two readings, and the lines that show it. Never: runs a
//! measure.

use std::time::Duration;

use apex_cache::message::{Histogram, StatsSnapshot};
use serde::Serialize;

use crate::report::{Report, rounded};

/// The histograms of one moment, each with the name of the actors that took the turns.
#[derive(Debug, Clone, Default)]
pub struct Turns(Vec<(&'static str, Histogram)>);

impl From<&StatsSnapshot> for Turns {
    /// One line for each histogram: a new one is one more line.
    fn from(stats: &StatsSnapshot) -> Self {
        Self(vec![
            ("tiers", stats.total().turns), // of all tiers together
            ("supervisor", stats.supervisor_turns.clone()),
        ])
    }
}

/// What is printed of one histogram. Times are in microseconds.
#[derive(Debug, Clone, Serialize)]
pub struct TurnTimes {
    measure: &'static str,
    /// The actors that took the turns.
    of: &'static str,
    /// The measure during which they were taken, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    during: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    threads: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<u64>,
    count: u64,
    p50: f64,
    p99: f64,
    p999: f64,
    longest: f64,
    unit: &'static str,
}

impl Turns {
    /// The turns since `earlier`: one for each histogram that has counted a turn since then.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Vec<TurnTimes> {
        let before = |of| earlier.0.iter().find(|(name, _)| *name == of).map(|(_, histogram)| histogram);
        self.0.iter().filter_map(|(of, now)| TurnTimes::between(of, before(*of), now)).collect()
    }
}

impl TurnTimes {
    fn between(of: &'static str, before: Option<&Histogram>, now: &Histogram) -> Option<Self> {
        let less = |place: usize| before.and_then(|before| before.buckets.get(place)).copied().unwrap_or(0);
        let counts = now.buckets.iter().enumerate().map(|(place, count)| count.saturating_sub(less(place)));
        let counts: Vec<u64> = counts.collect();
        let last = counts.iter().rposition(|&count| count > 0)?;
        // Exact if the longest turn of all was counted since then; otherwise the upper end of the last
        // bucket.
        let longest = Histogram::upper(last).min(now.max());
        let count: u64 = counts.iter().sum();
        let within = |of_1000: u64| {
            let wanted = (count * of_1000).div_ceil(1_000);
            let mut seen = 0;
            let place = counts.iter().position(|count| {
                seen += count;
                seen >= wanted
            });
            micros(place.map_or(longest, Histogram::upper).min(longest))
        };
        Some(Self {
            measure: "turns",
            of,
            during: None,
            threads: None,
            keys: None,
            count,
            p50: within(500),
            p99: within(990),
            p999: within(999),
            longest: micros(longest),
            unit: "us",
        })
    }

    /// Names the measure during which they were taken.
    #[must_use]
    pub fn during(self, measure: &str) -> Self {
        Self { during: Some(measure.to_owned()), ..self }
    }

    /// Adds the number of threads or tasks that worked meanwhile.
    #[must_use]
    pub fn beside(self, threads: usize) -> Self {
        Self { threads: Some(threads), ..self }
    }

    /// Adds the number of entries that the cache held.
    #[must_use]
    pub fn among(self, keys: u64) -> Self {
        Self { keys: Some(keys), ..self }
    }

    /// The line for people.
    #[must_use]
    pub fn line(&self) -> String {
        let during = self.during.as_deref().unwrap_or_default();
        let threads = self.threads.map_or_else(String::new, |threads| format!("thr {threads}"));
        let keys = self.keys.map_or_else(String::new, |keys| format!("{keys} entries"));
        let about: Vec<_> = [during, &threads, &keys].into_iter().filter(|text| !text.is_empty()).collect();
        format!(
            "turns of {:<10} {:<32} {:>9} turns   p50 {:>7}   p99 {:>7}   p99.9 {:>7}   longest {:>7}  us",
            self.of,
            about.join(", "),
            self.count,
            self.p50,
            self.p99,
            self.p999,
            self.longest
        )
    }

    /// The line for programs.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("numbers and texts can always be written")
    }

    /// Prints it as an aside, so that a program which reads rows does not find it among them.
    pub fn aside(&self, report: &Report) {
        report.aside(&self.line(), &self.json());
    }
}

fn micros(time: Duration) -> f64 {
    rounded(time.as_secs_f64() * 1e6)
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_was_counted_before_is_left_out() -> Result<(), crate::Failure> {
        crate::host::start()?.block_on(async {
            let cache = apex_cache::Cache::builder().start().await?;
            let before = crate::ours::turns(&cache).await?;
            for number in 0..10 {
                cache.set(format!("user::{number}"), &number).await?;
            }
            let after = crate::ours::turns(&cache).await?;
            let all = after.since(&before);
            let tiers = all.iter().find(|times| times.of == "tiers").expect("ten sets were turns of a tier");
            let times = [tiers.p50, tiers.p99, tiers.p999, tiers.longest];
            assert!(tiers.count > 0 && times.is_sorted() && times[0] > 0.0, "{tiers:?}");
            assert!(after.since(&after).is_empty(), "nothing was counted");
            let (line, json) = (tiers.clone().during("set").beside(2).among(10).line(), tiers.json());
            assert!(line.contains("turns of tiers") && line.contains("set, thr 2, 10 entries"), "{line}");
            assert!(json.contains("\"of\":\"tiers\"") && !json.contains("during"), "{json}");
            Ok(cache.shutdown().await?)
        })
    }
}
