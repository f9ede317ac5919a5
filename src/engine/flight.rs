//! Single flight: at most one load per key, any number of waiters, and each load's right to store.
//!
//! Owns: who waits for which key, which loads run, wait for a free place, or run out after they were detached.
//! Never: runs a load, sends a reply, reads a clock. The tier's turn does those with what this returns.
//!
//! A load gets its ticket (the tier's sequence number) when it starts, not when it is asked for: one that still waits
//! for a place has read nothing yet, so no invalidation can make it stale. An invalidation or a set that reaches a
//! running load detaches it: it may answer those who waited, but it stores nothing and nobody joins it.
//!
//! Invariants: a key leads to a flight in `attached` exactly while that flight may be joined; `running` counts the
//! loads that were started and have not landed, detached ones included.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use super::key::Key;
use super::scope::Scope;
use super::terms::Terms;

/// Detached loads of one key that may run out at the same time; past it a new load of the key waits.
pub const DETACHED_MAX: u32 = 4;

/// The number of a flight; never used twice by one tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlightId(pub u64);

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

/// For whom a load is, which decides when it may start. In the order of preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// For a loader, which holds a place itself. It does not wait for one, for the places may all be held by loaders that
    /// wait for such as this.
    Nested,
    /// For a caller, who waits.
    Caller,
    /// For nobody: it renews what is served meanwhile.
    Refresh,
}

/// Somebody who waits for a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<W> {
    /// Who.
    pub who: W,
    /// The tier's sequence number when it asked; it stays the same when it has to ask once more.
    pub at: u64,
}

/// One load and those who wait for it.
#[derive(Debug)]
struct Flight<W> {
    key: Key,
    terms: Terms,
    phase: Phase,
    class: Class,
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
    /// Those that wait, by class; nested ones need no place.
    queues: [VecDeque<FlightId>; 3],
    running: usize,
    /// Loads that may run now; less than `running_max` after much was invalidated at once.
    limit: usize,
    running_max: usize,
    queue_max: usize,
    last_id: u64,
}

impl<W> Flights<W> {
    /// No flights; at most `running_max` loads at the same time and `queue_max` that wait.
    pub fn new(running_max: usize, queue_max: usize) -> Self {
        Self {
            by_id: BTreeMap::new(),
            attached: HashMap::new(),
            detached: HashMap::new(),
            queues: Default::default(),
            running: 0,
            limit: running_max,
            running_max,
            queue_max,
            last_id: 0,
        }
    }

    /// Loads that run, and loads that wait for a place.
    pub fn counts(&self) -> (usize, usize) {
        (self.running, self.queues.iter().map(VecDeque::len).sum())
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

    /// Joins the flight of `key`, or begins one on these `terms`. A refresh joins nobody: it is not wanted where a load is
    /// under way.
    pub fn join(&mut self, key: &Key, terms: &Terms, class: Class, waiter: Asked<W>) -> Joined<W> {
        if let Some(&id) = self.attached.get(key)
            && let Some(flight) = self.by_id.get_mut(&id)
        {
            if class == Class::Refresh {
                return Joined::Refused(waiter);
            }
            flight.waiters.push(waiter);
            self.hurry(id, class);
            return Joined::Waits;
        }
        let full = self.running >= self.limit && self.queues[class as usize].len() >= self.queue_max;
        if class != Class::Nested && full {
            return Joined::Refused(waiter);
        }
        self.last_id += 1;
        let id = FlightId(self.last_id);
        self.attached.insert(key.clone(), id);
        let flight =
            Flight { key: key.clone(), terms: *terms, phase: Phase::Queued, class, waiters: vec![waiter] };
        self.by_id.insert(id, flight);
        self.queues[class as usize].push_back(id);
        Joined::Leads(id)
    }

    /// Somebody of `class` waits for the flight: it waits no longer than that class does.
    fn hurry(&mut self, id: FlightId, class: Class) {
        let Some(flight) = self.by_id.get_mut(&id).filter(|flight| class < flight.class) else { return };
        let before = std::mem::replace(&mut flight.class, class);
        if flight.phase == Phase::Queued {
            self.queues[before as usize].retain(|&other| other != id);
            self.queues[class as usize].push_back(id);
        }
    }

    /// Starts the next flight that may start; `ticket` becomes its right to store.
    pub fn next_start(&mut self, ticket: u64) -> Option<FlightId> {
        let may_start = |id: &FlightId| {
            let key = &self.by_id[id].key;
            self.detached.get(key).is_none_or(|&count| count < DETACHED_MAX)
        };
        let has_place = self.running < self.limit;
        let mut next = None;
        for class in [Class::Nested, Class::Caller, Class::Refresh] {
            if class == Class::Nested || has_place {
                next = self.queues[class as usize].iter().position(may_start).map(|place| (class, place));
            }
            if next.is_some() {
                break;
            }
        }
        let (class, place) = next?;
        let id = self.queues[class as usize].remove(place)?;
        if let Some(flight) = self.by_id.get_mut(&id) {
            flight.phase = Phase::Running(ticket);
        }
        self.running += 1;
        Some(id)
    }

    /// Much was invalidated at once, so many loads will be asked for: a quarter of them may run now, and one more each
    /// time that one ends, until all places are free again. The source is cold too.
    pub fn slow_start(&mut self) {
        self.limit = (self.running_max / 4).max(1);
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

    /// The flight that a caller for `key` would join.
    pub fn attached(&self, key: &Key) -> Option<FlightId> {
        self.attached.get(key).copied()
    }

    /// Ends the load of `id`. `None` if no load of that flight runs: it landed before.
    pub fn land(&mut self, id: FlightId) -> Option<Landed<W>> {
        if !self.is_running(id) {
            return None;
        }
        let Flight { key, terms, phase, waiters, .. } = self.by_id.remove(&id)?;
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
        self.running -= 1;
        self.limit = (self.limit + 1).min(self.running_max);
        Some(Landed { key, terms, ticket, began, waiters })
    }

    /// The load of `id` was lost before it told anything: queues the flight again if it may still be joined, so that
    /// the next waiter's loader runs. `false`: it may not, and lands.
    pub fn requeue(&mut self, id: FlightId) -> bool {
        match self.by_id.get_mut(&id) {
            Some(flight) if matches!(flight.phase, Phase::Running(_)) && !flight.waiters.is_empty() => {
                flight.phase = Phase::Queued;
                self.running -= 1;
                self.queues[flight.class as usize].push_front(id);
                true
            }
            _ => false,
        }
    }

    /// Detaches every running load whose key `scope` matches, and returns how many those are.
    ///
    /// Keys that are not in the store count too: their load may have read the source before it changed.
    pub fn revoke(&mut self, scope: &Scope) -> u64 {
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
    pub fn outdate(&mut self, key: &Key, least: u64) {
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

    /// A set came for `key`: its load may store nothing, and those who waited are returned, to be given the set value.
    pub fn supersede(&mut self, key: &Key) -> Vec<W> {
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
        self.queues[flight.class as usize].retain(|&other| other != id);
        flight.waiters.into_iter().map(|asked| asked.who).collect()
    }

    /// Takes out all waiters, for a tier that breaks or closes.
    pub fn drain(&mut self) -> Vec<W> {
        self.attached.clear();
        self.detached.clear();
        self.queues.iter_mut().for_each(VecDeque::clear);
        self.running = 0;
        self.limit = self.running_max;
        std::mem::take(&mut self.by_id)
            .into_values()
            .flat_map(|flight| flight.waiters)
            .map(|asked| asked.who)
            .collect()
    }

    /// Recomputes what is derived.
    ///
    /// # Panics
    ///
    /// When it does not agree.
    pub fn check(&self) {
        let count =
            |phase: fn(&Phase) -> bool| self.by_id.values().filter(|flight| phase(&flight.phase)).count();
        assert_eq!(count(|phase| *phase != Phase::Queued), self.running, "running drifted");
        assert_eq!(count(|phase| *phase == Phase::Queued), self.counts().1, "the queues drifted");
        for class in [Class::Nested, Class::Caller, Class::Refresh] {
            let queue = &self.queues[class as usize];
            assert!(queue.iter().all(|id| self.by_id[id].class == class), "a load waits in another's queue");
        }
        assert!((1..=self.running_max).contains(&self.limit), "the limit drifted");
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
