//! Loads between a tier and the task that runs them.
//!
//! Owns: who waits for a load, the task of a load, and the landing that reports its end on every way out.
//! Never: decides whether a value is stored.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::{Instrument, Span};

use super::place::LoadPlace;
use super::reply::Reply;
use super::request::ToTier;
use super::wiring::Wiring;
use crate::batch_loader::BatchLoader;
use crate::codec::fingerprint::Fingerprint;
use crate::codec::value::Wanted;
use crate::engine::flight::RunId;
use crate::engine::given::Given;
use crate::engine::key::Key;
use crate::engine::route::TierId;
use crate::engine::stamp::At;
use crate::engine::tier::{self, Outcome};
use crate::env::{Spawner, Stopwatch};
use crate::error::{Error, Result, Shown};
use crate::loader::{LoadCell, run_for};
use crate::telemetry::spans::{self, For};

/// The shortest time after which a load is reported to take longer than it may.
const TICK_MIN: Duration = Duration::from_millis(1);

/// A call that waits for a load.
#[derive(Debug)]
pub struct Waiter {
    cell: Arc<LoadCell>,
    spawner: Spawner,
    reply: Option<Reply<Given>>,
    wanted: Wanted,
    after: Option<At>,
    /// What brings its key with others, if it was asked for with others.
    batch: Option<Arc<BatchLoader>>,
}

impl Waiter {
    pub(crate) fn new(
        cell: Arc<LoadCell>,
        spawner: Spawner,
        reply: Option<Reply<Given>>,
        wanted: Wanted,
        after: Option<At>,
    ) -> Self {
        Self { cell, spawner, reply, wanted, after, batch: None }
    }

    /// As one of those that `batch` brings together.
    pub(crate) fn of_batch(mut self, batch: Arc<BatchLoader>) -> Self {
        self.batch = Some(batch);
        self
    }

    /// What brings its key with others, where to run it, and where its own loader lies.
    pub(crate) fn batch(&self) -> (Option<&Arc<BatchLoader>>, &Spawner, &Arc<LoadCell>) {
        (self.batch.as_ref(), &self.spawner, &self.cell)
    }

    /// Where its own loader lies.
    pub(crate) fn cell(&self) -> &Arc<LoadCell> {
        &self.cell
    }

    /// For whom its load is.
    pub(crate) fn whom(&self) -> For {
        if self.reply.is_some() { For::Caller } else { For::Refresh }
    }

    pub(crate) fn answer(mut self, answer: Result<Given>) {
        if let Some(reply) = self.reply.take() {
            reply.answer(answer);
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if let Some(last) = self.batch.take().and_then(Arc::into_inner) {
            self.spawner.spawn(async move { super::guard::drop_guarded(last) });
        }
        // The caller is gone and nobody ran its loader. What that captured is the host's: it is dropped where the loader
        // would have run, not within an actor's turn, for its `Drop` may take its time.
        if let Some(loader) = self.cell.take_abandoned() {
            self.spawner.spawn(async move { super::guard::drop_guarded(loader) });
        }
    }
}

impl tier::Waiter for Waiter {
    fn can_lead(&self) -> bool {
        self.cell.is_loaded()
    }

    fn accepts(&self, value: Fingerprint) -> bool {
        self.wanted.takes(value)
    }

    fn not_before(&self, incarnation: u64) -> u64 {
        self.after.filter(|at| at.incarnation == incarnation).map_or(0, |at| at.seq)
    }

    fn outlasts_timeouts(&self) -> bool {
        self.cell.outlasts_limit()
    }

    fn shares(&self, error: &Error) -> bool {
        self.cell.shares(error)
    }

    fn is_gone(&self) -> bool {
        self.reply.as_ref().is_none_or(Reply::is_unwanted)
    }
}

/// Starts a run, begun in that life of the tier, with the loader of `leader`, in a task that belongs to its flight: callers
/// may come and go.
pub(crate) fn start(
    wiring: &Arc<Wiring>,
    place: LoadPlace,
    (run, incarnation): (RunId, u64),
    key: &Key,
    limit: Duration,
    leader: &Waiter,
) {
    let tier = place.tier();
    wiring.env.observe_load(key);
    let cell = Arc::clone(&leader.cell);
    let landing = Landing {
        wiring: Arc::clone(wiring),
        tier,
        run,
        incarnation,
        began: wiring.spawner.stopwatch(),
        span: Span::none(),
        outcome: None,
        done: None,
        stopped_with: None,
        cell: Arc::clone(&cell),
        key: key.clone(),
        _place: place,
    };
    let whom = leader.whom();
    let spawner = leader.spawner.clone();
    // Moved into the task before it is polled: a task that is dropped unpolled, with its runtime, reports too.
    let task = async move {
        let mut landing = landing;
        let Some(loader) = cell.take() else { return };
        let timers = landing.wiring.spawner.clone();
        landing.span = spans::load(&landing.wiring.tier(tier).name, 1, whom, loader.cause());
        let load = run_for(&cell, loader, limit, &timers).instrument(landing.span.clone());
        let Some(outcome) = landing.watch(load, limit, &timers).await else { return };
        let original = outcome.original();
        let shared = landing.wiring.tier(tier);
        landing.outcome = Some(landing.wiring.pack_loaded(shared, &landing.key, outcome));
        // What the loader returned is the host's, and its `Drop` may take its time. It ends here if nobody waits for it, and
        // not in the actor: this task holds it until the tier has done with it.
        let (done, is_done) = oneshot::channel();
        landing.done = Some(done);
        drop(landing);
        let _ = is_done.await;
        drop(original);
    };
    spawner.spawn(task);
}

/// Reports the end of a load when it is dropped: at its end, and when its task is lost.
struct Landing {
    wiring: Arc<Wiring>,
    tier: TierId,
    run: RunId,
    incarnation: u64,
    began: Stopwatch,
    /// Once the loader has begun.
    span: Span,
    outcome: Option<Outcome>,
    /// Dropped when the tier has done with the outcome.
    done: Option<oneshot::Sender<()>>,
    /// What it came to if it is stopped: it has taken longer than it may.
    stopped_with: Option<Error>,
    cell: Arc<LoadCell>,
    key: Key,
    /// Given back after the end was told.
    _place: LoadPlace,
}

impl Landing {
    /// Drives `load` to its end, or until the tier stops it: `None`. A load that outlasts its limit is reported each time
    /// that has passed.
    async fn watch(
        &mut self,
        load: impl Future<Output = Outcome>,
        limit: Duration,
        timers: &Spawner,
    ) -> Option<Outcome> {
        let cell = Arc::clone(&self.cell);
        let mut load = pin!(load);
        loop {
            let ended = async {
                tokio::select! {
                    biased;
                    outcome = &mut load => Some(outcome),
                    () = cell.stopped() => None,
                }
            };
            if !cell.outlasts_limit() {
                return ended.await;
            }
            match timers.within(limit.max(TICK_MIN), ended).await {
                Some(Some(outcome)) => return Some(outcome),
                Some(None) => return None,
                None => {
                    let late = Error::LoadTimeout { key: Shown::new(self.key.as_str()), after: limit };
                    self.stopped_with = Some(late);
                    let overdue = ToTier::Overdue { id: self.run, incarnation: self.incarnation };
                    self.wiring.tier(self.tier).tell(overdue);
                }
            }
        }
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        let outcome = self.outcome.take().unwrap_or_else(|| {
            // A task that was dropped unpolled left the loader in its cell. Order that bites if it stays there:
            //   1 the load is lost   2 its own waiter seems able to take over   3 its load is started on the runtime that
            //   is gone, lost again, and so on without end
            super::guard::drop_guarded(self.cell.take());
            let lost = Error::LoadLost { key: Shown::new(self.key.as_str()) };
            let late = self.stopped_with.take();
            self.cell.finish(Err(late.clone().unwrap_or(lost)));
            late.map_or(Outcome::Lost, Outcome::Failed)
        });
        spans::loaded(&self.span, [outcome.failed()]);
        let landed = ToTier::Landed {
            id: self.run,
            incarnation: self.incarnation,
            outcome: Box::new(outcome),
            took: self.began.elapsed(),
            done: self.done.take(),
        };
        self.wiring.tier(self.tier).tell(landed);
    }
}
