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
use crate::engine::store::Gone;
use crate::engine::tier::{Stored, Taken};
use crate::error::Result;
use crate::message::TierState;
use crate::telemetry;

/// Requests that an empty queue keeps room for at most.
const SPARE: usize = 1_024;

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
    askers: VecDeque<(Reply<Stored>, Option<Permit>)>,
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
            Some(Job::Set { item, reply, place }) => Some((item, reply, place)),
            other => {
                other.into_iter().for_each(|job| self.jobs.push_front(job));
                None
            }
        }
    }

    /// Drops what left, but what those are to drop who make entries.
    pub(super) fn drop_left(&mut self, gone: &mut Vec<Gone>) {
        for Gone { entry, overwritten, .. } in gone.drain(..) {
            if overwritten
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
            if !matches!(job, Job::Set { .. }) {
                self.queue.spend(1);
            }
            self.take(job);
        }
        // First the places, then the answers: who was answered finds room.
        if let Some(mut places) = self.queue.places.take() {
            places.leave(&mut self.queue.left);
        }
        self.queue.left.clear();
        if self.queue.jobs.is_empty() && self.queue.jobs.capacity() > SPARE {
            self.queue.jobs = VecDeque::new(); // as much room as a burst took
        }
        let mut stored = std::mem::take(&mut self.queue.stored);
        stored.drain(..).for_each(|(reply, stored)| reply.answer(stored));
        self.queue.stored = stored;
        self.tell_failed();
    }

    /// Does a set, and those that follow it, in one turn.
    fn take_sets(&mut self, item: Made, reply: Reply<Stored>, place: Option<Permit>) {
        let mut sets = std::mem::take(&mut self.queue.sets);
        let mut next = Some((item, reply, place));
        while let Some((item, reply, mut place)) = next {
            self.note_wait(place.as_mut());
            sets.items.push_back(item);
            sets.askers.push_back((reply, place));
            next = if sets.items.len() < self.room() { self.queue.next_set() } else { None };
        }
        let Sets { items, askers, done } = &mut sets;
        while !items.is_empty() && self.queue.spent < CHANGES {
            if self.shared().state() == TierState::Failed {
                self.queue.spend(items.len());
                items.clear();
                for (reply, place) in askers.drain(..) {
                    self.queue.give_back(place);
                    reply.answer(Err(self.shared().failed_error()));
                }
                break;
            }
            let (room, mut some) = (self.room(), std::iter::from_fn(|| items.pop_front()));
            let turn = self.turn(|this, now, fx| this.tier.set_many(&mut some, room, done, now, fx));
            // The reply to one that broke the tier is dropped, and answers; those behind it go on.
            let broke = turn.is_none().then_some(None);
            self.queue.spend(done.len() + usize::from(broke.is_some()));
            for stored in done.drain(..).map(Some).chain(broke) {
                let Some((reply, place)) = askers.pop_front() else { break };
                self.queue.give_back(place);
                self.queue.stored.extend(stored.map(|stored| (reply, stored)));
            }
        }
        // Those made so much room that others come first.
        while let (Some(item), Some((reply, place))) = (items.pop_back(), askers.pop_back()) {
            self.queue.jobs.push_front(Job::Set { item, reply, place });
        }
        self.queue.sets = sets;
    }

    /// Records how long a request waited, if that is known.
    fn note_wait(&self, place: Option<&mut Permit>) {
        if let Some(waited) = place.and_then(Permit::waited) {
            self.shared().counters.queue_time.record(waited);
        }
    }

    fn take(&mut self, job: Job) {
        let failed = self.shared().state() == TierState::Failed;
        match job {
            Job::One(Accepted { request, mut permit }) => {
                self.note_wait(permit.as_mut());
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
                let (room, before) = (self.room(), done.len());
                let turn =
                    self.turn(|this, now, fx| this.tier.set_many(&mut items, room, &mut done, now, fx));
                // When the turn breaks, the reply is dropped here, and answers.
                if turn.is_none() {
                    return;
                }
                self.queue.spend(done.len() - before);
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

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
