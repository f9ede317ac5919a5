//! The report: tables for people, or one line of JSON.
//!
//! Owns: which figures are shown, and beside what. Never: prints; it returns text.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::measure::{Cost, Samples, Summary, reduction_percent};
use crate::model::{KINDS, Kind};
use crate::options::Options;
use crate::workload::Tally;

/// One run of a plan.
pub(crate) struct Run {
    pub(crate) writes: f64,
    pub(crate) tally: Tally,
    /// Queries that reached the database, by kind, those of warming included.
    pub(crate) queries: [u64; KINDS],
    /// How long the database took to answer each.
    pub(crate) database: Samples,
}

/// All that was found out.
pub(crate) struct Report<'a> {
    pub(crate) options: &'a Options,
    pub(crate) without: Run,
    pub(crate) with: Run,
    /// Cached runs at other shares of writes; their reads stand for the queries of an uncached run.
    pub(crate) others: Vec<Run>,
    pub(crate) miss_overhead_us: f64,
    pub(crate) stats_panel: String,
    pub(crate) info_panel: String,
}

/// What the original system claims for, and which queries that is; `None` where it names no figure.
const GROUPS: [(&str, &[Kind], Option<f64>); 5] = [
    ("profiles", &[Kind::GetUser], Some(90.0)),
    ("catalog", &[Kind::GetAllProducts, Kind::GetProductsByCategory], Some(95.0)),
    ("categories", &[Kind::GetDistinctMainCategories, Kind::GetDistinctSubCategories], Some(98.0)),
    ("discounts", &[Kind::GetApplicableDiscounts], Some(85.0)),
    ("orders", &[Kind::GetOrdersForUser], None),
];

impl Run {
    fn queries_of(&self, kinds: &[Kind]) -> u64 {
        kinds.iter().map(|kind| self.queries[*kind as usize]).sum()
    }

    fn reads_of(&self, kinds: &[Kind]) -> u64 {
        kinds.iter().map(|kind| self.tally.reads[*kind as usize]).sum()
    }

    /// Without a cache each read is a query, so the reads say what a run without cache would have asked.
    fn reduction_by_reads(&self, kinds: &[Kind]) -> f64 {
        reduction_percent(self.reads_of(kinds), self.queries_of(kinds))
    }

    /// Queries of all kinds.
    pub(crate) fn queries_total(&self) -> u64 {
        self.queries.iter().sum()
    }
}

impl Report<'_> {
    /// Stale answers of all runs.
    pub(crate) fn stale(&self) -> u64 {
        self.runs().map(|run| run.tally.stale).sum()
    }

    /// Questions and changes that failed, of all runs, and what the first said.
    pub(crate) fn failed(&self) -> (u64, Option<&str>) {
        let first = self.runs().find_map(|run| run.tally.first_failure.as_deref());
        (self.runs().map(|run| run.tally.failed).sum(), first)
    }

    fn runs(&self) -> impl Iterator<Item = &Run> {
        [&self.without, &self.with].into_iter().chain(&self.others)
    }

    fn reduction(&self, kinds: &[Kind]) -> f64 {
        reduction_percent(self.without.queries_of(kinds), self.with.queries_of(kinds))
    }

    fn interaction_gain_percent(&self) -> f64 {
        let without = self.without.tally.interactions.mean_ms();
        if without > 0.0 { 100.0 * (1.0 - self.with.tally.interactions.mean_ms() / without) } else { 0.0 }
    }

    fn cost(&self) -> Cost {
        let tally = &self.with.tally;
        Cost {
            hit_us: tally.hits.mean_ms() * 1_000.0,
            miss_overhead_us: self.miss_overhead_us,
            hit_share: tally.hits.len() as f64 / tally.reads_total().max(1) as f64,
        }
    }

    /// One object on one line.
    pub(crate) fn json(&self) -> String {
        let reductions = |of: &dyn Fn(&[Kind]) -> f64| -> Value {
            GROUPS.iter().map(|(name, kinds, _)| ((*name).to_owned(), json!(round(of(kinds))))).collect()
        };
        let others = self.others.iter().map(|run| {
            json!({ "writes_percent": run.writes, "reduction_percent": reductions(&|kinds| run.reduction_by_reads(kinds)) })
        });
        let times = |samples: &Samples| {
            let Summary { mean, p50, p99 } = samples.summary();
            json!({ "mean_ms": round(mean), "p50_ms": round(p50), "p99_ms": round(p99) })
        };
        json!({
            "seed": self.options.seed,
            "writes_percent": self.options.writes,
            "interactions": self.with.tally.interactions.len(),
            "reduction_percent": reductions(&|kinds| self.reduction(kinds)),
            "at_other_writes": others.collect::<Vec<_>>(),
            "queries_without": self.without.queries_total(),
            "queries_with": self.with.queries_total(),
            "database_mean_ms": round(self.without.database.mean_ms()),
            "cached_mean_ms": round(self.with.tally.hits.mean_ms()),
            "database": times(&self.without.database),
            "cached": times(&self.with.tally.hits),
            "interaction_without": times(&self.without.tally.interactions),
            "interaction_with": times(&self.with.tally.interactions),
            "interaction_gain_percent": round(self.interaction_gain_percent()),
            "hit_percent": round(100.0 * self.cost().hit_share),
            "miss_overhead_us": round(self.miss_overhead_us),
            "break_even_us": round(self.cost().break_even_us()),
            "stale": self.stale(),
            "failed": self.failed().0,
            "sabotage": self.options.sabotage,
        })
        .to_string()
    }

    /// The tables, the panels and what to do next.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        let written =
            self.kinds(&mut out).and_then(|()| self.groups(&mut out)).and_then(|()| self.times(&mut out));
        debug_assert!(written.is_ok(), "writing to a String cannot fail");
        let (stats, info) = (self.stats_panel.trim_end(), self.info_panel.trim_end());
        format!("{out}\n/cache-stats\n{stats}\n\n/cache-info\n{info}\n\n{}\n{NEXT}", self.verdict())
    }

    fn kinds(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\nQueries that reached the database (those of warming included)")?;
        writeln!(out, "  {:<30}{:>10}{:>10}{:>10}", "", "without", "with", "fewer")?;
        for (kind, name) in Kind::ALL {
            let (without, with) = (self.without.queries[kind as usize], self.with.queries[kind as usize]);
            let fewer = if kind.is_read() {
                format!("{:.1} %", reduction_percent(without, with))
            } else {
                "-".to_owned()
            };
            writeln!(out, "  {name:<30}{without:>10}{with:>10}{fewer:>10}")?;
        }
        let (without, with) = (self.without.queries_total(), self.with.queries_total());
        writeln!(out, "  {:<30}{without:>10}{with:>10}{:>8.1} %", "all", reduction_percent(without, with))
    }

    fn groups(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "\nFewer queries, by share of writes (the original's figures are its claims, for a load it does not state)"
        )?;
        write!(out, "  {:<14}{:>10}{:>12}", "", "original", format!("{} %", self.options.writes))?;
        for run in &self.others {
            write!(out, "{:>11} *", format!("{} %", run.writes))?;
        }
        writeln!(out)?;
        for (name, kinds, original) in GROUPS {
            let original = original.map_or_else(|| "-".to_owned(), |percent| format!("{percent} %"));
            write!(out, "  {name:<14}{original:>10}{:>10.1} %", self.reduction(kinds))?;
            for run in &self.others {
                write!(out, "{:>11.1} %", run.reduction_by_reads(kinds))?;
            }
            writeln!(out)?;
        }
        if !self.others.is_empty() {
            writeln!(
                out,
                "  * from a cached run and its number of reads, as each read would have been a query"
            )?;
        }
        Ok(())
    }

    fn times(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\nTimes in ms{:>31}{:>12}{:>12}{:>10}", "mean", "p50", "p99", "number")?;
        for (name, samples) in [
            ("database answers, without cache", &self.without.database),
            ("database answers, with cache", &self.with.database),
            ("cached answers (hits)", &self.with.tally.hits),
            ("interactions, without cache", &self.without.tally.interactions),
            ("interactions, with cache", &self.with.tally.interactions),
        ] {
            let Summary { mean, p50, p99 } = samples.summary();
            writeln!(out, "  {name:<32}{mean:>8.3}{p50:>12.3}{p99:>12.3}{:>10}", samples.len())?;
        }
        writeln!(out, "  A database answer includes the added delay and the wait for a connection.")?;
        writeln!(out, "  An interaction is {:.1} % faster on average.", self.interaction_gain_percent())?;
        let cost @ Cost { hit_us, miss_overhead_us, hit_share } = self.cost();
        writeln!(
            out,
            "\nBreak-even: the cache pays when a database answer takes longer than {:.0} us.\n  = H + O * (1 - h) / h with a hit \
             of H = {hit_us:.1} us, an overhead of O = {miss_overhead_us:.1} us per miss (300 loads of a\n  ready value), \
             and a share of hits of h = {:.1} %",
            cost.break_even_us(),
            100.0 * hit_share,
        )
    }

    fn verdict(&self) -> String {
        let stale = self.stale();
        let checked: u64 = self.runs().map(|run| run.tally.reads_total()).sum();
        let (failed, first) = self.failed();
        let mut text = format!("stale: {stale} of {checked} answers in {} runs", self.runs().count());
        text.push_str(match (self.options.sabotage, stale) {
            (true, 0) => " - the invalidations were left out and nobody noticed: the check is blind",
            (true, _) => " - as it should be: the invalidations were left out and the check noticed",
            (false, 0) => " - none was older than the last change acknowledged when the read began",
            (false, _) => " - this must not be; please report it with the parameters above",
        });
        if let Some(first) = first {
            // Writing to a String cannot fail.
            let _ = write!(text, "\nfailed: {failed}; the first said: {first}");
        }
        text
    }
}

const NEXT: &str = "
What next
  the same on bare SQLite           -- --quick --delay 0
  more writes                       -- --quick --writes 20
  leave the invalidations out       -- --quick --sabotage
  a cache that is too small         -- --quick --max-size-mb 10
  the code to copy                  examples/shop/cached.rs and start.rs";

fn round(number: f64) -> f64 {
    (number * 10_000.0).round() / 10_000.0
}
