//! What each warm source did so far, where tasks and actors write it and statistics read it.
//!
//! Owns: the numbers of one source. Never: decides when it runs.

use std::sync::Arc;

use parking_lot::Mutex;

use super::throttle::Throttle;
use super::wiring::Wiring;
use crate::message::{SourceReport, WarmStats};
use crate::warm::WarmSource;

/// A source, and the user it runs for if it is one for users.
pub(crate) type Job = (usize, Option<Arc<str>>);

/// The numbers of one source.
#[derive(Debug)]
pub(crate) struct WarmProgress {
    stats: Mutex<WarmStats>,
    pub(crate) warn: Throttle,
}

impl WarmProgress {
    pub(crate) fn new(source: &WarmSource) -> Self {
        Self { stats: Mutex::new(WarmStats::new(source.name(), source.tier())), warn: Throttle::default() }
    }

    pub(crate) fn progress(&self, progress: Option<(u64, u64)>) {
        self.stats.lock().progress = progress;
    }

    pub(crate) fn ended(&self, report: &SourceReport) {
        let mut stats = self.stats.lock();
        stats.stored += report.stored;
        stats.progress = None;
        stats.last_took = Some(report.took);
        stats.last_error.clone_from(&report.error);
        if report.error.is_none() { stats.runs += 1 } else { stats.failures += 1 }
    }

    pub(crate) fn has_run(&self) -> bool {
        self.stats.lock().runs > 0
    }

    pub(crate) fn snapshot(&self) -> WarmStats {
        self.stats.lock().clone()
    }
}

impl Wiring {
    /// The required sources that have not succeeded yet, each with its last error.
    pub(crate) fn missing(&self) -> String {
        let missing = self
            .sources
            .iter()
            .zip(&self.warm)
            .filter(|(source, progress)| source.is_required() && !progress.has_run());
        let told = missing.map(|(source, progress)| match progress.snapshot().last_error {
            Some(error) => format!("source {} ({error})", source.name()),
            None => format!("source {} (its first run is under way)", source.name()),
        });
        told.collect::<Vec<_>>().join(" and ")
    }

    /// What each source did so far.
    pub(crate) fn warm_stats(&self) -> Vec<WarmStats> {
        let mut all: Vec<_> = self.warm.iter().map(WarmProgress::snapshot).collect();
        // One that reads its source has handed over nothing yet, and is under way all the same.
        for (source, _) in self.runs.lock().iter() {
            all[*source].progress.get_or_insert((0, 0));
        }
        all
    }

    /// How many required sources have not succeeded yet.
    #[cfg(feature = "admin-http")]
    pub(crate) fn missing_count(&self) -> usize {
        let sources = self.sources.iter().zip(&self.warm);
        sources.filter(|(source, progress)| source.is_required() && !progress.has_run()).count()
    }

    /// A source has succeeded: once all required ones have, the cache is ready, and stays so.
    pub(crate) fn warm_succeeded(&self) {
        let missing =
            |(source, progress): (&WarmSource, &WarmProgress)| source.is_required() && !progress.has_run();
        if !self.sources.iter().zip(&self.warm).any(missing) {
            self.ready.send_replace(true);
        }
    }
}
