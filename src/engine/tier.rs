//! One tier's whole state, and what each message does to it: the order of ticket, invalidation and store.
//!
//! Owns: the store, the flights, the warm tickets, the invalidations under way, and the sequence number that orders
//! them. Never: sends, spawns, logs, reads a clock. What has to be done leaves as [`Effects`].
//!
//! `W` waits for a load, `J` for an invalidation; both are the shell's business.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::counters::Counters;
use super::departures::{Departures, Why};
use super::entry::{Draft, Freshness, Origin, ReadEntry};
use super::fences::Fences;
use super::flight::Flights;
use super::journal::Journal;
use super::key::Key;
use super::moment::Moment;
use super::policy::Choice;
use super::sampler::Facts;
use super::scope::Scope;
use super::seeded::{self, Bug};
use super::slice::{CHANGES, LOOKS};
use super::stamp::At;
use super::store::{Cause, Gone, Store};
use super::sweep::Walking;
use super::tag::Tags;
use super::tag_fence::TagFence;
use super::terms::Life;
use super::view::View;

pub use super::batch::{BatchLanded, Member};
pub use super::effects::{
    Batch, Brought, Effects, Happened, NotStored, Outcome, Stored, Taken, Waiter, Warmed,
};
pub(super) use super::item::Right;
pub use super::item::{Item, Made};

/// What a tier is told once.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Its name.
    pub name: Arc<str>,
    /// Whether it keeps anything; may change, see [`Tier::set_enabled`].
    pub enabled: bool,
    /// Largest entry that is kept.
    pub max_entry: u64,
    /// Loads that may run at the same time.
    pub load_concurrency: usize,
    /// Loads that may wait for a place.
    pub load_queue: usize,
}

impl Rules {
    /// Whether a value with this time to live is kept: the clock counts whole milliseconds, and less than one is none.
    pub(super) fn keeps(&self, ttl: Duration) -> bool {
        self.enabled && ttl >= Duration::from_millis(1)
    }

    /// Why a value of that weight with those tags is never stored, if so.
    fn refuses(&self, weight: u64, tags: &Tags) -> Option<NotStored> {
        if weight > self.max_entry {
            Some(NotStored::TooLarge)
        } else {
            tags.are_too_many().then_some(NotStored::TooManyTags)
        }
    }
}

/// State of one tier.
#[derive(Debug)]
pub struct Tier<W, J> {
    pub(super) rules: Rules,
    pub(super) store: Store,
    pub(super) flights: Flights<W>,
    pub(super) journal: Journal,
    pub(super) tag_fence: TagFence,
    pub(super) fences: Fences,
    pub(super) departures: Departures,
    /// Somebody wants to be told what takes place.
    pub(super) watched: bool,
    pub(super) walking: VecDeque<Walking<J>>,
    /// Steps of a walk that one turn takes at most; one that takes an entry counts as [`LOOKS_PER_CHANGE`](super::slice::LOOKS_PER_CHANGE).
    pub(super) slice: usize,
    pub(super) counters: Arc<Counters>,
    pub(super) seq: u64,
    pub(super) incarnation: u64,
}

impl<W: Waiter, J> Tier<W, J> {
    /// An empty tier that shows itself through `view` and may hold `grant` bytes.
    pub fn new(rules: Rules, view: Arc<View>, counters: Arc<Counters>, grant: u64, now: Moment) -> Self {
        let flights = Flights::new(rules.load_concurrency, rules.load_queue);
        let store = Store::new(view, grant);
        let mut departures = Departures::default();
        departures.tick(now);
        Self {
            rules,
            store,
            flights,
            journal: Journal::default(),
            tag_fence: TagFence::default(),
            fences: Fences::default(),
            departures,
            watched: false,
            walking: VecDeque::new(),
            slice: LOOKS,
            counters,
            seq: 0,
            incarnation: 0,
        }
    }

    /// Chooses as `choice` says what goes when it is full.
    ///
    /// # Panics
    /// When anything is stored already.
    pub fn evict_by(&mut self, choice: impl Into<Choice>) {
        assert!(self.store.is_empty(), "the order of eviction is chosen before anything is stored");
        let (view, grant) = (Arc::clone(&self.store.view), self.store.grant());
        self.store = Store::evicting(choice, view, grant);
    }

    /// Keeps what comes from now on, or nothing; what it holds is for its owner to take out.
    pub fn set_enabled(&mut self, enabled: bool) {
        self.rules.enabled = enabled;
    }

    /// The store, to look at.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Begins as life number `incarnation`, for a tier that takes the place of one that died.
    pub fn live_as(&mut self, incarnation: u64) {
        self.incarnation = incarnation;
        if incarnation > 0 {
            self.counters.sampler.emptied();
            self.departures.everything(Why::Restarted, self.seq);
        }
    }

    /// Which life of the tier this is; raised when it breaks.
    pub fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// A turn begins at `now`; `watched`: somebody wants to be told what takes place in it.
    pub fn tick(&mut self, now: Moment, watched: bool) {
        self.departures.tick(now);
        self.watched = watched;
    }

    /// When its last turn began.
    pub fn now(&self) -> Moment {
        self.departures.now()
    }

    /// The number of its last ticket, store or invalidation.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    pub(super) fn next_seq(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    /// Takes `key` away; a load of it that is under way stores nothing, whether the key was there or not. `matched` says
    /// whether it was.
    pub fn remove(&mut self, key: &Key, fx: &mut Effects<W, J>) -> Taken {
        let first_gone = fx.gone.len();
        let taken = self.remove_entry(key, fx);
        let matched = fx.gone[first_gone..].iter().filter(|gone| lived(gone, self.now())).count() as u64;
        Taken { matched, ..taken }
    }

    /// As [`Tier::remove`]; `matched` counts what waited for the sweep too.
    pub(super) fn remove_entry(&mut self, key: &Key, fx: &mut Effects<W, J>) -> Taken {
        self.next_seq();
        let scope = Scope::Key(key.clone());
        self.journal.invalidated(self.seq, &scope);
        let forgotten = seeded::has(Bug::AbsentForgotten) && self.store.find(key.as_str()).is_none();
        let revoked_loads = if forgotten { 0 } else { self.flights.revoke(&scope) };
        let first_gone = fx.gone.len();
        self.store.remove(key.as_str(), Cause::Removed, self.now(), &mut fx.gone);
        let gone = &fx.gone[first_gone..];
        self.note_gone(gone);
        let bytes = gone.iter().map(|gone| gone.entry.weight()).sum();
        let matched = gone.len() as u64;
        if revoked_loads == 0 {
            self.note_asked(&scope, matched, self.now());
        }
        Taken { matched, bytes, revoked_loads, at: self.at() }
    }

    /// Why a value of that weight with those tags is never stored, if so; notes it.
    pub(super) fn refuses(&self, weight: u64, tags: &Tags, fx: &mut Effects<W, J>) -> Option<NotStored> {
        let reason = self.rules.refuses(weight, tags)?;
        match reason {
            NotStored::TooManyTags => fx.too_many_tags += 1,
            _ => self.counters.too_large.one(),
        }
        Some(reason)
    }

    /// This moment in the order of the tier.
    pub(super) fn at(&self) -> At {
        At { incarnation: self.incarnation, seq: self.seq }
    }

    /// Stores what passed all checks; what nobody asked for only where there is room for it.
    pub(super) fn put(
        &mut self,
        item: Item,
        life: Life,
        took: Duration,
        right: Right,
        now: Moment,
        fx: &mut Effects<W, J>,
    ) -> bool {
        let Item { key, value, tags, terms } = item;
        let seq = self.next_seq();
        let (origin, since) = match right {
            Right::Load(ticket) => (Origin::Load, ticket),
            Right::Warm(ticket) => (Origin::Warm, ticket.seq0),
            Right::Extra(ticket) => (Origin::Load, ticket.seq0),
        };
        let draft = Draft { key, value, tags, life, said: terms.said, took, seq, since, origin };
        let hash = self.store.hash(draft.key.as_str());
        let sampled = self.sampled(hash, || Facts::of_draft(&draft));
        let first_gone = fx.gone.len();
        let stored = if let Right::Warm(ticket) | Right::Extra(ticket) = right {
            self.store.insert_warm(draft, ticket.seq0, now, &mut fx.gone)
        } else {
            self.store.insert(draft, now, &mut fx.gone);
            true
        };
        self.note_gone(&fx.gone[first_gone..]);
        if stored {
            self.counters.sets.one_alone();
            self.note_stored(sampled, now);
        }
        stored
    }

    /// Takes the first step of every invalidation: its number, and the loads that it overtakes.
    pub(super) fn fence(&mut self, scope: &Scope) -> (u64, u64) {
        let seq = self.next_seq();
        self.journal.invalidated(seq, scope);
        let revoked_loads = match scope {
            // Which loads it overtakes shows when they land: only then are their tags known.
            Scope::Tag(tag) if self.tag_fence.raise(tag, seq) => 0,
            Scope::Tag(_) => self.flights.revoke(&Scope::All),
            scope => self.flights.revoke(scope),
        };
        self.prune_tag_fence();
        (seq, revoked_loads)
    }

    /// Forgets the tags that no load can land with any more: called wherever a load ends.
    pub(super) fn prune_tag_fence(&mut self) {
        if !self.tag_fence.is_empty() {
            self.tag_fence.forget(self.flights.oldest_ticket());
        }
    }

    /// Takes out entries whose time is over, a slice of them; returns whether that was all.
    pub fn expire(&mut self, now: Moment, fx: &mut Effects<W, J>) -> bool {
        let first_gone = fx.gone.len();
        let all = self.store.expire(now, CHANGES, &mut fx.gone);
        self.note_gone(&fx.gone[first_gone..]);
        all
    }

    /// Begins a new life, empty, behind the same view, whose readers must have been shut out before. What was there
    /// is returned, to be answered (see [`Tier::drain`]) and dropped; it may be half changed, so nothing of it is used
    /// again.
    pub fn reset(&mut self, view: Arc<View>, now: Moment) -> Self {
        let mut fresh =
            Self::new(self.rules.clone(), view, Arc::clone(&self.counters), self.store.grant(), now);
        fresh.evict_by(self.store.choice());
        fresh.seq = self.seq;
        fresh.live_as(self.incarnation + 1);
        fresh.watched = self.watched;
        if let Some(places) = self.flights.places() {
            fresh.flights.share(Arc::clone(places));
        }
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
        self.tag_fence.check(self.flights.oldest_ticket());
    }
}

/// Whether what left could have been served at `now` to anybody. What is long past its time and waits for the sweep was not
/// there for the host: the answer must not depend on how soon the sweep comes.
pub(super) fn lived(gone: &Gone, now: Moment) -> bool {
    gone.entry.freshness(now) != Freshness::Dead
}
