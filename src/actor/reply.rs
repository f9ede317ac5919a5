//! Our own reply slot: what a host waits on.
//!
//! Owns: exactly one answer. Never: cancels a request. actix skips a message whose sender went away; a
//! request that carries its own slot is applied all the same, and only the answer is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::oneshot;

use super::permit::Permit;
use crate::aside::after_turn;
use crate::engine::counters::Counters;
use crate::error::Error;
use crate::waits::Waiting;

/// Whom an answer is from. All replies of a tier share one: a request counts one reference, not one for each
/// part.
#[derive(Debug)]
pub(crate) struct Answerer {
    /// Named when an answer is lost.
    name: Arc<str>,
    /// Of a tier: where a failure is counted that nobody waits to hear of.
    counters: Option<Arc<Counters>>,
}

impl Answerer {
    /// The tier called `name`.
    pub(crate) fn tier(name: Arc<str>, counters: Arc<Counters>) -> Arc<Self> {
        Arc::new(Self { name, counters: Some(counters) })
    }
}

/// Where the answer to one request goes. Dropped without one, it answers that the tier is starting again.
#[derive(Debug)]
pub struct Reply<R: Send + 'static> {
    slot: Option<oneshot::Sender<Result<R, Error>>>,
    from: Arc<Answerer>,
    /// Given back once there is an answer, for what waits longer than its message is under way.
    place: Option<Box<Permit>>,
    /// Nobody waits, so a failure is counted.
    counts: bool,
    /// Set once there is an answer, for a loader that waits for it.
    is_over: Option<Arc<AtomicBool>>,
}

impl<R: Send + 'static> Reply<R> {
    /// A slot and the end on which to wait for it. `tier` is named when the answer is lost.
    pub fn new(tier: Arc<str>) -> (Self, oneshot::Receiver<Result<R, Error>>) {
        Self::of(&Arc::new(Answerer { name: tier, counters: None }))
    }

    /// A slot and the end on which to wait for it.
    pub(crate) fn of(answerer: &Arc<Answerer>) -> (Self, oneshot::Receiver<Result<R, Error>>) {
        let (slot, answer) = oneshot::channel();
        let mut reply = Self::to_nobody(answerer);
        reply.slot = Some(slot);
        (reply, answer)
    }

    /// A slot that somebody else made.
    pub fn from_slot(slot: Option<oneshot::Sender<Result<R, Error>>>, tier: Arc<str>) -> Self {
        let from = Arc::new(Answerer { name: tier, counters: None });
        Self { slot, from, place: None, counts: false, is_over: None }
    }

    /// For a request whose caller knows already what came of it.
    pub(crate) fn to_nobody(answerer: &Arc<Answerer>) -> Self {
        Self { slot: None, from: Arc::clone(answerer), place: None, counts: false, is_over: None }
    }

    /// For a request that nobody waits for: a failure, or the loss of the request, is counted.
    pub(crate) fn unawaited(answerer: &Arc<Answerer>) -> Self {
        let mut reply = Self::to_nobody(answerer);
        reply.counts = true;
        reply
    }

    /// Keeps `place` until there is an answer, whether anybody waits for it or not.
    pub(crate) fn hold(&mut self, place: Permit) {
        self.place = Some(Box::new(place));
    }

    /// Ends the wait of a loader with the answer.
    pub(crate) fn ends(&mut self, waiting: Option<&Waiting>) {
        self.is_over = waiting.map(Waiting::is_over);
    }

    fn note_over(&self) {
        self.is_over.iter().for_each(|is_over| is_over.store(true, Ordering::Release));
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
        self.counts &= answer.is_err();
        self.note_over();
        // What cannot be delivered is dropped here; it holds only what this crate made.
        self.slot.take().is_some_and(|slot| slot.send(answer).is_ok())
    }
}

impl<R: Send + 'static> Drop for Reply<R> {
    fn drop(&mut self) {
        if let Some(counters) = self.from.counters.as_ref().filter(|_| self.counts) {
            counters.unawaited_failed.one();
        }
        // Every way out comes here: a panic in the turn, a queue that was thrown away. Within a turn nobody
        // is woken; by the time that it is over, nobody reads any more what it may have left half changed.
        if let Some(slot) = self.slot.take() {
            self.note_over();
            let restarting = Error::TierRestarting { tier: Arc::clone(&self.from.name) };
            after_turn(move || drop(slot.send(Err(restarting))));
        }
    }
}
