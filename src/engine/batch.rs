//! Loads of several keys at once: one call of a loader, one place, and for each key a flight of its own.
//!
//! Owns: how the keys of such a call are asked for, and where what it brings belongs. Never: runs a loader.
//!
//! A key that was asked for is stored by its flight: an invalidation of one takes the right to store from that one alone.
//! What else the loader brings has no flight. It is stored under a ticket that was given when the loader started, against
//! what was invalidated, set and lost since. Order that bites without it:
//!   1 the loader reads all orders of a user   2 one that nobody asked for is changed and invalidated, and no flight of it
//!   is there to be revoked   3 the loader ends with the old row, which would be served for a whole time to live

use std::time::Duration;

use super::departures::Why;
use super::effects::{Batch, Effects, Outcome, Taken, Waiter};
use super::entry::{Freshness, ReadEntry};
use super::flight::{Class, Group, RunId};
use super::journal::Ticket;
use super::key::Key;
use super::moment::Moment;
use super::seeded::{self, Bug};
use super::terms::Terms;
use super::tier::{Item, Right, Tier};
use super::weigh::weigh;

/// One key that is asked for with others.
#[derive(Debug)]
pub struct Member<W> {
    /// Which.
    pub key: Key,
    /// On what terms.
    pub terms: Terms,
    /// Who waits for it.
    pub waiter: W,
}

/// What a load of several keys came to, or a part of that.
#[derive(Debug)]
pub struct BatchLanded {
    /// The ticket that it was given when it started.
    pub ticket: Ticket,
    /// How the load of each key ended.
    pub members: Vec<(RunId, Outcome)>,
    /// What it brought beside.
    pub extras: Vec<Item>,
    /// Whether no other part came before.
    pub is_first: bool,
    /// Whether no other part follows.
    pub is_last: bool,
    /// How long it took.
    pub took: Duration,
}

impl<W: Waiter, J> Tier<W, J> {
    /// Gives each waiter the value of its key: from the store, from a load under way, or from one load that is begun for all
    /// keys that are left. That load takes one place.
    pub fn load_many(&mut self, members: Vec<Member<W>>, class: Class, now: Moment, fx: &mut Effects<W, J>) {
        let mut group = Group::batch(class);
        for Member { key, terms, waiter } in members {
            self.ask_first(&key, &terms, &mut group, waiter, now, fx);
        }
        self.start_loads(fx);
    }

    /// Takes `keys` away one after the other; see [`Tier::remove`].
    pub fn remove_many(&mut self, keys: &[Key], fx: &mut Effects<W, J>) -> Vec<Taken> {
        keys.iter().map(|key| self.remove(key, fx)).collect()
    }

    /// The load of several keys starts now, at the number that is its flights' ticket.
    pub(super) fn begin_batch(&mut self, runs: Vec<RunId>) -> Batch {
        self.journal.open(self.seq);
        Batch { runs, ticket: Ticket { incarnation: self.incarnation, seq0: self.seq } }
    }

    /// A load of several keys has ended: each is stored if its own ticket is still good, and what came beside if nothing
    /// that came since forbids it.
    pub fn land_batch(&mut self, landed: BatchLanded, now: Moment, fx: &mut Effects<W, J>) {
        let BatchLanded { ticket, members, extras, is_first, is_last, took } = landed;
        if ticket.incarnation != self.incarnation {
            return; // who waited was answered when the tier broke, and the ticket went with its journal
        }
        // One load, which brought something unless each of its keys failed.
        let brought = members.iter().find(|(_, outcome)| outcome.failed().is_none());
        if let Some((_, outcome)) = brought.or(members.first()).filter(|_| is_first) {
            self.count_landing(outcome, took);
        }
        for (id, outcome) in members {
            if self.flights.is_running(id) {
                self.end_run(id, outcome, took, now, fx);
            }
        }
        for item in extras {
            self.store_extra(ticket, item, took, now, fx);
        }
        if is_last {
            self.end_warm(ticket);
        }
    }

    /// Stores what a load brought though nobody asked for it: never over what is newer, and only where there is room.
    fn store_extra(
        &mut self,
        ticket: Ticket,
        item: Item,
        took: Duration,
        now: Moment,
        fx: &mut Effects<W, J>,
    ) {
        let Item { key, value, tags, terms } = &item;
        let present = self.store.find(key.as_str());
        let held = present.as_ref().filter(|entry| entry.freshness(now) != Freshness::Dead);
        if held.is_some_and(|entry| !entry.tags().is_empty()) {
            // Its loader knows by what it is to be taken away, and this one does not. Order that bites:
            //   1 a value is stored with a tag   2 a batch brings its key beside, without   3 the tag is invalidated
            //   4 the value is served on
            return;
        }
        let present = present.map(|entry| entry.seq());
        let allowed =
            self.journal.allows(ticket.seq0, key, tags, present) && !self.fences.hold(key.as_str(), tags);
        if !(allowed || seeded::has(Bug::ExtrasUnchecked)) {
            self.counters.revoked.one();
            self.note_absent(key, Why::Revoked, now);
            return;
        }
        if let Some(reason) = self.refuses(weigh(key, value, tags), tags, fx) {
            self.note_absent(key, reason.into(), now);
            return;
        }
        let life = terms.life(now, self.store.draw(key, ticket.seq0));
        if self.rules.keeps(terms.ttl) && self.put(item, life, took, Right::Extra(ticket), now, fx) {
            self.counters.stored_by_load.one();
        }
    }
}
