//! One budget: who asks is given from what is free, then from what others do not use, and never more than there is.

use std::pin::Pin;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use actix::Actor;

use apex_cache::actor::request::{TierRequest, ToSupervisor};
use apex_cache::actor::{Pending, Request, Supervisor};
use apex_cache::engine::budget::Told;
use apex_cache::engine::moment::Moment;
use apex_cache::engine::sampler::Facts;
use apex_cache::message::{Info, SetBudget};
use apex_cache::{Error, ErrorKind, Settings};

use super::Alone;
use super::common::{advance, paused, settle};
use super::recorders::{Neighbours, mortal};

const MIB: u64 = 1 << 20;
const CONFIG: usize = 0;
const USER: usize = 2;

async fn tell(alone: &Alone, told: ToSupervisor) {
    alone.addr.do_send(told);
    settle().await;
}

async fn holds(alone: &Alone, tier: usize, order: u64) {
    tell(alone, ToSupervisor::Holds { tier, order }).await;
}

async fn near(alone: &Alone, tier: usize) {
    tell(alone, ToSupervisor::NearGrant { tier }).await;
}

/// The grants that were told since the last look: tier and bytes.
fn grants(alone: &Alone) -> Vec<(usize, u64)> {
    told(alone).into_iter().map(|told| (told.tier, told.bytes)).collect()
}

/// What tiers were told since the last look.
fn told(alone: &Alone) -> Vec<Told> {
    let mut grants = Vec::new();
    for (tier, recorded) in alone.neighbours.tiers.iter().enumerate() {
        for envelope in recorded.take() {
            let TierRequest::Grant { bytes, order } = envelope.request else {
                panic!("no grant: {envelope:?}")
            };
            grants.push(Told { tier, bytes, order });
        }
    }
    grants
}

fn uses(alone: &Alone, tier: usize, bytes: u64) {
    alone.wiring().tiers[tier].counters.bytes.store(bytes, Relaxed);
}

/// All that is free goes to the tier of users: it has 70 MiB then.
async fn give_all(alone: &Alone) {
    for _ in 0..30 {
        near(alone, USER).await;
    }
    assert_eq!(grants(alone).last(), Some(&(USER, 70 * MIB)));
}

#[test]
fn a_tier_near_its_grant_is_given_from_what_is_free() {
    paused(|| async {
        let alone = Alone::new();
        near(&alone, USER).await;
        assert_eq!(grants(&alone), [(USER, 12 * MIB)]);
        near(&alone, USER).await;
        near(&alone, CONFIG).await;
        assert_eq!(grants(&alone), [(CONFIG, 12 * MIB), (USER, 14 * MIB)]);
    });
}

#[test]
fn bytes_leave_one_tier_before_they_reach_another() {
    paused(|| async {
        let alone = Alone::new();
        give_all(&alone).await;
        uses(&alone, USER, 20 * MIB);
        near(&alone, CONFIG).await;
        let [Told { tier: USER, bytes, order }] = told(&alone)[..] else {
            panic!("the smaller grant, and it alone")
        };
        assert_eq!(bytes, 68 * MIB);
        // An acknowledgement of something else changes nothing.
        holds(&alone, USER, order - 1).await;
        holds(&alone, CONFIG, 0).await;
        assert!(grants(&alone).is_empty());
        holds(&alone, USER, order).await;
        assert_eq!(grants(&alone), [(CONFIG, 12 * MIB)], "the larger one after the acknowledgement");
        holds(&alone, USER, order).await;
        assert!(grants(&alone).is_empty(), "it is acknowledged once");
    });
}

#[test]
fn the_tier_with_the_most_unused_bytes_gives() {
    paused(|| async {
        let alone = Alone::new();
        for _ in 0..15 {
            near(&alone, USER).await;
            near(&alone, 3).await;
        }
        grants(&alone);
        uses(&alone, USER, 39 * MIB);
        uses(&alone, 3, 30 * MIB);
        near(&alone, CONFIG).await;
        assert_eq!(grants(&alone), [(3, 38 * MIB)]);
    });
}

#[test]
fn nobody_is_pushed_below_what_it_uses_or_below_its_floor() {
    paused(|| async {
        let alone = Alone::new();
        give_all(&alone).await;
        uses(&alone, USER, 70 * MIB);
        near(&alone, CONFIG).await;
        assert!(grants(&alone).is_empty(), "the others are at their floors, and this one uses all");
    });
}

#[test]
fn a_move_whose_acknowledgement_was_lost_is_told_again_when_somebody_asks() {
    paused(|| async {
        let alone = Alone::new();
        give_all(&alone).await;
        near(&alone, CONFIG).await;
        assert_eq!(grants(&alone), [(USER, 68 * MIB)]);
        // Whoever was to acknowledge it died. Another tier asks, later.
        near(&alone, 1).await;
        let [again @ Told { tier: USER, .. }] = told(&alone)[..] else { panic!("the same again") };
        assert_eq!(again.bytes, 68 * MIB);
        holds(&alone, USER, again.order).await;
        assert_eq!(grants(&alone), [(CONFIG, 12 * MIB)]);
    });
}

#[test]
fn what_all_tiers_together_may_believe_to_have_is_never_more_than_the_budget() {
    const SEED: u64 = 20_250_711;
    paused(|| async {
        let alone = Alone::with(&Settings::default().max_size_mb(20));
        let mut dice = SEED;
        let mut roll = |sides: u64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) % sides
        };
        let mut believed = [2 * MIB; 4];
        let mut shrinking: Vec<Told> = Vec::new();
        for step in 0..2_000 {
            let tier = roll(4) as usize;
            uses(&alone, tier, roll(believed[tier] + 1));
            if roll(3) > 0 || shrinking.is_empty() {
                near(&alone, tier).await;
            } else {
                let Told { tier, bytes, order } = shrinking.remove(0);
                believed[tier] = bytes;
                holds(&alone, tier, order).await;
            }
            for told in told(&alone) {
                if told.bytes >= believed[told.tier] {
                    believed[told.tier] = told.bytes;
                } else {
                    shrinking.push(told);
                }
            }
            let sum: u64 = believed.iter().sum();
            assert!(sum <= 20 * MIB, "seed {SEED}, step {step}: {believed:?}");
        }
        let info = super::answer(alone.post(Info)).await.expect("the supervisor answers");
        assert!(info.tiers.iter().map(|tier| tier.grant).sum::<u64>() <= 20 * MIB);
        assert!(info.tiers.iter().all(|tier| tier.grant >= tier.floor));
    });
}

/// Reads of a tier as the counters and the sample tell of them.
fn reads(alone: &Alone, tier: usize, count: u64, keys: u64, weight: u64) {
    let counters = &alone.wiring().tiers[tier].counters;
    for number in 0..count {
        let mixed = (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let key = ((mixed ^ (mixed >> 29)).wrapping_mul(0x94D0_49BB_1331_11EB) >> 33) % keys;
        counters.hit();
        let facts = Facts { weight, dead_at: Moment::NEVER, took_ms: 0 };
        let hash = (key + 1).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        counters.sampler.saw(hash, alone.wiring().env.now(), || Some(facts));
    }
}

#[test]
fn bytes_move_to_where_they_bring_hits_smaller_grants_first_and_not_at_rest() {
    paused(|| async {
        let alone = Alone::new();
        give_all(&alone).await;
        for tier in 0..4 {
            uses(&alone, tier, 10 * MIB);
            alone.wiring().tiers[tier].counters.entries.store(100, Relaxed);
        }
        uses(&alone, USER, 70 * MIB);
        advance(Duration::from_secs(60)).await;
        assert!(grants(&alone).is_empty(), "nobody reads anything");
        // Much is read of the tier of users, but a few keys only; the other tier would need nearly all of the budget.
        for _ in 0..10 {
            reads(&alone, USER, 3_000, 10, 100_000);
            reads(&alone, CONFIG, 3_000, 900, 100_000);
            advance(Duration::from_secs(10)).await;
        }
        let smaller = told(&alone);
        let [Told { tier: USER, bytes, .. }, ..] = smaller[..] else { panic!("{smaller:?}") };
        assert!(bytes < 70 * MIB && smaller.iter().all(|told| told.tier == USER), "{smaller:?}");
        let last = smaller.last().expect("one at least");
        holds(&alone, USER, last.order).await;
        let larger = told(&alone);
        assert!(larger.iter().any(|told| told.tier == CONFIG && told.bytes > 10 * MIB), "{larger:?}");
        let info = super::answer(alone.post(Info)).await.expect("the supervisor answers");
        assert!(info.moving_budget && info.tiers[CONFIG].worth > 0, "{:?}", info.tiers[CONFIG]);
    });
}

#[test]
fn a_budget_that_does_not_move_by_itself_stays_where_it_was_asked_for() {
    paused(|| async {
        let alone = Alone::with(&Settings::default().moving_budget(false));
        give_all(&alone).await;
        for _ in 0..10 {
            reads(&alone, USER, 3_000, 10, 100_000);
            reads(&alone, CONFIG, 3_000, 500, 100_000);
            advance(Duration::from_secs(10)).await;
        }
        assert!(grants(&alone).is_empty());
    });
}

#[test]
fn a_smaller_budget_is_answered_when_every_tier_holds_to_it() {
    paused(|| async {
        let alone = Alone::new();
        give_all(&alone).await;
        let mut answer = alone.post(SetBudget::new(40 * MIB));
        settle().await;
        let smaller = told(&alone);
        assert_eq!(smaller.len(), 4, "{smaller:?}");
        assert!(smaller.iter().map(|told| told.bytes).sum::<u64>() <= 40 * MIB);
        near(&alone, CONFIG).await;
        assert!(
            grants(&alone).iter().all(|grant| smaller.iter().any(|told| (told.tier, told.bytes) == *grant))
        );
        for told in &smaller {
            assert!(now_or_never(&mut answer).is_none(), "answered before {told:?} holds");
            holds(&alone, told.tier, told.order).await;
        }
        assert_eq!(now_or_never(&mut answer), Some(Ok(())));
        let info = super::answer(alone.post(Info)).await.expect("the supervisor answers");
        assert_eq!((info.budget, info.tiers[USER].floor), (40 * MIB, 4 * MIB));
        assert!(info.tiers.iter().map(|tier| tier.grant).sum::<u64>() <= 40 * MIB);
    });
}

#[test]
fn a_larger_budget_is_answered_at_once_and_lies_in_the_pool() {
    paused(|| async {
        let alone = Alone::new();
        give_all(&alone).await;
        super::answer(alone.post(SetBudget::new(200 * MIB))).await.expect("there is nothing to wait for");
        let floors = grants(&alone);
        assert_eq!(floors, [(0, 20 * MIB), (1, 20 * MIB), (3, 20 * MIB)], "the floors rise with the budget");
        near(&alone, USER).await;
        assert_eq!(grants(&alone), [(USER, 70 * MIB + 200 * MIB / 64)]);
    });
}

#[test]
fn a_budget_too_small_for_the_floors_is_refused_with_the_least_there_can_be() {
    paused(|| async {
        let alone = Alone::new();
        for bytes in [0, 10 * MIB - 1, (1 << 40) + 1, u64::MAX] {
            let refused = super::answer(alone.post(SetBudget::new(bytes))).await.expect_err("it cannot be");
            let Error::Budget { least, most, .. } = refused else { panic!("{refused}") };
            assert_eq!((least, most), (10 * MIB, 1 << 40));
        }
        assert!(grants(&alone).is_empty());
        drop(alone.post(SetBudget::new(10 * MIB)));
        settle().await;
        assert!(!grants(&alone).is_empty(), "the least is enough");
    });
}

#[test]
fn a_supervisor_that_takes_the_place_of_another_keeps_the_budget_that_was_set() {
    paused(|| async {
        let neighbours = Neighbours::with(&Settings::default(), Vec::new());
        let (addr, die) = mortal(Supervisor::new(&neighbours.wiring));
        settle().await;
        let waits = SetBudget::new(20 * MIB).post(&neighbours.wiring);
        settle().await;
        die.send(()).expect("it lives");
        settle().await;
        assert!(!addr.connected());
        assert_eq!(waits.await.expect_err("nobody knows when it holds").kind(), ErrorKind::TierRestarting);
        let alone = Alone { addr: Supervisor::new(&neighbours.wiring).start(), neighbours };
        settle().await;
        // Every tier is told again what it is to have, and acknowledges it to the new one.
        for told in told(&alone) {
            holds(&alone, told.tier, told.order).await;
        }
        let info = super::answer(alone.post(Info)).await.expect("the supervisor answers");
        assert_eq!(info.budget, 20 * MIB);
        assert!(info.tiers.iter().map(|tier| tier.grant).sum::<u64>() <= 20 * MIB);
    });
}

/// The answer, if it is there already.
fn now_or_never<R: Unpin>(pending: &mut Pending<R>) -> Option<Result<R, ErrorKind>> {
    let mut context = Context::from_waker(Waker::noop());
    match Pin::new(pending).poll(&mut context) {
        Poll::Ready(answer) => Some(answer.map_err(|error| error.kind())),
        Poll::Pending => None,
    }
}
