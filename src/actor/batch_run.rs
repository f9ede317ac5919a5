//! The task of a load of several keys, and the landing that reports its end on every way out.
//!
//! Owns: that each of the keys lands, in parts that hold up nobody for long. Never: decides whether a value is stored.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::{Instrument, Span};

use super::batch::terms_of_batch;
use super::guard::drop_guarded;
use super::load::Waiter;
use super::place::LoadPlace;
use super::reply::Reply;
use super::request::TierRequest;
use super::wiring::Wiring;
use crate::batch_loader::{BatchLoader, Brought};
use crate::engine::flight::RunId;
use crate::engine::journal::Ticket;
use crate::engine::key::Key;
use crate::engine::route::TierId;
use crate::engine::slice::CHANGES;
use crate::engine::tier::{Batch, BatchLanded, Brought as One, Item, Outcome, Taken, Tier};
use crate::env::{Spawner, Stopwatch};
use crate::error::{Error, Shown};
use crate::loader::LoadCell;
use crate::telemetry::spans::{self, For};

/// A load of several keys that is to be started, outside of the tier's lock.
pub(super) struct Start {
    landing: Landing,
    loader: Arc<BatchLoader>,
    spawner: Spawner,
    limit: Duration,
    whom: For,
}

impl Start {
    /// `None`: none of its callers is left, which the landing has told.
    pub(super) fn new(
        wiring: &Arc<Wiring>,
        id: TierId,
        Batch { runs, ticket }: Batch,
        tier: &mut Tier<Waiter, Reply<Taken>>,
    ) -> Option<Self> {
        let (mut members, mut leads, mut limit) = (Vec::new(), None, Duration::ZERO);
        for run in runs {
            let Some((key, timeout, waiter)) = tier.leader(run) else { continue };
            let (batch, spawner, cell) = waiter.batch();
            wiring.env.observe_load(&key);
            members.push(Running { run, key, cell: Arc::clone(cell) });
            limit = limit.max(timeout);
            leads = leads.or_else(|| Some((Arc::clone(batch?), spawner.clone(), waiter.whom())));
        }
        let landing = Landing {
            wiring: Arc::clone(wiring),
            tier: id,
            ticket,
            began: wiring.spawner.stopwatch(),
            span: Span::none(),
            members,
            brought: None,
            done: None,
            loader: None,
            _place: LoadPlace::held(wiring, id),
        };
        let (loader, spawner, whom) = leads?;
        Some(Self { landing, loader, spawner, limit, whom })
    }

    /// Starts it in a task that belongs to it: callers may come and go.
    pub(super) fn spawn(self) {
        // Moved into the task before it is polled: a task that is dropped unpolled, with its runtime, reports too.
        let Self { landing, loader, spawner, limit, whom } = self;
        spawner.spawn(run(landing, loader, limit, whom));
    }
}

async fn run(mut landing: Landing, loader: Arc<BatchLoader>, limit: Duration, whom: For) {
    // The loader brings them together; their own are not needed.
    landing.members.iter().for_each(|member| drop_guarded(member.cell.take()));
    let keys: Vec<Key> = landing.members.iter().map(|member| member.key.clone()).collect();
    let (timers, shared) = (landing.wiring.spawner.clone(), landing.wiring.tier(landing.tier));
    let loader = landing.loader.insert(loader);
    landing.span = spans::load(&shared.name, keys.len(), whom, loader.cause());
    let brought = loader.run(landing.wiring.id, &keys, limit, &timers).instrument(landing.span.clone()).await;
    let brought = landing.wiring.pack_brought(shared, &keys, brought);
    let returned: Vec<_> =
        brought.outcomes.iter().map(|outcome| (outcome.original(), outcome.error().cloned())).collect();
    landing.brought = Some(brought);
    // See the task of a single load.
    let (done, is_done) = oneshot::channel();
    landing.done = Some(done);
    drop(landing);
    let _ = is_done.await;
    drop(returned);
}

/// One key of a batch that is being loaded.
struct Running {
    run: RunId,
    key: Key,
    cell: Arc<LoadCell>,
}

/// Reports the end of a load of several keys when it is dropped: at its end, and when its task is lost.
struct Landing {
    wiring: Arc<Wiring>,
    tier: TierId,
    ticket: Ticket,
    began: Stopwatch,
    /// Once the loader has begun.
    span: Span,
    members: Vec<Running>,
    brought: Option<Brought>,
    /// Dropped when the tier has done with what it brought.
    done: Option<oneshot::Sender<()>>,
    loader: Option<Arc<BatchLoader>>,
    /// Given back after the end was told.
    _place: LoadPlace,
}

impl Landing {
    /// What the tier keeps of what nobody asked for; keys of other tiers have no business here.
    fn extra(&self, key: Key, one: One) -> Option<Item> {
        let (tier, terms) = self.wiring.route(key.as_str()).ok()?;
        let mut terms = terms_of_batch(&self.loader.as_ref()?.policy, &terms.now());
        let One { value, ttl, never_stale, tags, .. } = one;
        terms.ttl = ttl.unwrap_or(terms.ttl);
        if never_stale {
            terms.stale = Duration::ZERO;
        }
        (tier.id == self.tier).then_some(Item { key, value, tags, terms })
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        let lost = || {
            // A task that was dropped unpolled left the loaders in their cells; see the landing of a single load.
            self.members.iter().for_each(|member| drop_guarded(member.cell.take()));
            Brought { outcomes: self.members.iter().map(|_| Outcome::Lost).collect(), extras: Vec::new() }
        };
        let Brought { outcomes, extras } = self.brought.take().unwrap_or_else(lost);
        spans::loaded(&self.span, outcomes.iter().map(Outcome::failed));
        let mut members = VecDeque::with_capacity(outcomes.len());
        for (Running { run, key, cell }, outcome) in self.members.iter().zip(outcomes) {
            let lost = || Err(Error::LoadLost { key: Shown::new(key.as_str()) });
            cell.finish(outcome.clone().into_result().unwrap_or_else(lost));
            members.push_back((*run, outcome));
        }
        let mut extras: VecDeque<Item> =
            extras.into_iter().filter_map(|(key, one)| self.extra(key, one)).collect();
        let (ticket, took) = (self.ticket, self.began.elapsed());
        // In parts, so that a loader that brings very much holds up nobody for long.
        let mut is_first = true;
        loop {
            let part: Vec<_> = members.drain(..members.len().min(CHANGES)).collect();
            let room = CHANGES - part.len();
            let extra = extras.drain(..extras.len().min(room)).collect();
            let is_last = members.is_empty() && extras.is_empty();
            let landed = BatchLanded { ticket, members: part, extras: extra, is_first, is_last, took };
            is_first = false;
            let done = if is_last { self.done.take() } else { None };
            self.wiring.deliver(self.tier, TierRequest::BatchLanded(Box::new(landed), done));
            if is_last {
                break;
            }
        }
    }
}
