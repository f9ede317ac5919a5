//! Visitors of a shop that is open: as many at once as were asked for, each session followed by the next, without an end.
//!
//! Owns: who comes, drawn from the seed lane by lane, and what came of it all. Never: keeps what it measured of one visit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use indicatif::ProgressBar;
use parking_lot::Mutex;
use tokio::task::JoinSet;

use crate::options::Options;
use crate::plan::Plan;
use crate::random::mix;
use crate::reads::Shop;
use crate::truth::Truth;
use crate::workload::{Tally, visit};

/// Sessions that a lane draws at a time.
const DRAWN: u32 = 64;

/// The visitors of a shop. Dropped, they are gone.
pub(crate) struct Visitors {
    lanes: JoinSet<()>,
    /// What each lane's visit has come to so far.
    under_way: Vec<Arc<Mutex<Tally>>>,
    ended: Arc<Totals>,
}

impl Visitors {
    /// Lets them in.
    pub(crate) fn arrive(options: &Options, shop: &Arc<Shop>, truth: &Arc<Truth>) -> Self {
        let mut visitors = Self { lanes: JoinSet::new(), under_way: Vec::new(), ended: Arc::default() };
        for lane in 0..options.at_once {
            let tally = Arc::<Mutex<Tally>>::default();
            visitors.under_way.push(Arc::clone(&tally));
            let options = Options { sessions: DRAWN, ..options.clone() };
            let (shop, truth, ended) = (Arc::clone(shop), Arc::clone(truth), Arc::clone(&visitors.ended));
            visitors.lanes.spawn(async move {
                tokio::time::sleep(Duration::from_secs(1) * lane / options.at_once).await;
                for round in 0_u64.. {
                    let seed = mix(options.seed ^ mix(u64::from(lane) << 32 | round));
                    let plan = Plan::new(&Options { seed, ..options.clone() }, options.writes);
                    for session in &plan.sessions {
                        visit(&shop, &truth, session, &ProgressBar::hidden(), &tally).await;
                        ended.add(std::mem::take(&mut *tally.lock()));
                    }
                }
            });
        }
        visitors
    }

    /// Sends all of them away, and sums up what they came to.
    pub(crate) async fn leave(mut self) -> Arc<Totals> {
        self.lanes.shutdown().await;
        for tally in self.under_way {
            self.ended.add(std::mem::take(&mut *tally.lock()));
        }
        self.ended
    }
}

/// What all visits so far came to.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    interactions: AtomicU64,
    reads: AtomicU64,
    stale: AtomicU64,
    failed: AtomicU64,
    first_failure: Mutex<Option<String>>,
}

impl Totals {
    fn add(&self, tally: Tally) {
        self.interactions.fetch_add(tally.interactions.len() as u64, Relaxed);
        self.reads.fetch_add(tally.reads_total(), Relaxed);
        self.stale.fetch_add(tally.stale, Relaxed);
        self.failed.fetch_add(tally.failed, Relaxed);
        let mut first = self.first_failure.lock();
        if first.is_none() {
            *first = tally.first_failure;
        }
    }

    /// Whether every answer was current, and none failed.
    pub(crate) fn is_good(&self) -> bool {
        self.stale.load(Relaxed) == 0 && self.failed.load(Relaxed) == 0
    }

    /// The sums in words.
    pub(crate) fn describe(&self) -> String {
        let sum = |count: &AtomicU64| count.load(Relaxed);
        let (interactions, reads) = (sum(&self.interactions), sum(&self.reads));
        let failure =
            self.first_failure.lock().as_ref().map(|words| format!(" ({words})")).unwrap_or_default();
        format!(
            "{interactions} interactions, {reads} answers, {} stale, {} failed{failure}",
            sum(&self.stale),
            sum(&self.failed)
        )
    }
}
