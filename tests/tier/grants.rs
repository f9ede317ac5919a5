//! Grants: holding to them, and asking for more.

use std::time::Duration;

use apex_cache::Settings;
use apex_cache::actor::request::{TierRequest, ToSupervisor};
use tokio::time::advance as jump;

use super::Alone;
use super::common::paused;
use super::recorders::bulk;

const MIB: u64 = 1 << 20;

/// A tier with a grant of 1 MiB, and entries of at most 100 kB.
fn small() -> Alone {
    Alone::with(&Settings::default().max_size_mb(10).max_entry_size(100_000))
}

async fn fill(tier: &Alone, from: u64, to: u64) {
    for number in from..to {
        tier.set(&format!("user::{number}"), bulk(90_000)).await.expect("it fits");
    }
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
        tier.tell(TierRequest::Grant { bytes: 2 * MIB });
        let id = tier.id.index();
        assert_eq!(tier.supervisor.next().await, ToSupervisor::Holds { tier: id, bytes: 2 * MIB });
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
        tier.tell(TierRequest::Grant { bytes: 4 * MIB });
        tier.supervisor.next().await;
        fill(&tier, 0, 40).await;
        assert!(used(&tier) > 3 * MIB);
        tier.supervisor.take();
        tier.tell(TierRequest::Grant { bytes: MIB });
        loop {
            match tier.supervisor.next().await {
                ToSupervisor::Holds { bytes, .. } => {
                    assert_eq!(bytes, MIB);
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
        use apex_cache::actor::request::Fault;
        let tier = small();
        for _ in 0..5 {
            tier.tell(TierRequest::Fault(Fault::Panic));
        }
        tier.tell(TierRequest::Grant { bytes: MIB });
        let holds = ToSupervisor::Holds { tier: tier.id.index(), bytes: MIB };
        assert_eq!(tier.supervisor.next().await, holds);
    });
}
