//! Loads between a tier and the task that runs them.
//!
//! Owns: who waits for a load, the task of a load, and the landing that reports its end on every way out.
//! Never: decides whether a value is stored.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::{Instrument, Span};

use super::place::LoadPlace;
use super::reply::Reply;
use super::request::TierRequest;
use super::wiring::Wiring;
use crate::aside::after_turn;
use crate::batch_loader::BatchLoader;
use crate::codec::fingerprint::Fingerprint;
use crate::codec::value::Wanted;
use crate::deadline::without_deadline;
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
        // The caller is gone and nobody ran its loader. What that captured is the host's: it is dropped where
        // the loader would have run, for its `Drop` may take its time.
        let batch = self.batch.take().and_then(Arc::into_inner);
        let loader = self.cell.take_abandoned();
        if batch.is_some() || loader.is_some() {
            let spawner = self.spawner.clone();
            after_turn(move || spawner.spawn(async move { super::guard::drop_guarded((batch, loader)) }));
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

/// A load that is to be started, outside of the tier's lock.
pub(crate) struct Start {
    landing: Landing,
    spawner: Spawner,
    limit: Duration,
    whom: For,
}

impl Start {
    /// A run, begun in that life of the tier, with the loader of `leader`.
    pub(crate) fn new(
        wiring: &Arc<Wiring>,
        place: LoadPlace,
        (run, incarnation): (RunId, u64),
        key: &Key,
        limit: Duration,
        leader: &Waiter,
    ) -> Self {
        wiring.env.observe_load(key);
        let landing = Landing {
            wiring: Arc::clone(wiring),
            tier: place.tier(),
            run,
            incarnation,
            began: wiring.spawner.stopwatch(),
            span: Span::none(),
            has_ended: false,
            stopped_with: None,
            cell: Arc::clone(&leader.cell),
            key: key.clone(),
            _place: place,
        };
        Self { landing, spawner: leader.spawner.clone(), limit, whom: leader.whom() }
    }

    /// Whether it runs the loader of `cell`.
    pub(crate) fn is_of(&self, cell: &Arc<LoadCell>) -> bool {
        Arc::ptr_eq(&self.landing.cell, cell)
    }

    /// Starts it in a task that belongs to its flight: callers may come and go.
    pub(crate) fn spawn(self) {
        // Moved into the task before it is polled: a task that is dropped unpolled, with its runtime, reports
        // too.
        let Self { landing, spawner, limit, whom } = self;
        spawner.spawn(run(landing, limit, whom));
    }

    /// Runs it here as far as it goes at once; the rest is a task, as of [`Start::spawn`].
    pub(crate) fn run_here(self) {
        let Some(depth) = Depth::one_more().filter(|_| self.spawner.is_current()) else {
            return self.spawn();
        };
        let Self { landing, spawner, limit, whom } = self;
        // A load serves whoever joins it: the deadline of its first caller is not its own.
        let mut task = Box::pin(without_deadline(run(landing, limit, whom)));
        let poll = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        drop(depth);
        if poll.is_pending() {
            // Its task polls it once more, and so leaves a waker wherever it waits.
            spawner.spawn(task);
        }
    }
}

thread_local! {
    /// Loads that run here within each other.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// One of the loads that run here within each other: each takes room on the stack.
struct Depth;

impl Depth {
    const MAX: usize = 8;

    fn one_more() -> Option<Self> {
        DEPTH
            .try_with(|depth| (depth.get() < Self::MAX).then(|| depth.set(depth.get() + 1)))
            .ok()?
            .map(|()| Self)
    }
}

impl Drop for Depth {
    fn drop(&mut self) {
        let _ = DEPTH.try_with(|depth| depth.set(depth.get() - 1));
    }
}

/// Runs the loader and reports how it ended.
async fn run(mut landing: Landing, limit: Duration, whom: For) {
    let cell = Arc::clone(&landing.cell);
    let Some(loader) = cell.take() else { return };
    let (wiring, tier) = (Arc::clone(&landing.wiring), landing.tier);
    landing.span = spans::load(&wiring.tier(tier).name, 1, whom, loader.cause());
    let load = run_for(&cell, loader, limit, &wiring.spawner).instrument(landing.span.clone());
    let Some(outcome) = landing.watch(load, limit, &wiring.spawner).await else { return };
    // What the loader returned is the host's, and its `Drop` may take its time. It ends here if nobody waits
    // for it, and not in a turn: this task holds it until the tier has done with it.
    let returned = (outcome.original(), outcome.error().cloned());
    let packed = wiring.pack_loaded(wiring.tier(tier), &landing.key, outcome);
    let _ = landing.end(packed).await;
    drop((returned, cell));
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
    has_ended: bool,
    /// What it came to if it is stopped: it has taken longer than it may.
    stopped_with: Option<Error>,
    cell: Arc<LoadCell>,
    key: Key,
    /// Given back after the end was told.
    _place: LoadPlace,
}

impl Landing {
    /// Drives `load` to its end, or until the tier stops it: `None`. A load that outlasts its limit is
    /// reported each time that has passed.
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
                    let overdue = TierRequest::Overdue { id: self.run, incarnation: self.incarnation };
                    // Callers that give up at this very moment do so first.
                    self.wiring.leave(self.tier, overdue);
                }
            }
        }
    }
}

impl Landing {
    /// Tells the tier how the load ended.
    fn end(mut self, outcome: Outcome) -> oneshot::Receiver<()> {
        let (done, is_done) = oneshot::channel();
        let landed = self.landed(outcome, Some(done));
        self.wiring.deliver(self.tier, landed);
        is_done
    }

    fn landed(&mut self, outcome: Outcome, done: Option<oneshot::Sender<()>>) -> TierRequest {
        self.has_ended = true;
        spans::loaded(&self.span, [outcome.failed()]);
        TierRequest::Landed {
            id: self.run,
            incarnation: self.incarnation,
            outcome: Box::new(outcome),
            took: self.began.elapsed(),
            done,
        }
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        // A task that was dropped unpolled left the loader in its cell. Race, if it stays there: (1) the load
        // is lost; (2) its own waiter seems able to take over; (3) its load is started on the runtime that is
        // gone, lost again, and so on without end.
        super::guard::drop_guarded(self.cell.take());
        let lost = Error::LoadLost { key: Shown::new(self.key.as_str()) };
        let late = self.stopped_with.take();
        self.cell.finish(Err(late.clone().unwrap_or(lost)));
        let landed = self.landed(late.map_or(Outcome::Lost, Outcome::Failed), None);
        self.wiring.leave(self.tier, landed);
    }
}
