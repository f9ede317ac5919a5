//! Our own reply slot: what a host waits on.
//!
//! Owns: exactly one answer. Never: cancels a request. actix skips a message whose sender went away; a request that
//! carries its own slot is applied all the same, and only the answer is lost.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::permit::Permit;
use crate::engine::counters::Counters;
use crate::engine::seeded::{self, Bug};
use crate::engine::view::View;
use crate::error::Error;

/// Where the answer to one request goes. Dropped without one, it answers that the tier is starting again.
#[derive(Debug)]
pub struct Reply<R> {
    slot: Option<oneshot::Sender<Result<R, Error>>>,
    tier: Arc<str>,
    /// Closed before a panic lets the answer go: what was promised of it must hold by then.
    view: Option<Arc<View>>,
    /// Given back once there is an answer, for what waits longer than its message is under way.
    place: Option<Box<Permit>>,
    /// Where a failure is counted that nobody waits to hear of.
    counts: Option<Arc<Counters>>,
}

impl<R> Reply<R> {
    /// A slot and the end on which to wait for it. `tier` is named when the answer is lost.
    pub fn new(tier: Arc<str>) -> (Self, oneshot::Receiver<Result<R, Error>>) {
        let (slot, answer) = oneshot::channel();
        (Self::from_slot(Some(slot), tier), answer)
    }

    /// A slot that somebody else made, or none, when nobody waits.
    pub fn from_slot(slot: Option<oneshot::Sender<Result<R, Error>>>, tier: Arc<str>) -> Self {
        Self { slot, tier, view: None, place: None, counts: None }
    }

    /// For a request that nobody waits for: a failure, or the loss of the request, is counted in `counters`.
    pub(crate) fn unawaited(tier: Arc<str>, counters: &Arc<Counters>) -> Self {
        let mut reply = Self::from_slot(None, tier);
        reply.counts = Some(Arc::clone(counters));
        reply
    }

    /// Closes `view` before a panic drops this without an answer. Order that bites: 1 a turn panics 2 unwinding drops the
    /// reply to an invalidation, which says that nothing older is served 3 only then the tier is put back in place.
    pub(crate) fn behind(mut self, view: &Arc<View>) -> Self {
        self.view = Some(Arc::clone(view));
        self
    }

    /// Keeps `place` until there is an answer, whether anybody waits for it or not.
    pub(crate) fn hold(&mut self, place: Permit) {
        self.place = Some(Box::new(place));
    }

    /// Whether nobody waits any more.
    pub(crate) fn is_unwanted(&self) -> bool {
        self.slot.as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    /// Gives the answer. Nobody may be waiting any more.
    pub fn answer(self, answer: Result<R, Error>) {
        self.deliver(answer);
    }

    /// As [`Reply::answer`]; returns whether somebody was still waiting.
    pub(crate) fn deliver(mut self, answer: Result<R, Error>) -> bool {
        if answer.is_ok() {
            self.counts = None;
        }
        // What cannot be delivered is dropped here; it holds only what this crate made.
        self.slot.take().is_some_and(|slot| slot.send(answer).is_ok())
    }
}

impl<R> Drop for Reply<R> {
    fn drop(&mut self) {
        if let Some(counters) = self.counts.take() {
            counters.unawaited_failed.one();
        }
        // Every way out comes here: a panic in the turn, an actor that died, a queue that was thrown away.
        if let Some(slot) = self.slot.take() {
            if std::thread::panicking()
                && let Some(view) = &self.view
                && !seeded::has(Bug::ViewLeftOpen)
            {
                view.close();
            }
            let _ = slot.send(Err(Error::TierRestarting { tier: Arc::clone(&self.tier) }));
        }
    }
}
