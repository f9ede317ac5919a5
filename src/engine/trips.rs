//! Trips: which loaders run, which wait for a place, and who goes first.
//!
//! Owns: the places of a tier, and the queues in front of them. Never: knows keys, tickets or waiters.
//!
//! A trip is one call of a loader. It carries one run, or a batch of them, which start together and take one place. It
//! is over when the last of its runs has ended.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::places::Places;

/// The number of a run: one attempt to bring the value of one key. Never used twice by one tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(pub u64);

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

/// Who goes first among the trips that wait. In the order of preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// It needs no place.
    Nested,
    /// For a caller that has waited for a load which failed. It goes before the first loads that came later, as it would
    /// have without the load that failed.
    Retry,
    /// The first load of its key, for a caller.
    First,
    /// For a caller that waits for a load which takes too long.
    Hedge,
    /// The first load of its key, for nobody.
    Refresh,
}

impl Rank {
    const ALL: [Self; 5] = [Self::Nested, Self::Retry, Self::First, Self::Hedge, Self::Refresh];
}

impl From<Class> for Rank {
    fn from(class: Class) -> Self {
        match class {
            Class::Nested => Self::Nested,
            Class::Caller => Self::First,
            Class::Refresh => Self::Refresh,
        }
    }
}

/// One call of a loader, and its runs that have not ended.
#[derive(Debug)]
struct Trip {
    class: Class,
    rank: Rank,
    batch: bool,
    started: bool,
    runs: Vec<RunId>,
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
    One(RunId),
    /// A loader of several.
    Batch(Vec<RunId>),
}

impl Start {
    /// All of it.
    pub fn runs(&self) -> &[RunId] {
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
    /// Those that wait, by rank; nested ones need no place.
    queues: [VecDeque<TripId>; 5],
    running: usize,
    /// The places that these trips share with loaders that the tier does not run.
    places: Option<Arc<Places>>,
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
            places: None,
            limit: running_max,
            running_max,
            queue_max,
            last_id: 0,
        }
    }

    /// Takes its places from `places` from now on, whose holders give them back themselves.
    pub fn share(&mut self, places: Arc<Places>) {
        self.places = Some(places);
    }

    /// Where they take their places.
    pub fn places(&self) -> Option<&Arc<Places>> {
        self.places.as_ref()
    }

    /// Those that have started, and those that wait for a place.
    pub fn counts(&self) -> (usize, usize) {
        (self.running, self.queues.iter().map(VecDeque::len).sum())
    }

    /// For whom a trip is.
    pub fn class(&self, trip: TripId) -> Class {
        self.by_id.get(&trip).map_or(Class::Caller, |trip| trip.class)
    }

    /// The trip of `group`, begun if it has none yet; `None` if there is no room in the queue. A run must be added.
    pub fn of(&mut self, group: &mut Group) -> Option<TripId> {
        let class = group.class;
        if group.trip.is_none() {
            let rank = Rank::from(class);
            let full = self.running >= self.limit && self.queues[rank as usize].len() >= self.queue_max;
            if class != Class::Nested && full {
                return None;
            }
            group.trip = Some(self.begin(class, rank, group.batch));
        }
        group.trip
    }

    fn begin(&mut self, class: Class, rank: Rank, batch: bool) -> TripId {
        self.last_id += 1;
        let id = TripId(self.last_id);
        self.by_id.insert(id, Trip { class, rank, batch, started: false, runs: Vec::new() });
        self.queues[rank as usize].push_back(id);
        id
    }

    /// The trip carries `run` too. It must not have started.
    pub fn add(&mut self, id: TripId, run: RunId) {
        if let Some(trip) = self.by_id.get_mut(&id) {
            trip.runs.push(run);
        }
    }

    /// A trip for `run`, which follows other runs of its flight: no queue is too long for it, as its caller had a place.
    pub fn follow(&mut self, run: RunId, class: Class, rank: Rank) -> TripId {
        let id = self.begin(class, if class == Class::Nested { Rank::Nested } else { rank }, false);
        self.add(id, run);
        id
    }

    /// Somebody of `class` waits for a run of the trip: it waits no longer than that class does.
    pub fn hurry(&mut self, id: TripId, class: Class) {
        let Some(trip) = self.by_id.get_mut(&id).filter(|trip| class < trip.class) else { return };
        trip.class = class;
        let (before, rank) = (trip.rank, trip.rank.min(Rank::from(class)));
        trip.rank = rank;
        if !trip.started && before != rank {
            self.queues[before as usize].retain(|&other| other != id);
            self.queues[rank as usize].push_back(id);
        }
    }

    /// The next trip whose runs `may_start`, and its place in which queue.
    pub fn next(&self, may_start: impl Fn(&[RunId]) -> bool) -> Option<(Rank, usize)> {
        let has_place = self.running < self.limit;
        let may_start = |id: &TripId| may_start(&self.by_id[id].runs);
        let mut ranks = Rank::ALL.into_iter().filter(|&rank| rank == Rank::Nested || has_place);
        ranks.find_map(|rank| Some((rank, self.queues[rank as usize].iter().position(may_start)?)))
    }

    /// The first run of the trip in that place.
    pub fn first_run(&self, (rank, place): (Rank, usize)) -> Option<RunId> {
        self.by_id.get(self.queues[rank as usize].get(place)?)?.runs.first().copied()
    }

    /// Starts the trip in that place; `None` if others hold all places.
    pub fn start(&mut self, (rank, place): (Rank, usize)) -> Option<Start> {
        match &self.places {
            Some(places) if rank == Rank::Nested => places.take_one_more(),
            Some(places) if !places.try_take() => return None,
            _ => {}
        }
        let id = self.queues[rank as usize].remove(place)?;
        let trip = self.by_id.get_mut(&id)?;
        trip.started = true;
        self.running += 1;
        Some(if trip.batch { Start::Batch(trip.runs.clone()) } else { Start::One(*trip.runs.first()?) })
    }

    /// The trip has one run less; without any it is over. Returns whether it is, and had started.
    pub fn leave(&mut self, id: TripId, run: RunId) -> bool {
        let Some(trip) = self.by_id.get_mut(&id) else { return false };
        trip.runs.retain(|&other| other != run);
        if !trip.runs.is_empty() {
            return false;
        }
        let (started, rank) = (trip.started, trip.rank);
        self.by_id.remove(&id);
        if started {
            self.running -= 1;
        } else {
            self.queues[rank as usize].retain(|&other| other != id);
        }
        started
    }

    /// A run of the trip has ended.
    pub fn land(&mut self, id: TripId, run: RunId) {
        if self.leave(id, run) {
            self.limit = (self.limit + 1).min(self.running_max);
        }
    }

    /// Much was invalidated at once, so many loads will be asked for: a quarter of them may run now, and one more each
    /// time that one ends, until all places are free again. The source is cold too.
    pub fn slow_start(&mut self) {
        self.limit = (self.running_max / 4).max(1);
    }

    /// Forgets all, for a tier that breaks or closes.
    pub fn clear(&mut self) {
        let places = self.places.take();
        *self = Self { places, ..Self::new(self.running_max, self.queue_max) };
    }

    /// Queues that are empty keep room for `spare` at most.
    pub fn give_room_back(&mut self, spare: usize) {
        for queue in &mut self.queues {
            if queue.is_empty() && queue.capacity() > spare {
                *queue = VecDeque::new();
            }
        }
    }

    /// Every run, with its trip and whether that has started.
    pub fn all(&self) -> impl Iterator<Item = (TripId, bool, RunId)> {
        self.by_id.iter().flat_map(|(&id, trip)| trip.runs.iter().map(move |&run| (id, trip.started, run)))
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
            assert!(!trip.runs.is_empty() && (trip.batch || trip.runs.len() == 1), "a trip of nothing");
            let queued = self.queues[trip.rank as usize].iter().filter(|&other| other == id).count();
            assert_eq!(
                queued,
                usize::from(!trip.started),
                "a trip waits in no queue, in another's, or twice"
            );
        }
        assert!((1..=self.running_max).contains(&self.limit), "the limit drifted");
    }
}
