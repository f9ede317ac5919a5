//! Samples: one for each interval, missed ones left out, the latest 360.

use std::time::Duration;

use apex_cache::Settings;
use apex_cache::actor::SAMPLES_MAX;
use tokio::time::advance as jump;

use super::Alone;
use super::common::{advance, paused, settle};

const SECOND: Duration = Duration::from_secs(1);

async fn uptimes(alone: &Alone) -> Vec<u64> {
    alone.history().await.iter().map(|sample| sample.uptime.as_secs()).collect()
}

#[test]
fn a_sample_is_taken_on_every_interval_and_none_before() {
    paused(|| async {
        let alone = Alone::new();
        assert!(alone.history().await.is_empty());
        advance(35 * SECOND).await;
        assert_eq!(uptimes(&alone).await, [10, 20, 30]);
    });
}

#[test]
fn the_interval_is_that_of_the_settings() {
    paused(|| async {
        let alone = Alone::with(&Settings::default().stats_interval(60 * SECOND));
        advance(130 * SECOND).await;
        assert_eq!(uptimes(&alone).await, [60, 120]);
    });
}

#[test]
fn samples_that_a_stall_made_it_miss_are_left_out() {
    paused(|| async {
        let alone = Alone::new();
        settle().await;
        jump(95 * SECOND).await;
        settle().await;
        assert_eq!(uptimes(&alone).await, [95], "one late sample, not nine");
        advance(11 * SECOND).await;
        assert_eq!(uptimes(&alone).await, [95, 105]);
    });
}

#[test]
fn the_latest_samples_are_kept_and_no_more() {
    paused(|| async {
        let alone = Alone::new();
        advance((SAMPLES_MAX as u32 + 40) * 10 * SECOND + SECOND).await;
        let uptimes = uptimes(&alone).await;
        assert_eq!((SAMPLES_MAX, uptimes.len()), (360, 360));
        assert_eq!((uptimes[0], uptimes[359]), (410, 4_000));
    });
}

#[test]
fn a_sample_holds_the_counters_of_its_moment_for_every_tier() {
    paused(|| async {
        let alone = Alone::new();
        let counters = &alone.neighbours.wiring.tiers[2].counters;
        for _ in 0..3 {
            counters.hit();
            advance(10 * SECOND).await;
        }
        let history = alone.history().await;
        let hits: Vec<u64> = history.iter().map(|sample| sample.tiers[2].stats.hits).collect();
        assert_eq!(hits, [1, 2, 3]);
        let names: Vec<&str> = history[0].tiers.iter().map(|tier| &*tier.name).collect();
        assert_eq!(names, ["config", "reference", "user", "query"]);
    });
}
