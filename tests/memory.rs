//! Memory: what is accounted is what is used, what is taken is given back, and the budget holds.
//!
//! Owns: a counting allocator for the whole program. Never: two tests at a time, for they share that allocator.
#![allow(clippy::unwrap_used)] // what cannot be had fails the test, in helpers too

mod common;
#[path = "memory/expired.rs"]
mod expired;
#[path = "common/source.rs"]
mod source;
#[path = "memory/tags.rs"]
mod tags;

use std::alloc::System;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use apex_cache::settings::Eviction;
use apex_cache::{Cache, ErrorKind, Settings};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use common::{advance, cache, cache_with, paused, settle};
use source::{Random, info_of, stats_of};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes that the program holds.
fn live() -> i64 {
    let stats = ALLOCATOR.stats();
    i64::try_from(stats.bytes_allocated).unwrap() - i64::try_from(stats.bytes_deallocated).unwrap()
}

/// A key of exactly `length` bytes.
fn key(number: usize, length: usize) -> String {
    format!("user::{number:0>width$}", width = length - 6)
}

/// Lengths of the keys, bounds of the lengths of the values, and how many entries.
const SHAPES: [(&str, usize, (u64, u64), usize); 4] = [
    ("small keys, values of 32-255 B", 20, (32, 255), 20_000),
    ("long keys, values of 32-255 B", 200, (32, 255), 10_000),
    ("small keys, values of 4 KiB", 20, (4_096, 4_096), 4_000),
    ("small keys, values of 64 KiB", 20, (65_536, 65_536), 400),
];

#[test]
fn what_is_accounted_lies_within_a_quarter_of_what_the_allocator_counts() {
    let _alone = alone();
    let mut wrong = Vec::new();
    for (name, key_length, (least, most), entries) in SHAPES {
        paused(async || {
            let (cache, mut random) = (cache().await, Random(1));
            cache.set("user::warm", &1).await.unwrap();
            cache.clear().await.unwrap();
            advance(Duration::from_secs(1)).await;
            let before = live();
            for number in 0..entries {
                let value = crate::common::noise((least + random.below(most - least + 1)) as usize);
                cache.set(key(number, key_length), &value).await.unwrap();
                // Tables grow by doubling: looked at on the way, not only where they happen to be full.
                if [entries / 2, entries * 5 / 8, entries * 3 / 4, entries - 1].contains(&number) {
                    settle().await;
                    let (counted, tier) = (live() - before, info_of(&cache, "user").await);
                    assert_eq!(tier.entries as usize, number + 1, "something was evicted");
                    let ratio = counted as f64 / tier.bytes as f64;
                    let per_entry = (counted as f64 - tier.bytes as f64) / tier.entries as f64;
                    let line = format!(
                        "{name}: {} entries, {} bytes accounted, {counted} counted, {ratio:.3} of it, {per_entry:+.0} each",
                        tier.entries, tier.bytes
                    );
                    println!("{line}");
                    if !(0.75..=1.25).contains(&ratio) {
                        wrong.push(line);
                    }
                }
            }
        });
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

async fn fill_and_clear(cache: &Cache, rounds: u64) {
    for round in 0..rounds {
        for number in 0..200 {
            cache
                .set(format!("{}::{number}", ["user", "query"][number % 2]), &"x".repeat(300))
                .await
                .unwrap();
        }
        let gone = match round % 3 {
            0 => cache.clear().await.unwrap(),
            1 => cache.invalidate(apex_cache::Pattern::parse("*").unwrap()).await.unwrap(),
            _ => {
                for number in 0..200 {
                    let key = format!("{}::{number}", ["user", "query"][number % 2]);
                    assert!(cache.remove(key).await.unwrap().was_present);
                }
                continue;
            }
        };
        assert_eq!(gone.matched, 200);
    }
    advance(Duration::from_secs(1)).await;
}

#[test]
fn a_thousand_rounds_of_filling_and_clearing_leave_nothing() {
    let _alone = alone();
    paused(async || {
        let cache = cache().await;
        fill_and_clear(&cache, 20).await;
        let before = live();
        fill_and_clear(&cache, 1_000).await;
        let grown = live() - before;
        println!("grown by {grown} bytes");
        let total = cache.stats().await.unwrap().total();
        assert_eq!((total.entries, total.bytes), (0, 0));
        assert!(grown < 1 << 20, "grown by {grown} bytes");
    });
}

#[test]
fn a_cache_that_ended_gives_back_all_it_had() {
    let _alone = alone();
    let round = || {
        paused(async || {
            let cache = cache().await;
            for number in 0..2_000 {
                cache.set(format!("user::{number}"), &"x".repeat(1_000)).await.unwrap();
            }
            drop(cache);
            settle().await;
        });
    };
    round();
    let before = live();
    (0..10).for_each(|_| round());
    let grown = live() - before;
    assert!(grown < 256 << 10, "ten caches left {grown} bytes");
}

/// The bytes of all tiers, which must be within the budget.
async fn within_budget(cache: &Cache) -> u64 {
    let info = cache.info().await.unwrap();
    let held = info.tiers.iter().map(|tier| tier.bytes).sum();
    let granted: u64 = info.tiers.iter().map(|tier| tier.grant).sum();
    assert!(
        held <= info.budget && granted <= info.budget,
        "{held} held, {granted} granted of {}",
        info.budget
    );
    held
}

#[test]
fn the_budget_is_never_exceeded_however_values_grow_and_shrink() {
    let _alone = alone();
    paused(async || {
        let settings = Settings::default().max_size_mb(4).max_entry_size(100_000);
        let (cache, mut random) = (cache_with(settings).await, Random(3));
        let mut most = 0;
        for _ in 0..8_000 {
            let tier = *random.of(&["user", "query", "config", "products"]);
            let size = if random.below(4) == 0 { random.below(90_000) } else { random.below(3_000) };
            let key = format!("{tier}::{}", random.below(300));
            cache.set(key, &crate::common::noise(size as usize)).await.unwrap();
            most = most.max(within_budget(&cache).await);
            if random.below(500) == 0 {
                cache.invalidate(apex_cache::Scope::Tier("user".into())).await.unwrap();
            }
        }
        assert!(most > 3 << 20, "only {most} bytes were ever held");
        let total = cache.stats().await.unwrap().total();
        assert!(total.removals.evicted > 0);
        assert_eq!(total.entries, total.sets - total.replaced - total.removals.total());
    });
}

#[test]
fn a_tier_that_fills_takes_from_the_pool_and_then_what_others_do_not_use() {
    let _alone = alone();
    paused(async || {
        let cache = cache_with(Settings::default().max_size_mb(8).max_entry_size(50_000)).await;
        let value = crate::common::noise(10_000);
        for number in 0..1_000 {
            cache.set(format!("query::{number}"), &value).await.unwrap();
        }
        settle().await;
        let budget = cache.info().await.unwrap().budget;
        let query = info_of(&cache, "query").await;
        let floor = query.floor;
        assert!(query.grant >= budget - 3 * floor - 100_000, "the pool is not given: {query:?}");
        assert!(query.bytes > query.grant * 9 / 10, "{query:?}");
        // Nobody uses it any more, and another tier fills.
        cache.invalidate(apex_cache::Scope::Tier("query".into())).await.unwrap();
        for number in 0..1_000 {
            cache.set(format!("user::{number}"), &value).await.unwrap();
            settle().await;
            within_budget(&cache).await;
        }
        let (user, query) = (info_of(&cache, "user").await, info_of(&cache, "query").await);
        assert!(user.grant > budget / 2, "unused bytes were not moved: {user:?} {query:?}");
        assert!(query.grant >= floor, "{query:?}");
        // And its floor is kept for it.
        cache.set("query::again", &value).await.unwrap();
        assert!(cache.contains("query::again").unwrap());
    });
}

#[test]
fn an_entry_that_is_too_large_is_refused_and_evicts_nobody() {
    let _alone = alone();
    paused(async || {
        let cache = cache_with(Settings::default().max_size_mb(1).max_entry_size(10_000)).await;
        for number in 0..20 {
            cache.set(format!("user::{number}"), &"x".repeat(1_000)).await.unwrap();
        }
        let error = cache.set("user::0", &crate::common::noise(10_000)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert!(!cache.contains("user::0").unwrap(), "the older value is no longer what was written");
        for number in 1..20 {
            assert!(cache.contains(format!("user::{number}")).unwrap(), "{number} was evicted");
        }
        let stats = stats_of(&cache, "user").await;
        assert_eq!((stats.too_large, stats.removals.evicted, stats.removals.displaced), (1, 0, 1));
    });
}

#[test]
fn what_was_read_least_recently_goes_first() {
    let _alone = alone();
    paused(async || {
        let settings = Settings::default().max_size_mb(1).max_entry_size(20_000);
        let cache = cache_with(settings.tier("user", |tier| tier.eviction(Eviction::Lru))).await;
        let value = crate::common::noise(10_000);
        // A tenth of the budget is the floor; the pool goes to the tier as well.
        let mut last = 0;
        while stats_of(&cache, "user").await.removals.evicted == 0 {
            cache.set(format!("user::{last}"), &value).await.unwrap();
            settle().await;
            last += 1;
        }
        // The older half is read, so the younger half goes first.
        let held: Vec<_> =
            (0..last).filter(|number| cache.contains(format!("user::{number}")).unwrap()).collect();
        let (read, idle) = held.split_at(held.len() / 2);
        for number in read {
            cache.get_with(format!("user::{number}"), |_: &String| ()).unwrap().unwrap();
        }
        for number in 0..idle.len() {
            cache.set(format!("user::new{number}"), &value).await.unwrap();
        }
        let left = |numbers: &[i32]| {
            numbers.iter().filter(|number| cache.contains(format!("user::{number}")).unwrap()).count()
        };
        assert_eq!(left(read), read.len(), "what had been read was evicted");
        assert!(left(idle) <= 1, "{} of the idle entries are left", left(idle));
    });
}

#[test]
fn a_tier_that_says_so_keeps_what_is_often_read_through_a_scan() {
    let _alone = alone();
    let kept = |eviction| {
        let mut kept = 0;
        paused(async || {
            let settings = Settings::default().max_size_mb(1).max_entry_size(20_000);
            let cache = cache_with(settings.tier("user", |tier| tier.eviction(eviction))).await;
            let value = crate::common::noise(10_000);
            for number in 0..20 {
                cache.set(format!("user::{number}"), &value).await.unwrap();
            }
            // Keys that come once, and five of those that come again and again between them.
            for number in 0..1_000 {
                if number < 300 {
                    let key = format!("user::{}", number % 5);
                    if cache.get_with(key.as_str(), |_: &String| ()).unwrap().is_none() {
                        cache.set(key, &value).await.unwrap();
                    }
                }
                cache.set(format!("user::scan{number}"), &value).await.unwrap();
            }
            kept = (0..5).filter(|number| cache.contains(format!("user::{number}")).unwrap()).count();
        });
        kept
    };
    assert_eq!(kept(Eviction::Lgtc), 5);
    assert_eq!(kept(Eviction::Lru), 0, "or the scan proves nothing");
}

/// A source for users that brings nothing.
fn of_users() -> apex_cache::WarmSource {
    apex_cache::WarmSource::new("u", "user", |_run| async {
        Ok::<_, std::io::Error>(apex_cache::WarmEntries::new())
    })
    .on_user_active()
}

#[test]
fn many_users_with_long_ids_take_little_and_a_clear_forgets_them() {
    let _alone = alone();
    paused(async || {
        let cache = common::inline().warm(of_users()).start().await.unwrap();
        assert!(cache.user_active("first").await.unwrap());
        cache.clear().await.unwrap();
        let (before, padding) = (live(), "x".repeat(7_000));
        for number in 0..20_000 {
            cache.user_active(format!("{number}{padding}")).await.unwrap();
        }
        settle().await;
        let held = live() - before;
        assert!(held < 8 << 20, "{held} bytes are held");
        assert!(!cache.user_active(format!("7{padding}")).await.unwrap(), "it is known");
        cache.clear().await.unwrap();
        settle().await;
        let held = live() - before;
        assert!(held < 64 << 10, "{held} bytes are held after the clear");
        assert!(cache.user_active(format!("7{padding}")).await.unwrap(), "what was warmed for it is gone");
    });
}

#[test]
fn the_room_that_a_burst_took_in_the_queues_is_given_back() {
    let _alone = alone();
    paused(async || {
        let settings = Settings::default()
            .queue_messages(100_000)
            .queue_bytes(256 << 20)
            .load_queue(50_000)
            .load_concurrency(64);
        let cache = common::inline().settings(settings).start().await.unwrap();
        let burst = async || {
            for number in 0..30_000_u64 {
                cache.set(format!("user::{}", number % 10), &number).send().unwrap();
            }
            let loads: Vec<_> = (0..5_000_u64)
                .map(|number| {
                    let load = move || async move { Ok::<_, std::io::Error>(number) };
                    cache.get_or_load(format!("query::{number}"), load).into_future()
                })
                .collect();
            for load in loads {
                load.await.unwrap();
            }
            cache.written().await.unwrap();
            cache.clear().await.unwrap();
            advance(Duration::from_secs(2)).await;
        };
        cache.set("user::1", &1).await.unwrap();
        cache.clear().await.unwrap();
        advance(Duration::from_secs(2)).await;
        let before = live();
        burst().await;
        let held = live() - before;
        assert!(held < 2 << 20, "{held} bytes are held after the burst");
    });
}
