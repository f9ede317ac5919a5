//! Warm runs within a tier: the right to store, and what forbids it.
//!
//! Owns: from ticket to end of a run. Never: reads a source.

use std::time::Duration;

use super::departures::Why;
use super::effects::{Effects, Waiter, Warmed};
use super::entry::ReadEntry;
use super::journal::Ticket;
use super::moment::Moment;
use super::seeded::{self, Bug};
use super::tier::{Item, Right, Tier};
use super::weigh::weigh;

impl<W: Waiter, J> Tier<W, J> {
    /// Gives a warm run its right to store.
    pub fn begin_warm(&mut self) -> Ticket {
        let seq0 = self.next_seq();
        self.journal.open(seq0);
        Ticket { incarnation: self.incarnation, seq0 }
    }

    /// Stores an entry of a warm run, if nothing that came since the run began forbids it.
    pub fn store_warm(&mut self, ticket: Ticket, item: Item, now: Moment, fx: &mut Effects<W, J>) -> Warmed {
        let Item { key, value, tags, terms } = &item;
        let present = self.store.find(key.as_str()).map(|entry| entry.seq());
        let allowed = ticket.incarnation == self.incarnation
            && self.journal.allows(ticket.seq0, key, tags, present)
            && !self.fences.hold(key.as_str(), tags);
        if !(allowed || seeded::has(Bug::WarmWithoutTicket)) {
            self.counters.warm_revoked.one();
            self.note_absent(key, Why::Revoked, now);
            return Warmed::Revoked;
        }
        if let Some(reason) = self.refuses(weigh(key, value, tags), tags, fx) {
            self.note_absent(key, reason.into(), now);
            return Warmed::NotKept;
        }
        if !self.rules.keeps(terms.ttl) {
            self.note_absent(key, Why::NotKept, now);
            return Warmed::NotKept;
        }
        let (life, shared) = (terms.life(now, self.store.draw(key, ticket.seq0)), key.clone());
        if !self.put(item, life, Duration::ZERO, Right::Warm(ticket), now, fx) {
            self.counters.warm_no_room.one();
            self.note_absent(&shared, Why::NoRoom, now);
            return Warmed::NoRoom;
        }
        self.counters.stored_by_warm.one();
        Warmed::Stored
    }

    /// Ends a warm run.
    pub fn end_warm(&mut self, ticket: Ticket) {
        if ticket.incarnation == self.incarnation {
            self.journal.close(ticket.seq0);
        }
    }
}
