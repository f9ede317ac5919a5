//! What a tier does after a load that brought nothing to keep: what was held before, who asks next, and the places of loads.
//!
//! Owns: one example for each way in which a load ends without a value that is held. Never: invalidations.

use std::time::Duration;

use super::bench_tests::{Bench, Caller, NOW, TTL, lives, tagged};
use super::effects::{Brought, Outcome};
use super::entry::ReadEntry;
use super::flight::{Class, RunId};
use super::moment::Moment;
use super::terms::Terms;
use super::testing::{key, value};
use super::tier::Member;
use crate::error::{Error, Shown};

const SECOND: Duration = Duration::from_secs(1);

/// The value of `a` is past its time to live, and a load of `class` begins.
fn renewed(bench: &mut Bench, class: Class, terms: Terms) -> (RunId, Moment) {
    bench.set("a", 1, &[]);
    let now = NOW.after(TTL);
    let who = Caller("renews", true, None);
    let fx = bench.turn(|tier, fx| tier.load(&key("a"), &terms, class, who, now, fx));
    bench.take_loader(fx.starts[0]);
    (fx.starts[0], now)
}

#[test]
fn a_source_whose_failure_only_the_leader_can_be_given_is_left_alone_too() {
    let error = || Error::LoadPanicked { key: Shown::new("a") };
    for outcome in [Outcome::Failed(error()), Outcome::FailedAlone(error())] {
        let mut bench = Bench::new();
        let (load, now) = renewed(&mut bench, Class::Refresh, lives());
        bench.turn(|tier, fx| tier.land(load, 0, outcome.clone(), Duration::ZERO, now, fx));
        let entry = bench.tier.store().find("a").expect("it can be served stale");
        assert_eq!(entry.failures(), 1, "{outcome:?}");
        assert!(!entry.ask(now.after(9 * SECOND), SECOND), "{outcome:?}: the source is given no rest");
        assert!(entry.ask(now.after(10 * SECOND), SECOND), "{outcome:?}");
    }
}

#[test]
fn what_a_load_found_outdated_is_taken_away_though_what_it_brought_is_not_kept() {
    let zero = Some(Duration::ZERO);
    let large = Outcome::Loaded(value(2, 1 << 20).into());
    let not_kept = Outcome::Loaded(Brought { ttl: zero, ..value(2, 0).into() });
    for outcome in [Outcome::NotFound, large, not_kept] {
        let mut bench = Bench::new();
        let terms = Terms { not_found_ttl: Duration::ZERO, ..lives() };
        let (load, now) = renewed(&mut bench, Class::Refresh, terms);
        assert_eq!(bench.read_stale("a", now), Some(1));
        bench.turn(|tier, fx| tier.land(load, 0, outcome, Duration::ZERO, now, fx));
        assert_eq!(bench.read_stale("a", now), None, "the source has another value, or none");
    }
}

#[test]
fn what_overtook_a_load_stays_though_that_brought_nothing_to_keep() {
    let mut bench = Bench::new();
    let terms = Terms { not_found_ttl: Duration::ZERO, ..lives() };
    let (load, now) = renewed(&mut bench, Class::Refresh, terms);
    bench.set("a", 2, &[]);
    bench.turn(|tier, fx| tier.land(load, 0, Outcome::NotFound, Duration::ZERO, now, fx));
    assert_eq!(bench.read("a"), Some(2));
}

#[test]
fn no_place_is_lost_to_a_load_that_a_set_of_several_keys_makes_needless_before_it_starts() {
    let mut bench = Bench::new();
    // So many loads of `a` run out that the next waits, and with it the batch that it belongs to.
    for _ in 0..super::flight::DETACHED_MAX {
        bench.load("a", "overtaken").expect("there is a place");
        bench.invalidate(key("a"));
    }
    let member = |text: &str| Member { key: key(text), terms: lives(), waiter: Caller("batch", true, None) };
    let members = ["a", "b"].map(member).into();
    let fx = bench.turn(|tier, fx| tier.load_many(members, Class::Caller, NOW, fx));
    assert!(fx.batches.is_empty(), "it waits");
    let items = ["a", "b"].map(|text| tagged(text, value(2, 0), &[]).into());
    let mut fx = bench.turn(|tier, fx| {
        let mut stored = Vec::new();
        tier.set_many(&mut items.into_iter(), usize::MAX, &mut stored, NOW, fx);
        assert!(stored.iter().all(Result::is_ok));
    });
    assert_eq!(fx.answers.len(), 2, "who waited is given what was set");
    for id in fx.batches.drain(..).flat_map(|batch| batch.runs) {
        assert!(bench.tier.leader(id).is_some(), "it counts as running, and nobody is there to start it");
    }
}
