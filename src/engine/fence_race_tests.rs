//! The races of expiry by hand, stamps and fences, one by one, for every entrance of a value.
//!
//! Owns: one example for each order of events. Never: random runs (`tag_model_tests` has them).

use std::time::Duration;

use super::bench_tests::{Bench, NOW, STALE, given, lives, tagged};
use super::fences::{End, FenceId, OPEN_MAX};
use super::given::Source;
use super::scope::{How, Scope};
use super::stamp::At;
use super::sweep::Order;
use super::terms::Terms;
use super::testing::{key, prefix, tag, value};
use super::tier::{Item, Outcome, Tier, Warmed};
use crate::error::Error;

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
    bench.turn(|tier, fx| tier.invalidate(prefix("a::b"), false, (), NOW, fx));
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
    assert_eq!(bench.close(1, Scope::All, End::Unused).matched, 0);
    assert_eq!(
        bench.close(1, Scope::All, End::Commit).matched,
        2,
        "a fence that is unknown commits all the same"
    );
}

#[test]
fn a_fence_that_is_aborted_after_its_tier_forgot_it_takes_what_may_have_been_read_within_the_transaction() {
    let mut bench = Bench::new();
    bench.turn(|tier, _| tier.open_fence(FenceId(1), prefix("a")).expect("there is room"));
    bench.turn(|tier, fx| tier.close_fence(FenceId(1), prefix("a"), End::Commit, (), NOW, fx)); // its time was over
    let inside = bench.load("a::b", "inside").expect("leads");
    bench.loaded(inside, 1, &[]);
    bench.set("b", 1, &[]);
    assert_eq!(bench.close(1, prefix("a"), End::Abort).matched, 1);
    assert_eq!((bench.read("a::b"), bench.read("b")), (None, Some(1)));
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
