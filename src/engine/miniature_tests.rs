//! A tier in small against the store of a tier, and against a row that keeps what was read last.
#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::engine::policy::Eviction;
use crate::engine::sampler::{Facts, What};

fn event(what: What, key: u64, weight: u64, now: Moment, dead_at: Moment) -> Sampled {
    let facts = Facts { weight, dead_at, took_ms: 0 };
    Sampled::new(what, key.wrapping_mul(0x9E37_79B9_7F4A_7C15), now, (weight > 0).then_some(facts))
}

fn small(eviction: Eviction, capacity: u64) -> Miniature {
    let mut small = Miniature::new(eviction.into());
    small.resize(capacity);
    small
}

/// A read, and the store that follows a miss.
fn read(small: &mut Miniature, key: u64, weight: u64) -> bool {
    let now = Moment::START;
    let hit = small.read(&event(What::Read, key, 0, now, now), now);
    if !hit {
        small.stored(&event(What::Stored, key, weight, now, Moment::NEVER), now);
    }
    hit
}

proptest! {
    /// Exact reuse distance: a read is a hit if all that was read since the last of its key, and it, fit.
    #[test]
    fn by_least_recently_used_it_hits_what_the_reuse_distance_says(
        keys in prop::collection::vec(0_u64..40, 1..400),
        capacity in 1_u64..50,
    ) {
        let mut small = small(Eviction::Lru, capacity);
        let mut row: VecDeque<u64> = VecDeque::new();
        for key in keys {
            let distance = row.iter().position(|&other| other == key);
            if let Some(at) = distance {
                row.remove(at);
            }
            row.push_front(key);
            let fits = distance.is_some_and(|at| (at as u64) < capacity);
            prop_assert_eq!(read(&mut small, key, 1), fits);
            small.check();
        }
    }

    /// Whatever it is told, in any order, its numbers stay true and it never holds too much.
    #[test]
    fn no_order_of_events_makes_its_numbers_drift(
        ops in prop::collection::vec((0_u64..30, 0_u8..6, 1_u64..9, 0_u64..2_000), 1..300),
        policy in prop_oneof![Just(Eviction::Lgtc), Just(Eviction::LgtcBytes), Just(Eviction::Lru)],
    ) {
        let mut small = small(policy, 40);
        for (at, (key, op, weight, left)) in (0_u64..).zip(ops) {
            let now = Moment::from_millis(at * 100);
            let dead_at = now.after(Duration::from_millis(left));
            match op {
                0 => _ = small.read(&event(What::Read, key, 0, now, now), now),
                1 | 2 => _ = small.read(&event(What::Read, key, weight, now, dead_at), now),
                3 => small.stored(&event(What::Stored, key, weight * 6, now, dead_at), now),
                4 => small.gone(event(What::Gone, key, 0, now, now).hash),
                _ => small.resize(20 + weight * 5),
            }
            small.check();
        }
        small.retain(Moment::NEVER, |_| true);
        prop_assert!(small.is_empty(), "everything ends some time");
        small.check();
    }
}

#[test]
fn a_value_whose_time_is_over_is_no_hit_and_takes_no_room() {
    let mut small = small(Eviction::Lgtc, 100);
    let (now, later) = (Moment::START, Moment::from_millis(1_000));
    small.stored(&event(What::Stored, 1, 10, now, later), now);
    small.stored(&event(What::Stored, 2, 10, now, later), now);
    assert!(small.read(&event(What::Read, 1, 0, now, now), Moment::from_millis(999)));
    assert!(!small.read(&event(What::Read, 1, 0, later, later), later));
    assert_eq!(small.len(), 1);
    small.retain(later, |_| true);
    assert!(small.is_empty());
}

#[test]
fn what_the_tier_still_has_comes_back_with_a_read_and_what_it_took_away_is_gone() {
    let mut small = small(Eviction::Lgtc, 100);
    let now = Moment::START;
    let hit = event(What::Read, 1, 10, now, Moment::NEVER);
    assert!(!small.read(&hit, now), "a tier of this size would have missed it, and loaded it again");
    assert!(small.read(&hit, now));
    small.gone(hit.hash);
    assert!(!small.read(&event(What::Read, 1, 0, now, now), now));
    assert!(small.is_empty(), "a miss that brings nothing leaves nothing");
}

#[test]
fn an_entry_that_would_never_fit_is_left_out() {
    let mut small = small(Eviction::Lgtc, 100);
    assert!(!read(&mut small, 1, 101) && !read(&mut small, 1, 101));
    assert!(!read(&mut small, 2, 100) && read(&mut small, 2, 100));
    let now = Moment::START;
    small.stored(&event(What::Stored, 2, 101, now, Moment::NEVER), now);
    assert!(small.is_empty(), "it was overwritten with one that does not fit");
    small.check();
}
