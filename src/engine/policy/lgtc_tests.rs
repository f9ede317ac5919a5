//! The policy against a plain set, and each of its rules on its own.
//!
//! Owns: a tier that only counts. Never: looks inside the policy but through `check`.

use std::cell::Cell;
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::lgtc::STEPS;
use super::{Arrival, Eviction, Policy};

/// What is held, by slot, which is also the key: its weight and its last use.
#[derive(Debug)]
struct Counting {
    policy: Box<dyn Policy>,
    held: BTreeMap<u32, (u64, u64)>,
    capacity: u64,
    epoch: u64,
    evicted: Vec<u32>,
}

impl Counting {
    fn new(eviction: Eviction, capacity: u64) -> Self {
        let policy = eviction.policy(capacity, 7);
        Self { policy, held: BTreeMap::new(), capacity, epoch: 1, evicted: Vec::new() }
    }

    fn used(&self) -> u64 {
        self.held.values().map(|&(weight, _)| weight).sum()
    }

    fn store(&mut self, slot: u32, weight: u64) {
        let epoch = self.epoch + 1;
        self.epoch += 2;
        self.held.insert(slot, (weight, epoch));
        let hash = u64::from(slot).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.policy.stored(slot, Arrival { epoch, hash, weight });
        self.shed();
    }

    fn shed(&mut self) {
        while self.used() > self.capacity {
            let held = &self.held;
            let victim = self.policy.victim(&|slot| held[&slot].1).expect("somebody holds what is used");
            assert!(self.held.remove(&victim).is_some(), "{victim} is not held");
            self.policy.removed(victim);
            self.evicted.push(victim);
        }
    }

    /// Whether `slot` is held; marks it as read.
    fn read(&mut self, slot: u32) -> bool {
        let epoch = self.epoch;
        self.held.get_mut(&slot).map(|(_, mark)| *mark = epoch).is_some()
    }

    fn ask(&mut self, slot: u32, weight: u64) -> bool {
        let hit = self.read(slot);
        if !hit {
            self.store(slot, weight);
        }
        hit
    }

    /// Asks for each of `slots`, which weigh 1.
    fn ask_all(&mut self, slots: std::ops::Range<u32>) {
        for slot in slots {
            self.ask(slot, 1);
        }
    }

    fn check(&self) {
        self.policy.check(&self.held.keys().copied().collect::<Vec<_>>());
        let coldest = self.policy.coldest(self.held.len() + 1);
        assert_eq!(coldest.len(), self.held.len(), "what is cold is not all that is held");
        assert!(coldest.iter().all(|slot| self.held.contains_key(slot)));
    }
}

fn kinds() -> impl Strategy<Value = Eviction> {
    prop_oneof![Just(Eviction::Lgtc), Just(Eviction::LgtcBytes), Just(Eviction::Lru)]
}

proptest! {
    /// Whatever happens, victims are held, what was just stored is not among them, and the same calls choose the same.
    #[test]
    fn victims_are_held_and_the_same_calls_choose_the_same(
        kind in kinds(),
        ops in proptest::collection::vec((0u8..12, 0u32..40, 1u64..60), 0..400),
    ) {
        let mut twins = [Counting::new(kind, 300), Counting::new(kind, 300)];
        for (op, slot, weight) in ops {
            for tier in &mut twins {
                let before = tier.evicted.len();
                match op {
                    0..=5 => {
                        tier.store(slot, weight);
                        if weight <= tier.capacity {
                            prop_assert!(!tier.evicted[before..].contains(&slot), "{slot} went as it came");
                        }
                    }
                    6..=8 => drop(tier.read(slot)),
                    9 | 10 => {
                        tier.policy.removed(slot);
                        tier.held.remove(&slot);
                    }
                    _ => {
                        tier.capacity = weight * 8;
                        tier.policy.resized(weight * 8);
                        tier.shed();
                    }
                }
                tier.check();
            }
            prop_assert_eq!(&twins[0].evicted, &twins[1].evicted);
        }
    }
}

/// How many of fifty keys that are often read outlive a scan of ten times the capacity.
fn survivors_of_a_scan(kind: Eviction) -> usize {
    let mut tier = Counting::new(kind, 100);
    for _ in 0..20 {
        tier.ask_all(0..50);
    }
    tier.ask_all(1_000..2_000);
    tier.check();
    (0..50).filter(|slot| tier.held.contains_key(slot)).count()
}

#[test]
fn a_scan_does_not_push_out_what_is_often_read() {
    assert!(survivors_of_a_scan(Eviction::Lgtc) >= 45, "{}", survivors_of_a_scan(Eviction::Lgtc));
    assert_eq!(survivors_of_a_scan(Eviction::Lru), 0, "or the scan proves nothing");
}

#[test]
fn what_comes_twice_in_short_order_is_a_hit_the_second_time() {
    let mut tier = Counting::new(Eviction::Lgtc, 100);
    let hits =
        (0..5_000_u32).filter(|step| tier.ask(step / 2 + (step % 2) * 10 * u32::from(step % 20 == 0), 1));
    assert!(hits.count() >= 2_000);
}

#[test]
fn a_key_that_comes_back_soon_after_it_went_stays() {
    let mut tier = Counting::new(Eviction::Lgtc, 100);
    (0..130).for_each(|slot| tier.store(slot, 1));
    let back = *tier.evicted.last().expect("there was no room for all");
    tier.store(back, 1);
    // New keys fill the window several times over; the one that came back is in the main space and asked for.
    for slot in 1_000..1_200 {
        tier.store(slot, 1);
        assert!(tier.read(back), "it went after {slot}");
    }
}

#[test]
fn of_entries_that_come_as_often_the_larger_go_first() {
    let small_held = |kind| {
        let mut tier = Counting::new(kind, 1_000);
        // Twenty small keys and twenty large ones, of which the capacity holds about a half.
        for step in 0..20_000_u32 {
            let slot = step.wrapping_mul(2_654_435_761) % 40;
            tier.ask(slot, if slot < 20 { 10 } else { 100 });
        }
        tier.check();
        (0..20).filter(|slot| tier.held.contains_key(slot)).count()
    };
    assert_eq!(small_held(Eviction::Lgtc), 20, "small keys are cheap to keep");
    assert!(small_held(Eviction::LgtcBytes) < 20, "for bytes they count no more than large ones");
}

#[test]
fn what_was_often_read_once_gives_way_to_what_is_read_now() {
    let mut tier = Counting::new(Eviction::Lgtc, 100);
    (0..10).for_each(|_| tier.ask_all(0..100));
    // Others are asked for from now on: not in a loop, which is not what this is good at.
    let hits = (0..4_000_u32).filter(|step| {
        let first = step.wrapping_mul(2_654_435_761) % 60;
        let hit = tier.ask(1_000 + first, 1);
        *step >= 3_000 && hit
    });
    assert!(hits.count() >= 900);
}

#[test]
fn an_eviction_has_a_bound_when_everything_was_read() {
    for kind in [Eviction::Lgtc, Eviction::LgtcBytes] {
        let mut policy = kind.policy(10_000, 1);
        for slot in 0..20_000 {
            policy.stored(
                slot,
                Arrival { epoch: 1, hash: u64::from(slot) << 32, weight: 1 + u64::from(slot % 8) },
            );
        }
        for round in 2..50 {
            let looked = Cell::new(0);
            let victim = policy.victim(&|_| {
                looked.set(looked.get() + 1);
                round
            });
            policy.removed(victim.expect("there are many"));
            assert!(looked.get() <= 6 * STEPS, "{} looks", looked.get());
        }
    }
}
