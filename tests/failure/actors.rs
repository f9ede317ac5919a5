//! The supervisor, the warmer and the stats actor die: data stays, nothing that was accepted is lost, they are back.

use std::time::Duration;

use apex_cache::message::{Break, Breaks, Invalidate, Set};
use apex_cache::{Key, Scope, Settings, Value, WarmEntries, WarmScope, WarmSource};

use crate::common::{advance, cache, cache_with, inline, paused, settle};
use crate::source::{Source, info_of};

#[test]
fn a_supervisor_that_dies_loses_nothing_that_was_accepted() {
    paused(async || {
        let cache = cache().await;
        let supervisor = cache.supervisor();
        cache.set("user::1::old", "old").await.unwrap();
        let key = |text: &str| Key::parse(text).unwrap();
        let set = |text: &str| Set::new(key(text), Value::encode(&1).unwrap());
        let before = supervisor.send(set("user::1::x"));
        drop(supervisor.send(Break::new(Breaks::Supervisor)));
        let behind = supervisor.send(set("user::2::x"));
        let invalidation = supervisor.send(Invalidate::new(Scope::Key(key("user::1::old"))));
        assert!(before.await.unwrap().kept && behind.await.unwrap().kept);
        assert_eq!(invalidation.await.unwrap().matched, 1, "the invalidation was lost");
        assert!(!cache.contains("user::1::old").unwrap());
        assert!(cache.contains("user::1::x").unwrap(), "what the tiers hold stays");
    });
}

#[test]
fn a_supervisor_may_die_again_and_again_while_others_write() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        for round in 0..100_u64 {
            drop(cache.supervisor().send(Break::new(Breaks::Supervisor)));
            assert!(cache.set("user::1::x", &round).await.unwrap().kept);
            assert_eq!(cache.get::<u64>("user::1::x").await.unwrap().map(|hit| *hit), Some(round));
            cache.remove("user::2::x").await.unwrap();
            assert!(source.get(&cache, "user::2::x").await.unwrap().is_stored());
            assert!(cache.supervisor().addr().is_some());
        }
    });
}

#[test]
fn bytes_go_on_moving_between_tiers_after_a_supervisor_or_a_tier_died_in_mid_move() {
    let settings = Settings::default().max_size_mb(8).max_entry_size(64 << 10);
    for what in [Breaks::Supervisor, Breaks::Tier("query".into()), Breaks::Tier("user".into())] {
        let (settings, what) = (settings.clone(), what.clone());
        paused(async || {
            let cache = cache_with(settings).await;
            let value = crate::common::noise(30_000);
            for (round, tier) in ["query", "user", "query", "user"].into_iter().enumerate() {
                cache.clear().await.unwrap();
                for number in 0..600 {
                    // Not awaited, so that moves are under way when the part dies.
                    let key = Key::parse(&format!("{tier}::{number}")).unwrap();
                    drop(cache.supervisor().send(Set::new(key, Value::encode(&value).unwrap())));
                    if number % 7 == 0 {
                        tokio::task::yield_now().await;
                    }
                    if round < 3 && number % 50 == 17 {
                        drop(cache.supervisor().send(Break::new(what.clone())));
                        let _ = cache.revive(tier).await;
                    }
                    let info = cache.info().await.unwrap();
                    let held: u64 = info.tiers.iter().map(|tier| tier.bytes).sum();
                    assert!(held <= info.budget, "{held} bytes are held of {}", info.budget);
                }
                settle().await;
            }
            cache.revive("user").await.unwrap();
            for number in 0..600 {
                cache.set(format!("user::{number}"), &value).await.unwrap();
            }
            settle().await;
            let user = info_of(&cache, "user").await;
            assert!(user.grant > 4 << 20, "{what:?}: the tier is stuck at {} bytes", user.grant);
        });
    }
}

#[test]
fn a_stats_actor_that_dies_is_back_and_the_counters_stay() {
    paused(async || {
        let cache = cache().await;
        cache.set("user::1::x", &1).await.unwrap();
        for _ in 0..10 {
            cache.supervisor().send(Break::new(Breaks::Stats)).await.unwrap();
            settle().await;
            assert!(cache.contains("user::1::x").unwrap());
            assert_eq!(cache.stats().await.unwrap().total().sets, 1);
        }
        advance(Duration::from_secs(100)).await;
        let samples = cache.history().await.unwrap();
        assert!((9..=11).contains(&samples.len()), "{} samples: a timer fired twice", samples.len());
    });
}

fn warm(source: &Source) -> WarmSource {
    let source = source.clone();
    WarmSource::new("one", "config", move |_run| {
        let source = source.clone();
        async move {
            let row = source.read("config::x".to_owned()).await?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(WarmEntries::new().with("config::x", &row)?)
        }
    })
}

#[test]
fn a_warmer_that_dies_is_back_and_its_timers_fire_once() {
    paused(async || {
        let source = Source::new();
        let cache = inline().warm(warm(&source).every(Duration::from_secs(60))).start().await.unwrap();
        settle().await;
        for _ in 0..10 {
            cache.supervisor().send(Break::new(Breaks::Warmer)).await.unwrap();
            settle().await;
        }
        advance(Duration::from_secs(601)).await;
        assert!((9..=10).contains(&source.reads()), "{} runs in ten intervals", source.reads());
        assert_eq!(cache.warm(WarmScope::All).await.unwrap().sources[0].stored, 1);
    });
}

#[test]
fn a_cache_becomes_ready_although_its_warmer_died_when_the_required_run_ended() {
    // Wherever the death falls: before the run, during it, or between its end and the warmer's learning of it.
    for pauses in 0..40 {
        paused(async || {
            let source = Source::new();
            let gate = source.hold("config::x");
            let cache = inline().warm(warm(&source).required()).start().await.unwrap();
            gate.begun().await;
            gate.open();
            for _ in 0..pauses {
                tokio::task::yield_now().await;
            }
            drop(cache.supervisor().send(Break::new(Breaks::Warmer)));
            let ready = tokio::time::timeout(Duration::from_secs(1_000), cache.ready()).await;
            assert!(ready.is_ok(), "after {pauses} pauses the cache was never ready");
        });
    }
}
