//! What the sample is told of the keys that come and go in a tier.

use super::bench_tests::{Bench, NOW, TTL, tagged};
use super::counters::Counters;
use super::sampler::What;
use super::scope::Scope;
use super::testing::{key, value};

fn sampled() -> Bench {
    Bench::counted(Counters::sampled())
}

/// What was told since the last time, with whether something is known of the entry.
fn told(bench: &Bench) -> Vec<(What, bool)> {
    let sampler = &bench.counters.sampler;
    std::iter::from_fn(|| sampler.pop()).map(|event| (event.what, event.weight > 0)).collect()
}

#[test]
fn a_store_is_told_after_the_older_value_whose_time_was_over() {
    let mut bench = sampled();
    bench.set("user::1", 1, &[]);
    assert_eq!(told(&bench), [(What::Stored, true)]);
    // A warm run that finds no room makes some of what has expired, the key's own older value among it.
    let later = NOW.after(TTL * 10);
    let ticket = bench.tier.begin_warm();
    let large = |text: &str| tagged(text, value(2, 900_000), &[]);
    for other in 0..4 {
        bench.turn(|tier, fx| drop(tier.set(large(&format!("user::large::{other}")), later, fx)));
    }
    told(&bench);
    bench.turn(|tier, fx| _ = tier.store_warm(ticket, large("user::1"), later, fx));
    assert_eq!(told(&bench), [(What::Gone, false)], "there was no room, and what was not stored is not told");
    bench.turn(|tier, fx| _ = tier.remove(&key("user::large::0"), fx));
    bench.turn(|tier, fx| _ = tier.store_warm(ticket, large("user::1"), later, fx));
    assert_eq!(told(&bench), [(What::Gone, false), (What::Stored, true)]);
}

#[test]
fn what_is_loaded_is_told_and_what_is_evicted_is_not() {
    let mut bench = sampled();
    let id = bench.load("user::1", "caller").expect("it starts");
    bench.loaded(id, 1, &[]);
    assert_eq!(told(&bench), [(What::Stored, true)]);
    for at in 0..8 {
        bench.turn(|tier, fx| {
            drop(tier.set(tagged(&format!("user::large::{at}"), value(2, 900_000), &[]), NOW, fx));
        });
    }
    assert!(bench.counters.evicted.get() >= 4);
    assert_eq!(told(&bench), [(What::Stored, true); 8]);
}

#[test]
fn what_is_taken_away_is_told_key_by_key_and_a_clear_at_once() {
    let mut bench = sampled();
    (0..3).for_each(|at| bench.set(&format!("user::{at}"), at, &[]));
    told(&bench);
    bench.turn(|tier, fx| _ = tier.remove(&key("user::0"), fx));
    let too_large = tagged("user::1", value(1, 2 << 20), &[]);
    bench.turn(|tier, fx| drop(tier.set(too_large, NOW, fx)));
    assert_eq!(told(&bench), [(What::Gone, false); 2], "its older value is no longer what was written");
    bench.invalidate(Scope::All);
    assert_eq!(told(&bench), [(What::Emptied, false)]);
}

#[test]
fn a_tier_that_begins_anew_is_told_as_one_that_was_cleared() {
    let mut bench = sampled();
    bench.set("user::1", 1, &[]);
    told(&bench);
    let view = std::sync::Arc::new(super::view::View::new(1));
    drop(bench.tier.reset(view, NOW));
    assert_eq!(told(&bench), [(What::Emptied, false)]);
}
