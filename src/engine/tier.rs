//! One tier's whole state, and what each message does to it: the order of ticket, invalidation and store.
//!
//! Owns: the store, the flights, the warm tickets, the invalidations under way, and the sequence number that orders
//! them. Never: sends, spawns, logs, reads a clock. What has to be done leaves as [`Effects`].
//!
//! `W` waits for a load, `J` for an invalidation; both are the shell's business.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::counters::Counters;
use super::entry::{Draft, Origin};
use super::flight::{FlightId, Flights, Joined, Landed};
use super::given::{Given, Source};
use super::journal::{Journal, Ticket};
use super::key::Key;
use super::moment::Moment;
use super::scope::Scope;
use super::store::{Cause, Gone, Remains, Store};
use super::sweep::{SLICE, Walking};
use super::view::View;
use super::weigh::weigh;
use crate::codec::value::Value;
use crate::error::{Error, Shown};

/// Entries that one turn expires at most.
pub const EXPIRE_SLICE: usize = 1_024;

/// What a tier is told once.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Its name.
    pub name: Arc<str>,
    /// Whether it keeps anything.
    pub enabled: bool,
    /// Largest entry that is kept.
    pub max_entry: u64,
    /// Loads that may run at the same time.
    pub load_concurrency: usize,
    /// Loads that may wait for a place.
    pub load_queue: usize,
}

/// Who waits for a load.
pub trait Waiter {
    /// Whether its own loader can still be started.
    fn can_lead(&self) -> bool;

    /// Whether `value` is of the type it wants; one of another type counts as absent.
    fn accepts(&self, _value: &Value) -> bool {
        true
    }
}

/// How a load ended.
#[derive(Debug)]
pub enum Outcome {
    /// With a value.
    Loaded(Value),
    /// With an error, a panic or at its time limit.
    Failed(Error),
    /// Not at all: its task is gone.
    Lost,
}

/// What a set came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Whether the value is held now. `false` when its time to live is zero, or the cache is disabled.
    pub kept: bool,
    /// Whether an older value of the key was there.
    pub replaced: bool,
}

/// What an invalidation took from one tier, or would take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taken {
    /// Entries.
    pub matched: u64,
    /// Bytes that they were charged with.
    pub bytes: u64,
    /// Loads under way whose values will not be stored.
    pub revoked_loads: u64,
}

/// What became of one entry of a warm run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warmed {
    /// It is held now.
    Stored,
    /// It was invalidated or set since the run began.
    Revoked,
    /// There is no room without evicting what is in use.
    NoRoom,
    /// It is larger than the largest entry that is kept, or nothing is kept at all.
    NotKept,
}

/// What a turn leaves to be done after it.
#[derive(Debug)]
pub struct Effects<W, J> {
    /// Answers to those who waited for loads.
    pub answers: Vec<(W, Result<Given, Error>)>,
    /// Loads to be started.
    pub starts: Vec<FlightId>,
    /// Invalidations that are complete.
    pub taken: Vec<(J, Taken)>,
    /// Entries that left, to be dropped.
    pub gone: Vec<Gone>,
    /// Whole stores that were cleared, to be dropped.
    pub remains: Vec<Remains>,
}

impl<W, J> Default for Effects<W, J> {
    fn default() -> Self {
        Self {
            answers: Vec::new(),
            starts: Vec::new(),
            taken: Vec::new(),
            gone: Vec::new(),
            remains: Vec::new(),
        }
    }
}

/// State of one tier.
#[derive(Debug)]
pub struct Tier<W, J> {
    pub(super) rules: Rules,
    pub(super) store: Store,
    flights: Flights<W>,
    journal: Journal,
    pub(super) walking: VecDeque<Walking<J>>,
    /// Steps of a walk that one turn takes at most.
    pub(super) slice: usize,
    counters: Arc<Counters>,
    pub(super) seq: u64,
    incarnation: u64,
}

impl<W: Waiter, J> Tier<W, J> {
    /// An empty tier that shows itself through `view` and may hold `grant` bytes.
    pub fn new(rules: Rules, view: Arc<View>, counters: Arc<Counters>, grant: u64, now: Moment) -> Self {
        let flights = Flights::new(rules.load_concurrency, rules.load_queue);
        let store = Store::new(view, grant, now);
        Self {
            rules,
            store,
            flights,
            journal: Journal::default(),
            walking: VecDeque::new(),
            slice: SLICE,
            counters,
            seq: 0,
            incarnation: 0,
        }
    }

    /// The store, to look at.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Begins as life number `incarnation`, for a tier that takes the place of one that died.
    pub fn live_as(&mut self, incarnation: u64) {
        self.incarnation = incarnation;
    }

    /// Which life of the tier this is; raised when it breaks.
    pub fn incarnation(&self) -> u64 {
        self.incarnation
    }

    fn next_seq(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    /// Stores `value`. Loads of the key that are under way store nothing any more; who waited for one gets `value`.
    ///
    /// A value that is too large is refused; the older value of the key is taken away all the same, for it is no
    /// longer what the host wrote.
    pub fn set(
        &mut self,
        key: Key,
        value: Value,
        ttl: Duration,
        now: Moment,
        fx: &mut Effects<W, J>,
    ) -> Result<Stored, Error> {
        let seq = self.next_seq();
        let weight = weigh(&key, &value);
        let fits = weight <= self.rules.max_entry;
        let kept = fits && self.rules.enabled && !ttl.is_zero();
        for waiter in self.flights.supersede(&key) {
            let given =
                Given { value: value.clone(), source: Source::Joined, age: Duration::ZERO, stored: kept };
            fx.answers.push((waiter, Ok(given)));
        }
        let first_gone = fx.gone.len();
        let replaced = if kept {
            let draft =
                Draft { key, value, stored: now, fresh_until: now.after(ttl), seq, origin: Origin::Set };
            self.counters.sets.one();
            self.store.insert(draft, now, &mut fx.gone)
        } else {
            self.journal.lost(seq, &key);
            let replaced = self.store.remove(key.as_str(), Cause::Displaced, &mut fx.gone);
            if !fits {
                self.counters.too_large.one();
                self.note_gone(&fx.gone[first_gone..]);
                self.start_loads(fx);
                return Err(Error::TooLarge {
                    key: Shown::new(key.as_str()),
                    bytes: weight,
                    limit: self.rules.max_entry,
                });
            }
            replaced
        };
        self.note_gone(&fx.gone[first_gone..]);
        self.start_loads(fx);
        Ok(Stored { kept, replaced })
    }

    /// Takes `key` away; a load of it that is under way stores nothing, whether the key was there or not.
    pub fn remove(&mut self, key: &Key, fx: &mut Effects<W, J>) -> Taken {
        self.next_seq();
        let scope = Scope::Key(key.clone());
        self.journal.invalidated(self.seq, &scope);
        let revoked_loads = self.flights.revoke(&scope);
        let first_gone = fx.gone.len();
        self.store.remove(key.as_str(), Cause::Removed, &mut fx.gone);
        let gone = &fx.gone[first_gone..];
        self.note_gone(gone);
        let bytes = gone.iter().map(|gone| gone.entry.weight()).sum();
        Taken { matched: gone.len() as u64, bytes, revoked_loads }
    }

    /// Gives `waiter` the value of `key`: from the store, from a load under way, or from one that is begun.
    pub fn load(
        &mut self,
        key: &Key,
        ttl: Duration,
        nested: bool,
        waiter: W,
        now: Moment,
        fx: &mut Effects<W, J>,
    ) {
        // A load may have landed between the caller's look at the view and this turn.
        if let Some(entry) =
            self.store.find(key.as_str()).filter(|entry| entry.is_fresh(now) && waiter.accepts(entry.value()))
        {
            let age = now.since(entry.stored());
            let given = Given { value: entry.value().clone(), source: Source::Memory, age, stored: true };
            fx.answers.push((waiter, Ok(given)));
            return;
        }
        match self.flights.join(key, Some(ttl), nested, waiter) {
            Joined::Waits => self.counters.joined.one(),
            Joined::Leads(_) => {}
            Joined::Refused(waiter) => {
                self.counters.overloaded.one();
                let tier = Arc::clone(&self.rules.name);
                let error = Error::Overloaded { tier, what: "loads", setting: "load_queue" };
                fx.answers.push((waiter, Err(error)));
            }
        }
        self.start_loads(fx);
    }

    /// Starts as many loads as may start.
    fn start_loads(&mut self, fx: &mut Effects<W, J>) {
        while let Some(id) = self.flights.next_start(self.seq + 1) {
            self.seq += 1;
            self.counters.loads.one();
            fx.starts.push(id);
        }
    }

    /// Key and first waiter of a flight that is to be started.
    pub fn leader(&mut self, id: FlightId) -> Option<(Key, &mut W)> {
        let (key, waiters) = self.flights.get_mut(id)?;
        let key = key.clone();
        waiters.first_mut().map(|waiter| (key, waiter))
    }

    /// The load of `id`, begun in `incarnation`, has ended after `took`. Its value is stored if its ticket is still
    /// good; those who waited are answered either way.
    pub fn land(
        &mut self,
        id: FlightId,
        incarnation: u64,
        outcome: Outcome,
        took: Duration,
        now: Moment,
        fx: &mut Effects<W, J>,
    ) {
        if incarnation != self.incarnation || !self.flights.is_running(id) {
            return; // begun before the tier broke or closed: who waited was answered then
        }
        self.count_landing(&outcome, took);
        if matches!(outcome, Outcome::Lost) && self.next_leader(id) {
            self.start_loads(fx);
            return;
        }
        let Some(landed) = self.flights.land(id) else { return };
        let answer = match outcome {
            Outcome::Loaded(value) => {
                let ttl = landed.ttl.unwrap_or_default();
                let stored = self.store_loaded(&landed.key, &value, ttl, landed.ticket, now, fx);
                Ok(Given { value, source: Source::Loaded, age: Duration::ZERO, stored })
            }
            Outcome::Failed(error) => Err(error),
            Outcome::Lost => return self.rescue(landed, now, fx),
        };
        for (place, waiter) in landed.waiters.into_iter().enumerate() {
            let mut answer = answer.clone();
            if let Ok(given) = &mut answer
                && place > 0
            {
                given.source = Source::Joined;
            }
            fx.answers.push((waiter, answer));
        }
        self.start_loads(fx);
    }

    /// Puts a waiter in front whose own loader can take over, and queues the flight again.
    fn next_leader(&mut self, id: FlightId) -> bool {
        let Some((_, waiters)) = self.flights.get_mut(id) else { return false };
        let Some(place) = waiters.iter().position(Waiter::can_lead) else { return false };
        waiters.swap(0, place);
        self.flights.requeue(id)
    }

    /// Those who waited for a lost load that was overtaken ask once more, so that nobody gets an error because of
    /// another caller's end: a waiter that can lead begins the load anew, the others join it.
    fn rescue(&mut self, landed: Landed<W>, now: Moment, fx: &mut Effects<W, J>) {
        let Landed { key, ttl, waiters, .. } = landed;
        let (leaders, others): (Vec<W>, Vec<W>) = waiters.into_iter().partition(Waiter::can_lead);
        let can_join = !leaders.is_empty() || self.flights.attached(&key).is_some();
        for waiter in leaders {
            // As if nested: they had a place, so they are not refused now.
            self.load(&key, ttl.unwrap_or_default(), true, waiter, now, fx);
        }
        for waiter in others {
            if can_join {
                self.load(&key, ttl.unwrap_or_default(), true, waiter, now, fx);
            } else {
                fx.answers.push((waiter, Err(Error::LoadLost { key: Shown::new(key.as_str()) })));
            }
        }
        self.start_loads(fx);
    }

    fn count_landing(&self, outcome: &Outcome, took: Duration) {
        let counters = &self.counters;
        counters.load_took(took);
        match outcome {
            Outcome::Loaded(_) => counters.loads_ok.one(),
            Outcome::Failed(Error::LoadPanicked { .. }) => counters.loads_panicked.one(),
            Outcome::Failed(Error::LoadTimeout { .. }) => counters.loads_timed_out.one(),
            Outcome::Failed(_) => counters.loads_failed.one(),
            Outcome::Lost => counters.loads_lost.one(),
        }
    }

    /// Stores what a load brought, if nothing overtook it.
    fn store_loaded(
        &mut self,
        key: &Key,
        value: &Value,
        ttl: Duration,
        ticket: Option<u64>,
        now: Moment,
        fx: &mut Effects<W, J>,
    ) -> bool {
        // The load may have read the source before an invalidation or a set of its key. Order that bites:
        //   1 the load starts   2 the source changes, the key is invalidated   3 the load ends with the old row
        // Storing it would serve the old row for a whole time to live. What overtook the load took its ticket; what a
        // warm run stored meanwhile shows in the entry's number.
        let present = self.store.find(key.as_str()).map(|entry| entry.seq());
        let good = ticket.is_some_and(|ticket| present.is_none_or(|seq| seq < ticket));
        if !good {
            self.counters.revoked.one();
            return false;
        }
        if weigh(key, value) > self.rules.max_entry {
            self.counters.too_large.one();
            return false;
        }
        if !self.rules.enabled || ttl.is_zero() {
            return false;
        }
        self.put(key.clone(), value.clone(), ttl, None, now, fx);
        self.counters.stored_by_load.one();
        true
    }

    /// Stores what passed all checks; what a warm run of `ticket` brings only where there is room for it.
    fn put(
        &mut self,
        key: Key,
        value: Value,
        ttl: Duration,
        ticket: Option<Ticket>,
        now: Moment,
        fx: &mut Effects<W, J>,
    ) -> bool {
        let seq = self.next_seq();
        let origin = if ticket.is_some() { Origin::Warm } else { Origin::Load };
        let draft = Draft { key, value, stored: now, fresh_until: now.after(ttl), seq, origin };
        let first_gone = fx.gone.len();
        let stored = if let Some(ticket) = ticket {
            self.store.insert_warm(draft, ticket.seq0, now, &mut fx.gone)
        } else {
            self.store.insert(draft, now, &mut fx.gone);
            true
        };
        if stored {
            self.counters.sets.one();
        }
        self.note_gone(&fx.gone[first_gone..]);
        stored
    }

    /// Gives a warm run its right to store.
    pub fn begin_warm(&mut self) -> Ticket {
        let seq0 = self.next_seq();
        self.journal.open(seq0);
        Ticket { incarnation: self.incarnation, seq0 }
    }

    /// Stores an entry of a warm run, if nothing that came since the run began forbids it.
    pub fn store_warm(
        &mut self,
        ticket: Ticket,
        key: &Key,
        value: &Value,
        ttl: Duration,
        now: Moment,
        fx: &mut Effects<W, J>,
    ) -> Warmed {
        let present = self.store.find(key.as_str()).map(|entry| entry.seq());
        if ticket.incarnation != self.incarnation || !self.journal.allows(ticket.seq0, key, present) {
            self.counters.warm_revoked.one();
            return Warmed::Revoked;
        }
        if weigh(key, value) > self.rules.max_entry {
            self.counters.too_large.one();
            return Warmed::NotKept;
        }
        if !self.rules.enabled || ttl.is_zero() {
            return Warmed::NotKept;
        }
        if !self.put(key.clone(), value.clone(), ttl, Some(ticket), now, fx) {
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

    /// Takes the first step of every invalidation: its number, and the loads that it overtakes.
    pub(super) fn fence(&mut self, scope: &Scope) -> (u64, u64) {
        let seq = self.next_seq();
        self.journal.invalidated(seq, scope);
        (seq, self.flights.revoke(scope))
    }

    /// Counts entries that left, and keeps their keys for warm runs that began before they were stored.
    pub(super) fn note_gone(&mut self, gone: &[Gone]) {
        let counters = &self.counters;
        for Gone { entry, cause } in gone {
            match cause {
                Cause::Expired => counters.expired.one(),
                Cause::Evicted => counters.evicted.one(),
                Cause::Replaced => counters.replaced.one(),
                Cause::Removed => counters.removed.one(),
                Cause::Invalidated => counters.invalidated.one(),
                Cause::Cleared => counters.cleared.one(),
                Cause::Displaced => counters.displaced.one(),
            }
            if matches!(cause, Cause::Expired | Cause::Evicted) {
                self.journal.lost(entry.seq(), entry.key());
            }
        }
    }

    pub(super) fn count_cleared(&self, entries: u64) {
        self.counters.cleared.add(entries);
    }

    /// Takes out entries whose time is over, a slice of them; returns whether those were all.
    pub fn expire(&mut self, now: Moment, fx: &mut Effects<W, J>) -> bool {
        let first_gone = fx.gone.len();
        let all = self.store.expire(now, EXPIRE_SLICE, &mut fx.gone);
        self.note_gone(&fx.gone[first_gone..]);
        all
    }

    /// From now on at most `grant` bytes.
    pub fn set_grant(&mut self, grant: u64, now: Moment, fx: &mut Effects<W, J>) {
        let first_gone = fx.gone.len();
        self.store.set_grant(grant, now, &mut fx.gone);
        self.note_gone(&fx.gone[first_gone..]);
    }

    /// Shows entries, bytes and loads to those who read the counters.
    pub fn publish(&self) {
        let (running, queued) = self.flights.counts();
        self.counters.entries.store(self.store.len(), Relaxed);
        self.counters.bytes.store(self.store.used(), Relaxed);
        self.counters.loads_now.0.store(running as u64, Relaxed);
        self.counters.loads_now.1.store(queued as u64, Relaxed);
    }

    /// Begins a new life, empty, behind the same view, whose readers must have been shut out before. What was there
    /// is returned, to be answered (see [`Tier::drain`]) and dropped; it may be half changed, so nothing of it is used
    /// again.
    pub fn reset(&mut self, view: Arc<View>, now: Moment) -> Self {
        let mut fresh =
            Self::new(self.rules.clone(), view, Arc::clone(&self.counters), self.store.grant(), now);
        fresh.incarnation = self.incarnation + 1;
        fresh.seq = self.seq;
        self.counters.restarts.one();
        self.counters.lost.add(self.store.len());
        std::mem::replace(self, fresh)
    }

    /// Takes out all who wait: for loads, and for invalidations with what those took so far.
    pub fn drain(&mut self) -> (Vec<W>, Vec<(J, Taken)>) {
        let walking = std::mem::take(&mut self.walking);
        // Nobody listens to the loads that run any more.
        self.counters.loads_lost.add(self.flights.counts().0 as u64);
        (self.flights.drain(), walking.into_iter().map(Walking::abandon).collect())
    }

    /// Recomputes every derived number and panics if one has drifted.
    pub fn check(&self) {
        self.store.check();
        self.flights.check();
        self.journal.check();
    }
}
