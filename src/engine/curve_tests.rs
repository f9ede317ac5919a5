//! The curve against stores of every size that keep what was read last.
#![allow(clippy::unwrap_used, clippy::cast_sign_loss)]

use std::collections::VecDeque;

use proptest::prelude::*;

use super::curve::{Curve, KEYS};
use super::sampler::{Sampled, What};

/// A number that looks random; the same for the same `key`. Source: Steele and others, `SplitMix64`, 2014.
fn spread(key: u64) -> u64 {
    let mixed = key.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Keeps what was read last, in a row.
#[derive(Default)]
struct Row {
    /// The latest first, with what each weighs.
    row: VecDeque<(u64, u64)>,
}

impl Row {
    /// What a store must hold for this read to be a hit; `None`: it was never read, or is gone.
    fn read(&mut self, key: u64, weight: u64) -> Option<u64> {
        let at = self.row.iter().position(|(other, _)| *other == key);
        let needs = at.map(|at| self.row.iter().take(at).map(|(_, weight)| weight).sum::<u64>() + weight);
        if let Some(at) = at {
            self.row.remove(at);
        }
        self.row.push_front((key, weight));
        needs
    }

    fn gone(&mut self, key: u64) {
        self.row.retain(|(other, _)| *other != key);
    }
}

fn read(key: u64, weight: u64) -> Sampled {
    Sampled { hash: spread(key), weight: weight as u32, what: What::Read }
}

proptest! {
    /// With every key in the sample it is exact, at the borders of the buckets.
    #[test]
    fn a_curve_of_all_keys_tells_what_every_size_would_hit(
        ops in prop::collection::vec((0_u64..40, 0_u8..12), 1..600),
        // Prime to the number of buckets and not.
        budget in prop_oneof![Just(640_u64), Just(1_000), Just(64)],
    ) {
        let (mut curve, mut row) = (Curve::new(budget), Row::default());
        let (mut needs, mut reads) = (Vec::new(), 0);
        for (key, op) in ops {
            let weight = 1 + key % 7;
            // What lies beyond the reach is forgotten, also if it comes nearer when others are taken away.
            if op == 0 && budget > 64 {
                curve.take(Sampled { hash: spread(key), weight: 0, what: What::Gone });
                row.gone(key);
            } else {
                curve.take(read(key, weight));
                needs.extend(row.read(key, weight));
                reads += 1;
            }
            curve.check();
        }
        curve.end_period(reads);
        for bucket in 1..128 {
            let bytes = budget * bucket / 64;
            if bytes * 64 == budget * bucket {
                let hits = needs.iter().filter(|needs| **needs <= bytes).count();
                prop_assert!((curve.hits(bytes) - hits as f64).abs() < 0.5, "{} hits with {} bytes", hits, bytes);
            }
        }
    }

    #[test]
    fn nothing_drifts_whatever_comes(
        ops in prop::collection::vec((0_u64..3_000, 0_u8..40, 0_u64..50), 1..800),
    ) {
        let mut curve = Curve::new(64_000);
        for (key, op, weight) in ops {
            match op {
                0 => curve.tear(),
                1 => curve.thin_to((weight % 5) as u32),
                2 => curve.resize(weight * 4_000),
                3 => curve.end_period(weight * 10),
                4 => curve.take(Sampled { hash: spread(key), weight: 0, what: What::Gone }),
                5 => curve.take(Sampled { hash: spread(key), weight: weight as u32 + 1, what: What::Stored }),
                _ => curve.take(read(key, weight)),
            }
            curve.check();
        }
    }
}

/// Reads where a few keys come often and many seldom.
fn skewed(count: u64) -> impl Iterator<Item = u64> {
    (0..count).map(|step| {
        let draw = spread(step) as f64 / u64::MAX as f64;
        (30_000.0 * draw.powi(3)) as u64
    })
}

#[test]
fn a_sample_tells_nearly_what_all_keys_tell_and_stays_small() {
    let budget = 8_000 * 100;
    let (mut all, mut thin) = (Curve::new(budget), Curve::new(budget));
    let shift = thin.fitting_shift(100);
    assert_eq!(shift, 2);
    thin.thin_to(shift);
    let mut row = Row::default();
    let mut needs = Vec::new();
    for key in skewed(60_000) {
        all.take(read(key, 100));
        if spread(key).is_multiple_of(4) {
            thin.take(read(key, 100));
        }
        needs.extend(row.read(key, 100));
        row.row.truncate(20_000);
    }
    thin.check();
    thin.end_period(60_000);
    assert!(thin.len() <= 2 * KEYS);
    for parts in [1, 2, 4, 8, 16, 32, 64, 128] {
        let bytes = budget * parts / 64;
        let real = needs.iter().filter(|needs| **needs <= bytes).count() as f64 / 60_000.0;
        let told = thin.hit_rate(bytes).unwrap();
        assert!((told - real).abs() < 0.02, "{parts} of 64: {told} told, {real} real");
    }
}

#[test]
fn what_lies_across_a_gap_is_not_counted() {
    let mut curve = Curve::new(64_000);
    (0..100).for_each(|key| curve.take(read(key, 100)));
    curve.tear();
    // A hundred reads in which it learns the order anew, of other keys.
    (100..200).for_each(|key| curve.take(read(key, 100)));
    (0..100).for_each(|key| curve.take(read(key, 100)));
    curve.end_period(300);
    assert!(curve.hits(128_000) < 0.5, "nobody knows what was read between: {}", curve.hits(128_000));
    (0..100).for_each(|key| curve.take(read(key, 100)));
    curve.end_period(100);
    assert!((curve.hits(11_000) - 100.0).abs() < 0.5);
    assert!(curve.hits(9_000) < 0.5);
}

#[test]
fn a_budget_of_another_size_keeps_what_was_counted() {
    let mut curve = Curve::new(64_000);
    for key in (0..200).chain(0..200) {
        curve.take(read(key, 100));
    }
    curve.end_period(400);
    curve.resize(128_000);
    assert!((curve.hits(21_000) - 200.0).abs() < 1.0 && curve.hits(18_000) < 1.0);
    curve.resize(32_000);
    assert!((curve.hits(21_000) - 200.0).abs() < 1.0 && curve.hits(18_000) < 1.0);
}

#[test]
fn it_knows_nothing_before_it_has_seen_something() {
    let mut curve = Curve::new(64_000);
    assert_eq!(curve.hit_rate(64_000), None);
    (0..300).for_each(|_| curve.take(read(1, 100)));
    assert_eq!(curve.hit_rate(64_000), None, "the period is not over");
    curve.end_period(300);
    assert!(curve.hit_rate(64_000).unwrap() > 0.99);
}
