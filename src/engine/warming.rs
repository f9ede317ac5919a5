//! Warm runs within a tier: the right to store, and what forbids it.
//!
//! Owns: from ticket to end of a run. Never: reads a source.

use std::time::Duration;

use super::effects::{Effects, Waiter, Warmed};
use super::entry::Origin;
use super::journal::Ticket;
use super::moment::Moment;
use super::tier::{Item, Tier};
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
        if ticket.incarnation != self.incarnation || !self.journal.allows(ticket.seq0, key, present) {
            self.counters.warm_revoked.one();
            return Warmed::Revoked;
        }
        if weigh(key, value, tags) > self.rules.max_entry {
            self.counters.too_large.one();
            return Warmed::NotKept;
        }
        if !self.rules.keeps(terms.ttl) {
            return Warmed::NotKept;
        }
        let life = terms.life(now, self.store.draw(key, ticket.seq0));
        if !self.put(item, life, Duration::ZERO, (Origin::Warm, Some(ticket)), now, fx) {
            self.counters.warm_no_room.one();
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
