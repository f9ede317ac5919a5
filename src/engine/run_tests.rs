//! Several runs of one flight: after an error that only one caller can be given, and after a run that takes too long.
//!
//! Owns: one example for each order of events. Never: random runs (`tier_model_tests` has them).

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::counters::Counters;
use super::flight::{Class, RunId};
use super::moment::Moment;
use super::places::Places;
use super::scope::Scope;
use super::terms::Terms;
use super::testing::{item, key, number, terms, value};
use super::tier::{Brought, Effects, Item, Outcome, Rules, Tier, Waiter};
use super::view::View;
use crate::error::{Error, ErrorKind, Shown};

const TTL: Duration = Duration::from_secs(60);
/// What `terms` says of a load.
const TIMEOUT: Duration = Duration::from_secs(30);
const KEY: &str = "user::42";

/// A caller, and what the test knows of it.
#[derive(Debug, Clone)]
struct Caller {
    name: u32,
    has_loader: Rc<Cell<bool>>,
    is_gone: Rc<Cell<bool>>,
    outlasts: bool,
    shares: bool,
}

impl Waiter for Caller {
    fn can_lead(&self) -> bool {
        self.has_loader.get()
    }

    fn is_gone(&self) -> bool {
        self.is_gone.get()
    }

    fn outlasts_timeouts(&self) -> bool {
        self.outlasts
    }

    fn shares(&self, _: &Error) -> bool {
        self.shares
    }
}

type Fx = Effects<Caller, ()>;

struct Bench {
    tier: Tier<Caller, ()>,
    now: Moment,
    callers: Vec<Caller>,
    /// Of callers to come.
    shares: bool,
}

impl Bench {
    fn new(load_concurrency: usize) -> Self {
        let name = "user".into();
        let rules = Rules { name, enabled: true, max_entry: 1 << 20, load_concurrency, load_queue: 1 };
        let (view, counters) = (Arc::new(View::new(1)), Arc::new(Counters::default()));
        let tier = Tier::new(rules, view, counters, 1 << 20, Moment::START);
        Self { tier, now: Moment::START, callers: Vec::new(), shares: false }
    }

    fn turn(&mut self, run: impl FnOnce(&mut Tier<Caller, ()>, Moment, &mut Fx)) -> Fx {
        let mut fx = Effects::default();
        self.tier.tick(self.now, false);
        run(&mut self.tier, self.now, &mut fx);
        self.tier.check();
        for &id in &fx.starts {
            let (_, _, leader) = self.tier.leader(id).expect("a run that starts has a caller");
            assert!(leader.has_loader.replace(false), "a loader runs twice");
        }
        fx
    }

    /// One more caller asks for [`KEY`].
    fn ask(&mut self, outlasts: bool) -> Fx {
        let name = self.callers.len() as u32;
        let (has_loader, is_gone) = (Rc::new(Cell::new(true)), Rc::default());
        self.callers.push(Caller { name, has_loader, is_gone, outlasts, shares: self.shares });
        let caller = self.callers[name as usize].clone();
        self.turn(|tier, now, fx| tier.load(&key(KEY), &terms(TTL), Class::Caller, caller, now, fx))
    }

    /// The first of `callers` leads.
    fn ask_all(&mut self, callers: u32) -> RunId {
        let first = self.ask(true).starts[0];
        (1..callers).for_each(|_| assert!(self.ask(true).starts.is_empty()));
        first
    }

    fn land(&mut self, id: RunId, outcome: Outcome) -> Fx {
        self.turn(|tier, now, fx| tier.land(id, tier.incarnation(), outcome, TTL, now, fx))
    }

    fn overdue_after(&mut self, id: RunId, span: Duration) -> Fx {
        self.now = self.now.after(span);
        self.turn(|tier, now, fx| tier.note_overdue(id, tier.incarnation(), now, fx))
    }

    fn leave(&mut self, caller: u32) -> Fx {
        self.callers[caller as usize].is_gone.set(true);
        self.turn(Tier::give_up_abandoned)
    }
}

fn failed() -> Error {
    Error::LoadLost { key: Shown::new(KEY) }
}

fn late() -> Outcome {
    Outcome::Failed(Error::LoadTimeout { key: Shown::new(KEY), after: TIMEOUT })
}

fn loaded() -> Outcome {
    Outcome::Loaded(Brought::from(value(7, 0)))
}

/// Who is answered, with the value or the kind of error.
fn answers(fx: &Fx) -> Vec<(u32, Result<u64, ErrorKind>)> {
    let answer = |(who, answer): &(Caller, Result<_, Error>)| {
        let given = answer.as_ref().map(|given: &super::given::Given| number(&given.value));
        (who.name, given.map_err(Error::kind))
    };
    let mut all: Vec<_> = fx.answers.iter().map(answer).collect();
    all.sort_by_key(|(who, _)| *who);
    all
}

#[test]
fn after_an_error_for_one_caller_the_others_load_side_by_side_within_the_places() {
    let mut bench = Bench::new(2);
    let first = bench.ask_all(6);
    let mut fx = bench.land(first, Outcome::FailedAlone(failed()));
    assert_eq!(answers(&fx), [(0, Err(ErrorKind::LoadLost))]);
    let mut running = fx.starts;
    assert_eq!(running.len(), 2);
    for caller in 1..=3 {
        fx = bench.land(running.remove(0), Outcome::FailedAlone(failed()));
        assert_eq!((answers(&fx), fx.starts.len()), (vec![(caller, Err(ErrorKind::LoadLost))], 1));
        running.extend(fx.starts);
    }
    let fx = bench.land(running.remove(1), loaded());
    assert_eq!(answers(&fx), [(4, Ok(7)), (5, Ok(7))], "the first value is for all who still wait");
    assert_eq!(bench.tier.take_stopped(), running, "the other run is of no use");
    assert_eq!(bench.tier.flights.counts(), (1, 0), "it holds its place until it has ended");
    bench.land(running[0], Outcome::Lost);
    assert_eq!(bench.tier.flights.counts(), (0, 0));
}

#[test]
fn who_joins_a_flight_whose_runs_fail_loads_at_once_and_who_is_gone_does_not_load() {
    let mut bench = Bench::new(8);
    let first = bench.ask_all(4);
    bench.callers[2].is_gone.set(true);
    assert_eq!(bench.land(first, Outcome::FailedAlone(failed())).starts.len(), 2);
    assert_eq!(bench.ask(true).starts.len(), 1, "it would wait for those that fail");
}

#[test]
fn a_shared_error_is_for_all_but_those_whose_loaders_run() {
    let mut bench = Bench::new(2);
    let first = bench.ask_all(5);
    let runs = bench.land(first, Outcome::FailedAlone(failed())).starts;
    let fx = bench.land(runs[0], Outcome::Failed(failed()));
    let error = Err(ErrorKind::LoadLost);
    assert_eq!(answers(&fx), [(1, error), (3, error), (4, error)]);
    assert_eq!(bench.tier.flights.counts(), (1, 0), "those that waited for a place are forgotten");
    assert_eq!(answers(&bench.land(runs[1], loaded())), [(2, Ok(7))]);
}

#[test]
fn a_shared_error_ends_the_runs_of_those_that_can_return_it() {
    let mut bench = Bench::new(8);
    bench.shares = true;
    let first = bench.ask_all(5);
    let second = bench.overdue_after(first, TIMEOUT).starts[0];
    bench.shares = false;
    assert!(bench.ask(true).starts.is_empty());
    let third = bench.overdue_after(first, TIMEOUT).starts[0];
    let fx = bench.land(third, Outcome::Failed(failed()));
    assert_eq!(fx.answers.len(), 6);
    assert_eq!(bench.tier.take_stopped(), [first, second]);
    assert!(bench.tier.flights.is_empty());
    bench.land(first, loaded());
    bench.land(second, Outcome::Lost);
    assert_eq!(bench.tier.flights.counts(), (0, 0), "their places are free");
}

#[test]
fn one_more_run_begins_after_each_time_limit_and_the_first_value_is_for_all() {
    let mut bench = Bench::new(8);
    let first = bench.ask_all(200);
    let second = bench.overdue_after(first, TIMEOUT).starts;
    assert_eq!(second.len(), 1);
    assert!(bench.ask(true).starts.is_empty(), "the last run has its time");
    let third = bench.overdue_after(first, TIMEOUT).starts;
    assert_eq!(third.len(), 1);
    assert!(bench.overdue_after(second[0], Duration::ZERO).starts.is_empty(), "one for each time limit");
    let fx = bench.land(first, loaded());
    assert_eq!(fx.answers.len(), 201);
    assert_eq!(bench.tier.take_stopped(), [second[0], third[0]]);
}

#[test]
fn who_joins_long_after_the_last_run_began_loads_at_once() {
    let mut bench = Bench::new(8);
    let first = bench.ask_all(1);
    assert!(bench.overdue_after(first, TIMEOUT).starts.is_empty(), "nobody else waits");
    assert_eq!(bench.ask(true).starts.len(), 1);
    assert!(bench.ask(true).starts.is_empty());
}

#[test]
fn a_run_for_a_late_load_waits_until_no_first_load_waits() {
    let mut bench = Bench::new(1);
    let first = bench.ask_all(2);
    assert!(bench.overdue_after(first, TIMEOUT).starts.is_empty(), "there is no place");
    let other = Caller { name: 99, has_loader: Rc::new(Cell::new(true)), ..bench.callers[0].clone() };
    bench.turn(|tier, now, fx| tier.load(&key("user::1"), &terms(TTL), Class::Caller, other, now, fx));
    let fx = bench.land(first, Outcome::Failed(failed()));
    assert_eq!((fx.answers.len(), fx.starts.len()), (2, 1), "the other key's");
    assert_eq!(bench.tier.flights.counts(), (1, 0));
}

#[test]
fn a_late_load_for_which_nobody_waits_is_stopped() {
    let mut bench = Bench::new(8);
    let first = bench.ask_all(2);
    bench.leave(0);
    assert!(bench.tier.take_stopped().is_empty(), "it is not late yet");
    let second = bench.overdue_after(first, TIMEOUT).starts[0];
    bench.leave(1);
    assert_eq!(bench.tier.take_stopped(), [first, second]);
    assert!(bench.ask(true).starts.len() == 1, "a caller that comes now begins anew");
}

#[test]
fn a_first_load_that_waits_for_a_place_is_forgotten_when_nobody_waits_for_it() {
    let mut bench = Bench::new(1);
    let other = key("user::1");
    let stale = Terms { stale: 10 * TTL, ..terms(TTL) };
    bench.turn(|tier, now, fx| {
        let item = Item { terms: stale, ..item(&other, value(8, 0), TTL) };
        tier.set(item, now, fx).expect("the value fits");
    });
    bench.now = bench.now.after(2 * TTL);
    // Where its caller was served the old value, it is to renew that.
    for (terms, begins) in [(terms(TTL), 0), (stale, 1)] {
        let first = bench.ask_all(1);
        let (has_loader, is_gone) = (Rc::new(Cell::new(true)), Rc::new(Cell::new(true)));
        let gone = Caller { name: 99, has_loader, is_gone, outlasts: true, shares: false };
        bench.turn(|tier, now, fx| tier.load(&other, &terms, Class::Caller, gone, now, fx));
        assert_eq!(bench.tier.flights.counts(), (1, 1));
        let fx = bench.land(first, Outcome::Failed(failed()));
        assert_eq!((fx.starts.len(), bench.tier.flights.counts()), (begins, (begins, 0)));
        assert_eq!(bench.tier.flights.is_empty(), begins == 0);
    }
}

#[test]
fn a_time_limit_is_an_error_only_for_those_that_have_one_for_it() {
    let mut bench = Bench::new(8);
    let first = bench.ask(false).starts[0];
    (1..5).for_each(|caller| assert!(bench.ask(caller % 2 == 0).starts.is_empty()));
    let fx = bench.land(first, late());
    let error = Err(ErrorKind::LoadTimeout);
    assert_eq!(answers(&fx), [(0, error), (1, error), (3, error)]);
    assert_eq!(fx.starts.len(), 1, "one of the others leads");
    assert_eq!(answers(&bench.land(fx.starts[0], loaded())), [(2, Ok(7)), (4, Ok(7))]);
}

#[test]
fn a_late_load_that_was_revoked_gets_company_too_and_stores_nothing() {
    let mut bench = Bench::new(8);
    let first = bench.ask_all(3);
    bench.turn(|tier, now, fx| tier.invalidate(Scope::Key(key(KEY)), false, (), now, fx));
    let second = bench.overdue_after(first, TIMEOUT).starts[0];
    assert_eq!(bench.ask(true).starts.len(), 1, "a caller after the invalidation joins none of them");
    let fx = bench.land(second, loaded());
    assert_eq!(fx.answers.len(), 3);
    assert!(fx.answers.iter().all(|(_, given)| !given.as_ref().expect("a value").stored));
    assert!(bench.tier.store().is_empty());
}

#[test]
fn an_invalidation_between_runs_lets_those_who_wait_load_side_by_side() {
    let mut bench = Bench::new(2);
    let first = bench.ask_all(6);
    let runs = bench.land(first, Outcome::FailedAlone(failed())).starts;
    bench.turn(|tier, now, fx| tier.invalidate(Scope::All, false, (), now, fx));
    assert!(bench.land(runs[0], Outcome::FailedAlone(failed())).starts.is_empty());
    let fx = bench.land(runs[1], Outcome::FailedAlone(failed()));
    assert_eq!(fx.starts.len(), 2, "a new load, with two of the three who wait");
    assert!(bench.land(fx.starts[0], loaded()).answers.len() == 3 && bench.tier.store().len() == 1);
}

#[test]
fn a_set_ends_a_late_load() {
    let mut bench = Bench::new(8);
    let first = bench.ask_all(2);
    let second = bench.overdue_after(first, TIMEOUT).starts[0];
    let fx = bench.turn(|tier, now, fx| {
        tier.set(item(&key(KEY), value(8, 0), TTL), now, fx).expect("the value fits");
    });
    assert_eq!(answers(&fx), [(0, Ok(8)), (1, Ok(8))]);
    assert_eq!(bench.tier.take_stopped(), [first, second]);
}

#[test]
fn places_that_others_hold_are_not_taken_twice() {
    let mut bench = Bench::new(2);
    let places = Arc::new(Places::new(2));
    bench.tier.share_places(Arc::clone(&places));
    places.wait(Box::new(|| true));
    places.wait(Box::new(|| true));
    assert!(bench.ask(true).starts.is_empty());
    assert!(places.give_back(), "the tier waits");
    assert_eq!(bench.turn(|tier, _, fx| tier.start_loads(fx)).starts.len(), 1);
}
