//! Sets within a tier: the values that hosts write.
//!
//! Owns: what a set overtakes, and when it is not kept. Never: makes an entry; whoever brings the value did.

use std::time::Duration;

use super::effects::{Effects, NotStored, Stored, Waiter};
use super::entry::{About, Origin, ReadEntry};
use super::given::{Given, Source};
use super::moment::Moment;
use super::sampler::Facts;
use super::store::{Cause, Gone, draw};
use super::tier::{Made, Tier, lived};
use crate::error::{Error, Shown};

impl<W: Waiter, J> Tier<W, J> {
    /// Stores `value`. Loads of the key that are under way store nothing any more; who waited for one gets `value`.
    ///
    /// A value that is too large is refused; the older value of the key is taken away all the same, for it is no
    /// longer what the host wrote.
    pub fn set(
        &mut self,
        item: impl Into<Made>,
        now: Moment,
        fx: &mut Effects<W, J>,
    ) -> Result<Stored, Error> {
        let stored = self.set_one(item.into(), now, fx);
        self.start_loads(fx);
        stored
    }

    /// As [`Tier::set`]; what may start now is not started yet.
    pub fn set_one(&mut self, made: Made, now: Moment, fx: &mut Effects<W, J>) -> Result<Stored, Error> {
        let Made { entry, hash, lasting } = made;
        let seq = self.next_seq();
        let weight = entry.weight();
        let hash = hash.unwrap_or_else(|| self.store.view.hash_of(entry.key_bytes()));
        let refused = self.refuses(weight, entry.tags(), fx);
        let kept = refused.is_none() && self.rules.keeps(lasting.ttl);
        let waiters = if self.flights.is_empty() { Vec::new() } else { self.flights.supersede(entry.key()) };
        if !waiters.is_empty() {
            let value = entry.value_apart();
            let given = Given::loaded(value.into(), Source::Joined, kept);
            fx.answers.extend(waiters.into_iter().map(|waiter| (waiter, Ok(given.clone()))));
        }
        let first_gone = fx.gone.len();
        let mut sampled = None;
        if kept {
            let life = lasting.life(now, draw(hash, seq));
            let about = About {
                life,
                said: lasting.said,
                took: Duration::ZERO,
                seq,
                since: seq,
                origin: Origin::Set,
            };
            self.counters.sets.one_alone();
            sampled = self.sampled(hash, || Facts { weight, dead_at: life.dead_at, took_ms: 0 });
            self.store.insert_made(entry, hash, &about, now, &mut fx.gone);
        } else {
            self.journal.lost(seq, entry.key());
            self.departures.note(hash, refused.unwrap_or(NotStored::NotKept).into(), seq);
            self.store.remove(entry.key(), Cause::Displaced, now, &mut fx.gone);
            if refused == Some(NotStored::TooLarge) {
                self.note_gone(&fx.gone[first_gone..]);
                let (key, limit) = (Shown::new(entry.key()), self.rules.max_entry);
                return Err(Error::TooLarge { key, bytes: weight, limit });
            }
        }
        let gone = &fx.gone[first_gone..];
        let older = |gone: &Gone| matches!(gone.cause, Cause::Replaced | Cause::Displaced);
        let replaced = gone.iter().find(|gone| older(gone)).is_some_and(|gone| lived(gone, now));
        self.note_gone(gone);
        self.note_stored(sampled, now);
        Ok(Stored { kept, replaced })
    }

    /// Stores `items` one after the other until `room` entries were changed, and puts behind `done` what each came to; see
    /// [`Tier::set`]. What it makes room by counts too; at least one is stored.
    pub fn set_many(
        &mut self,
        items: &mut impl Iterator<Item = Made>,
        room: usize,
        done: &mut Vec<Result<Stored, Error>>,
        now: Moment,
        fx: &mut Effects<W, J>,
    ) {
        let mut changed = 0;
        while changed < room.max(1)
            && let Some(item) = items.next()
        {
            let first_gone = fx.gone.len();
            done.push(self.set_one(item, now, fx));
            let pushed_out = |gone: &&Gone| !gone.overwritten;
            changed += 1 + fx.gone[first_gone..].iter().filter(pushed_out).count();
        }
        // Once for all. Order that bites when it is done for each:
        //   1 the set of one key lets a load of another start   2 the set of that other, in the same turn, takes its waiters
        //   3 nobody is left whose loader could be run: the load never ends, and its place is lost
        self.start_loads(fx);
    }
}
