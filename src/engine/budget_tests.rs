//! The budget against tiers that believe what they are told, when they come to it.
#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;

use proptest::prelude::*;

use super::budget::{Budget, Told, floor_of, least};

#[derive(Debug, Clone)]
enum Op {
    Ask(usize),
    Use(usize, u64),
    Plan(Vec<u64>),
    Resize(u64),
    /// A tier handles the next of what it was told.
    Hear(usize),
    /// The supervisor handles the next acknowledgement.
    Acknowledge,
    /// A tier dies with its mailbox, and another begins with what the budget says.
    Die(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let tier = 0usize..4;
    prop_oneof![
        3 => tier.clone().prop_map(Op::Ask),
        2 => (tier.clone(), 0u64..2_000).prop_map(|(tier, bytes)| Op::Use(tier, bytes)),
        1 => prop::collection::vec(0u64..100, 4).prop_map(Op::Plan),
        1 => (0u64..3_000).prop_map(Op::Resize),
        6 => tier.clone().prop_map(Op::Hear),
        4 => Just(Op::Acknowledge),
        1 => tier.prop_map(Op::Die),
    ]
}

/// Four tiers, each with what it believes and what it has not heard yet.
struct World {
    budget: Budget,
    believed: [u64; 4],
    used: [u64; 4],
    told: [VecDeque<Told>; 4],
    holds: VecDeque<(usize, u64)>,
    /// What all together may believe: the largest budget since the last one held.
    most: u64,
}

impl World {
    fn tell(&mut self, told: Vec<Told>) {
        told.into_iter().for_each(|one| self.told[one.tier].push_back(one));
    }

    fn step(&mut self, op: Op) {
        match op {
            Op::Ask(tier) => {
                let told = self.budget.ask(tier, &self.used);
                self.tell(told);
            }
            Op::Use(tier, bytes) => self.used[tier] = bytes.min(self.believed[tier]),
            Op::Plan(weights) => {
                let (floor, sum) = (self.budget.floor(), weights.iter().sum::<u64>().max(1));
                let above = self.budget.total() - 4 * floor;
                let aims: Vec<u64> = weights.iter().map(|weight| floor + above * weight / sum).collect();
                let told = self.budget.aim(&aims);
                assert_eq!(self.budget.aims(), aims);
                self.tell(told);
            }
            Op::Resize(total) => {
                let told = self.budget.resize(total);
                assert_eq!(told.is_some(), total >= least(10, 4));
                self.most = self.most.max(self.budget.total());
                self.tell(told.unwrap_or_default());
            }
            Op::Hear(tier) => {
                if let Some(told) = self.told[tier].pop_front() {
                    self.believed[tier] = told.bytes;
                    self.used[tier] = self.used[tier].min(told.bytes);
                    self.holds.push_back((tier, told.order));
                }
            }
            Op::Acknowledge => {
                if let Some((tier, order)) = self.holds.pop_front() {
                    let told = self.budget.acknowledged(tier, order);
                    self.tell(told);
                }
            }
            Op::Die(tier) => {
                self.told[tier].clear();
                let told = self.budget.told(tier);
                (self.believed[tier], self.used[tier]) = (told.bytes, 0);
                self.holds.push_back((tier, told.order));
            }
        }
        self.budget.check();
        let believed: u64 = self.believed.iter().sum();
        assert!(believed <= self.most, "{:?} of {}", self.believed, self.most);
        if self.budget.granted() <= self.budget.total() {
            self.most = self.budget.total();
        }
        assert!(believed <= self.budget.granted(), "somebody believes more than is counted");
    }
}

proptest! {
    #[test]
    fn what_tiers_believe_never_exceeds_the_budget(ops in prop::collection::vec(op(), 0..300)) {
        let mut world = World {
            budget: Budget::new(1_000, 100, 10, 4),
            believed: [100; 4],
            used: [0; 4],
            told: std::array::from_fn(|_| VecDeque::new()),
            holds: VecDeque::new(),
            most: 1_000,
        };
        ops.into_iter().for_each(|op| world.step(op));
        // In the end, when all is heard and acknowledged, everybody has what was planned.
        for _ in 0..20 {
            for tier in 0..4 {
                while !world.told[tier].is_empty() {
                    world.step(Op::Hear(tier));
                }
            }
            while !world.holds.is_empty() {
                world.step(Op::Acknowledge);
            }
        }
        prop_assert_eq!(world.believed.to_vec(), world.budget.aims());
        prop_assert!(world.budget.granted() <= world.budget.total());
    }
}

fn told(tier: usize, bytes: u64, order: u64) -> Told {
    Told { tier, bytes, order }
}

#[test]
fn the_pool_is_given_first_and_then_what_others_do_not_use() {
    let mut budget = Budget::new(1_000, 100, 100, 2);
    while budget.pool() > 0 {
        assert_eq!(budget.ask(0, &[100, 0]).len(), 1);
    }
    assert_eq!((budget.grant(0), budget.grant(1)), (900, 100));
    assert_eq!(budget.ask(1, &[300, 100]), [told(0, 700, 5)]);
    assert_eq!(budget.ask(1, &[300, 100]), [told(0, 700, 5)], "on their way already, so it is told again");
    assert_eq!(budget.acknowledged(0, 4), [], "that was an earlier word");
    assert_eq!(budget.acknowledged(0, 5), [told(1, 300, 1)]);
    assert_eq!(budget.acknowledged(0, 5), [], "nobody asked again");
}

#[test]
fn what_a_plan_gave_and_is_not_used_yet_is_not_taken_by_who_asks() {
    let mut budget = Budget::new(1_000, 100, 10, 3);
    assert_eq!(budget.aim(&[500, 400, 100]), [told(0, 500, 1), told(1, 400, 1)]);
    assert_eq!(budget.ask(2, &[100, 100, 100]), []);
    assert_eq!(budget.aim(&[500, 300, 100]), [told(1, 300, 2)]);
    budget.acknowledged(1, 2);
    assert_eq!(budget.aim(&[500, 300, 200]), [told(2, 200, 1)]);
    assert_eq!(budget.ask(2, &[100, 100, 200]), [told(0, 480, 2)], "the last plan gave that tier nothing");
}

#[test]
fn a_plan_that_does_not_fit_the_budget_is_left_out() {
    let mut budget = Budget::new(1_000, 100, 10, 2);
    for wrong in [vec![99, 500], vec![500, 501], vec![100; 3]] {
        assert_eq!(budget.aim(&wrong), []);
    }
    assert_eq!(budget.aims(), [100, 100]);
}

#[test]
fn a_smaller_budget_is_shared_by_what_each_had_and_holds_when_all_acknowledged() {
    let mut budget = Budget::new(1_000, 100, 10, 2);
    budget.aim(&[700, 300]);
    assert_eq!(budget.resize(99), None, "ten entries of ten bytes");
    assert_eq!(budget.total(), 1_000);
    let told = budget.resize(500).unwrap();
    assert!((498..=500).contains(&told.iter().map(|told| told.bytes).sum::<u64>()), "{told:?}");
    assert!(told[0].bytes > told[1].bytes && budget.aims().iter().all(|&aim| aim >= budget.floor()));
    budget.acknowledged(0, told[0].order);
    assert!(budget.granted() > 500, "the other one has not come down");
    budget.acknowledged(1, told[1].order);
    assert!(budget.granted() <= 500);
    budget.check();
}

#[test]
fn floors_have_room_for_the_largest_entry() {
    for tiers in 1..64 {
        assert!(floor_of(least(1 << 20, tiers), tiers) >= 1 << 20);
        assert!(floor_of(least(1 << 20, tiers) - 1, tiers) < 1 << 20);
    }
}

#[test]
fn tiers_that_are_all_but_full_do_not_take_the_last_bytes_from_each_other_for_ever() {
    let (total, floor) = (3_000, 300);
    let mut budget = Budget::new(total, floor, 10, 3);
    assert_eq!(budget.aim(&[1_200, 1_100, 700]).len(), 3);
    assert_eq!(budget.aim(&[1_200, 1_100, 700]), [], "what the last plan gave more is kept");
    // Each has a little left, asks when it was told a grant, and stores nothing.
    let used = [1_150, 1_000, 697];
    let mut told: VecDeque<Told> = (0..3).map(|tier| budget.told(tier)).collect();
    let mut steps = 0;
    while let Some(Told { tier, order, .. }) = told.pop_front() {
        steps += 1;
        assert!(steps < 100, "they still ask: {:?}", budget.aims());
        told.extend(budget.acknowledged(tier, order));
        told.extend(budget.ask(tier, &used));
        budget.check();
    }
    let unused: Vec<u64> = budget.aims().iter().zip(used).map(|(aim, used)| aim - used).collect();
    assert!(unused[0].abs_diff(unused[1]) <= 1, "those two share what is left: {unused:?}");
}
