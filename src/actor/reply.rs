//! Our own reply slot: what a host waits on.
//!
//! Owns: exactly one answer. Never: cancels a request. actix skips a message whose sender went away; a request that
//! carries its own slot is applied all the same, and only the answer is lost.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::permit::Permit;
use crate::error::Error;

/// Where the answer to one request goes. Dropped without one, it answers that the tier is starting again.
#[derive(Debug)]
pub struct Reply<R> {
    slot: Option<oneshot::Sender<Result<R, Error>>>,
    tier: Arc<str>,
    /// Given back once there is an answer, for what waits longer than its message is under way.
    place: Option<Permit>,
}

impl<R> Reply<R> {
    /// A slot and the end on which to wait for it. `tier` is named when the answer is lost.
    pub fn new(tier: Arc<str>) -> (Self, oneshot::Receiver<Result<R, Error>>) {
        let (slot, answer) = oneshot::channel();
        (Self { slot: Some(slot), tier, place: None }, answer)
    }

    /// A slot that somebody else made, or none, when nobody waits.
    pub fn from_slot(slot: Option<oneshot::Sender<Result<R, Error>>>, tier: Arc<str>) -> Self {
        Self { slot, tier, place: None }
    }

    /// Keeps `place` until there is an answer, whether anybody waits for it or not.
    pub(crate) fn hold(&mut self, place: Permit) {
        self.place = Some(place);
    }

    /// Gives the answer. Nobody may be waiting any more.
    pub fn answer(self, answer: Result<R, Error>) {
        self.deliver(answer);
    }

    /// As [`Reply::answer`]; returns whether somebody was still waiting.
    pub(crate) fn deliver(mut self, answer: Result<R, Error>) -> bool {
        // What cannot be delivered is dropped here; it holds only what this crate made.
        self.slot.take().is_some_and(|slot| slot.send(answer).is_ok())
    }
}

impl<R> Drop for Reply<R> {
    fn drop(&mut self) {
        // Every way out comes here: a panic in the turn, an actor that died, a queue that was thrown away.
        if let Some(slot) = self.slot.take() {
            let _ = slot.send(Err(Error::TierRestarting { tier: Arc::clone(&self.tier) }));
        }
    }
}
