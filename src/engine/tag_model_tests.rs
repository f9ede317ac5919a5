//! Tags, many keys, expiry by hand, stamps and fences against a model that forgets nothing.
//!
//! Owns: what every value is (key, tags, when its source was read), who asked when, the judge.
//! Never: looks inside the tier but through `check`; `tier_model_tests` judges counters and the life of loads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::counters::Counters;
use super::entry::{Origin, ReadEntry};
use super::fences::{End, FenceId};
use super::flight::{Class, RunId};
use super::journal::Ticket;
use super::key::Key;
use super::moment::Moment;
use super::scope::{How, Scope};
use super::stamp::At;
use super::sweep::Order;
use super::tag::Tags;
use super::terms::Terms;
use super::testing::{Rng, any_scope, each_seed, number, some_key, some_tags, value};
use super::tier::{Brought, Effects, Item, Outcome, Rules, Tier, Waiter};
use super::view::View;
use super::weigh::OVERHEAD;

/// A caller by number, whether its loader is there, and what it wants nothing older than.
#[derive(Debug)]
struct Caller(u64, bool, Option<At>);

impl Waiter for Caller {
    fn can_lead(&self) -> bool {
        self.1
    }

    fn not_before(&self, incarnation: u64) -> u64 {
        self.2.filter(|at| at.incarnation == incarnation).map_or(0, |at| at.seq)
    }
}

type Fx = Effects<Caller, u32>;

/// What is known of a value.
#[derive(Debug, Clone)]
struct Known {
    key: Key,
    tags: Tags,
    /// The turn in which its set ended, or its source was read at the earliest.
    born: u64,
}

/// An invalidation: under way, or complete.
#[derive(Debug, Clone)]
struct Asking {
    scope: Scope,
    how: How,
    turn: u64,
}

struct Run {
    rng: Rng,
    tier: Tier<Caller, u32>,
    view: Arc<View>,
    now: Moment,
    turn: u64,
    last: u64,
    values: BTreeMap<u64, Known>,
    asking: BTreeMap<u32, Asking>,
    complete: Vec<Asking>,
    /// Keys that were set, and when: nobody is given what is older.
    sets: BTreeMap<Key, u64>,
    /// Who waits: how many invalidations were complete when it asked, and the turn of its stamp.
    callers: BTreeMap<u64, (usize, u64)>,
    loads: Vec<(RunId, Key, u64)>,
    warm: Option<(Ticket, u64)>,
    open: Vec<(FenceId, Scope, u64)>,
    stamps: Vec<(At, u64)>,
}

impl Run {
    fn new(seed: u64) -> Self {
        let rules = Rules {
            name: "user".into(),
            enabled: true,
            max_entry: 4 * OVERHEAD,
            load_concurrency: 3,
            load_queue: 4,
        };
        let view = Arc::new(View::new(seed));
        let mut tier =
            Tier::new(rules, Arc::clone(&view), Arc::new(Counters::default()), 40 * OVERHEAD, Moment::START);
        tier.slice = 3;
        Self {
            rng: Rng::new(seed),
            tier,
            view,
            now: Moment::START,
            turn: 0,
            last: 0,
            values: BTreeMap::new(),
            asking: BTreeMap::new(),
            complete: Vec::new(),
            sets: BTreeMap::new(),
            callers: BTreeMap::new(),
            loads: Vec::new(),
            warm: None,
            open: Vec::new(),
            stamps: Vec::new(),
        }
    }

    fn step(&mut self) {
        self.turn += 1;
        let mut fx = Fx::default();
        match self.rng.below(20) {
            0 | 1 => self.set(&mut fx),
            2..=5 => self.load(&mut fx),
            6..=9 => self.land(&mut fx),
            10..=12 => self.invalidate(&mut fx),
            13 | 14 => self.tier.go_on(&mut fx),
            15 => self.open_or_close_fence(&mut fx),
            16 | 17 => self.warm(&mut fx),
            18 => {
                self.now = self.now.after(Duration::from_millis(200 * self.rng.below(10)));
                self.tier.expire(self.now, &mut fx);
            }
            _ => self.tier.set_grant((4 + self.rng.below(60)) * OVERHEAD, self.now, &mut fx),
        }
        self.settle(fx);
        self.judge();
    }

    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn terms(&mut self) -> Terms {
        let span = |rng: &mut Rng| Duration::from_millis([0, 500, 60_000][rng.below(3) as usize]);
        let (ttl, stale) = (span(&mut self.rng).max(Duration::from_millis(100)), span(&mut self.rng));
        Terms { ttl, stale, ..Terms::default() }
    }

    /// A new value of `key`, whose source was read in the turn `born` at the earliest.
    fn item(&mut self, key: &Key, born: u64) -> (u64, Item) {
        let (number, tags, terms) = (self.next(), some_tags(&mut self.rng), self.terms());
        self.values.insert(number, Known { key: key.clone(), tags: tags.clone(), born });
        (number, Item { key: key.clone(), value: value(number, 0), tags, terms })
    }

    fn set(&mut self, fx: &mut Fx) {
        let key = some_key(&mut self.rng);
        let (_, item) = self.item(&key, self.turn);
        self.tier.set(item, self.now, fx).expect("the value fits");
        self.sets.insert(key, self.turn);
    }

    fn load(&mut self, fx: &mut Fx) {
        let (id, key, terms) = (self.next(), some_key(&mut self.rng), self.terms());
        let stamp = if self.stamps.is_empty() || self.rng.one_in(2) {
            None
        } else {
            Some(self.stamps[self.rng.below(self.stamps.len() as u64) as usize])
        };
        self.callers.insert(id, (self.complete.len(), stamp.map_or(0, |(_, turn)| turn)));
        let caller = Caller(id, !self.rng.one_in(6), stamp.map(|(at, _)| at));
        self.tier.load(&key, &terms, Class::Caller, caller, self.now, fx);
    }

    fn land(&mut self, fx: &mut Fx) {
        if self.loads.is_empty() {
            return;
        }
        let (id, key, began) = self.loads.swap_remove(self.rng.below(self.loads.len() as u64) as usize);
        let (_, Item { value, tags, .. }) = self.item(&key, began);
        let outcome = Outcome::Loaded(Brought { tags, ..Brought::from(value) });
        let outcome = if self.rng.one_in(6) { Outcome::Lost } else { outcome };
        self.tier.land(id, 0, outcome, Duration::ZERO, self.now, fx);
    }

    fn invalidate(&mut self, fx: &mut Fx) {
        let scope = if self.rng.one_in(10) { Scope::All } else { any_scope(&mut self.rng) };
        let how = if self.rng.one_in(3) { How::Expire } else { How::Remove };
        let token = self.next() as u32;
        let mut would = Fx::default();
        let held = self.tier.store().keys();
        let found = held.iter().map(|key| self.tier.store().find(key.as_str()).expect("it is held"));
        let matching = found.filter(|entry| scope.takes(entry.key(), entry.tags())).count() as u64;
        let walking = self.tier.is_walking();
        self.tier.order(Order { scope: scope.clone(), how, dry_run: true }, token, self.now, &mut would);
        match would.taken.pop() {
            Some((_, would)) => assert_eq!(would.matched, matching, "{scope}"),
            None => assert!(!matches!(scope, Scope::Tag(_)), "a dry run by tag is done at once"),
        }
        // A dry run that did not end at once walks on; nobody waits for it here.
        self.asking.insert(token, Asking { scope: scope.clone(), how: How::Expire, turn: 0 });
        let token = self.next() as u32;
        self.asking.insert(token, Asking { scope: scope.clone(), how, turn: self.turn });
        self.tier.order(Order { scope: scope.clone(), how, dry_run: false }, token, self.now, fx);
        if let Some((_, taken)) = fx.taken.iter().find(|(done, _)| *done == token) {
            assert!(walking || taken.matched == matching, "{scope} took {} of {matching}", taken.matched);
        }
    }

    fn open_or_close_fence(&mut self, fx: &mut Fx) {
        if self.open.len() < 2 && self.rng.one_in(2) {
            let (id, scope) = (FenceId(self.next()), any_scope(&mut self.rng));
            self.tier.open_fence(id, scope.clone()).expect("few are open");
            self.open.push((id, scope, self.last));
        } else if let Some((id, scope, _)) = self.open.pop() {
            let token = self.next() as u32;
            let end = if self.rng.one_in(3) { End::Abort } else { End::Commit };
            let turn = if end == End::Commit { self.turn } else { 0 };
            self.asking.insert(token, Asking { scope: scope.clone(), how: How::Remove, turn });
            self.tier.close_fence(id, scope, end, token, self.now, fx);
        }
    }

    fn warm(&mut self, fx: &mut Fx) {
        match self.warm {
            None => self.warm = Some((self.tier.begin_warm(), self.turn)),
            Some((ticket, _)) if self.rng.one_in(6) => {
                self.tier.end_warm(ticket);
                self.warm = None;
            }
            Some((ticket, began)) => {
                let key = some_key(&mut self.rng);
                let (_, item) = self.item(&key, began);
                self.tier.store_warm(ticket, item, self.now, fx);
            }
        }
    }

    fn settle(&mut self, fx: Fx) {
        for id in fx.starts {
            let (key, _, leader) = self.tier.leader(id).expect("a load that is to start has a leader");
            if std::mem::take(&mut leader.1) {
                self.loads.push((id, key, self.turn));
            } else {
                let mut next = Fx::default();
                self.tier.land(id, 0, Outcome::Lost, Duration::ZERO, self.now, &mut next);
                self.settle(next);
            }
        }
        for (caller, answer) in fx.answers {
            let (complete, stamp) = self.callers.remove(&caller.0).expect("a caller is answered once");
            let Ok(given) = answer else { continue };
            let known = &self.values[&number(&given.value)];
            let overtaken = self.overtaken(&known.clone(), complete, |_| true);
            assert!(!overtaken, "{caller:?} is given {known:?}, which was overtaken before it asked");
            // A read may be as old as the turn of the stamp's own invalidation only if it began in it.
            assert!(known.born >= stamp, "{caller:?} is given {known:?}, older than its stamp of {stamp}");
        }
        for (token, taken) in fx.taken {
            let asking = self.asking.remove(&token).expect("an invalidation is answered once");
            if asking.turn > 0 {
                self.stamps.push((taken.at, asking.turn));
                self.complete.push(asking);
            }
        }
    }

    /// Whether one of the first `complete` invalidations that `counts` overtook a value.
    fn overtaken(&self, known: &Known, complete: usize, counts: impl Fn(&Asking) -> bool) -> bool {
        let takes = |asking: &&Asking| asking.scope.takes(known.key.as_str(), &known.tags);
        self.complete[..complete]
            .iter()
            .filter(takes)
            .any(|asking| counts(asking) && known.born < asking.turn)
    }

    fn judge(&mut self) {
        self.tier.check();
        let all = self.complete.len();
        let mut scan = self.view.scan();
        let mut entries = Vec::new();
        while scan.step(16, |entry| entries.push(entry.clone())) {}
        for entry in entries {
            let known = &self.values[&number(&entry.value())];
            assert_eq!((entry.key(), entry.tags()), (known.key.as_str(), &known.tags));
            let removed = self.overtaken(known, all, |asking| asking.how == How::Remove);
            assert!(!removed, "{known:?} was removed and is held");
            let expired = self.overtaken(known, all, |_| true);
            assert!(!expired || !entry.is_fresh(self.now), "{known:?} was expired and is fresh");
            let kept_out = |(_, scope, opened): &(FenceId, Scope, u64)| {
                number(&entry.value()) > *opened && scope.takes(known.key.as_str(), &known.tags)
            };
            let by_set = entry.origin() == Origin::Set;
            assert!(by_set || !self.open.iter().any(kept_out), "{known:?} came in while a fence was open");
            assert!(
                self.sets.get(&known.key).is_none_or(|&set| known.born >= set),
                "{known:?} is older than a set"
            );
        }
    }
}

#[test]
fn nothing_that_was_taken_by_tag_keys_or_fence_is_given_to_those_who_ask_later() {
    each_seed(400, |seed| {
        let mut run = Run::new(seed);
        for _ in 0..300 {
            run.step();
        }
        while !run.loads.is_empty() || run.tier.is_walking() {
            run.turn += 1;
            let mut fx = Fx::default();
            run.land(&mut fx);
            run.tier.go_on(&mut fx);
            run.settle(fx);
            run.judge();
        }
        assert!(run.callers.is_empty(), "somebody was never answered");
    });
}
