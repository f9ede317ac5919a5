//! Time: how long values live, to the millisecond, and how soon what expired is gone.
//!
//! Owns: times to live of entries, routes and tiers, and the sweep. Never: real time; the clock is moved by hand.
#![allow(clippy::unwrap_used)] // what cannot be had fails the test, in helpers too

mod common;
#[path = "common/source.rs"]
mod source;

use std::time::Duration;

use apex_cache::message::Set;
use apex_cache::{Cache, Env, Key, Settings, Value};

use common::{advance, cache, cache_with, paused};
use source::{info_of, stats_of};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

/// Checks that `key` is served until just before `ttl`, and not at `ttl`.
async fn lives_for(cache: &Cache, key: &str, ttl: Duration) {
    advance(ttl.saturating_sub(MS)).await;
    let age = cache.get::<u64>(key).await.unwrap().map(|hit| hit.age());
    assert_eq!(age, Some(ttl.saturating_sub(MS)), "{key} is gone too early");
    advance(MS).await;
    assert!(cache.get::<u64>(key).await.unwrap().is_none(), "{key} is served at its full age");
    assert!(!cache.contains(key).unwrap());
    let mut keys = cache.stats().await.unwrap().top.into_iter().map(|top| top.key);
    assert!(keys.all(|other| other.as_str() != key), "a panel shows what has expired");
}

#[test]
fn every_tier_and_route_has_its_own_time_to_live() {
    for (key, seconds) in [
        ("config::roles", 86_400),
        ("products::all", 43_200),
        ("categories::all", 43_200),
        ("discounts::1", 43_200),
        ("user::1::profile", 3_600),
        ("user_orders::1", 1_800),
        ("query::top::10", 1_800),
        ("unheard_of::1", 1_800),
    ] {
        paused(async || {
            let cache = cache().await;
            cache.set(key, &1_u64).await.unwrap();
            lives_for(&cache, key, Duration::from_secs(seconds)).await;
        });
    }
}

#[test]
fn an_entry_lives_as_long_as_it_was_told_to() {
    for ttl in [MS, 7 * MS, S, 59 * S, 3_601 * S, 86_400 * 400 * S] {
        paused(async || {
            let cache =
                cache_with(Settings::default().cleanup_interval(86_400 * S).stats_interval(86_400 * S)).await;
            cache.set("user::1::x", &1_u64).ttl(ttl).await.unwrap();
            lives_for(&cache, "user::1::x", ttl).await;
        });
    }
}

#[test]
fn a_longest_time_means_for_ever_and_no_time_means_not_at_all() {
    paused(async || {
        let cache =
            cache_with(Settings::default().cleanup_interval(86_400 * S).stats_interval(86_400 * S)).await;
        for ttl in [Duration::MAX, Duration::from_secs(u64::MAX), Duration::from_millis(u64::MAX)] {
            assert!(cache.set("user::1::x", &1_u64).ttl(ttl).await.unwrap().kept);
        }
        for ttl in [Duration::ZERO, Duration::from_nanos(1)] {
            cache.set("user::2::x", &1_u64).ttl(ttl).await.unwrap();
            assert!(!cache.contains("user::2::x").unwrap(), "{ttl:?}");
        }
        advance(86_400 * 365 * S).await;
        assert!(cache.contains("user::1::x").unwrap());
        let deadline = cache.set("user::3::x", &1_u64).deadline(Duration::from_secs(1 << 40));
        assert!(deadline.await.unwrap().kept, "a deadline may be as long");
    });
}

#[test]
fn an_overwrite_begins_a_new_life() {
    paused(async || {
        let cache = cache().await;
        cache.set("user::1::x", &1_u64).ttl(10 * S).await.unwrap();
        advance(9 * S).await;
        cache.set("user::1::x", &2_u64).ttl(10 * S).await.unwrap();
        lives_for(&cache, "user::1::x", 10 * S).await;
        cache.set("user::1::x", &3_u64).await.unwrap();
        cache.set("user::1::x", &4_u64).ttl(S).await.unwrap();
        lives_for(&cache, "user::1::x", S).await;
    });
}

#[test]
fn reading_does_not_lengthen_a_life() {
    paused(async || {
        let cache = cache().await;
        cache.set("user::1::x", &1_u64).ttl(10 * S).await.unwrap();
        for _ in 0..10 {
            assert!(cache.get::<u64>("user::1::x").await.unwrap().is_some());
            advance(S).await;
        }
        assert!(cache.get::<u64>("user::1::x").await.unwrap().is_none());
    });
}

#[test]
fn what_expired_is_gone_within_the_interval_without_being_touched() {
    paused(async || {
        let cache = cache_with(Settings::default().cleanup_interval(60 * S)).await;
        let supervisor = cache.supervisor();
        for number in 0..10_000_u64 {
            let key = Key::parse(&format!("user::{number}")).unwrap();
            let ttl = Duration::from_millis(100_000 + number * 7 % 5_000);
            supervisor.send(Set::new(key, Value::encode(&number).unwrap()).ttl(ttl)).await.unwrap();
        }
        cache.set("user::stays", &1_u64).await.unwrap();
        assert_eq!(info_of(&cache, "user").await.entries, 10_001);
        advance(105 * S + 61 * S).await;
        let (info, stats) = (info_of(&cache, "user").await, stats_of(&cache, "user").await);
        assert_eq!((info.entries, stats.removals.expired), (1, 10_000));
        assert!(info.bytes < 400, "{} bytes are left", info.bytes);
    });
}

#[test]
fn a_stall_of_a_day_costs_one_late_sweep() {
    paused(async || {
        let cache = cache_with(Settings::default().cleanup_interval(4 * S)).await;
        cache.set("user::1::x", &1_u64).ttl(S).await.unwrap();
        // Nothing has its turn on the way.
        tokio::time::advance(86_400 * S).await;
        assert!(cache.get::<u64>("user::1::x").await.unwrap().is_none(), "served before any sweep");
        advance(S).await;
        assert_eq!(info_of(&cache, "user").await.entries, 0);
        assert!(cache.history().await.unwrap().len() <= 2, "missed samples were made up for");
    });
}

#[test]
fn the_clock_of_the_cache_is_no_wall_clock() {
    // Moments count from the start of the cache on a monotonic clock: there is no way for the time of day to come in.
    let env = Env::machine();
    let before = env.now();
    assert!(before.as_millis() < 60_000, "it began just now");
    for _ in 0..1_000 {
        env.observe_suspend();
        assert!(env.now() >= before);
    }
}

#[test]
fn what_expired_was_not_there_whether_it_was_swept_or_not() {
    for swept in [false, true] {
        paused(async || {
            let settings = Settings::default().cleanup_interval(if swept { S } else { 3_600 * S });
            let cache = cache_with(settings).await;
            for key in ["user::1", "user::2", "user::3", "user::4"] {
                cache.set(key, &1_u64).ttl(S).await.unwrap();
            }
            cache.set("user::5", &1_u64).ttl(S).stale(60 * S).await.unwrap();
            advance(3 * S).await;
            assert_eq!(info_of(&cache, "user").await.entries, if swept { 1 } else { 5 });
            assert!(!cache.contains("user::1").unwrap());
            assert!(!cache.remove("user::1").await.unwrap().was_present, "swept: {swept}");
            assert!(!cache.set("user::2", &2_u64).await.unwrap().replaced, "swept: {swept}");
            assert!(
                !cache.set("user::3", &2_u64).ttl(Duration::ZERO).await.unwrap().replaced,
                "swept: {swept}"
            );
            let many = cache.remove_many(["user::4", "user::5"]).await.unwrap();
            assert_eq!(many.iter().map(|one| one.was_present).collect::<Vec<_>>(), [false, true]);
        });
    }
}

#[test]
fn what_expired_may_be_set_again_to_live_for_ever_and_can_still_be_taken_away() {
    for elapsed in [S, 5 * S, 3_600 * S] {
        paused(async || {
            let day = 86_400 * S;
            let cache = cache_with(Settings::default().cleanup_interval(day).stats_interval(day)).await;
            cache.set("user::1", &1_u64).ttl(S).await.unwrap();
            advance(elapsed).await;
            cache.set("user::1", &2_u64).ttl(Duration::MAX).await.unwrap();
            advance(400 * day).await;
            assert_eq!(cache.get::<u64>("user::1").await.unwrap().as_deref(), Some(&2));
            cache.set("user::1", &3_u64).ttl(S).await.unwrap();
            advance(S).await;
            assert!(!cache.contains("user::1").unwrap(), "for ever is no longer what was said last");
            advance(2 * day).await;
            let info = info_of(&cache, "user").await;
            assert_eq!((info.entries, info.bytes), (0, 0));
        });
    }
}

#[test]
fn what_is_set_after_a_clear_is_swept_as_before() {
    paused(async || {
        let cache = cache_with(Settings::default().cleanup_interval(S)).await;
        for round in 0..20_u64 {
            for number in 0..50_u64 {
                let ttl = (1 + (number + round) % 3) * 700;
                cache.set(format!("user::{number}"), &round).ttl(Duration::from_millis(ttl)).await.unwrap();
            }
            if round % 2 == 0 {
                cache.invalidate(apex_cache::Scope::All).await.unwrap();
                cache.set("user::after", &round).ttl(500 * MS).await.unwrap();
            }
            advance(4 * S).await;
            let info = info_of(&cache, "user").await;
            assert_eq!((info.entries, info.bytes), (0, 0), "round {round}");
        }
    });
}
