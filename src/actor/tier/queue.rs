//! What a tier was asked and has not done yet, and how much of it is done before others have their turn.
//!
//! Owns: the order of requests, the slices of those that are long, and the answers of sets, which go out together.
//! Never: lets a request overtake one that came before it.

use std::collections::VecDeque;
use std::vec::IntoIter;

use super::TierActor;
use crate::actor::permit::{LEFT_MAX, LEFT_WEIGHT_MAX, Permit};
use crate::actor::reply::Reply;
use crate::actor::request::{Accepted, Made, TierRequest};
use crate::engine::entry::{Entry, ReadEntry};
use crate::engine::key::Key;
use crate::engine::slice::CHANGES;
use crate::engine::store::{Cause, Gone};
use crate::engine::tier::{Stored, Taken};
use crate::error::Result;
use crate::message::TierState;
use crate::telemetry;

/// What is to be done next.
#[derive(Debug)]
enum Job {
    One(Accepted),
    Set {
        item: Made,
        reply: Reply<Stored>,
        place: Option<Permit>,
    },
    SetMany {
        items: IntoIter<Made>,
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
            TierRequest::Set { item, reply } => Self::Set { item, reply, place },
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
    /// Sets of one turn: those that are left to be done, who waits for them, and what they came to. Empty between turns.
    sets: Sets,
    /// The places of what was done since others had their turn.
    places: Option<Permit>,
    /// Entries that were overwritten since others had their turn, and that go back with the places.
    left: Vec<Entry>,
    /// Writes that nobody awaited and that failed, as far as it was told.
    failed: u64,
}

/// Sets of one turn.
#[derive(Debug, Default)]
struct Sets {
    items: VecDeque<Made>,
    askers: VecDeque<Reply<Stored>>,
    done: Vec<Result<Stored>>,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Counts what a turn changed.
    pub(super) fn spend(&mut self, changes: usize) {
        self.spent += changes;
    }

    /// The next job, if it is a set.
    fn next_set(&mut self) -> Option<(Made, Reply<Stored>, Option<Permit>)> {
        match self.jobs.pop_front() {
            Some(Job::Set { item, reply, place }) => {
                self.spend(1);
                Some((item, reply, place))
            }
            other => {
                other.into_iter().for_each(|job| self.jobs.push_front(job));
                None
            }
        }
    }

    /// Drops what left, but what those are to drop who make entries.
    pub(super) fn drop_left(&mut self, gone: &mut Vec<Gone>) {
        for Gone { entry, cause } in gone.drain(..) {
            if cause == Cause::Replaced
                && self.left.len() < LEFT_MAX
                && entry.is_bare()
                && entry.weight() <= LEFT_WEIGHT_MAX
            {
                self.left.push(entry);
            }
        }
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
        if let Some(mut places) = self.queue.places.take() {
            places.leave(&mut self.queue.left);
        }
        self.queue.left.clear();
        let mut stored = std::mem::take(&mut self.queue.stored);
        stored.drain(..).for_each(|(reply, stored)| reply.answer(stored));
        self.queue.stored = stored;
        self.tell_failed();
    }

    /// Does a set, and those that follow it, in one turn.
    fn take_sets(&mut self, item: Made, reply: Reply<Stored>, place: Option<Permit>) {
        let mut sets = std::mem::take(&mut self.queue.sets);
        let mut next = Some((item, reply, place));
        while let Some((item, reply, place)) = next {
            self.note_wait(place.as_ref());
            self.queue.give_back(place);
            sets.items.push_back(item);
            sets.askers.push_back(reply);
            next = if self.queue.spent < CHANGES { self.queue.next_set() } else { None };
        }
        while !sets.items.is_empty() {
            if self.shared().state() == TierState::Failed {
                let error = self.shared().failed_error();
                sets.items.clear();
                sets.askers.drain(..).for_each(|reply| reply.answer(Err(error.clone())));
                break;
            }
            let Sets { items, done, .. } = &mut sets;
            let items = std::iter::from_fn(|| items.pop_front());
            let whole = self.turn(|this, now, fx| this.tier.set_many(items, done, now, fx)).is_some();
            let answers = sets.done.drain(..);
            self.queue.stored.extend(answers.filter_map(|stored| Some((sets.askers.pop_front()?, stored))));
            if !whole {
                // The reply of the one that broke the tier is dropped, and answers; those behind it go on.
                sets.askers.pop_front();
            }
        }
        self.queue.sets = sets;
    }

    /// Records how long a request waited, if that is known.
    fn note_wait(&self, place: Option<&Permit>) {
        if let Some(waited) = place.and_then(Permit::waited) {
            self.shared().counters.queue_time.record(waited);
        }
    }

    fn take(&mut self, job: Job) {
        let failed = self.shared().state() == TierState::Failed;
        match job {
            Job::One(Accepted { request, permit }) => {
                self.note_wait(permit.as_ref());
                if failed {
                    self.take_failed(request);
                } else {
                    self.dispatch(request);
                }
                self.queue.give_back(permit);
            }
            Job::Set { item, reply, place } => self.take_sets(item, reply, place),
            Job::SetMany { reply, place, .. } if failed => {
                reply.answer(Err(self.shared().failed_error()));
                self.queue.give_back(place);
            }
            Job::SetMany { mut items, mut done, reply, place } => {
                let part = self.room().min(items.len());
                self.queue.spend(part);
                let some = items.by_ref().take(part);
                // When the turn breaks, the reply is dropped here, and answers.
                if self.turn(|this, now, fx| this.tier.set_many(some, &mut done, now, fx)).is_none() {
                    return;
                }
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
