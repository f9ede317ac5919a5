//! What a hit costs and what it lends: no allocation, one decoding, and a value that lives as long as its reader wants.
//!
//! Owns: a counting allocator for the whole program, and a type that counts how often it is decoded. Never: measures time.
#![allow(clippy::unwrap_used)] // what cannot be had fails the test, in helpers too

mod common;

use std::alloc::System;
use std::cell::Cell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use apex_cache::{Cache, Error, Hit, Settings};
use serde::{Deserialize, Deserializer, Serialize};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use common::{cache, cache_with, paused, settle};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

thread_local!(static DECODED: Cell<u32> = const { Cell::new(0) });

/// A text that counts how often it is decoded.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Counted(String);

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        DECODED.set(DECODED.get() + 1);
        String::deserialize(deserializer).map(Self)
    }
}

#[test]
fn a_typed_hit_allocates_nothing_and_decodes_once_by_whatever_key_and_call() {
    let _alone = alone();
    paused(async || {
        let cache = cache().await;
        cache.set("user::1::name", &Counted("Ann".into())).await.unwrap();
        let prepared = cache.prepare("user::1::name").unwrap();
        let read = || {
            assert_eq!(cache.get_now::<Counted>(&prepared).unwrap().unwrap().0, "Ann");
            assert_eq!(cache.get_with("user::1::name", |name: &Counted| name.0.len()).unwrap(), Some(3));
        };
        DECODED.set(0);
        read();
        let region = Region::new(ALLOCATOR);
        (0..1_000).for_each(|_| read());
        // The runner of the tests may allocate a line of its own meanwhile, but not a thousand times.
        let allocations = region.change().allocations;
        assert!(allocations < 100, "{allocations} allocations of 2,000 hits");
        assert_eq!(DECODED.get(), 1);
    });
}

/// Its key is written from two arguments.
#[apex_cache::cached(key = "user::{id}::{what}", ttl = "1h")]
async fn described(cache: &Cache, id: u64, what: &str) -> Arc<str> {
    format!("{what} of {id}").into()
}

#[test]
fn a_call_of_a_cached_function_that_is_a_hit_allocates_nothing() {
    let _alone = alone();
    paused(async || {
        let cache = cache().await;
        // The first is stored, the second decodes it and leaves its text to those that follow.
        for _ in 0..2 {
            assert_eq!(&*described(&cache, 7, "name").await, "name of 7");
        }
        let region = Region::new(ALLOCATOR);
        for _ in 0..1_000 {
            assert_eq!(&*described(&cache, 7, "name").await, "name of 7");
        }
        let allocations = region.change().allocations;
        assert!(allocations < 100, "{allocations} allocations of 1,000 hits");
    });
}

#[test]
fn without_copies_every_typed_hit_decodes_and_is_charged_nothing() {
    let _alone = alone();
    paused(async || {
        let cache = cache_with(Settings::default().tier("user", |tier| tier.keep_decoded(false))).await;
        cache.set("user::1::name", &Counted("Ann".into())).await.unwrap();
        let used = cache.info().await.unwrap().tiers.iter().map(|tier| tier.bytes).sum::<u64>();
        DECODED.set(0);
        for _ in 0..5 {
            assert!(cache.get_now::<Counted>("user::1::name").unwrap().is_some());
        }
        assert_eq!(DECODED.get(), 5);
        let now = cache.info().await.unwrap().tiers.iter().map(|tier| tier.bytes).sum::<u64>();
        assert_eq!(now, used);
    });
}

#[test]
fn a_hit_lives_on_when_its_value_is_taken_away_and_where_it_is_sent() {
    let _alone = alone();
    paused(async || {
        let cache = cache().await;
        cache.set("user::1::name", &Counted("Ann".into())).await.unwrap();
        let hit = cache.get_now::<Counted>("user::1::name").unwrap().unwrap();
        let same = hit.clone();
        cache.remove("user::1::name").await.unwrap();
        settle().await;
        assert!(cache.get_now::<Counted>("user::1::name").unwrap().is_none());
        let elsewhere = tokio::task::spawn_blocking(move || hit.0.clone()).await.unwrap();
        assert_eq!((elsewhere.as_str(), same.0.as_str()), ("Ann", "Ann"));
        assert!(same.is_stored() && !same.was_loaded());
    });
}

#[test]
fn copies_of_what_is_only_read_get_what_is_free_of_the_budget() {
    let _alone = alone();
    paused(async || {
        let settings = Settings::default().max_size_mb(10).max_entry_size(10_000);
        let cache = cache_with(settings.moving_budget(false)).await;
        let (name, text) = (|number: u32| format!("user::{number}"), Counted(common::noise(1_000)));
        let grant = async || {
            let stats = cache.stats().await.unwrap();
            stats.tiers.into_iter().find(|tier| &*tier.name == "user").unwrap().stats.grant
        };
        // So much of what the tier has at first that it asks for nothing, and copies of all do not fit.
        for number in 0..500 {
            cache.set(name(number), &text).await.unwrap();
        }
        let before = grant().await;
        for _ in 0..4 {
            (0..500).for_each(|number| drop(cache.get_now::<Counted>(name(number)).unwrap()));
            settle().await;
        }
        assert!(before == 1 << 20 && grant().await > before, "{before}, then {}", grant().await);
        DECODED.set(0);
        (0..500).for_each(|number| drop(cache.get_now::<Counted>(name(number)).unwrap()));
        assert_eq!(DECODED.get(), 0, "all have a copy");
    });
}

#[test]
fn copies_are_charged_and_go_before_any_entry_when_room_is_wanted() {
    let _alone = alone();
    paused(async || {
        let settings = Settings::default().max_size_mb(1).max_entry_size(10_000);
        let cache = cache_with(settings.moving_budget(false)).await;
        let (name, text) = (|number: u32| format!("user::{number}"), Counted(common::noise(1_000)));
        let stats = async || {
            let stats = cache.stats().await.unwrap();
            let tier = stats.tiers.into_iter().find(|tier| &*tier.name == "user").unwrap().stats;
            (tier.entries, tier.bytes, tier.removals.evicted)
        };
        for number in 0..100 {
            cache.set(name(number), &text).await.unwrap();
        }
        let (_, plain, _) = stats().await;
        (0..100).for_each(|number| drop(cache.get_now::<Counted>(name(number)).unwrap()));
        let (_, with_copies, _) = stats().await;
        assert!(with_copies > plain + 20 * 1_000, "{with_copies} after {plain}");
        // The copies make room, and no entry has to before them.
        let mut number = 100;
        while stats().await.0 == u64::from(number) && number < 10_000 {
            cache.set(name(number), &text).await.unwrap();
            number += 1;
        }
        let (entries, bytes, evicted) = stats().await;
        assert!(evicted > 0 && entries < u64::from(number), "it is full at last");
        assert!(
            bytes < entries * (plain / 100 + 100),
            "{bytes} bytes for {entries} entries: the first entry went while there were copies"
        );
    });
}

#[test]
fn a_prepared_key_of_another_cache_is_a_plain_key_and_another_type_is_told() {
    let _alone = alone();
    paused(async || {
        let (one, other) = (cache().await, cache().await);
        one.set("user::1", &1_u32).await.unwrap();
        other.set("user::1", &2_u32).await.unwrap();
        let key = one.prepare("user::1").unwrap();
        let number = |hit: Option<Hit<u32>>| hit.map(Hit::into_value);
        assert_eq!(number(one.get_now(&key).unwrap()), Some(1));
        assert_eq!(number(other.get_now(&key).unwrap()), Some(2));
        assert!(matches!(one.get_now::<String>(&key), Err(Error::WrongType { .. })));
        assert_eq!(one.get_value(&key).unwrap().unwrap().decode::<u32>("user::1").unwrap(), 1);
        assert!(one.prepare("user::*").is_err());
    });
}
