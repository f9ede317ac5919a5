//! What a tier was asked and has not done yet, and how much of it is done before others have their turn.
//!
//! Owns: the order of requests, the slices of those that are long, and the answers of sets, which go out together.
//! Never: lets a request overtake one that came before it.

use std::collections::VecDeque;
use std::vec::IntoIter;

use super::TierActor;
use crate::actor::permit::Permit;
use crate::actor::reply::Reply;
use crate::actor::request::{Accepted, Item, TierRequest};
use crate::engine::key::Key;
use crate::engine::slice::CHANGES;
use crate::engine::tier::{Stored, Taken};
use crate::error::Result;
use crate::message::TierState;
use crate::telemetry;

/// What is to be done next.
#[derive(Debug)]
enum Job {
    One(Accepted),
    SetMany {
        items: IntoIter<Item>,
        done: Vec<Result<Stored>>,
        reply: Reply<Vec<Result<Stored>>>,
        place: Option<Permit>,
    },
    RemoveMany {
        keys: IntoIter<Key>,
        done: Vec<Taken>,
        reply: Reply<Vec<Taken>>,
        place: Option<Permit>,
    },
}

impl From<Accepted> for Job {
    fn from(Accepted { request, permit: place }: Accepted) -> Self {
        match request {
            TierRequest::SetMany { items, reply } => Self::SetMany {
                done: Vec::with_capacity(items.len()),
                items: items.into_iter(),
                reply,
                place,
            },
            TierRequest::RemoveMany { keys, reply } => Self::RemoveMany {
                done: Vec::with_capacity(keys.len()),
                keys: keys.into_iter(),
                reply,
                place,
            },
            request => Self::One(Accepted { request, permit: place }),
        }
    }
}

/// What a tier was asked and has not done yet.
#[derive(Debug, Default)]
pub(super) struct Queue {
    jobs: VecDeque<Job>,
    /// Entries that were changed, and requests that were taken, since others had their turn.
    spent: usize,
    /// Answers to sets. Together they wake the tasks that wait for them; one by one, each task could come back with its next
    /// set at once, and each of those cost a wake-up of this thread.
    stored: Vec<(Reply<Stored>, Result<Stored>)>,
    /// The places of what was done since others had their turn.
    places: Option<Permit>,
    /// Writes that nobody awaited and that failed, as far as it was told.
    failed: u64,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Counts what a turn changed.
    pub(super) fn spend(&mut self, changes: usize) {
        self.spent += changes;
    }

    /// The answer to a set, to be given when this slice ends.
    pub(super) fn stored(&mut self, reply: Reply<Stored>, stored: Result<Stored>) {
        self.stored.push((reply, stored));
    }

    fn give_back(&mut self, place: Option<Permit>) {
        let Some(place) = place else { return };
        match &mut self.places {
            Some(places) => drop(places.join(place)),
            places @ None => *places = Some(place),
        }
    }
}

impl TierActor {
    /// Takes requests in behind those that wait.
    pub(super) fn accept(&mut self, batch: Vec<Accepted>) {
        let was_idle = self.queue.is_empty();
        self.queue.jobs.extend(batch.into_iter().map(Job::from));
        // Else the next slice is under way already, and comes after all others had their turn.
        if was_idle {
            self.work();
        }
    }

    /// Does a slice of what waits.
    pub(super) fn work(&mut self) {
        self.queue.spent = 0;
        while self.queue.spent < CHANGES
            && let Some(job) = self.queue.jobs.pop_front()
        {
            self.queue.spend(1);
            self.take(job);
        }
        // First the places, then the answers: who was answered finds room.
        self.queue.places = None;
        let mut stored = std::mem::take(&mut self.queue.stored);
        stored.drain(..).for_each(|(reply, stored)| reply.answer(stored));
        self.queue.stored = stored;
        self.tell_failed();
    }

    fn take(&mut self, job: Job) {
        let failed = self.shared().state() == TierState::Failed;
        match job {
            Job::One(Accepted { request, permit }) => {
                if let Some(waited) = permit.as_ref().and_then(Permit::waited) {
                    self.shared().counters.queue_time.record(waited);
                }
                if failed {
                    self.take_failed(request);
                } else {
                    self.dispatch(request);
                }
                self.queue.give_back(permit);
            }
            Job::SetMany { reply, place, .. } if failed => {
                reply.answer(Err(self.shared().failed_error()));
                self.queue.give_back(place);
            }
            Job::SetMany { mut items, mut done, reply, place } => {
                let part: Vec<Item> = items.by_ref().take(self.room()).collect();
                self.queue.spend(part.len());
                // When the turn breaks, the reply is dropped here, and answers.
                let Some(stored) = self.turn(|this, now, fx| this.tier.set_many(part, now, fx)) else {
                    return;
                };
                done.extend(stored);
                if items.len() > 0 {
                    self.queue.jobs.push_front(Job::SetMany { items, done, reply, place });
                } else {
                    self.queue.give_back(place);
                    reply.answer(Ok(done));
                }
            }
            Job::RemoveMany { keys, mut done, reply, place } if failed => {
                // It holds nothing, so that is true.
                done.extend(keys.map(|_| Taken::default()));
                self.queue.give_back(place);
                reply.answer(Ok(done));
            }
            Job::RemoveMany { mut keys, mut done, reply, place } => {
                let part: Vec<Key> = keys.by_ref().take(self.room()).collect();
                self.queue.spend(part.len());
                let Some(taken) = self.turn(|this, _, fx| this.tier.remove_many(&part, fx)) else { return };
                done.extend(taken);
                if keys.len() > 0 {
                    self.queue.jobs.push_front(Job::RemoveMany { keys, done, reply, place });
                } else {
                    self.queue.give_back(place);
                    reply.answer(Ok(done));
                }
            }
        }
    }

    /// Entries that may still be changed before others have their turn; at least one.
    fn room(&self) -> usize {
        CHANGES.saturating_sub(self.queue.spent).max(1)
    }

    /// Tells of writes that nobody awaited and that failed, once a minute.
    fn tell_failed(&mut self) {
        let failed = self.shared().counters.unawaited_failed.get();
        let more = failed - self.queue.failed;
        if more > 0
            && let Some(left_out) = self.shared().warn_unawaited.pass(self.now())
        {
            telemetry::unawaited_failed(&self.shared().name, more, left_out);
            self.queue.failed = failed;
        }
    }
}
