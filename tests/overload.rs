//! Too much at once: a bound is reached, the caller is told, and invalidations still get in.
//!
//! Owns: floods of calls that nobody waits for. Never: loads past their bound (`loading.rs`).
#![allow(clippy::unwrap_used)] // what cannot be had fails the test, in helpers too

mod common;
#[path = "common/source.rs"]
mod source;

use apex_cache::message::{Get, Invalidate, Remove, Set};
use apex_cache::{Cache, Error, ErrorKind, Key, Pattern, Scope, Settings, Source as From, Value};

use common::{busy, cache_with, paused, settle};
use source::{Source, go, info_of, join, stats_of, threads};

fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

fn set(text: &str, bytes: usize) -> Set {
    Set::new(key(text), Value::encode(&crate::common::noise(bytes)).unwrap())
}

fn settings() -> Settings {
    Settings::default().queue_messages(128)
}

#[test]
fn past_the_bound_a_call_is_told_at_once_and_nothing_was_queued() {
    paused(async || {
        let cache = cache_with(settings()).await;
        settle().await;
        let supervisor = cache.supervisor();
        busy(&cache, "user", true).await;
        let waiting: Vec<_> =
            (0..128).map(|number| supervisor.send(set(&format!("user::{number}"), 10))).collect();
        for number in 128..10_000 {
            let refused = supervisor.send(set(&format!("user::{number}"), 10)).await.unwrap_err();
            let Error::Overloaded { tier, what, setting } = &refused else { panic!("{refused}") };
            assert_eq!((&**tier, *what, *setting), ("user", "messages", "queue_messages"));
            if number % 1_000 == 0 {
                assert!(waiting.len() == 128);
            }
        }
        busy(&cache, "user", false).await;
        for call in waiting {
            assert!(call.await.unwrap().kept);
        }
        settle().await;
        let (stats, info) = (stats_of(&cache, "user").await, info_of(&cache, "user").await);
        assert_eq!((stats.overloaded, stats.sets, info.entries, info.queued), (9_872, 128, 128, (0, 0)));
        assert!(cache.set("user::again", "x").await.unwrap().kept, "all places are free again");
    });
}

#[test]
fn invalidations_get_in_past_the_bound_up_to_a_bound_of_their_own() {
    paused(async || {
        let cache = cache_with(settings()).await;
        cache.set("user::1", "old").await.unwrap();
        let supervisor = cache.supervisor();
        busy(&cache, "user", true).await;
        let sets: Vec<_> =
            (0..128).map(|number| supervisor.send(set(&format!("user::9::{number}"), 10))).collect();
        let read = supervisor.send(Get::new(key("user::1"))).await;
        assert_eq!(read.unwrap_err().kind(), ErrorKind::Overloaded);
        let pattern = || Scope::Pattern(Pattern::parse("user::9::*").unwrap());
        let accepted: Vec<_> = (0..64).map(|_| supervisor.send(Invalidate::new(pattern()))).collect();
        assert_eq!(
            supervisor.send(Remove::new(key("user::1"))).await.unwrap_err().kind(),
            ErrorKind::Overloaded
        );
        busy(&cache, "user", false).await;
        let mut matched = 0;
        for invalidation in accepted {
            matched += invalidation.await.unwrap().matched;
        }
        assert_eq!(matched, 128, "they came behind the sets");
        drop(sets);
        assert!(cache.remove("user::1").await.unwrap().was_present);
    });
}

#[test]
fn a_tier_that_is_flooded_leaves_the_others_alone_and_loaders_answer() {
    paused(async || {
        let (cache, source) = (cache_with(settings()).await, Source::new());
        let supervisor = cache.supervisor();
        busy(&cache, "user", true).await;
        let flood: Vec<_> =
            (0..5_000).map(|number| supervisor.send(set(&format!("user::{number}"), 10))).collect();
        assert!(cache.set("query::1", "x").await.unwrap().kept);
        drop(flood);
        let flood: Vec<_> =
            (0..5_000).map(|number| supervisor.send(set(&format!("user::{number}"), 10))).collect();
        let hit = source.get(&cache, "user::new::x").await.unwrap();
        assert_eq!((hit.version, hit.source()), (1, From::Bypass));
        assert!(source.get(&cache, "config::1").await.unwrap().is_stored());
        drop(flood);
    });
}

#[test]
fn bytes_are_bounded_too() {
    paused(async || {
        let settings = Settings::default().max_size_mb(16).max_entry_size(100_000).queue_bytes(200_000);
        let cache = cache_with(settings).await;
        let supervisor = cache.supervisor();
        busy(&cache, "user", true).await;
        let calls: Vec<_> =
            (0..100).map(|number| supervisor.send(set(&format!("user::{number}"), 50_000))).collect();
        busy(&cache, "user", false).await;
        let mut refused = 0;
        for call in calls {
            match call.await {
                Ok(stored) => assert!(stored.kept),
                Err(Error::Overloaded { what: "bytes", setting: "queue_bytes", .. }) => refused += 1,
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(refused, 97, "three fit into 200,000 bytes");
        settle().await;
        assert_eq!(info_of(&cache, "user").await.queued, (0, 0));
    });
}

#[test]
fn a_flood_from_many_threads_ends_with_every_call_answered_and_every_place_free() {
    threads(async || {
        let cache = Cache::builder().settings(settings()).start().await.unwrap();
        let tasks: Vec<_> = (0..16_u64)
            .map(|task| {
                let supervisor = cache.supervisor();
                go(async move {
                    let calls: Vec<_> = (0..2_000)
                        .map(|number| supervisor.send(set(&format!("user::{task}::{number}"), 50)))
                        .collect();
                    let mut kept = 0_u64;
                    for call in calls {
                        match call.await {
                            Ok(_) => kept += 1,
                            Err(error) => assert_eq!(error.kind(), ErrorKind::Overloaded),
                        }
                    }
                    kept
                })
            })
            .collect();
        let mut kept = 0;
        for task in tasks {
            kept += join(task).await;
        }
        // Behind everything: the last batch was handled when this is answered.
        cache.invalidate(Pattern::parse("user::nobody::*").unwrap()).await.unwrap();
        let stats = stats_of(&cache, "user").await;
        assert_eq!((stats.sets, stats.overloaded), (kept, 32_000 - kept));
    });
}
