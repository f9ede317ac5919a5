//! A tier against a model of a host and its source: no later caller is given what an invalidation overtook.
//!
//! Owns: the source (a version for each key), the shell's part (which loads run, who was answered), the judge.
//! Never: looks inside the tier but through `check` and its counters.
//!
//! Each value is unique and the model knows when its set had ended or its load had begun, as a number of the model's
//! own clock that every turn raises. An invalidation whose turn was `t` forbids, once it is answered, every value
//! older than `t` to those who ask after that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::counters::Counters;
use super::entry::{Freshness, ReadEntry};
use super::flight::{Class, RunId};
use super::given::Source;
use super::journal::Ticket;
use super::key::Key;
use super::moment::Moment;
use super::scope::Scope;
use super::store::Cause;
use super::testing::{Rng, each_seed, item, number, some_key, some_scope, terms, value};
use super::tier::{Effects, Outcome, Rules, Taken, Tier, Waiter, Warmed};
use super::view::View;
use super::weigh::OVERHEAD;
use crate::error::{Error, Shown};

#[derive(Debug)]
struct Caller {
    id: u64,
    loader: bool,
}

impl Waiter for Caller {
    fn can_lead(&self) -> bool {
        self.loader
    }
}

/// Few, so that walks pause between other turns.
const SLICE: usize = 3;

type Fx = Effects<Caller, u32>;

/// A caller who waits.
#[derive(Debug)]
struct Asked {
    key: Key,
    /// No value of `key` older than this may be given.
    floor: u64,
}

/// A load under way in the shell.
#[derive(Debug)]
struct Load {
    id: RunId,
    incarnation: u64,
    key: Key,
    began: u64,
}

/// An invalidation that was asked for.
#[derive(Debug)]
struct Asking {
    scope: Scope,
    turn: u64,
    dry_run: bool,
    /// What matched when it began.
    matching: u64,
    /// Whether anything else happened since.
    alone: bool,
}

struct Run {
    rng: Rng,
    tier: Tier<Caller, u32>,
    view: Arc<View>,
    counters: Arc<Counters>,
    now: Moment,
    /// Raised by every turn.
    turn: u64,
    /// When the value of that number came to be: the end of its set, the start of its load or of its warm run.
    born: BTreeMap<u64, u64>,
    /// When it was first seen in the view.
    shown: BTreeMap<u64, u64>,
    floors: BTreeMap<Key, u64>,
    /// Scopes whose invalidation is complete, with their turns: floors of keys not seen yet.
    fences: Vec<(Scope, u64)>,
    asked: BTreeMap<u64, Asked>,
    loads: Vec<Load>,
    asking: BTreeMap<u32, Asking>,
    warm: Vec<(Ticket, u64)>,
    last_id: u64,
    started: u64,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let rules = Rules {
            name: "user".into(),
            enabled: !rng.one_in(20),
            max_entry: 4 * OVERHEAD,
            load_concurrency: 1 + rng.below(4) as usize,
            load_queue: rng.below(6) as usize,
        };
        let view = Arc::new(View::new(seed));
        let counters = Arc::new(Counters::default());
        let grant = 15 * OVERHEAD;
        let mut tier = Tier::new(rules, Arc::clone(&view), Arc::clone(&counters), grant, Moment::START);
        tier.slice = SLICE;
        Self {
            rng,
            tier,
            view,
            counters,
            now: Moment::START,
            turn: 0,
            born: BTreeMap::new(),
            shown: BTreeMap::new(),
            floors: BTreeMap::new(),
            fences: Vec::new(),
            asked: BTreeMap::new(),
            loads: Vec::new(),
            asking: BTreeMap::new(),
            warm: Vec::new(),
            last_id: 0,
            started: 0,
        }
    }

    fn step(&mut self) {
        self.turn += 1;
        let mut fx = Fx::default();
        let asks = self.rng.below(26);
        if !matches!(asks, 15..=18) {
            self.asking.values_mut().for_each(|asking| asking.alone = false);
        }
        match asks {
            0..=2 => self.set(&mut fx),
            3 => self.remove(&mut fx),
            4..=8 => self.load(&mut fx),
            9..=12 => self.land(&mut fx),
            13..=14 => self.invalidate(&mut fx),
            15..=18 => self.tier.go_on(&mut fx),
            19 => self.pass_time(&mut fx),
            20 => self.tier.set_grant((4 + self.rng.below(25)) * OVERHEAD, self.now, &mut fx),
            21 => self.open_or_close_warm(),
            22 if self.rng.one_in(30) => self.reset(&mut fx),
            24 => self.overdue(&mut fx),
            _ => self.store_warm(&mut fx),
        }
        self.settle(fx);
        self.judge();
    }

    fn fresh_number(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn ttl(&mut self) -> Duration {
        Duration::from_millis([0, 700, 5_000, 100_000, u64::MAX][self.rng.below(5) as usize])
    }

    fn floor(&self, key: &Key) -> u64 {
        let fenced =
            self.fences.iter().filter(|(scope, _)| scope.matches(key.as_str())).map(|&(_, turn)| turn);
        fenced.chain(self.floors.get(key).copied()).max().unwrap_or(0)
    }

    /// Whether there is something under `key` that could be served to anybody.
    fn held(&self, key: &Key) -> bool {
        let entry = self.tier.store().find(key.as_str());
        entry.is_some_and(|entry| entry.freshness(self.now) != Freshness::Dead)
    }

    fn set(&mut self, fx: &mut Fx) {
        let (key, number, ttl) = (some_key(&mut self.rng), self.fresh_number(), self.ttl());
        let padding = if self.rng.one_in(8) { 2_000 } else { 0 };
        self.born.insert(number, self.turn);
        let held = self.held(&key);
        let stored = self.tier.set(item(&key, value(number, padding), ttl), self.now, fx);
        // Read your writes: from now on nothing older than this set.
        self.floors.insert(key.clone(), self.turn);
        match stored {
            Ok(stored) => {
                assert_eq!(stored.replaced, held);
                assert!(stored.kept || self.tier.store().find(key.as_str()).is_none());
            }
            Err(error) => {
                assert!(matches!(error, Error::TooLarge { .. }), "{error}");
                assert!(self.tier.store().find(key.as_str()).is_none(), "the older value stayed");
            }
        }
    }

    fn remove(&mut self, fx: &mut Fx) {
        let key = some_key(&mut self.rng);
        let held = self.held(&key);
        self.tier.tick(self.now, false);
        let taken = self.tier.remove(&key, fx);
        assert_eq!(taken.matched, u64::from(held));
        self.floors.insert(key, self.turn);
    }

    fn load(&mut self, fx: &mut Fx) {
        let (key, id, ttl) = (some_key(&mut self.rng), self.fresh_number(), self.ttl());
        let caller = Caller { id, loader: !self.rng.one_in(5) };
        // A nested caller is itself a loader, so only one that runs can ask.
        let nested = !self.loads.is_empty() && self.rng.one_in(4);
        self.asked.insert(id, Asked { key: key.clone(), floor: self.floor(&key) });
        let class = if nested { Class::Nested } else { Class::Caller };
        self.tier.load(&key, &terms(ttl), class, caller, self.now, fx);
        let running = self.counters.loads.get() - self.landed();
        let answered = fx.answers.iter().any(|(caller, _)| caller.id == id);
        let started = fx.starts.len();
        assert!(
            !nested || answered || started > 0 || running > 0,
            "a nested caller waits for nothing that runs"
        );
    }

    fn land(&mut self, fx: &mut Fx) {
        if self.loads.is_empty() {
            return;
        }
        let load = self.loads.swap_remove(self.rng.below(self.loads.len() as u64) as usize);
        let outcome = match self.rng.below(9) {
            8 => Outcome::FailedAlone(Error::LoadLost { key: Shown::new("failed") }),
            0 => Outcome::Failed(Error::LoadLost { key: Shown::new("failed") }),
            1 | 2 => Outcome::Lost,
            _ => {
                let number = self.fresh_number();
                self.born.insert(number, load.began);
                Outcome::Loaded(value(number, if self.rng.one_in(10) { 2_000 } else { 0 }).into())
            }
        };
        let counted = self.landed();
        let lives = load.incarnation == self.tier.incarnation();
        self.tier.land(load.id, load.incarnation, outcome, Duration::ZERO, self.now, fx);
        assert_eq!(self.landed() - counted, u64::from(lives), "{} is counted once", load.key);
    }

    /// A load has taken longer than it may. It may be one that nobody waits for any more, or of an earlier life.
    fn overdue(&mut self, fx: &mut Fx) {
        if self.loads.is_empty() {
            return;
        }
        let place = self.rng.below(self.loads.len() as u64) as usize;
        let (id, incarnation) = (self.loads[place].id, self.loads[place].incarnation);
        self.now = self.now.after(Duration::from_secs(30));
        self.tier.tick(self.now, false);
        self.tier.note_overdue(id, incarnation, self.now, fx);
    }

    fn landed(&self) -> u64 {
        let Counters { loads_ok, loads_failed, loads_panicked, loads_timed_out, loads_lost, .. } =
            &*self.counters;
        [loads_ok, loads_failed, loads_panicked, loads_timed_out, loads_lost]
            .map(super::counters::Count::get)
            .iter()
            .sum()
    }

    fn invalidate(&mut self, fx: &mut Fx) {
        let scope = match self.rng.below(12) {
            0 => Scope::All,
            1 => Scope::Tier("user".into()),
            _ => some_scope(&mut self.rng),
        };
        let dry_run = self.rng.one_in(4);
        let held = self.tier.store().keys();
        let matching = held.iter().filter(|key| scope.matches(key.as_str())).count() as u64;
        let token = self.fresh_number() as u32;
        if self.rng.one_in(2) && !dry_run {
            // First asked what would be taken: the real run that follows at once takes just that.
            self.tier.slice = usize::MAX;
            let mut dry = Fx::default();
            self.tier.invalidate(scope.clone(), true, token, self.now, &mut dry);
            let (_, would) = dry.taken.pop().expect("few entries are counted in one turn");
            self.tier.invalidate(scope.clone(), false, token, self.now, fx);
            let &(_, took) = fx.taken.last().expect("few entries are taken in one turn");
            assert_eq!((would.matched, would.bytes), (took.matched, took.bytes), "{scope}");
            self.tier.slice = SLICE;
        } else {
            self.tier.invalidate(scope.clone(), dry_run, token, self.now, fx);
        }
        self.asking.insert(token, Asking { scope, turn: self.turn, dry_run, matching, alone: true });
    }

    fn pass_time(&mut self, fx: &mut Fx) {
        let jump = [1, 800, 4_000, 200_000][self.rng.below(4) as usize];
        self.now = self.now.after(Duration::from_millis(jump));
        self.tier.expire(self.now, fx);
    }

    fn open_or_close_warm(&mut self) {
        if self.warm.len() < 3 && self.rng.one_in(2) {
            self.warm.push((self.tier.begin_warm(), self.turn));
        } else if !self.warm.is_empty() {
            let at = self.rng.below(self.warm.len() as u64) as usize;
            let (ticket, _) = self.warm.swap_remove(at);
            self.tier.end_warm(ticket);
        }
    }

    /// What a run brings may have been read right when it began.
    fn store_warm(&mut self, fx: &mut Fx) {
        if self.warm.is_empty() {
            return;
        }
        let (ticket, began) = self.warm[self.rng.below(self.warm.len() as u64) as usize];
        let (key, number, ttl) = (some_key(&mut self.rng), self.fresh_number(), self.ttl());
        self.born.insert(number, began);
        let warmed = self.tier.store_warm(ticket, item(&key, value(number, 0), ttl), self.now, fx);
        let held = self
            .tier
            .store()
            .find(key.as_str())
            .is_some_and(|entry| super::testing::number(&entry.value()) == number);
        assert_eq!(warmed == Warmed::Stored, held);
        assert!(ticket.incarnation == self.tier.incarnation() || warmed == Warmed::Revoked);
    }

    fn reset(&mut self, fx: &mut Fx) {
        self.view = Arc::new(View::new(self.turn));
        let mut broken = self.tier.reset(Arc::clone(&self.view), self.now);
        self.tier.slice = SLICE;
        let (waiters, walking) = broken.drain();
        let gone = |caller: Caller| (caller, Err(Error::LoadLost { key: Shown::new("broken") }));
        fx.answers.extend(waiters.into_iter().map(gone));
        // What was there is gone with the old life, so these are complete.
        fx.taken.extend(walking);
    }

    /// The shell's part: starts loads, hands out answers.
    fn settle(&mut self, fx: Fx) {
        for id in fx.starts {
            let (key, _, leader) = self.tier.leader(id).expect("a load that is to start has a leader");
            let led = leader.loader;
            leader.loader = false; // taken by the task
            let load = Load { id, incarnation: self.tier.incarnation(), key, began: self.turn };
            self.started += 1;
            if led || self.rng.one_in(2) {
                self.loads.push(load);
            } else {
                // Its caller has no loader: the shell reports that no task could be begun.
                let mut next = Fx::default();
                self.tier.land(load.id, load.incarnation, Outcome::Lost, Duration::ZERO, self.now, &mut next);
                self.settle(next);
            }
        }
        for (caller, answer) in fx.answers {
            let asked = self.asked.remove(&caller.id).expect("a caller is answered once");
            if let Ok(given) = answer {
                let born = self.born[&number(&given.value)];
                assert!(
                    born >= asked.floor,
                    "{} is given what was overtaken before it was asked for",
                    asked.key
                );
                assert!(given.source != Source::Memory || given.stored);
            }
        }
        for gone in fx.gone.iter().filter(|gone| gone.cause == Cause::Invalidated) {
            let (key, shown) = (gone.entry.key(), self.shown[&number(&gone.entry.value())]);
            let asked = |asking: &Asking| !asking.dry_run && asking.turn > shown && asking.scope.matches(key);
            assert!(
                self.asking.values().any(asked),
                "{key} was taken, but nobody asked for that since it was stored"
            );
        }
        for (token, taken) in fx.taken {
            let asking = self.asking.remove(&token).expect("an invalidation is answered once");
            self.complete(&asking, taken);
        }
    }

    fn complete(&mut self, asking: &Asking, taken: Taken) {
        if asking.alone {
            assert_eq!(taken.matched, asking.matching, "{}", asking.scope);
        }
        if !asking.dry_run {
            self.fences.push((asking.scope.clone(), asking.turn));
        }
    }

    fn judge(&mut self) {
        self.tier.check();
        let view = Arc::clone(&self.view);
        let mut scan = view.scan();
        while scan.step(16, |entry| {
            self.shown.entry(number(&entry.value())).or_insert(self.turn);
            let born = self.born[&number(&entry.value())];
            let floor = self.floor(&entry.to_key());
            assert!(born >= floor, "{} serves what was overtaken", entry.key());
        }) {}
        let key = some_key(&mut self.rng);
        let read = self.view.read(key.as_str(), self.now, Duration::ZERO);
        assert!(read.is_none_or(|entry| entry.is_fresh(self.now)));
        self.judge_counters();
        self.judge_loads();
    }

    fn judge_counters(&self) {
        let counters = &self.counters;
        let Counters { replaced, expired, evicted, removed, invalidated, cleared, displaced, lost, .. } =
            &**counters;
        let left = [replaced, expired, evicted, removed, invalidated, cleared, displaced, lost];
        let left: u64 = left.map(super::counters::Count::get).iter().sum();
        assert_eq!(
            self.tier.store().len(),
            counters.sets.get() - left,
            "entries are not what came less what left"
        );
        assert_eq!(counters.loads.get(), self.started);
        self.tier.publish();
        let running =
            self.loads.iter().filter(|load| load.incarnation == self.tier.incarnation()).count() as u64;
        let shown = counters.loads_now.0.load(std::sync::atomic::Ordering::Relaxed);
        assert_eq!(shown, running, "loads that run");
        assert_eq!(
            counters.loads.get(),
            self.landed() + running,
            "loads are not those that ended and those that run"
        );
    }

    fn judge_loads(&self) {
        let runs = |load: &&Load| load.incarnation == self.tier.incarnation();
        // With nothing that runs, nobody is left to wait.
        if !self.loads.iter().any(|load| runs(&load)) {
            assert!(
                self.asked.is_empty(),
                "{:?} wait for nothing",
                self.asked.keys().collect::<BTreeSet<_>>()
            );
        }
    }
}

#[test]
fn a_tier_gives_nobody_what_an_invalidation_overtook() {
    each_seed(300, |seed| {
        let mut run = Run::new(seed);
        for _ in 0..300 {
            run.step();
        }
        while !run.loads.is_empty() {
            run.turn += 1;
            let mut fx = Fx::default();
            run.land(&mut fx);
            run.settle(fx);
            run.judge();
        }
        assert!(run.asked.is_empty(), "somebody was never answered");
    });
}
