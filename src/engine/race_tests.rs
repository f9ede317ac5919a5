//! The races that the order of turns decides, one by one: loads, sets, warm runs and invalidations that overlap.
//!
//! Owns: one example for each order of events. Never: random runs (`tier_model_tests` has them).

use std::sync::Arc;
use std::time::Duration;

use super::counters::Counters;
use super::flight::{Class, DETACHED_MAX, RunId};
use super::given::{Given, Source};
use super::journal::RECORDS_MAX;
use super::moment::Moment;
use super::scope::Scope;
use super::slice::LOOKS_PER_CHANGE;
use super::testing::{item, key, number, pattern, prefix, terms, value};
use super::tier::{Brought, Effects, Outcome, Rules, Tier, Waiter, Warmed};
use super::view::View;
use super::weigh::{OVERHEAD, weigh};
use crate::error::{Error, Shown};

const TTL: Duration = Duration::from_secs(60);
const NOW: Moment = Moment::START;
const KEY: &str = "user::42::profile";

/// A caller by name, and whether its loader can still be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Caller(&'static str, bool);

impl Waiter for Caller {
    fn can_lead(&self) -> bool {
        self.1
    }
}

struct Bench {
    tier: Tier<Caller, ()>,
    view: Arc<View>,
    counters: Arc<Counters>,
}

impl Bench {
    fn new(load_concurrency: usize, load_queue: usize) -> Self {
        let name = "user".into();
        let rules = Rules { name, enabled: true, max_entry: 1 << 20, load_concurrency, load_queue };
        let (view, counters) = (Arc::new(View::new(1)), Arc::new(Counters::default()));
        let tier = Tier::new(rules, Arc::clone(&view), Arc::clone(&counters), 1 << 20, NOW);
        Self { tier, view, counters }
    }

    /// Runs one turn, checks all invariants and returns what it leaves to be done.
    fn turn(
        &mut self,
        run: impl FnOnce(&mut Tier<Caller, ()>, &mut Effects<Caller, ()>),
    ) -> Effects<Caller, ()> {
        let mut fx = Effects::default();
        run(&mut self.tier, &mut fx);
        self.tier.check();
        fx
    }

    /// Asks for `text`; returns the load that starts.
    fn load(&mut self, text: &str, who: &'static str) -> Option<RunId> {
        let fx = self
            .turn(|tier, fx| tier.load(&key(text), &terms(TTL), Class::Caller, Caller(who, true), NOW, fx));
        assert!(fx.answers.is_empty() && fx.starts.len() <= 1, "{fx:?}");
        fx.starts.first().copied().inspect(|&id| self.take_loader(id))
    }

    /// As a loader that asks for another key.
    fn nested(&mut self, text: &str, who: &'static str) -> Vec<RunId> {
        self.turn(|tier, fx| tier.load(&key(text), &terms(TTL), Class::Nested, Caller(who, true), NOW, fx))
            .starts
    }

    /// The shell starts the loader of whoever leads.
    fn take_loader(&mut self, id: RunId) {
        let (_, _, leader) = self.tier.leader(id).expect("a load that starts has a leader");
        assert!(std::mem::take(&mut leader.1), "the leader has no loader");
    }

    fn land(&mut self, id: RunId, outcome: Outcome) -> Effects<Caller, ()> {
        self.turn(|tier, fx| tier.land(id, tier.incarnation(), outcome, Duration::ZERO, NOW, fx))
    }

    fn loaded(&mut self, id: RunId, with: u64) -> Effects<Caller, ()> {
        self.land(id, Outcome::Loaded(value(with, 0).into()))
    }

    fn invalidate(&mut self, scope: Scope) -> u64 {
        let fx = self.turn(|tier, fx| tier.invalidate(scope, false, (), NOW, fx));
        fx.taken[0].1.revoked_loads
    }

    fn set(&mut self, text: &str, with: u64, ttl: Duration) -> Effects<Caller, ()> {
        self.turn(|tier, fx| {
            tier.set(item(&key(text), value(with, 0), ttl), NOW, fx).expect("the value fits");
        })
    }

    fn read(&self, text: &str) -> Option<u64> {
        self.view.read(text, NOW, Duration::ZERO).map(|entry| number(&entry.value()))
    }
}

fn given(fx: &Effects<Caller, ()>, who: &str) -> Given {
    let (_, answer) = fx.answers.iter().find(|(caller, _)| caller.0 == who).expect("the caller is answered");
    answer.clone().expect("the caller gets a value")
}

/// Every kind of scope, each of which takes [`KEY`].
fn scopes() -> [Scope; 7] {
    let tier = Scope::Tier("user".into());
    let by_key = Scope::Key(key(KEY));
    [
        by_key,
        prefix("user::42"),
        pattern("user::42::*"),
        pattern("*::profile"),
        pattern(KEY),
        tier,
        Scope::All,
    ]
}

#[test]
fn a_load_that_an_invalidation_overtook_is_not_stored_though_its_key_was_absent() {
    for scope in scopes() {
        let mut bench = Bench::new(4, 4);
        let old = bench.load(KEY, "before").expect("the first caller leads");
        assert_eq!(bench.invalidate(scope.clone()), 1, "{scope}");
        let new = bench.load(KEY, "after").expect("a caller after the invalidation leads a load of its own");
        let fx = bench.loaded(old, 1);
        assert!(!given(&fx, "before").stored, "{scope}");
        assert_eq!(fx.answers.len(), 1, "{scope}: the later caller was given the old value");
        assert_eq!(bench.read(KEY), None, "{scope}: the old value was stored");
        let fx = bench.loaded(new, 2);
        assert_eq!((number(&given(&fx, "after").value), given(&fx, "after").stored), (2, true), "{scope}");
        assert_eq!(bench.read(KEY), Some(2), "{scope}");
        assert_eq!(bench.counters.revoked.get(), 1, "{scope}");
    }
}

#[test]
fn the_old_load_may_end_last() {
    for scope in scopes() {
        let mut bench = Bench::new(4, 4);
        let old = bench.load(KEY, "before").expect("leads");
        bench.invalidate(scope.clone());
        let new = bench.load(KEY, "after").expect("leads");
        bench.loaded(new, 2);
        bench.loaded(old, 1);
        assert_eq!(bench.read(KEY), Some(2), "{scope}");
    }
}

#[test]
fn a_load_of_another_key_keeps_its_right_to_store() {
    let mut bench = Bench::new(4, 4);
    let other = bench.load("user::421", "other").expect("leads");
    assert_eq!(bench.invalidate(prefix("user::42")), 0);
    bench.loaded(other, 1);
    assert_eq!(bench.read("user::421"), Some(1));
}

#[test]
fn a_set_during_a_load_answers_those_who_wait_and_is_what_stays() {
    let mut bench = Bench::new(4, 4);
    let load = bench.load(KEY, "leader").expect("leads");
    assert_eq!(bench.load(KEY, "joins"), None);
    let fx = bench.set(KEY, 2, TTL);
    for who in ["leader", "joins"] {
        let given = given(&fx, who);
        assert_eq!((number(&given.value), given.source, given.stored), (2, Source::Joined, true));
    }
    assert!(bench.loaded(load, 1).answers.is_empty(), "they were answered before");
    assert_eq!(bench.read(KEY), Some(2));
}

#[test]
fn a_set_that_comes_behind_a_load_is_what_stays_until_who_changed_the_source_says_so() {
    let mut bench = Bench::new(4, 4);
    // The host has written version 1 and its set is on its way; another has written 2, and did not say so yet.
    let load = bench.load(KEY, "leader").expect("leads");
    assert!(given(&bench.loaded(load, 2), "leader").stored);
    bench.set(KEY, 1, TTL);
    assert_eq!(bench.read(KEY), Some(1), "the last word of the host on this key");
    bench.invalidate(Scope::Key(key(KEY)));
    assert_eq!(bench.read(KEY), None, "and that ends it");
}

#[test]
fn a_set_that_is_not_kept_still_overtakes_the_load() {
    let mut bench = Bench::new(4, 4);
    bench.set(KEY, 1, TTL);
    bench.set(KEY, 2, Duration::ZERO);
    assert_eq!(bench.read(KEY), None, "the older value was taken away");
    let load = bench.load(KEY, "leader").expect("leads");
    let fx = bench.set(KEY, 3, Duration::ZERO);
    assert!(!given(&fx, "leader").stored);
    bench.loaded(load, 2);
    assert_eq!(bench.read(KEY), None);
}

#[test]
fn a_value_that_is_too_large_takes_the_older_one_away_and_pushes_nobody_out() {
    let mut bench = Bench::new(4, 4);
    bench.set(KEY, 1, TTL);
    bench.set("user::1", 1, TTL);
    let fx = bench.turn(|tier, fx| {
        let refused = tier.set(item(&key(KEY), value(2, 2 << 20), TTL), NOW, fx);
        assert!(matches!(refused, Err(Error::TooLarge { .. })));
    });
    assert_eq!(fx.gone.len(), 1);
    assert_eq!((bench.read(KEY), bench.read("user::1")), (None, Some(1)));
}

#[test]
fn a_warm_run_does_not_bring_back_what_was_invalidated_since_it_began() {
    for scope in scopes() {
        let mut bench = Bench::new(4, 4);
        let ticket = bench.tier.begin_warm();
        bench.invalidate(scope.clone());
        let later = bench.tier.begin_warm();
        let mut warm = |ticket, text: &str| {
            let mut warmed = None;
            bench.turn(|tier, fx| {
                warmed = Some(tier.store_warm(ticket, item(&key(text), value(1, 0), TTL), NOW, fx));
            });
            warmed.expect("the turn ran")
        };
        assert_eq!(warm(ticket, KEY), Warmed::Revoked, "{scope}");
        assert_eq!(warm(later, KEY), Warmed::Stored, "{scope}: this run began after it");
        let all = matches!(scope, Scope::All | Scope::Tier(_));
        assert_eq!(warm(ticket, "user::7") == Warmed::Revoked, all, "{scope}");
    }
}

#[test]
fn a_warm_run_does_not_bring_back_what_a_set_overtook_though_the_set_was_evicted() {
    let mut bench = Bench::new(4, 4);
    let ticket = bench.tier.begin_warm();
    bench.set(KEY, 2, TTL);
    bench.turn(|tier, fx| tier.set_grant(0, NOW, fx));
    bench.turn(|tier, fx| tier.set_grant(1 << 20, NOW, fx));
    assert_eq!(bench.counters.evicted.get(), 1);
    bench.turn(|tier, fx| {
        assert_eq!(tier.store_warm(ticket, item(&key(KEY), value(1, 0), TTL), NOW, fx), Warmed::Revoked);
    });
    bench.tier.end_warm(ticket);
    bench.tier.check();
}

#[test]
fn too_much_to_remember_revokes_the_oldest_ticket_and_only_that() {
    let mut bench = Bench::new(4, 4);
    let old = bench.tier.begin_warm();
    for number in 0..10 {
        bench.turn(|tier, fx| _ = tier.remove(&key(&format!("first::{number}")), fx));
    }
    let young = bench.tier.begin_warm();
    for number in 0..RECORDS_MAX {
        bench.turn(|tier, fx| _ = tier.remove(&key(&format!("then::{number}")), fx));
    }
    let store = |bench: &mut Bench, ticket, text: &str| {
        let mut warmed = None;
        bench.turn(|tier, fx| {
            warmed = Some(tier.store_warm(ticket, item(&key(text), value(1, 0), TTL), NOW, fx));
        });
        warmed.expect("the turn ran")
    };
    assert_eq!(store(&mut bench, old, "other"), Warmed::Revoked);
    assert_eq!(store(&mut bench, young, "other"), Warmed::Stored);
    assert_eq!(store(&mut bench, young, "then::3"), Warmed::Revoked);
    bench.turn(|tier, fx| _ = tier.remove(&key("one::more"), fx));
    assert_eq!(store(&mut bench, young, "another"), Warmed::Revoked);
    for number in 0..2 * RECORDS_MAX {
        bench.turn(|tier, fx| _ = tier.remove(&key(&format!("nobody::{number}")), fx));
    }
}

#[test]
fn past_four_detached_loads_of_a_key_a_new_one_waits_for_the_first_to_end() {
    let mut bench = Bench::new(32, 32);
    let mut detached = Vec::new();
    for _ in 0..DETACHED_MAX {
        detached.push(bench.load(KEY, "before").expect("leads"));
        bench.invalidate(Scope::Key(key(KEY)));
    }
    assert_eq!(bench.load(KEY, "after"), None, "a fifth load of the key runs");
    assert!(bench.load("user::7", "other").is_some(), "other keys wait for it");
    let fx = bench.loaded(detached[0], 1);
    assert_eq!(fx.starts.len(), 1, "the queued load starts when one has run out");
    bench.loaded(fx.starts[0], 2);
    assert_eq!(bench.read(KEY), Some(2));
}

#[test]
fn loads_beyond_the_places_wait_and_beyond_the_queue_are_refused() {
    let mut bench = Bench::new(1, 1);
    let first = bench.load("a", "runs").expect("leads");
    assert_eq!(bench.load("b", "waits"), None);
    let fx = bench
        .turn(|tier, fx| tier.load(&key("c"), &terms(TTL), Class::Caller, Caller("refused", true), NOW, fx));
    assert!(matches!(fx.answers[..], [(Caller("refused", true), Err(Error::Overloaded { .. }))]));
    assert_eq!(bench.load("b", "joins"), None, "who joins takes no room in the queue");
    let fx = bench.loaded(first, 1);
    assert_eq!(fx.starts.len(), 1);
    let fx = bench.loaded(fx.starts[0], 2);
    assert_eq!((given(&fx, "waits").source, given(&fx, "joins").source), (Source::Loaded, Source::Joined));
}

#[test]
fn a_load_that_waits_for_its_place_has_read_nothing_that_could_be_old() {
    let mut bench = Bench::new(1, 4);
    let first = bench.load("a", "runs").expect("leads");
    assert_eq!(bench.load(KEY, "waits"), None);
    assert_eq!(bench.invalidate(Scope::All), 1, "only the one that runs is revoked");
    let second = bench.loaded(first, 1).starts[0];
    bench.loaded(second, 2);
    assert_eq!((bench.read("a"), bench.read(KEY)), (None, Some(2)));
}

#[test]
fn a_nested_load_never_waits_for_the_place_of_the_loader_that_asks() {
    let mut bench = Bench::new(1, 4);
    let outer = bench.load("a", "outer").expect("leads");
    assert_eq!(bench.load("b", "queued"), None);
    assert_eq!(bench.nested("c", "inner").len(), 1, "it begins a load beyond the places");
    let joined = bench.nested("b", "inner");
    assert_eq!(joined.len(), 1, "it joins a queued load, which must not wait for the loader that asks");
    bench.take_loader(joined[0]);
    let fx = bench.land(joined[0], Outcome::Lost);
    assert_eq!(fx.starts.len(), 1, "lost, it begins again at once");
    bench.loaded(fx.starts[0], 2);
    bench.loaded(outer, 1);
}

#[test]
fn who_waits_for_a_lost_load_takes_over_and_nobody_sees_an_error() {
    let mut bench = Bench::new(4, 4);
    let mut load = bench.load(KEY, "leader").expect("leads");
    bench.load(KEY, "second");
    bench.load(KEY, "third");
    for next in ["second", "third"] {
        let fx = bench.land(load, Outcome::Lost);
        assert_eq!((fx.starts.len(), fx.answers.len()), (1, 0));
        load = fx.starts[0];
        assert_eq!(bench.tier.leader(load).expect("it is led").2.0, next);
        bench.take_loader(load);
    }
    let fx = bench.land(load, Outcome::Lost);
    assert_eq!(fx.answers.len(), 3, "nobody is left to lead");
    assert!(fx.answers.iter().all(|(_, answer)| matches!(answer, Err(Error::LoadLost { .. }))));
    assert_eq!(bench.counters.loads.get(), bench.counters.loads_lost.get());
}

#[test]
fn who_waits_for_a_lost_load_that_was_detached_asks_once_more() {
    let mut bench = Bench::new(4, 4);
    let load = bench.load(KEY, "leader").expect("leads");
    bench.load(KEY, "second");
    bench.invalidate(Scope::Key(key(KEY)));
    let fx = bench.land(load, Outcome::Lost);
    assert!(fx.answers.is_empty(), "{fx:?}");
    bench.take_loader(fx.starts[0]);
    let fx = bench.loaded(fx.starts[0], 2);
    assert_eq!(number(&given(&fx, "second").value), 2);
    assert_eq!(number(&given(&fx, "leader").value), 2);
    assert_eq!(bench.read(KEY), Some(2), "the new load has a ticket of its own");
}

#[test]
fn an_error_reaches_all_who_wait_and_the_next_caller_loads_again() {
    let mut bench = Bench::new(4, 4);
    let load = bench.load(KEY, "leader").expect("leads");
    bench.load(KEY, "joins");
    let failed = Error::LoadLost { key: Shown::new(KEY) };
    let fx = bench.land(load, Outcome::Failed(failed));
    assert_eq!(fx.answers.iter().filter(|(_, answer)| answer.is_err()).count(), 2);
    assert!(bench.land(load, Outcome::Lost).answers.is_empty(), "a load that ended is not heard again");
    assert!(bench.load(KEY, "again").is_some());
    assert_eq!((bench.counters.loads.get(), bench.counters.loads_failed.get()), (2, 1));
}

#[test]
fn an_error_for_its_leader_alone_after_an_invalidation_begins_a_new_load() {
    let mut bench = Bench::new(4, 4);
    let load = bench.load(KEY, "first").expect("leads");
    bench.load(KEY, "second");
    bench.invalidate(Scope::Key(key(KEY)));
    let failed = Error::LoadLost { key: Shown::new(KEY) };
    let fx = bench.land(load, Outcome::FailedAlone(failed.clone()));
    assert_eq!((fx.answers.len(), fx.starts.len()), (1, 1));
    bench.take_loader(fx.starts[0]);
    let fx = bench.land(fx.starts[0], Outcome::FailedAlone(failed));
    assert!(fx.answers.len() == 1 && fx.starts.is_empty(), "nobody is left: {fx:?}");
    assert!(bench.load(KEY, "later").is_some());
}

#[test]
fn a_value_that_says_how_long_it_lives_lives_as_long() {
    let mut bench = Bench::new(4, 4);
    for (own, kept) in [(Duration::ZERO, false), (TTL * 2, true)] {
        let load = bench.load(KEY, "leader").expect("leads");
        bench.load(KEY, "joins");
        let fx = bench.land(load, Outcome::Loaded(Brought { ttl: Some(own), ..value(1, 0).into() }));
        assert_eq!((given(&fx, "joins").stored, number(&given(&fx, "leader").value)), (kept, 1));
        assert_eq!(
            bench.view.read(KEY, NOW.after(TTL + Duration::from_millis(1)), Duration::ZERO).is_some(),
            kept
        );
    }
}

#[test]
fn a_load_of_an_earlier_life_is_not_heard() {
    let mut bench = Bench::new(4, 4);
    let load = bench.load(KEY, "leader").expect("leads");
    let ticket = bench.tier.begin_warm();
    let mut broken = bench.tier.reset(Arc::clone(&bench.view), NOW);
    assert_eq!(broken.drain().0.len(), 1);
    assert!(bench.load(KEY, "after").is_some());
    let fx = bench.turn(|tier, fx| tier.land(load, 0, Outcome::Loaded(value(1, 0).into()), TTL, NOW, fx));
    assert!(fx.answers.is_empty());
    bench.turn(|tier, fx| {
        assert_eq!(tier.store_warm(ticket, item(&key(KEY), value(1, 0), TTL), NOW, fx), Warmed::Revoked);
    });
    assert_eq!((bench.read(KEY), bench.counters.loads_lost.get()), (None, 1));
}

#[test]
fn an_invalidation_in_slices_is_answered_when_all_is_gone_and_spares_what_came_since() {
    let mut bench = Bench::new(4, 4);
    bench.tier.slice = 4 * LOOKS_PER_CHANGE;
    for number in 0..20 {
        bench.set(&format!("user::42::{number}"), number, TTL);
    }
    let fx = bench.turn(|tier, fx| tier.invalidate(prefix("user::42"), false, (), NOW, fx));
    assert!(fx.taken.is_empty() && bench.tier.is_walking());
    assert_eq!(fx.gone.len(), 4);
    bench.set("user::42::3", 100, TTL);
    bench.set("user::42::new", 101, TTL);
    let mut taken = Vec::new();
    while bench.tier.is_walking() {
        let fx = bench.turn(Tier::go_on);
        assert!(fx.gone.len() <= 4, "a slice took {}", fx.gone.len());
        taken.extend(fx.taken);
    }
    assert!(taken.len() == 1 && (19..=20).contains(&taken[0].1.matched), "{taken:?}");
    assert_eq!(bench.tier.store().len(), 2);
    assert_eq!((bench.read("user::42::3"), bench.read("user::42::new")), (Some(100), Some(101)));
}

#[test]
fn bytes_taken_are_what_the_entries_were_charged_with() {
    let mut bench = Bench::new(4, 4);
    bench.set(KEY, 1, TTL);
    let weight = weigh(&key(KEY), &value(1, 0), &crate::engine::tag::Tags::NONE);
    assert!(weight > OVERHEAD);
    for dry_run in [true, false] {
        let fx = bench.turn(|tier, fx| tier.invalidate(pattern("user::*"), dry_run, (), NOW, fx));
        assert_eq!((fx.taken[0].1.matched, fx.taken[0].1.bytes), (1, weight));
    }
    assert_eq!(bench.tier.store().used(), 0);
}
