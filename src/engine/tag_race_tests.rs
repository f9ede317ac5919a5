//! The races of tags, many keys, expiry by hand, stamps and fences, one by one, for every entrance of a value.
//!
//! Owns: one example for each order of events. Never: random runs (`tag_model_tests` has them).

use std::sync::Arc;
use std::time::Duration;

use super::counters::Counters;
use super::fences::{End, FenceId, OPEN_MAX};
use super::flight::{Class, FlightId};
use super::given::{Given, Source};
use super::moment::Moment;
use super::scope::{How, Scope};
use super::stamp::At;
use super::sweep::Order;
use super::tag_fence::TAGS_MAX;
use super::terms::Terms;
use super::testing::{key, number, tag, tags, value};
use super::tier::{Brought, Effects, Item, Outcome, Rules, Taken, Tier, Waiter, Warmed};
use super::view::View;
use crate::codec::value::Value;
use crate::error::Error;

const TTL: Duration = Duration::from_secs(60);
const STALE: Duration = Duration::from_secs(30);
const NOW: Moment = Moment::START;

/// A caller by name, whether its loader can still be started, and what it wants nothing older than.
#[derive(Debug, Clone, Copy)]
struct Caller(&'static str, bool, Option<At>);

impl Waiter for Caller {
    fn can_lead(&self) -> bool {
        self.1
    }

    fn not_before(&self, incarnation: u64) -> u64 {
        self.2.filter(|at| at.incarnation == incarnation).map_or(0, |at| at.seq)
    }
}

type Fx = Effects<Caller, ()>;

struct Bench {
    tier: Tier<Caller, ()>,
    view: Arc<View>,
    counters: Arc<Counters>,
}

impl Bench {
    fn new() -> Self {
        let rules = Rules {
            name: "user".into(),
            enabled: true,
            max_entry: 1 << 20,
            load_concurrency: 8,
            load_queue: 8,
        };
        let (view, counters) = (Arc::new(View::new(1)), Arc::new(Counters::default()));
        let tier = Tier::new(rules, Arc::clone(&view), Arc::clone(&counters), 4 << 20, NOW);
        Self { tier, view, counters }
    }

    /// Runs one turn, checks all invariants and returns what it leaves to be done.
    fn turn(&mut self, run: impl FnOnce(&mut Tier<Caller, ()>, &mut Fx)) -> Fx {
        let mut fx = Fx::default();
        run(&mut self.tier, &mut fx);
        self.tier.check();
        fx
    }

    fn ask(&mut self, text: &str, who: &'static str, stamp: Option<At>) -> Fx {
        let caller = Caller(who, true, stamp);
        self.turn(|tier, fx| tier.load(&key(text), &lives(), Class::Caller, caller, NOW, fx))
    }

    /// Asks for `text`; returns the load that starts.
    fn load(&mut self, text: &str, who: &'static str) -> Option<FlightId> {
        let fx = self.ask(text, who, None);
        fx.starts.first().copied().inspect(|&id| self.take_loader(id))
    }

    fn take_loader(&mut self, id: FlightId) {
        let (_, _, leader) = self.tier.leader(id).expect("a load that starts has a leader");
        assert!(std::mem::take(&mut leader.1), "the leader has no loader");
    }

    fn loaded(&mut self, id: FlightId, with: u64, names: &[&str]) -> Fx {
        let brought = Brought { tags: tags(names), ..Brought::from(value(with, 0)) };
        let outcome = Outcome::Loaded(brought);
        self.turn(|tier, fx| tier.land(id, tier.incarnation(), outcome, Duration::ZERO, NOW, fx))
    }

    fn order(&mut self, scope: impl Into<Scope>, how: How) -> Taken {
        let order = Order { scope: scope.into(), how, dry_run: false };
        self.turn(|tier, fx| tier.order(order, (), NOW, fx)).taken[0].1
    }

    fn invalidate(&mut self, scope: impl Into<Scope>) -> Taken {
        self.order(scope, How::Remove)
    }

    fn would(&mut self, scope: impl Into<Scope>) -> Taken {
        let scope = scope.into();
        self.turn(|tier, fx| tier.invalidate(scope, true, (), NOW, fx)).taken[0].1
    }

    fn set(&mut self, text: &str, with: u64, names: &[&str]) {
        self.turn(|tier, fx| {
            tier.set(tagged(text, value(with, 0), names), NOW, fx).expect("the value fits");
        });
    }

    fn warm(&mut self, ticket: super::journal::Ticket, text: &str, names: &[&str]) -> Warmed {
        let mut warmed = None;
        self.turn(|tier, fx| {
            warmed = Some(tier.store_warm(ticket, tagged(text, value(1, 0), names), NOW, fx));
        });
        warmed.expect("the turn ran")
    }

    fn close(&mut self, id: u64, scope: impl Into<Scope>, end: End) -> Taken {
        let scope = scope.into();
        self.turn(|tier, fx| tier.close_fence(FenceId(id), scope, end, (), NOW, fx)).taken[0].1
    }

    fn read(&self, text: &str) -> Option<u64> {
        self.view.read(text, NOW, Duration::ZERO).map(|entry| number(entry.value()))
    }

    fn read_stale(&self, text: &str, now: Moment) -> Option<u64> {
        self.view.read(text, now, STALE).map(|entry| number(entry.value()))
    }
}

fn lives() -> Terms {
    Terms { ttl: TTL, stale: STALE, ..Terms::default() }
}

fn tagged(text: &str, value: Value, names: &[&str]) -> Item {
    Item { key: key(text), value, tags: tags(names), terms: lives() }
}

fn given(fx: &Fx, who: &str) -> Given {
    let (_, answer) = fx.answers.iter().find(|(caller, _)| caller.0 == who).expect("the caller is answered");
    answer.clone().expect("the caller gets a value")
}

#[test]
fn a_load_that_lands_with_a_tag_invalidated_since_it_began_is_not_stored() {
    let mut bench = Bench::new();
    let (old, other) = (bench.load("a", "old").expect("leads"), bench.load("b", "other").expect("leads"));
    assert_eq!(bench.invalidate(tag("x")).matched, 0, "nothing has the tag yet");
    let new = bench.load("c", "new").expect("leads");
    let fx = bench.loaded(old, 1, &["y", "x"]);
    assert!(!given(&fx, "old").stored);
    bench.loaded(other, 2, &["y"]);
    bench.loaded(new, 3, &["x"]);
    assert_eq!((bench.read("a"), bench.read("b"), bench.read("c")), (None, Some(2), Some(3)));
    assert_eq!(bench.counters.revoked.get(), 1);
    assert_eq!(bench.invalidate(tag("x")).matched, 1);
    assert_eq!(bench.read("c"), None);
}

#[test]
fn who_joined_a_load_after_its_tag_was_invalidated_is_given_what_a_new_load_brings() {
    let mut bench = Bench::new();
    let load = bench.load("a", "leader").expect("leads");
    bench.load("a", "before");
    bench.invalidate(tag("x"));
    assert_eq!(bench.load("a", "after"), None, "its tags are not known, so it is joined");
    bench.invalidate(tag("x"));
    bench.load("a", "last");
    let fx = bench.loaded(load, 1, &["x"]);
    assert_eq!((number(&given(&fx, "leader").value), number(&given(&fx, "before").value)), (1, 1));
    assert!(!given(&fx, "before").stored);
    assert_eq!((fx.answers.len(), fx.starts.len()), (2, 1), "the two who asked after it begin one new load");
    bench.take_loader(fx.starts[0]);
    let fx = bench.loaded(fx.starts[0], 2, &["x"]);
    for who in ["after", "last"] {
        assert_eq!(number(&given(&fx, who).value), 2, "{who}");
    }
    assert_eq!(bench.read("a"), Some(2));
}

#[test]
fn who_asked_once_more_is_not_sent_away_again_by_the_next_invalidation() {
    let mut bench = Bench::new();
    let load = bench.load("a", "leader").expect("leads");
    bench.invalidate(tag("x"));
    bench.load("a", "after");
    bench.load("a", "and after");
    let again = bench.loaded(load, 1, &["x"]).starts[0];
    bench.invalidate(tag("x"));
    let fx = bench.loaded(again, 2, &["x"]);
    assert_eq!((number(&given(&fx, "after").value), number(&given(&fx, "and after").value)), (2, 2));
    assert_eq!(bench.read("a"), None, "it began before the second one");
}

#[test]
fn who_joined_after_the_tag_was_invalidated_is_not_forgotten_when_the_load_is_revoked_by_its_key() {
    let mut bench = Bench::new();
    let load = bench.load("a", "leader").expect("leads");
    bench.invalidate(tag("x"));
    bench.load("a", "after");
    bench.invalidate(key("a"));
    let fx = bench.loaded(load, 1, &["x"]);
    assert_eq!((fx.answers.len(), fx.starts.len()), (1, 1), "{fx:?}");
    bench.take_loader(fx.starts[0]);
    assert_eq!(number(&given(&bench.loaded(fx.starts[0], 2, &["x"]), "after").value), 2);
}

#[test]
fn past_what_can_be_remembered_every_load_under_way_loses_its_right_to_store() {
    let mut bench = Bench::new();
    let old = bench.load("a", "old").expect("leads");
    for number in 0..TAGS_MAX {
        assert_eq!(bench.invalidate(tag(&format!("t{number}"))).revoked_loads, 0);
    }
    assert_eq!(bench.invalidate(tag("t1")).revoked_loads, 0, "one that is remembered takes no more room");
    assert_eq!(bench.invalidate(tag("one more")).revoked_loads, 1);
    let new = bench.load("a", "new").expect("the old one is not joined");
    bench.loaded(old, 1, &[]);
    assert_eq!(bench.read("a"), None);
    bench.loaded(new, 2, &["one more"]);
    assert_eq!(bench.read("a"), Some(2));
}

#[test]
fn a_warm_run_does_not_bring_back_what_was_taken_by_tag_or_by_many_keys() {
    let mut bench = Bench::new();
    let ticket = bench.tier.begin_warm();
    bench.invalidate(tag("x"));
    bench.invalidate(vec![key("k"), key("l")]);
    let later = bench.tier.begin_warm();
    assert_eq!(bench.warm(ticket, "a", &["x", "y"]), Warmed::Revoked);
    assert_eq!(bench.warm(ticket, "a", &["y"]), Warmed::Stored);
    assert_eq!(bench.warm(ticket, "l", &[]), Warmed::Revoked);
    assert_eq!(bench.warm(later, "l", &["x"]), Warmed::Stored);
}

#[test]
fn a_warm_run_does_not_bring_back_what_a_set_overtook_though_the_set_was_taken_by_its_tag() {
    let mut bench = Bench::new();
    let ticket = bench.tier.begin_warm();
    bench.set("a", 2, &["x"]);
    bench.invalidate(tag("x"));
    assert_eq!(bench.warm(ticket, "a", &["y"]), Warmed::Revoked);
    assert_eq!(bench.warm(ticket, "b", &["y"]), Warmed::Stored);
}

#[test]
fn many_keys_are_taken_at_one_moment_with_the_loads_of_absent_ones() {
    let mut bench = Bench::new();
    bench.set("a", 1, &[]);
    bench.set("c", 1, &[]);
    let load = bench.load("b", "b").expect("leads");
    let keys = vec![key("b"), key("a"), key("a"), key("z")];
    assert_eq!(bench.would(keys.clone()).matched, 1);
    let taken = bench.invalidate(keys);
    assert_eq!((taken.matched, taken.revoked_loads), (1, 1));
    bench.loaded(load, 1, &[]);
    assert_eq!((bench.read("a"), bench.read("b"), bench.read("c")), (None, None, Some(1)));
}

#[test]
fn an_invalidation_by_tag_in_slices_spares_what_came_since_and_stops_there() {
    let mut bench = Bench::new();
    bench.tier.slice = 4;
    let names: Vec<String> = (0..20).map(|number| format!("k{number}")).collect();
    names.iter().for_each(|name| bench.set(name, 1, &["x", "y"]));
    assert_eq!(bench.would(tag("x")).matched, 20);
    let fx = bench.turn(|tier, fx| tier.invalidate(tag("x").into(), false, (), NOW, fx));
    assert!(fx.taken.is_empty() && fx.gone.len() == 4);
    for changed in ["k4", "k19", "new"] {
        bench.set(changed, 2, &["x"]);
    }
    bench.turn(|tier, fx| _ = tier.remove(&key("k5"), fx));
    let mut taken = Vec::new();
    while bench.tier.is_walking() {
        taken.extend(bench.turn(Tier::go_on).taken);
    }
    assert_eq!((taken.len(), taken[0].1.matched), (1, 17), "all but two that were set anew and one removed");
    assert_eq!(["k4", "k19", "new"].map(|name| bench.read(name)), [Some(2); 3]);
    assert_eq!(
        (bench.tier.store().len(), bench.would(tag("y")).matched, bench.would(tag("x")).matched),
        (3, 0, 3)
    );
}

#[test]
fn what_is_expired_by_hand_is_served_only_where_stale_values_are_allowed_until_it_is_removed() {
    for scope in [Scope::All, tag("x").into(), key("a").into(), vec![key("a"), key("b")].into()] {
        let mut bench = Bench::new();
        bench.set("a", 1, &["x"]);
        let load = bench.load("b", "b").expect("leads");
        let taken = bench.order(scope.clone(), How::Expire);
        assert_eq!((taken.matched, taken.bytes), (1, bench.tier.store().used()), "{scope}");
        bench.loaded(load, 1, &["x"]);
        let absent = scope != Scope::from(key("a"));
        assert_eq!(bench.read("b").is_none(), absent, "{scope}: a load that it overtook was stored");
        assert_eq!((bench.read("a"), bench.read_stale("a", NOW)), (None, Some(1)), "{scope}");
        assert_eq!(bench.read_stale("a", NOW.after(STALE)), None, "a reader allows so much and no more");
        bench.invalidate(scope.clone());
        assert_eq!(bench.read_stale("a", NOW), None, "{scope}");
    }
}

#[test]
fn what_cannot_be_served_stale_is_removed_when_it_is_expired() {
    let mut bench = Bench::new();
    let fresh_only =
        Item { terms: Terms { stale: Duration::ZERO, ..lives() }, ..tagged("a", value(1, 0), &[]) };
    bench.turn(|tier, fx| _ = tier.set(fresh_only, NOW, fx));
    let load = bench.load("b", "b").expect("leads");
    bench.turn(|tier, fx| tier.land(load, 0, Outcome::NotFound, Duration::ZERO, NOW, fx));
    assert_eq!(bench.tier.store().len(), 2);
    assert_eq!(bench.order(Scope::All, How::Expire).matched, 2);
    assert!(bench.tier.store().is_empty());
}

#[test]
fn an_invalidation_under_way_takes_what_was_expired_meanwhile() {
    let mut bench = Bench::new();
    bench.tier.slice = 1;
    (0..4).for_each(|number| bench.set(&format!("a::b::{number}"), 1, &["x"]));
    bench.turn(|tier, fx| tier.invalidate(super::testing::prefix("a::b"), false, (), NOW, fx));
    assert!(bench.tier.is_walking());
    let order = Order { scope: tag("x").into(), how: How::Expire, dry_run: false };
    bench.turn(|tier, fx| tier.order(order, (), NOW, fx));
    while bench.tier.is_walking() {
        bench.turn(Tier::go_on);
    }
    assert!(bench.tier.store().is_empty());
}

#[test]
fn a_read_with_a_stamp_takes_nothing_older_of_any_key_of_the_tier_and_joins_no_older_load() {
    let mut bench = Bench::new();
    bench.set("b", 1, &[]);
    let under_way = bench.load("c", "old").expect("leads");
    let stamp = Some(bench.invalidate(key("a")).at);
    // Stored after the stamp was given, but read from its source before.
    let fx = bench.ask("c", "stamped", stamp);
    assert_eq!(fx.starts.len(), 1, "an older load is not joined");
    bench.take_loader(fx.starts[0]);
    assert_eq!(bench.load("c", "joins"), None);
    bench.loaded(under_way, 1, &[]);
    assert_eq!(bench.read("c"), None, "the older load may not store any more");
    bench.loaded(fx.starts[0], 2, &[]);
    assert_eq!(given(&bench.ask("c", "again", stamp), "again").source, Source::Memory);
    let fx = bench.ask("b", "of another key", stamp);
    assert_eq!((fx.answers.len(), fx.starts.len()), (0, 1), "what was set before the stamp counts as absent");
    assert_eq!(given(&bench.ask("b", "without", None), "without").source, Source::Memory);
}

#[test]
fn a_load_that_began_before_a_stamp_and_was_stored_after_it_counts_as_older() {
    let mut bench = Bench::new();
    let load = bench.load("b", "old").expect("leads");
    let stamp = bench.invalidate(key("a")).at;
    bench.loaded(load, 1, &[]);
    assert_eq!(bench.read("b"), Some(1));
    assert_eq!(bench.ask("b", "stamped", Some(stamp)).starts.len(), 1);
    let elsewhere = At { incarnation: stamp.incarnation + 1, ..stamp };
    assert_eq!(bench.ask("b", "of another life", Some(elsewhere)).answers.len(), 1);
}

#[test]
fn while_a_fence_is_open_loads_and_warm_runs_serve_and_do_not_store() {
    for scope in [Scope::from(key("a")), tag("x").into(), Scope::All] {
        let mut bench = Bench::new();
        let (before, ticket) = (bench.load("a", "before").expect("leads"), bench.tier.begin_warm());
        bench.turn(|tier, _| tier.open_fence(FenceId(1), scope.clone()).expect("there is room"));
        let fx = bench.loaded(before, 1, &["x"]);
        assert!(!given(&fx, "before").stored, "{scope}");
        assert_eq!(bench.warm(ticket, "a", &["x"]), Warmed::Revoked, "{scope}");
        bench.set("a", 2, &["x"]);
        assert_eq!(bench.read("a"), Some(2), "{scope}: a set is stored");
        let during = bench.load("b", "during").expect("leads");
        let taken = bench.close(1, scope.clone(), End::Commit);
        assert_eq!((taken.matched, bench.tier.open_fences()), (1, 0), "{scope}");
        bench.loaded(during, 1, &["x"]);
        assert_eq!(bench.read("a"), None, "{scope}");
        assert_eq!(
            bench.read("b").is_some(),
            matches!(scope, Scope::Key(_)),
            "{scope}: read before the commit"
        );
        let after = bench.load("a", "after").expect("leads");
        bench.loaded(after, 3, &["x"]);
        assert_eq!(bench.read("a"), Some(3), "{scope}: the fence is gone");
    }
}

#[test]
fn a_fence_that_is_aborted_leaves_entries_and_stores_nothing_that_was_read_meanwhile() {
    let mut bench = Bench::new();
    bench.set("a", 1, &[]);
    bench.turn(|tier, _| tier.open_fence(FenceId(1), Scope::All).expect("there is room"));
    let load = bench.load("b", "during").expect("leads");
    assert_eq!(bench.close(1, Scope::All, End::Abort).revoked_loads, 1);
    bench.loaded(load, 1, &[]);
    assert_eq!((bench.read("a"), bench.read("b")), (Some(1), None));
    bench.set("c", 1, &[]);
    assert_eq!(bench.close(1, Scope::All, End::Abort).matched, 0);
    assert_eq!(
        bench.close(1, Scope::All, End::Commit).matched,
        2,
        "a fence that is unknown commits all the same"
    );
}

#[test]
fn so_many_fences_may_be_open_and_no_more() {
    let mut bench = Bench::new();
    for id in 0..OPEN_MAX as u64 {
        bench.tier.open_fence(FenceId(id), tag("x").into()).expect("there is room");
    }
    let refused = bench.tier.open_fence(FenceId(u64::MAX), Scope::All);
    assert!(matches!(refused, Err(Error::Overloaded { .. })));
    bench.close(7, tag("x"), End::Abort);
    bench.tier.open_fence(FenceId(u64::MAX), Scope::All).expect("one was closed");
}

#[test]
fn a_tag_is_forgotten_with_its_last_entry() {
    let mut bench = Bench::new();
    for round in 0..100 {
        bench.set("a", round, &[&format!("t{round}"), "x"]);
    }
    assert_eq!((bench.would(tag("t98")).matched, bench.would(tag("t99")).matched), (0, 1));
    let weight = bench.tier.store().used();
    assert_eq!((bench.would(tag("x")).matched, bench.would(tag("x")).bytes), (1, weight));
    bench.turn(|tier, fx| _ = tier.expire(NOW.after(TTL + STALE), fx));
    assert_eq!(bench.would(tag("x")), Taken { at: bench.would(tag("x")).at, ..Taken::default() });
}
