//! The policy against a plain set, and each of its rules on its own.
//!
//! Owns: a tier that only counts. Never: looks inside the policy but through `check`.

use proptest::prelude::*;

use super::lgtc::STEPS;
use super::testing::Held;
use super::{Choice, Eviction, Policy};

/// A tier of slots that are also keys.
#[derive(Debug)]
struct Counting {
    policy: Box<dyn Policy>,
    held: Held,
    capacity: u64,
    evicted: Vec<u32>,
}

impl Counting {
    fn new(choice: impl Into<Choice>, capacity: u64) -> Self {
        let policy = choice.into().policy(capacity, 7);
        Self { policy, held: Held::default(), capacity, evicted: Vec::new() }
    }

    fn store(&mut self, slot: u32, weight: u64) {
        self.load(slot, weight, 0);
    }

    fn load(&mut self, slot: u32, weight: u64, took_ms: u32) {
        self.held.store(&mut *self.policy, slot, weight, took_ms);
        self.shed();
    }

    fn shed(&mut self) {
        while self.held.used() > self.capacity {
            let victim = self.policy.victim(&self.held).expect("somebody holds what is used");
            assert!(self.held.remove(&mut *self.policy, victim), "{victim} is not held");
            self.evicted.push(victim);
        }
    }

    /// Whether `slot` is held; marks it as read.
    fn read(&mut self, slot: u32) -> bool {
        self.held.read(slot)
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
        self.held.check(&*self.policy);
    }
}

const KINDS: [Eviction; 3] = [Eviction::Lgtc, Eviction::LgtcBytes, Eviction::Lru];

fn choices() -> impl Strategy<Value = Choice> {
    (prop::sample::select(&KINDS), any::<bool>())
        .prop_map(|(eviction, weigh_load_time)| Choice { eviction, weigh_load_time })
}

proptest! {
    /// Whatever happens, victims are held, what was just stored is not among them, and the same calls choose the same.
    #[test]
    fn victims_are_held_and_the_same_calls_choose_the_same(
        kind in choices(),
        ops in proptest::collection::vec((0u8..13, 0u32..40, 1u64..60), 0..400),
    ) {
        let mut twins = [Counting::new(kind, 300), Counting::new(kind, 300)];
        for (op, slot, weight) in ops {
            for tier in &mut twins {
                let before = tier.evicted.len();
                match op {
                    0..=5 => {
                        tier.load(slot, weight, 1 << (slot % 16));
                        if weight <= tier.capacity {
                            prop_assert!(!tier.evicted[before..].contains(&slot), "{slot} went as it came");
                        }
                    }
                    6..=8 => _ = tier.read(slot),
                    9 | 10 => _ = tier.held.remove(&mut *tier.policy, slot),
                    11 => {
                        tier.held.reweigh(&mut *tier.policy, slot, weight);
                        tier.shed();
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
    (0..50).filter(|slot| tier.held.holds(*slot)).count()
}

#[test]
fn a_scan_does_not_push_out_what_is_often_read() {
    assert!(survivors_of_a_scan(Eviction::Lgtc) >= 40, "{}", survivors_of_a_scan(Eviction::Lgtc));
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
        (0..20).filter(|slot| tier.held.holds(*slot)).count()
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

/// Hits of each round of a loop over `keys` keys, from a tier that may have held others before.
fn rounds(tier: &mut Counting, keys: u32, rounds: usize) -> Vec<usize> {
    (0..rounds).map(|_| (0..keys).filter(|&slot| tier.ask(slot, 1)).count()).collect()
}

#[test]
fn a_loop_that_fits_is_hit_fully_from_its_second_round_on() {
    for kind in KINDS {
        for capacity in [1, 2, 7, 10, 50, 100, 333, 1_000] {
            for keys in [capacity / 2, capacity * 4 / 5, capacity - 1, capacity] {
                let mut tier = Counting::new(kind, capacity.into());
                let hits = rounds(&mut tier, keys, 4);
                assert_eq!(hits[1..], [keys as usize; 3], "{kind:?} of {capacity}");
            }
        }
    }
}

#[test]
fn a_loop_that_fits_takes_over_from_what_was_read_often_before() {
    for (kind, capacity) in KINDS.iter().flat_map(|&kind| [10, 20, 50, 100, 200, 1_000].map(|of| (kind, of)))
    {
        for keys in [capacity / 2, capacity * 4 / 5, capacity * 19 / 20, capacity] {
            for before in [1, 10, 100] {
                let mut tier = Counting::new(kind, capacity.into());
                (0..before).for_each(|_| tier.ask_all(1_000_000..1_000_000 + capacity));
                let hits = rounds(&mut tier, keys, 20);
                let most = if kind == Eviction::Lru { 1 } else { 16 };
                let settled = hits[most..].iter().all(|&hits| hits == keys as usize);
                assert!(
                    settled,
                    "{keys} keys in {kind:?} of {capacity} after {before} rounds of others: {hits:?}"
                );
                tier.check();
            }
        }
    }
}

#[test]
fn what_took_long_to_load_is_kept_where_that_counts() {
    let slow_held = |weigh_load_time| {
        let mut tier = Counting::new(Choice { eviction: Eviction::Lgtc, weigh_load_time }, 100);
        // A hundred slow keys and as many quick ones come equally often; half of them fit.
        for step in 0..20_000_u32 {
            let slot = step.wrapping_mul(2_654_435_761) % 200;
            if !tier.read(slot) {
                tier.load(slot, 1, if slot < 100 { 1_000 } else { 1 });
            }
        }
        tier.check();
        (0..100).filter(|slot| tier.held.holds(*slot)).count()
    };
    let (weighed, not) = (slow_held(true), slow_held(false));
    assert!(weighed >= not + 10, "{weighed} where it counts, {not} where it does not");
}

#[test]
fn what_took_long_to_load_goes_when_nobody_reads_it() {
    let mut tier = Counting::new(Choice { eviction: Eviction::Lgtc, weigh_load_time: true }, 100);
    for _ in 0..20 {
        (0..100).for_each(|slot| tier.load(slot, 1, u32::MAX));
    }
    // Others that load at once, drawn evenly from twice the room.
    for step in 0..20_000_u32 {
        tier.ask(1_000 + step.wrapping_mul(2_654_435_761) % 200, 1);
    }
    let left = (0..100).filter(|slot| tier.held.holds(*slot)).count();
    assert!(left <= 5, "{left} are left");
}

#[test]
fn an_eviction_has_a_bound_when_everything_was_read() {
    for kind in [Eviction::Lgtc, Eviction::LgtcBytes] {
        let (mut policy, mut held) = (Choice::from(kind).policy(10_000, 1), Held::default());
        (0..20_000).for_each(|slot| held.store(&mut *policy, slot, 1 + u64::from(slot % 8), 0));
        for _ in 0..50 {
            (0..20_000).for_each(|slot| _ = held.read(slot));
            held.looks();
            let victim = policy.victim(&held);
            let looks = held.looks();
            assert!(looks <= 6 * STEPS, "{looks} looks");
            assert!(held.remove(&mut *policy, victim.expect("there are many")));
        }
        assert_eq!(held.len(), 19_950);
    }
}
