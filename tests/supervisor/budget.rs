//! One budget: who asks is given from what is free, then from what others do not use, and never more than there is.

use std::sync::atomic::Ordering::Relaxed;

use apex_cache::Settings;
use apex_cache::actor::request::{TierRequest, ToSupervisor, ToTier};
use apex_cache::message::Info;

use super::Alone;
use super::common::{paused, settle};

const MIB: u64 = 1 << 20;
const CONFIG: usize = 0;
const USER: usize = 2;

async fn tell(alone: &Alone, told: ToSupervisor) {
    alone.addr.do_send(told);
    settle().await;
}

async fn near(alone: &Alone, tier: usize) {
    tell(alone, ToSupervisor::NearGrant { tier }).await;
}

/// The grants that were told since the last look: tier and bytes.
fn grants(alone: &Alone) -> Vec<(usize, u64)> {
    let mut grants = Vec::new();
    for (tier, recorded) in alone.neighbours.tiers.iter().enumerate() {
        for message in recorded.take() {
            let ToTier::Batch(batch) = message else { panic!("no batch: {message:?}") };
            for accepted in batch {
                let TierRequest::Grant { bytes } = accepted.request else { panic!("no grant: {accepted:?}") };
                grants.push((tier, bytes));
            }
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
        assert_eq!(grants(&alone), [(USER, 68 * MIB)], "the smaller grant first, and it alone");
        // An acknowledgement of something else changes nothing.
        tell(&alone, ToSupervisor::Holds { tier: USER, bytes: 70 * MIB }).await;
        tell(&alone, ToSupervisor::Holds { tier: CONFIG, bytes: 10 * MIB }).await;
        assert!(grants(&alone).is_empty());
        tell(&alone, ToSupervisor::Holds { tier: USER, bytes: 68 * MIB }).await;
        assert_eq!(grants(&alone), [(CONFIG, 12 * MIB)], "the larger one after the acknowledgement");
        tell(&alone, ToSupervisor::Holds { tier: USER, bytes: 68 * MIB }).await;
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
        assert_eq!(grants(&alone), [(USER, 68 * MIB)]);
        tell(&alone, ToSupervisor::Holds { tier: USER, bytes: 68 * MIB }).await;
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
        let mut shrinking: Vec<(usize, u64)> = Vec::new();
        for step in 0..2_000 {
            let tier = roll(4) as usize;
            uses(&alone, tier, roll(believed[tier] + 1));
            if roll(3) > 0 || shrinking.is_empty() {
                near(&alone, tier).await;
            } else {
                let (tier, bytes) = shrinking.remove(0);
                believed[tier] = bytes;
                tell(&alone, ToSupervisor::Holds { tier, bytes }).await;
            }
            for (tier, bytes) in grants(&alone) {
                if bytes >= believed[tier] {
                    believed[tier] = bytes;
                } else {
                    shrinking.push((tier, bytes));
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
