//! What a tier would hit with other sizes, against tiers of those sizes.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::engine::policy::Eviction;
use crate::engine::sampler::Facts;

const WEIGHT: u64 = 100;
const NOW_AT: Moment = Moment::START;

/// Source: Steele and others, `SplitMix64`, 2014.
fn spread(key: u64) -> u64 {
    let mixed = key.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Tiers of every size, read side by side; what one is guessed to hit is held against what it does hit.
struct World {
    what_if: WhatIf,
    keys: u64,
    /// The true tiers, by size.
    tiers: [Miniature; QUARTERS.len()],
    hits: [u64; QUARTERS.len()],
    reads: u64,
    dice: u64,
}

impl World {
    /// A tier with room for so many `keys`.
    fn new(eviction: Eviction, keys: u64) -> Self {
        let choice = Choice::from(eviction);
        let tier = |quarters| {
            let mut tier = Miniature::new(choice);
            tier.resize(keys * WEIGHT * quarters / 4);
            tier
        };
        let what_if = WhatIf::new(choice);
        Self { what_if, keys, tiers: QUARTERS.map(tier), hits: [0; QUARTERS.len()], reads: 0, dice: 1 }
    }

    fn draw(&mut self) -> f64 {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.dice >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn read(&mut self, key: u64) {
        let facts = Facts { weight: WEIGHT, dead_at: Moment::NEVER, took_ms: 0 };
        let told = |what, known: bool| Sampled::new(what, spread(key), NOW_AT, known.then_some(facts));
        self.reads += 1;
        for (at, tier) in self.tiers.iter_mut().enumerate() {
            let hit = tier.read(&told(What::Read, false), NOW_AT);
            self.hits[at] += u64::from(hit);
            if !hit {
                tier.stored(&told(What::Stored, true), NOW_AT);
            }
            if at == NOW {
                self.what_if.take(&told(What::Read, hit), NOW_AT);
                if !hit {
                    self.what_if.take(&told(What::Stored, true), NOW_AT);
                }
            }
        }
        if self.reads.is_multiple_of(500) {
            self.what_if.looked(500, false, false);
            self.what_if.fit(self.keys * WEIGHT, Some(WEIGHT), NOW_AT);
            self.what_if.check();
        }
    }

    /// So many reads in which one key of `keys` is read as often as Zipf says, then the end of a period. Returns by how many
    /// points of a hundred each size was guessed wrong.
    fn period(&mut self, reads: u64, keys: u64) -> [f64; QUARTERS.len()] {
        let before = (self.reads, self.hits);
        for _ in 0..reads {
            // The continuous form of Zipf's law with exponent 1.
            let key = ((keys as f64).powf(self.draw()) - 1.0).max(0.0);
            #[allow(clippy::cast_sign_loss)] // it is not negative
            self.read(key as u64);
        }
        let now = [0, 1, 2, 3, 4].map(|at| self.hits[at] - before.1[at]);
        let evicted = 1;
        self.what_if.end_period(Period { reads: self.reads - before.0, hits: now[NOW], evicted });
        let known = self.what_if.outlook().unwrap();
        [0, 1, 2, 3, 4].map(|at| (known.hits[at] / known.reads - now[at] as f64 / reads as f64) * 100.0)
    }
}

#[test]
fn with_all_keys_in_the_sample_every_size_is_guessed_exactly() {
    for eviction in [Eviction::Lgtc, Eviction::Lru] {
        let mut world = World::new(eviction, 200);
        world.what_if.fit(200 * WEIGHT, Some(WEIGHT), NOW_AT);
        let off = world.period(20_000, 4_000);
        assert_eq!(world.what_if.shift(), 0);
        assert!(off.iter().all(|off| off.abs() < 0.01), "{eviction:?}: {off:?}");
        assert!(world.what_if.outlook().unwrap().off_by < 0.001);
    }
}

#[test]
fn with_one_key_of_many_in_the_sample_half_and_double_are_guessed_within_two_points() {
    for eviction in [Eviction::Lgtc, Eviction::LgtcBytes, Eviction::Lru] {
        let mut world = World::new(eviction, 8_000);
        world.what_if.fit(8_000 * WEIGHT, Some(WEIGHT), NOW_AT);
        world.period(200_000, 100_000);
        let off = world.period(200_000, 100_000);
        assert_eq!(world.what_if.shift(), 4);
        assert!(off[1].abs() < 2.0 && off[3].abs() < 2.0, "{eviction:?}: {off:?}");
        assert!(off[NOW].abs() < 1.0, "what is now was counted, and fades: {off:?}");
        assert!(world.what_if.len() < 8 * 2 * SAMPLE as usize, "it holds {}", world.what_if.len());
    }
}

#[test]
fn where_nothing_had_to_go_more_room_brings_nothing() {
    let mut what_if = WhatIf::new(Choice::default());
    // A loop that fits into the tier, of which the sample says that it does not.
    what_if.fit(20 * WEIGHT, Some(WEIGHT), NOW_AT);
    let facts = Facts { weight: WEIGHT, dead_at: Moment::NEVER, took_ms: 0 };
    for key in (0..30).cycle().take(3_000) {
        what_if.take(&Sampled::new(What::Read, spread(key), NOW_AT, Some(facts)), NOW_AT);
    }
    what_if.end_period(Period { reads: 3_000, hits: 3_000, evicted: 0 });
    let known = what_if.outlook().unwrap();
    assert!(known.hits[NOW..].iter().all(|&hits| hits == 3_000.0), "{known:?}");
    assert!(known.hits[0] < 2_000.0, "with a quarter of it most would be misses: {known:?}");
    assert!(known.off_by > 0.2, "and it says how far it is off: {known:?}");
}

#[test]
fn nothing_is_said_before_enough_was_read() {
    let mut what_if = WhatIf::new(Choice::default());
    what_if.fit(20 * WEIGHT, Some(WEIGHT), NOW_AT);
    assert_eq!(what_if.outlook(), None);
    (0..500).for_each(|key| what_if.take(&Sampled::new(What::Read, spread(key), NOW_AT, None), NOW_AT));
    what_if.end_period(Period { reads: 500, ..Period::default() });
    assert_eq!(what_if.outlook(), None);
}

#[test]
fn where_too_much_is_read_the_sample_is_thinned_out_and_comes_back_when_it_is_quiet() {
    let mut what_if = WhatIf::new(Choice::default());
    let fit = |what_if: &mut WhatIf| what_if.fit(4_096 * WEIGHT, Some(WEIGHT), NOW_AT);
    fit(&mut what_if);
    assert_eq!(what_if.shift(), 4);
    what_if.looked(RING, true, false);
    fit(&mut what_if);
    assert_eq!(what_if.shift(), 4, "first it is looked more often");
    for _ in 0..5 {
        what_if.looked(RING, true, true);
        fit(&mut what_if);
    }
    assert_eq!(what_if.shift(), 4 + THINNED, "no further, else too few keys would be left");
    for _ in 0..THINNED * QUIET {
        what_if.looked(100, false, false);
        fit(&mut what_if);
    }
    assert_eq!(what_if.shift(), 4);
}

proptest! {
    #[test]
    fn more_bytes_are_never_guessed_to_hit_less_and_never_more_than_all(
        ops in prop::collection::vec((0_u64..300, 0_u8..8), 600..2_000),
        periods in prop::collection::vec((0_u64..3_000, 0_u64..3_000, 0_u64..2), 1..4),
    ) {
        let mut what_if = WhatIf::new(Choice::default());
        what_if.fit(40 * WEIGHT, Some(WEIGHT), NOW_AT);
        let facts = Facts { weight: WEIGHT, dead_at: Moment::NEVER, took_ms: 0 };
        for (reads, hits, evicted) in periods {
            for &(key, op) in &ops {
                let (what, known) = match op {
                    0..4 => (What::Read, true),
                    4..6 => (What::Read, false),
                    6 => (What::Stored, true),
                    _ => (What::Gone, false),
                };
                what_if.take(&Sampled::new(what, spread(key), NOW_AT, known.then_some(facts)), NOW_AT);
            }
            what_if.check();
            what_if.end_period(Period { reads, hits: hits.min(reads), evicted });
            if let Some(Outlook { reads, hits, off_by }) = what_if.outlook() {
                prop_assert!(hits.windows(2).all(|pair| pair[0] <= pair[1]), "{hits:?}");
                prop_assert!(hits.iter().all(|&hits| (0.0..=reads).contains(&hits)), "{hits:?} of {reads}");
                prop_assert!((0.0..=1.0).contains(&off_by), "{off_by}");
            }
        }
    }
}
