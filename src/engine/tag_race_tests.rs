//! The races of tags and of many keys, one by one, for every entrance of a value.
//!
//! Owns: one example for each order of events. Never: random runs (`tag_model_tests` has them).

use std::time::Duration;

use super::bench_tests::{Bench, NOW, STALE, TTL, given};
use super::scope::How;
use super::slice::LOOKS_PER_CHANGE;
use super::stamp::At;
use super::tag_fence::TAGS_MAX;
use super::testing::{key, number, tag};
use super::tier::{Taken, Tier, Warmed};

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
fn what_a_tag_took_while_it_was_read_is_not_brought_back_by_a_run_that_names_no_tag() {
    for how in [How::Remove, How::Expire] {
        let mut bench = Bench::new();
        bench.set("a", 1, &["x"]);
        let ticket = bench.tier.begin_warm();
        assert_eq!(bench.order(tag("x"), how).matched, 1);
        assert_eq!(bench.warm(ticket, "a", &[]), Warmed::Revoked, "{how:?}: it was read before");
        assert_eq!(bench.warm(ticket, "b", &[]), Warmed::Stored, "{how:?}");
        assert_eq!(bench.read("a"), None, "{how:?}");
    }
}

#[test]
fn what_a_tag_took_while_it_was_renewed_is_not_brought_back_by_a_load_that_names_no_tag() {
    for how in [How::Remove, How::Expire] {
        let mut bench = Bench::new();
        bench.set("a", 1, &["x"]);
        let newer = Some(At { incarnation: 0, seq: bench.tier.seq() });
        let renewal = bench.ask("a", "renews", newer).starts[0];
        bench.take_loader(renewal);
        assert_eq!(bench.order(tag("x"), how).matched, 1);
        let after = bench.load("a", "after").expect("the load that was overtaken is not joined");
        assert!(!given(&bench.loaded(renewal, 1, &[]), "renews").stored, "{how:?}");
        bench.loaded(after, 2, &[]);
        assert_eq!(bench.read("a"), Some(2), "{how:?}");
    }
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
    bench.tier.slice = 4 * LOOKS_PER_CHANGE;
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
fn a_tag_is_forgotten_with_its_last_entry() {
    let mut bench = Bench::new();
    for round in 0..100 {
        bench.set("a", round, &[&format!("t{round}"), "x"]);
    }
    assert_eq!((bench.would(tag("t98")).matched, bench.would(tag("t99")).matched), (0, 1));
    let weight = bench.tier.store().used();
    assert_eq!((bench.would(tag("x")).matched, bench.would(tag("x")).bytes), (1, weight));
    // What is due is noticed up to a second later.
    bench.turn(|tier, fx| _ = tier.expire(NOW.after(TTL + STALE + Duration::from_secs(1)), fx));
    assert_eq!(bench.would(tag("x")), Taken { at: bench.would(tag("x")).at, ..Taken::default() });
}
