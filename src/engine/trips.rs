//! Trips: which loaders run, which wait for a place, and who goes first.
//!
//! Owns: the places of a tier, and the queues in front of them. Never: knows keys, tickets or waiters.
//!
//! A trip is one call of a loader. It brings one flight, or a batch of them, which start together and take one place. It
//! holds its place until the last of its flights has landed.

use std::collections::{BTreeMap, VecDeque};

/// The number of a flight; never used twice by one tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlightId(pub u64);

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

/// The number of a trip; never used twice by one tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TripId(u64);

/// One call of a loader, and the flights that it brings and that have not landed.
#[derive(Debug)]
struct Trip {
    class: Class,
    batch: bool,
    started: bool,
    flights: Vec<FlightId>,
}

/// What requests to load have in common that come together.
#[derive(Debug)]
pub struct Group {
    class: Class,
    batch: bool,
    /// The trip of those that lead, once there is one.
    trip: Option<TripId>,
}

impl Group {
    /// A request that comes alone.
    pub fn single(class: Class) -> Self {
        Self { class, batch: false, trip: None }
    }

    /// Requests that one trip brings, as far as they lead.
    pub fn batch(class: Class) -> Self {
        Self { batch: true, ..Self::single(class) }
    }

    /// For whom it is.
    pub fn class(&self) -> Class {
        self.class
    }
}

/// What is to be started.
#[derive(Debug, PartialEq, Eq)]
pub enum Start {
    /// A loader of one key.
    One(FlightId),
    /// A loader of several.
    Batch(Vec<FlightId>),
}

impl Start {
    /// Whatever it brings.
    pub fn flights(&self) -> &[FlightId] {
        match self {
            Self::One(id) => std::slice::from_ref(id),
            Self::Batch(ids) => ids,
        }
    }
}

/// The trips of one tier.
#[derive(Debug)]
pub struct Trips {
    by_id: BTreeMap<TripId, Trip>,
    /// Those that wait, by class; nested ones need no place.
    queues: [VecDeque<TripId>; 3],
    running: usize,
    /// Loads that may run now; less than `running_max` after much was invalidated at once.
    limit: usize,
    running_max: usize,
    queue_max: usize,
    last_id: u64,
}

impl Trips {
    /// No trips; at most `running_max` that have started and `queue_max` that wait, in each class.
    pub fn new(running_max: usize, queue_max: usize) -> Self {
        Self {
            by_id: BTreeMap::new(),
            queues: Default::default(),
            running: 0,
            limit: running_max,
            running_max,
            queue_max,
            last_id: 0,
        }
    }

    /// Those that have started, and those that wait for a place.
    pub fn counts(&self) -> (usize, usize) {
        (self.running, self.queues.iter().map(VecDeque::len).sum())
    }

    /// For whom a trip is.
    pub fn class(&self, trip: TripId) -> Class {
        self.by_id.get(&trip).map_or(Class::Caller, |trip| trip.class)
    }

    /// The trip of `group`, begun if it has none yet; `None` if there is no room in the queue. A flight must be added.
    pub fn of(&mut self, group: &mut Group) -> Option<TripId> {
        let class = group.class;
        if group.trip.is_none() {
            let full = self.running >= self.limit && self.queues[class as usize].len() >= self.queue_max;
            if class != Class::Nested && full {
                return None;
            }
            let id = self.begin(class, group.batch);
            self.queues[class as usize].push_back(id);
            group.trip = Some(id);
        }
        group.trip
    }

    fn begin(&mut self, class: Class, batch: bool) -> TripId {
        self.last_id += 1;
        let id = TripId(self.last_id);
        self.by_id.insert(id, Trip { class, batch, started: false, flights: Vec::new() });
        id
    }

    /// The trip brings `flight` too. It must not have started.
    pub fn add(&mut self, id: TripId, flight: FlightId) {
        if let Some(trip) = self.by_id.get_mut(&id) {
            trip.flights.push(flight);
        }
    }

    /// Somebody of `class` waits for a flight of the trip: it waits no longer than that class does.
    pub fn hurry(&mut self, id: TripId, class: Class) {
        let Some(trip) = self.by_id.get_mut(&id).filter(|trip| class < trip.class) else { return };
        let before = std::mem::replace(&mut trip.class, class);
        if !trip.started {
            self.queues[before as usize].retain(|&other| other != id);
            self.queues[class as usize].push_back(id);
        }
    }

    /// Starts the next trip whose flights `may_start`.
    pub fn next(&mut self, may_start: impl Fn(&[FlightId]) -> bool) -> Option<Start> {
        let has_place = self.running < self.limit;
        let mut next = None;
        for class in [Class::Nested, Class::Caller, Class::Refresh] {
            if class == Class::Nested || has_place {
                let may_start = |id: &TripId| may_start(&self.by_id[id].flights);
                next = self.queues[class as usize].iter().position(may_start).map(|place| (class, place));
            }
            if next.is_some() {
                break;
            }
        }
        let (class, place) = next?;
        let id = self.queues[class as usize].remove(place)?;
        let trip = self.by_id.get_mut(&id)?;
        trip.started = true;
        self.running += 1;
        Some(if trip.batch { Start::Batch(trip.flights.clone()) } else { Start::One(*trip.flights.first()?) })
    }

    /// The trip has one flight less; without any it is over. Returns whether it is, and had started.
    pub fn leave(&mut self, id: TripId, flight: FlightId) -> bool {
        let Some(trip) = self.by_id.get_mut(&id) else { return false };
        trip.flights.retain(|&other| other != flight);
        if !trip.flights.is_empty() {
            return false;
        }
        let (started, class) = (trip.started, trip.class);
        self.by_id.remove(&id);
        if started {
            self.running -= 1;
        } else {
            self.queues[class as usize].retain(|&other| other != id);
        }
        started
    }

    /// A flight of the trip has landed.
    pub fn land(&mut self, id: TripId, flight: FlightId) {
        if self.leave(id, flight) {
            self.limit = (self.limit + 1).min(self.running_max);
        }
    }

    /// The trip was lost before it told anything: `flight` waits again, in a trip of its own, before all others of its class.
    pub fn again(&mut self, lost: TripId, flight: FlightId) -> TripId {
        let class = self.by_id.get(&lost).map_or(Class::Caller, |trip| trip.class);
        self.leave(lost, flight);
        let id = self.begin(class, false);
        self.add(id, flight);
        self.queues[class as usize].push_front(id);
        id
    }

    /// Much was invalidated at once, so many loads will be asked for: a quarter of them may run now, and one more each
    /// time that one ends, until all places are free again. The source is cold too.
    pub fn slow_start(&mut self) {
        self.limit = (self.running_max / 4).max(1);
    }

    /// Forgets all, for a tier that breaks or closes.
    pub fn clear(&mut self) {
        *self = Self::new(self.running_max, self.queue_max);
    }

    /// Queues that are empty keep room for `spare` at most.
    pub fn give_room_back(&mut self, spare: usize) {
        for queue in &mut self.queues {
            if queue.is_empty() && queue.capacity() > spare {
                *queue = VecDeque::new();
            }
        }
    }

    /// Every flight, with its trip and whether that has started.
    pub fn all(&self) -> impl Iterator<Item = (TripId, bool, FlightId)> {
        self.by_id
            .iter()
            .flat_map(|(&id, trip)| trip.flights.iter().map(move |&flight| (id, trip.started, flight)))
    }

    /// Recomputes what is derived.
    ///
    /// # Panics
    ///
    /// When it does not agree.
    pub fn check(&self) {
        let started = self.by_id.values().filter(|trip| trip.started).count();
        assert_eq!((started, self.by_id.len() - started), self.counts(), "trips drifted");
        for (id, trip) in &self.by_id {
            assert!(!trip.flights.is_empty() && (trip.batch || trip.flights.len() == 1), "a trip of nothing");
            let queued = self.queues[trip.class as usize].iter().filter(|&other| other == id).count();
            assert_eq!(
                queued,
                usize::from(!trip.started),
                "a trip waits in no queue, in another's, or twice"
            );
        }
        assert!((1..=self.running_max).contains(&self.limit), "the limit drifted");
    }
}
