//! Single flight: at most one load per key, any number of waiters, and each load's right to store.
//!
//! Owns: who waits for which key, which loads run, wait for a free place, or run out after they were detached.
//! Never: runs a load, sends a reply, reads a clock. The tier's turn does those with what this returns.
//!
//! A load gets its ticket (the tier's sequence number) when it starts, not when it is asked for: one that still waits
//! for a place has read nothing yet, so no invalidation can make it stale. An invalidation or a set that reaches a
//! running load detaches it: it may answer those who waited, but it stores nothing and nobody joins it.
//!
//! Invariant: a key leads to a flight in `attached` exactly while that flight may be joined.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::key::Key;
use super::scope::Scope;
use super::seeded::{self, Bug};
use super::terms::Terms;
use super::trips::{TripId, Trips};

pub use super::trips::{Class, FlightId, Group, Start};

/// Detached loads of one key that may run out at the same time; past it a new load of the key waits.
pub const DETACHED_MAX: u32 = 4;

/// Where a flight is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It waits for a free place.
    Queued,
    /// Its load runs since this ticket.
    Running(u64),
    /// Its load runs since this ticket, but may store nothing.
    Detached(u64),
}

/// Somebody who waits for a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<W> {
    /// Who.
    pub who: W,
    /// The tier's sequence number when it asked; it stays the same when it has to ask once more.
    pub at: u64,
}

/// How far a load is that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LoadPhase {
    /// It waits for a free place.
    Waits,
    /// It runs.
    Runs,
    /// It runs, but what it brings will not be stored: a set or an invalidation came meanwhile.
    RunsRevoked,
}

/// One load and those who wait for it.
#[derive(Debug)]
struct Flight<W> {
    key: Key,
    terms: Terms,
    phase: Phase,
    trip: TripId,
    waiters: Vec<Asked<W>>,
}

/// A flight that came to its end.
#[derive(Debug)]
pub struct Landed<W> {
    /// What was loaded.
    pub key: Key,
    /// The terms of its first caller.
    pub terms: Terms,
    /// Its ticket, if it may store.
    pub ticket: Option<u64>,
    /// The number at which its load began.
    pub began: u64,
    /// For whom it was in the end.
    pub class: Class,
    /// Who waited, the first caller first.
    pub waiters: Vec<Asked<W>>,
}

/// What became of a request to load.
#[derive(Debug, PartialEq, Eq)]
pub enum Joined<W> {
    /// It waits for a flight that somebody else began.
    Waits,
    /// It leads a new flight, which waits until [`Flights::next_start`] names it.
    Leads(FlightId),
    /// There is no room in the queue; here is the waiter back.
    Refused(Asked<W>),
}

/// The loads of one tier.
#[derive(Debug)]
pub struct Flights<W> {
    by_id: BTreeMap<FlightId, Flight<W>>,
    attached: HashMap<Key, FlightId>,
    detached: HashMap<Key, u32>,
    trips: Trips,
    last_id: u64,
}

impl<W> Flights<W> {
    /// No flights; at most `running_max` loads at the same time and `queue_max` that wait.
    pub fn new(running_max: usize, queue_max: usize) -> Self {
        Self {
            by_id: BTreeMap::new(),
            attached: HashMap::new(),
            detached: HashMap::new(),
            trips: Trips::new(running_max, queue_max),
            last_id: 0,
        }
    }

    /// Loads that run, and loads that wait for a place.
    pub fn counts(&self) -> (usize, usize) {
        self.trips.counts()
    }

    /// Forgets those who wait for the load of `key` and went away, whenever their number has doubled: callers that give up
    /// one after the other while a slow load goes on would pile up. The first stays, whose loader it is.
    pub fn prune(&mut self, key: &Key, gone: impl Fn(&W) -> bool) {
        const FEW: usize = 64;
        let flight = self.attached.get(key).and_then(|id| self.by_id.get_mut(id));
        if let Some(Flight { waiters, .. }) = flight
            && waiters.len() >= FEW
            && waiters.len().is_power_of_two()
        {
            let mut first = true;
            waiters.retain(|waiter| std::mem::take(&mut first) || !gone(&waiter.who));
        }
    }

    /// Joins the flight of `key`, or begins one on these `terms`, in the trip of its `group`. A refresh joins nobody: it is
    /// not wanted where a load is under way.
    pub fn join(&mut self, key: &Key, terms: &Terms, group: &mut Group, waiter: Asked<W>) -> Joined<W> {
        let class = group.class();
        if let Some(&id) = self.attached.get(key)
            && let Some(flight) = self.by_id.get_mut(&id)
        {
            if class == Class::Refresh {
                return Joined::Refused(waiter);
            }
            // The waiter's loader may take over, and may need the ids that the key was built from.
            flight.key.learn(key);
            flight.waiters.push(waiter);
            self.trips.hurry(flight.trip, class);
            return Joined::Waits;
        }
        let Some(trip) = self.trips.of(group) else { return Joined::Refused(waiter) };
        self.last_id += 1;
        let id = FlightId(self.last_id);
        self.trips.add(trip, id);
        self.attached.insert(key.clone(), id);
        let flight =
            Flight { key: key.clone(), terms: *terms, phase: Phase::Queued, trip, waiters: vec![waiter] };
        self.by_id.insert(id, flight);
        Joined::Leads(id)
    }

    /// Starts the next trip that may start; `ticket` becomes the right of its flights to store.
    pub fn next_start(&mut self, ticket: u64) -> Option<Start> {
        let may_run = |id: &FlightId| {
            let key = &self.by_id[id].key;
            self.detached.get(key).is_none_or(|&count| count < DETACHED_MAX)
        };
        let may_start = |flights: &[FlightId]| self.detached.is_empty() || flights.iter().all(may_run);
        let start = self.trips.next(may_start)?;
        for id in start.flights() {
            if let Some(flight) = self.by_id.get_mut(id) {
                flight.phase = Phase::Running(ticket);
            }
        }
        Some(start)
    }

    /// Much was invalidated at once, so many loads will be asked for: a quarter of them may run now, and one more each
    /// time that one ends, until all places are free again. The source is cold too.
    pub fn slow_start(&mut self) {
        self.trips.slow_start();
    }

    /// Whether the load of `id` was started and has not landed.
    pub fn is_running(&self, id: FlightId) -> bool {
        self.by_id.get(&id).is_some_and(|flight| flight.phase != Phase::Queued)
    }

    /// How long the load of `id` may take.
    pub fn timeout(&self, id: FlightId) -> Duration {
        self.by_id.get(&id).map_or(Duration::ZERO, |flight| flight.terms.timeout)
    }

    /// Key and waiters of a flight that has not landed.
    pub fn get_mut(&mut self, id: FlightId) -> Option<(&Key, &mut Vec<Asked<W>>)> {
        self.by_id.get_mut(&id).map(|flight| (&flight.key, &mut flight.waiters))
    }

    /// Whether no load may be joined.
    pub fn is_empty(&self) -> bool {
        self.attached.is_empty()
    }

    /// The flight that a caller for `key` would join.
    pub fn attached(&self, key: &str) -> Option<FlightId> {
        self.attached.get(key).copied()
    }

    /// How far the load of `key` is; one that may store goes before one that may not.
    pub fn phase(&self, key: &Key) -> Option<LoadPhase> {
        let attached = self.attached.get(key).and_then(|id| self.by_id.get(id));
        match attached.map(|flight| flight.phase) {
            Some(Phase::Queued) => Some(LoadPhase::Waits),
            Some(Phase::Running(_)) => Some(LoadPhase::Runs),
            Some(Phase::Detached(_)) | None => {
                self.detached.contains_key(key).then_some(LoadPhase::RunsRevoked)
            }
        }
    }

    /// Ends the load of `id`. `None` if no load of that flight runs: it landed before.
    pub fn land(&mut self, id: FlightId) -> Option<Landed<W>> {
        if !self.is_running(id) {
            return None;
        }
        let Flight { key, terms, phase, waiters, trip } = self.by_id.remove(&id)?;
        let (ticket, began) = match phase {
            Phase::Queued => return None,
            Phase::Running(began) => {
                self.attached.remove(&key);
                (Some(began), began)
            }
            Phase::Detached(began) => {
                if let Some(count) = self.detached.get_mut(&key) {
                    *count -= 1;
                    if *count == 0 {
                        self.detached.remove(&key);
                    }
                }
                (None, began)
            }
        };
        let class = self.trips.class(trip);
        self.trips.land(trip, id);
        self.give_room_back();
        Some(Landed { key, terms, ticket, began, class, waiters })
    }

    /// The load of `id` was lost before it told anything: queues the flight again, in a trip of its own, if it may still be
    /// joined, so that the next waiter's loader runs. `false`: it may not, and lands.
    pub fn requeue(&mut self, id: FlightId) -> bool {
        match self.by_id.get_mut(&id) {
            Some(flight) if matches!(flight.phase, Phase::Running(_)) && !flight.waiters.is_empty() => {
                flight.phase = Phase::Queued;
                flight.trip = self.trips.again(flight.trip, id);
                true
            }
            _ => false,
        }
    }

    /// Detaches every running load whose key `scope` matches, and returns how many those are.
    ///
    /// Keys that are not in the store count too: their load may have read the source before it changed.
    pub fn revoke(&mut self, scope: &Scope) -> u64 {
        if seeded::has(Bug::RevocationLeftOut) {
            return 0;
        }
        let hit = |key: &Key| match scope {
            Scope::Key(only) => key == only,
            scope => scope.matches(key.as_str()),
        };
        let ids: Vec<FlightId> = match scope {
            Scope::Key(key) => self.attached.get(key).copied().into_iter().collect(),
            _ => self.attached.iter().filter(|(key, _)| hit(key)).map(|(_, &id)| id).collect(),
        };
        ids.into_iter().filter(|&id| self.detach(id)).count() as u64
    }

    /// The oldest ticket of a load that runs, detached ones included. Cost: the number of flights.
    pub fn oldest_ticket(&self) -> Option<u64> {
        let ticket = |flight: &Flight<W>| match flight.phase {
            Phase::Running(ticket) | Phase::Detached(ticket) => Some(ticket),
            Phase::Queued => None,
        };
        self.by_id.values().filter_map(ticket).min()
    }

    /// Somebody wants `key` read from its source after number `least`: a load that began before is not joined any more.
    pub fn outdate(&mut self, key: &str, least: u64) {
        if let Some(id) = self.attached(key)
            && self
                .by_id
                .get(&id)
                .is_some_and(|flight| matches!(flight.phase, Phase::Running(at) if at <= least))
        {
            self.detach(id);
        }
    }

    /// A running load may store nothing from now on; its waiters stay with it. A queued one stays as it is.
    fn detach(&mut self, id: FlightId) -> bool {
        let Some(flight) = self.by_id.get_mut(&id) else { return false };
        let Phase::Running(began) = flight.phase else { return false };
        flight.phase = Phase::Detached(began);
        self.attached.remove(&flight.key);
        *self.detached.entry(flight.key.clone()).or_default() += 1;
        true
    }

    /// With the last load goes the room that a burst took.
    fn give_room_back(&mut self) {
        const SPARE: usize = 1_024;
        if !self.by_id.is_empty() {
            return;
        }
        if self.attached.capacity() > SPARE {
            self.attached = HashMap::new();
        }
        if self.detached.capacity() > SPARE {
            self.detached = HashMap::new();
        }
        self.trips.give_room_back(SPARE);
    }

    /// A set came for `key`: its load may store nothing, and those who waited are returned, to be given the set value.
    pub fn supersede(&mut self, key: &str) -> Vec<W> {
        let Some(id) = self.attached(key) else { return Vec::new() };
        if self.detach(id) {
            return self
                .by_id
                .get_mut(&id)
                .map(|flight| {
                    std::mem::take(&mut flight.waiters).into_iter().map(|asked| asked.who).collect()
                })
                .unwrap_or_default();
        }
        // It never started, so nothing is left to run out.
        self.attached.remove(key);
        let Some(flight) = self.by_id.remove(&id) else { return Vec::new() };
        self.trips.leave(flight.trip, id);
        self.give_room_back();
        flight.waiters.into_iter().map(|asked| asked.who).collect()
    }

    /// Takes out all waiters, for a tier that breaks or closes.
    pub fn drain(&mut self) -> Vec<W> {
        self.attached.clear();
        self.detached.clear();
        self.trips.clear();
        let flights = std::mem::take(&mut self.by_id).into_values();
        flights.flat_map(|flight| flight.waiters).map(|asked| asked.who).collect()
    }

    /// Recomputes what is derived.
    ///
    /// # Panics
    ///
    /// When it does not agree.
    pub fn check(&self) {
        let count =
            |phase: fn(&Phase) -> bool| self.by_id.values().filter(|flight| phase(&flight.phase)).count();
        self.trips.check();
        let mut flights = 0;
        for (trip, started, id) in self.trips.all() {
            let flight = &self.by_id[&id];
            assert!(flight.trip == trip && started == (flight.phase != Phase::Queued), "a flight strayed");
            flights += 1;
        }
        assert_eq!(flights, self.by_id.len(), "a flight has no trip");
        assert_eq!(
            count(|phase| !matches!(phase, Phase::Detached(_))),
            self.attached.len(),
            "attached drifted"
        );
        for (key, id) in &self.attached {
            assert_eq!(&self.by_id[id].key, key);
            assert!(!matches!(self.by_id[id].phase, Phase::Detached(_)));
        }
        let detached: u32 = self.detached.values().sum();
        assert_eq!(count(|phase| matches!(phase, Phase::Detached(_))), detached as usize, "detached drifted");
        assert!(self.detached.values().all(|&count| (1..=DETACHED_MAX).contains(&count)));
    }
}
