//! One run of a warm source, from its ticket to its last entry.
//!
//! Owns: the run's task, which reports its end on every way out. Never: stores a bare value: what it brings is stored
//! under a ticket that the tier gave before the source was read.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::{Instrument, Span};

use super::permit::Lane;
use super::reply::Reply;
use super::request::{Envelope, TierRequest, ToWarmer};
use super::tier_shared::TierShared;
use super::wiring::{Wiring, tell};
use crate::engine::journal::Ticket;
use crate::engine::provenance::SaidBy;
use crate::engine::terms::Terms;
use crate::engine::tier::{Item, Warmed};
use crate::engine::weigh::weigh;
use crate::env::Stopwatch;
use crate::error::{Error, Result};
use crate::message::{Set, SourceReport};
use crate::telemetry::spans;
use crate::warm::{WarmEntries, WarmRun};

/// Bytes and entries that are handed to the tier at once.
const CHUNK_BYTES: u64 = 1 << 20;
const CHUNK_ENTRIES: usize = 256;
/// Share of the time to live by which what a run brings may live shorter, where nothing else is said.
const WARM_JITTER: f64 = 0.1;
/// How often a run looks whether those who wait for loads are done.
const GLANCE: Duration = Duration::from_millis(100);
/// A run may take so many times `load_timeout`: it reads many rows, a load reads one.
const PATIENCE: u32 = 10;

/// Runs source number `source` and reports what it came to. Dropped early, with the host's runtime, it begins again on that of
/// the cache; dropped with that too, it reports it.
pub(crate) fn run(
    wiring: Arc<Wiring>,
    source: usize,
    user: Option<Arc<str>>,
) -> impl Future<Output = ()> + Send {
    // Made before the first poll: a task that is dropped unpolled, with its runtime, reports too.
    run_to(Ending::new(wiring, source, user))
}

async fn run_to(mut ending: Ending) {
    let source = &ending.wiring.sources[ending.source];
    ending.span = spans::warm(source.name(), source.tier(), ending.user.is_some());
    let span = ending.span.clone();
    let result = ending.fill().instrument(span).await;
    ending.is_lost = false;
    if let Some(report) = &mut ending.report {
        report.error = result.err().map(|error| error.to_string().into());
    }
}

/// Reports the end of a run when it is dropped.
struct Ending {
    wiring: Arc<Wiring>,
    source: usize,
    user: Option<Arc<str>>,
    began: Stopwatch,
    /// Once it has begun.
    span: Span,
    report: Option<SourceReport>,
    /// Whether it did not come to its end.
    is_lost: bool,
    /// Whether it may begin again where it is lost.
    may_begin_again: bool,
    ticket: Option<Ticket>,
    /// A ticket was asked for and is not here yet.
    asked: Option<oneshot::Receiver<Result<Ticket>>>,
}

impl Ending {
    fn new(wiring: Arc<Wiring>, source: usize, user: Option<Arc<str>>) -> Self {
        let named = &wiring.sources[source];
        let lost = Some("the run was lost with the runtime it ran on".into());
        let report = SourceReport { error: lost, ..SourceReport::new(named.name(), named.tier()) };
        let began = wiring.spawner.stopwatch();
        Self {
            wiring,
            source,
            user,
            began,
            span: Span::none(),
            report: Some(report),
            is_lost: true,
            may_begin_again: true,
            ticket: None,
            asked: None,
        }
    }

    /// Takes a ticket, reads the source, stores what it brings.
    async fn fill(&mut self) -> Result<(), Trouble> {
        let wiring = Arc::clone(&self.wiring);
        let id = wiring.routes.tier(wiring.sources[self.source].tier())?;
        let tier = wiring.tier(id);
        self.give_way(tier).await;
        // Before the source is read: what is invalidated or set from now on is not brought back.
        let begun = wiring.post_to(id, Lane::Control, 0, |reply| TierRequest::BeginWarm { reply })?;
        let ticket = self.asked.insert(begun).await.unwrap_or(Err(Error::Closed))?;
        self.ticket = Some(ticket);
        let entries = self.read().await?.into_sets();
        let total = entries.len() as u64;
        let mut strays = 0;
        let mut items = Vec::new();
        let mut bytes = 0;
        for (done, set) in (0..).zip(entries) {
            wiring.warm[self.source].progress(Some((done + 1, total)));
            match stray(&wiring, tier, &set) {
                Some(item) => {
                    bytes += weigh(&item.key, &item.value, &item.tags);
                    items.push(item);
                }
                None => strays += 1,
            }
            if bytes >= CHUNK_BYTES || items.len() >= CHUNK_ENTRIES {
                self.store(tier, ticket, std::mem::take(&mut items), std::mem::take(&mut bytes)).await?;
            }
        }
        if !items.is_empty() {
            self.store(tier, ticket, items, bytes).await?;
        }
        if strays > 0 {
            return Err(Trouble::Strays { count: strays, tier: Arc::clone(&tier.name) });
        }
        Ok(())
    }

    /// Those who wait for a load go first: while the tier has no free place, the source is left to them, for as long as a load
    /// may take. A look now and then: the run is in no hurry, and the tier has nothing to do for it.
    async fn give_way(&self, tier: &TierShared) {
        let most = self.wiring.plan.load_timeout.as_millis() / GLANCE.as_millis();
        for _ in 0..most {
            let (running, waiting) = &tier.counters.loads_now;
            let places = self.wiring.plan.load_concurrency as u64;
            if waiting.load(Relaxed) == 0 && running.load(Relaxed) < places {
                break;
            }
            self.wiring.spawner.within(GLANCE, pending::<()>()).await;
        }
    }

    /// Calls the host's source, within its limit and behind a panic guard.
    async fn read(&self) -> Result<WarmEntries, Trouble> {
        let source = &self.wiring.sources[self.source];
        let run = WarmRun::new(self.user.clone());
        let mut future =
            catch_unwind(AssertUnwindSafe(|| source.load(run))).map_err(|_panic| Trouble::Panicked)?;
        let guarded =
            std::future::poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(Ok(entries))) => Poll::Ready(Ok(entries)),
                Ok(Poll::Ready(Err(error))) => Poll::Ready(Err(Trouble::Source(error))),
                Err(_panic) => Poll::Ready(Err(Trouble::Panicked)),
            });
        let limit = self.wiring.plan.load_timeout * PATIENCE;
        let result = self.wiring.spawner.within(limit, guarded).await;
        super::guard::drop_guarded(future);
        result.unwrap_or(Err(Trouble::Slow(limit)))
    }

    /// Hands a part to the tier, once there is room for it in front of the tier.
    async fn store(
        &mut self,
        tier: &TierShared,
        ticket: Ticket,
        items: Vec<Item>,
        bytes: u64,
    ) -> Result<(), Trouble> {
        let permit = tier.permits.wait(bytes).await;
        self.wiring.open()?;
        let (reply, stored) = Reply::new(Arc::clone(&tier.name));
        let request = TierRequest::StoreWarm { ticket, items, reply };
        self.wiring.deliver(tier.id, Envelope::new(request, permit));
        let stored = answer(stored).await?;
        if let Some(report) = &mut self.report {
            for warmed in stored {
                match warmed {
                    Warmed::Stored => report.stored += 1,
                    Warmed::Revoked => report.revoked += 1,
                    Warmed::NoRoom | Warmed::NotKept => report.refused += 1,
                }
            }
        }
        Ok(())
    }
}

/// The item that `set` becomes, if its key belongs to `tier`.
fn stray(wiring: &Wiring, tier: &TierShared, set: &Set) -> Option<Item> {
    let (found, terms) = wiring.route(set.key.as_str()).ok()?;
    let item = || {
        let terms = terms.now();
        let Set { key, value, tags, policy } = set.clone();
        // What is warmed together would else expire together.
        let spread = if terms.jitter > 0.0 { terms.jitter } else { WARM_JITTER };
        let terms = policy.said_over(&Terms { jitter: spread, ..terms }, SaidBy::Value);
        let value = wiring.pack(tier, &key, value);
        Item { key, value, tags, terms }
    };
    (found.id == tier.id).then(item)
}

async fn answer<R>(slot: oneshot::Receiver<Result<R>>) -> Result<R> {
    slot.await.unwrap_or(Err(Error::Closed))
}

impl Drop for Ending {
    fn drop(&mut self) {
        let Some(mut report) = self.report.take() else { return };
        report.took = self.began.elapsed();
        let counts = [report.stored, report.revoked, report.refused];
        spans::warmed(&self.span, counts, report.error.is_none());
        // Lost between asking and being answered. Closed before looking: either the ticket is here, or the tier learns
        // that nobody takes it and ends it itself.
        if self.ticket.is_none()
            && let Some(mut asked) = self.asked.take()
        {
            asked.close();
            self.ticket = asked.try_recv().ok().and_then(Result::ok);
        }
        if let Some(ticket) = self.ticket
            && let Ok(id) = self.wiring.routes.tier(&report.tier)
        {
            // No permit: there is one such message for each run, and a ticket that stays open costs the tier memory.
            self.wiring.deliver(id, TierRequest::EndWarm { ticket });
        }
        if self.is_lost && self.may_begin_again && self.wiring.open().is_ok() {
            self.wiring.host_ended.store(true, Relaxed);
            let mut again = Self::new(Arc::clone(&self.wiring), self.source, self.user.take());
            again.may_begin_again = false;
            return self.wiring.spawner.spawn(run_to(again));
        }
        self.wiring.warm[self.source].ended(&report);
        // Here, not in the warmer: it may die before it learns of the end.
        self.wiring.warm_succeeded();
        let job = (self.source, self.user.take());
        self.wiring.runs.lock().remove(&job);
        let ended = ToWarmer::Ended { source: job.0, user: job.1, report };
        tell(&self.wiring.warmer, ended);
    }
}

/// Why a run did not come to its end.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("{0}")]
    Source(crate::error::SharedError),
    #[error("the source panicked; the panic message is in the log of the host")]
    Panicked,
    #[error("the source gave nothing within {0:?}; make it faster, or bring less in one source")]
    Slow(std::time::Duration),
    #[error(
        "{count} keys do not belong to tier {tier} and were left out; give them a source of their own tier"
    )]
    Strays { count: u64, tier: Arc<str> },
    #[error(transparent)]
    Cache(#[from] Error),
}
