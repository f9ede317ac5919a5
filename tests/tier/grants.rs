//! Grants: holding to them, and asking for more.

use std::time::Duration;

use apex_cache::Settings;
use apex_cache::actor::request::{TierRequest, ToSupervisor};
use tokio::time::advance as jump;

use super::Alone;
use super::common::{paused, settle};
use super::recorders::bulk;

const MIB: u64 = 1 << 20;

/// A tier with a grant of 1 MiB, and entries of at most 100 kB.
fn small() -> Alone {
    Alone::at_its_floor(&Settings::default().max_size_mb(10).max_entry_size(100_000))
}

/// Grants so much, as the supervisor does; returns what acknowledges it.
fn grant(tier: &Alone, bytes: u64) -> ToSupervisor {
    let id = tier.id.index();
    let told = tier.aim(bytes).into_iter().find(|told| told.tier == id).expect("another grant");
    tier.tell(TierRequest::Grant { bytes, order: told.order });
    ToSupervisor::Holds { tier: id, order: told.order }
}

async fn fill(tier: &Alone, from: u64, to: u64) {
    for number in from..to {
        tier.set(&format!("user::{number}"), bulk(90_000)).await.expect("it fits");
    }
    settle().await; // the supervisor's stand-in has its turn
}

fn used(tier: &Alone) -> u64 {
    tier.shared().counters.bytes.load(std::sync::atomic::Ordering::Relaxed)
}

/// How often it asked. (It also tells to what grant it holds: at its start, and when it is told another.)
fn asked(tier: &Alone) -> usize {
    let near = ToSupervisor::NearGrant { tier: tier.id.index() };
    tier.supervisor.take().into_iter().filter(|told| told == &near).count()
}

#[test]
fn a_tier_with_much_room_asks_for_nothing() {
    paused(|| async {
        let tier = small();
        fill(&tier, 0, 5).await;
        tier.drained().await;
        assert_eq!(asked(&tier), 0);
    });
}

#[test]
fn a_tier_near_its_grant_asks_once_not_at_every_write() {
    paused(|| async {
        let tier = small();
        fill(&tier, 0, 50).await;
        assert_eq!(asked(&tier), 1);
        assert!(used(&tier) <= MIB, "it evicted to hold its grant");
    });
}

#[test]
fn it_asks_again_at_a_new_grant() {
    paused(|| async {
        let tier = small();
        fill(&tier, 0, 20).await;
        assert_eq!(asked(&tier), 1);
        let holds = grant(&tier, 2 * MIB);
        assert_eq!(tier.supervisor.next().await, holds);
        fill(&tier, 20, 25).await;
        assert_eq!(asked(&tier), 0, "there is room again");
        fill(&tier, 25, 60).await;
        assert_eq!(asked(&tier), 1);
    });
}

#[test]
fn a_tier_that_was_given_nothing_asks_again_after_a_pause() {
    paused(|| async {
        let tier = small();
        fill(&tier, 0, 20).await;
        assert_eq!(asked(&tier), 1);
        jump(Duration::from_millis(999)).await;
        fill(&tier, 20, 40).await;
        assert_eq!(asked(&tier), 0);
        jump(Duration::from_millis(1)).await;
        fill(&tier, 40, 60).await;
        assert_eq!(asked(&tier), 1);
    });
}

#[test]
fn a_smaller_grant_is_acknowledged_once_the_tier_holds_to_it() {
    paused(|| async {
        let tier = small();
        grant(&tier, 4 * MIB);
        tier.supervisor.next().await;
        fill(&tier, 0, 40).await;
        assert!(used(&tier) > 3 * MIB);
        tier.supervisor.take();
        let holds = grant(&tier, MIB);
        loop {
            match tier.supervisor.next().await {
                told @ ToSupervisor::Holds { .. } => {
                    assert_eq!(told, holds);
                    assert!(used(&tier) <= MIB, "acknowledged before it holds");
                    break;
                }
                told => assert_eq!(told, ToSupervisor::NearGrant { tier: tier.id.index() }),
            }
        }
        // What was used last stays.
        let (newest, oldest) = (tier.given("user::39").await, tier.given("user::0").await);
        assert!(newest.is_some() && oldest.is_none());
        assert!(tier.shared().counters.evicted.get() > 0);
    });
}

#[test]
fn a_failed_tier_acknowledges_its_grant_too() {
    paused(|| async {
        let tier = small();
        for _ in 0..5 {
            tier.tell(TierRequest::Break);
        }
        let holds = grant(&tier, 2 * MIB);
        // Before that it told that it holds what it began with.
        while tier.supervisor.next().await != holds {}
    });
}

#[test]
fn a_much_smaller_grant_is_shed_in_slices_between_which_others_are_served() {
    paused(|| async {
        let tier = Alone::with(&Settings::default().max_size_mb(20).max_entry_size(100_000));
        let (id, floor) = (tier.id.index(), 2 * MIB);
        let mut aims = vec![floor; 4];
        aims[id] = 14 * MIB;
        let told = tier.wiring.aim(&aims)[0];
        tier.tell(TierRequest::Grant { bytes: told.bytes, order: told.order });
        tier.fill(45_000).await;
        tier.drained().await;
        let before = used(&tier);
        assert!(before > 7 * MIB, "{before}");
        tier.supervisor.take();
        aims[id] = floor;
        let told = tier.wiring.aim(&aims)[0];
        tier.tell(TierRequest::Grant { bytes: told.bytes, order: told.order });
        let holds = ToSupervisor::Holds { tier: id, order: told.order };
        let (mut turns, mut last) = (0, before);
        while !tier.supervisor.take().contains(&holds) {
            // What is stored meanwhile takes the place of something else.
            tier.set(&format!("user::new::{turns}"), bulk(5_000)).await.expect("it is served");
            let now = used(&tier);
            assert!(now <= last, "it grew from {last} to {now} while it was to shrink");
            tokio::task::yield_now().await; // the actor has its turn
            (turns, last) = (turns + 1, now);
            assert!(turns < 800, "it does not come down");
        }
        assert!(turns >= 5, "{turns} turns are no slices");
        assert!(used(&tier) <= floor);
        let newest = tier.given(&format!("user::new::{}", turns - 1)).await;
        assert!(newest.is_some(), "what was stored last is there");
    });
}

#[test]
fn a_tier_that_breaks_while_it_sheds_acknowledges_all_the_same() {
    paused(|| async {
        let tier = Alone::with(&Settings::default().max_size_mb(20).max_entry_size(100_000));
        grant(&tier, 14 * MIB);
        tier.fill(45_000).await;
        tier.supervisor.take();
        let mut aims = vec![2 * MIB; 4];
        aims[tier.id.index()] = 3 * MIB;
        let told =
            tier.wiring.aim(&aims).into_iter().find(|told| told.tier == tier.id.index()).expect("less");
        tier.tell(TierRequest::Grant { bytes: told.bytes, order: told.order });
        tier.tell(TierRequest::Break);
        let holds = ToSupervisor::Holds { tier: told.tier, order: told.order };
        while tier.supervisor.next().await != holds {}
        assert!(used(&tier) <= 3 * MIB);
    });
}
