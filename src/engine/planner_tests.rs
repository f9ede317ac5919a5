//! The planner against tiers whose best grants are known.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::planner::{Planner, TierNow};
use super::sampler::Sampler;

const TOTAL: u64 = 1 << 20;
const FLOOR: u64 = TOTAL / 16;
/// What every entry weighs.
const WEIGHT: u64 = 256;

/// Tiers that are read as a test says, and hold what they are granted.
struct World {
    planner: Planner,
    samplers: Vec<Sampler>,
    now: Vec<TierNow>,
    dice: u64,
}

impl World {
    fn new(tiers: usize) -> Self {
        let grant = TOTAL / tiers as u64;
        let now = TierNow { reads: 0, entries: grant / WEIGHT, used: grant, grant };
        Self {
            planner: Planner::new(TOTAL, tiers),
            samplers: (0..tiers).map(|_| Sampler::on()).collect(),
            now: vec![now; tiers],
            dice: 1,
        }
    }

    fn draw(&mut self) -> u64 {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.dice >> 20
    }

    /// So many reads of `tier`, of `keys` keys each as likely.
    fn read(&mut self, tier: usize, count: u64, keys: u64) {
        for step in 0..count {
            let key = self.draw() % keys;
            self.samplers[tier].saw((key + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31), || WEIGHT);
            self.now[tier].reads += 1;
            if step % 1_000 == 0 {
                self.absorb();
            }
        }
        self.absorb();
    }

    fn absorb(&mut self) {
        for (tier, sampler) in self.samplers.iter().enumerate() {
            self.planner.absorb(tier, sampler, self.now[tier]);
        }
        self.planner.check();
    }

    fn decide(&mut self) -> Option<Vec<u64>> {
        let aims = self.planner.decide(TOTAL, FLOOR, &self.now, true)?;
        assert!(aims.iter().sum::<u64>() <= TOTAL, "{aims:?}");
        assert!(aims.iter().all(|&aim| aim >= FLOOR), "{aims:?}");
        for (now, &aim) in self.now.iter_mut().zip(&aims) {
            (now.grant, now.used, now.entries) = (aim, aim, aim / WEIGHT);
        }
        Some(aims)
    }
}

#[test]
fn bytes_go_where_they_bring_hits_not_where_most_is_read() {
    let mut world = World::new(3);
    for _ in 0..8 {
        // The first has few keys that are read much; the second fits into most of the budget; the third into nothing.
        world.read(0, 20_000, 50);
        world.read(1, 10_000, 2_400);
        world.read(2, 20_000, 1 << 40);
        world.decide().expect("a period has passed");
    }
    let grants: Vec<u64> = world.now.iter().map(|now| now.grant / WEIGHT).collect();
    assert!(grants[1] >= 2_300, "{grants:?}");
    assert!(world.planner.worth(0, TOTAL, world.now[0].grant) < 1_000);
    assert!(world.planner.worth(1, TOTAL, FLOOR) > 10_000);
}

#[test]
fn a_decision_waits_for_its_period_and_goes_half_of_the_way() {
    let mut world = World::new(2);
    world.read(0, 20_000, 3_000);
    world.read(1, 20_000, 20);
    let first = world.decide().expect("the first");
    assert!(first[0] > TOTAL * 3 / 4, "the first goes the whole way: {first:?}");
    world.read(0, 4_000, 20);
    world.read(1, 4_000, 3_000);
    assert_eq!(world.decide(), None, "that is no period yet, and nobody is read more than before");
    world.read(0, 6_500, 20);
    world.read(1, 6_500, 3_000);
    let second = world.decide().expect("a period of four reads for each entry");
    let third = {
        world.read(0, 10_000, 20);
        world.read(1, 10_000, 3_000);
        world.decide().expect("the next")
    };
    assert!(
        first[0] > second[0] && second[0] > third[0] && third[0] < TOTAL * 2 / 3,
        "{first:?} {second:?} {third:?}"
    );
}

#[test]
fn a_tier_that_is_suddenly_read_more_is_given_more_before_the_period_is_over() {
    let mut world = World::new(2);
    for _ in 0..4 {
        world.read(0, 19_000, 3_000);
        world.read(1, 1_000, 3_000);
        world.decide();
    }
    let before = world.now[1].grant;
    world.read(1, 5_000, 3_000);
    world.decide().expect("its share is another by far");
    assert!(world.now[1].grant > before + TOTAL / 16, "{before} {}", world.now[1].grant);
}

#[test]
fn while_little_is_sampled_the_share_of_the_reads_decides() {
    let mut world = World::new(2);
    world.now[0].reads = 30_000;
    world.now[1].reads = 10_000;
    let aims = world.decide().expect("a period");
    let above = TOTAL - 2 * FLOOR;
    assert!(
        aims[0].abs_diff(FLOOR + above * 3 / 4) < 16 && aims[1].abs_diff(FLOOR + above / 4) < 16,
        "{aims:?}"
    );
}

#[test]
fn what_a_tier_does_not_fill_is_not_given_to_it_for_its_reads() {
    let mut world = World::new(2);
    (world.now[0].reads, world.now[1].reads) = (30_000, 10_000);
    (world.now[0].used, world.now[0].entries) = (FLOOR / 2, 10);
    let aims = world.decide().expect("a period");
    assert!(aims[0] < FLOOR * 2 && aims[1] > TOTAL - 3 * FLOOR, "{aims:?}");
}

#[test]
fn while_there_is_enough_for_all_it_learns_and_moves_nothing() {
    let mut world = World::new(2);
    world.read(0, 30_000, 1_000);
    assert_eq!(world.planner.decide(TOTAL, FLOOR, &world.now, false), None);
    assert!(world.planner.curve(0).hit_rate(TOTAL).unwrap() > 0.9);
}

proptest! {
    #[test]
    fn whatever_is_read_a_plan_keeps_the_floors_and_the_budget(
        rounds in prop::collection::vec(prop::collection::vec((0_u64..3_000, 1_u64..5_000, 0_u64..4), 4), 1..12),
    ) {
        let mut world = World::new(4);
        for round in rounds {
            for (tier, (reads, keys, filled)) in round.into_iter().enumerate() {
                world.read(tier, reads, keys);
                // Reads that no sample tells of, so that periods end.
                world.now[tier].reads += reads * 10;
                world.now[tier].used = world.now[tier].grant / 3 * filled;
            }
            world.decide();
        }
    }
}
