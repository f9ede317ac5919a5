//! A tier on a bench for races: callers by name, loads that end when the test says so.
//!
//! Owns: the steps of a race. Never: an example of one.

use std::sync::Arc;
use std::time::Duration;

use super::counters::Counters;
use super::fences::{End, FenceId};
use super::flight::{Class, RunId};
use super::given::Given;
use super::moment::Moment;
use super::scope::{How, Scope};
use super::stamp::At;
use super::sweep::Order;
use super::terms::Terms;
use super::testing::{key, number, tags, value};
use super::tier::{Brought, Effects, Item, Outcome, Rules, Taken, Tier, Waiter, Warmed};
use super::view::View;
use crate::codec::value::Value;

pub(super) const TTL: Duration = Duration::from_secs(60);
pub(super) const STALE: Duration = Duration::from_secs(30);
pub(super) const NOW: Moment = Moment::START;

/// A caller by name, whether its loader can still be started, and what it wants nothing older than.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller(pub(super) &'static str, pub(super) bool, pub(super) Option<At>);

impl Waiter for Caller {
    fn can_lead(&self) -> bool {
        self.1
    }

    fn not_before(&self, incarnation: u64) -> u64 {
        self.2.filter(|at| at.incarnation == incarnation).map_or(0, |at| at.seq)
    }
}

pub(super) type Fx = Effects<Caller, ()>;

pub(super) struct Bench {
    pub(super) tier: Tier<Caller, ()>,
    pub(super) view: Arc<View>,
    pub(super) counters: Arc<Counters>,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::counted(Counters::default())
    }

    pub(super) fn counted(counters: Counters) -> Self {
        let rules = Rules {
            name: "user".into(),
            enabled: true,
            max_entry: 1 << 20,
            load_concurrency: 8,
            load_queue: 8,
        };
        let (view, counters) = (Arc::new(View::new(1)), Arc::new(counters));
        let tier = Tier::new(rules, Arc::clone(&view), Arc::clone(&counters), 4 << 20, NOW);
        Self { tier, view, counters }
    }

    /// Runs one turn, checks all invariants and returns what it leaves to be done.
    pub(super) fn turn(&mut self, run: impl FnOnce(&mut Tier<Caller, ()>, &mut Fx)) -> Fx {
        let mut fx = Fx::default();
        run(&mut self.tier, &mut fx);
        self.tier.check();
        fx
    }

    pub(super) fn ask(&mut self, text: &str, who: &'static str, stamp: Option<At>) -> Fx {
        let caller = Caller(who, true, stamp);
        self.turn(|tier, fx| tier.load(&key(text), &lives(), Class::Caller, caller, NOW, fx))
    }

    /// Asks for `text`; returns the load that starts.
    pub(super) fn load(&mut self, text: &str, who: &'static str) -> Option<RunId> {
        let fx = self.ask(text, who, None);
        fx.starts.first().copied().inspect(|&id| self.take_loader(id))
    }

    pub(super) fn take_loader(&mut self, id: RunId) {
        let (_, _, leader) = self.tier.leader(id).expect("a load that starts has a leader");
        assert!(std::mem::take(&mut leader.1), "the leader has no loader");
    }

    pub(super) fn loaded(&mut self, id: RunId, with: u64, names: &[&str]) -> Fx {
        let brought = Brought { tags: tags(names), ..Brought::from(value(with, 0)) };
        let outcome = Outcome::Loaded(brought);
        self.turn(|tier, fx| tier.land(id, tier.incarnation(), outcome, Duration::ZERO, NOW, fx))
    }

    pub(super) fn order(&mut self, scope: impl Into<Scope>, how: How) -> Taken {
        let order = Order { scope: scope.into(), how, dry_run: false };
        self.turn(|tier, fx| tier.order(order, (), NOW, fx)).taken[0].1
    }

    pub(super) fn invalidate(&mut self, scope: impl Into<Scope>) -> Taken {
        self.order(scope, How::Remove)
    }

    pub(super) fn would(&mut self, scope: impl Into<Scope>) -> Taken {
        let scope = scope.into();
        self.turn(|tier, fx| tier.invalidate(scope, true, (), NOW, fx)).taken[0].1
    }

    pub(super) fn set(&mut self, text: &str, with: u64, names: &[&str]) {
        self.turn(|tier, fx| {
            tier.set(tagged(text, value(with, 0), names), NOW, fx).expect("the value fits");
        });
    }

    pub(super) fn warm(&mut self, ticket: super::journal::Ticket, text: &str, names: &[&str]) -> Warmed {
        let mut warmed = None;
        self.turn(|tier, fx| {
            warmed = Some(tier.store_warm(ticket, tagged(text, value(1, 0), names), NOW, fx));
        });
        warmed.expect("the turn ran")
    }

    pub(super) fn close(&mut self, id: u64, scope: impl Into<Scope>, end: End) -> Taken {
        let scope = scope.into();
        self.turn(|tier, fx| tier.close_fence(FenceId(id), scope, end, (), NOW, fx)).taken[0].1
    }

    pub(super) fn read(&self, text: &str) -> Option<u64> {
        self.view.read(text, NOW, Duration::ZERO).map(|entry| number(&entry.value()))
    }

    pub(super) fn read_stale(&self, text: &str, now: Moment) -> Option<u64> {
        self.view.read(text, now, STALE).map(|entry| number(&entry.value()))
    }
}

pub(super) fn lives() -> Terms {
    Terms { ttl: TTL, stale: STALE, ..Terms::default() }
}

pub(super) fn tagged(text: &str, value: Value, names: &[&str]) -> Item {
    Item { key: key(text), value, tags: tags(names), terms: lives() }
}

pub(super) fn given(fx: &Fx, who: &str) -> Given {
    let (_, answer) = fx.answers.iter().find(|(caller, _)| caller.0 == who).expect("the caller is answered");
    answer.clone().expect("the caller gets a value")
}
