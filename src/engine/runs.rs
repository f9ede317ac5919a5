//! The runs of a flight after its first: when one begins, and what becomes of a flight when one ends without a value.
//!
//! Owns: which waiters' loaders run side by side. Never: stores anything, or decides which run of all flights starts next.

use super::flight::{Asked, Class, Flight, FlightId, Flights, Group, Landed, Run, RunId};
use super::key::Key;
use super::moment::Moment;
use super::trips::{Rank, TripId};

impl<W> Flights<W> {
    /// The last caller that joined the flight of `key` at `now` has a loader: it gets a run at once where the runs of others
    /// have failed or take too long.
    pub fn assist(&mut self, key: &Key, now: Moment) {
        let Some(&id) = self.attached.get(key) else { return };
        let Some(flight) = self.by_id.get(&id) else { return };
        let Some(place) = flight.waiters.len().checked_sub(1) else { return };
        if flight.failing {
            let mut group = Group::single(flight.waiters[place].class);
            if let Some(trip) = self.trips.of(&mut group) {
                let run = RunId(self.fresh_id());
                self.trips.add(trip, run);
                self.assign(id, place, run, trip);
            }
        } else if self.needs_hedge(id, now) {
            self.follow(id, place, Rank::Hedge);
        }
    }

    /// Whether another run should begin because those under way take too long.
    fn needs_hedge(&self, id: FlightId, now: Moment) -> bool {
        self.overdue.contains(&id)
            && self.by_id.get(&id).is_some_and(|flight| {
                now.since(flight.began) >= flight.terms.timeout
                    && flight.runs.iter().all(|run| self.has_started(*run))
            })
    }

    /// Queues a run with the loader of the waiter in that `place`.
    fn follow(&mut self, id: FlightId, place: usize, rank: Rank) {
        let run = RunId(self.fresh_id());
        let Some(asked) = self.by_id.get(&id).and_then(|flight| flight.waiters.get(place)) else { return };
        let trip = self.trips.follow(run, asked.class, rank);
        self.assign(id, place, run, trip);
    }

    fn assign(&mut self, id: FlightId, place: usize, run: RunId, trip: TripId) {
        let Some(flight) = self.by_id.get_mut(&id) else { return };
        flight.waiters[place].run = Some(run);
        flight.runs.push(run);
        self.runs.insert(run, Run { flight: Some(id), trip, began: None, overdue: false });
    }

    /// What `overtook` says of the number at which `run` began, if another run of its flight is under way.
    pub fn other_overtaken(&self, run: RunId, overtook: impl Fn(u64) -> Option<u64>) -> Option<u64> {
        let (_, flight) = self.flight_of(run)?;
        flight.runs.iter().any(|&other| other != run && self.has_started(other)).then_some(())?;
        overtook(self.run_began(run)?)
    }

    /// Takes out the waiters of the flight of `run` that `pick` names, with the runs of theirs: those that have not started
    /// are forgotten, those under way are to be stopped. It is asked whether another run with a waiter's own loader is under
    /// way.
    pub fn take_waiters(&mut self, run: RunId, pick: impl Fn(&Asked<W>, bool) -> bool) -> Vec<Asked<W>> {
        let Some(id) = self.runs.get(&run).and_then(|run| run.flight) else { return Vec::new() };
        let Some(flight) = self.by_id.get_mut(&id) else { return Vec::new() };
        let runs = &self.runs;
        let has_started = |id: RunId| runs.get(&id).is_some_and(|run| run.began.is_some());
        let own = |asked: &Asked<W>| asked.run.is_some_and(|own| own != run && has_started(own));
        let taken: Vec<_> = flight.waiters.extract_if(.., |asked| pick(asked, own(asked))).collect();
        for own in taken.iter().filter_map(|asked| asked.run).filter(|&own| own != run) {
            match self.runs.get_mut(&own) {
                Some(under_way) if under_way.began.is_some() => {
                    under_way.flight = None;
                    self.stopped.push(own);
                    if let Some(flight) = self.by_id.get_mut(&id) {
                        flight.runs.retain(|&other| other != own);
                    }
                }
                _ => self.cancel(own),
            }
        }
        taken
    }

    /// `run` ended without a value. Its flight goes on with its other runs, or with new ones: for each waiter that `can_lead`
    /// if `for_all`, and otherwise for the first. `false`: neither is left, so the flight is to land.
    pub fn go_on_without(&mut self, run: RunId, for_all: bool, can_lead: impl Fn(&W) -> bool) -> bool {
        let Some((id, flight)) = self.flight_of(run) else { return false };
        let (has_others, detached) = (flight.runs.len() > 1, flight.detached);
        let mut leads: Vec<usize> = Vec::new();
        if !detached && (for_all || !has_others) {
            let free = |asked: &Asked<W>| asked.run.is_none_or(|own| own == run) && can_lead(&asked.who);
            let places = flight.waiters.iter().enumerate().filter(|(_, asked)| free(asked));
            leads = places.map(|(place, _)| place).take(if for_all { usize::MAX } else { 1 }).collect();
        }
        if leads.is_empty() && !has_others {
            return false;
        }
        // Of those that are nested, too: they wait for the one that leads.
        let nested = !for_all && flight.waiters.iter().any(|asked| asked.class == Class::Nested);
        let Some(Run { trip, .. }) = self.runs.remove(&run) else { return false };
        self.trips.land(trip, run);
        if let Some(flight) = self.by_id.get_mut(&id) {
            flight.runs.retain(|&other| other != run);
            flight.failing |= for_all;
            flight
                .waiters
                .iter_mut()
                .filter(|asked| asked.run == Some(run))
                .for_each(|asked| asked.run = None);
        }
        for place in leads {
            self.follow(id, place, Rank::Retry);
        }
        if nested
            && let Some(first) = self.by_id.get(&id).and_then(|flight| self.runs.get(flight.runs.first()?))
        {
            self.trips.hurry(first.trip, Class::Nested);
        }
        true
    }

    /// Queues a run for each waiter of the flight of `key` that `can_lead`.
    pub fn follow_all(&mut self, key: &str, can_lead: impl Fn(&W) -> bool) {
        let Some(id) = self.attached(key) else { return };
        let Some(flight) = self.by_id.get_mut(&id) else { return };
        flight.failing = true;
        let places: Vec<usize> = flight
            .waiters
            .iter()
            .enumerate()
            .filter_map(|(place, asked)| (asked.run.is_none() && can_lead(&asked.who)).then_some(place))
            .collect();
        for place in places {
            self.follow(id, place, Rank::Retry);
        }
    }

    /// `run` has taken longer than it may at `now`. Another begins for a waiter that `can_lead`; a flight for which nobody
    /// waits any more ends, and is returned.
    pub fn run_overdue(
        &mut self,
        run: RunId,
        now: Moment,
        can_lead: impl Fn(&W) -> bool,
        gone: impl Fn(&W) -> bool,
    ) -> Option<Landed<W>> {
        let (id, _) = self.flight_of(run)?;
        self.runs.get_mut(&run)?.overdue = true;
        self.overdue.insert(id);
        if let Some(landed) = self.end_unwanted(id, &gone) {
            return Some(landed);
        }
        if self.needs_hedge(id, now) {
            let waiters = &self.by_id.get(&id)?.waiters;
            let free = |asked: &Asked<W>| asked.run.is_none() && can_lead(&asked.who) && !gone(&asked.who);
            if let Some(place) = waiters.iter().position(free) {
                self.follow(id, place, Rank::Hedge);
            }
        }
        None
    }

    /// Ends an overdue flight, if nobody waits for it any more.
    fn end_unwanted(&mut self, id: FlightId, gone: impl Fn(&W) -> bool) -> Option<Landed<W>> {
        if self.by_id.get(&id)?.waiters.iter().any(|asked| !gone(&asked.who)) {
            return None;
        }
        let flight = self.remove(id)?;
        self.stop(&flight, None);
        let Flight { key, terms, waiters, .. } = flight;
        Some(Landed { key, terms, ticket: None, began: 0, class: Class::Caller, waiters })
    }

    /// Ends the overdue flights for which nobody waits any more.
    pub fn end_abandoned(&mut self, gone: impl Fn(&W) -> bool) -> Vec<Landed<W>> {
        let overdue: Vec<FlightId> = self.overdue.iter().copied().collect();
        overdue.into_iter().filter_map(|id| self.end_unwanted(id, &gone)).collect()
    }
}
