//! Single flight: at most one flight per key, any number of waiters, and each flight's right to store.
//!
//! Owns: who waits for which key, which loads run, wait for a free place, or run out after they were detached.
//! Never: runs a load, sends a reply, reads a clock. The tier's turn does those with what this returns.
//!
//! A run is one attempt to bring the value, with the loader of one waiter. A flight begins with one. It gets more when its
//! run fails in a way that its waiters cannot share, and when its run takes too long; the first run that brings a value
//! lands the flight for all.
//!
//! A run gets its ticket (the tier's sequence number) when it starts, not when it is asked for: one that still waits
//! for a place has read nothing yet, so no invalidation can make it stale. An invalidation or a set that reaches a
//! flight with a run under way detaches it: it may answer those who waited, but it stores nothing and nobody joins it.
//!
//! Invariant: a key leads to a flight in `attached` exactly while that flight may be joined.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::key::Key;
use super::moment::Moment;
use super::places::Places;
use super::scope::Scope;
use super::seeded::{self, Bug};
use super::terms::Terms;
use super::trips::{TripId, Trips};

pub use super::trips::{Class, Group, RunId, Start};

/// Detached loads of one key that may run out at the same time; past it a new load of the key waits.
pub const DETACHED_MAX: u32 = 4;

/// The number of a flight; never used twice by one tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlightId(u64);

/// Somebody who waits for a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<W> {
    /// Who.
    pub who: W,
    /// The tier's sequence number when it asked; it stays the same when it has to ask once more.
    pub at: u64,
    /// For whom.
    pub class: Class,
    /// The run with its own loader, if there is one.
    pub run: Option<RunId>,
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

/// One attempt to bring the value of a key.
#[derive(Debug)]
pub(super) struct Run {
    /// `None`: its flight has ended, and it runs out.
    pub(super) flight: Option<FlightId>,
    pub(super) trip: TripId,
    /// Its ticket, once it has started.
    pub(super) began: Option<u64>,
    /// It has taken longer than it may.
    pub(super) overdue: bool,
}

/// The load of one key and those who wait for it.
#[derive(Debug)]
pub(super) struct Flight<W> {
    pub(super) key: Key,
    pub(super) terms: Terms,
    pub(super) detached: bool,
    /// A run failed in a way that its waiters cannot share, so each that comes needs a run of its own.
    pub(super) failing: bool,
    pub(super) runs: Vec<RunId>,
    /// When its last run started.
    pub(super) began: Moment,
    pub(super) waiters: Vec<Asked<W>>,
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
    /// Who waited.
    pub waiters: Vec<Asked<W>>,
}

/// What became of a request to load.
#[derive(Debug, PartialEq, Eq)]
pub enum Joined<W> {
    /// It waits for a flight that somebody else began.
    Waits,
    /// It leads a new flight, whose run waits until [`Flights::next_start`] names it.
    Leads(RunId),
    /// There is no room in the queue; here is the waiter back.
    Refused(Asked<W>),
}

/// The loads of one tier.
#[derive(Debug)]
pub struct Flights<W> {
    pub(super) by_id: BTreeMap<FlightId, Flight<W>>,
    pub(super) runs: BTreeMap<RunId, Run>,
    pub(super) attached: HashMap<Key, FlightId>,
    pub(super) detached: HashMap<Key, u32>,
    /// Flights with a run that has taken too long.
    pub(super) overdue: BTreeSet<FlightId>,
    pub(super) trips: Trips,
    /// Runs whose flights ended while they were under way.
    pub(super) stopped: Vec<RunId>,
    pub(super) last_id: u64,
}

impl<W> Flights<W> {
    /// No flights; at most `running_max` loads at the same time and `queue_max` that wait.
    pub fn new(running_max: usize, queue_max: usize) -> Self {
        Self {
            by_id: BTreeMap::new(),
            runs: BTreeMap::new(),
            attached: HashMap::new(),
            detached: HashMap::new(),
            overdue: BTreeSet::new(),
            trips: Trips::new(running_max, queue_max),
            stopped: Vec::new(),
            last_id: 0,
        }
    }

    /// Takes its places from `places` from now on, whose holders give them back themselves.
    pub fn share(&mut self, places: Arc<Places>) {
        self.trips.share(places);
    }

    /// Where it takes its places.
    pub fn places(&self) -> Option<&Arc<Places>> {
        self.trips.places()
    }

    /// Loads that run, and loads that wait for a place.
    pub fn counts(&self) -> (usize, usize) {
        self.trips.counts()
    }

    /// Forgets those who wait for the load of `key` and went away, whenever their number has doubled: callers that give up
    /// one after the other while a slow load goes on would pile up. Those with a run stay, whose loader it is.
    pub fn prune(&mut self, key: &Key, gone: impl Fn(&W) -> bool) {
        const FEW: usize = 64;
        let flight = self.attached.get(key).and_then(|id| self.by_id.get_mut(id));
        if let Some(Flight { waiters, .. }) = flight
            && waiters.len() >= FEW
            && waiters.len().is_power_of_two()
        {
            waiters.retain(|waiter| waiter.run.is_some() || !gone(&waiter.who));
        }
    }

    /// Joins the flight of `key`, or begins one on these `terms`, in the trip of its `group`. A refresh joins nobody: it is
    /// not wanted where a load is under way.
    pub fn join(&mut self, key: &Key, terms: &Terms, group: &mut Group, mut waiter: Asked<W>) -> Joined<W> {
        let class = group.class();
        waiter.run = None;
        if let Some(&id) = self.attached.get(key)
            && let Some(flight) = self.by_id.get_mut(&id)
        {
            if class == Class::Refresh {
                return Joined::Refused(waiter);
            }
            // The waiter's loader may take over, and may need the ids that the key was built from.
            flight.key.learn(key);
            flight.waiters.push(waiter);
            let runs = || flight.runs.iter().filter_map(|run| self.runs.get(run));
            if let Some(run) = runs().find(|run| run.began.is_some()).or_else(|| runs().next()) {
                self.trips.hurry(run.trip, class);
            }
            return Joined::Waits;
        }
        let Some(trip) = self.trips.of(group) else { return Joined::Refused(waiter) };
        let (id, run) = (FlightId(self.fresh_id()), RunId(self.fresh_id()));
        self.trips.add(trip, run);
        self.runs.insert(run, Run { flight: Some(id), trip, began: None, overdue: false });
        self.attached.insert(key.clone(), id);
        waiter.run = Some(run);
        let flight = Flight {
            key: key.clone(),
            terms: *terms,
            detached: false,
            failing: false,
            runs: vec![run],
            began: Moment::START,
            waiters: vec![waiter],
        };
        self.by_id.insert(id, flight);
        Joined::Leads(run)
    }

    pub(super) fn fresh_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn has_started(&self, run: RunId) -> bool {
        self.runs.get(&run).is_some_and(|run| run.began.is_some())
    }

    /// Starts the next trip that may start; `ticket` becomes the right of its flights to store. A run is dropped when
    /// everybody for whom it would begin is `gone` by now, unless it `renews` what is served meanwhile.
    pub fn next_start(
        &mut self,
        ticket: u64,
        now: Moment,
        gone: impl Fn(&W) -> bool,
        renews: impl Fn(&Key, &Terms) -> bool,
    ) -> Option<Start> {
        loop {
            let may_run = |id: &RunId| {
                let flight = self.runs[id].flight.and_then(|id| self.by_id.get(&id));
                flight.is_none_or(|flight| {
                    flight.detached
                        || self.detached.get(&flight.key).is_none_or(|&count| count < DETACHED_MAX)
                })
            };
            let may_start = |runs: &[RunId]| self.detached.is_empty() || runs.iter().all(may_run);
            let next = self.trips.next(may_start)?;
            if let Some(run) = self.trips.first_run(next)
                && self.is_unwanted(run, &gone, &renews)
            {
                self.forget(run);
                continue;
            }
            let start = self.trips.start(next)?;
            for run in start.runs() {
                let Some(run) = self.runs.get_mut(run) else { continue };
                run.began = Some(ticket);
                if let Some(flight) = run.flight.and_then(|id| self.by_id.get_mut(&id)) {
                    flight.began = now;
                }
            }
            return Some(start);
        }
    }

    /// Whether a run that has not started is for nobody: it follows others for a caller that is gone, or it is the only one
    /// of its flight and all who waited are gone. On a source that hangs each would hold a place for a whole time limit,
    /// while those who ask for other keys wait behind it.
    fn is_unwanted(
        &self,
        run: RunId,
        gone: impl Fn(&W) -> bool,
        renews: impl Fn(&Key, &Terms) -> bool,
    ) -> bool {
        let flight = self.runs.get(&run).and_then(|run| self.by_id.get(&run.flight?));
        let Some(Flight { key, terms, runs, waiters, .. }) = flight else { return false };
        if runs.len() > 1 {
            return waiters.iter().any(|asked| asked.run == Some(run) && gone(&asked.who));
        }
        waiters.iter().all(|asked| asked.class != Class::Refresh && gone(&asked.who)) && !renews(key, terms)
    }

    /// Forgets a run that has not started, and its flight if it has no other.
    fn forget(&mut self, run: RunId) {
        let alone = self.flight_of(run).and_then(|(id, flight)| (flight.runs.len() == 1).then_some(id));
        self.cancel(run);
        if let Some(id) = alone {
            self.remove(id);
            self.give_room_back();
        }
    }

    /// Forgets a run that has not started, and the caller behind it.
    pub(super) fn cancel(&mut self, id: RunId) {
        let Some(run) = self.runs.remove(&id) else { return };
        self.trips.leave(run.trip, id);
        if let Some(flight) = run.flight.and_then(|id| self.by_id.get_mut(&id)) {
            flight.runs.retain(|&other| other != id);
            flight.waiters.retain(|asked| asked.run != Some(id));
        }
    }

    /// Much was invalidated at once, so many loads will be asked for: a quarter of them may run now, and one more each
    /// time that one ends, until all places are free again. The source is cold too.
    pub fn slow_start(&mut self) {
        self.trips.slow_start();
    }

    /// Whether `run` was started and has not ended.
    pub fn is_running(&self, run: RunId) -> bool {
        self.has_started(run)
    }

    pub(super) fn flight_of(&self, run: RunId) -> Option<(FlightId, &Flight<W>)> {
        let id = self.runs.get(&run)?.flight?;
        Some((id, self.by_id.get(&id)?))
    }

    /// Key, time limit and caller of a run that is to be started.
    pub fn leader(&mut self, run: RunId) -> Option<(Key, Duration, &mut W)> {
        let id = self.runs.get(&run)?.flight?;
        let flight = self.by_id.get_mut(&id)?;
        let asked = flight.waiters.iter_mut().find(|asked| asked.run == Some(run))?;
        Some((flight.key.clone(), flight.terms.timeout, &mut asked.who))
    }

    /// Whether no load may be joined.
    pub fn is_empty(&self) -> bool {
        self.attached.is_empty()
    }

    /// The flight that a caller for `key` would join.
    pub fn attached(&self, key: &str) -> Option<FlightId> {
        self.attached.get(key).copied()
    }

    fn is_under_way(&self, flight: &Flight<W>) -> bool {
        flight.runs.iter().any(|&run| self.has_started(run))
    }

    /// How far the load of `key` is; one that may store goes before one that may not.
    pub fn phase(&self, key: &Key) -> Option<LoadPhase> {
        match self.attached.get(key).and_then(|id| self.by_id.get(id)) {
            Some(flight) if self.is_under_way(flight) => Some(LoadPhase::Runs),
            Some(_) => Some(LoadPhase::Waits),
            None => self.detached.contains_key(key).then_some(LoadPhase::RunsRevoked),
        }
    }

    /// `run` brought a value, or nobody is left to lead: ends its flight. Other runs under way are to be stopped. `None`: the
    /// flight has ended before, and this was one that ran out.
    pub fn land(&mut self, run: RunId) -> Option<Landed<W>> {
        let (id, _) = self.flight_of(run)?;
        let Run { trip, began, .. } = self.runs.remove(&run)?;
        let began = began?;
        let class = self.trips.class(trip);
        self.trips.land(trip, run);
        let flight = self.remove(id)?;
        self.stop(&flight, Some(run));
        self.give_room_back();
        let Flight { key, terms, detached, waiters, .. } = flight;
        Some(Landed { key, terms, ticket: (!detached).then_some(began), began, class, waiters })
    }

    /// Takes a flight out of all tables but that of its runs.
    pub(super) fn remove(&mut self, id: FlightId) -> Option<Flight<W>> {
        let flight = self.by_id.remove(&id)?;
        self.overdue.remove(&id);
        if !flight.detached {
            self.attached.remove(&flight.key);
        } else if let Some(count) = self.detached.get_mut(&flight.key) {
            *count -= 1;
            if *count == 0 {
                self.detached.remove(&flight.key);
            }
        }
        Some(flight)
    }

    /// The runs of a flight that was removed, other than the one that ended it: those that wait are forgotten, those under
    /// way run out.
    pub(super) fn stop(&mut self, flight: &Flight<W>, ended: Option<RunId>) {
        for &id in flight.runs.iter().filter(|&&run| Some(run) != ended) {
            match self.runs.get_mut(&id) {
                Some(run) if run.began.is_some() => {
                    run.flight = None;
                    self.stopped.push(id);
                }
                Some(run) => {
                    self.trips.leave(run.trip, id);
                    self.runs.remove(&id);
                }
                None => {}
            }
        }
    }

    /// Whether a run has taken longer than it may.
    pub fn has_overdue(&self) -> bool {
        !self.overdue.is_empty()
    }

    /// Runs to be stopped: their flights have ended.
    pub fn take_stopped(&mut self) -> Vec<RunId> {
        std::mem::take(&mut self.stopped)
    }

    /// A run whose flight has ended before has run out.
    pub fn run_out(&mut self, id: RunId) {
        if let Some(run) = self.runs.remove(&id) {
            self.trips.land(run.trip, id);
        }
    }

    /// Whether the flight of `run` has not ended.
    pub fn is_in_flight(&self, run: RunId) -> bool {
        self.flight_of(run).is_some()
    }

    pub(super) fn run_began(&self, run: RunId) -> Option<u64> {
        self.runs.get(&run)?.began
    }

    /// Detaches every flight under way whose key `scope` matches, and returns how many those are.
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

    /// The oldest ticket of a run under way, of detached flights too. Cost: the number of runs.
    pub fn oldest_ticket(&self) -> Option<u64> {
        self.runs.values().filter(|run| run.flight.is_some()).filter_map(|run| run.began).min()
    }

    /// Somebody wants `key` read from its source after number `least`: a load that began before is not joined any more.
    pub fn outdate(&mut self, key: &str, least: u64) {
        if let Some(id) = self.attached(key)
            && let Some(flight) = self.by_id.get(&id)
            && flight.runs.iter().any(|&run| self.run_began(run).is_some_and(|at| at <= least))
        {
            self.detach(id);
        }
    }

    /// A flight under way may store nothing from now on; its waiters stay with it, and its runs that have not started are
    /// forgotten. One whose runs all wait stays as it is.
    fn detach(&mut self, id: FlightId) -> bool {
        let Some(flight) = self.by_id.get(&id).filter(|flight| !flight.detached) else { return false };
        if !self.is_under_way(flight) {
            return false;
        }
        let waiting: Vec<RunId> = flight.runs.iter().copied().filter(|&run| !self.has_started(run)).collect();
        let Some(flight) = self.by_id.get_mut(&id) else { return false };
        flight.detached = true;
        flight.runs.retain(|run| !waiting.contains(run));
        for asked in
            flight.waiters.iter_mut().filter(|asked| asked.run.is_some_and(|run| waiting.contains(&run)))
        {
            asked.run = None;
        }
        self.attached.remove(&flight.key);
        *self.detached.entry(flight.key.clone()).or_default() += 1;
        for id in waiting {
            if let Some(run) = self.runs.remove(&id) {
                self.trips.leave(run.trip, id);
            }
        }
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
        let waiters = if self.detach(id) && !self.overdue.contains(&id) {
            self.by_id.get_mut(&id).map(|flight| std::mem::take(&mut flight.waiters))
        } else {
            // It never started, or takes too long: nothing is left to run out.
            let flight = self.remove(id);
            flight.map(|flight| {
                self.stop(&flight, None);
                self.give_room_back();
                flight.waiters
            })
        };
        waiters.into_iter().flatten().map(|asked| asked.who).collect()
    }

    /// Takes out all waiters, for a tier that breaks or closes.
    pub fn drain(&mut self) -> Vec<W> {
        self.attached.clear();
        self.detached.clear();
        self.overdue.clear();
        self.runs.clear();
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
        self.trips.check();
        let mut runs = 0;
        for (trip, started, id) in self.trips.all() {
            let run = &self.runs[&id];
            assert!(run.trip == trip && started == run.began.is_some(), "a run strayed");
            runs += 1;
        }
        assert_eq!(runs, self.runs.len(), "a run has no trip");
        let mut of_flights = 0;
        for (id, flight) in &self.by_id {
            assert!(!flight.runs.is_empty(), "a flight has no run");
            of_flights += flight.runs.len();
            for run in &flight.runs {
                assert_eq!(self.runs[run].flight, Some(*id), "a run is of another flight");
                let own = flight.waiters.iter().filter(|asked| asked.run == Some(*run)).count();
                assert!(own <= 1 && (own == 1 || self.has_started(*run)), "whose run is that?");
            }
            assert!(
                flight.waiters.iter().all(|asked| asked.run.is_none_or(|run| flight.runs.contains(&run)))
            );
            let is_overdue = flight.runs.iter().any(|run| self.runs[run].overdue);
            assert!(!is_overdue || self.overdue.contains(id), "overdue drifted");
        }
        assert_eq!(self.runs.values().filter(|run| run.flight.is_some()).count(), of_flights, "runs drifted");
        let attached = self.by_id.values().filter(|flight| !flight.detached).count();
        assert_eq!(attached, self.attached.len(), "attached drifted");
        for (key, id) in &self.attached {
            assert!(&self.by_id[id].key == key && !self.by_id[id].detached);
        }
        let detached: u32 = self.detached.values().sum();
        assert_eq!(self.by_id.len() - attached, detached as usize, "detached drifted");
        assert!(self.detached.values().all(|&count| (1..=DETACHED_MAX).contains(&count)));
        assert!(self.overdue.iter().all(|id| self.by_id.contains_key(id)), "an overdue flight has ended");
    }
}
