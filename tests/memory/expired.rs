//! What has expired makes room before anything that could still be served is evicted, however much of it there is.

use std::time::Duration;

use apex_cache::message::TierStats;
use apex_cache::settings::Eviction;
use apex_cache::{Cache, Settings};

use crate::alone;
use crate::common::{advance, cache_with, noise, paused, settle};
use crate::source::{info_of, stats_of};

const SECOND: Duration = Duration::from_secs(1);
const EVICTIONS: [Eviction; 3] = [Eviction::Lru, Eviction::Lgtc, Eviction::LgtcBytes];

/// A cache of 2,000 entries of 2.7 KB of which every second one has expired, by `late`, and was not swept yet.
async fn half_expired(max_size_mb: u64, eviction: Eviction, late: Duration) -> Cache {
    let settings =
        Settings::default().max_size_mb(max_size_mb).max_entry_size(400_000).cleanup_interval(1_000 * SECOND);
    let cache = cache_with(settings.tier("user", |tier| tier.eviction(eviction))).await;
    let value = noise(2_700);
    for number in 0..2_000 {
        let ttl = if number % 2 == 0 { 5 * SECOND } else { 5_000 * SECOND };
        cache.set(format!("user::{number}"), &value).ttl(ttl).await.unwrap();
    }
    advance(5 * SECOND + late).await;
    assert_eq!(info_of(&cache, "user").await.entries, 2_000, "swept too early");
    cache
}

/// How many of those that had not expired are still there.
fn fresh(cache: &Cache) -> usize {
    (0..1_000).filter(|half| cache.contains(format!("user::{}", half * 2 + 1)).unwrap()).count()
}

async fn left(cache: &Cache) -> (u64, u64) {
    let TierStats { removals, .. } = stats_of(cache, "user").await;
    (removals.expired, removals.evicted)
}

#[test]
fn a_budget_set_to_what_is_in_use_takes_all_that_expired_before_anything_that_could_be_served() {
    let _alone = alone();
    for late in [Duration::ZERO, Duration::from_millis(1), Duration::from_millis(500), 60 * SECOND] {
        for eviction in EVICTIONS {
            paused(async || {
                let cache = half_expired(64, eviction, late).await;
                let used = info_of(&cache, "user").await.bytes;
                cache.set_budget(used).await.unwrap();
                settle().await;
                // The tiers next to it keep their floors, so what is left for this one is less than it uses.
                let (expired, evicted) = left(&cache).await;
                assert_eq!(expired, 1_000, "{eviction:?} after {late:?}: {evicted} evicted");
                assert_eq!(fresh(&cache) as u64, 1_000 - evicted, "{eviction:?} after {late:?}");
            });
        }
    }
}

#[test]
fn large_sets_evict_nothing_that_could_be_served_while_expired_entries_are_held() {
    let _alone = alone();
    for eviction in EVICTIONS {
        paused(async || {
            let cache = half_expired(10, eviction, Duration::from_millis(3)).await;
            for number in 0..6 {
                cache.set(format!("user::large{number}"), &noise(390_000)).await.unwrap();
                settle().await;
            }
            let (expired, evicted) = left(&cache).await;
            assert_eq!((evicted, fresh(&cache)), (0, 1_000), "{eviction:?}: {expired} expired");
            assert!(expired > 300, "{eviction:?}: the sets found room without it");
        });
    }
}
