//! What-if curves of a whole cache: when they are known, what they say, and the warnings that rest on them.

use apex_cache::message::WarningKind;
use apex_cache::{Cache, Settings};

use super::common::{advance, cache_with, noise, paused};
use super::{SECOND, advice, words};

/// Reads `reads` keys of `prefix`, of so many each as likely, and stores what is missing.
async fn read(cache: &Cache, prefix: &str, reads: u64, keys: u64, value: &String) {
    let mut dice = 7_u64;
    for at in 0..reads {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let key = format!("{prefix}::{}", (dice >> 33) % keys);
        if cache.get::<String>(&key).await.expect("one type").is_none() {
            cache.set(&key, value).await.expect("it fits");
        }
        if at % 500 == 499 {
            advance(10 * SECOND).await;
        }
    }
}

/// Settings of a cache with ten tiers' worth of nothing: the smallest budget that four tiers may have.
fn small() -> Settings {
    Settings::default().max_size_mb(10).max_entry_size(100 << 10)
}

#[test]
fn nothing_is_known_before_some_thousand_reads() {
    paused(|| async {
        let cache = cache_with(small()).await;
        read(&cache, "user", 5_000, 100, &noise(1_000)).await;
        let advice = advice(&cache).await;
        assert_eq!(advice.curves.len(), 5, "one for all, and one for each tier");
        assert!(advice.curves.iter().all(|curve| curve.points.is_empty() && curve.hit_percent.is_none()));
        assert_eq!(advice.curves[0].now_bytes, 10 << 20);
    });
}

#[test]
fn of_keys_that_do_not_fit_half_the_budget_brings_half_the_hits_and_double_brings_all() {
    for moving in [true, false] {
        paused(move || async move {
            let cache = cache_with(small().moving_budget(moving)).await;
            // About 16 MB of values, read in no order, for a budget of 10.
            read(&cache, "user", 40_000, 800, &noise(20_000)).await;
            let advice = advice(&cache).await;
            let [all, user] = [&advice.curves[0], &advice.curves[3]];
            assert_eq!(user.tier.as_deref(), Some("user"));
            let percents: Vec<f64> = user.points.iter().map(|point| point.hit_percent).collect();
            let now = user.hit_percent.expect("enough was read");
            assert_eq!(percents[2], now, "what is now was counted");
            assert!((percents[1] - now / 2.0).abs() < 2.0, "half of {now}: {percents:?}");
            assert!(percents[3] > 97.0, "{percents:?}");
            assert!(user.off_by.expect("known") < 3.0, "{user:?}");
            assert_eq!(user.points[2].budget_bytes, user.now_bytes);
            assert_eq!(all.hit_percent, Some(now), "nothing else is read");
            assert!(all.points[3].hit_percent > 97.0, "{all:?}");
            let warned = words(&cache).await;
            assert_eq!(warned, ["- budget_small"], "moving_budget = {moving}");
        });
    }
}

#[test]
fn of_keys_that_fit_no_budget_is_said_to_bring_more_and_nothing_is_warned_of() {
    paused(|| async {
        let cache = cache_with(small()).await;
        read(&cache, "user", 40_000, 100, &noise(20_000)).await;
        let advice = advice(&cache).await;
        let [all, user] = [&advice.curves[0], &advice.curves[3]];
        assert!(
            user.points[2..].iter().all(|point| point.hit_percent == user.points[2].hit_percent),
            "{user:?}"
        );
        assert!(all.points[1].hit_percent > all.points[2].hit_percent - 0.5, "half would do, too: {all:?}");
        assert_eq!(words(&cache).await, [""; 0]);
    });
}

#[test]
fn a_tier_that_is_held_to_its_floor_and_would_do_better_is_warned_of() {
    paused(|| async {
        let cache = cache_with(small().moving_budget(false)).await;
        // The first comes and takes what there is; what comes later is left with its floor.
        read(&cache, "query", 4_000, 4_000, &noise(20_000)).await;
        for _ in 0..8 {
            read(&cache, "query", 1_000, 300, &noise(20_000)).await;
            read(&cache, "user", 4_000, 100, &noise(20_000)).await;
        }
        let warnings = advice(&cache).await.warnings;
        let starved = warnings.iter().find(|warning| warning.word() == "starved").expect("it is starved");
        assert_eq!(starved.tier.as_deref(), Some("user"));
        let WarningKind::Starved { hit_percent, doubled_percent, moving_budget, .. } = starved.kind else {
            panic!()
        };
        assert!(!moving_budget && doubled_percent > hit_percent + 20.0, "{starved:?}");
    });
}
